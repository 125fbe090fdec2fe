#include "command-handler/intake/command_json.h"

#include "command-handler/intake/raw_line_reader.h"

#include <boost/json/basic_parser_impl.hpp>

#include <string>

namespace vouch::command_handler {

namespace {

namespace json = boost::json;

/// Receives the parser's events, joins the parts of texts and hands values on. After the first
/// fault it only lets the parser go on, which may still find that the line is no JSON at all.
class ParserEvents {
public:
    static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);

    void start(Arena& arena, RawLine& line, std::string_view given_id) {
        line_.start(arena, line, given_id);
        text_.clear();
    }
    std::optional<Malformed>& fault() { return line_.fault(); }

    bool on_document_begin(json::error_code&) { return true; }
    bool on_document_end(json::error_code&) { return true; }

    bool on_object_begin(json::error_code&) {
        if (!fault()) line_.open_object();
        return true;
    }
    bool on_object_end(std::size_t, json::error_code&) {
        if (!fault()) line_.close_object();
        return true;
    }
    bool on_array_begin(json::error_code&) {
        if (!fault()) line_.open_array();
        return true;
    }
    bool on_array_end(std::size_t, json::error_code&) {
        if (!fault()) line_.close_array();
        return true;
    }
    bool on_key_part(json::string_view part, std::size_t, json::error_code&) {
        text_.append(part.data(), part.size());
        return true;
    }
    bool on_key(json::string_view part, std::size_t, json::error_code&) {
        text_.append(part.data(), part.size());
        if (!fault()) line_.take_key(text_);
        text_.clear();
        return true;
    }
    bool on_string_part(json::string_view part, std::size_t, json::error_code&) {
        text_.append(part.data(), part.size());
        return true;
    }
    bool on_string(json::string_view part, std::size_t, json::error_code&) {
        if (!fault()) {
            // Nearly always whole; in parts only where it has escapes.
            if (text_.empty()) {
                line_.take_text({part.data(), part.size()});
            } else {
                text_.append(part.data(), part.size());
                line_.take_text(text_);
            }
        }
        text_.clear();
        return true;
    }
    bool on_number_part(json::string_view, json::error_code&) { return true; }
    bool on_int64(std::int64_t number, json::string_view text, json::error_code&) {
        if (!fault()) {
            if (number < 0 || text.starts_with('-')) {
                line_.wrong_type("a negative number");
            } else {
                line_.take_number(static_cast<std::uint64_t>(number));
            }
        }
        return true;
    }
    bool on_uint64(std::uint64_t number, json::string_view, json::error_code&) {
        if (!fault()) line_.take_number(number);
        return true;
    }
    bool on_double(double, json::string_view, json::error_code&) {
        if (!fault()) line_.wrong_type("a number with decimals, an exponent or more than 64 bits");
        return true;
    }
    bool on_bool(bool value, json::error_code&) {
        if (!fault()) line_.take_boolean(value);
        return true;
    }
    bool on_null(json::error_code&) {
        if (!fault()) line_.wrong_type("null");
        return true;
    }
    bool on_comment_part(json::string_view, json::error_code&) { return true; }
    bool on_comment(json::string_view, json::error_code&) { return true; }

private:
    RawLineReader line_;
    std::string text_;
};

json::parse_options strict() {
    json::parse_options options;
    options.max_depth = kJsonDepthMax;
    return options;
}

}  // namespace

struct CommandJson::Parser {
    json::basic_parser<ParserEvents> json{strict()};
};

CommandJson::CommandJson() : parser_(std::make_unique<Parser>()) {}
CommandJson::~CommandJson() = default;

std::optional<Malformed> CommandJson::read(std::string_view text, Arena& arena, RawLine& line,
                                           std::string_view given_id) {
    if (text.size() > kLineBytesMax) {
        return Malformed{Outcome::too_large, "", "a line of more than 1 MiB"};
    }
    json::basic_parser<ParserEvents>& parser = parser_->json;
    parser.reset();
    parser.handler().start(arena, line, given_id);
    json::error_code error;
    const std::size_t read = parser.write_some(false, text.data(), text.size(), error);
    if (!error && read < text.size()) error = json::error::extra_data;
    if (error) {
        return Malformed{Outcome::malformed, "",
                         "no JSON: " + error.message() + " at byte " + std::to_string(read)};
    }
    return std::move(parser.handler().fault());
}

}  // namespace vouch::command_handler
