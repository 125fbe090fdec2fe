#pragma once

#include "tools/server/http/wire/body_share.h"
#include "tools/server/http/wire/service.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <unordered_set>

namespace vouch::http {

class Connection;

using SteadyTime = std::chrono::steady_clock::time_point;

/// Waits until somebody on the same thread wakes it. The waiter looks at what it waits for before
/// and after.
class Waker {
public:
    explicit Waker(boost::asio::io_context& io) : timer_(io) {}
    void wake() { timer_.cancel(); }
    /// Until woken, at most until `until`.
    boost::asio::awaitable<void> wait(SteadyTime until = SteadyTime::max());

private:
    boost::asio::steady_timer timer_;
};

/// One thread with the connections that it serves from their first byte to their last, and the
/// service that answers them. Everything here belongs to that thread but what says otherwise.
class IoThread {
public:
    /// Between two looks for connections past their deadline.
    static constexpr std::chrono::milliseconds kSweepInterval{100};

    IoThread();
    ~IoThread();
    IoThread(const IoThread&) = delete;
    IoThread& operator=(const IoThread&) = delete;

    void start(std::unique_ptr<Service> service);
    /// Ends the thread; what it has not finished is dropped. From another thread.
    void stop();

    /// Lets connections end after the request they are at, and idle ones at once. Any thread.
    void drain();

    Service& service() { return *service_; }

    /// Drops what waits in it before the rest of the thread goes.
    struct EndableContext : boost::asio::io_context {
        using io_context::io_context;
        void end() { shutdown(); }
    };

    EndableContext io{1};
    bool is_draining = false;
    KeptBodies kept_for_port;
    KeptBodies kept_for_socket;
    std::string date;  ///< for answers, of this second
    std::unordered_set<Connection*> connections;

private:
    void sweep();
    void start_sweep();

    std::unique_ptr<Service> service_;
    boost::asio::steady_timer sweep_timer_;
    std::thread thread_;
};

}  // namespace vouch::http
