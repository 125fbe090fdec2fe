#include "command-handler/shard/shard_loop.h"

#include <algorithm>
#include <cstdio>

#include "command-handler/core/decide.h"
#include "events/check.h"

namespace vouch::command_handler {
namespace {

/// Input batches that one round takes from the log.
constexpr std::size_t kBatchesARound = 8;
/// Postings of an entry whose accounts are brought nearer ahead of time.
constexpr std::size_t kPostingsAhead = 16;

/// Calls `with` for the accounts that deciding a command will look at.
template <class With>
void for_each_account(const Command& command, With with) {
    if (const auto* transfer = std::get_if<Transfer>(&command.body)) {
        with(transfer->debit);
        with(transfer->credit);
    } else if (const auto* hold = std::get_if<PlaceHold>(&command.body)) {
        with(hold->debit);
        with(hold->credit);
    } else if (const auto* entry = std::get_if<PostEntry>(&command.body)) {
        for (const Posting& posting : entry->postings.first(std::min(kPostingsAhead, entry->postings.size()))) {
            with(posting.account);
        }
    }
}

}  // namespace

ShardLoop::ShardLoop(const ShardSurroundings& surroundings)
    : with_(surroundings), state_(surroundings.shard, surroundings.deployment.shards) {}

ShardLoop::~ShardLoop() = default;

// --- The loop -----------------------------------------------------------------------------------

Status ShardLoop::run() {
    std::vector<InputBatch> batches;
    while (true) {
        if (Status status = complete_durable(false); !status) return status;
        answer_questions();
        batches.clear();
        if (Status status = with_.log.read_commands(with_.shard, next_read_, kBatchesARound, batches); !status) {
            return give_up(status);
        }
        if (batches.empty() && !is_due()) {
            if (stopping_) break;
            wait();
            continue;
        }
        if (Status status = decide_batches(batches); !status) return give_up(status);
    }
    while (!in_flight_.empty()) {
        if (Status status = complete_durable(true); !status) return status;
    }
    return finish();
}

/// What has become durable before the fault is answered; the rest has not happened.
Status ShardLoop::give_up(const Status& status) {
    (void)complete_durable(false);
    take_back_all();
    return status;
}

Status ShardLoop::decide_batches(std::vector<InputBatch>& batches) {
    if (batches.empty()) {
        if (Status status = open_record(); !status) return status;
    }
    for (const InputBatch& batch : batches) {
        next_read_ = batch.offset.next();
        consumed_ = batch.offset;
        if (Status status = decide_batch(batch); !status) return status;
        consumed_ = batch.offset.next();
    }
    return close_record();
}

bool ShardLoop::is_due() const {
    const std::optional<Due> due = state_.holds().next_due();
    return due && due->expires_at <= now();
}

void ShardLoop::wait() {
    std::optional<std::int64_t> timeout_us;
    const std::optional<Due> due = state_.holds().next_due();
    if (due && in_flight_.empty() && !with_.deployment.test_clock) {
        timeout_us = std::max<std::int64_t>(0, due->expires_at.value() - now().value());
    }
    with_.log.wait_for_input(with_.shard, {next_read_, Offset()}, timeout_us);
}

Timestamp ShardLoop::now() const {
    if (with_.deployment.test_clock) return head_.last_time;
    return std::max(head_.last_time, with_.clock.now());
}

bool ShardLoop::ask(std::function<void(ShardLoop&)> question) {
    {
        const std::lock_guard lock(questions_mutex_);
        if (!accepts_questions_) return false;
        questions_.push_back(std::move(question));
    }
    with_.log.interrupt();
    return true;
}

void ShardLoop::answer_questions() {
    std::vector<std::function<void(ShardLoop&)>> asked;
    {
        const std::lock_guard lock(questions_mutex_);
        asked.swap(questions_);
    }
    for (const std::function<void(ShardLoop&)>& question : asked) question(*this);
    facts_->forget_answers();
}

void ShardLoop::refuse_questions() {
    {
        const std::lock_guard lock(questions_mutex_);
        accepts_questions_ = false;
    }
    answer_questions();
}

void ShardLoop::stop() {
    stopping_ = true;
    with_.log.interrupt();
}

// --- Deciding -----------------------------------------------------------------------------------

Status ShardLoop::decide_batch(const InputBatch& batch) {
    members_.clear();
    if (!split_batch(batch.payload, members_)) {
        if (Status status = open_record(); !status) return status;
        refuse_unreadable(batch, std::nullopt, batch.payload, CommandFault{});
        return {};
    }
    for (std::size_t first = 0; first < members_.size(); first += kCommandsAhead) {
        const std::size_t count = std::min(kCommandsAhead, members_.size() - first);
        if (Status status = decide_some(batch, first, count); !status) return status;
    }
    return {};
}

// Three passes, so that the memory that a command touches is on its way to the cache while others are
// worked on: decode and fetch index lines; fetch rows; decide.
Status ShardLoop::decide_some(const InputBatch& batch, std::size_t first, std::size_t count) {
    arena_.clear();
    facts_->forget_answers();
    const AccountTable& accounts = state_.accounts();
    for (std::size_t i = 0; i < count; ++i) {
        Ahead& ahead = ahead_[i];
        ahead.fault = decode_command(members_[first + i], arena_, ahead.decided.command);
        if (ahead.fault) continue;
        const Command& command = ahead.decided.command;
        ahead.hash = facts_->hash_of_command(command.ledger, command.id);
        facts_->prefetch(ahead.hash);
        for_each_account(command, [&](AccountId id) { accounts.prefetch_index(command.ledger, id); });
    }
    for (std::size_t i = 0; i < count; ++i) {
        if (ahead_[i].fault) continue;
        const Command& command = ahead_[i].decided.command;
        for_each_account(command, [&](AccountId id) { accounts.prefetch_row(command.ledger, id); });
    }
    for (std::size_t i = 0; i < count; ++i) {
        if (Status status = decide_one(batch, first + i, ahead_[i]); !status) return status;
        if (facts_->fault()) return *facts_->fault();
    }
    return {};
}

Status ShardLoop::decide_one(const InputBatch& batch, std::size_t member, Ahead& ahead) {
    const CommandBytes bytes = members_[member];
    if (!ahead.fault && std::holds_alternative<SetClock>(ahead.decided.command.body)) {
        if (with_.deployment.test_clock) return set_clock(batch, member, ahead);
        ahead.fault = CommandFault{Outcome::malformed, "set_clock"};
    }
    const std::size_t room = RecordSink::events_bytes_max(ahead.decided.command.body, bytes.size());
    // A record that has just been opened may be full of holds that expired.
    const auto is_full = [&] { return open_->event_count > 0 && open_->body_size + room > kRecordBodyMax; };
    while (!open_ || is_full()) {
        if (Status status = close_record(); !status) return status;
        if (Status status = open_record(); !status) return status;
    }
    if (ahead.fault) {
        refuse_unreadable(batch, member, bytes, *ahead.fault);
        return {};
    }
    const bool may_be_seen = facts_->may_be_seen(ahead.hash);
    const Execution execution = execute(state_, *facts_, ahead.decided, may_be_seen, open_->time, *sink_, arena_);
    answer_execution(batch, member, execution, ahead.decided);
    return {};
}

// A new time is a record of its own. A repeat moves nothing, because its time has come already; a
// conflict must not.
Status ShardLoop::set_clock(const InputBatch& batch, std::size_t member, Ahead& ahead) {
    const Command& command = ahead.decided.command;
    const bool is_seen = facts_->may_be_seen(ahead.hash) && facts_->find_command(command.ledger, command.id);
    if (facts_->fault()) return *facts_->fault();
    const Timestamp asked = std::get<SetClock>(command.body).time;
    const Timestamp at = is_seen ? head_.last_time : std::max(head_.last_time, asked);
    if (Status status = close_record(); !status) return status;
    if (Status status = open_record(std::max(at, head_.last_time)); !status) return status;
    const Execution execution = execute(state_, *facts_, ahead.decided, is_seen, open_->time, *sink_, arena_);
    if (facts_->fault()) return *facts_->fault();
    answer_execution(batch, member, execution, ahead.decided);
    return close_record();
}

void ShardLoop::refuse_unreadable(const InputBatch& batch, std::optional<std::size_t> member, CommandBytes bytes,
                                  const CommandFault& fault) {
    const Digest digest = sha256({&bytes, 1});
    Unreadable event;
    event.offset = batch.offset;
    if (member) event.member = static_cast<std::uint32_t>(*member);
    event.length = bytes.size();
    event.digest = digest;
    event.outcome = fault.outcome;
    event.field = fault.field;
    const Answer told{.id = {}, .record = open_->number(), .event = open_->next_event(), .outcome = fault.outcome};
    sink_->append(Event(event));
    AnswerDetails details;
    details.field = fault.field;
    answer(batch, member.value_or(0), told, std::move(details));
}

// --- Answers ------------------------------------------------------------------------------------

void ShardLoop::answer_execution(const InputBatch& batch, std::size_t member, const Execution& execution,
                                 const CommandDecided& decided) {
    Answer told{.id = decided.command.id, .record = execution.record, .event = execution.event};
    switch (execution.kind) {
        case Execution::Kind::decided:
            told.outcome = decided.outcome;
            answer(batch, member, told, details_of(decided));
            return;
        case Execution::Kind::repeated: {
            const PastCommand& past = *execution.past;
            told.outcome = past.outcome();
            told.repeated = true;
            std::optional<AnswerDetails> details;
            if (!past.member || told.outcome != Outcome::group_failed) details = details_of(past.event);
            // The group's facts are those of the member that made it fail; its members are its own.
            if (details && past.member) details->members.clear();
            answer(batch, member, told, std::move(details));
            return;
        }
        case Execution::Kind::conflict:
            told.outcome = Outcome::conflict;
            answer(batch, member, told, std::nullopt);
            return;
    }
}

std::optional<AnswerDetails> ShardLoop::details_of(const CommandDecided& decided) const {
    if (decided.facts.is_empty() && !decided.moved && decided.members.empty()) return std::nullopt;
    AnswerDetails details;
    details.facts = decided.facts;
    details.moved = decided.moved;
    details.members.assign(decided.members.begin(), decided.members.end());
    const AccountTable& accounts = state_.accounts();
    if (!decided.facts.account.is_zero()) {
        const AccountRow* row = state_.find(decided.command.ledger, decided.facts.account);
        if (row) details.asset = accounts.asset(*row);
    } else if (!decided.changes.empty()) {
        details.asset = accounts.asset(accounts.row(decided.changes.front().account));
    } else if (const AccountId account = deciding_account(decided.command); !account.is_zero()) {
        const AccountRow* row = state_.find(decided.command.ledger, account);
        if (row) details.asset = accounts.asset(*row);
    }
    return details;
}

void ShardLoop::answer(const InputBatch& batch, std::size_t member, Answer told, std::optional<AnswerDetails> details) {
    OpenRecord& record = *open_;
    if (details) {
        record.details.push_back(std::move(*details));
        told.details = &record.details.back();
    }
    record.answers.push_back(told);
    if (!record.runs.empty() && record.runs.back().batch == batch.offset &&
        record.runs.back().first + record.runs.back().count == member) {
        ++record.runs.back().count;
    } else {
        record.runs.push_back({batch.offset, member, 1});
    }
}

void ShardLoop::deliver(OpenRecord& record) {
    std::size_t at = 0;
    for (const AnswerRun& run : record.runs) {
        with_.sink.answered(with_.shard, run.batch, run.first, std::span(record.answers).subspan(at, run.count));
        at += run.count;
    }
}

// A record that came to nothing but repeats: what it answers is durable once everything before it is.
void ShardLoop::give_answers_to_newest(OpenRecord& record) {
    if (in_flight_.empty()) {
        deliver(record);
        return;
    }
    OpenRecord& newest = *in_flight_.back();
    for (const Answer& told : record.answers) {
        newest.answers.push_back(told);
        if (told.details == nullptr) continue;
        newest.details.push_back(*told.details);
        newest.answers.back().details = &newest.details.back();
    }
    newest.runs.insert(newest.runs.end(), record.runs.begin(), record.runs.end());
}

// --- Records ------------------------------------------------------------------------------------

Status ShardLoop::begin_record(Timestamp at) {
    VOUCH_ASSERT(!open_);
    while (in_flight_.size() >= kRecordsInFlightMax) {
        if (Status status = complete_durable(true); !status) return status;
    }
    if (Status status = facts_->rotate(); !status) return status;
    if (Status status = continue_snapshot(); !status) return status;
    if (spare_.empty()) spare_.push_back(std::make_unique<OpenRecord>());
    open_ = std::move(spare_.back());
    spare_.pop_back();
    open_->begin(head_, at);
    state_.begin_record();
    facts_->begin_record(*open_);
    sink_.emplace(*open_, *facts_);
    return {};
}

Status ShardLoop::open_record(std::optional<Timestamp> at) {
    if (open_) return {};
    warn_of_clock();
    const Timestamp time = at.value_or(now());
    while (true) {
        if (Status status = begin_record(time); !status) return status;
        if (expire_holds(state_, time, *sink_)) return {};
        if (Status status = close_record(); !status) return status;
    }
}

void ShardLoop::warn_of_clock() {
    if (with_.deployment.test_clock || warned_of_clock_) return;
    if (with_.clock.now().value() + kClockBehindMax_us >= head_.last_time.value()) return;
    warned_of_clock_ = true;
    std::fprintf(stderr, "vouch: warning: shard %u: the clock is more than 5 s behind the newest record\n",
                 with_.shard.value());
}

bool ShardLoop::must_seal() const {
    const EventNumber first = head_.epoch_has_record ? head_.epoch_first_event : open_->before.next_event;
    const Timestamp start = head_.epoch_has_record ? head_.epoch_first_time : open_->time;
    return open_->next_event().value() - first.value() >= with_.options.bounds.epoch_events ||
           open_->time.value() - start.value() >= kEpochMicrosecondsMax;
}

Status ShardLoop::close_record() {
    if (!open_) return {};
    OpenRecord& record = *open_;
    if (record.event_count == 0) {
        give_answers_to_newest(record);
        drop_open_record();
        return {};
    }
    if (!head_.epoch_has_record) {
        head_.epoch_first_event = record.before.next_event;
        head_.epoch_first_time = record.time;
        head_.epoch_has_record = true;
    }
    const bool seals = must_seal();
    if (seals) {
        const Digest commitment = with_.keys.commitment(with_.shard, head_.epoch.next());
        sink_->append(Event(EpochSealed{.epoch = head_.epoch,
                                        .first_event = head_.epoch_first_event,
                                        .last_event = record.next_event(),
                                        .next_key_commitment = commitment}));
    }
    if (Status status = commit_open_record(); !status) return status;
    if (seals) {
        head_.epoch = head_.epoch.next();
        head_.epoch_has_record = false;
    }
    return {};
}

Mac& ShardLoop::mac_of(Epoch epoch) {
    if (!mac_ || mac_epoch_ != epoch) {
        mac_.emplace(with_.keys.record_key(with_.shard, epoch));
        mac_epoch_ = epoch;
    }
    return *mac_;
}

Status ShardLoop::commit_open_record() {
    OpenRecord& record = *open_;
    RecordHeader header;
    header.deployment = with_.deployment.id;
    header.chain_high = with_.deployment.chain_high;
    header.chain_low = with_.deployment.chain_low;
    header.shard = with_.shard;
    header.record = head_.next_record;
    header.first_event = head_.next_event;
    header.event_count = record.event_count;
    header.time = record.time;
    header.epoch = head_.epoch;
    header.term = head_.term;
    header.next_command = consumed_;
    header.previous_tag = head_.last_tag;
    record.parts = seal_record(mac_of(head_.epoch), header, record.body_bytes());
    record.pieces = {record.parts.prefix, record.body_bytes(), record.parts.suffix};
    const Result<CommitTicket> ticket =
        with_.log.commit(with_.shard, head_.term,
                         {.number = header.record,
                          .record = record.pieces,
                          .next = {header.next_command, Offset()}});
    if (!ticket) return ticket.error();
    record.ticket = *ticket;
    head_.next_record = head_.next_record.next();
    head_.next_event = record.next_event();
    head_.last_tag = record.parts.tag;
    head_.last_time = record.time;
    head_.next_command = header.next_command;
    sink_.reset();
    in_flight_.push_back(std::move(open_));
    return {};
}

Status ShardLoop::complete_durable(bool wait) {
    while (!in_flight_.empty()) {
        OpenRecord& oldest = *in_flight_.front();
        if (wait) {
            if (Status status = with_.log.await(oldest.ticket); !status) {
                take_back_all();
                return status;
            }
        }
        const Result<bool> durable = with_.log.is_durable(oldest.ticket);
        if (!durable) {
            take_back_all();
            return durable.error();
        }
        if (!*durable) return {};
        wait = false;
        deliver(oldest);
        state_.forget_oldest_record();
        facts_->oldest_is_durable(oldest);
        spare_.push_back(std::move(in_flight_.front()));
        in_flight_.pop_front();
    }
    return {};
}

void ShardLoop::drop_open_record() {
    facts_->undo(open_->facts, 0);
    facts_->drop_newest_record();
    state_.undo_newest_record();
    sink_.reset();
    spare_.push_back(std::move(open_));
}

// After a failed commit nothing that was decided since the last durable one has happened: accounts,
// holds, facts and the chain's head are as they were then.
void ShardLoop::take_back_all() {
    abandon_snapshot();
    if (open_) {
        head_ = open_->before;
        drop_open_record();
    }
    while (!in_flight_.empty()) {
        open_ = std::move(in_flight_.back());
        in_flight_.pop_back();
        head_ = open_->before;
        drop_open_record();
    }
}

}  // namespace vouch::command_handler
