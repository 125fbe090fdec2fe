#pragma once

#include "events/money/number.h"
#include "events/result.h"
#include "events/seal/deployment.h"
#include "events/seal/mac.h"

#include <cstdint>
#include <span>
#include <vector>

namespace vouch {

/// What a record says of itself (schemas/record.proto, RecordHeader).
struct RecordHeader {
    DeploymentId deployment;
    std::uint64_t chain_high = 0;
    std::uint64_t chain_low = 0;
    ShardId shard;
    RecordNumber record;
    EventNumber first_event;
    std::uint32_t event_count = 0;
    Timestamp time;
    Epoch epoch;
    Term term;
    Offset next_command;
    Tag previous_tag{};
    Offset next_step{};
};

inline constexpr std::uint32_t kRecordFormat = 1;

/// A record's parts, as views into its stored bytes.
struct RecordView {
    RecordHeader header;
    std::span<const std::byte> header_bytes;
    std::span<const std::byte> body;
    Tag tag{};
};

/// Splits stored bytes and reads the header; authenticates nothing. `corrupt` when the bytes are no
/// record of a known format.
Result<RecordView> parse_record(std::span<const std::byte> bytes);

/// The tag of a record's header and body under `mac`.
Tag record_tag(Mac& mac, std::span<const std::byte> header, std::span<const std::byte> body);

/// Serialised bytes around a body: `prefix | body | suffix` is a SealedRecord. Nothing copies the
/// body.
struct SealedParts {
    std::vector<std::byte> prefix;
    std::vector<std::byte> suffix;
    Tag tag{};
};

/// Seals a body under `mac`.
SealedParts seal_record(Mac& mac, const RecordHeader& header, std::span<const std::byte> body);

/// Bodies are closed at this size, so that a record stays under Kafka's default message size.
inline constexpr std::size_t kRecordBodyMax = 900'000;

}  // namespace vouch
