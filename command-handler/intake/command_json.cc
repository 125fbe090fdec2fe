#include "command-handler/intake/command_json.h"

#include "command-handler/intake/command_shape.h"
#include "events/check.h"
#include "events/entries/command.h"

#include <boost/json/basic_parser_impl.hpp>

#include <algorithm>
#include <array>
#include <string>

namespace vouch::command_handler {

namespace {

namespace json = boost::json;

/// A line, its group, a member, its body, postings and a posting make six; the rest is reserve.
constexpr std::size_t kDepthMax = 16;
/// How much of an unknown key is repeated in a message.
constexpr std::size_t kKeyShownMax = 64;

enum class FrameKind : std::uint8_t {
    line,
    member,
    actor,
    metadata,
    body,
    postings,
    posting,
    list,  ///< of references or attachments
    item,
    group
};

/// An object or array that is open.
struct Frame {
    FrameKind kind = FrameKind::line;
    const CommandKind* body = nullptr;  ///< of a body
    std::span<const Key> keys = {};     ///< of objects with fixed keys, and of a list's items
    std::uint64_t seen = 0;             ///< a bit for each of `keys`
    const Key* list = nullptr;          ///< of a list and its items: what holds them
    std::size_t first_item = 0;         ///< of a list and its items: its first in RawLine::items
};

std::string clipped(std::string_view key) {
    if (key.size() <= kKeyShownMax) return std::string(key);
    std::size_t end = kKeyShownMax;
    // Not within a character: continuation bytes are 10xxxxxx.
    while (end > 0 && (static_cast<unsigned char>(key[end]) & 0xc0U) == 0x80U) --end;
    return std::string(key.substr(0, end)) + "…";
}

/// Receives the parser's events. After the first fault it only lets the parser go on, which may
/// still find that the line is no JSON at all.
class Handler {
public:
    static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);

    void start(Arena& arena, RawLine& line) {
        arena_ = &arena;
        line_ = &line;
        line.command = {};
        line.members.clear();
        line.postings.clear();
        line.metadata.clear();
        line.items.clear();
        depth_ = 0;
        key_ = nullptr;
        in_member_ = false;
        fault_.reset();
        text_.clear();
    }
    std::optional<Malformed>& fault() { return fault_; }

    bool on_document_begin(json::error_code&) { return true; }
    bool on_document_end(json::error_code&) { return true; }

    bool on_object_begin(json::error_code&) {
        if (!fault_) open_object();
        return true;
    }
    bool on_object_end(std::size_t, json::error_code&) {
        if (!fault_) close_object();
        return true;
    }
    bool on_array_begin(json::error_code&) {
        if (!fault_) open_array();
        return true;
    }
    bool on_array_end(std::size_t, json::error_code&) {
        if (!fault_) close_array();
        return true;
    }
    bool on_key_part(json::string_view part, std::size_t, json::error_code&) {
        text_.append(part.data(), part.size());
        return true;
    }
    bool on_key(json::string_view part, std::size_t, json::error_code&) {
        text_.append(part.data(), part.size());
        if (!fault_) take_key(text_);
        text_.clear();
        return true;
    }
    bool on_string_part(json::string_view part, std::size_t, json::error_code&) {
        text_.append(part.data(), part.size());
        return true;
    }
    bool on_string(json::string_view part, std::size_t, json::error_code&) {
        if (!fault_) {
            // Nearly always whole; in parts only where it has escapes.
            if (text_.empty()) {
                take_text({part.data(), part.size()});
            } else {
                text_.append(part.data(), part.size());
                take_text(text_);
            }
        }
        text_.clear();
        return true;
    }
    bool on_number_part(json::string_view, json::error_code&) { return true; }
    bool on_int64(std::int64_t number, json::string_view text, json::error_code&) {
        if (!fault_) {
            if (number < 0 || text.starts_with('-')) {
                wrong_type("a negative number");
            } else {
                take_number(static_cast<std::uint64_t>(number));
            }
        }
        return true;
    }
    bool on_uint64(std::uint64_t number, json::string_view, json::error_code&) {
        if (!fault_) take_number(number);
        return true;
    }
    bool on_double(double, json::string_view, json::error_code&) {
        if (!fault_) wrong_type("a number with decimals, an exponent or more than 64 bits");
        return true;
    }
    bool on_bool(bool value, json::error_code&) {
        if (!fault_) take_boolean(value);
        return true;
    }
    bool on_null(json::error_code&) {
        if (!fault_) wrong_type("null");
        return true;
    }
    bool on_comment_part(json::string_view, json::error_code&) { return true; }
    bool on_comment(json::string_view, json::error_code&) { return true; }

private:
    Frame& top() { return frames_[depth_ - 1]; }
    RawCommand& command() { return in_member_ ? line_->members.back() : line_->command; }

