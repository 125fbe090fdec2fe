#pragma once

#include "events/seal/epoch_keys.h"
#include "tools/server/places/data_directory.h"
#include "tools/vouch/asked_loss.h"
#include "tools/vouch/exit_code.h"

#include <string>
#include <vector>

namespace vouch::cli {

/// Books with a log in files: says which records are lost; of a log whose end is whole, which are
/// not what was written. With `asked` for exactly what is lost, gives that up for good, and each
/// shard records it; what was begun so and cut off is done to its end.
ExitCode recover_log(const places::DataDirectory& data, const EpochKeys& keys,
                     const std::vector<AskedLoss>& asked, const std::string& asked_by,
                     const std::string& accept_clock);

}  // namespace vouch::cli
