#include "command-handler/shard/snapshot_schedule.h"

#include "events/world/notice.h"

#include <utility>

namespace vouch::command_handler {

void SnapshotSchedule::go_on(RecordNumber durable) {
    if (!with_.options.snapshots) return;
    const EventNumber next = books_.head.next_event;
    if (!writer_ &&
        next.value() - counted_from_.value() >= with_.options.bounds.snapshot_events) {
        counted_from_ = next;
        begin();
    }
    if (publisher_.joinable()) {
        end_published();
        return;
    }
    if (writer_ && !is_copied_) copy_some();
    if (writer_ && is_copied_ && durable >= covers_) publish();
}

void SnapshotSchedule::begin() {
    const SecretKey key = with_.keys.local_key("snapshot", with_.shard);
    Result<std::unique_ptr<SnapshotWriter>> writer =
        SnapshotWriter::begin(with_.directory() / "snapshot", key, books_.head, books_.peers,
                              *with_.options.files);
    if (!writer) {
        report(writer.error());
        return;
    }
    writer_ = std::move(*writer);
    is_copied_ = false;
}

void SnapshotSchedule::copy_some() {
    const Result<bool> copied = writer_->copy_some(books_.state, books_.head);
    if (!copied) {
        report(copied.error());
        writer_.reset();
        return;
    }
    is_copied_ = *copied;
    covers_ = books_.head.next_record;
}

void SnapshotSchedule::publish() {
    is_published_ = false;
    publisher_ = Thread("snapshot", [this] {
        published_ = writer_->publish();
        is_published_ = true;
    });
}

void SnapshotSchedule::end_published() {
    if (!is_published_) return;
    publisher_.join();
    report(published_);
    writer_.reset();
}

void SnapshotSchedule::abandon() {
    if (publisher_.joinable()) publisher_.join();
    writer_.reset();
}

void SnapshotSchedule::write_whole() {
    if (!with_.options.snapshots) return;
    abandon();
    begin();
    while (writer_ && !is_copied_) copy_some();
    if (!writer_) return;
    report(writer_->publish());
    writer_.reset();
}

void SnapshotSchedule::report(const Status& status) const {
    if (status) return;
    tell({Severity::warning, "snapshot_not_written",
          "shard " + std::to_string(with_.shard.value()) + ": " + status.error().message +
              "; the next start takes longer",
          with_.shard});
}

}  // namespace vouch::command_handler
