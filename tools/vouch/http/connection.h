#pragma once

#include "tools/vouch/http/io_thread.h"
#include "tools/vouch/http/request_head.h"
#include "tools/vouch/http/response.h"

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
/// A body or an answer may take this time, and beyond it must have moved at this rate.
inline constexpr std::chrono::seconds kBodyTimeMax{10};
inline constexpr std::size_t kBytesPerSecondMin = std::size_t{16} << 10;
inline constexpr std::size_t kRequestsMax = 1000;

/// One peer: its requests one after the other, each answered before the next is read. Everything is
/// bounded and timed; a request that is refused ends the connection, unread. Lives on one IoThread.
class Connection : public std::enable_shared_from_this<Connection> {
public:
    using Socket = boost::asio::generic::stream_protocol::socket;  ///< over TCP or local

    Connection(IoThread& thread, Socket socket,
               std::atomic<std::size_t>& open_connections);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    boost::asio::awaitable<void> run();

    void end_if_idle();
    void end_if_late(SteadyTime now);

private:
    enum class Got { nothing, head, refused };

    /// Until a head has come; `nothing` when the peer went away or was late before its first byte.
    boost::asio::awaitable<Got> read_head_bytes();
    /// False when the peer went away or was too slow.
    boost::asio::awaitable<bool> read_body(std::size_t length, bool expects_continue);
    boost::asio::awaitable<bool> write(Response response, bool keep_alive, bool is_head_only);
    /// Says that nothing more comes and lets the peer read that, within bounds.
    boost::asio::awaitable<void> close();
    Response refusal() const;
    void begin_moving();
    void has_moved(std::size_t bytes);
    /// Of the thread's bodies, so many bytes are this connection's now.
    void reserve(std::size_t bytes);

    IoThread& thread_;
    Socket socket_;
    std::atomic<std::size_t>& open_connections_;
    SteadyTime deadline_ = SteadyTime::max();
    SteadyTime moving_since_;
    bool is_idle_ = true;
    bool is_late_ = false;
    std::string received_;  ///< and not used yet
    std::size_t looked_ = 0;
    std::string head_bytes_;
    std::string body_;
    std::size_t body_reserved_ = 0;
    HeadRefused refused_;
};

}  // namespace vouch::http
