#pragma once

#include "events/bytes/bytes.h"
#include "events/log/log.h"
#include "events/seal/record_verifier.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace vouch {

/// Reads parts of a shard's durable records, each verified on the read that gives it: what stands
/// before the body with its tag under the epoch's key and its place in this shard's chain, and the
/// blocks of the body that are touched by its table. So stored bytes that were edited, exchanged
/// for another record's or for an older copy are `corrupt`, with shard and record, and never an
/// answer. Whatever is read back to decide or answer comes through here or, whole, through a
/// RecordVerifier. One thread; all that is given is borrowed.
class VerifiedReader {
public:
    VerifiedReader(LogReader& log, const Deployment& deployment, ShardId shard,
                   const EpochKeys& keys, std::size_t fronts_kept = kFrontsKept)
        : log_(log), shard_(shard), verifier_(deployment, shard, &keys), kept_(fronts_kept) {}

    /// Of a durable record.
    Result<Digest> digest_of(RecordNumber record);
    /// Sets `out` to `size` bytes at `offset` of a record's body.
    Status read_body(RecordNumber record, std::size_t offset, std::size_t size, Bytes& out);

    /// Verified fronts that are kept: some 14 KiB each for records of full size.
    static constexpr std::size_t kFrontsKept = 1024;

private:
    /// The first bytes of a record that hold the front of every record but a huge one.
    static constexpr std::size_t kUsualFrontBytes = std::size_t{16} << 10;

    struct Kept {
        RecordNumber record;
        std::optional<RecordFront> front;
    };

    Result<const RecordFront*> front_of(RecordNumber record);
    Fault corrupt(RecordNumber record, const std::string& what);

    LogReader& log_;
    ShardId shard_;
    RecordVerifier verifier_;
    std::vector<Kept> kept_;  ///< by record number modulo its size
    Bytes blocks_;
    std::vector<Digest> digests_;
};

/// Compares a deployment with the books that it is said to describe: the first record of some
/// shard, or its last one, must carry its keys' tag, for they hang on the whole file. One of them
/// will do: a record that is rotten is its shard's own fault, and found by whoever reads it.
/// `corrupt`, and names the file `deployment` where that is known to be another one.
Status check_genesis(LogReader& log, const Deployment& deployment, const EpochKeys& keys);

}  // namespace vouch
