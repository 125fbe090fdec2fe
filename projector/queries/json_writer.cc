#include "projector/queries/json_writer.h"

namespace vouch::projector {

void JsonWriter::separate() {
    if (needs_comma_) text_.push_back(',');
}

JsonWriter& JsonWriter::open(char bracket) {
    separate();
    text_.push_back(bracket);
    needs_comma_ = false;
    return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
    text_.push_back(bracket);
    needs_comma_ = true;
    return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
    separate();
    quote(name);
    text_.push_back(':');
    needs_comma_ = false;
    return *this;
}

JsonWriter& JsonWriter::string(std::string_view value) {
    separate();
    quote(value);
    needs_comma_ = true;
    return *this;
}

JsonWriter& JsonWriter::number(std::uint64_t value) {
    separate();
    text_ += std::to_string(value);
    needs_comma_ = true;
    return *this;
}

JsonWriter& JsonWriter::boolean(bool value) {
    separate();
    text_ += value ? "true" : "false";
    needs_comma_ = true;
    return *this;
}

JsonWriter& JsonWriter::member_if_any(std::string_view name, std::string_view value) {
    return value.empty() ? *this : member(name, value);
}

void JsonWriter::quote(std::string_view value) {
    static constexpr char kHex[] = "0123456789abcdef";
    text_.push_back('"');
    for (const char c : value) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            text_.push_back('\\');
            text_.push_back(c);
        } else if (byte < 0x20) {
            text_ += "\\u00";
            text_.push_back(kHex[byte >> 4]);
            text_.push_back(kHex[byte & 0xf]);
        } else {
            text_.push_back(c);
        }
    }
    text_.push_back('"');
}

}  // namespace vouch::projector
