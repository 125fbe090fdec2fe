#pragma once

#include "command-handler/intake/malformed.h"
#include "command-handler/intake/raw_command.h"
#include "command-handler/intake/stream_directory.h"
#include "events/entries/arena.h"
#include "events/entries/command.h"

#include <cstdint>
#include <variant>

namespace vouch::command_handler {

/// `{"clock":…}`: sets the time of every shard, after everything before it.
struct ClockLine {
    Timestamp time;
};
/// `{"wait":true}`: everything before it becomes final first.
struct WaitLine {};
/// The line cannot be written down before the lines in flight have their outcome. Read it again
/// then.
struct MustWait {};

using Understood = std::variant<Command, ClockLine, WaitLine, MustWait, Malformed>;

/// Turns what a line says into a command: ids, ranges, lengths, and what the line leaves out.
///
/// Amounts are read at the scale of the account's asset. Where that is certain, nothing more is
/// needed. Where it is only likely, or no account is known at all (the amount is then taken with
/// the decimals as written), the command carries `amount_decimals`, so that the command handler
/// refuses it rather than book it at another scale. An entry over assets of several scales cannot
/// carry that: it waits until its accounts are certain.
///
/// `account` of a capture, release, extension, reversal or refund is filled in when the hold or
/// entry is known; otherwise it stays missing. What the line tells of itself is remembered in
/// `directory` under `line`, whose number is above that of every line before; the caller claims it
/// when the line is sent, and settles it. The command borrows from `arena` and from the texts of
/// `raw`.
Understood understand(const RawLine& raw, std::uint64_t line, StreamDirectory& directory,
                      Arena& arena);

}  // namespace vouch::command_handler
