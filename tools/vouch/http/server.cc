#include "tools/vouch/http/server.h"

#include "tools/vouch/http/connection.h"
#include "tools/vouch/http/io_thread.h"
#include "tools/vouch/http/long_queries.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <future>
#include <thread>
#include <utility>
#include <vector>

namespace vouch::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

/// How long no connection is taken when the process has run out of descriptors.
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr std::chrono::milliseconds kDrainLook{5};

class AsioServer final : public Server {
public:
    AsioServer(const LedgerParts& parts, std::size_t threads) : parts_(parts) {
        for (std::size_t i = 0; i < threads; ++i)
            threads_.push_back(std::make_unique<IoThread>(parts_, long_queries_));
        acceptor_.emplace(threads_.front()->io);
        accept_pause_.emplace(threads_.front()->io);
    }

    ~AsioServer() override { stop(); }

    Status listen(const ListenAddress& address) {
        error_code error;
        const tcp::endpoint endpoint(asio::ip::make_address(address.host), address.port);
        acceptor_->open(endpoint.protocol(), error);
        if (!error) acceptor_->set_option(tcp::acceptor::reuse_address(true), error);
        if (!error) acceptor_->bind(endpoint, error);
        if (!error) acceptor_->listen(asio::socket_base::max_listen_connections, error);
        const bool is_v6 = endpoint.address().is_v6();
        const std::string host = is_v6 ? "[" + address.host + "]" : address.host;
        if (error) {
            return Fault{FaultCode::configuration,
                         host + ":" + std::to_string(address.port) +
                             " cannot be listened on: " + error.message()};
        }
        url_ = "http://" + host + ":" + std::to_string(acceptor_->local_endpoint().port());
        if (parts_.door != nullptr) {
            for (const std::unique_ptr<IoThread>& each : threads_) parts_.door->add_box(each->box);
        }
        for (const std::unique_ptr<IoThread>& each : threads_) each->start();
        asio::post(threads_.front()->io, [this] { accept(); });
        return {};
    }

    const std::string& url() const override { return url_; }

    void views_changed() override {
        for (const std::unique_ptr<IoThread>& each : threads_) each->views_changed();
    }

    bool drain() override {
        std::promise<void> closed;
        asio::post(threads_.front()->io, [&] {
            error_code ignored;
            acceptor_->close(ignored);
            accept_pause_->cancel();
            closed.set_value();
        });
        closed.get_future().wait();
        for (const std::unique_ptr<IoThread>& each : threads_) each->drain();
        const SteadyTime until = std::chrono::steady_clock::now() + kDrainMax;
        while (connections_.load() > 0 && std::chrono::steady_clock::now() < until)
            std::this_thread::sleep_for(kDrainLook);
        return connections_.load() == 0;
    }

    void stop() override {
        long_queries_.stop();
        for (const std::unique_ptr<IoThread>& each : threads_) each->stop();
    }

private:
    void accept() {
        IoThread& next = *threads_[next_thread_++ % threads_.size()];
        acceptor_->async_accept(next.io,
                                [this, &next](const error_code& error, tcp::socket socket) {
                                    if (!acceptor_->is_open()) return;
                                    if (error) return pause();
                                    welcome(next, std::move(socket));
                                    accept();
                                });
    }

    void pause() {
        accept_pause_->expires_after(kAcceptPause);
        accept_pause_->async_wait([this](const error_code& error) {
            if (!error && acceptor_->is_open()) accept();
        });
    }

    void welcome(IoThread& thread, tcp::socket socket) {
        if (connections_.load() >= kConnectionsMax) return;
        connections_.fetch_add(1);
        error_code ignored;
        socket.set_option(tcp::no_delay(true), ignored);
        asio::post(thread.io, [this, &thread, moved = std::move(socket)]() mutable {
            auto connection = std::make_shared<Connection>(thread, std::move(moved), connections_);
            asio::awaitable<void> run = connection->run();
            asio::co_spawn(thread.io, std::move(run), asio::detached);
        });
    }

    LedgerParts parts_;
    std::string url_;
    std::atomic<std::size_t> connections_{0};
    LongQueries long_queries_;
    std::vector<std::unique_ptr<IoThread>> threads_;
    // Before the threads in destruction.
    std::optional<tcp::acceptor> acceptor_;
    std::optional<asio::steady_timer> accept_pause_;
    std::size_t next_thread_ = 0;
};

}  // namespace

Result<ListenAddress> parse_listen_address(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    ListenAddress address;
    if (colon == std::string_view::npos) {
        return Fault{FaultCode::configuration, "--listen: expected ADDRESS:PORT"};
    }
    const std::string_view port = text.substr(colon + 1);
    const auto [stopped, error] =
        std::from_chars(port.data(), port.data() + port.size(), address.port);
    if (port.empty() || error != std::errc() || stopped != port.data() + port.size())
        return Fault{FaultCode::configuration, "--listen: expected a port of 0 to 65535"};
    std::string_view host = text.substr(0, colon);
    if (host == "localhost") host = "127.0.0.1";
    if (host == "[::1]") host = "::1";
    if (host != "127.0.0.1" && host != "::1") {
        return Fault{
            FaultCode::configuration,
            "--listen: only this machine can be served, as 127.0.0.1:PORT: connections are "
            "neither encrypted nor asked who they are"};
    }
    address.host = host;
    return address;
}

Result<std::unique_ptr<Server>> Server::start(const LedgerParts& parts,
                                              const ListenAddress& address, std::size_t threads) {
    auto server = std::make_unique<AsioServer>(parts, std::max<std::size_t>(threads, 1));
    if (Status listening = server->listen(address); !listening) return listening.error();
    return std::unique_ptr<Server>(std::move(server));
}

void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    const rlim_t wanted = kConnectionsMax * 2;
    if (limit.rlim_cur >= wanted) return;
    limit.rlim_cur = std::min(wanted, limit.rlim_max);
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace vouch::http
