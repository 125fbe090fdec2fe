#include "events/log/kafka/input_gaps.h"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace vouch::kafka {
namespace {

constexpr int kGapsTimeoutMs = 5'000;

/// One of a shard's inputs.
struct Input {
    std::string topic;
    Offset wanted;
    bool of_steps = false;
};

/// Asks until there is an answer, for as long as there is patience, or until it is stopped.
template <class Ask>
auto ask(const Patience& patience, Stop& stop, const Ask& question) -> decltype(question()) {
    const Patience::Deadline deadline = patience.begin();
    while (true) {
        auto answer = question();
        if (answer) return answer;
        if (deadline.has_passed() || !stop.pause())
            return Fault{FaultCode::storage, answer.error().message};
    }
}

using Consumed = std::vector<std::optional<std::int64_t>>;

/// What the group has consumed of a shard's commands and steps, in that order.
Result<Consumed> ask_group(const KafkaLogOptions& options, ShardId shard, const Patience& patience,
                           Stop& stop) {
    const Result<std::unique_ptr<GroupOffsets>> group =
        options.client->open_group_offsets(options.bootstrap, group_name(options));
    if (!group) return group.error();
    const auto partition = static_cast<std::int32_t>(shard.value());
    // Brokers that have just started do not know at once who answers for the group.
    return ask(patience, stop, [&] {
        return (*group)->committed({commands_topic(options), steps_topic(options)}, partition,
                                   kGapsTimeoutMs);
    });
}

/// What is wrong with an input, for people; empty when nothing is.
std::string fault_of(const Extent& extent, std::int64_t wanted, bool was_made_again) {
    if (wanted == extent.first) return "";
    if (wanted < extent.first) return "it was trimmed before that was read";
    if (wanted > extent.stable_end)
        return "it ends before that: it was deleted and made again, or has lost what it held";
    if (was_made_again)
        return "the brokers have forgotten what was consumed of it, and so it was deleted and made "
               "again: its offsets mean other messages";
    return "";
}

}  // namespace

Result<std::vector<InputGap>> find_input_gaps(const KafkaLogOptions& options,
                                              Watermarks& watermarks, ShardId shard,
                                              InputPosition next, const Patience& patience,
                                              Stop& stop) {
    const std::array<Input, 2> inputs{Input{commands_topic(options), next.command, false},
                                      Input{steps_topic(options), next.step, true}};
    const auto partition = static_cast<std::int32_t>(shard.value());
    const Result<Consumed> consumed = ask_group(options, shard, patience, stop);
    if (!consumed) return consumed.error();
    const std::array known{(*consumed)[0].has_value(), (*consumed)[1].has_value()};
    std::vector<InputGap> gaps;
    for (const Input& input : inputs) {
        const Result<Extent> extent = ask(
            patience, stop,
            [&] { return watermarks.extent(input.topic, partition, kGapsTimeoutMs); });
        if (!extent) return extent.error();
        const bool was_made_again =
            input.of_steps ? known[0] && !known[1] : known[1] && !known[0];
        const std::string fault =
            fault_of(*extent, static_cast<std::int64_t>(input.wanted.value()), was_made_again);
        if (fault.empty()) continue;
        gaps.push_back({input.of_steps, input.wanted,
                        Offset(static_cast<std::uint64_t>(extent->first)),
                        input.topic + " partition " + std::to_string(partition) + ": offset " +
                            std::to_string(input.wanted.value()) +
                            " is wanted, and the topic has " + std::to_string(extent->first) +
                            " up to " + std::to_string(extent->stable_end),
                        fault});
    }
    return gaps;
}

Result<InputPosition> find_consumed(const KafkaLogOptions& options, ShardId shard,
                                    const Patience& patience, Stop& stop) {
    const Result<Consumed> consumed = ask_group(options, shard, patience, stop);
    if (!consumed) return consumed.error();
    const auto offset = [](std::optional<std::int64_t> known) {
        return Offset(static_cast<std::uint64_t>(known.value_or(0)));
    };
    return InputPosition{offset((*consumed)[0]), offset((*consumed)[1])};
}

}  // namespace vouch::kafka
