#include "tools/vouch/server_address.h"

#include "events/seal/private_file.h"

#include <fstream>
#include <span>
#include <system_error>
#include <utility>

namespace vouch::cli {

namespace {

constexpr const char* kFile = "server";

}  // namespace

Status leave_server_address(const std::filesystem::path& directory, const std::string& url) {
    const std::string line = url + "\n";
    return replace_private_file(directory / kFile, std::as_bytes(std::span(line)));
}

void remove_server_address(const std::filesystem::path& directory) {
    std::error_code error;
    std::filesystem::remove(directory / kFile, error);
}

std::optional<http::Client> find_server(const std::filesystem::path& directory,
                                        const Deployment& deployment) {
    std::ifstream in(directory / kFile);
    std::string url;
    if (!std::getline(in, url)) return std::nullopt;
    Result<http::Client> client = http::Client::of(url);
    if (!client) return std::nullopt;
    const Result<http::Reply> reply = client->get("/version", "text/plain");
    if (!reply || reply->status != 200) return std::nullopt;
    if (reply->body.find("deployment " + id_text(deployment.id) + "\n") == std::string::npos)
        return std::nullopt;
    return std::move(*client);
}

}  // namespace vouch::cli
