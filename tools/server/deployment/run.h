#pragma once

#include "events/result.h"
#include "tools/server/deployment/deployed.h"
#include "tools/server/places/data_directory.h"

#include <string>

namespace vouch::server {

struct RunSettings {
    places::DataOptions data;
    std::string listen = "127.0.0.1:0";
    std::string commit = "unknown";  ///< that the program was built from
    Roles roles;
};

/// Runs a deployment until the process is told to stop, or something fails.
Status run(const RunSettings& settings);

}  // namespace vouch::server
