#include "command-handler/shard/moved_input.h"

#include "events/read_number.h"

#include <algorithm>
#include <string_view>

namespace vouch::command_handler {
namespace {

constexpr std::string_view kCommands = "commands";
constexpr std::string_view kSteps = "steps";

/// What stands before the next colon, or the rest; takes it away.
std::string_view take_part(std::string_view& text) {
    const std::string_view part = text.substr(0, text.find(':'));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    return part;
}

}  // namespace

InputKind input_of(const InputGap& gap) {
    return gap.of_steps ? InputKind::steps : InputKind::commands;
}

std::string move_text(ShardId shard, const InputGap& gap) {
    return std::to_string(shard.value()) + ":" + std::string(gap.of_steps ? kSteps : kCommands) +
           ":" + std::to_string(gap.wanted.value()) + ":" + std::to_string(gap.first.value());
}

std::optional<MovedInput> parse_move(std::string_view text) {
    std::uint32_t shard = 0;
    std::uint64_t from = 0, to = 0;
    if (!read_number(take_part(text), shard)) return std::nullopt;
    const std::string_view input = take_part(text);
    if (input != kCommands && input != kSteps) return std::nullopt;
    if (!read_number(take_part(text), from) || !read_number(text, to)) return std::nullopt;
    return MovedInput{ShardId(shard), input == kSteps ? InputKind::steps : InputKind::commands,
                      Offset(from), Offset(to), ""};
}

std::string stop_text(ShardId shard, std::span<const InputGap> gaps) {
    std::string text = "shard " + std::to_string(shard.value()) + ": ";
    std::string moves;
    for (const InputGap& gap : gaps) {
        text += gap.what + ": " + gap.reason + "; ";
        moves += " --accept-move " + move_text(shard, gap);
    }
    return text +
           "nothing of that shard was written. To go on with what is there first, without what is "
           "lost: vouch recover --data DIR" +
           moves + " --by NAME";
}

std::string missing_records_text(ShardId shard, InputPosition last, InputPosition consumed) {
    const bool of_steps = consumed.step > last.step;
    if (!of_steps && consumed.command <= last.command) return {};
    const Offset read = of_steps ? last.step : last.command;
    const Offset known = of_steps ? consumed.step : consumed.command;
    return "shard " + std::to_string(shard.value()) +
           ": records are missing: its last one has read " +
           std::string(of_steps ? kSteps : kCommands) + " up to offset " +
           std::to_string(read.value()) + ", and its handlers have committed " +
           std::to_string(known.value()) +
           " with a later one; nothing of that shard was written. Put the topic of events back "
           "from "
           "a replica or a copy of the brokers' disks (docs/kafka.md)";
}

}  // namespace vouch::command_handler
