#pragma once

#include "events/money/number.h"
#include "events/result.h"
#include "events/seal/deployment.h"
#include "events/seal/mac.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vouch {

inline constexpr std::uint32_t kStepBatchFormat = 1;

/// What a batch of steps says of itself (schemas/step.proto, StepBatchContent).
struct StepBatchHeader {
    DeploymentId deployment;
    ChainId chain;
    ShardId from;
    ShardId to;
    StepBatchNumber number;
    std::uint32_t count = 0;
    RecordNumber record;  ///< the sender's record that it came with
    Tag record_digest{};
    Timestamp time;  ///< of that record
    Digest previous_digest{};
};

/// A batch's parts, as views into its bytes.
struct StepBatchView {
    StepBatchHeader header;
    std::span<const std::byte> content;
    std::span<const std::byte> steps;  ///< a StepList
    Tag tag{};
};

/// Splits bytes and reads the header; authenticates nothing. `corrupt` when they are no StepBatch.
Result<StepBatchView> parse_step_batch(std::span<const std::byte> bytes);

/// The tag of a batch's content under `mac`, which has the sender's step key.
Tag step_batch_tag(Mac& mac, std::span<const std::byte> content);

/// What chains the batches of a pair: over their steps and the digest before, not over records.
Digest step_batch_digest(ShardId from, ShardId to, StepBatchNumber number, const Digest& previous,
                         std::span<const std::byte> steps);

/// The digest that a field of an event holds; the codec has seen that it is one.
Digest digest_from(std::span<const std::byte> field);

/// The bytes of a StepBatch, sealed under `mac`.
std::vector<std::byte> seal_step_batch(Mac& mac, const StepBatchHeader& header,
                                       std::span<const std::byte> steps);

/// A sender closes a batch at whichever comes first.
inline constexpr std::size_t kStepListBytesMax = std::size_t{256} << 10;
inline constexpr std::uint32_t kStepBatchStepsMax = 2048;

}  // namespace vouch
