#include "tools/vouch/recover_inputs.h"

#include "tools/server/places/books_log.h"
#include "tools/server/places/whole_inputs.h"
#include "tools/terminal/say.h"
#include "tools/vouch/exit_code.h"
#include "tools/vouch/recorded_acts.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace vouch::cli {

namespace {

using command_handler::MovedInput;

/// How a shard stands to its inputs.
struct ShardInputs {
    std::optional<Fault> damage;  ///< why that is not known: its records are not all there
    InputPosition next;
    std::vector<InputGap> gaps;
};

Result<std::vector<ShardInputs>> look(const places::DataDirectory& data, const EpochKeys& keys) {
    Result<std::unique_ptr<LogReader>> log = places::read_log(data, &keys);
    if (!log) return log.error();
    std::vector<ShardInputs> shards;
    const std::vector<Result<InputPosition>> positions =
        places::whole_positions(**log, data.deployment(), keys);
    for (std::uint32_t i = 0; i < positions.size(); ++i) {
        const Result<InputPosition>& next = positions[i];
        if (!next && next.error().code == FaultCode::corrupt) {
            shards.push_back({next.error(), {}, {}});
            continue;
        }
        if (!next) return next.error();
        Result<std::vector<InputGap>> gaps = (*log)->input_gaps(ShardId(i), *next);
        if (!gaps) return gaps.error();
        shards.push_back({std::nullopt, *next, std::move(*gaps)});
    }
    return shards;
}

/// Every move that is needed, as options.
std::string needed_moves(const std::vector<ShardInputs>& shards) {
    std::string text;
    for (std::uint32_t i = 0; i < shards.size(); ++i) {
        for (const InputGap& gap : shards[i].gaps)
            text += " --accept-move " + command_handler::move_text(ShardId(i), gap);
    }
    return text;
}

/// Empty when the operator named exactly what is wanted, for all that stops a shard. Says of each
/// move why it is made.
std::string find_wrong_move(const std::vector<ShardInputs>& shards,
                              std::vector<MovedInput>& moves) {
    for (MovedInput& move : moves) {
        const std::string shard = std::to_string(move.shard.value());
        if (move.shard.value() >= shards.size()) return "there is no shard " + shard;
        if (shards[move.shard.value()].damage) return "of shard " + shard + " records are missing";
        const bool of_steps = move.input == InputKind::steps;
        const ShardInputs& inputs = shards[move.shard.value()];
        const Offset wanted = of_steps ? inputs.next.step : inputs.next.command;
        if (move.from != wanted) {
            return "shard " + shard + " wants offset " + std::to_string(wanted.value()) +
                   " there, not " + std::to_string(move.from.value());
        }
        const auto gap = std::ranges::find_if(
            inputs.gaps, [&](const InputGap& each) { return each.of_steps == of_steps; });
        if (gap != inputs.gaps.end() && move.to != gap->first) {
            return "of shard " + shard + " offset " + std::to_string(gap->first.value()) +
                   " is there first, not " + std::to_string(move.to.value());
        }
        if (gap == inputs.gaps.end() && move.to >= move.from) {
            return "of shard " + shard + " nothing is missing there; what was read can be read "
                   "again, nothing can be left out";
        }
        move.reason = gap != inputs.gaps.end() ? gap->reason : "read again";
    }
    for (std::uint32_t i = 0; i < shards.size(); ++i) {
        for (const InputGap& gap : shards[i].gaps) {
            const bool is_named = std::ranges::any_of(moves, [&](const MovedInput& move) {
                return move.shard == ShardId(i) && move.input == command_handler::input_of(gap);
            });
            if (!is_named)
                return "shard " + std::to_string(i) + "'s " +
                       (gap.of_steps ? "steps do" : "commands do") + " not go on either";
        }
    }
    return "";
}

/// Whether a shard's records are not all there; says which, and what to do.
bool tell_damage(const std::vector<ShardInputs>& shards) {
    bool is_damaged = false;
    for (const ShardInputs& shard : shards) {
        if (!shard.damage) continue;
        is_damaged = true;
        terminal::say(shard.damage->message);
    }
    if (is_damaged) {
        terminal::say(
            "Records cannot be given up on Kafka. Put the partition of that shard back as it was, "
            "from another replica or a copy of a broker's disk, and start again; the other shards "
            "go on "
            "meanwhile. vouch replay says what else is wrong");
    }
    return is_damaged;
}

}  // namespace

ExitCode recover_inputs(const places::DataDirectory& data, const EpochKeys& keys,
                        std::vector<MovedInput> moves, const std::string& asked_by,
                        const std::string& accept_clock) {
    const Result<std::vector<ShardInputs>> shards = look(data, keys);
    if (!shards) return fail(shards.error());
    for (std::uint32_t i = 0; i < shards->size(); ++i) {
        for (const InputGap& gap : (*shards)[i].gaps)
            terminal::say("shard " + std::to_string(i) + ": " + gap.what + ": " + gap.reason);
    }
    const bool is_damaged = tell_damage(*shards);
    const std::string needed = needed_moves(*shards);
    if (needed.empty() && moves.empty()) {
        if (is_damaged) return ExitCode::findings;
        terminal::say(
            "every shard's inputs go on where it stopped reading; whether all records can be read, "
            "vouch replay tells");
        return ExitCode::done;
    }
    const std::string wrong =
        moves.empty() ? "nothing was accepted" : find_wrong_move(*shards, moves);
    if (!wrong.empty()) {
        terminal::say(wrong + "; nothing was changed." +
                      (needed.empty()
                           ? std::string()
                           : " To go on with what is there first, without what is lost:" + needed +
                                 " --by NAME"));
        return ExitCode::findings;
    }
    command_handler::HandlerOptions acts;
    acts.asked_by = asked_by;
    if (!accept_clock.empty()) acts.accept_clock = accept_clock;
    acts.moved_inputs = std::move(moves);
    if (Status recorded = record_acts(data, keys, std::move(acts)); !recorded)
        return fail(recorded.error());
    terminal::say("the move is recorded; these books open again");
    return ExitCode::done;
}

}  // namespace vouch::cli
