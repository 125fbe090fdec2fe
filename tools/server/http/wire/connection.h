#pragma once

#include "tools/server/http/wire/body_share.h"
#include "tools/server/http/wire/io_thread.h"
#include "tools/server/http/wire/request_head.h"
#include "tools/server/http/wire/response.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace vouch::http {

/// How long a peer may take, and what it may ask of one connection.
inline constexpr std::chrono::seconds kIdleMax{30};
inline constexpr std::chrono::seconds kHeadTimeMax{5};
/// A body or an answer may take this time, and beyond it must have moved at this rate. A body may
/// not rest longer than this time either, however fast it was before.
inline constexpr std::chrono::seconds kBodyTimeMax{10};
inline constexpr std::size_t kBytesPerSecondMin = std::size_t{16} << 10;
inline constexpr std::size_t kRequestsMax = 1000;

/// What a connection may ask for: one question about health, soon, where few are left.
enum class ConnectionUse { any, health };

/// One peer: its requests one after the other, each answered before the next is read. Everything is
/// bounded and timed; a request that is refused ends the connection, unread. Lives on one IoThread.
class Connection : public std::enable_shared_from_this<Connection> {
public:
    using Socket = boost::asio::generic::stream_protocol::socket;  ///< over TCP or local

    /// `kept` is the thread's.
    Connection(IoThread& thread, Socket socket, const boost::asio::ip::address& peer,
               KeptBodies& kept, std::atomic<std::size_t>& open_connections,
               ConnectionUse use);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    boost::asio::awaitable<void> run();

    void end_if_idle();
    void end_if_late(SteadyTime now);

private:
    enum class Got { nothing, head, refused };
    enum class BodyRead { whole, gone, late, no_room };

    /// Until a head has come; `nothing` when the peer went away or was late before its first byte.
    boost::asio::awaitable<Got> read_head_bytes();
    boost::asio::awaitable<BodyRead> read_body(std::size_t length, bool expects_continue);
    boost::asio::awaitable<bool> write(Response response, bool keep_alive, bool is_head_only);
    /// Says that nothing more comes and lets the peer read that, within bounds; what is left of a
    /// body is dropped meanwhile.
    boost::asio::awaitable<void> close(std::size_t body_left);
    Response refusal() const;
    void begin_moving();
    /// So many bytes more.
    void has_moved(std::size_t bytes);

    IoThread& thread_;
    Socket socket_;
    std::atomic<std::size_t>& open_connections_;
    ConnectionUse use_;
    SteadyTime deadline_ = SteadyTime::max();
    bool is_idle_ = true;
    bool is_late_ = false;
    std::string received_;  ///< and not used yet
    std::size_t looked_ = 0;
    std::string head_bytes_;
    std::string body_;
    PeerPlace peer_;
    BodyShare request_share_;
    BodyShare answer_share_;
    HeadRefused refused_;
};

}  // namespace vouch::http
