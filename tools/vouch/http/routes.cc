#include "tools/vouch/http/routes.h"

#include "events/log/clock.h"
#include "events/seal/deployment.h"
#include "tools/vouch/http/command_request.h"
#include "tools/vouch/http/openapi.h"
#include "tools/vouch/http/shard_health.h"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>
#include <variant>

namespace vouch::http {

namespace asio = boost::asio;

namespace {

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

bool is_commands(std::string_view target) { return path_of(target) == "/v1/commands"; }

/// Without parameters such as charset.
bool has_type(std::string_view content_type, std::string_view wanted) {
    std::string_view type = content_type.substr(0, content_type.find(';'));
    while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
    return equal_ignoring_case(type, wanted);
}

bool is_lines(const RequestHead& head) {
    return has_type(head.field("content-type"), "application/x-ndjson");
}

bool wants_async(const RequestHead& head) {
    std::string_view prefer = head.field("prefer");
    while (!prefer.empty()) {
        const std::size_t end = std::min(prefer.find_first_of(",;"), prefer.size());
        std::string_view each = prefer.substr(0, end);
        while (each.starts_with(' ')) each.remove_prefix(1);
        while (each.ends_with(' ')) each.remove_suffix(1);
        if (equal_ignoring_case(each, "respond-async")) return true;
        prefer.remove_prefix(std::min(end + 1, prefer.size()));
    }
    return false;
}

Response method_not_allowed(std::string_view allow) {
    Response response = problem(405, "method-not-allowed", "The method does not fit the route",
                                "Allow names the methods that do");
    response.fields.emplace_back("Allow", std::string(allow));
    return response;
}

Response text(std::string body) {
    Response response;
    response.content_type = "text/plain; charset=utf-8";
    response.body = std::move(body);
    return response;
}

Response version(const LedgerParts& parts, bool as_text) {
    const std::string id = id_text(parts.deployment->id);
    const std::string shards = std::to_string(parts.deployment->shards);
    const std::string test_clock = parts.deployment->test_clock ? "true" : "false";
    if (as_text) {
        return text("vouch " + parts.program_version + "\ndeployment " + id + "\nshards " + shards +
                    "\ntest clock " + test_clock + "\n");
    }
    Response response;
    response.body = "{\"version\":\"" + parts.program_version + "\",\"deployment\":\"" + id +
                    "\",\"shards\":" + shards + ",\"test_clock\":" + test_clock + "}\n";
    return response;
}

/// While the log waits for its disk, nothing that is sent can become final.
std::optional<Response> waits_for_room(const LedgerParts& parts) {
    const std::optional<Fault> fault = parts.log ? parts.log->waits() : std::nullopt;
    if (!fault) return std::nullopt;
    return problem(503, "no-room", "The log waits for its disk", fault->message);
}

/// What stands in the way of everything; empty while there is nothing.
std::optional<Response> not_ready(const IoThread& thread, const std::vector<ShardHealth>& shards) {
    const ViewFollower* const views = thread.parts.views;
    if (thread.is_draining) return stopping();
    const bool none_is_whole = std::none_of(shards.begin(), shards.end(),
                                            [](const ShardHealth& each) { return each.is_whole(); });
    if (thread.fault || none_is_whole)
        return problem(503, "failed", "The ledger has stopped", "no shard is left that is whole");
    if (views != nullptr && !views->is_ready())
        return behind("the views have not yet reached the log's end");
    return waits_for_room(thread.parts);
}

// Whoever sends elsewhere what this server does not take has nowhere to send it: there is one
// writer. So it is ready as long as some shards are, and says which are not.
Response readiness(const IoThread& thread) {
    const std::vector<ShardHealth> shards = health_of(thread.parts);
    if (std::optional<Response> reason = not_ready(thread, shards)) return std::move(*reason);
    return text("ready\n" + findings_text(thread.parts, shards));
}

Response status(const IoThread& thread, bool as_text) {
    const std::vector<ShardHealth> shards = health_of(thread.parts);
    const std::optional<Response> reason = not_ready(thread, shards);
    const std::string findings = findings_text(thread.parts, shards);
    Response response;
    if (as_text) {
        response = text((reason ? "not ready: " + reason->detail + "\n" : "ready\n") + findings);
    } else {
        response.body = status_json(thread.parts, !reason, reason ? reason->detail : "", shards);
    }
    if (!findings.empty()) response.fields.emplace_back("Vouch-Finding", "stopped");
    return response;
}

std::optional<Response> plain_answer(const IoThread& thread, const RequestHead& head) {
    const std::string_view path = path_of(head.target);
    if (path == "/livez") return text("alive\n");
    if (path == "/readyz") return readiness(thread);
    const bool as_text = head.field("accept").find("text/plain") != std::string_view::npos;
    if (path == "/status") return status(thread, as_text);
    if (path == "/version") return version(thread.parts, as_text);
    if (path == "/openapi.yaml") {
        Response response;
        response.content_type = "application/yaml";
        response.body = kOpenApi;
        return response;
    }
    return std::nullopt;
}

/// Whether a question about `account`, or about all when it is empty, reads the shard.
bool is_read(std::optional<AccountId> account, ShardId shard, std::uint32_t shards) {
    return !account || shard_of(*account, shards) == shard;
}

/// What a question waits for: records, and what the log had when it was asked.
struct Wanted {
    std::vector<AtLeast> at_least;
    std::optional<std::uint64_t> look;  ///< until its ends are among the records
    std::optional<AccountId> account;   ///< the one that is asked about
};

bool have_come(const ViewFollower& views, Wanted& wanted) {
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
    explicit ViewWait(IoThread& thread) : thread_(thread), waker_(thread.io) {
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
    IoThread& thread_;
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

/// Why not, when the views do not come that far in time.
asio::awaitable<std::optional<Response>> wait_for_views(IoThread& thread, Wanted wanted) {
    ViewFollower& views = *thread.parts.views;
    if (have_come(views, wanted)) co_return std::nullopt;
    ViewWait wait(thread);
    const SteadyTime until = std::chrono::steady_clock::now() + kViewsWaitMax;
    for (;;) {
        // After the wait is known to the follower: a move in between is seen here.
        if (have_come(views, wanted)) co_return std::nullopt;
        if (const auto stopped = stands_before(thread.parts, wanted))
            co_return shard_stopped(*stopped, "it will not come to the record asked for");
        if (std::chrono::steady_clock::now() >= until)
            co_return behind("they did not reach the record asked for in time");
        co_await wait.waker().wait(until);
    }
}

/// Asks for a mark of each shard that is read and not complete past `past`.
void ask_for_marks(IoThread& thread, const projector::Books& books, Timestamp past,
                   std::optional<AccountId> account) {
    if (thread.parts.door == nullptr) return;
    const std::uint32_t shards = thread.parts.deployment->shards;
    for (std::uint32_t i = 0; i < shards; ++i) {
        const std::optional<Timestamp> time = books.complete_below(ShardId(i));
        const bool is_asked = is_read(account, ShardId(i), shards);
        if (is_asked && (!time || *time <= past)) thread.parts.door->ask_for_mark(ShardId(i));
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
asio::awaitable<bool> wait_until_complete(IoThread& thread, Timestamp past,
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
void show_due(const IoThread& thread, projector::Books& books) {
    if (!thread.parts.deployment->test_clock) books.set_present(SystemClock().now());
}

/// What a long query leaves behind for the connection that waits, which may be gone.
struct LongAnswer {
    std::optional<Response> response;
    std::optional<Waker> waker;
};

asio::awaitable<Response> answer_long(IoThread& thread, Query query) {
    auto answer = std::make_shared<LongAnswer>();
    answer->waker.emplace(thread.io);
    std::weak_ptr<LongAnswer> weak = answer;
    ViewFollower* const views = thread.parts.views;
    IoThread* const back = &thread;
    const std::atomic<bool>* const ending = &thread.long_queries.stopping();
    const bool is_added =
        thread.long_queries.add([weak, views, back, ending, query = std::move(query)]() mutable {
            Result<projector::Books> books = views->books();
            if (books) books->end_when(*ending);
            if (books) show_due(*back, *books);
            Response response =
                books ? answer_query(query, *books)
                      : problem(500, "views-failed", "The views cannot be read", "try again later");
            asio::post(back->io, [weak, response = std::move(response)]() mutable {
                const std::shared_ptr<LongAnswer> waiting = weak.lock();
                if (!waiting) return;
                waiting->response = std::move(response);
                waiting->waker->wake();
            });
        });
    if (!is_added) co_return busy("too many long questions wait");
    while (!answer->response) co_await answer->waker->wait();
    co_return std::move(*answer->response);
}

/// A long query's; of pages that would end before what may still come, once it has come.
asio::awaitable<Response> answer_in_time(IoThread& thread, Query query) {
    Response response = co_await answer_long(thread, query);
    if (!response.withheld) co_return response;
    (void)co_await wait_until_complete(thread, *response.withheld, std::nullopt, kCompleteWaitMax);
    response = co_await answer_long(thread, std::move(query));
    co_return response;
}

Response answer_at_once(IoThread& thread, const Query& query) {
    const Result<projector::Books*> books = thread.books();
    if (!books) return problem(500, "views-failed", "The views cannot be read", "try again later");
    show_due(thread, **books);
    return answer_query(query, **books);
}

/// What a view has not read may be what was not found.
Response true_answer(const LedgerParts& parts, std::optional<AccountId> account, Response response) {
    if (response.status != 404) return response;
    for (std::uint32_t i = 0; i < parts.deployment->shards; ++i) {
        const ShardId shard(i);
        if (!is_read(account, shard, parts.deployment->shards) || !parts.views->fault(shard)) continue;
        return shard_stopped(health_of(parts, shard),
                             "whether there is what is asked for is not known");
    }
    return response;
}

asio::awaitable<Response> answer_views(IoThread& thread, Query query) {
    ViewFollower* const views = thread.parts.views;
    if (views == nullptr)
        co_return problem(503, "no-views", "Questions are not answered here",
                          "this server runs without a projector");
    Wanted wanted{std::move(query.at_least), std::nullopt, query.account()};
    if (query.at_least_end) wanted.look = views->look();
    std::optional<Response> too_early = co_await wait_for_views(thread, std::move(wanted));
    if (too_early) co_return std::move(*too_early);
    // Shards that rest say how far they are when they are asked, so what is past is settled soon.
    const bool is_past = query.at && *query.at < SystemClock().now();
    if (query.wants_settled || (is_past && thread.parts.door != nullptr)) {
        const bool is_settled =
            co_await wait_until_complete(thread, *query.at, query.account(),
                                         query.wants_settled ? kViewsWaitMax : kCompleteWaitMax);
        if (!is_settled && query.wants_settled) {
            const Result<projector::Books*> books = thread.books();
            const auto stopped =
                books ? stands_before(thread.parts, **books, *query.at, query.account())
                      : std::nullopt;
            co_return stopped ? shard_stopped(*stopped, "the answer may still change")
                              : not_settled();
        }
    }
    query.complete_only = query.is_merged() && !thread.parts.deployment->test_clock;
    const std::optional<AccountId> account = query.account();
    if (!query.is_long()) co_return true_answer(thread.parts, account, answer_at_once(thread, query));
    Response response = co_await answer_in_time(thread, std::move(query));
    co_return true_answer(thread.parts, account, std::move(response));
}

asio::awaitable<Response> answer_commands(IoThread& thread, CommandOptions options,
                                          const std::string& body) {
    if (thread.fault) co_return failed();
    const auto request = std::make_shared<CommandRequest>(thread, options);
    Response response = co_await request->run(body);
    co_return response;
}

}  // namespace

std::optional<Response> refuse_by_head(const RequestHead& head, const LedgerParts& parts) {
    const std::uint64_t length = head.content_length.value_or(0);
    if (!is_commands(head.target)) {
        if (length > 0)
            return problem(413, "too-large", "The request is too large",
                           "this route takes no body");
        return std::nullopt;
    }
    if (head.method != "POST") return method_not_allowed("POST");
    if (head.target != "/v1/commands") return bad_parameter("this route has no parameters");
    const bool is_object = has_type(head.field("content-type"), "application/json");
    if (!is_object && !is_lines(head)) {
        return problem(415, "unsupported-media-type", "The body is of a type not taken here",
                       "expected application/json or application/x-ndjson");
    }
    if (!head.content_length)
        return problem(411, "length-required", "The length is missing", "send a Content-Length");
    if (length > (is_object ? kObjectBytesMax : kRequestBytesMax)) {
        return problem(413, "too-large", "The request is too large",
                       is_object ? "at most 1 MiB a command" : "at most 8 MiB a request");
    }
    if (parts.door == nullptr)
        return problem(503, "no-handler", "Commands are not taken here",
                       "this server runs without a command handler");
    return waits_for_room(parts);
}

asio::awaitable<Response> answer_request(IoThread& thread, const RequestHead& head,
                                         const std::string& body) {
    if (is_commands(head.target)) {
        const CommandOptions options{.is_lines = is_lines(head),
                                     .respond_async = !is_lines(head) && wants_async(head)};
        Response response = co_await answer_commands(thread, options, body);
        co_return response;
    }
    const bool is_get = head.method == "GET" || head.method == "HEAD";
    std::optional<Response> plain = plain_answer(thread, head);
    if (plain) co_return is_get ? std::move(*plain) : method_not_allowed("GET, HEAD");
    const std::optional<Target> target = parse_target(head.target);
    if (!target) co_return bad_request("the target is no path of encoded names");
    std::optional<std::variant<Query, Response>> query = read_query(
        *target, path_of(head.target), head.field("accept"), thread.parts.deployment->shards);
    if (!query)
        co_return problem(404, "no-route", "There is no such route",
                          "GET /openapi.yaml describes those there are");
    if (!is_get) co_return method_not_allowed("GET, HEAD");
    if (auto* wrong = std::get_if<Response>(&*query)) co_return std::move(*wrong);
    Query asked = std::move(std::get<Query>(*query));
    Response response = co_await answer_views(thread, std::move(asked));
    co_return response;
}

}  // namespace vouch::http
