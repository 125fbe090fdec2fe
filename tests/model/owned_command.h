#pragma once

#include "events/entries/command.h"

#include <string>
#include <utility>
#include <vector>

namespace vouch::test {

/// A command with memory of its own, so that tests can keep, copy and change it: Command itself
/// borrows its strings, postings and members.
struct OwnedCommand {
    /// Everything that is a plain value. Its views (postings, members, texts) are not looked at.
    Command head;
    std::vector<Posting> postings;      ///< of a PostEntry
    std::vector<OwnedCommand> members;  ///< of a Group
    std::string account_name;           ///< of an OpenAccount
    std::string context;
    std::string actor_id;
    std::string module;
    std::string ticket;
    std::vector<std::pair<std::string, std::string>> metadata;

    /// The command itself. It borrows from this object until the next call of `view` or change.
    const Command& view() const;

private:
    mutable Command view_;
    mutable std::vector<Command> member_views_;
    mutable std::vector<Metadata> metadata_views_;
};

/// A copy of `command` that lives by itself.
OwnedCommand own(const Command& command);

}  // namespace vouch::test
