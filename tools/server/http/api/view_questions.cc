#include "tools/server/http/api/view_questions.h"

#include "events/json_writer.h"
#include "events/money/shard_of.h"
#include "events/seal/deployment.h"
#include "events/world/clock.h"
#include "tools/server/http/api/problems.h"
#include "tools/server/http/api/shard_health.h"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace vouch::http {

namespace asio = boost::asio;

namespace {

/// Whether a question about `account`, or about all when it is empty, reads the shard.
bool is_read(std::optional<AccountId> account, ShardId shard, std::uint32_t shards) {
    return !account || shard_of(*account, shards) == shard;
}

/// What a question waits for: records, and what the log had when it was asked.
struct Wanted {
    std::vector<AtLeast> at_least;
    std::optional<std::uint64_t> look;  ///< until its ends are among the records
    std::optional<AccountId> account;   ///< the one that is asked about
    /// Shards whose views have stopped, or do not come there in time, are left out.
    bool what_can_be_read = false;
};

bool have_come(const places::ViewFollower& views, Wanted& wanted) {
    if (wanted.look) {
        const std::optional<std::vector<RecordNumber>> ends = views.ends(*wanted.look);
        if (!ends) return false;
        wanted.look.reset();
        const auto shards = static_cast<std::uint32_t>(ends->size());
        for (std::uint32_t i = 0; i < shards; ++i) {
            const std::uint64_t end = (*ends)[i].value();
            if (end > 0 && is_read(wanted.account, ShardId(i), shards))
                wanted.at_least.push_back({ShardId(i), RecordNumber(end - 1)});
        }
    }
    return std::all_of(wanted.at_least.begin(), wanted.at_least.end(), [&](const AtLeast& each) {
        return each.record < views.next_record(each.shard);
    });
}

/// A waker that is told when views move, while it lives.
class ViewWait {
public:
    explicit ViewWait(LedgerThread& thread) : thread_(thread), waker_(thread.io) {
        thread_.view_wakers.insert(&waker_);
        thread_.view_waits.fetch_add(1);
    }
    ~ViewWait() {
        thread_.view_wakers.erase(&waker_);
        thread_.view_waits.fetch_sub(1);
    }
    ViewWait(const ViewWait&) = delete;
    ViewWait& operator=(const ViewWait&) = delete;
    Waker& waker() { return waker_; }

private:
    LedgerThread& thread_;
    Waker waker_;
};

/// A shard whose view will not come to what is wanted.
std::optional<ShardHealth> stands_before(const LedgerParts& parts, const Wanted& wanted) {
    for (const AtLeast& each : wanted.at_least) {
        if (each.record < parts.views->next_record(each.shard)) continue;
        const ShardHealth health = health_of(parts, each.shard);
        if (health.view) return health;
    }
    return std::nullopt;
}

/// Takes away what no view will come to.
void want_what_can_be_read(const LedgerParts& parts, Wanted& wanted) {
    std::erase_if(wanted.at_least,
                  [&](const AtLeast& each) { return parts.views->fault(each.shard).has_value(); });
}

/// Shards whose views have not come to what is wanted, without those that have stopped. While the
/// log's ends are not known it may be any.
std::vector<ShardId> not_reached(const LedgerParts& parts, const Wanted& wanted) {
    std::vector<ShardId> shards;
    for (std::uint32_t i = 0; i < parts.deployment->shards; ++i) {
        const ShardId shard(i);
        const bool is_behind = std::ranges::any_of(wanted.at_least, [&](const AtLeast& each) {
            return each.shard == shard && each.record >= parts.views->next_record(shard);
        });
        if ((wanted.look || is_behind) && !parts.views->fault(shard)) shards.push_back(shard);
    }
    return shards;
}

/// What the log waits for (room, brokers) the views, which follow it, wait for too.
std::string too_late(const LedgerParts& parts) {
    std::string text = "the views did not reach the record asked for in time";
    const std::optional<Fault> waits = parts.log ? parts.log->waits() : std::nullopt;
    if (waits) text += "; the log waits: " + waits->message;
    return text;
}

/// Why not, when the views do not come that far in time.
asio::awaitable<std::optional<Response>> wait_for_views(LedgerThread& thread, Wanted& wanted) {
    places::ViewFollower& views = *thread.parts.views;
    if (have_come(views, wanted)) co_return std::nullopt;
    ViewWait wait(thread);
    const SteadyTime until = std::chrono::steady_clock::now() + kViewsWaitMax;
    for (;;) {
        // After the wait is known to the follower: a move in between is seen here.
        if (have_come(views, wanted)) co_return std::nullopt;
        if (wanted.what_can_be_read) {
            want_what_can_be_read(thread.parts, wanted);
            // One that stops behind this wakes the wait, and is taken away then.
            if (have_come(views, wanted)) co_return std::nullopt;
        } else if (const auto stopped = stands_before(thread.parts, wanted)) {
            co_return shard_stopped(*stopped, "it will not come to the record asked for");
        }
        if (std::chrono::steady_clock::now() >= until) {
            if (wanted.what_can_be_read) co_return std::nullopt;
            co_return behind(too_late(thread.parts));
        }
        co_await wait.waker().wait(until);
    }
}

/// Asks for a mark of each shard that is read and not complete past `past`.
void ask_for_marks(LedgerThread& thread, const projector::Books& books, Timestamp past,
                   std::optional<AccountId> account) {
    if (thread.parts.gateway == nullptr) return;
    const std::uint32_t shards = thread.parts.deployment->shards;
    for (std::uint32_t i = 0; i < shards; ++i) {
        const std::optional<Timestamp> time = books.complete_below(ShardId(i));
        const bool is_asked = is_read(account, ShardId(i), shards);
        if (is_asked && (!time || *time <= past)) thread.parts.gateway->ask_for_mark(ShardId(i));
    }
}

/// Until a time is past; not over zero when it is.
std::chrono::microseconds still_to_come(Timestamp time) {
    return std::chrono::microseconds(time.value() - SystemClock().now().value() + 1);
}

/// A shard that is read, has stopped, and is not complete past `past`.
std::optional<ShardHealth> stands_before(const LedgerParts& parts, const projector::Books& books,
                                         Timestamp past, std::optional<AccountId> account) {
    for (std::uint32_t i = 0; i < parts.deployment->shards; ++i) {
        const ShardId shard(i);
        const std::optional<Timestamp> time = books.complete_below(shard);
        const bool is_asked = is_read(account, shard, parts.deployment->shards);
        if (!is_asked || (time && *time > past)) continue;
        ShardHealth health = health_of(parts, shard);
        if (!health.is_whole()) return health;
    }
    return std::nullopt;
}

/// Waits until the shards that are read are complete past `past`; those that are not yet are asked
/// for a mark, once that is past: a mark before is of no use. False when some were not in time, and
/// at once when none can be. Under a test clock nothing is waited for: time stands still.
asio::awaitable<bool> wait_until_complete(LedgerThread& thread, Timestamp past,
                                          std::optional<AccountId> account,
                                          std::chrono::milliseconds wait_max) {
    const SteadyTime until = std::chrono::steady_clock::now() + wait_max;
    std::optional<ViewWait> wait;
    bool have_asked = false;
    for (;;) {
        const Result<projector::Books*> books = thread.books();
        // Why they cannot be read is told by who answers from them.
        if (!books || (*books)->is_settled(past, account)) co_return true;
        if (thread.parts.deployment->test_clock) co_return false;
        if (stands_before(thread.parts, **books, past, account)) co_return false;
        const SteadyTime now = std::chrono::steady_clock::now();
        const std::chrono::microseconds to_come = still_to_come(past);
        const auto left = std::chrono::duration_cast<std::chrono::microseconds>(until - now);
        if (now >= until || to_come > left) co_return false;
        if (!wait) {
            wait.emplace(thread);
            continue;
        }
        const bool is_past = to_come.count() <= 0;
        if (is_past && !have_asked) ask_for_marks(thread, **books, past, account);
        have_asked = have_asked || is_past;
        co_await wait->waker().wait(is_past ? until : now + to_come);
    }
}

/// Lets what is due now show as due.
void show_due(const LedgerThread& thread, projector::Books& books) {
    if (!thread.parts.deployment->test_clock) books.set_present(SystemClock().now());
}

Response unreadable_views() {
    return problem(500, "views-failed", "The views cannot be read", "try again later");
}

/// The same for the same question in the same form, and for no other: the target but for its last
/// parameter where that is the word by which an answer is had.
std::string text_of(const Query& query) {
    const std::size_t end = query.pick_up ? query.target.find_last_of("?&") : std::string::npos;
    return query.target.substr(0, end) + '|' + std::to_string(static_cast<int>(query.form)) +
           (query.is_narrow ? "|narrow" : "");
}

Response not_in_time(const LedgerParts& parts, const std::string& word) {
    const auto most = std::chrono::duration_cast<std::chrono::seconds>(parts.question_time_max);
    return busy("the answer takes longer than " + std::to_string(most.count()) +
                    " s and is still being made: ask the same again within " +
                    std::to_string(LongQueries::kLeftMax.count()) + " s, with pick_up=" + word +
                    " behind its other parameters, and it is waited for, as of when it was begun; "
                    "a smaller page_size, or a question of one account, takes less",
                [&](JsonWriter& json) { json.member("pick_up", word); });
}

/// A question that reads many rows, with the time that its request has.
struct LongQuestion {
    Query query;
    std::string text;
    SteadyTime until;
    std::optional<std::string> word;  ///< of what was left of it
};

/// Empty when there is no answer in time: it is left, then, under the question's word.
asio::awaitable<std::optional<QueryAnswer>> answer_long(LedgerThread& thread,
                                                        LongQuestion& question) {
    LongQueries& queries = thread.long_queries;
    const auto make = [&thread, &queries, query = question.query] {
        Result<projector::Books> books = thread.parts.views->books();
        if (!books) return QueryAnswer(unreadable_views());
        books->end_when(queries.stopping());
        books->go_on_from(queries.ways_out);
        show_due(thread, *books);
        return answer_query(query, *books);
    };
    std::shared_ptr<LongAnswer> answer;
    if (question.word)
        answer = queries.pick_up(*question.word, question.text, std::chrono::steady_clock::now());
    question.word.reset();
    if (!answer) answer = queries.ask(make);
    if (!answer) co_return QueryAnswer(busy("too many long questions wait"));
    const auto waker = std::make_shared<Waker>(thread.io);
    answer->tell_by([&io = thread.io, weak = std::weak_ptr<Waker>(waker)] {
        asio::post(io, [weak] {
            if (const std::shared_ptr<Waker> waiting = weak.lock()) waiting->wake();
        });
    });
    for (;;) {
        if (std::optional<QueryAnswer> found = answer->take()) co_return found;
        if (std::chrono::steady_clock::now() >= question.until) break;
        co_await waker->wait(question.until);
    }
    question.word =
        queries.leave(question.text, std::move(answer), std::chrono::steady_clock::now());
    co_return std::nullopt;
}

/// A long query's; of pages that would end before what may still come, once it has come.
asio::awaitable<Response> answer_in_time(LedgerThread& thread, LongQuestion question) {
    std::optional<QueryAnswer> answer = co_await answer_long(thread, question);
    if (!answer) co_return not_in_time(thread.parts, *question.word);
    if (!answer->withheld) co_return std::move(answer->response);
    (void)co_await wait_until_complete(thread, *answer->withheld, std::nullopt, kCompleteWaitMax);
    std::optional<QueryAnswer> again = co_await answer_long(thread, question);
    const bool is_better = again && again->response.status == 200;
    co_return std::move((is_better ? again : answer)->response);
}

Response answer_at_once(LedgerThread& thread, const Query& query) {
    const Result<projector::Books*> books = thread.books();
    if (!books) return unreadable_views();
    show_due(thread, **books);
    return answer_query(query, **books).response;
}

/// What a view has not read may be what was not found.
Response true_answer(const LedgerParts& parts, std::optional<AccountId> account,
                     Response response) {
    if (response.status != 404) return response;
    for (std::uint32_t i = 0; i < parts.deployment->shards; ++i) {
        const ShardId shard(i);
        if (!is_read(account, shard, parts.deployment->shards) || !parts.views->fault(shard))
            continue;
        return shard_stopped(health_of(parts, shard),
                             "whether there is what is asked for is not known");
    }
    return response;
}

}  // namespace

