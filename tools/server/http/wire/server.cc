#include "tools/server/http/wire/server.h"

#include "tools/server/http/wire/connection.h"
#include "tools/server/http/wire/io_thread.h"
#include "tools/server/http/wire/local_socket.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <atomic>
#include <functional>
#include <future>
#include <thread>
#include <utility>
#include <vector>

namespace vouch::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using Local = asio::local::stream_protocol;
using boost::system::error_code;

namespace {

/// How long no connection is taken when the process has run out of descriptors.
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr std::chrono::milliseconds kDrainLook{5};

/// Takes connections of one kind, one after the other, each for the next thread.
template <class Protocol>
class Accepting {
public:
    using Welcome = std::function<void(IoThread&, typename Protocol::socket)>;
    Accepting(asio::io_context& io, std::function<IoThread&()> next_thread, Welcome welcome)
        : acceptor(io),
          pause_(io),
          next_thread_(std::move(next_thread)),
          welcome_(std::move(welcome)) {}

    /// These on the acceptor's thread.
    void accept() {
        IoThread& next = next_thread_();
        acceptor.async_accept(
            next.io, [this, &next](const error_code& error, typename Protocol::socket socket) {
                if (!acceptor.is_open()) return;
                if (error) return pause();
                welcome_(next, std::move(socket));
                accept();
            });
    }
    void close() {
        error_code ignored;
        acceptor.close(ignored);
        pause_.cancel();
    }

    typename Protocol::acceptor acceptor;

private:
    void pause() {
        pause_.expires_after(kAcceptPause);
        pause_.async_wait([this](const error_code& error) {
            if (!error && acceptor.is_open()) accept();
        });
    }

    asio::steady_timer pause_;
    std::function<IoThread&()> next_thread_;
    Welcome welcome_;
};

class AsioServer final : public Server {
public:
    AsioServer(std::size_t threads, std::size_t connections_max) : port_{connections_max} {
        for (std::size_t i = 0; i < threads; ++i) threads_.push_back(std::make_unique<IoThread>());
        const auto next_thread = [this]() -> IoThread& {
            return *threads_[next_thread_++ % threads_.size()];
        };
        tcp_.emplace(threads_.front()->io, next_thread, [this](IoThread& to, tcp::socket socket) {
            error_code ignored;
            socket.set_option(tcp::no_delay(true), ignored);
            const asio::ip::address peer = socket.remote_endpoint(ignored).address();
            welcome(to, std::move(socket), peer, to.kept_for_port, port_);
        });
        local_.emplace(threads_.front()->io, next_thread,
                       [this](IoThread& to, Local::socket socket) {
                           welcome(to, std::move(socket), {}, to.kept_for_socket, socket_);
                       });
    }

    ~AsioServer() override { stop(); }

    Status listen(const ListenAddress& address, const MakeService& make_service) {
        if (Status listening = listen_on(address, tcp_->acceptor); !listening) return listening;
        url_ = "http://" + address.shown() + ":" +
               std::to_string(tcp_->acceptor.local_endpoint().port());
        for (const std::unique_ptr<IoThread>& each : threads_) each->start(make_service(*each));
        asio::post(threads_.front()->io, [this] { tcp_->accept(); });
        return {};
    }

    Status listen_in(const std::filesystem::path& directory) override {
        const Result<SocketDirectory> opened = SocketDirectory::open(directory);
        if (!opened) return opened.error();
        if (Status listening = listen_locally(*opened, local_->acceptor); !listening)
            return listening;
        asio::post(threads_.front()->io, [this] { local_->accept(); });
        return {};
    }

    const std::string& url() const override { return url_; }

    bool drain() override {
        const SteadyTime until = std::chrono::steady_clock::now() + kDrainMax;
        // A thread may stand still in an answer, and do this when the drain is over.
        const auto closed = std::make_shared<std::promise<void>>();
        asio::post(threads_.front()->io, [this, closed] {
            tcp_->close();
            local_->close();
            closed->set_value();
        });
        for (const std::unique_ptr<IoThread>& each : threads_) each->drain();
        (void)closed->get_future().wait_until(until);
        const auto is_open = [this] { return port_.connections + socket_.connections > 0; };
        while (is_open() && std::chrono::steady_clock::now() < until)
            std::this_thread::sleep_for(kDrainLook);
        return !is_open();
    }

    void stop() override {
        for (const std::unique_ptr<IoThread>& each : threads_) each->stop();
    }

private:
    /// Each has its own bound: who fills the port does not keep out who comes by the socket.
    struct Endpoint {
        std::size_t connections_max;
        std::atomic<std::size_t> connections{0};
    };

    void welcome(IoThread& thread, Connection::Socket socket, const asio::ip::address& peer,
                 KeptBodies& kept, Endpoint& endpoint) {
        if (endpoint.connections >= endpoint.connections_max) return;
        const ConnectionUse use =
            endpoint.connections + kHealthConnections < endpoint.connections_max
                ? ConnectionUse::any
                : ConnectionUse::health;
        ++endpoint.connections;
        asio::post(thread.io, [&thread, &kept, &endpoint, use, peer,
                               moved = std::move(socket)]() mutable {
            auto connection = std::make_shared<Connection>(thread, std::move(moved), peer, kept,
                                                           endpoint.connections, use);
            asio::awaitable<void> run = connection->run();
            asio::co_spawn(thread.io, std::move(run), asio::detached);
        });
    }

    std::string url_;
    Endpoint port_;
    Endpoint socket_{kSocketConnectionsMax};
    std::vector<std::unique_ptr<IoThread>> threads_;
    // Before the threads in destruction.
    std::optional<Accepting<tcp>> tcp_;
    std::optional<Accepting<Local>> local_;
    std::size_t next_thread_ = 0;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(const ListenAddress& address, std::size_t threads,
                                              std::size_t connections_max,
                                              const MakeService& make_service) {
    auto server =
        std::make_unique<AsioServer>(std::max<std::size_t>(threads, 1),
                                     std::clamp(connections_max, kConnectionsMin, kConnectionsMax));
    if (Status listening = server->listen(address, make_service); !listening)
        return listening.error();
    return std::unique_ptr<Server>(std::move(server));
}

}  // namespace vouch::http
