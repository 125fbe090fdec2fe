#pragma once

#include "events/money/number.h"
#include "projector/views/projector.h"
#include "tests/simulation/auditor.h"

#include <cstdint>
#include <map>
#include <string>

namespace vouch::test {

/// Asks the real queries about times that are settled, and later again, of whichever process: the
/// answer is the same for ever, and even. Outlives the processes.
class SettledQuestions {
public:
    explicit SettledQuestions(Auditor& auditor) : auditor_(auditor) {}

    /// About the newest settled time, and one that was asked about before.
    void ask(projector::ShardViews& views, std::uint64_t draw);
    /// About all times again.
    void ask_again(projector::ShardViews& views);
    std::uint64_t asked() const { return asked_; }

private:
    void ask_about(projector::ShardViews& views, Timestamp at);

    Auditor& auditor_;
    std::map<Timestamp, std::string> answers_;
    std::uint64_t asked_ = 0;
};

}  // namespace vouch::test
