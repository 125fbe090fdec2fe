// The messages that another parser is tested with, a third party's judgement of what is hostile.

#include "tests/support/shared_data.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/text_of_file.h"
#include "tools/server/http/wire/request_head.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <regex>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace {

namespace fs = std::filesystem;
using namespace vouch::http;

struct Message {
    std::string name;
    std::string type;  ///< "request", "request-lenient-…", "response…", "url…"
    std::string bytes;
    std::string log;  ///< what the other parser makes of it
};

/// In these files a backslash at a line's end joins lines, every other line end is CRLF, and
/// \r \n \t \f \xNN are what they are in C.
std::string unescape(const std::string& text) {
    const std::string joined = std::regex_replace(text, std::regex("\\\\\n"), "");
    std::string out;
    for (std::size_t i = 0; i < joined.size(); ++i) {
        if (joined[i] == '\n') {
            out += "\r\n";
        } else if (joined[i] != '\\' || i + 1 == joined.size()) {
            out += joined[i];
        } else {
            const char c = joined[++i];
            if (c == 'r')
                out += '\r';
            else if (c == 'n')
                out += '\n';
            else if (c == 't')
                out += '\t';
            else if (c == 'f')
                out += '\f';
            else if (c == 'x') {
                out += static_cast<char>(std::stoi(joined.substr(i + 1, 2), nullptr, 16));
                i += 2;
            } else {
                out += '\\';
                out += c;
            }
        }
    }
    return out;
}

std::string block(const std::string& text, const std::string& kind, std::size_t from,
                  std::size_t& end) {
    const std::string fence = "```" + kind + "\n";
    const std::size_t begin = text.find(fence, from);
    if (begin == std::string::npos) return {};
    end = text.find("\n```", begin + fence.size() - 1);
    const std::size_t first = begin + fence.size();
    return end <= first ? "" : text.substr(first, end - first);
}

void read_messages(const fs::path& file, std::vector<Message>& out) {
    const std::string text = vouch::test::text_of_file(file);
    const std::regex type("meta=\\{\\s*\"type\"\\s*:\\s*\"([a-z-]+)\"");
    std::size_t at = 0;
    std::smatch found;
    while (true) {
        const std::string rest = text.substr(at);
        if (!std::regex_search(rest, found, type)) return;
        const std::size_t meta = at + static_cast<std::size_t>(found.position());
        Message message{
            .name =
                file.filename().string() + ":" +
                std::to_string(std::count(text.begin(),
                                          text.begin() + static_cast<std::ptrdiff_t>(meta), '\n') +
                               1),
            .type = found[1],
            .bytes = {},
            .log = {}};
        std::size_t end = meta + 1;
        const std::string kind = message.type.starts_with("url") ? "url" : "http";
        message.bytes = unescape(block(text, kind, meta, end));
        message.log = block(text, "log", meta, end);
        out.push_back(std::move(message));
        at = end;
    }
}

/// The examples name many hosts; which ones are taken is not the question here.
std::string with_our_host(const std::string& head) {
    return std::regex_replace(head, std::regex("(\r\nhost:)[^\r\n]*", std::regex::icase),
                              "$1 localhost");
}

/// True when a connection would act on all of these bytes, as one message or several.
bool is_taken(std::string_view bytes) {
    while (!bytes.empty()) {
        std::size_t looked = 0;
        if (find_head_end(bytes, looked) != HeadEnd::found) return false;
        const std::string bytes_of_head = with_our_host(std::string(bytes.substr(0, looked)));
        const auto read = read_head(bytes_of_head);
        const auto* head = std::get_if<RequestHead>(&read);
        if (head == nullptr) return false;
        bytes.remove_prefix(looked);
        const std::uint64_t length = head->content_length.value_or(0);
        if (length > bytes.size()) return false;
        bytes.remove_prefix(length);
        if (!head->keep_alive) return bytes.empty();
    }
    return true;
}

bool contains(const std::string& text, const std::string& part) {
    const auto lower = [](std::string s) {
        for (char& c : s) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        return s;
    };
    return lower(text).find(lower(part)) != std::string::npos;
}

}  // namespace

TEST_CASE("request head: of a third party's messages every hostile one is refused") {
    const auto archive = vouch::test::find_shared_data("vectors/http_llhttp.tar.zst");
    if (!archive) return;
    const vouch::test::TemporaryDirectory directory;
    const std::string command =
        "zstd -dc '" + archive->string() + "' | tar xf - -C '" + directory.path().string() + "'";
    REQUIRE(std::system(command.c_str()) == 0);
    std::vector<Message> messages;
    for (const auto& each : fs::recursive_directory_iterator(directory.path())) {
        if (each.path().extension() == ".md" && each.path().filename() != "README.md")
            read_messages(each.path(), messages);
    }
    CHECK(messages.size() == 251);

    std::size_t hostile = 0;
    std::size_t taken = 0;
    for (const Message& message : messages) {
        if (!message.type.starts_with("request")) continue;
        const bool is_lenient = message.type != "request";
        // Which methods there are is for the routes to say.
        const bool is_of_method = message.log.find("Invalid method") != std::string::npos;
        const bool is_error =
            message.log.find(" error code=") != std::string::npos && !is_of_method;
        const bool is_coded = contains(message.bytes, "\r\nTransfer-Encoding");
        const bool was_taken = is_taken(message.bytes);
        if (was_taken) ++taken;
        if (!is_lenient && !is_error && !is_coded) continue;
        ++hostile;
        CAPTURE(message.name);
        CAPTURE(message.bytes);
        CHECK_FALSE(was_taken);
    }
    MESSAGE("hostile and refused: " << hostile << ", well formed and taken: " << taken);
    CHECK(hostile > 60);
    CHECK(taken > 10);
}
