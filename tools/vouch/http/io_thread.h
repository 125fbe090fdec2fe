#pragma once

#include "command-handler/intake/handler_directory.h"
#include "projector/queries/books.h"
#include "tools/vouch/answer_box.h"
#include "tools/vouch/http/known_accounts.h"
#include "tools/vouch/http/ledger_parts.h"
#include "tools/vouch/http/long_queries.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>

namespace vouch::http {

class CommandRequest;
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

/// Bytes of bodies that a thread keeps in memory for the peers of one door. The port and the data
/// directory's socket have their own, so that nobody at the one fills the other's.
struct KeptBodies {
    std::size_t of_requests = 0;  ///< that have come, whatever was announced
    std::size_t of_answers = 0;
};

/// One thread with the connections that it serves from their first byte to their last. Everything
/// here belongs to that thread but what says otherwise.
class IoThread {
public:
    /// Between two looks for connections past their deadline.
    static constexpr std::chrono::milliseconds kSweepInterval{100};

    IoThread(const LedgerParts& parts, LongQueries& long_queries);
    ~IoThread();
    IoThread(const IoThread&) = delete;
    IoThread& operator=(const IoThread&) = delete;

    void start();
    /// Ends the thread; what it has not finished is dropped. From another thread.
    void stop();

    /// Lets connections end after the request they are at, and idle ones at once. Any thread.
    void drain();
    /// The views have moved. Any thread; wakes the thread only when somebody waits for that.
    void views_changed();

    /// Commands appended by the handlers that are ready to run now go together.
    void flush_soon();
    /// Keeps a request until it has all its outcomes, though its caller has gone.
    void keep(std::shared_ptr<CommandRequest> request);
    void forget(CommandRequest& request);

    /// The views as they are now; made again only when they have moved.
    Result<projector::Books*> books();

    /// Drops what waits in it before the rest of the thread goes.
    struct EndableContext : boost::asio::io_context {
        using io_context::io_context;
        void end() { shutdown(); }
    };

    EndableContext io{1};
    cli::AnswerBox box;
    const LedgerParts& parts;
    LongQueries& long_queries;
    std::optional<KnownAccounts> directory;
    std::optional<Fault> fault;  ///< nothing goes on
    bool is_draining = false;
    KeptBodies kept_for_port;
    KeptBodies kept_for_socket;
    std::string date;  ///< for answers, of this second
    std::unordered_set<Connection*> connections;
    std::atomic<std::size_t> view_waits{0};
    std::unordered_set<Waker*> view_wakers;

private:
    std::optional<Asset> asset_in_views(LedgerId ledger, AccountId account);
    void take_answers();
    void sweep();
    void start_sweep();

    std::optional<command_handler::HandlerDirectory> shards_;
    std::unordered_map<CommandRequest*, std::shared_ptr<CommandRequest>> kept_;
    std::optional<projector::Books> books_;
    std::uint64_t books_version_ = 0;
    bool is_flush_posted_ = false;
    boost::asio::steady_timer sweep_timer_;
    std::thread thread_;
};

}  // namespace vouch::http
