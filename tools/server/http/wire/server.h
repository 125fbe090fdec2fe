#pragma once

#include "events/result.h"
#include "tools/server/http/wire/listen_address.h"
#include "tools/server/http/wire/service.h"

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

namespace vouch::http {

/// Connections at a time to the port, or fewer where others need the descriptors; another one is
/// closed at once.
inline constexpr std::size_t kConnectionsMax = 4096;
inline constexpr std::size_t kConnectionsMin = 16;
/// To the data directory's socket.
inline constexpr std::size_t kSocketConnectionsMax = 256;
/// The last of either are for questions about health alone, one each: whoever fills a server with
/// connections must not have it taken for dead.
inline constexpr std::size_t kHealthConnections = 8;
/// How long a stop waits for requests that are under way.
inline constexpr std::chrono::seconds kDrainMax{10};

/// Listens, and has its threads' services answer.
class Server {
public:
    /// `configuration` when the port is taken; then no service is made. At most `connections_max`
    /// to the port, between kConnectionsMin and kConnectionsMax.
    static Result<std::unique_ptr<Server>> start(const ListenAddress& address, std::size_t threads,
                                                 std::size_t connections_max,
                                                 const MakeService& make_service);
    virtual ~Server() = default;

    /// "http://127.0.0.1:41234".
    virtual const std::string& url() const = 0;
    /// Listens on the socket of a data directory, too (local_socket.h). Once.
    virtual Status listen_in(const std::filesystem::path& directory) = 0;

    /// Takes no more connections and requests, and waits, at most kDrainMax, until those under way
    /// are answered. False when some were not.
    virtual bool drain() = 0;
    /// Ends the threads. Once.
    virtual void stop() = 0;
};

}  // namespace vouch::http
