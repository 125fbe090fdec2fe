#pragma once

#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "reconciler/finding.h"
#include "reconciler/prepared_record.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vouch::reconciler {

/// What an operator asked for, as a record says it.
struct Act {
    RecordNumber record;
    std::string what;  ///< ids and numbers, no names
};
/// How many of a shard's are told.
inline constexpr std::size_t kActsKeptMax = 100;

/// Follows a shard's chain of records: numbers, tags, MACs, epochs, terms, times.
///
/// A finding names the record that is wrong and no other. So after a record that cannot be
/// believed, what the next one says of itself is taken as it is; and what a MAC has shown to be
/// edited is not held against its neighbours. One thread.
class ChainCheck {
public:
    /// `keys` null: key commitments are not checked. Borrows keys and findings.
    ChainCheck(const Deployment& deployment, ShardId shard, const EpochKeys* keys,
               Findings& findings);

    struct Judgement {
        bool is_folded = true;  ///< its events count; false for a stranger or a record out of order
        bool is_believed = true;     ///< it leaves nothing in doubt
        bool is_gap_before = false;  ///< records before it are missing
        EventNumber first_event;     ///< number of its first event
    };
    Judgement check(const PreparedRecord& record);

    /// The log gives nothing at this place, and goes on behind it.
    void skip(RecordNumber position, const std::string& why);

    // Where the chain stands.
    RecordNumber next_record() const { return next_record_; }
    EventNumber next_event() const { return next_event_; }
    const Tag& last_digest() const { return last_digest_; }
    Timestamp last_time() const { return last_time_; }
    Term term() const { return term_; }
    /// The first kActsKeptMax.
    const std::vector<Act>& acts() const { return acts_; }
    std::uint64_t acts_count() const { return acts_count_; }

private:
    void report(Check check, const std::string& message);
    bool is_foreign(const RecordHeader& header) const;
    void check_sequence(const PreparedRecord& record, Judgement& judgement);
    void check_header(const PreparedRecord& record, Judgement& judgement);
    /// Where a record's inputs must have come to at least.
    struct Inputs {
        Offset commands;
        Offset steps;
    };
    void check_inputs(const RecordHeader& header, const Inputs& least);
    void keep_acts(const PreparedRecord& record);
    Inputs check_acts(const PreparedRecord& record);
    void check_term(const PreparedRecord& record);
    void check_epoch(const PreparedRecord& record);
    void check_seal(const PreparedRecord& record, const EpochSealed& seal);
    void advance(const PreparedRecord& record, bool is_believed);
    void check_previous_digest(const PreparedRecord& record, Judgement& judgement);
    void skip_one();

    Deployment deployment_;
    ShardId shard_;
    const EpochKeys* keys_;
    Findings& findings_;

    RecordNumber position_;  ///< of the record being checked
    bool is_right_ = true;

    /// Record numbers that the next record may have: one, or after a wrong number all that make
    /// sense.
    std::vector<RecordNumber> next_numbers_;
    RecordNumber next_record_;
    EventNumber next_event_;
    Tag last_digest_{};
    std::optional<Tag> unfolded_digest_;  ///< of a record just left out because of its number
    bool is_digest_known_ = true;         ///< false when the last record's tag was shown to be edited
    Timestamp last_time_;
    Inputs inputs_;
    std::vector<Act> acts_;
    std::uint64_t acts_count_ = 0;
    std::uint32_t level_ = kFormatLevelFirst;
    Term term_;
    bool has_term_ = false;  ///< false before the first record
    Epoch epoch_;
    EventNumber epoch_first_event_;
    Timestamp epoch_first_time_;
    bool epoch_has_record_ = false;
    bool is_epoch_start_known_ = true;
    /// False after a record that cannot be believed: the next one's header is taken as it is.
    bool is_known_ = true;
};

}  // namespace vouch::reconciler
