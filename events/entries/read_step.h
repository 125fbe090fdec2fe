#pragma once

#include "events/entries/arena.h"
#include "events/entries/codec.h"
#include "events/entries/fields.h"
#include "events/entries/step.h"

namespace vouch::wire {

/// Reads a Facts message, which says something, into `out`, which must be as new. False: `fault`
/// says why.
bool read_facts(Reader<true> in, Facts& out, CommandFault& fault);

/// Likewise a Step message. It borrows from the bytes and `arena`.
bool read_step(Reader<true> in, Arena& arena, Step& out, CommandFault& fault);

}  // namespace vouch::wire
