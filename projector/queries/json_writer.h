#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace vouch::projector {

/// Writes one JSON value on one line. Strings come out as they went in: UTF-8 stays, and only what
/// JSON forbids inside a string is escaped. The caller opens, names and closes in the right order.
class JsonWriter {
public:
    JsonWriter& open_object() { return open('{'); }
    JsonWriter& close_object() { return close('}'); }
    JsonWriter& open_array() { return open('['); }
    JsonWriter& close_array() { return close(']'); }
    JsonWriter& key(std::string_view name);
    JsonWriter& string(std::string_view value);
    JsonWriter& number(std::uint64_t value);
    JsonWriter& boolean(bool value);

    /// A member of the object that is open.
    JsonWriter& member(std::string_view name, std::string_view value) {
        return key(name).string(value);
    }
    JsonWriter& member(std::string_view name, std::uint64_t value) {
        return key(name).number(value);
    }
    /// Left out when empty.
    JsonWriter& member_if_any(std::string_view name, std::string_view value);

    std::string take() { return std::move(text_); }

private:
    JsonWriter& open(char bracket);
    JsonWriter& close(char bracket);
    void separate();

    std::string text_;
    bool needs_comma_ = false;
};

}  // namespace vouch::projector
