#include "command-handler/gateway/command_stream.h"

#include "command-handler/intake/routing.h"
#include "command-handler/intake/time_text.h"
#include "events/check.h"
#include "events/money/text_ids.h"
#include "events/overloads.h"

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

}  // namespace

CommandStream::CommandStream(const Deployment& deployment, Directory& books, IdsInFlight& ids,
                             bool one_at_a_time)
    : deployment_(deployment),
      books_(books),
      ids_(ids),
      one_at_a_time_(one_at_a_time),
      order_(deployment.shards, told_.lines),
      admission_(books, ids, deployment.shards),
      directory_(books, deployment.shards) {}

CommandStream::Step CommandStream::take_line(std::string_view text, std::string_view given_id) {
    if (text.find_first_not_of(" \t") == std::string_view::npos) {
        ++line_;
        return Step::done;
    }
    if (in_flight_ > 0 && (one_at_a_time_ || is_barrier_)) return Step::drain_first;
    is_barrier_ = false;
    if (position_ == 0) {  // not here for a second time
        ++line_;
        position_ = told_.lines.add();
        sent_.emplace_back(ids_);
    }
    const Step step = take_understood(text, given_id);
    if (step != Step::drain_first) position_ = 0;
    return step;
}

void CommandStream::take_long_line() {
    ++line_;
    sent_.emplace_back(ids_);
    const Malformed fault{Outcome::too_large, "", "a line of more than 1 MiB"};
    told_.tell_malformed(told_.lines.add(), fault, line_);
}

CommandStream::Step CommandStream::take_understood(std::string_view text,
                                                   std::string_view given_id) {
    arena_.clear();
    books_.forget_unknown();
    if (const std::optional<Malformed> fault = json_.read(text, arena_, raw_, given_id))
        return refuse(*fault);
    const Understood understood = understand(raw_, position_, directory_, arena_);
    if (books_.unknown()) return cut_off_here(*books_.unknown());
    return std::visit(
        Overloads{
            [&](const Command& command) { return take_command(command); },
            [&](const Malformed& fault) { return refuse(fault); },
            [&](const MustWait&) {
                VOUCH_ASSERT(in_flight_ > 0);
                return Step::drain_first;
            },
            [&](const ClockLine& clock) {
                return in_flight_ > 0 ? Step::drain_first : take_clock(clock);
            },
            [&](const WaitLine&) {
                if (in_flight_ > 0) return Step::drain_first;
                told_.tell_nothing(position_);
                return Step::done;
            },
        },
        understood);
}

CommandStream::Step CommandStream::refuse(const Malformed& malformed) {
    told_.tell_malformed(position_, malformed, line_);
    return Step::done;
}

CommandStream::Step CommandStream::take_command(Command command) {
    if (order_.must_wait(command, route(command, deployment_.shards), directory_.behind())) {
        if (in_flight_ > 0) return Step::drain_first;
        order_.clear();
    }
    SentLine& line = sent(position_);
    line.line = line_;
    line.id = raw_.command.text(Field::id);
    line.ledger = command.ledger;
    last_id_ = line.id;
    last_ledger_ = command.ledger;
    for (const RawCommand& member : raw_.members) line.members.emplace_back(member.text(Field::id));
    line.names = names_.add(raw_);
    const Admission admission = admission_.admit(command, directory_.behind(),
                                                 directory_.entries(), line.claimed);
    if (!std::holds_alternative<Admitted>(admission)) return answer_here(admission);
    // It may go to where it was decided before.
    return send(command, route(command, deployment_.shards));
}

CommandStream::Step CommandStream::send(const Command& command, ShardId shard) {
    directory_.claim();
    order_.add(command, shard, position_, directory_.behind());
    outgoing_.assign(1, {.shard = shard, .command = command, .position = position_});
    ++in_flight_;
    return Step::send;
}

