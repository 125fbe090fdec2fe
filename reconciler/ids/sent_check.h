#pragma once

#include "events/entries/arena.h"
#include "events/entries/codec.h"
#include "events/log/log.h"
#include "events/seal/deployment.h"
#include "events/seal/mac.h"
#include "reconciler/ids/id_rows.h"
#include "reconciler/reading/content_digest.h"
#include "reconciler/reading/prepared_record.h"
#include "reconciler/verdict/finding.h"
#include "reconciler/verdict/report.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vouch::reconciler {

/// Holds the commands that were sent to a shard against the events that its records made of them.
/// Each record says how far it has read; of what stands before that each command is answered, there
/// or in an earlier record, and what is malformed has an event that says so.
///
/// Commands that can be read leave a row for the id check, under the last event of the record that
/// has read them; what they are answered by, it knows. Memory: a batch, and the events `unreadable`
/// of what is not read yet. One thread.
class SentCheck {
public:
    /// Borrows all but the commands.
    SentCheck(std::unique_ptr<SentCommands> sent, const Deployment& deployment, ShardId shard,
              const ContentDigest& content, IdRows& ids);

    /// A record behind those before it, of which the first event has number `first_event`. One that
    /// is not believed may have answered what was read since.
    void take(const Chunk& chunk, const PreparedRecord& record, EventNumber first_event,
              bool is_believed);
    /// Records are missing here: as one that is not believed. What is read behind them is not
    /// judged.
    void lose_sight() { checked_.is_sight_lost = true; }

    /// What was found of what is malformed, once all was taken.
    void finish(Findings& findings);
    /// Whether a row of this event that nothing answers is a finding: before some the topic was
    /// another.
    bool judges(EventNumber event) const { return event >= valid_from_; }
    const SentChecked& checked() const { return checked_; }

private:
    /// An event `unreadable`.
    struct Refused {
        Digest digest{};
        // Why it was refused although it can be read, if its field says so.
        bool is_isolated = false;
        bool is_set_clock = false;
    };
    using Place = std::pair<Offset, std::optional<std::uint32_t>>;  // batch and member

    void keep_refused(const Chunk& chunk, const PreparedRecord& record);
    void follow_moves(const PreparedRecord& record, EventNumber first_event);
    void leave_unchecked(Offset end);
    Status read_up_to(Offset end);
    void check_batch(const InputBatch& batch);
    void check_member(const Place& place, CommandBytes bytes);
    const Refused* refusal_of(const Place& place, CommandBytes bytes) const;
    bool is_range_refused(const InputBatch& range) const;
    void report(const Place& place, const std::string& what);

    const std::unique_ptr<SentCommands> sent_;
    const bool has_test_clock_;
    const ShardId shard_;
    const ContentDigest& content_;
    IdRows& ids_;
    std::optional<Offset> first_;            ///< that is there, asked once
    Offset next_;                            ///< first that no record has read yet
    RecordNumber record_;                    ///< the one at hand
    EventNumber last_event_;                 ///< of it
    std::map<Place, Refused> refused_;       ///< of batches from `next_` on, as the next
    std::map<Offset, Offset> ranges_;        ///< that cannot be inflated: begin and end
    std::vector<Finding> found_;             ///< at most kFindingsKeptMax
    EventNumber valid_from_;
    SentChecked checked_;
    /// What left a row lately, by id and content: sent over and over, it leaves one as long as no
    /// other takes its place. Where the first is answered, all are.
    struct Said {
        LedgerId ledger;
        CommandId id;
        std::uint64_t content = 0;
        bool operator==(const Said&) const = default;
    };
    static constexpr std::size_t kLatelyMax = 4'096;
    std::vector<Said> lately_ = std::vector<Said>(kLatelyMax);
    std::vector<CommandBytes> members_;
    Arena arena_;
};

}  // namespace vouch::reconciler
