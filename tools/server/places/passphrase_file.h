#pragma once

#include "events/result.h"
#include "events/seal/deployment.h"

#include <filesystem>
#include <string>

namespace vouch::places {

/// Where the passphrase of a deployment is: `given` if it is not empty, else
/// $VOUCH_PASSPHRASE_FILE, else vouch/<deployment id>.passphrase below $XDG_CONFIG_HOME or
/// ~/.config. `configuration` when the environment names no home.
Result<std::filesystem::path> passphrase_file(const std::filesystem::path& given,
                                              const DeploymentId& deployment);

/// What it is called there. Nobody else's, as deployments' ids are random.
std::string own_passphrase_name(const DeploymentId& deployment);

}  // namespace vouch::places
