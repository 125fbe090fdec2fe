#pragma once

#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "reconciler/reading/act_check.h"
#include "reconciler/reading/epoch_check.h"
#include "reconciler/reading/link_check.h"
#include "reconciler/reading/prepared_record.h"
#include "reconciler/reading/record_at_hand.h"
#include "reconciler/verdict/report.h"

#include <cstdint>
#include <string>
#include <vector>

namespace vouch::reconciler {

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
    ChainCheck(const ChainCheck&) = delete;
    ChainCheck& operator=(const ChainCheck&) = delete;

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
    RecordNumber next_record() const { return links_.next_record(); }
    EventNumber next_event() const { return next_event_; }
    const Tag& last_digest() const { return links_.last_digest(); }
    /// False when the last record is not known to be what was written.
    bool is_digest_known() const { return links_.is_digest_known(); }
    Timestamp last_time() const { return last_time_; }
    Term term() const { return term_; }
    /// The first kActsKeptMax.
    const std::vector<Writer>& writers() const { return writers_; }
    const std::vector<Act>& acts() const { return acts_.kept(); }
    std::uint64_t acts_count() const { return acts_.count(); }

private:
    bool is_foreign(const RecordHeader& header) const;
    void check_header(const PreparedRecord& record);
    void check_inputs(const RecordHeader& header, const InputOffsets& least);
    void check_term(const PreparedRecord& record);
    void keep_writer(const PreparedRecord& record);
    void advance(const PreparedRecord& record);
    void skip_one();

    Deployment deployment_;
    RecordAtHand hand_;
    LinkCheck links_;
    ActCheck acts_;
    EpochCheck epochs_;
    EventNumber next_event_;
    Timestamp last_time_;
    InputOffsets inputs_;
    Term term_;
    bool has_term_ = false;  ///< false before the first record
    std::vector<Writer> writers_;
};

}  // namespace vouch::reconciler
