#include "projector/queries/json_writer.h"

#include "events/json_text.h"

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
    append_json(text_, name);
    text_.push_back(':');
    needs_comma_ = false;
    return *this;
}

JsonWriter& JsonWriter::string(std::string_view value) {
    separate();
    append_json(text_, value);
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

}  // namespace vouch::projector
