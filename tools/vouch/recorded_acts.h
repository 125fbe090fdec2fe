#pragma once

#include "command-handler/shard/handler_options.h"
#include "events/seal/epoch_keys.h"
#include "tools/server/places/data_directory.h"

namespace vouch::cli {

/// Lets each shard record what an operator accepted, as the first thing of a new term: `acts` says
/// what, and by whom.
Status record_acts(const places::DataDirectory& data, const EpochKeys& keys,
                   command_handler::HandlerOptions acts);

}  // namespace vouch::cli
