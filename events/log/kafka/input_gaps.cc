#include "events/log/kafka/input_gaps.h"

#include "events/log/kafka/handle.h"
#include "events/log/kafka/membership.h"

#include <array>
#include <optional>
#include <string>
#include <utility>

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

/// Of which of a shard's inputs the group knows what was consumed.
Result<std::array<bool, 2>> known_to_group(const KafkaLogOptions& options,
                                           const std::array<Input, 2>& inputs,
                                           std::int32_t partition, const Patience& patience,
                                           Stop& stop) {
    Settings settings = reading_settings(options.bootstrap);
    // A transaction that a killed handler left open is not waited for: whether anything was
    // committed before is all that is asked.
    settings.set("group.id", group_name(options)).set("isolation.level", "read_uncommitted");
    Result<Handle> handle = std::move(settings).make(RD_KAFKA_CONSUMER);
    if (!handle) return handle.error();
    const Partitions partitions(rd_kafka_topic_partition_list_new(2));
    for (const Input& input : inputs)
        rd_kafka_topic_partition_list_add(partitions.get(), input.topic.c_str(), partition);
    // Brokers that have just started do not know at once who answers for the group.
    return ask(patience, stop, [&]() -> Result<std::array<bool, 2>> {
        const rd_kafka_resp_err_t error =
            rd_kafka_committed(handle->get(), partitions.get(), kGapsTimeoutMs);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return Fault{FaultCode::retriable, "what " + group_name(options) +
                                                   " has consumed is not known: " + name_of(error)};
        }
        std::array<bool, 2> known{};
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            const rd_kafka_topic_partition_t* found = rd_kafka_topic_partition_list_find(
                partitions.get(), inputs[i].topic.c_str(), partition);
            known[i] = found != nullptr && found->offset >= 0;
        }
        return known;
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
    const Result<std::array<bool, 2>> known = known_to_group(options, inputs, partition, patience, stop);
    if (!known) return known.error();
    std::vector<InputGap> gaps;
    for (const Input& input : inputs) {
        const Result<Extent> extent = ask(
            patience, stop,
            [&] { return watermarks.extent(input.topic, partition, kGapsTimeoutMs); });
        if (!extent) return extent.error();
        const bool was_made_again =
            input.of_steps ? (*known)[0] && !(*known)[1] : (*known)[1] && !(*known)[0];
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

}  // namespace vouch::kafka
