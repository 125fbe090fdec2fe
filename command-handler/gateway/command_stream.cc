#include "command-handler/gateway/command_stream.h"

#include "command-handler/gateway/outcome_line.h"
#include "command-handler/intake/time_text.h"
#include "events/check.h"

#include <utility>
#include <variant>

namespace vouch::command_handler {

namespace {

/// A clock line has no id of its own. This one makes a repeated line a repeated command: time does
/// not go back, so the second would do nothing anyway.
CommandId clock_id(Timestamp time, ShardId shard) {
    const std::string name =
        "vouch clock " + time_text(time) + " shard " + std::to_string(shard.value());
    const std::optional<TextId> id = parse_command_id(name);
    VOUCH_ASSERT(id.has_value());
    return {id->high, id->low};
}

SeenPlace place_of(const KnownCommand& known) {
    return {.shard = known.shard, .record = known.record, .event = known.event};
}

}  // namespace

CommandStream::CommandStream(const Deployment& deployment, Directory& books, IdsInFlight& ids,
                             bool one_at_a_time)
    : deployment_(deployment),
      ids_(ids),
      one_at_a_time_(one_at_a_time),
      directory_(books, deployment.shards) {}

CommandStream::~CommandStream() {
    for (SentLine& line : sent_) release_ids(line);
}

CommandStream::Step CommandStream::take_line(std::string_view text) {
    if (text.find_first_not_of(" \t") == std::string_view::npos) {
        ++line_;
        return Step::done;
    }
    if (in_flight_ > 0 && (one_at_a_time_ || is_barrier_)) return Step::drain_first;
    is_barrier_ = false;
    if (position_ == 0) {  // not here for a second time
        ++line_;
        position_ = outcomes_.add();
        sent_.emplace_back();
    }
    const Step step = take_understood(text);
    if (step != Step::drain_first) position_ = 0;
    return step;
}

void CommandStream::take_long_line() {
    ++line_;
    sent_.emplace_back();
    refuse({Outcome::too_large, "", "a line of more than 1 MiB"}, line_, outcomes_.add());
}

CommandStream::Step CommandStream::take_understood(std::string_view text) {
    arena_.clear();
    directory_.forget_unknown();
    if (const std::optional<Malformed> fault = json_.read(text, arena_, raw_))
        return refuse(*fault, line_, position_);
    const Understood understood = understand(raw_, position_, directory_, arena_);
    if (directory_.unknown()) return cut_off_here(*directory_.unknown());
    if (const auto* command = std::get_if<Command>(&understood)) return take_command(*command);
    if (const auto* fault = std::get_if<Malformed>(&understood))
        return refuse(*fault, line_, position_);
    if (std::holds_alternative<MustWait>(understood)) {
        VOUCH_ASSERT(in_flight_ > 0);
        return Step::drain_first;
    }
    if (in_flight_ > 0) return Step::drain_first;
    if (const auto* clock = std::get_if<ClockLine>(&understood)) return take_clock(*clock);
    VOUCH_ASSERT(std::holds_alternative<WaitLine>(understood));
    outcomes_.settle(position_, "");
    return Step::done;
}

CommandStream::Step CommandStream::refuse(const Malformed& malformed, std::uint64_t line,
                                          std::uint64_t position) {
    ++counts_.malformed;
    malformed_ = malformed;
    outcomes_.settle(position, outcome_line(malformed, line));
    return Step::done;
}

CommandStream::Step CommandStream::take_command(Command command) {
    const ShardId shard = route(command, deployment_.shards);
    if (must_keep_order(command, shard)) {
        if (in_flight_ > 0) {
            // The line is read again then, and may mean something else by what is known then.
            directory_.withdraw(position_);
            return Step::drain_first;
        }
        touched_.clear();
    }
    SentLine& line = sent(position_);
    line.line = line_;
    line.id = raw_.command.text(Field::id);
    line.ledger = command.ledger;
    last_id_ = line.id;
    last_ledger_ = command.ledger;
    for (const RawCommand& member : raw_.members) line.members.emplace_back(member.text(Field::id));
    const Step step = answer_here(command, shard);
    return step == Step::send ? send(command) : step;
}

CommandStream::Step CommandStream::send(const Command& command) {
    const ShardId shard = route(command, deployment_.shards);
    if (deployment_.shards > 1) {
        visit_touched(command, directory_.behind(), [&](const Touched& id) {
            const auto [found, is_new] = touched_.try_emplace(id, TouchedBy{shard, position_});
            if (is_new || found->second.position == position_) return;
            const bool is_behind_open = is_open(found->second);
            found->second = {shard, position_, is_behind_open};
        });
    }
    outgoing_.assign(1, {.shard = shard, .command = command, .position = position_});
    ++in_flight_;
    return Step::send;
}

CommandStream::Step CommandStream::answer_here(Command& command, ShardId shard) {
    const std::optional<Outcome> unknown = lacks_account(command);
    const auto* const group = std::get_if<Group>(&command.body);
    if (deployment_.shards == 1 && !unknown && group == nullptr) return Step::send;
    if (!unknown) {
        if (const auto stop = directory_.stop_before(command, shard, directory_.behind()))
            return cut_off_here(*stop);
    }
    // First claimed, then looked for: whoever lets go of a claim in between has been seen by then.
    if (!unknown) {
        if (const auto other = claim_ids(command, shard)) return refuse_claimed(command, *other);
    }
    const auto seen = directory_.seen(command, unknown ? std::nullopt : std::optional(shard));
    if (directory_.unknown()) return cut_off_here(*directory_.unknown());
    if (seen && seen->has_same_content && give_account(command, seen->account)) {
        // A repeat: which account it names is no part of what it asks, and its claim is where it is.
        release_ids(sent(position_));
        const auto other = claim_ids(command, seen->shard);
        return other ? refuse_claimed(command, *other) : Step::send;
    }
    if (seen) {
        tell_first(*seen);
        return Step::done;
    }
    std::optional<UnrecordedRefusal> refusal;
    if (unknown) refusal = UnrecordedRefusal{.outcome = *unknown, .first = {}, .member = {}};
    if (group != nullptr) refusal = refusal_of_members(*group, shard);
    if (directory_.unknown()) return cut_off_here(*directory_.unknown());
    if (!refusal) return Step::send;
    refuse_here(*refusal);
    return Step::done;
}

std::optional<UnrecordedRefusal> CommandStream::refusal_of_members(const Group& group,
                                                                   ShardId shard) {
    for (std::size_t i = 0; i < group.members.size(); ++i) {
        if (const auto unknown = lacks_account(group.members[i]))
            return UnrecordedRefusal{.outcome = *unknown, .first = {}, .member = i};
        if (const auto seen = directory_.seen(group.members[i], shard))
            return UnrecordedRefusal{
                .outcome = Outcome::conflict, .first = place_of(*seen), .member = i};
    }
    return std::nullopt;
}

void CommandStream::refuse_here(const UnrecordedRefusal& refusal) {
    SentLine& line = sent(position_);
    release_ids(line);
    directory_.withdraw(position_);
    ++counts_.refused;
    outcomes_.settle(position_, outcome_line(refusal, line.id, line.members));
}

void CommandStream::tell_first(const KnownCommand& seen) {
    // What is in transit was sent there by its own content: this is another command.
    if (!seen.has_same_content || seen.in_transit)
        return refuse_here({.outcome = Outcome::conflict, .first = place_of(seen), .member = {}});
    SentLine& line = sent(position_);
    release_ids(line);
    directory_.withdraw(position_);
    ++(is_accepted(seen.outcome) ? counts_.accepted : counts_.refused);
    const Answer answer{.id = {},
                        .record = seen.record,
                        .event = seen.event,
                        .outcome = seen.outcome,
                        .repeated = true,
                        .details = seen.details ? &*seen.details : nullptr};
    outcomes_.settle(position_, outcome_line(answer, seen.shard, line.id, line.members));
}

/// An id of it is on its way to another shard: a conflict there, or not known any more.
CommandStream::Step CommandStream::refuse_claimed(const Command& command, ShardId other) {
    if (const auto stop = directory_.stop_before(command, other, {})) return cut_off_here(*stop);
    refuse_here({});
    return Step::done;
}

std::optional<ShardId> CommandStream::claim_ids(const Command& command, ShardId shard) {
    if (deployment_.shards == 1) return std::nullopt;
    SentLine& line = sent(position_);
    std::vector<CommandId> ids{command.id};
    if (const auto* group = std::get_if<Group>(&command.body)) {
        for (const Command& member : group->members) ids.push_back(member.id);
    }
    for (const CommandId id : ids) {
        if (const auto other = ids_.claim(command.ledger, id, shard)) {
            release_ids(line);
            return other;
        }
        line.claimed.push_back(id);
    }
    return std::nullopt;
}

void CommandStream::release_ids(SentLine& line) {
    for (const CommandId id : line.claimed) ids_.release(line.ledger, id);
    line.claimed.clear();
}

CommandStream::Step CommandStream::cut_off_here(const StoppedShard& by) {
    SentLine& line = sent(position_);
    line.id = raw_.command.text(Field::id);
    line.ledger = LedgerId(static_cast<std::uint32_t>(raw_.command.number(Field::ledger)));
    release_ids(line);
    directory_.withdraw(position_);
    settle_cut_off(position_, {.by = by, .is_unrecorded = is_unknown_everywhere(line)});
    return Step::done;
}

/// Whether no shard has, or is about to get, an earlier copy of a line that was not sent.
bool CommandStream::is_unknown_everywhere(const SentLine& line) {
    if (deployment_.shards == 1) return false;  // nobody notes there what is on its way
    const std::optional<TextId> text = parse_command_id(line.id);
    if (!text) return false;
    const CommandId id(text->high, text->low);
    // On its way before it is seen, so asked for in that order.
    return !ids_.is_claimed(line.ledger, id) && !directory_.may_have_seen(line.ledger, id);
}

void CommandStream::settle_cut_off(std::uint64_t position, CutOffCommand cut) {
    ++counts_.cut_off;
    outcomes_.settle(position, outcome_line(cut, sent(position).id));
    cut_off_ = std::move(cut);
}

CommandStream::Step CommandStream::take_clock(const ClockLine& clock) {
    if (!deployment_.test_clock) {
        return refuse({Outcome::malformed, "clock", "these books have no test clock"}, line_,
                      position_);
    }
    outgoing_.clear();
    for (std::uint32_t shard = 0; shard < deployment_.shards; ++shard) {
        Command command;
        command.id = clock_id(clock.time, ShardId(shard));
        command.body = SetClock{clock.time};
        outgoing_.push_back({.shard = ShardId(shard), .command = command, .position = position_});
    }
    sent(position_).clock_answers = outgoing_.size();
    in_flight_ += outgoing_.size();
    is_barrier_ = true;
    return Step::send;
}

bool CommandStream::is_open(const TouchedBy& touched) const {
    if (!outcomes_.is_settled(touched.position)) return true;
    return touched.is_behind_open && touched.position >= outcomes_.first_open();
}

bool CommandStream::must_keep_order(const Command& command, ShardId shard) const {
    if (deployment_.shards == 1) return false;
    if (touched_.size() >= kTouchedMax) return true;
    bool must_wait = false;
    visit_touched(command, directory_.behind(), [&](const Touched& id) {
        const auto found = touched_.find(id);
        if (found == touched_.end() || found->second.shard == shard) return;
        if (is_open(found->second)) must_wait = true;
    });
    // Its own shard knows what came before, but cannot say yet whether another one sends it back.
    visit_closed(command, [&](AccountId account) {
        const auto found = touched_.find({command.ledger, account.high(), account.low()});
        if (found != touched_.end() && is_open(found->second)) must_wait = true;
    });
    return must_wait;
}

void CommandStream::take_cut_off(std::uint64_t position, const CutOff& cut) {
    --in_flight_;
    SentLine& line = sent(position);
    // What may still be decided keeps its ids: no other shard may take them meanwhile. A repeat is
    // known where it is recorded.
    if (cut.is_dropped || cut.is_busy) release_ids(line);
    line.claimed.clear();
    directory_.withdraw(position);
    if (line.clock_answers > 0) {
        line.clock_cut = cut.by;
        return take_clock_answer(position);
    }
    settle_cut_off(position, {.by = cut.by,
                              .is_unrecorded = cut.is_dropped && is_unknown_everywhere(line),
                              .transit = line.transit,
                              .is_busy = cut.is_busy});
    forget_settled();
}

/// The last shard's answer, or lack of one, ends a clock line.
void CommandStream::take_clock_answer(std::uint64_t position) {
    SentLine& line = sent(position);
    if (--line.clock_answers > 0) return;
    if (line.clock_cut) {
        settle_cut_off(position, {.by = *line.clock_cut});
    } else {
        outcomes_.settle(position, "");
    }
    forget_settled();
}

void CommandStream::take_answer(std::uint64_t position, ShardId shard, const KeptAnswer& kept) {
    const Answer& answer = kept.answer;
    SentLine& line = sent(position);
    if (!is_final(answer)) {
        line.transit = SeenPlace{shard, answer.record, answer.event};
        return;
    }
    --in_flight_;
    release_ids(line);
    if (line.clock_answers > 0) return take_clock_answer(position);
    const bool accepted = is_accepted(answer.outcome);
    directory_.settle(position, accepted);
    if (answer.id.is_zero()) {
        // The codec refuses what the gateway let through: nothing was recorded under its id.
        const std::string field =
            kept.details != nullptr ? std::string(kept.details->field) : "";
        refuse({answer.outcome, field, "not a command that can be recorded"}, line.line,
               position);
    } else {
        ++(accepted ? counts_.accepted : counts_.refused);
        outcomes_.settle(position, outcome_line(answer, shard, line.id, line.members));
    }
    forget_settled();
}

void CommandStream::forget_settled() {
    for (; first_sent_ < outcomes_.first_open() && !sent_.empty(); ++first_sent_) sent_.pop_front();
}

}  // namespace vouch::command_handler
