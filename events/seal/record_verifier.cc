#include "events/seal/record_verifier.h"

#include <string>

namespace vouch {

Fault RecordVerifier::corrupt(RecordNumber number, const std::string& what) const {
    return {FaultCode::corrupt, "shard " + std::to_string(shard_.value()) + " record " +
                                    std::to_string(number.value()) + ": " + what};
}

Result<RecordView> RecordVerifier::verify(RecordNumber number, std::span<const std::byte> bytes) {
    Result<RecordView> record = parse_record(bytes);
    if (!record) return corrupt(number, record.error().message);
    if (const Status right = check(number, record->header, record->tag, record->digest); !right)
        return right.error();
    if (!has_body_of_table(*record)) return corrupt(number, "its body is not the one it names");
    return record;
}

Result<RecordFront> RecordVerifier::verify_front(RecordNumber number,
                                                 std::span<const std::byte> bytes) {
    Result<RecordFront> front = parse_front(bytes);
    if (!front) return corrupt(number, front.error().message);
    if (const Status right = check(number, front->header, front->tag, front->digest); !right)
        return right.error();
    return front;
}

Status RecordVerifier::check(RecordNumber number, const RecordHeader& header, const Tag& tag,
                             const Digest& digest) {
    if (header.deployment != deployment_->id || header.chain != deployment_->chain) {
        return corrupt(number, "of another deployment or chain");
    }
    if (header.shard != shard_) {
        return corrupt(number, "of another shard: expected " + std::to_string(shard_.value()) +
                                   ", found " + std::to_string(header.shard.value()));
    }
    if (header.record != number) {
        return corrupt(number, "record number: expected " + std::to_string(number.value()) +
                                   ", found " + std::to_string(header.record.value()));
    }
    if (!macs_) return {};
    const Tag expected = record_tag(macs_->of(header.epoch), digest);
    if (equal_tags(expected, tag)) return {};
    // Which would be right is not told: who edits the log may read this.
    return corrupt(number, "tag mismatch, found " + short_hex(tag) +
                               ", which is not the one that the keys give");
}

}  // namespace vouch
