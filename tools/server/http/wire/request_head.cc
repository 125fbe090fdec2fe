// The grammar of a head, a subset of RFC 9112:
//
//     head    = method SP target SP ("HTTP/1.1" | "HTTP/1.0") CRLF *(field CRLF) CRLF
//     method  = token
//     target  = "/" *(0x21..0x7e)
//     field   = token ":" blanks value blanks
//     value   = *(0x20..0x7e | 0x80..0xff | HTAB)
//     token   = 1*(ALPHA | DIGIT | one of !#$%&'*+-.^_`|~)

#include "tools/server/http/wire/request_head.h"

#include "events/read_number.h"

#include <algorithm>
#include <array>

namespace vouch::http {

namespace {

constexpr std::array<bool, 256> make_token_characters() {
    std::array<bool, 256> allowed{};
    for (char c = 'a'; c <= 'z'; ++c) allowed[static_cast<unsigned char>(c)] = true;
    for (char c = 'A'; c <= 'Z'; ++c) allowed[static_cast<unsigned char>(c)] = true;
    for (char c = '0'; c <= '9'; ++c) allowed[static_cast<unsigned char>(c)] = true;
    for (const char c : std::string_view("!#$%&'*+-.^_`|~"))
        allowed[static_cast<unsigned char>(c)] = true;
    return allowed;
}
constexpr std::array<bool, 256> kTokenCharacters = make_token_characters();

bool is_token(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return kTokenCharacters[static_cast<unsigned char>(c)];
    });
}

bool is_visible(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

bool is_value(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte >= 0x20 && byte != 0x7f) || c == '\t';
    });
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::optional<HeadRefused> read_request_line(std::string_view line, RequestHead& head,
                                             bool& is_http_1_0) {
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string_view::npos || first == last)
        return HeadRefused{400, "the request line is not METHOD TARGET HTTP/1.1"};
    head.method = line.substr(0, first);
    head.target = line.substr(first + 1, last - first - 1);
    const std::string_view version = line.substr(last + 1);
    if (!is_token(head.method)) return HeadRefused{400, "the method is no token"};
    if (head.target.size() > kTargetBytesMax) return HeadRefused{414, "the target is too long"};
    if (!is_visible(head.target))
        return HeadRefused{400, "the target has characters that must be percent-encoded"};
    if (version != "HTTP/1.1" && version != "HTTP/1.0") {
        const bool is_other = version.size() == 8 && version.substr(0, 5) == "HTTP/";
        if (is_other) return HeadRefused{505, "only HTTP/1.1 and HTTP/1.0 are spoken here"};
        return HeadRefused{400, "the request line does not end with HTTP/1.1"};
    }
    if (head.target.empty() || head.target.front() != '/')
        return HeadRefused{400, "the target is no path"};
    is_http_1_0 = version == "HTTP/1.0";
    return std::nullopt;
}

std::optional<HeadRefused> read_content_length(std::string_view value, RequestHead& head) {
    if (head.content_length) return HeadRefused{400, "Content-Length came twice"};
    std::uint64_t length = 0;
    if (!read_number(value, length)) return HeadRefused{400, "Content-Length is no number"};
    head.content_length = length;
    return std::nullopt;
}

void read_connection(std::string_view value, RequestHead& head, bool& asks_to_stay) {
    while (!value.empty()) {
        const std::size_t comma = std::min(value.find(','), value.size());
        const std::string_view option = without_blanks(value.substr(0, comma));
        if (equal_ignoring_case(option, "close")) head.keep_alive = false;
        if (equal_ignoring_case(option, "keep-alive")) asks_to_stay = true;
        value.remove_prefix(std::min(comma + 1, value.size()));
    }
}

/// Fields that this server acts on, each of which makes a message mean something else when it comes
/// twice.
std::optional<HeadRefused> read_field(const HeadField& field, RequestHead& head, bool& has_host,
                                      bool& asks_to_stay) {
    if (equal_ignoring_case(field.name, "transfer-encoding"))
        return HeadRefused{501, "Transfer-Encoding is not taken; send a Content-Length"};
    if (equal_ignoring_case(field.name, "content-length"))
        return read_content_length(field.value, head);
    if (equal_ignoring_case(field.name, "host")) {
        if (has_host) return HeadRefused{400, "Host came twice"};
        has_host = true;
        head.host = field.value;
    } else if (equal_ignoring_case(field.name, "content-type")) {
        if (!head.field("content-type").empty()) return HeadRefused{400, "Content-Type came twice"};
    } else if (equal_ignoring_case(field.name, "expect")) {
        if (!equal_ignoring_case(field.value, "100-continue"))
            return HeadRefused{417, "only 100-continue can be expected"};
        head.expects_continue = true;
    } else if (equal_ignoring_case(field.name, "connection")) {
        read_connection(field.value, head, asks_to_stay);
    }
    return std::nullopt;
}

