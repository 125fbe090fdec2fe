#include "reconciler/reading/kept_log.h"

#include "events/seal/record.h"
#include "reconciler/reading/record_pipeline.h"

#include <string>

namespace vouch::reconciler {

namespace {

std::string how_they_differ(ByteView kept, ByteView here) {
    const Result<RecordView> before = parse_record(kept);
    const Result<RecordView> now = parse_record(here);
    if (!before || !now) return "one of the two is no record";
    if (before->digest != now->digest) return expected_found_hex(before->digest, now->digest);
    return "both name one digest, so one of the two was edited";
}

}  // namespace

Status KeptLog::start() {
    if (kept_ == nullptr) return {};
    const Result<RecordNumber> end = kept_->end(shard_);
    if (!end) return end.error();
    end_ = *end;
    return {};
}

Status KeptLog::read_to(RecordNumber record) {
    if (!stored_.empty() && record <= stored_.back().number) return {};
    stored_.clear();
    if (Status read = kept_->read_records(shard_, record, kChunkBytes, stored_); !read) return read;
    if (!stored_.empty()) return {};
    return Fault{FaultCode::storage, "the archive changed while it was read"};
}

Status KeptLog::look_at(const StoredRecord& here) {
    if (here.number >= end_ || is_forked_) return {};
    if (Status read = read_to(here.number); !read) return read;
    const Bytes& kept =
        stored_[here.number.value() - stored_.front().number.value()].bytes;
    if (kept.empty()) ++unknown_;
    if (kept.empty() || kept == here.bytes) return {};
    is_forked_ = true;
    findings_.add({Check::forked, shard_, here.number, {},
                   "not the record of the archive that was kept: " +
                       how_they_differ(kept, here.bytes)});
    return {};
}

void KeptLog::finish(RecordNumber log_end) {
    if (end_ <= log_end) return;
    findings_.add({Check::rolled_back, shard_, log_end, {},
                   "the archive that was kept has this record, and " +
                       std::to_string(end_.value() - log_end.value() - 1) +
                       " behind it; the log has " + std::to_string(log_end.value()) +
                       " records"});
}

}  // namespace vouch::reconciler
