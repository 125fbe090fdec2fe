#pragma once

#include "events/result.h"
#include "events/seal/deployment.h"
#include "tools/server/http/wire/client.h"
#include "tools/server/places/file_lock.h"

#include <filesystem>
#include <optional>
#include <string>
#include <utility>

namespace vouch::places {

/// How the tools of a machine find the server of a data directory: by what only that directory and
/// its owner can hold, so that neither a copy of it nor whoever has taken a port is believed.
///
///     server   locked as long as the server runs; has its address, for people
///     socket   where it listens, a Unix domain socket of mode 0600 (http/local_socket.h)
///
/// A file `server` that nobody has locked is what a crash or a copy left behind.
class ServerMark {
public:
    /// `retriable` while another server has the directory.
    static Result<ServerMark> take(const std::filesystem::path& directory, const std::string& url);
    ServerMark(ServerMark&& other) noexcept
        : lock_(std::move(other.lock_)), directory_(std::exchange(other.directory_, {})) {}
    ServerMark(const ServerMark&) = delete;
    ServerMark& operator=(const ServerMark&) = delete;
    ServerMark& operator=(ServerMark&&) = delete;
    /// Removes what others find it by.
    ~ServerMark();

private:
    ServerMark(FileLock lock, std::filesystem::path directory)
        : lock_(std::move(lock)), directory_(std::move(directory)) {}

    FileLock lock_;
    std::filesystem::path directory_;
};

/// The server that has the books in `directory`; empty when there is none. `retriable` when one is
/// there and does not answer: it may be writing, and nobody is to go on beside it.
Result<std::optional<http::Client>> find_server(const std::filesystem::path& directory,
                                        const Deployment& deployment);
/// The server at an address that people name. `retriable` when it gives no sign of life: what it is
/// asked then may take longer.
Result<http::Client> named_server(const std::string& url);

}  // namespace vouch::places
