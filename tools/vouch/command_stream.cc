#include "tools/vouch/command_stream.h"

#include "command-handler/intake/time_text.h"
#include "events/check.h"
#include "tools/vouch/outcome_line.h"

#include <utility>
#include <variant>

namespace vouch::cli {

using command_handler::ClockLine;
using command_handler::Field;
using command_handler::Malformed;
using command_handler::MustWait;
using command_handler::Touched;
using command_handler::Understood;
using command_handler::WaitLine;

namespace {

/// A clock line has no id of its own. This one makes a repeated line a repeated command: time does
/// not go back, so the second would do nothing anyway.
CommandId clock_id(Timestamp time, ShardId shard) {
    const std::string name = "vouch clock " + command_handler::time_text(time) + " shard " +
                             std::to_string(shard.value());
    const std::optional<TextId> id = parse_command_id(name);
    VOUCH_ASSERT(id.has_value());
    return {id->high, id->low};
}

}  // namespace

CommandStream::CommandStream(const Deployment& deployment, command_handler::Directory& books,
                             bool one_at_a_time)
    : deployment_(deployment),
      one_at_a_time_(one_at_a_time),
      directory_(books, deployment.shards) {}

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
    if (const std::optional<Malformed> fault = json_.read(text, arena_, raw_))
        return refuse(*fault, line_, position_);
    const Understood understood = command_handler::understand(raw_, position_, directory_, arena_);
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

CommandStream::Step CommandStream::take_command(const Command& command) {
    const ShardId shard = command_handler::route(command, deployment_.shards);
    if (must_keep_order(command, shard)) {
        if (in_flight_ > 0) {
            // The line is read again then, and may mean something else by what is known then.
            directory_.withdraw(position_);
            return Step::drain_first;
        }
        touched_.clear();
    }
    if (deployment_.shards > 1) {
        command_handler::visit_touched(command, directory_.behind(), [&](const Touched& id) {
            const auto [found, is_new] = touched_.try_emplace(id, TouchedBy{shard, position_});
            if (is_new || found->second.position == position_) return;
            const bool is_behind_open = is_open(found->second);
            found->second = {shard, position_, is_behind_open};
        });
    }
    SentLine& line = sent(position_);
    line.line = line_;
    line.id = raw_.command.text(Field::id);
    last_id_ = line.id;
    last_ledger_ = command.ledger;
    for (const command_handler::RawCommand& member : raw_.members)
        line.members.emplace_back(member.text(Field::id));
    outgoing_.assign(1, {.shard = shard, .command = command, .position = position_});
    ++in_flight_;
    return Step::send;
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
    command_handler::visit_touched(command, directory_.behind(), [&](const Touched& id) {
        const auto found = touched_.find(id);
        if (found == touched_.end() || found->second.shard == shard) return;
        if (is_open(found->second)) must_wait = true;
    });
    // Its own shard knows what came before, but cannot say yet whether another one sends it back.
    command_handler::visit_closed(command, [&](AccountId account) {
        const auto found = touched_.find({command.ledger, account.high(), account.low()});
        if (found != touched_.end() && is_open(found->second)) must_wait = true;
    });
    return must_wait;
}

void CommandStream::take_answer(std::uint64_t position, ShardId shard, const KeptAnswer& kept) {
    const command_handler::Answer& answer = kept.answer;
    if (!is_final(answer)) return;
    --in_flight_;
    SentLine& line = sent(position);
    if (line.clock_answers > 0) {
        if (--line.clock_answers == 0) outcomes_.settle(position, "");
    } else {
        const bool accepted = is_accepted(answer.outcome);
        directory_.settle(position, accepted);
        if (answer.id.is_zero()) {
            // The codec refuses what the door let through: nothing was recorded under its id.
            const std::string field =
                kept.details != nullptr ? std::string(kept.details->field) : "";
            refuse({answer.outcome, field, "not a command that can be recorded"}, line.line,
                   position);
        } else {
            ++(accepted ? counts_.accepted : counts_.refused);
            outcomes_.settle(position, outcome_line(answer, shard, line.id, line.members));
        }
    }
    for (; first_sent_ < outcomes_.first_open() && !sent_.empty(); ++first_sent_) sent_.pop_front();
}

}  // namespace vouch::cli
