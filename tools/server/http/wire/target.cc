#include "tools/server/http/wire/target.h"

#include "events/bytes/utf8.h"

#include <algorithm>
#include <set>

namespace vouch::http {

namespace {

int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::optional<std::string> decode(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        if (i + 2 >= text.size()) return std::nullopt;
        const int high = digit(text[i + 1]);
        const int low = digit(text[i + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        out += static_cast<char>(high * 16 + low);
        i += 2;
    }
    if (!is_utf8(out)) return std::nullopt;
    return out;
}

/// Calls `take` with each part between separators, until it says false.
template <class Take>
bool split(std::string_view text, char separator, Take take) {
    for (;;) {
        const std::size_t end = std::min(text.find(separator), text.size());
        if (!take(text.substr(0, end))) return false;
        if (end == text.size()) return true;
        text.remove_prefix(end + 1);
    }
}

}  // namespace

std::optional<Target> parse_target(std::string_view text) {
    Target target;
    const std::size_t question = std::min(text.find('?'), text.size());
    std::string_view path = text.substr(0, question);
    if (path.empty() || path.front() != '/' || path.find('#') != std::string_view::npos)
        return std::nullopt;
    path.remove_prefix(1);
    const bool is_path = split(path, '/', [&](std::string_view part) {
        // Dots alone mean another place in a path; encoded they are a name.
        if (part.empty() || part == "." || part == "..") return path.empty();
        std::optional<std::string> segment = decode(part);
        if (segment) target.segments.push_back(std::move(*segment));
        return segment.has_value();
    });
    if (!is_path) return std::nullopt;
    if (question == text.size()) return target;
    const bool is_query = split(text.substr(question + 1), '&', [&](std::string_view part) {
        if (part.empty()) return true;
        const std::size_t equals = std::min(part.find('='), part.size());
        std::string value(part.substr(std::min(equals + 1, part.size())));
        // Forms write a blank as plus; a plus itself comes as %2B.
        std::replace(value.begin(), value.end(), '+', ' ');
        std::optional<std::string> name = decode(part.substr(0, equals));
        std::optional<std::string> decoded = decode(value);
        if (!name || !decoded) return false;
        target.parameters.emplace_back(std::move(*name), std::move(*decoded));
        return true;
    });
    if (!is_query) return std::nullopt;
    return target;
}

std::optional<std::string_view> repeated_parameter(const Target& target) {
    std::set<std::string_view> seen;
    for (const auto& [name, value] : target.parameters) {
        if (!seen.insert(name).second) return name;
    }
    return std::nullopt;
}

std::string encoded(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    constexpr std::string_view kPlain = "-._~";
    std::string out;
    for (const char c : text) {
        const bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                              (c >= 'A' && c <= 'Z') || kPlain.find(c) != std::string_view::npos;
        const auto byte = static_cast<unsigned char>(c);
        if (is_plain) {
            out += c;
        } else {
            out += {'%', kDigits[byte >> 4U], kDigits[byte & 15U]};
        }
    }
    // A segment of dots alone means another place in a path.
    if (out == "." || out == "..") return out == "." ? "%2E" : "%2E%2E";
    return out;
}

}  // namespace vouch::http
