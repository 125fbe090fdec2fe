#include "tests/web/peer.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace vouch::test {

namespace {

/// A server that says nothing for this long has failed the test.
constexpr int kSilenceMaxMs = 60'000;

}  // namespace

Peer::Peer(const std::string& url, const std::string& from) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1))));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(fd_ >= 0);
    sockaddr_in source{};
    source.sin_family = AF_INET;
    REQUIRE(::inet_pton(AF_INET, from.c_str(), &source.sin_addr) == 1);
    // The port is chosen when it connects: a port waiting on another server's behalf will do then.
    const int yes = 1;
    REQUIRE(::setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes) == 0);
    REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&source), sizeof source) == 0);
    REQUIRE(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
}

Peer::~Peer() {
    if (fd_ >= 0) ::close(fd_);
}

Peer::Peer(Peer&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), received_(std::move(other.received_)) {}

bool Peer::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

void Peer::end_sending() { ::shutdown(fd_, SHUT_WR); }

bool Peer::read_more() {
    pollfd source{.fd = fd_, .events = POLLIN, .revents = 0};
    REQUIRE(::poll(&source, 1, kSilenceMaxMs) == 1);
    std::array<char, 65'536> some;
    const ssize_t got = ::recv(fd_, some.data(), some.size(), 0);
    if (got <= 0) return false;
    received_.append(some.data(), static_cast<std::size_t>(got));
    return true;
}

std::string Peer::read_until(std::string_view text) {
    while (text.empty() || received_.find(text) == std::string::npos) {
        if (!read_more()) break;
    }
    return std::exchange(received_, {});
}

std::vector<std::string> Peer::read_answers(std::size_t count) {
    std::vector<std::string> answers;
    while (answers.size() < count) {
        const std::size_t end = received_.find("\r\n\r\n");
        std::size_t size = std::string::npos;
        if (end != std::string::npos) {
            const std::size_t length = received_.find("Content-Length: ");
            size = end + 4 + (length < end ? std::stoul(received_.substr(length + 16)) : 0);
        }
        if (received_.size() < size) {
            if (!read_more()) break;
            continue;
        }
        answers.push_back(received_.substr(0, size));
        received_.erase(0, size);
    }
    return answers;
}

std::string verdict_of(const std::string& answer) {
    if (answer.size() < 12) return "closed";
    std::string verdict = answer.substr(9, 3);
    const std::string urn = "\"type\":\"urn:vouch:problem:";
    if (const std::size_t type = answer.find(urn); type != std::string::npos) {
        const std::size_t begin = type + urn.size();
        verdict += " " + answer.substr(begin, answer.find('"', begin) - begin);
    }
    return verdict;
}

std::string body_of(const std::string& answer) {
    const std::size_t end = answer.find("\r\n\r\n");
    return end == std::string::npos ? "" : answer.substr(end + 4);
}

std::size_t count_of(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
        ++found;
    return found;
}

}  // namespace vouch::test
