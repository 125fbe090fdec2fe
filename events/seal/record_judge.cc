#include "events/seal/record_judge.h"

namespace vouch {

std::string RecordJudge::fault_of(ShardId shard, RecordNumber record,
                                  std::span<const std::byte> bytes) {
    const std::lock_guard lock(mutex_);
    RecordVerifier& verifier =
        verifiers_.try_emplace(shard, deployment_, shard, keys_ ? &*keys_ : nullptr).first->second;
    const Result<RecordView> view = verifier.verify(record, bytes);
    return view ? std::string() : view.error().message;
}

bool RecordJudge::follows(std::span<const std::byte> bytes,
                          std::optional<std::span<const std::byte>> previous) const {
    const Result<RecordView> view = parse_record(bytes);
    if (!view) return false;
    if (!previous) return vouch::follows(view->header, deployment_.genesis_tag);
    const Result<RecordView> before = parse_record(*previous);
    return before && vouch::follows(view->header, before->digest);
}

}  // namespace vouch
