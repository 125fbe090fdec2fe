#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vouch::test {

/// A peer that speaks to a server byte by byte, as nobody should.
class Peer {
public:
    /// Connects to "http://127.0.0.1:PORT", from an address of loopback.
    explicit Peer(const std::string& url, const std::string& from = "127.0.0.1");
    ~Peer();
    Peer(Peer&& other) noexcept;
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;
    Peer& operator=(Peer&&) = delete;

    /// False when the server has closed.
    bool send(std::string_view bytes);
    /// All until the server closes, or until `text` has come.
    std::string read_until(std::string_view text = "");
    /// As many whole answers.
    std::vector<std::string> read_answers(std::size_t count);
    void end_sending();
    bool is_connected() const { return fd_ >= 0; }

private:
    bool read_more();

    int fd_ = -1;
    std::string received_;
};

/// "404 no-route", "200", "closed": status and problem type of an answer.
std::string verdict_of(const std::string& answer);
/// Behind the empty line.
std::string body_of(const std::string& answer);

/// How often `part` is in it.
std::size_t count_of(const std::string& text, const std::string& part);

}  // namespace vouch::test
