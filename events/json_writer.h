#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace vouch {

/// A member's name that stands in the source. That nothing in it is to be escaped is seen when it
/// is compiled.
class JsonName {
public:
    template <std::size_t size>
    consteval JsonName(const char (&name)[size]) : text_(name, size - 1) {
        for (const char c : text_) {
            if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_') throw "not plain";
        }
    }
    constexpr std::string_view text() const { return text_; }

private:
    std::string_view text_;
};

/// Writes one JSON value on one line. Strings come out as they went in: UTF-8 stays, and only what
/// JSON forbids inside a string is escaped. The caller opens, names and closes in the right order.
class JsonWriter {
public:
    JsonWriter() : text_(kUsualBytes, '\0') {}
    JsonWriter& open_object() { return open('{'); }
    JsonWriter& close_object() { return close('}'); }
    JsonWriter& open_array() { return open('['); }
    JsonWriter& close_array() { return close(']'); }
    JsonWriter& key(JsonName name);
    /// A name that is not ours.
    JsonWriter& key_of(std::string_view name);
    JsonWriter& string(std::string_view value);
    JsonWriter& number(std::uint64_t value);
    JsonWriter& boolean(bool value);
    /// What is JSON already.
    JsonWriter& raw(std::string_view json);

    /// A member of the object that is open.
    JsonWriter& member(JsonName name, std::string_view value) { return key(name).string(value); }
    JsonWriter& member(JsonName name, std::uint64_t value) { return key(name).number(value); }
    /// Not `member`: a text between quotes would be taken for a bool.
    JsonWriter& flag(JsonName name, bool value) { return key(name).boolean(value); }
    /// Left out when empty.
    JsonWriter& member_if_any(JsonName name, std::string_view value);

    /// What was written so far.
    std::string take() {
        text_.resize(std::exchange(used_, 0));
        return std::move(text_);
    }

private:
    /// Most outcomes fit: their lines do not grow step by step.
    static constexpr std::size_t kUsualBytes = 128;

    JsonWriter& open(char bracket);
    JsonWriter& close(char bracket);
    void separate();
    void append(char c) { append(std::string_view(&c, 1)); }
    void append(std::string_view bytes) {
        if (used_ + bytes.size() > text_.size()) grow(bytes.size());
        used_ += bytes.copy(text_.data() + used_, bytes.size());
    }
    void grow(std::size_t more);
    void append_string(std::string_view text);
    void append_escaped(std::string_view bytes);

    std::string text_;  ///< room, of which a part is used: some twenty short texts make a line
    std::size_t used_ = 0;
    bool needs_comma_ = false;
};

}  // namespace vouch
