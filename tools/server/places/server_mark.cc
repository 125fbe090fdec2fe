#include "tools/server/places/server_mark.h"

#include "tools/server/http/wire/local_socket.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>

namespace vouch::places {

namespace {

constexpr const char* kMarkFile = "server";
/// Says which program and which books answer.
constexpr const char* kVersion = "/version";
/// Whoever looks for a server holds the lock for a moment when there is none.
constexpr std::chrono::seconds kLockWaitMax{5};

/// False when nobody runs who locked the file.
bool is_locked(const std::filesystem::path& file) {
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return false;
    const bool is_taken = ::flock(fd, LOCK_SH | LOCK_NB) != 0;
    ::close(fd);
    return is_taken;
}

/// How bytes of a stranger begin, without any that could move a terminal.
std::string printable(std::string_view bytes) {
    constexpr std::size_t kShownMax = 60;
    std::string text(bytes.substr(0, kShownMax));
    std::replace_if(text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return text;
}

Fault no_answer(const std::filesystem::path& directory, const std::string& why) {
    return Fault{FaultCode::retriable, "a server has the books in " + directory.string() +
                                           " and does not answer: " + why};
}

}  // namespace

Result<ServerMark> ServerMark::take(const std::filesystem::path& directory,
                                    const std::string& url) {
    Result<FileLock> lock = FileLock::take(directory / kMarkFile, kLockWaitMax,
                                           "another server has " + directory.string());
    if (!lock) return lock.error();
    ServerMark mark(std::move(*lock), directory);
    std::ofstream out(directory / kMarkFile, std::ios::trunc);
    if (!(out << url << "\n" << std::flush))
        return Fault{FaultCode::storage, (directory / kMarkFile).string() + ": cannot be written"};
    return mark;
}

ServerMark::~ServerMark() {
    if (directory_.empty()) return;
    std::error_code ignored;
    std::filesystem::remove(directory_ / http::kLocalSocket, ignored);
    std::filesystem::remove(directory_ / kMarkFile, ignored);
}

Result<std::optional<http::Client>> find_server(const std::filesystem::path& directory,
                                                const Deployment& deployment) {
    if (!is_locked(directory / kMarkFile)) return std::optional<http::Client>();
    Result<http::Client> client = http::Client::of_directory(directory);
    if (!client) return no_answer(directory, client.error().message);
    const Result<http::Reply> reply =
        client->get(kVersion, "text/plain", http::kSignOfLifeWaitMax);
    if (!reply) return no_answer(directory, reply.error().message);
    if (reply->status != 200)
        return no_answer(directory, "status " + std::to_string(reply->status));
    if (reply->body.find("deployment " + id_text(deployment.id) + "\n") == std::string::npos)
        return no_answer(directory, "another deployment's does");
    return std::optional(std::move(*client));
}

Result<http::Client> named_server(const std::string& url) {
    Result<http::Client> client = http::Client::of(url);
    if (!client) return client.error();
    const Result<http::Reply> reply =
        client->get(kVersion, "text/plain", http::kSignOfLifeWaitMax);
    if (!reply) return reply.error();
    const bool is_vouch = reply->status == 200 && reply->body.starts_with("vouch ") &&
                          reply->body.find("\ndeployment ") != std::string::npos;
    if (is_vouch) return client;
    return Fault{FaultCode::retriable, "what answers at " + url +
                                           " is no server of vouch: asked for " + kVersion +
                                           ", it said " + std::to_string(reply->status) + " \"" +
                                           printable(reply->body) + '"'};
}

}  // namespace vouch::places