CommandStream::Step CommandStream::answer_here(const Admission& admission) {
    if (const auto* stop = std::get_if<StoppedShard>(&admission)) return cut_off_here(*stop);
    SentLine& line = sent(position_);
    line.claimed.release();
    if (const auto* refusal = std::get_if<UnrecordedRefusal>(&admission)) {
        told_.tell_refusal(position_, *refusal, line.id, line.members);
        return Step::done;
    }
    const KnownCommand& seen = std::get<KnownCommand>(admission);
    const Answer answer{.id = {},
                        .record = seen.record,
                        .event = seen.event,
                        .outcome = seen.outcome,
                        .repeated = true,
                        .details = seen.details ? &*seen.details : nullptr};
    tell(position_, answer, seen.shard);
    return Step::done;
}

CommandStream::Step CommandStream::cut_off_here(const StoppedShard& by) {
    SentLine& line = sent(position_);
    line.id = raw_.command.text(Field::id);
    line.ledger = LedgerId(static_cast<std::uint32_t>(raw_.command.number(Field::ledger)));
    line.claimed.release();
    const bool is_unrecorded = admission_.is_unknown_everywhere(line.ledger, line.id);
    told_.tell_cut_off(position_, {.by = by, .is_unrecorded = is_unrecorded}, line.id);
    return Step::done;
}

CommandStream::Step CommandStream::take_clock(const ClockLine& clock) {
    if (!deployment_.test_clock) {
        return refuse({Outcome::malformed, "clock", "these books have no test clock"});
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

void CommandStream::take_cut_off(std::uint64_t position, const CutOff& cut) {
    --in_flight_;
    SentLine& line = sent(position);
    // What may still be decided keeps its ids: no other shard may take them meanwhile. A repeat is
    // known where it is recorded.
    if (cut.is_dropped || cut.is_busy) line.claimed.release();
    line.claimed.leave();
    directory_.withdraw(position);
    if (line.clock_answers > 0) {
        line.clock_cut = cut.by;
        return take_clock_answer(position);
    }
    const bool is_unrecorded =
        cut.is_dropped && admission_.is_unknown_everywhere(line.ledger, line.id);
    told_.tell_cut_off(position,
                       {.by = cut.by,
                        .is_unrecorded = is_unrecorded,
                        .transit = line.transit,
                        .is_busy = cut.is_busy},
                       line.id);
    forget_settled();
}

/// The last shard's answer, or lack of one, ends a clock line.
void CommandStream::take_clock_answer(std::uint64_t position) {
    SentLine& line = sent(position);
    if (--line.clock_answers > 0) return;
    if (line.clock_cut) {
        told_.tell_cut_off(position, {.by = *line.clock_cut}, line.id);
    } else {
        told_.tell_nothing(position);
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
    line.claimed.release();
    if (line.clock_answers > 0) return take_clock_answer(position);
    directory_.settle(position, is_accepted(answer.outcome));
    if (answer.id.is_zero()) {
        // The codec refuses what the gateway let through: nothing was recorded under its id.
        const std::string field =
            kept.details != nullptr ? std::string(kept.details->field) : "";
        told_.tell_malformed(
            position, {answer.outcome, field, "not a command that can be recorded"}, line.line);
    } else {
        tell(position, answer, shard);
    }
    forget_settled();
}

void CommandStream::tell(std::uint64_t position, const Answer& answer, ShardId shard) {
    const SentLine& line = sent(position);
    std::string account;
    if (const AccountId about = refused_account(answer); !about.is_zero()) {
        account = names_.find(line.names, line.ledger, about);
        if (account.empty()) account = id_text(about);
    }
    told_.tell_answer(position, answer, shard, line.id, line.members, account);
}

void CommandStream::forget_settled() {
    for (; first_sent_ < told_.lines.first_open() && !sent_.empty(); ++first_sent_) {
        names_.forget_before(sent_.front().names.end);
        sent_.pop_front();
    }
}

}  // namespace vouch::command_handler
