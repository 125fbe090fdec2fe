#include "command-handler/shard/shard_loop.h"

#include "command-handler/core/decide.h"
#include "events/entries/event_bounds.h"
#include "events/check.h"

#include <algorithm>
#include <cstdio>

namespace vouch::command_handler {
namespace {

/// Input batches that one round takes from the log, of commands and of steps each.
constexpr std::size_t kBatchesARound = 8;
/// What an event says instead of the field at fault of a command that the core failed on.
constexpr std::string_view kIsolated = "isolated";
/// Postings of an entry whose accounts are brought nearer ahead of time.
constexpr std::size_t kPostingsAhead = 16;

bool has_details(const CommandDecided& decided) {
    return !decided.facts.is_empty() || decided.moved || !decided.members.empty();
}

/// Calls `with` for the accounts that deciding a command will look at.
template <class With>
void for_each_account(const Command& command, With with) {
    if (const auto* transfer = std::get_if<Transfer>(&command.body)) {
        with(transfer->debit);
        with(transfer->credit);
    } else if (const auto* hold = std::get_if<PlaceHold>(&command.body)) {
        with(hold->debit);
        with(hold->credit);
    } else if (const auto* opening = std::get_if<OpenAccount>(&command.body)) {
        with(opening->account);
    } else if (const auto* entry = std::get_if<PostEntry>(&command.body)) {
        for (const Posting& posting :
             entry->postings.first(std::min(kPostingsAhead, entry->postings.size()))) {
            with(posting.account);
        }
    }
}

}  // namespace

ShardLoop::ShardLoop(const ShardSurroundings& surroundings)
    : with_(surroundings),
      clock_(surroundings.clock),
      marks_(surroundings.options.bounds.mark_after_us),
      state_(surroundings.shard, surroundings.deployment.shards),
      verifier_(surroundings.deployment, surroundings.shard, &surroundings.keys),
      past_(surroundings.log, surroundings.deployment, surroundings.shard, surroundings.keys),
      peers_(surroundings.deployment.shards),
      step_macs_(surroundings.deployment.shards),
      senders_(surroundings.deployment.shards),
      late_steps_(surroundings.deployment.shards) {}

// The log borrows what is in flight.
ShardLoop::~ShardLoop() { VOUCH_ASSERT(in_flight_.empty()); }

// --- The loop -----------------------------------------------------------------------------------

Status ShardLoop::run() {
    DeathNotes::keep_spare_stack();
    while (true) {
        if (Status status = complete_durable(false); !status) return status;
        answer_questions();
        forget_cut_waiters();
        if (facts_->fault()) return give_up(*facts_->fault());
        if (Status status = read_input(); !status) return give_up(status);
        look_for_late_steps();
        const bool is_idle = !has_input() && !is_due();
        if (is_mark_due(is_idle)) {
            if (Status status = write_mark(); !status) return give_up(status);
            continue;
        }
        if (is_idle) {
            if (stopping_) break;
            wait();
            continue;
        }
        if (Status status = work_off_input(); !status) return give_up(status);
    }
    if (marks_.is_unmarked()) {
        // What was decided before stands, and is kept for the next start: unless another process
        // has come, whose matter that is.
        if (Status status = write_mark(); !status) {
            Fault fault = give_up(status).error();
            if (fault.code == FaultCode::fenced) return fault;
            if (const Status finished = finish(); !finished)
                fault.message += "; and then: " + finished.error().message;
            return fault;
        }
    }
    while (!in_flight_.empty()) {
        if (Status status = complete_durable(true); !status) return status;
    }
    return finish();
}

/// The record that is open has not happened; what the log has in hand may, and is answered when it
/// does.
Status ShardLoop::give_up(const Status& status) {
    abandon_snapshot();
    take_back_open();
    while (!in_flight_.empty() && complete_durable(true)) {
    }
    return status;
}

// The log hands a batch of commands out once, so one that has to wait for its turn is kept here.
Status ShardLoop::read_input() {
    steps_read_.clear();
    read_steps_again();
    if (Status status =
            with_.log.read_steps(with_.shard, next_step_read_, kBatchesARound, steps_read_);
        !status) {
        return status;
    }
    is_awaited_known_ = has_awaited_record();
    if (next_command_batch_ < commands_read_.size() || !takes_commands()) return {};
    commands_read_.clear();
    next_command_batch_ = 0;
    if (Status status =
            with_.log.read_commands(with_.shard, next_read_, kBatchesARound, commands_read_);
        !status) {
        return status;
    }
    if (!commands_read_.empty()) next_read_ = commands_read_.back().next();
    pass_over_marks();
    return {};
}

// What is trimmed later must not be missed at a start: so marks of producers' transactions are
// recorded as read, as repeats are.
void ShardLoop::pass_over_marks() {
    if (!commands_read_.empty()) return;
    const Offset next = with_.log.next_command(with_.shard, next_read_);
    if (next == next_read_) return;
    consumed_ = next_read_ = next;
    count_unrecorded();
}

void ShardLoop::count_unrecorded() {
    marks_.worked_off(consumed_.value() - head_.next_command.value() + consumed_step_.value() -
                          head_.next_step.value(),
                      clock_.machine_us());
}

// Steps are taken at any time, so that shards never wait for each other in a circle.
bool ShardLoop::takes_commands() const {
    const CrossingTable& crossings = state_.crossings();
    return crossings.size() < with_.options.bounds.crossings &&
           crossings.command_bytes() < with_.options.bounds.crossing_bytes;
}

bool ShardLoop::has_input() const {
    if (!steps_read_.empty() || is_awaited_known_) return true;
    if (rebuilt_sender() && !stopping_) return true;
    return next_command_batch_ < commands_read_.size() && takes_commands();
}

// Steps first: in a record they stand before what became of commands.
Status ShardLoop::work_off_input() {
    if (!has_input()) {
        if (Status status = open_record(); !status) return status;
    }
    if (Status status = take_step_batches(); !status) return status;
    if (Status status = continue_rebuild(); !status) return status;
    while (next_command_batch_ < commands_read_.size() && takes_commands()) {
        const InputBatch& batch = commands_read_[next_command_batch_];
        consumed_ = batch.offset;
        if (Status status = decide_batch(batch); !status) return status;
        consumed_ = batch.next();
        ++next_command_batch_;
    }
    if (Status status = close_record(); !status) return status;
    count_unrecorded();
    return {};
}

bool ShardLoop::is_mark_due(bool is_idle) const {
    const std::optional<std::int64_t> due = marks_.due_us(is_idle);
    return due && *due <= clock_.machine_us();
}

bool ShardLoop::is_due() {
    const std::optional<Due> due = state_.holds().next_due();
    return due && due->expires_at <= now();
}

void ShardLoop::wait() {
    std::optional<std::int64_t> timeout_us;
    const std::optional<Due> due = state_.holds().next_due();
    if (due && in_flight_.empty() && !with_.deployment.test_clock) {
        timeout_us = std::max<std::int64_t>(0, due->expires_at.value() - now().value());
    }
    if (const std::optional<std::int64_t> mark = marks_.due_us(true)) {
        const std::int64_t until_us = std::max<std::int64_t>(0, *mark - clock_.machine_us());
        timeout_us = std::min(timeout_us.value_or(until_us), until_us);
    }
    if (const std::optional<std::int64_t> steps_us = steps_wait_us())
        timeout_us = std::min(timeout_us.value_or(*steps_us), *steps_us);
    const Offset next_command = takes_commands() ? next_read_ : kNoOffset;
    with_.log.wait_for_input(with_.shard, {next_command, next_step_read_}, timeout_us);
}

Timestamp ShardLoop::now() {
    if (with_.deployment.test_clock) return head_.last_time;
    return std::max(head_.last_time, clock_.now());
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
    if (facts_) facts_->forget_answers();  // none after a start that failed
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
    if (batch.unreadable_until) return skip_unreadable(batch);
    members_.clear();
    std::optional<CommandFault> fault = set_aside(batch.offset, std::nullopt, batch.payload);
    if (!fault) {
        const DeathNotes::Watch watch(deaths_, batch.offset, std::nullopt, batch.payload);
        fault = split_batch(batch.payload, members_);
    }
    if (fault) {
        if (Status status = open_record(); !status) return status;
        refuse_unreadable(batch, std::nullopt, batch.payload, *fault);
        return {};
    }
    if (members_.empty()) marks_.ask();
    for (std::size_t first = 0; first < members_.size(); first += kCommandsAhead) {
        const std::size_t count = std::min(kCommandsAhead, members_.size() - first);
        if (Status status = decide_some(batch, first, count); !status) return status;
    }
    return {};
}

// What makes the core fail every time would make it fail at every start, and nothing behind it would
// ever be decided.
std::optional<CommandFault> ShardLoop::set_aside(Offset batch, std::optional<std::size_t> member,
                                                 CommandBytes bytes) const {
    if (!deaths_.is_set_aside(batch, member, bytes)) return std::nullopt;
    std::fprintf(stderr,
                 "vouch: alarm: shard %u: the process died %u times on the commands at offset "
                 "%llu%s; recorded as unreadable and not tried again\n",
                 with_.shard.value(), DeathNotes::kDeathsMax,
                 static_cast<unsigned long long>(batch.value()),
                 member ? (", member " + std::to_string(*member)).c_str() : "");
    return CommandFault{Outcome::malformed, kIsolated};
}

// What nobody can read may have been commands: that they were passed over is recorded.
Status ShardLoop::skip_unreadable(const InputBatch& range) {
    while (!open_ || (open_->event_count > 0 && !sink_->has_room())) {
        if (Status status = close_record(); !status) return status;
        if (Status status = open_record(); !status) return status;
    }
    std::fprintf(stderr,
                 "vouch: alarm: shard %u: commands from offset %llu up to %llu cannot be inflated; "
                 "recorded as unreadable\n",
                 with_.shard.value(), static_cast<unsigned long long>(range.offset.value()),
                 static_cast<unsigned long long>(range.next().value()));
    Unreadable event;
    event.offset = range.offset;
    event.outcome = Outcome::malformed;
    event.next_offset = range.next();
    sink_->append(Event(event));
    return {};
}

// Three passes, so that the memory that a command touches is on its way to the cache while others
// are worked on: decode and fetch index lines; fetch rows; decide.
Status ShardLoop::decide_some(const InputBatch& batch, std::size_t first, std::size_t count) {
    arena_.clear();
    const AccountTable& accounts = state_.accounts();
    for (std::size_t i = 0; i < count; ++i) {
        Ahead& ahead = ahead_[i];
        const DeathNotes::Watch watch(deaths_, batch.offset, first + i, members_[first + i]);
        ahead.fault.reset();
        if (!deaths_.is_empty()) {
            ahead.fault = set_aside(batch.offset, first + i, members_[first + i]);
            if (ahead.fault) continue;
        }
        // Copied only when there is one: the copy of an empty one waits for its own making.
        if (const auto fault = decode_command(members_[first + i], arena_, ahead.decided.command)) {
            ahead.fault = fault;
            continue;
        }
        const Command& command = ahead.decided.command;
        ahead.hash = facts_->hash_of_command(command.ledger, command.id);
        facts_->prefetch(ahead.hash);
        for_each_account(command,
                         [&](AccountId id) { accounts.prefetch_index(command.ledger, id); });
    }
    for (std::size_t i = 0; i < count; ++i) {
        if (ahead_[i].fault) continue;
        const Command& command = ahead_[i].decided.command;
        for_each_account(command, [&](AccountId id) { accounts.prefetch_row(command.ledger, id); });
    }
    const Arena::Mark decoded = arena_.mark();
    for (std::size_t i = 0; i < count; ++i) {
        facts_->forget_answers();
        if (Status status = decide_one(batch, first + i, ahead_[i]); !status) return status;
        if (facts_->fault()) return *facts_->fault();
        arena_.rewind(decoded);
    }
    return {};
}

Status ShardLoop::decide_one(const InputBatch& batch, std::size_t member, Ahead& ahead) {
    const CommandBytes bytes = members_[member];
    if (!ahead.fault && std::holds_alternative<SetClock>(ahead.decided.command.body)) {
        if (with_.deployment.test_clock) return set_clock(batch, member, ahead);
        ahead.fault = CommandFault{Outcome::malformed, "set_clock"};
    }
    const std::size_t room =
        ahead.fault ? bounds::kUnreadable
                    : command_events_bytes_max(ahead.decided.command.body, bytes.size());
    // A record that has just been opened may be full of holds that expired.
    const auto is_full = [&] { return open_->event_count > 0 && !sink_->has_room_for(room, 1); };
    while (!open_ || is_full()) {
        if (Status status = close_record(); !status) return status;
        if (Status status = open_record(); !status) return status;
    }
    const DeathNotes::Watch watch(deaths_, batch.offset, member, bytes);
    if (ahead.fault) {
        refuse_unreadable(batch, member, bytes, *ahead.fault);
        return {};
    }
    const bool may_be_seen = facts_->may_be_seen(ahead.hash);
    const Execution execution =
        execute(state_, *facts_, ahead.decided, may_be_seen, open_->time, *sink_, arena_);
    answer_execution(batch, member, execution, ahead.decided);
    return {};
}

// A new time is a record of its own. A repeat moves nothing, because its time has come already; a
// conflict must not.
Status ShardLoop::set_clock(const InputBatch& batch, std::size_t member, Ahead& ahead) {
    const Command& command = ahead.decided.command;
    const bool is_seen = [&] {
        const DeathNotes::Watch watch(deaths_, batch.offset, member, members_[member]);
        return facts_->may_be_seen(ahead.hash) && facts_->find_command(command.ledger, command.id);
    }();
    if (facts_->fault()) return *facts_->fault();
    const Timestamp asked = std::get<SetClock>(command.body).time;
    const Timestamp at = is_seen ? head_.last_time : std::max(head_.last_time, asked);
    if (Status status = close_record(); !status) return status;
    if (Status status = open_record(std::max(at, head_.last_time)); !status) return status;
    {
        const DeathNotes::Watch watch(deaths_, batch.offset, member, members_[member]);
        const Execution execution =
            execute(state_, *facts_, ahead.decided, is_seen, open_->time, *sink_, arena_);
        if (facts_->fault()) return *facts_->fault();
        answer_execution(batch, member, execution, ahead.decided);
    }
    return close_record();
}

void ShardLoop::refuse_unreadable(const InputBatch& batch, std::optional<std::size_t> member,
                                  CommandBytes bytes, const CommandFault& fault) {
    const Digest digest = sha256({&bytes, 1});
    Unreadable event;
    event.offset = batch.offset;
    if (member) event.member = static_cast<std::uint32_t>(*member);
    event.length = bytes.size();
    event.digest = digest;
    event.outcome = fault.outcome;
    event.field = fault.field;
    const Answer told{.id = {},
                      .record = open_->number(),
                      .event = open_->next_event(),
                      .outcome = fault.outcome};
    sink_->append(Event(event));
    if (fault.field == kIsolated) {
        isolated_last_ = batch.offset.value();
        ++isolated_count_;
    }
    AnswerDetails details;
    details.field = fault.field;
    answer(batch, member.value_or(0), told, std::move(details));
}

// --- Answers ------------------------------------------------------------------------------------

void ShardLoop::answer_execution(const InputBatch& batch, std::size_t member,
                                 const Execution& execution, const CommandDecided& decided) {
    Answer told{.id = decided.command.id, .record = execution.record, .event = execution.event};
    switch (execution.kind) {
        case Execution::Kind::decided:
            answer_decided(batch, member, execution, decided);
            return;
        case Execution::Kind::in_transit:
            answer_in_transit(batch, member, told, decided.command.ledger);
            return;
        case Execution::Kind::repeated: {
            const PastCommand& past = *execution.past;
            told.repeated = true;
            if (past.in_transit) {
                answer_in_transit(batch, member, told, decided.command.ledger);
                return;
            }
            told.outcome = past.outcome();
            told.answered = past.answered;
            answer(batch, member, told, details_of(past));
            return;
        }
        case Execution::Kind::conflict:
            told.outcome = Outcome::conflict;
            answer(batch, member, told, std::nullopt);
            return;
        case Execution::Kind::forwarded:
            told.in_transit = true;
            answer(batch, member, told, std::nullopt);
            return;
    }
}

// Nearly all answers are such: made where they stay, since a copy would wait for its making.
void ShardLoop::answer_decided(const InputBatch& batch, std::size_t member,
                               const Execution& execution, const CommandDecided& decided) {
    Answer& told = add_answer(batch, member);
    told.id = decided.command.id;
    told.record = execution.record;
    told.event = execution.event;
    told.outcome = decided.outcome;
    if (has_details(decided)) tell(told, *details_of(decided));
}

void ShardLoop::answer_in_transit(const InputBatch& batch, std::size_t member, Answer told,
                                  LedgerId ledger) {
    told.in_transit = true;
    if (const Crossing* crossing = state_.crossings().find({ledger, told.id}))
        told.waits_for = crossing->to;
    const bool is_cut = told.waits_for && is_cut_from(*told.waits_for);
    told.is_last = !is_cut && told.repeated && count_waiters() >= with_.options.bounds.waiters;
    answer(batch, member, told, std::nullopt);
    if (is_cut || told.is_last) return;
    open_->waiters.push_back({ledger, told.id, batch.offset, member, told.repeated});
}

/// What waits for the other shard has no outcome before the next start, and its sink knows it.
bool ShardLoop::is_cut_from(ShardId other) const {
    return with_.cuts != nullptr && with_.cuts->is_cut(with_.shard, other);
}

/// Those counted that are told with records to come.
std::size_t ShardLoop::count_waiters() const {
    std::size_t count = waiters_.size() + open_->waiters.size();
    for (const auto& record : in_flight_) count += record->waiters.size();
    return count;
}

// They would take the place of others until the next start.
void ShardLoop::forget_cut_waiters() {
    if (with_.cuts == nullptr || with_.cuts->count() == cuts_seen_) return;
    cuts_seen_ = with_.cuts->count();
    waiters_.forget_if(
        [this](LedgerId ledger, CommandId command) { return is_cut_off(ledger, command); });
}

/// Whether a command in transit has no outcome before the next start.
bool ShardLoop::is_cut_off(LedgerId ledger, CommandId command) const {
    if (with_.cuts == nullptr || with_.cuts->count() == 0) return false;
    const Crossing* crossing = state_.crossings().find({ledger, command});
    return crossing != nullptr && is_cut_from(crossing->to);
}

// Of a command of an earlier record: who waits for it is known once this record is durable.
void ShardLoop::settle(const StepExecution& execution) {
    const CommandDecided& decided = execution.decided;
    Answer told{.id = decided.command.id,
                .record = execution.record,
                .event = execution.event,
                .outcome = decided.outcome,
                .answered = execution.answered_by};
    if (std::optional<AnswerDetails> details = details_of(decided)) {
        open_->details.push_back(std::move(*details));
        told.details = &open_->details.back();
    }
    open_->settled.push_back({decided.command.ledger, told});
}

std::optional<AnswerDetails> ShardLoop::details_of(const PastCommand& past) const {
    if (past.member && past.outcome() == Outcome::group_failed) return std::nullopt;
    std::optional<AnswerDetails> details = details_of(past.event);
    // The group's facts are those of the member that made it fail; its members are its own.
    if (details && past.member) details->members.clear();
    return details;
}

std::optional<AnswerDetails> ShardLoop::details_of(const CommandDecided& decided) const {
    if (!has_details(decided)) return std::nullopt;
    AnswerDetails details;
    details.facts = decided.facts;
    details.moved = decided.moved;
    details.members.assign(decided.members.begin(), decided.members.end());
    const AccountTable& accounts = state_.accounts();
    if (!decided.facts.account.is_zero()) {
        const AccountRow* row = state_.find(decided.command.ledger, decided.facts.account);
        if (row) {
            details.asset = accounts.asset(*row);
        } else if (decided.outcome != Outcome::asset_mismatch) {
            details.asset = asset_decided_in(decided);  // of the other shard: of the same asset
        }
    } else if (!decided.changes.empty()) {
        details.asset = accounts.asset(accounts.row(decided.changes.front().account));
    } else {
        details.asset = asset_decided_in(decided);
    }
    return details;
}

std::optional<Asset> ShardLoop::asset_decided_in(const CommandDecided& decided) const {
    const AccountId account = deciding_account(decided.command);
    if (account.is_zero()) return std::nullopt;
    const AccountRow* row = state_.find(decided.command.ledger, account);
    if (row == nullptr) return std::nullopt;
    return state_.accounts().asset(*row);
}

void ShardLoop::answer(const InputBatch& batch, std::size_t member, const Answer& told,
                       std::optional<AnswerDetails> details) {
    Answer& given = add_answer(batch, member);
    given = told;
    if (details) tell(given, std::move(*details));
}

void ShardLoop::tell(Answer& answer, AnswerDetails&& details) {
    open_->details.push_back(std::move(details));
    answer.details = &open_->details.back();
}

Answer& ShardLoop::add_answer(const InputBatch& batch, std::size_t member) {
    OpenRecord& record = *open_;
    if (!record.runs.empty() && record.runs.back().batch == batch.offset &&
        record.runs.back().first + record.runs.back().count == member) {
        ++record.runs.back().count;
    } else {
        record.runs.push_back({batch.offset, member, 1});
    }
    return record.answers.emplace_back();
}

// Outcomes first: their waiters were told of the transit with an earlier record.
void ShardLoop::deliver(OpenRecord& record) {
    deliver_outcomes(record);
    for (const Waiter& waiter : record.waiters) {
        // Decided before the cut, and durable after it.
        if (!is_cut_off(waiter.ledger, waiter.command)) waiters_.add(waiter);
    }
    std::size_t at = 0;
    for (const AnswerRun& run : record.runs) {
        with_.sink.answered(with_.shard, run.batch, run.first,
                            std::span(record.answers).subspan(at, run.count));
        at += run.count;
    }
}

void ShardLoop::deliver_outcomes(const OpenRecord& record) {
    AnswerRun run;
    const auto flush = [&] {
        if (!second_answers_.empty()) {
            with_.sink.answered(with_.shard, run.batch, run.first, second_answers_);
        }
        second_answers_.clear();
    };
    for (const SettledCommand& settled : record.settled) {
        waiters_.settle(settled.ledger, settled.answer.id, [&](const Waiter& waiter) {
            const bool goes_on = !second_answers_.empty() && waiter.batch == run.batch &&
                                 waiter.member == run.first + second_answers_.size();
            if (!goes_on) {
                flush();
                run = {waiter.batch, waiter.member, 0};
            }
            second_answers_.push_back(settled.answer);
            second_answers_.back().repeated = waiter.repeated;
        });
    }
    flush();
}

// A record that came to nothing but repeats: what it answers is durable once everything before it
// is.
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
    newest.waiters.insert(newest.waiters.end(), record.waiters.begin(), record.waiters.end());
}

}  // namespace vouch::command_handler
