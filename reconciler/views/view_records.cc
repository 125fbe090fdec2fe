#include "reconciler/views/view_records.h"

#include "events/entries/codec.h"

#include <algorithm>
#include <tuple>

namespace vouch::reconciler {

namespace {

constexpr const char* kWrongTime = "the view has a time of it that is not the record's";

/// How many events these bytes are; empty when they are none.
std::optional<std::uint64_t> count_events(ByteView bytes) {
    EventReader reader(bytes);
    for (std::uint64_t count = 0;; ++count) {
        const Result<std::optional<ByteView>> event = reader.next();
        if (!event) return std::nullopt;
        if (!*event) return count;
    }
}

}  // namespace

template <class Row>
Status ViewRecords::Ahead<Row>::start() {
    if (is_started) return {};
    is_started = true;
    return next();
}

template <class Row>
Status ViewRecords::Ahead<Row>::next() {
    Result<std::optional<Row>> read = rows->next();
    if (!read) return read.error();
    row = *std::move(read);
    return {};
}

ViewRecords::ViewRecords(ViewReader& views, ShardId shard, Findings& findings)
    : shard_(shard), findings_(findings) {
    blocks_.rows = views.event_blocks(shard);
    times_.rows = views.record_times(shard);
}

void ViewRecords::report(RecordNumber record, std::optional<EventNumber> event,
                         const std::string& message) {
    findings_.add({Check::view_record, shard_, record, event, message});
}

Status ViewRecords::compare(const PreparedRecord& record, EventNumber first_event) {
    is_sure_ = record.position == next_record_ && first_event == next_event_;
    next_record_ = record.position.next();
    next_event_ = EventNumber(first_event.value() + record.item_count);
    if (Status status = compare_events(record, first_event); !status) return status;
    return compare_time(record, first_event);
}

/// Blocks stand one behind the other from the record's first event on, and are its whole body.
Status ViewRecords::compare_events(const PreparedRecord& record, EventNumber first_event) {
    Status status = blocks_.start();
    while (status && blocks_.row && blocks_.row->first < first_event) {
        if (is_sure_) report(blocks_.row->record, blocks_.row->first, "a block of no events");
        status = blocks_.next();
    }
    EventNumber expected = first_event;
    ByteView rest = record.body;
    std::optional<EventNumber> wrong;
    for (; status && blocks_.row && blocks_.row->first < next_event_; status = blocks_.next()) {
        const ViewEventBlock& block = *blocks_.row;
        const std::optional<std::uint64_t> count = count_events(block.events);
        const bool is_right = block.first == expected && block.record == record.position &&
                              block.time == record.header.time && count && *count > 0 &&
                              block.events.size() <= rest.size() &&
                              std::ranges::equal(block.events, rest.first(block.events.size()));
        if (!is_right && !wrong) wrong = std::min(block.first, expected);
        if (wrong) continue;
        expected = EventNumber(expected.value() + *count);
        rest = rest.subspan(block.events.size());
    }
    if (!wrong && !rest.empty()) wrong = expected;
    if (status && wrong)
        report(record.position, wrong,
               "the view's block of events differs from the record, or is missing");
    return status;
}

Status ViewRecords::compare_time(const PreparedRecord& record, EventNumber first_event) {
    const auto place = [](Timestamp time, RecordNumber number) { return std::tuple(time, number); };
    const auto here = place(record.header.time, record.position);
    Status status = times_.start();
    while (status && times_.row && place(times_.row->time, times_.row->record) < here) {
        if (is_sure_) report(times_.row->record, {}, kWrongTime);
        status = times_.next();
    }
    if (!status) return status;
    const bool is_there = times_.row && place(times_.row->time, times_.row->record) == here;
    if (!is_there) {
        report(record.position, {}, "the view has no row of the record's time");
        return {};
    }
    if (times_.row->first_event != first_event || times_.row->event_count != record.item_count) {
        report(record.position, {}, "the view's row of the record's time names other events than " +
                                        std::to_string(record.item_count) + " from " +
                                        std::to_string(first_event.value()) + " on");
    }
    return times_.next();
}

Status ViewRecords::finish(RecordNumber position) {
    const bool is_sure = next_record_ == position;
    Status status = blocks_.start();
    for (; status && is_sure && blocks_.row; status = blocks_.next())
        report(blocks_.row->record, blocks_.row->first, "a block of no events");
    if (status) status = times_.start();
    for (; status && is_sure && times_.row; status = times_.next())
        report(times_.row->record, {}, kWrongTime);
    return status;
}

}  // namespace vouch::reconciler
