#pragma once

#include "events/result.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vouch::http {

/// How long a server is given to take a connection, to say how or which it is, to answer a
/// question, which it does within 12 s or says why not, and to answer what is sent: the outcomes of
/// a large request take a while.
inline constexpr std::chrono::seconds kConnectWaitMax{5};
inline constexpr std::chrono::seconds kSignOfLifeWaitMax{10};
inline constexpr std::chrono::seconds kQuestionWaitMax{15};
inline constexpr std::chrono::seconds kAnswerWaitMax{120};

/// An answer of a server, whole.
struct Reply {
    unsigned status = 0;
    std::string body;
    std::string content_type;
    std::string next;  ///< target of the next page; empty when this is the last
    /// Of its head, in order: name and value.
    std::vector<std::pair<std::string, std::string>> fields;
};

/// What the `detail` of a problem says; empty when the body is none.
std::string problem_detail(const Reply& reply);
/// The word by which a question that is asked again has its answer; empty when there is none.
std::string problem_pick_up(const Reply& reply);
/// Of a problem of lines, the outcomes of the first ones, which stand: a line of JSON each.
std::string problem_outcomes(const Reply& reply);
/// What kind of problem it is, "busy"; empty when the body is none.
std::string problem_type(const Reply& reply);

/// Asks one server, over one connection that it keeps. Blocks. One thread.
class Client {
public:
    /// `http://HOST:PORT`, HOST a loopback address or localhost. `configuration` when it is none.
    static Result<Client> of(std::string_view url);
    /// The server of a data directory, by its socket (local_socket.h). Whoever answers there and is
    /// not the directory's owner is not spoken to.
    static Result<Client> of_directory(const std::filesystem::path& directory);
    Client(Client&&) noexcept;
    Client& operator=(Client&&) noexcept;
    ~Client();

    /// `retriable` when the server cannot be reached or does not answer in time. A GET that meets a
    /// connection which the server has closed meanwhile is sent again, once; a POST too, because a
    /// command is decided once.
    Result<Reply> get(const std::string& target, std::string_view accept,
                      std::chrono::seconds wait_max = kQuestionWaitMax);
    /// `prefer` as the field of that name; empty: none is sent.
    Result<Reply> post(const std::string& target, std::string_view content_type, std::string body,
                       std::string_view prefer = {});

private:
    struct Connection;
    explicit Client(std::unique_ptr<Connection> connection);
    std::unique_ptr<Connection> connection_;
};

}  // namespace vouch::http
