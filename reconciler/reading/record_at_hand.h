#pragma once

#include "events/money/ids.h"
#include "events/money/number.h"
#include "reconciler/verdict/finding.h"

#include <cstdint>
#include <string>

namespace vouch::reconciler {

/// What the checks of a shard's chain share: the record that they look at, and where their findings
/// go. Borrows these.
struct RecordAtHand {
    Findings& findings;
    const ShardId shard;
    RecordNumber position{};
    bool is_right = true;  ///< nothing was reported of it
    /// False after a record that cannot be believed: the next one's header is taken as it is.
    bool is_known = true;

    void report(Check check, const std::string& message) {
        is_right = false;
        findings.add({check, shard, position, {}, message});
    }
};

inline std::string expected_found(std::uint64_t expected, std::uint64_t found) {
    return "expected " + std::to_string(expected) + " found " + std::to_string(found);
}

}  // namespace vouch::reconciler
