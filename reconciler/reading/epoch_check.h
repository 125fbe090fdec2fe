#pragma once

#include "events/seal/epoch_keys.h"
#include "reconciler/reading/prepared_record.h"
#include "reconciler/reading/record_at_hand.h"

namespace vouch::reconciler {

/// Of a chain, that each record is of the open epoch, and that epochs end where they are to, with a
/// seal that names the next key.
class EpochCheck {
public:
    /// `keys` null: key commitments are not checked.
    EpochCheck(RecordAtHand& hand, const EpochKeys* keys) : hand_(hand), keys_(keys) {}

    /// The first record that fills the epoch or is 10 minutes past its start ends it.
    void check(const PreparedRecord& record);
    /// Past a record that is believed.
    void advance(const PreparedRecord& record);
    /// Where the epoch began can no longer be told.
    void forget_start() { is_start_known_ = false; }

private:
    void check_seal(const PreparedRecord& record, const EpochSealed& seal);

    RecordAtHand& hand_;
    const EpochKeys* keys_;
    Epoch epoch_;
    EventNumber first_event_;
    Timestamp first_time_;
    bool has_record_ = false;
    bool is_start_known_ = true;
};

}  // namespace vouch::reconciler
