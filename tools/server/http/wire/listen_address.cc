#include "tools/server/http/wire/listen_address.h"

#include "events/log/descriptors.h"

#include <charconv>

namespace vouch::http {

namespace asio = boost::asio;
using asio::ip::tcp;

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

Status listen_on(const ListenAddress& address, tcp::acceptor& acceptor) {
    boost::system::error_code error;
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

Status check_free(const ListenAddress& address) {
    asio::io_context io;
    tcp::acceptor acceptor(io);
    return listen_on(address, acceptor);
}

}  // namespace vouch::http
