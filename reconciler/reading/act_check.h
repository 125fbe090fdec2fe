#pragma once

#include "events/entries/event.h"
#include "reconciler/reading/prepared_record.h"
#include "reconciler/reading/record_at_hand.h"
#include "reconciler/verdict/report.h"

#include <cstdint>
#include <vector>

namespace vouch::reconciler {

/// Up to where a record's inputs have been read.
struct InputOffsets {
    Offset commands;
    Offset steps;
};

/// What an operator asked for, in the events of a chain: kept for the report, and what they say of
/// how things were is held against the records before.
class ActCheck {
public:
    explicit ActCheck(RecordAtHand& hand) : hand_(hand) {}

    void keep(const PreparedRecord& record);
    /// `inputs` and `last_time`: of the record before. Returns where the inputs are then.
    InputOffsets check(const PreparedRecord& record, InputOffsets inputs, Timestamp last_time);
    /// Past a record that is believed.
    void advance(const PreparedRecord& record);

    /// The first kActsKeptMax.
    const std::vector<Act>& kept() const { return kept_; }
    std::uint64_t count() const { return count_; }

private:
    RecordAtHand& hand_;
    std::vector<Act> kept_;
    std::uint64_t count_ = 0;
    std::uint32_t level_ = kFormatLevelFirst;
};

}  // namespace vouch::reconciler
