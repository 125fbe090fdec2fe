#pragma once

#include "command-handler/intake/field_reader.h"
#include "command-handler/intake/raw_command.h"
#include "events/entries/arena.h"
#include "events/entries/command.h"

namespace vouch::command_handler {

/// What a command says beside its body: id, who asks, why, its voucher, and when it expires. False:
/// `fields` has the fault. What is made borrows from `arena`.
bool read_envelope(const RawLine& line, FieldReader& fields, Arena& arena, Command& command);

}  // namespace vouch::command_handler
