#pragma once

#include "events/log/log.h"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace vouch {

/// Who may commit to a shard, and which record comes next: the rules of `acquire` and `commit` that
/// all twins share. Not synchronised; its log's lock guards it.
class WriterTurn {
public:
    WriterTurn(ShardId shard, RecordNumber next_record)
        : shard_(shard), next_record_(next_record) {}

    /// `fenced` when `term` is below the one that holds the shard.
    Status acquire(Term term);

    /// Counts a commit in, or says why not: `fenced` or `retriable`, as Log::commit.
    Status admit(Term term, RecordNumber number);

    /// One admitted commit is durable.
    void settle_one() { --in_flight_; }

    std::size_t in_flight() const { return in_flight_; }
    /// First record number not yet taken, counting commits in flight.
    RecordNumber next_record() const { return next_record_; }

private:
    ShardId shard_;
    RecordNumber next_record_;
    std::size_t in_flight_ = 0;
    std::optional<Term> term_;
};

/// "shard 3 record 812", as faults name a record.
std::string record_name(ShardId shard, RecordNumber record);

/// A record's bytes, summed over its pieces; `storage` above `bytes_max`.
Result<std::uint32_t> check_record_size(ShardId shard, const Commit& commit, std::size_t bytes_max);

/// `storage` when a commit of `shard` carries steps that Log::commit does not take.
Status check_steps(ShardId shard, const Commit& commit, std::uint32_t shard_count);

}  // namespace vouch
