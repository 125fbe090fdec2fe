#pragma once

#include "events/money/number.h"

#include <cstdint>

namespace vouch::command_handler {

/// Inputs that were recorded instead of decided, because the process had died on them again and
/// again (DeathNotes).
struct IsolatedInputs {
    std::uint64_t count = 0;  ///< since the shard was started
    Offset last;              ///< of the newest; says nothing while there is none
};

}  // namespace vouch::command_handler
