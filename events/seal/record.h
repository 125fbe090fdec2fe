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
    ChainId chain;
    ShardId shard;
    RecordNumber record;
    EventNumber first_event;
    std::uint32_t event_count = 0;
    Timestamp time;
    Epoch epoch;
    Term term;
    Offset next_command;
    Digest previous_digest{};
    Offset next_step{};
};

/// What is written; format 2 is read too. One chain may hold both: each record names its own.
inline constexpr std::uint32_t kRecordFormat = 3;
/// Bytes of a body that are read, and checked against the record's table, together.
inline constexpr std::size_t kRecordBlock = 2048;

/// A record's parts, as views into its stored bytes.
struct RecordView {
    RecordHeader header;
    std::span<const std::byte> table;  ///< 32 bytes a block; empty when the body is one block
    std::span<const std::byte> body;
    std::size_t block = kRecordBlock;  ///< of its format, in bytes
    Tag tag{};
    Digest digest{};  ///< D: what the next record names, and what the tag covers
};

/// Splits stored bytes and reads the header; authenticates nothing. `corrupt` when the bytes are no
/// record of a known format.
Result<RecordView> parse_record(std::span<const std::byte> bytes);

/// True of the record behind the one of this digest, which is the genesis tag for the first.
inline bool follows(const RecordHeader& header, const Digest& before) {
    return equal_tags(header.previous_digest, before);
}

/// True when each block of the body is the one that the table, and so the digest, names.
bool has_body_of_table(const RecordView& record);

/// What stands before a body: enough to check any block of it.
struct RecordFront {
    RecordHeader header;
    std::vector<Digest> table;  ///< one for each block, also when the body is one block
    Tag tag{};
    Digest digest{};
    std::size_t body_offset = 0;  ///< in the stored bytes
    std::size_t body_size = 0;
    std::size_t block = kRecordBlock;  ///< of its format, in bytes
};

/// A front is at most this long, for bodies of at most kRecordBodyLimit.
inline constexpr std::size_t kRecordHeaderMax = 512;
inline constexpr std::size_t kRecordBodyLimit = std::size_t{4} << 20;
inline constexpr std::size_t kRecordFrontMax =
    kRecordHeaderMax + 64 + kRecordBodyLimit / kRecordBlock * sizeof(Digest);

/// Reads the front off a record's first bytes, at least kRecordFrontMax of them or all there are;
/// authenticates nothing. A body of one block must be among them: it has no table but itself.
Result<RecordFront> parse_front(std::span<const std::byte> bytes);

/// The tag of a record with this digest under `mac`, its epoch's key.
Tag record_tag(Mac& mac, const Digest& digest);

/// Serialised bytes before a body: `prefix | body` is a SealedRecord. Nothing copies the body.
struct SealedParts {
    std::vector<std::byte> prefix;
    Tag tag{};
    Digest digest{};
};

/// Seals a body, of at least one byte, under `mac`.
SealedParts seal_record(Mac& mac, const RecordHeader& header, std::span<const std::byte> body);

/// Bodies are closed at this size, so that a record stays under Kafka's default message size.
inline constexpr std::size_t kRecordBodyMax = 900'000;

}  // namespace vouch
