#pragma once

#include "events/entries/command.h"

namespace vouch::reconciler {

/// The hold that a command refers to; zero for other commands.
CommandId hold_of(const CommandBody& body);
/// The entry that a reversal or refund refers to; zero for other commands.
CommandId entry_of(const CommandBody& body);
bool is_reversal(const CommandBody& body);

}  // namespace vouch::reconciler
