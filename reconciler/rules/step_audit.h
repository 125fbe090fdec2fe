#pragma once

#include "events/entries/arena.h"
#include "events/entries/event.h"
#include "events/seal/mac.h"
#include "reconciler/ids/pair_check.h"
#include "reconciler/verdict/finding.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vouch::reconciler {

/// Holds the steps that a shard says it sent and took against its events: each step is built again
/// from them, and so is the chain of digests of each pair of shards (schemas/step.proto). So one
/// shard can be checked alone; whether what it took is what another one sent is the pair check's.
///
/// As with records, what cannot be believed costs one finding: after a broken record, what the next
/// batch says of itself is taken as it is. One thread.
/// Memory: of each other shard one batch that is not wholly taken, and the steps of one record.
class StepAudit {
public:
    using Report = std::function<void(Check, const PairRows::Place&, std::string)>;

    /// Borrows `pairs`.
    StepAudit(ShardId shard, std::uint32_t shards, PairRows& pairs, Report report)
        : shard_(shard), shards_(shards), pairs_(pairs), report_(std::move(report)) {}

    /// Where the next events stand. Of a record that is not `believed` no rows are kept.
    void begin_record(const PairRows::Place& place, bool believed);
    void at(EventNumber event) { place_.event = event; }
    /// All that followed from the record's events must have been sent.
    void end_record();
    /// The end of the log: batches that are taken in part.
    void finish();
    void lose_certainty();

    // What the shard took.
    void take(const StepsTaken& taken);
    /// True when the next event is what became of a step.
    bool is_taking() const { return left_ > 0; }
    /// Whose steps are being taken; meaningful while something was taken in this record.
    ShardId taken_from() const { return from_; }
    RecordNumber taken_record() const { return record_; }
    /// A step became the event folded now; empty when it cannot be built again.
    void took(const std::optional<Step>& step);
    /// The steps that were to follow do not.
    void end_taking();

    // What the shard sent.
    void follow(ShardId to, const std::optional<Step>& step);
    void sent(const StepsSent& sent);

private:
    struct Built {
        std::vector<std::byte> bytes;
        std::vector<std::size_t> ends;  ///< of each step in `bytes`

        void clear();
        void add(const std::optional<Step>& step);
        std::span<const std::byte> part(std::size_t begin, std::size_t end) const;
        std::string_view wrong_bounds(std::size_t begin, std::size_t end) const;
    };
    struct Sent {
        StepBatchNumber next;
        Digest digest{};
        bool is_sure = true;
        // Steps of this record, and how many a StepsSent has told of.
        Built steps;
        Built without_text;  ///< the same (events/entries/step.h), once one of them has a text
        bool has_text = false;
        std::vector<bool> are_known;
        std::size_t told = 0;
    };
    struct Taken {
        StepBatchNumber next;     ///< of the batch that is open, or of the one to come
        std::uint32_t count = 0;  ///< taken of the open batch
        Digest previous{};        ///< of the batch before
        bool is_open = false;
        bool is_complete = false;  ///< the open batch has its digest
        bool is_sure = true;
        bool is_known = true;  ///< each step of the open batch could be built again
        std::vector<std::byte> bytes;
        StepsTaken claim;  ///< the last of the open batch, without its spans
        Digest digest{};   ///< that it claims
        Digest record_digest{};
        PairRows::Place place;
    };

    bool is_other(ShardId shard) const { return shard != shard_ && shard.value() < shards_; }
    void report(Check check, std::string message) const {
        report_(check, place_, std::move(message));
    }
    void close_batch(ShardId from, Taken& pair);
    void keep_taken(Taken& pair, PairRows::Extent otherwise);
    void open_batch(Taken& pair, const StepsTaken& taken);
    void check_sent(const Sent& pair, const StepsSent& sent, std::size_t begin, std::size_t end);

    ShardId shard_;
    std::uint32_t shards_;
    PairRows& pairs_;
    Report report_;
    PairRows::Place place_;
    bool is_believed_ = true;
    std::map<ShardId, Sent> sent_;
    std::map<ShardId, Taken> taken_;
    ShardId from_;
    RecordNumber record_;
    std::uint32_t left_ = 0;
};

}  // namespace vouch::reconciler
