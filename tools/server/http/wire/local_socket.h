#pragma once

#include "events/result.h"

#include <boost/asio/local/stream_protocol.hpp>

#include <filesystem>

namespace vouch::http {

/// The Unix domain socket of a data directory: only its owner may connect, and who listens there is
/// the owner's process.

inline constexpr const char* kLocalSocket = "socket";

/// A directory held open, and how its socket is named as long as it is: a socket's path has room
/// for some hundred bytes only, and a directory's may be longer.
class SocketDirectory {
public:
    static Result<SocketDirectory> open(const std::filesystem::path& directory);
    SocketDirectory(SocketDirectory&& other) noexcept;
    SocketDirectory(const SocketDirectory&) = delete;
    SocketDirectory& operator=(const SocketDirectory&) = delete;
    SocketDirectory& operator=(SocketDirectory&&) = delete;
    ~SocketDirectory();

    boost::asio::local::stream_protocol::endpoint endpoint() const;
    /// Whether the process at the other end is the directory's owner's.
    bool is_owners(int connected_socket) const;

private:
    explicit SocketDirectory(int fd) : fd_(fd) {}
    int fd_;
};

/// Listens on the directory's socket, mode 0600. The caller is the directory's one server: a socket
/// that is there already is a dead one's, and is replaced.
Status listen_locally(const SocketDirectory& directory,
                      boost::asio::local::stream_protocol::acceptor& acceptor);

}  // namespace vouch::http
