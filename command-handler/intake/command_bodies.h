#pragma once

#include "command-handler/intake/command_shape.h"
#include "command-handler/intake/field_reader.h"
#include "command-handler/intake/raw_command.h"
#include "command-handler/intake/stream_directory.h"
#include "events/entries/arena.h"
#include "events/entries/command.h"

#include <span>

namespace vouch::command_handler {

/// Keys of a command's own object. None for a group, which is an array.
std::span<const Key> body_keys(const CommandKind& kind);

/// What a body is made of. Amounts are read at the scale that `directory` knows (validation.h).
struct BodyReader {
    /// Reads the text of `field` as an amount for an account of which `fact` is known, and sets the
    /// command's decimals.
    bool amount(Field field, const AccountFact& fact, Amount& out);
    bool limit(const AccountFact& fact, Limit& out);
    AccountFact account_fact(AccountId account);
    /// Reads the amount as the first known one's: both must have the same asset, or the command is
    /// refused.
    bool amount_between(AccountId debit, AccountId credit, Amount& out);

    const RawLine& line;
    FieldReader& fields;
    StreamDirectory& directory;
    Arena& arena;
    Command& command;
    const RawCommand& raw = fields.raw();
};

/// Writes the body of `from.command`, which is no group. False: `from.fields` has the fault, or
/// none, and then the line must wait.
bool read_body(BodyReader& from);

}  // namespace vouch::command_handler
