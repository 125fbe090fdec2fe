#pragma once

#include "events/money/ids.h"
#include "events/money/number.h"
#include "projector/queries/books.h"
#include "projector/views/projector.h"
#include "tests/simulation/auditor.h"

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

namespace vouch::test {

/// Asks the real queries about times that are settled, and later again, of whichever process: the
/// answer is the same for ever, and even. Outlives the processes.
class SettledQuestions {
public:
    explicit SettledQuestions(Auditor& auditor) : auditor_(auditor) {}

    /// About the newest settled time, a newest record's own, and one that was asked about before.
    /// A question that fails stops the process that asks it.
    void ask(projector::ShardViews& views, std::uint64_t draw);
    /// About all times again.
    void ask_again(projector::ShardViews& views);
    std::uint64_t asked() const { return asked_; }

private:

    Auditor& auditor_;
    void hold(projector::Books& books, Timestamp at);

    using Account = std::tuple<ShardId, LedgerId, AccountId>;
    /// What was answered as settled, by time; empty where nothing was.
    struct Answers {
        std::string trial_balance;
        std::map<Account, std::string> accounts;
    };

    std::map<Timestamp, Answers> answers_;
    std::uint64_t asked_ = 0;
};

}  // namespace vouch::test
