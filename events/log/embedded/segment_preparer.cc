#include "events/log/embedded/segment_preparer.h"

#include <fcntl.h>

#include <algorithm>

namespace vouch {
namespace {

constexpr std::uint64_t kFillBytes = 1 << 20;
/// Zeros that wait for the disk at a time: what a writer in a hurry may have to sync on top.
constexpr std::uint64_t kFillSyncBytes = 4 << 20;

}  // namespace

SegmentPreparer::SegmentPreparer(Disk& disk, Settings settings)
    : disk_(disk), settings_(std::move(settings)) {
    if (settings_.in_background) thread_ = std::thread([this] { run(); });
}

SegmentPreparer::~SegmentPreparer() {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    hurry_ = true;
    changed_.notify_all();
    thread_.join();
}

void SegmentPreparer::request(std::uint32_t ordinal) {
    if (!settings_.in_background) return;
    {
        const std::lock_guard lock(mutex_);
        requested_ = ordinal;
        busy_ = true;
        hurry_ = false;
    }
    changed_.notify_all();
}

Result<Segment> SegmentPreparer::take(std::uint32_t ordinal) {
    bool is_new = false;
    if (!settings_.in_background) {
        Result<Segment> segment = make(ordinal, is_new);
        if (segment && is_new) {
            if (const Status filled = fill(*segment, true); !filled) return filled.error();
        }
        return segment;
    }
    std::unique_lock lock(mutex_);
    hurry_ = true;
    changed_.wait(lock, [&] { return !busy_; });
    if (fill_fault_) return *fill_fault_;
    if (made_ && made_->header.ordinal == ordinal) {
        Result<Segment> segment = std::move(*made_);
        made_.reset();
        return segment;
    }
    make_fault_.reset();
    return make(ordinal, is_new);
}

Status SegmentPreparer::last_attempt() {
    const std::lock_guard lock(mutex_);
    if (make_fault_) return *make_fault_;
    if (fill_fault_) return *fill_fault_;
    return {};
}

void SegmentPreparer::run() {
    std::unique_lock lock(mutex_);
    while (true) {
        changed_.wait(lock, [&] { return stopping_ || requested_; });
        if (stopping_) return;
        const std::uint32_t ordinal = *requested_;
        requested_.reset();
        lock.unlock();
        bool is_new = false;
        Result<Segment> segment = make(ordinal, is_new);
        Status filled;
        if (segment && is_new) filled = fill(*segment, false);
        lock.lock();
        if (!segment) {
            make_fault_ = segment.error();
        } else if (!filled) {
            fill_fault_ = filled.error();
        } else {
            made_ = std::move(*segment);
        }
        busy_ = false;
        changed_.notify_all();
    }
}

Result<Segment> SegmentPreparer::make(std::uint32_t ordinal, bool& is_new) {
    Result<std::optional<Segment>> found =
        open_segment(disk_, settings_.directory, ordinal, O_RDWR);
    if (!found) return found.error();
    if (*found) {
        // An attempt may have failed after the file had its name and before that was durable.
        if (const Status named = sync_directory(disk_, settings_.directory); !named) {
            return named.error();
        }
        return std::move(**found);
    }
    is_new = true;
    return create_segment(disk_, settings_.directory, ordinal, settings_.shard_count,
                          settings_.segment_bytes);
}

Status SegmentPreparer::fill(const Segment& segment, bool to_the_end) {
    const Bytes zeros(std::min(kFillBytes, segment.header.size));
    std::uint64_t unsynced = 0;
    for (std::uint64_t at = kSegmentHeaderBytes; at < segment.header.size;) {
        if (!to_the_end && hurry_) break;
        const std::uint64_t step = std::min<std::uint64_t>(zeros.size(), segment.header.size - at);
        if (const Status put = segment.file.write(ByteView(zeros).first(step), at); !put)
            return put;
        at += step;
        unsynced += step;
        if (unsynced >= kFillSyncBytes) {
            if (const Status synced = segment.file.fdatasync(); !synced) return synced;
            unsynced = 0;
        }
    }
    return segment.file.fdatasync();
}

}  // namespace vouch
