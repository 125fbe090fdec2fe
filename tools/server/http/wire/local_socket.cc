#include "tools/server/http/wire/local_socket.h"

#include "events/log/descriptors.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace vouch::http {

Result<SocketDirectory> SocketDirectory::open(const std::filesystem::path& directory) {
    const int fd = ::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return Fault{FaultCode::storage,
                     directory.string() + ": " + std::generic_category().message(errno)};
    }
    return SocketDirectory(fd);
}

SocketDirectory::SocketDirectory(SocketDirectory&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)) {}

SocketDirectory::~SocketDirectory() {
    if (fd_ >= 0) ::close(fd_);
}

boost::asio::local::stream_protocol::endpoint SocketDirectory::endpoint() const {
    return {"/proc/self/fd/" + std::to_string(fd_) + "/" + kLocalSocket};
}

bool SocketDirectory::is_owners(int connected_socket) const {
    ucred peer{};
    socklen_t size = sizeof peer;
    struct stat directory {};
    return ::getsockopt(connected_socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           ::fstat(fd_, &directory) == 0 && peer.uid == directory.st_uid;
}

Status listen_locally(const SocketDirectory& directory,
                      boost::asio::local::stream_protocol::acceptor& acceptor) {
    const boost::asio::local::stream_protocol::endpoint endpoint = directory.endpoint();
    const std::string path = endpoint.path();
    boost::system::error_code error;
    ::unlink(path.c_str());
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.bind(endpoint, error);
    // Nobody can connect before it listens.
    if (!error && ::chmod(path.c_str(), S_IRUSR | S_IWUSR) != 0)
        error.assign(errno, boost::system::system_category());
    if (!error) acceptor.listen(boost::asio::socket_base::max_listen_connections, error);
    if (!error) return {};
    const bool passes = is_out_of_descriptors(error.message());
    return Fault{passes ? FaultCode::retriable : FaultCode::configuration,
                 "the data directory's socket cannot be listened on: " + error.message()};
}

}  // namespace vouch::http
