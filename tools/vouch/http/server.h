#pragma once

#include "events/result.h"
#include "tools/vouch/http/ledger_parts.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace vouch::http {

/// Connections at a time to the port, or fewer where the books need the descriptors; another one is
/// closed at once.
inline constexpr std::size_t kConnectionsMax = 4096;
inline constexpr std::size_t kConnectionsMin = 16;
/// To the data directory's socket.
inline constexpr std::size_t kSocketConnectionsMax = 256;
/// How long a stop waits for requests that are under way.
inline constexpr std::chrono::seconds kDrainMax{10};

/// Where to listen: a loopback address and a port, 0 for any that is free.
struct ListenAddress {
    std::string host;
    std::uint16_t port = 0;

    /// As in a URL: an IPv6 address in brackets.
    std::string shown() const;
};
/// Of "127.0.0.1:8080", "[::1]:0" or "localhost:0". `configuration` for anything but this machine:
/// nothing is encrypted here, and nobody asked who they are.
Result<ListenAddress> parse_listen_address(std::string_view text);
/// `configuration` when the port is taken.
Status check_free(const ListenAddress& address);

/// The HTTP API before a ledger.
class Server {
public:
    /// `configuration` when the port is taken. What `parts` names outlives the server, and its door
    /// has not been used.
    static Result<std::unique_ptr<Server>> start(const LedgerParts& parts,
                                                 const ListenAddress& address, std::size_t threads);
    virtual ~Server() = default;

    /// "http://127.0.0.1:41234".
    virtual const std::string& url() const = 0;
    /// Listens on the socket of a data directory, too (local_socket.h). Once.
    virtual Status listen_in(const std::filesystem::path& directory) = 0;
    /// To be called, on any thread, when a view has moved.
    virtual void views_changed() = 0;

    /// Takes no more connections and requests, and waits, at most kDrainMax, until those under way
    /// are answered. False when some were not.
    virtual bool drain() = 0;
    /// Ends the threads, after the ledger's own that answer. Once.
    virtual void stop() = 0;
};

/// Descriptors that the books need: the process's own and its log's, and for each shard what its store
/// and view hold open when files wait to be merged.
inline constexpr std::uint64_t kDescriptorsOwn = 64;
inline constexpr std::uint64_t kDescriptorsAShard = 160;

/// Lets the process have as many descriptors as connections and books of so many shards need, if it
/// may. For people, when there are fewer than the books alone need.
std::optional<std::string> raise_descriptor_limit(std::uint32_t shards);

}  // namespace vouch::http
