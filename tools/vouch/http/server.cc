#include "tools/vouch/http/server.h"

#include "events/log/descriptors.h"
#include "tools/vouch/http/connection.h"
#include "tools/vouch/http/io_thread.h"
#include "tools/vouch/http/local_socket.h"
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
using Local = asio::local::stream_protocol;
using boost::system::error_code;

namespace {

/// How long no connection is taken when the process has run out of descriptors.
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr std::chrono::milliseconds kDrainLook{5};

rlim_t needed_by_books(std::uint32_t shards) {
    return kDescriptorsOwn + rlim_t{kDescriptorsAShard} * shards;
}

/// As many as leave the books their descriptors.
std::size_t port_connections_max(std::uint32_t shards) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kConnectionsMin;
    const rlim_t others = needed_by_books(shards) + kSocketConnectionsMax;
    const rlim_t left = limit.rlim_cur - std::min(limit.rlim_cur, others);
    return std::clamp<rlim_t>(left, kConnectionsMin, kConnectionsMax);
}

Status listen_on(const ListenAddress& address, tcp::acceptor& acceptor) {
    error_code error;
    const tcp::endpoint endpoint(asio::ip::make_address(address.host), address.port);
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (!error) return {};
    const bool passes = is_out_of_descriptors(error.message());
    return Fault{passes ? FaultCode::retriable : FaultCode::configuration,
                 address.shown() + ":" + std::to_string(address.port) +
                     " cannot be listened on: " + error.message()};
}

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
    AsioServer(const LedgerParts& parts, std::size_t threads)
        : parts_(parts), port_{port_connections_max(parts.deployment->shards)} {
        for (std::size_t i = 0; i < threads; ++i)
            threads_.push_back(std::make_unique<IoThread>(parts_, long_queries_));
        const auto next_thread = [this]() -> IoThread& {
            return *threads_[next_thread_++ % threads_.size()];
        };
        tcp_.emplace(threads_.front()->io, next_thread, [this](IoThread& to, tcp::socket socket) {
            error_code ignored;
            socket.set_option(tcp::no_delay(true), ignored);
            welcome(to, std::move(socket), to.kept_for_port, port_);
        });
        local_.emplace(threads_.front()->io, next_thread, [this](IoThread& to, Local::socket socket) {
            welcome(to, std::move(socket), to.kept_for_socket, socket_);
        });
    }

    ~AsioServer() override { stop(); }

    Status listen(const ListenAddress& address) {
        if (Status listening = listen_on(address, tcp_->acceptor); !listening) return listening;
        url_ = "http://" + address.shown() + ":" +
               std::to_string(tcp_->acceptor.local_endpoint().port());
        if (parts_.door != nullptr) {
            for (const std::unique_ptr<IoThread>& each : threads_) parts_.door->add_box(each->box);
        }
        for (const std::unique_ptr<IoThread>& each : threads_) each->start();
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

    void views_changed() override {
        for (const std::unique_ptr<IoThread>& each : threads_) each->views_changed();
    }

    bool drain() override {
        std::promise<void> closed;
        asio::post(threads_.front()->io, [&] {
            tcp_->close();
            local_->close();
            closed.set_value();
        });
        closed.get_future().wait();
        for (const std::unique_ptr<IoThread>& each : threads_) each->drain();
        const SteadyTime until = std::chrono::steady_clock::now() + kDrainMax;
        const auto is_open = [this] { return port_.connections + socket_.connections > 0; };
        while (is_open() && std::chrono::steady_clock::now() < until)
            std::this_thread::sleep_for(kDrainLook);
        return !is_open();
    }

    void stop() override {
        long_queries_.stop();
        for (const std::unique_ptr<IoThread>& each : threads_) each->stop();
    }

private:
    /// Each has its own bound: who fills the port does not keep the books' owner out.
    struct Door {
        std::size_t connections_max;
        std::atomic<std::size_t> connections{0};
    };

    void welcome(IoThread& thread, Connection::Socket socket, KeptBodies& kept, Door& door) {
        if (door.connections >= door.connections_max) return;
        ++door.connections;
        asio::post(thread.io, [&thread, &kept, &door, moved = std::move(socket)]() mutable {
            auto connection =
                std::make_shared<Connection>(thread, std::move(moved), kept, door.connections);
            asio::awaitable<void> run = connection->run();
            asio::co_spawn(thread.io, std::move(run), asio::detached);
        });
    }

    LedgerParts parts_;
    std::string url_;
    Door port_;
    Door socket_{kSocketConnectionsMax};
    LongQueries long_queries_;
    std::vector<std::unique_ptr<IoThread>> threads_;
    // Before the threads in destruction.
    std::optional<Accepting<tcp>> tcp_;
    std::optional<Accepting<Local>> local_;
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

std::string ListenAddress::shown() const {
    return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

Status check_free(const ListenAddress& address) {
    asio::io_context io;
    tcp::acceptor acceptor(io);
    return listen_on(address, acceptor);
}

Result<std::unique_ptr<Server>> Server::start(const LedgerParts& parts,
                                              const ListenAddress& address, std::size_t threads) {
    auto server = std::make_unique<AsioServer>(parts, std::max<std::size_t>(threads, 1));
    if (Status listening = server->listen(address); !listening) return listening.error();
    return std::unique_ptr<Server>(std::move(server));
}

std::optional<std::string> raise_descriptor_limit(std::uint32_t shards) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
    const rlim_t needed = needed_by_books(shards);
    const rlim_t wanted = kConnectionsMax + kSocketConnectionsMax + needed;
    if (limit.rlim_cur < wanted) {
        const rlimit raised{std::min(wanted, limit.rlim_max), limit.rlim_max};
        if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
    }
    if (limit.rlim_cur >= needed) return std::nullopt;
    return "warning: ulimit -n is " + std::to_string(limit.rlim_cur) + ", and books of " +
           std::to_string(shards) + (shards == 1 ? " shard" : " shards") + " may need " +
           std::to_string(needed) + " descriptors; without them views wait and peers are not let in";
}

}  // namespace vouch::http
