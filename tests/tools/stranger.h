#pragma once

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace vouch::test {

/// As HTTP writes it: "503 Service Unavailable".
inline std::string http_answer(std::string_view status, std::string_view type,
                               const std::string& body) {
    std::string answer = "HTTP/1.1 ";
    answer.append(status).append("\r\nContent-Type: ").append(type);
    return answer + "\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
}

/// Serves HTTP on loopback, and is no vouch: gives these answers in turn to whatever it is asked,
/// and the last one for ever.
class Stranger {
public:
    explicit Stranger(std::vector<std::string> answers)
        : answers_(std::move(answers)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof(address);
        auto* const named = reinterpret_cast<sockaddr*>(&address);
        REQUIRE(::bind(listener_, named, size) == 0);
        REQUIRE(::listen(listener_, 8) == 0);
        REQUIRE(::getsockname(listener_, named, &size) == 0);
        url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
        thread_ = std::thread([this] { serve(); });
    }
    ~Stranger() {
        ::shutdown(listener_, SHUT_RDWR);
        thread_.join();
        ::close(listener_);
    }
    Stranger(const Stranger&) = delete;
    Stranger& operator=(const Stranger&) = delete;

    const std::string& url() const { return url_; }

private:
    void serve() const {
        std::size_t asked = 0;
        for (int peer = 0; (peer = ::accept(listener_, nullptr, nullptr)) >= 0; ::close(peer)) {
            char request[4096];
            if (::recv(peer, request, sizeof(request), 0) <= 0) continue;
            const std::string& answer = answers_[std::min(asked++, answers_.size() - 1)];
            (void)::send(peer, answer.data(), answer.size(), MSG_NOSIGNAL);
            // What lies unread when a socket is closed makes the peer's side drop the answer.
            (void)::shutdown(peer, SHUT_WR);
            while (::recv(peer, request, sizeof(request), 0) > 0) {
            }
        }
    }

    const std::vector<std::string> answers_;
    int listener_;
    std::string url_;
    std::thread thread_;
};

}  // namespace vouch::test
