#pragma once

#include "events/result.h"

#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace vouch::http {

/// Where to listen: a loopback address and a port, 0 for any that is free.
struct ListenAddress {
    std::string host;
    std::uint16_t port = 0;

    /// As in a URL: an IPv6 address in brackets.
    std::string shown() const;
};
/// Of "127.0.0.1:8080", "[::1]:0" or "localhost:0". `configuration` for anything but this machine:
/// nothing is encrypted here, and nobody asked who they are.
Result<ListenAddress> parse_listen_address(std::string_view text);
/// `configuration` when the port is taken, `retriable` without a descriptor for it.
Status listen_on(const ListenAddress& address, boost::asio::ip::tcp::acceptor& acceptor);
/// The same, and listens no more.
Status check_free(const ListenAddress& address);

}  // namespace vouch::http
