#pragma once

#include "command-handler/shard/handler.h"
#include "events/seal/epoch_keys.h"
#include "tools/vouch/data_directory.h"

namespace vouch::cli {

/// Lets each shard record what an operator accepted, as the first thing of a new term: `acts` says
/// what, and by whom.
Status record_acts(const DataDirectory& data, const EpochKeys& keys,
                   command_handler::HandlerOptions acts);

}  // namespace vouch::cli
