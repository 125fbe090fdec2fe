#pragma once

#include "events/entries/command.h"
#include "events/log/log.h"
#include "tests/command-handler/sample_commands.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vouch::test {

/// Batches without end, each a function of the seed and its number alone: transfers, holds that are
/// captured, released or expire, refunds, reversals, freezes, groups, repeats, conflicts and
/// refusals, all on few accounts. With `sets_clock` time is set by commands (deployments with a
/// test clock), so that outcomes too depend on nothing else. Batch 0 opens and funds the accounts.
class MixedLoad {
public:
    explicit MixedLoad(std::uint64_t seed, bool sets_clock)
        : seed_(seed), sets_clock_(sets_clock) {}

    std::size_t size(std::uint64_t batch) const;
    Bytes batch(std::uint64_t batch) const;
    /// Id of a member, which a repeat or conflict shares with an earlier one.
    CommandId id(std::uint64_t batch, std::size_t member) const;

    static constexpr std::uint64_t kAccounts = 30;
    /// Each batch has so many members, or two to four times as many.
    static constexpr std::size_t kSlots = 16;

private:
    class Draw;
    struct Made {
        Command command;
        std::vector<Command> members;
    };
    Made make(std::uint64_t batch, std::size_t member) const;
    Command opening(std::size_t member) const;
    std::uint64_t earlier(std::uint64_t batch, Draw& draw) const;

    std::uint64_t seed_;
    bool sets_clock_;
};

}  // namespace vouch::test
