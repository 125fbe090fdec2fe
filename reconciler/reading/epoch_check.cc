#include "reconciler/reading/epoch_check.h"

namespace vouch::reconciler {

void EpochCheck::check(const PreparedRecord& record) {
    const RecordHeader& header = record.header;
    if (hand_.is_known && header.epoch != epoch_) {
        hand_.report(Check::epoch, expected_found(epoch_.value(), header.epoch.value()));
    }
    if (!record.is_whole) return;
    if (record.seal) check_seal(record, *record.seal);
    if (!hand_.is_known || !is_start_known_) return;
    const EventNumber first = has_record_ ? first_event_ : header.first_event;
    const Timestamp start = has_record_ ? first_time_ : header.time;
    const std::uint64_t count = record.item_count - (record.seal ? 1 : 0);
    const std::uint64_t events = header.first_event.value() + count - first.value();
    const bool is_due =
        events >= kEpochEventsMax || header.time.value() - start.value() >= kEpochMicrosecondsMax;
    if (is_due != record.seal.has_value()) {
        hand_.report(Check::epoch,
                     is_due ? "the epoch is to end with this record" : "the epoch ends too early");
    }
}

void EpochCheck::check_seal(const PreparedRecord& record, const EpochSealed& seal) {
    const RecordHeader& header = record.header;
    const EventNumber last(header.first_event.value() + record.item_count - 1);
    const EventNumber first = has_record_ ? first_event_ : header.first_event;
    if (seal.epoch != header.epoch)
        hand_.report(Check::epoch, "the seal is of another epoch than its record");
    const bool is_first_known = hand_.is_known && is_start_known_;
    if (seal.last_event != last || (is_first_known && seal.first_event != first)) {
        hand_.report(Check::epoch, "the seal's first and last event are not the epoch's");
    }
    if (keys_ == nullptr) return;
    const Digest expected = keys_->commitment(hand_.shard, header.epoch.next());
    if (!equal_tags(expected, seal.next_key_commitment)) {
        hand_.report(Check::key_commitment,
                     "the seal commits to another key than the next epoch's");
    }
}

void EpochCheck::advance(const PreparedRecord& record) {
    const RecordHeader& header = record.header;
    if (!has_record_ || header.epoch != epoch_) {
        // After records that could not be believed, this need not be the epoch's first.
        is_start_known_ = hand_.is_known;
        first_event_ = header.first_event;
        first_time_ = header.time;
        has_record_ = true;
    }
    epoch_ = header.epoch;
    if (record.seal) {
        epoch_ = epoch_.next();
        has_record_ = false;
        is_start_known_ = true;
    }
}

}  // namespace vouch::reconciler
