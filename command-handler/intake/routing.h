#pragma once

#include "events/entries/command.h"
#include "events/money/ids.h"
#include "events/money/outcome.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

namespace vouch::command_handler {

/// The shard that decides a command: that of its deciding account, a function of the command's
/// content alone. A command that does not say (Outcome::account_missing) goes to one fixed shard.
/// Not for set_clock, which goes to every shard.
ShardId route(const Command& command, std::uint32_t shard_count);

/// An account, hold or entry that a command touches, so that lines that share one keep their order
/// also when different shards decide them.
struct Touched {
    LedgerId ledger;
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    friend bool operator==(const Touched&, const Touched&) = default;
};
/// Every account that `command` names, its hold or entry, its own id (which may be one), those of a
/// group's members, and the accounts `behind` the holds and entries that it names
/// (StreamDirectory::behind). Some may come more than once.
void visit_touched(const Command& command, std::span<const AccountId> behind,
                   const std::function<void(const Touched&)>& visit);

/// Every account that `command` and its members name, and those `behind` their holds and entries.
/// Some may come more than once.
void visit_accounts(const Command& command, std::span<const AccountId> behind,
                    const std::function<void(AccountId)>& visit);

/// What to answer when the command's own shard cannot be told: it is about a hold or entry (then
/// hold_not_found or entry_not_found) and does not say the account, which is filled in wherever the
/// hold or entry is known. Empty for every other command.
std::optional<Outcome> lacks_account(const Command& command);
/// Says which account a command on a hold or entry names it by. False for every other command.
bool give_account(Command& command, AccountId account);

/// An entry that a line is about, and how many postings it has.
struct EntrySize {
    CommandId entry;
    std::size_t postings = 0;
};
/// What a refund leaves out: it is of one debit and one credit, and names both, or none where its
/// entry has no others. Or its credit is none of the entry's, so that nobody knows who pays back.
struct LackedPosting {
    std::string_view field;  ///< the key that is not there, or does not fit
    bool is_left_out = false;
    std::optional<std::size_t> postings{};  ///< of the entry, where that is among `known`
};
/// Empty for every other command, and for a refund of an entry that is not among `known` unless it
/// names one posting alone.
std::optional<LackedPosting> lacks_posting(const Command& command,
                                           std::span<const EntrySize> known);

/// Every account that `command` or a member of it closes.
void visit_closed(const Command& command, const std::function<void(AccountId)>& visit);

}  // namespace vouch::command_handler
