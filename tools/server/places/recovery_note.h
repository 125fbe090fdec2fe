#pragma once

#include "command-handler/shard/accepted_loss.h"
#include "events/result.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace vouch::places {

using command_handler::AcceptedLoss;

/// A recovery that was begun: whoever asked for it, and what he gave up. It lies in the directory
/// from before anything is cut until the shards have recorded it, and nobody writes meanwhile.
struct RecoveryNote {
    std::string asked_by;
    std::vector<AcceptedLoss> losses;
};

/// "SHARD:RECORD"; empty for anything else.
std::optional<AcceptedLoss> parse_loss(const std::string& text);

/// Empty when no recovery is under way.
Result<std::optional<RecoveryNote>> read_recovery_note(const std::filesystem::path& directory);
Status write_recovery_note(const std::filesystem::path& directory, const RecoveryNote& note);
/// Of a recovery that was begun: what is left of it to do.
Status replace_recovery_note(const std::filesystem::path& directory, const RecoveryNote& note);
Status remove_recovery_note(const std::filesystem::path& directory);

}  // namespace vouch::places
