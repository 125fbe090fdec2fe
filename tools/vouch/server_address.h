#pragma once

#include "events/result.h"
#include "events/seal/deployment.h"
#include "tools/vouch/http/client.h"

#include <filesystem>
#include <optional>
#include <string>

namespace vouch::cli {

/// A running server leaves its address in the file `server` of its directory, one line, so that
/// every command finds it. What the file says is believed only if a server of the same deployment
/// answers there: a file that a crash left behind is nobody's.

Status leave_server_address(const std::filesystem::path& directory, const std::string& url);
void remove_server_address(const std::filesystem::path& directory);

/// The server that has the books in `directory`; empty when there is none.
std::optional<http::Client> find_server(const std::filesystem::path& directory,
                                        const Deployment& deployment);

}  // namespace vouch::cli