std::optional<HeadRefused> read_fields(std::string_view lines, RequestHead& head, bool& has_host,
                                       bool& asks_to_stay) {
    while (!lines.empty()) {
        const std::size_t end = lines.find("\r\n");
        if (end == std::string_view::npos) return HeadRefused{400, "a line lacks its end"};
        const std::string_view line = lines.substr(0, end);
        lines.remove_prefix(end + 2);
        if (line.empty()) return HeadRefused{400, "the head goes on behind its empty line"};
        if (line.front() == ' ' || line.front() == '\t')
            return HeadRefused{400, "a field is folded over lines"};
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos) return HeadRefused{400, "a field has no colon"};
        const HeadField field{line.substr(0, colon), without_blanks(line.substr(colon + 1))};
        if (!is_token(field.name)) return HeadRefused{400, "the name of a field is no token"};
        if (!is_value(field.value))
            return HeadRefused{400, "the value of a field has control characters"};
        if (head.fields.size() == kFieldsMax) return HeadRefused{431, "too many fields"};
        if (const auto refused = read_field(field, head, has_host, asks_to_stay)) return refused;
        head.fields.push_back(field);
    }
    return std::nullopt;
}

}  // namespace

std::string_view without_blanks(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                              [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view RequestHead::field(std::string_view lower_name) const {
    for (const HeadField& each : fields) {
        if (equal_ignoring_case(each.name, lower_name)) return each.value;
    }
    return {};
}

HeadEnd find_head_end(std::string_view bytes, std::size_t& looked) {
    for (;;) {
        const std::size_t line_feed = bytes.find('\n', looked);
        if (line_feed == std::string_view::npos) {
            looked = bytes.size();
            return looked > kHeadBytesMax ? HeadEnd::refused : HeadEnd::not_yet;
        }
        if (line_feed >= kHeadBytesMax) return HeadEnd::refused;
        if (line_feed == 0 || bytes[line_feed - 1] != '\r') return HeadEnd::refused;
        looked = line_feed + 1;
        if (line_feed >= 3 && bytes.substr(line_feed - 3, 2) == "\r\n") return HeadEnd::found;
    }
}

std::variant<RequestHead, HeadRefused> read_head(std::string_view bytes) {
    if (bytes.size() > kHeadBytesMax) return HeadRefused{431, "the head is too long"};
    if (bytes.size() < 4 || bytes.substr(bytes.size() - 4) != "\r\n\r\n")
        return HeadRefused{400, "a line end lacks its carriage return"};
    bytes.remove_suffix(2);
    RequestHead head;
    bool is_http_1_0 = false;
    const std::size_t line_end = bytes.find("\r\n");
    if (auto refused = read_request_line(bytes.substr(0, line_end), head, is_http_1_0))
        return *refused;
    bool has_host = false;
    bool asks_to_stay = false;
    if (auto refused = read_fields(bytes.substr(line_end + 2), head, has_host, asks_to_stay))
        return *refused;
    if (!has_host && !is_http_1_0) return HeadRefused{400, "Host is missing"};
    if (has_host && !is_loopback_host(head.host))
        return HeadRefused{421, "Host does not name this machine"};
    if (is_http_1_0 && !asks_to_stay) head.keep_alive = false;
    return head;
}

bool is_loopback_host(std::string_view host) {
    // A port is digits behind the last colon; an IPv6 address stands in brackets.
    const std::size_t colon = host.rfind(':');
    if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) {
        const std::string_view port = host.substr(colon + 1);
        const bool is_number =
            port.size() <= 5 &&
            std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
        if (!is_number) return false;
        host = host.substr(0, colon);
    }
    return host == "127.0.0.1" || host == "[::1]" || equal_ignoring_case(host, "localhost");
}

}  // namespace vouch::http
