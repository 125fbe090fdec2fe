#pragma once

#include "command-handler/shard/look_up.h"
#include "command-handler/shard/shard_books.h"
#include "events/entries/command.h"
#include "events/money/ids.h"

#include <optional>

namespace vouch::command_handler {

// What one shard's books know of what is asked about a command; empty: nothing. A fault of reading
// is kept in the books' facts: the answer is then not to be used. The shard's thread.

std::optional<KnownAccount> known_account(const ShardBooks& books, LedgerId ledger,
                                          AccountId account);
std::optional<KnownHold> known_hold(const ShardBooks& books, LedgerId ledger, CommandId hold);
/// An entry that can be reversed or refunded here.
std::optional<KnownEntry> known_entry(const ShardBooks& books, LedgerId ledger, CommandId entry);
/// The command that had the id of `command` first.
std::optional<KnownCommand> known_command(const ShardBooks& books, const Command& command);

}  // namespace vouch::command_handler