asio::awaitable<Response> answer_views(LedgerThread& thread, Query query) {
    places::ViewFollower* const views = thread.parts.views;
    if (views == nullptr)
        co_return problem(503, "no-views", "Questions are not answered here",
                          "this server runs without a projector");
    const SteadyTime until = std::chrono::steady_clock::now() + thread.parts.question_time_max;
    Wanted wanted{std::move(query.at_least), std::nullopt, query.account,
                  query.route->is_of_pending};
    if (query.at_least_end) wanted.look = views->look();
    std::optional<Response> too_early = co_await wait_for_views(thread, wanted);
    if (too_early) co_return std::move(*too_early);
    // Shards that rest say how far they are when they are asked, so what is past is settled soon.
    const bool is_past = query.at && *query.at < SystemClock().now();
    if (query.wants_settled || (is_past && thread.parts.gateway != nullptr)) {
        const bool is_settled =
            co_await wait_until_complete(thread, *query.at, query.account,
                                         query.wants_settled ? kViewsWaitMax : kCompleteWaitMax);
        if (!is_settled && query.wants_settled) {
            const Result<projector::Books*> books = thread.books();
            const auto stopped =
                books ? stands_before(thread.parts, **books, *query.at, query.account)
                      : std::nullopt;
            co_return stopped ? shard_stopped(*stopped, "the answer may still change")
                              : not_settled();
        }
    }
    if (query.route->is_of_pending) {
        query.pending.at_work = shards_at_work(thread.parts);
        for (const ShardId shard : not_reached(thread.parts, wanted)) {
            query.pending.at_work.views_stopped.push_back(
                {shard, "its view has not come to the log's end, or to the record asked for"});
        }
    }
    query.complete_only = query.route->is_merged && !thread.parts.deployment->test_clock;
    const std::optional<AccountId> account = query.account;
    Response response;
    if (query.route->is_long) {
        LongQuestion question{
            .query = {}, .text = text_of(query), .until = until, .word = query.pick_up};
        question.query = std::move(query);
        response = co_await answer_in_time(thread, std::move(question));
    } else {
        response = answer_at_once(thread, query);
    }
    response.may_be_dropped = true;
    co_return true_answer(thread.parts, account, std::move(response));
}

}  // namespace vouch::http