    void push(Frame frame) {
        VOUCH_ASSERT(depth_ < frames_.size());
        frames_[depth_++] = frame;
        key_ = nullptr;
    }

    void open_object();
    void close_object();
    void open_array();
    void close_array();
    void take_key(std::string_view name);
    void take_metadata_key(std::string_view name);
    void take_body_key(const Key& key);
    void take_text(std::string_view text);
    void take_number(std::uint64_t number);
    void take_boolean(bool value);

    /// Names every missing key of the object that ends, if any is.
    void check_complete(const Frame& frame);
    void check_line(const Frame& frame);

    /// "group[2].postings[0]." and so on: where the value that is being read stands.
    std::string path() const;
    std::string place() const {
        if (key_ != nullptr) return path() + std::string(key_->name);
        std::string all = path();
        if (all.ends_with('.')) all.pop_back();
        return all;
    }
    void fail(std::string field, std::string detail, Outcome outcome = Outcome::malformed) {
        fault_ = Malformed{outcome, std::move(field), std::move(detail)};
    }
    void wrong_type(std::string_view found);
    std::string_view kept(std::string_view text) {
        const std::span<char> copy = arena_->copy(std::span<const char>(text.data(), text.size()));
        return {copy.data(), copy.size()};
    }

    Arena* arena_ = nullptr;
    RawLine* line_ = nullptr;
    std::array<Frame, kDepthMax> frames_{};
    std::size_t depth_ = 0;
    const Key* key_ = nullptr;  ///< whose value comes next
    Key metadata_key_;          ///< what `key_` points to within metadata
    Key posting_key_;           ///< what `key_` points to within a posting
    bool in_member_ = false;
    std::string text_;
    std::optional<Malformed> fault_;
};

std::string Handler::path() const {
    std::string path;
    for (std::size_t i = 0; i < depth_; ++i) {
        switch (frames_[i].kind) {
            case FrameKind::line:
            case FrameKind::body:
                break;
            case FrameKind::group:
                if (!in_member_) path += "group.";
                break;
            case FrameKind::member:
                path += "group[" + std::to_string(line_->members.size() - 1) + "].";
                break;
            case FrameKind::actor:
                path += "actor.";
                break;
            case FrameKind::metadata:
                path += "metadata.";
                break;
            case FrameKind::postings:
                if (i + 1 == depth_) path += "postings.";
                break;
            case FrameKind::posting: {
                const RawCommand& owner = in_member_ ? line_->members.back() : line_->command;
                path += "postings[" +
                        std::to_string(line_->postings.size() - 1 - owner.postings.begin) + "].";
                break;
            }
            case FrameKind::list:
                if (i + 1 == depth_) path += std::string(frames_[i].list->name) + ".";
                break;
            case FrameKind::item:
                path += std::string(frames_[i].list->name) + "[" +
                        std::to_string(line_->items.size() - 1 - frames_[i].first_item) + "].";
                break;
        }
    }
    return path;
}

void Handler::wrong_type(std::string_view found) {
    std::string expected = "an object";
    if (key_ != nullptr) {
        expected = to_text(key_->type);
    } else if (depth_ == 0) {
        expected = "an object with a command";
    }
    fail(place(), "expected " + expected + ", found " + std::string(found));
}

void Handler::open_object() {
    if (depth_ == 0) return push({.kind = FrameKind::line, .keys = line_keys()});
    if (top().kind == FrameKind::group) {
        if (line_->members.size() == kGroupMembersMax) {
            return fail("group", "at most 1000 members", Outcome::too_large);
        }
        line_->members.emplace_back();
        in_member_ = true;
        return push({.kind = FrameKind::member, .keys = member_keys()});
    }
    if (top().kind == FrameKind::postings) {
        if (line_->postings.size() == kPostingsMax) {
            return fail("postings", "at most 1000 postings in an entry or group",
                        Outcome::too_large);
        }
        line_->postings.emplace_back();
        return push({.kind = FrameKind::posting});
    }
    if (top().kind == FrameKind::list) {
        const Frame list = top();
        if (line_->items.size() - list.first_item == list.list->items_max) {
            return fail(place(), "at most " + std::to_string(list.list->items_max));
        }
        line_->items.emplace_back();
        return push({.kind = FrameKind::item,
                     .keys = list.keys,
                     .list = list.list,
                     .first_item = list.first_item});
    }
    switch (key_->type) {
        case ValueType::actor:
            return push({.kind = FrameKind::actor, .keys = actor_keys()});
        case ValueType::metadata:
            command().metadata.begin = line_->metadata.size();
            return push({.kind = FrameKind::metadata});
        case ValueType::body:
            return push(
                {.kind = FrameKind::body, .body = key_->kind, .keys = body_keys(*key_->kind)});
        case ValueType::text:
        case ValueType::number:
        case ValueType::boolean:
        case ValueType::postings:
        case ValueType::references:
        case ValueType::attachments:
        case ValueType::group:
        case ValueType::unsupported:
            return wrong_type("an object");
    }
}

void Handler::close_object() {
    const Frame frame = top();
    key_ = nullptr;
    switch (frame.kind) {
        case FrameKind::line:
            check_line(frame);
            break;
        case FrameKind::member:
            check_line(frame);
            in_member_ = false;
            break;
        case FrameKind::metadata:
            command().metadata.end = line_->metadata.size();
            break;
        case FrameKind::posting:
            if ((frame.seen & 1U) == 0) return fail(path() + "account", "required in a posting");
            if ((frame.seen & 2U) == 0)
                return fail(place(), "expected debit or credit in a posting");
            break;
        case FrameKind::actor:
        case FrameKind::body:
        case FrameKind::item:
            check_complete(frame);
            break;
        case FrameKind::postings:
        case FrameKind::list:
        case FrameKind::group:
            break;  // arrays
    }
    --depth_;
}

void Handler::open_array() {
    if (key_ != nullptr && key_->type == ValueType::postings) {
        command().postings.begin = line_->postings.size();
        return push({.kind = FrameKind::postings});
    }
    if (key_ != nullptr && key_->type == ValueType::group) {
        return push({.kind = FrameKind::group});
    }
    if (key_ != nullptr && !item_keys(key_->type).empty()) {
        return push({.kind = FrameKind::list,
                     .keys = item_keys(key_->type),
                     .list = key_,
                     .first_item = line_->items.size()});
    }
    wrong_type("an array");
}

void Handler::close_array() {
    if (top().kind == FrameKind::postings) {
        RawRange& range = command().postings;
        range.end = line_->postings.size();
        if (range.end - range.begin < 2) {
            return fail(path().substr(0, path().size() - 1), "expected at least two postings");
        }
    } else if (top().kind == FrameKind::list) {
        const RawRange range = {top().first_item, line_->items.size()};
        const bool has_references = top().list->type == ValueType::references;
        (has_references ? command().references : command().attachments) = range;
    } else {
        line_->command.members = {0, line_->members.size()};
        if (line_->members.empty()) return fail("group", "expected at least one member");
    }
    key_ = nullptr;
    --depth_;
}

void Handler::check_complete(const Frame& frame) {
    for (std::size_t i = 0; i < frame.keys.size(); ++i) {
        if (!frame.keys[i].required || (frame.seen >> i & 1U) != 0) continue;
        std::string where = frame.kind == FrameKind::body
                                ? "required in " + std::string(frame.body->word)
                                : "required";
        return fail(path() + std::string(frame.keys[i].name), std::move(where));
    }
}

void Handler::check_line(const Frame& frame) {
    for (const Field alone : {Field::clock, Field::wait}) {
        if (!command().has(alone)) continue;
        if ((frame.seen & (frame.seen - 1)) != 0) {
            fail(std::string(to_text(alone)), "expected no other key beside it");
        } else if (alone == Field::wait && command().number(Field::wait) == 0) {
            fail("wait", "expected true");
        }
        return;
    }
    check_complete(frame);
    if (!fault_ && command().kind == nullptr) {
        fail(place(), "expected a command: transfer, place_hold, open_account or another");
    }
}

void Handler::take_key(std::string_view name) {
    Frame& frame = top();
    if (frame.kind == FrameKind::metadata) return take_metadata_key(name);
    if (frame.kind == FrameKind::posting) {
        // Bit 0: the account is there; bit 1: a side is.
        const bool is_account = name == "account";
        const std::uint64_t bit = is_account ? 1U : 2U;
        if (!is_account && name != "debit" && name != "credit") {
            return fail(path() + clipped(name), "unknown key in a posting");
        }
        if ((frame.seen & bit) != 0) {
            return fail(path() + std::string(name),
                        is_account ? "repeated key" : "expected debit or credit, once");
        }
        frame.seen |= bit;
        posting_key_ = {.name = is_account        ? "account"
                                : name == "debit" ? "debit"
                                                  : "credit",
                        .field = is_account ? Field::account : Field::amount};
        if (!is_account) line_->postings.back().side = name == "debit" ? Side::debit : Side::credit;
        key_ = &posting_key_;
        return;
    }
    const auto found = std::find_if(frame.keys.begin(), frame.keys.end(),
                                    [name](const Key& key) { return key.name == name; });
    if (found == frame.keys.end()) {
        std::string where =
            frame.kind == FrameKind::body ? " in " + std::string(frame.body->word) : "";
        return fail(path() + clipped(name), "unknown key" + where);
    }
    if (found->type == ValueType::unsupported) {
        return fail(path() + std::string(name), "not supported yet");
    }
    const std::uint64_t bit = std::uint64_t{1} << static_cast<unsigned>(found - frame.keys.begin());
    if ((frame.seen & bit) != 0) return fail(path() + std::string(name), "repeated key");
    frame.seen |= bit;
    if (found->type == ValueType::body || found->type == ValueType::group) take_body_key(*found);
    key_ = &*found;
}

void Handler::take_body_key(const Key& key) {
    RawCommand& owner = command();
    if (owner.kind != nullptr) {
        return fail(
            path() + std::string(key.name),
            "expected one command, found " + std::string(owner.kind->word) + " beside it");
    }
    owner.kind = key.kind;
}

void Handler::take_metadata_key(std::string_view name) {
    std::vector<RawMetadata>& pairs = line_->metadata;
    const std::size_t begin = command().metadata.begin;
    if (pairs.size() - begin == kMetadataMax) return fail(place(), "at most 16 pairs");
    if (name.empty() || name.size() > kShortTextMax) {
        return fail(path() + clipped(name), "expected a key of 1 to 64 bytes");
    }
    const bool repeated =
        std::any_of(pairs.begin() + static_cast<std::ptrdiff_t>(begin), pairs.end(),
                    [name](const RawMetadata& pair) { return pair.key == name; });
    if (repeated) return fail(path() + std::string(name), "repeated key");
    pairs.push_back({kept(name), {}});
    metadata_key_ = {.name = pairs.back().key};
    key_ = &metadata_key_;
}

void Handler::take_text(std::string_view text) {
    if (key_ == nullptr || key_->type != ValueType::text) return wrong_type("a string");
    const Frame& frame = top();
    if (frame.kind == FrameKind::metadata) {
        line_->metadata.back().value = kept(text);
    } else if (frame.kind == FrameKind::posting) {
        RawPosting& posting = line_->postings.back();
        (key_->field == Field::account ? posting.account : posting.amount) = kept(text);
    } else if (frame.kind == FrameKind::item) {
        line_->items.back().texts[static_cast<std::size_t>(key_ - frame.keys.data())] = kept(text);
    } else {
        command().set(key_->field, kept(text));
    }
    key_ = nullptr;
}

void Handler::take_number(std::uint64_t number) {
    if (key_ == nullptr || key_->type != ValueType::number) return wrong_type("a number");
    if (top().kind == FrameKind::item) {
        line_->items.back().number = number;
    } else {
        command().set(key_->field, number);
    }
    key_ = nullptr;
}

void Handler::take_boolean(bool value) {
    if (key_ == nullptr || key_->type != ValueType::boolean) return wrong_type("a boolean");
    command().set(key_->field, value ? std::uint64_t{1} : std::uint64_t{0});
    key_ = nullptr;
}

json::parse_options strict() {
    json::parse_options options;
    options.max_depth = kDepthMax;
    return options;
}

}  // namespace

struct CommandJson::Parser {
    json::basic_parser<Handler> json{strict()};
};

CommandJson::CommandJson() : parser_(std::make_unique<Parser>()) {}
CommandJson::~CommandJson() = default;

std::optional<Malformed> CommandJson::read(std::string_view text, Arena& arena, RawLine& line) {
    if (text.size() > kLineBytesMax) {
        return Malformed{Outcome::too_large, "", "a line of more than 1 MiB"};
    }
    json::basic_parser<Handler>& parser = parser_->json;
    parser.reset();
    parser.handler().start(arena, line);
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
