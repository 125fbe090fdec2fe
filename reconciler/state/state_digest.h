#pragma once

#include "events/seal/deployment.h"
#include "events/seal/mac.h"
#include "reconciler/state/replayed_books.h"

#include <span>
#include <vector>

namespace vouch::reconciler {

/// One number for everything that a shard's books hold (grammar: state_digest.cc): two replays of
/// one log agree in it, and so do a log and its archive. It does not depend on how events were put
/// into records.
Digest state_digest(const DeploymentId& deployment, const ReplayedBooks& books);

/// Of a deployment: over its shards' digests, in order.
Digest state_digest(std::span<const Digest> shards);

/// Where a shard's log ends.
struct LogEnd {
    RecordNumber next_record;
    Digest last_digest{};  ///< the genesis tag for a shard without records
};
/// One number for all bytes of all records of a deployment, contexts and refusals with them: each
/// record's digest covers its body and the digest before.
Digest log_digest(const DeploymentId& deployment, std::span<const LogEnd> shards);

}  // namespace vouch::reconciler
