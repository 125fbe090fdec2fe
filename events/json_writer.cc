#include "events/json_writer.h"

#include "events/printable_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace vouch {

namespace {

/// What is escaped, and what may begin such: JSON would need only the first, but a line of it is
/// also read on a terminal. A table, for each byte of each outcome is looked up.
constexpr auto kMayBeEscaped = [] {
    std::array<bool, 256> may{};
    for (std::size_t control = 0; control < 0x20; ++control) may[control] = true;
    for (const char c : std::string_view("\"\\\x7f\xc2\xd8\xe2"))
        may[static_cast<unsigned char>(c)] = true;
    return may;
}();

bool may_be_escaped(char c) { return kMayBeEscaped[static_cast<unsigned char>(c)]; }

/// The code point of so many bytes of UTF-8, 1 to 3.
unsigned code_point(std::string_view bytes) {
    const auto low = [bytes](std::size_t i) {
        return static_cast<unsigned char>(bytes[i]) & (i == 0 ? 0xfU : 0x3fU);
    };
    switch (bytes.size()) {
        case 1:
            return static_cast<unsigned char>(bytes[0]);
        case 2:
            return (static_cast<unsigned char>(bytes[0]) & 0x1fU) << 6 | low(1);
        default:
            return low(0) << 12 | low(1) << 6 | low(2);
    }
}

}  // namespace

void JsonWriter::grow(std::size_t more) { text_.resize(std::max(2 * text_.size(), used_ + more)); }

void JsonWriter::append_escaped(std::string_view bytes) {
    static constexpr char kHex[] = "0123456789abcdef";
    switch (bytes.front()) {
        case '"':
            append("\\\"");
            return;
        case '\\':
            append("\\\\");
            return;
        case '\n':
            append("\\n");
            return;
        case '\r':
            append("\\r");
            return;
        case '\t':
            append("\\t");
            return;
        default:
            append("\\u");
            for (const unsigned shift : {12U, 8U, 4U, 0U})
                append(kHex[code_point(bytes) >> shift & 0xfU]);
    }
}

void JsonWriter::append_string(std::string_view text) {
    append('"');
    while (!text.empty()) {
        const auto plain =
            static_cast<std::size_t>(std::ranges::find_if(text, may_be_escaped) - text.begin());
        append(text.substr(0, plain));
        text.remove_prefix(plain);
        if (text.empty()) break;
        const bool is_of_json = text.front() == '"' || text.front() == '\\';
        const std::size_t bytes = is_of_json ? 1 : control_bytes(text);
        if (bytes > 0) {
            append_escaped(text.substr(0, bytes));
        } else {
            append(text.front());
        }
        text.remove_prefix(std::max<std::size_t>(bytes, 1));
    }
    append('"');
}

void JsonWriter::separate() {
    if (needs_comma_) append(',');
}

JsonWriter& JsonWriter::open(char bracket) {
    separate();
    append(bracket);
    needs_comma_ = false;
    return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
    append(bracket);
    needs_comma_ = true;
    return *this;
}

JsonWriter& JsonWriter::key(JsonName name) {
    separate();
    append('"');
    append(name.text());
    append("\":");
    needs_comma_ = false;
    return *this;
}

JsonWriter& JsonWriter::key_of(std::string_view name) {
    separate();
    append_string(name);
    append(':');
    needs_comma_ = false;
    return *this;
}

JsonWriter& JsonWriter::string(std::string_view value) {
    separate();
    append_string(value);
    needs_comma_ = true;
    return *this;
}

JsonWriter& JsonWriter::number(std::uint64_t value) {
    std::array<char, std::numeric_limits<std::uint64_t>::digits10 + 1> digits{};
    const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    return raw({digits.data(), written.ptr});
}

JsonWriter& JsonWriter::boolean(bool value) { return raw(value ? "true" : "false"); }

JsonWriter& JsonWriter::raw(std::string_view json) {
    separate();
    append(json);
    needs_comma_ = true;
    return *this;
}

JsonWriter& JsonWriter::member_if_any(JsonName name, std::string_view value) {
    return value.empty() ? *this : member(name, value);
}

}  // namespace vouch
