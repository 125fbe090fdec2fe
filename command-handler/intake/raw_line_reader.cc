#include "command-handler/intake/raw_line_reader.h"

#include "command-handler/intake/command_bodies.h"
#include "events/entries/command.h"
#include "events/money/ids.h"
#include "events/money/text_ids.h"

#include <algorithm>
#include <span>

namespace vouch::command_handler {

namespace {

/// How much of an unknown key is repeated in a message.
constexpr std::size_t kKeyShownMax = 64;

std::string clipped(std::string_view key) {
    if (key.size() <= kKeyShownMax) return std::string(key);
    std::size_t end = kKeyShownMax;
    // Not within a character: continuation bytes are 10xxxxxx.
    while (end > 0 && (static_cast<unsigned char>(key[end]) & 0xc0U) == 0x80U) --end;
    return std::string(key.substr(0, end)) + "…";
}

std::string_view kept(Arena& arena, std::string_view text) {
    const std::span<char> copy = arena.copy(std::span<const char>(text.data(), text.size()));
    return {copy.data(), copy.size()};
}

}  // namespace

void RawLineReader::start(Arena& arena, RawLine& line, std::string_view given_id) {
    arena_ = &arena;
    line_ = &line;
    given_id_ = given_id;
    line.command = {};
    line.members.clear();
    line.postings.clear();
    line.metadata.clear();
    line.items.clear();
    place_.start();
    key_ = nullptr;
    fault_.reset();
}

std::string RawLineReader::value_path() const {
    if (key_ != nullptr) return path() + std::string(key_->name);
    std::string all = path();
    if (all.ends_with('.')) all.pop_back();
    return all;
}

void RawLineReader::wrong_type(std::string_view found) {
    std::string expected = "an object";
    if (key_ != nullptr) {
        expected = to_text(key_->type);
    } else if (place_.is_outside()) {
        expected = "an object with a command";
    }
    fail(value_path(), "expected " + expected + ", found " + std::string(found));
}

void RawLineReader::open_object() {
    if (place_.is_outside()) return open({.kind = FrameKind::line, .keys = line_keys()});
    if (place_.top().kind == FrameKind::group) {
        if (line_->members.size() == kGroupMembersMax) {
            return fail("group", "at most 1000 members", Outcome::too_large);
        }
        line_->members.emplace_back();
        return open({.kind = FrameKind::member, .keys = member_keys()});
    }
    if (place_.top().kind == FrameKind::postings) {
        if (line_->postings.size() == kPostingsMax) {
            return fail(value_path(), "at most 1000 postings in an entry or group",
                        Outcome::too_large);
        }
        line_->postings.emplace_back();
        return open({.kind = FrameKind::posting});
    }
    if (place_.top().kind == FrameKind::list) {
        const Frame list = place_.top();
        if (line_->items.size() - list.first_item == list.list->items_max) {
            return fail(value_path(), "at most " + std::to_string(list.list->items_max));
        }
        line_->items.emplace_back();
        return open({.kind = FrameKind::item,
                     .keys = list.keys,
                     .list = list.list,
                     .first_item = list.first_item});
    }
    switch (key_->type) {
        case ValueType::actor:
            return open({.kind = FrameKind::actor, .keys = actor_keys()});
        case ValueType::metadata:
            command().metadata.begin = line_->metadata.size();
            return open({.kind = FrameKind::metadata});
        case ValueType::body:
            return open(
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

void RawLineReader::close_object() {
    const Frame frame = place_.top();
    key_ = nullptr;
    switch (frame.kind) {
        case FrameKind::line:
        case FrameKind::member:
            check_line(frame);
            break;
        case FrameKind::metadata:
            command().metadata.end = line_->metadata.size();
            command().has_empty_metadata = command().metadata.begin == command().metadata.end;
            break;
        case FrameKind::posting:
            if ((frame.seen & 1U) == 0) return fail(path() + "account", "required in a posting");
            if ((frame.seen & 2U) == 0)
                return fail(value_path(), "expected debit or credit in a posting");
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
    place_.close();
}

void RawLineReader::open_array() {
    if (key_ != nullptr && key_->type == ValueType::postings) {
        command().postings.begin = line_->postings.size();
        return open({.kind = FrameKind::postings});
    }
    if (key_ != nullptr && key_->type == ValueType::group) {
        return open({.kind = FrameKind::group});
    }
    if (key_ != nullptr && !item_keys(key_->type).empty()) {
        return open({.kind = FrameKind::list,
                     .keys = item_keys(key_->type),
                     .list = key_,
                     .first_item = line_->items.size()});
    }
    wrong_type("an array");
}

void RawLineReader::close_array() {
    if (place_.top().kind == FrameKind::postings) {
        RawRange& range = command().postings;
        range.end = line_->postings.size();
        if (range.end - range.begin < 2) {
            return fail(path().substr(0, path().size() - 1), "expected at least two postings");
        }
    } else if (place_.top().kind == FrameKind::list) {
        const RawRange range = {place_.top().first_item, line_->items.size()};
        const bool has_references = place_.top().list->type == ValueType::references;
        (has_references ? command().references : command().attachments) = range;
    } else {
        line_->command.members = {0, line_->members.size()};
        if (line_->members.empty()) return fail("group", "expected at least one member");
    }
    key_ = nullptr;
    place_.close();
}

void RawLineReader::check_complete(const Frame& frame) {
    for (std::size_t i = 0; i < frame.keys.size(); ++i) {
        if (!frame.keys[i].required || (frame.seen >> i & 1U) != 0) continue;
        std::string where = frame.kind == FrameKind::body
                                ? "required in " + std::string(frame.body->word)
                                : "required";
        return fail(path() + std::string(frame.keys[i].name), std::move(where));
    }
}

void RawLineReader::check_line(const Frame& frame) {
    for (const Field alone : {Field::clock, Field::wait}) {
        if (!command().has(alone)) continue;
        if ((frame.seen & (frame.seen - 1)) != 0) {
            fail(std::string(to_text(alone)), "expected no other key beside it");
        } else if (alone == Field::wait && command().number(Field::wait) == 0) {
            fail("wait", "expected true");
        }
        return;
    }
    if (frame.kind == FrameKind::line && !given_id_.empty()) take_given_id();
    if (!fault_) check_complete(place_.top());
    if (!fault_ && command().kind == nullptr) {
        fail(value_path(), "expected a command: transfer, place_hold, open_account or another");
    }
}

void RawLineReader::take_given_id() {
    if (!line_->command.has(Field::id)) {
        line_->command.set(Field::id, given_id_);
        place_.top().seen |= 1U;  // the first of a line's keys
        return;
    }
    const std::optional<TextId> own = parse_command_id(line_->command.text(Field::id));
    const std::optional<TextId> given = parse_command_id(given_id_);
    if (own && given && own->high == given->high && own->low == given->low) return;
    fail("id", "expected the id that the Idempotency-Key names, found another");
}

void RawLineReader::take_key(std::string_view name) {
    Frame& frame = place_.top();
    if (frame.kind == FrameKind::metadata) return take_metadata_key(name);
    if (frame.kind == FrameKind::posting) return take_posting_key(name);
    const auto found = std::find_if(frame.keys.begin(), frame.keys.end(),
                                    [name](const Key& key) { return key.name == name; });
    if (found == frame.keys.end()) {
        if (frame.kind == FrameKind::member && name == kCommandKind<Group>.word)
            return fail(path() + std::string(name), "no member of a group may be a group");
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

void RawLineReader::take_posting_key(std::string_view name) {
    Frame& frame = place_.top();
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
}

void RawLineReader::take_body_key(const Key& key) {
    RawCommand& owner = command();
    if (owner.kind != nullptr) {
        return fail(
            path() + std::string(key.name),
            "expected one command, found " + std::string(owner.kind->word) + " beside it");
    }
    owner.kind = key.kind;
}

void RawLineReader::take_metadata_key(std::string_view name) {
    std::vector<RawMetadata>& pairs = line_->metadata;
    const std::size_t begin = command().metadata.begin;
    if (pairs.size() - begin == kMetadataMax) return fail(value_path(), "at most 16 pairs");
    if (name.empty() || name.size() > kShortTextMax) {
        return fail(path() + clipped(name), "expected a key of 1 to 64 bytes");
    }
    const bool repeated =
        std::any_of(pairs.begin() + static_cast<std::ptrdiff_t>(begin), pairs.end(),
                    [name](const RawMetadata& pair) { return pair.key == name; });
    if (repeated) return fail(path() + std::string(name), "repeated key");
    pairs.push_back({kept(*arena_, name), {}});
    metadata_key_ = {.name = pairs.back().key};
    key_ = &metadata_key_;
}

void RawLineReader::take_text(std::string_view text) {
    if (key_ == nullptr || key_->type != ValueType::text) return wrong_type("a string");
    const Frame& frame = place_.top();
    if (frame.kind == FrameKind::metadata) {
        line_->metadata.back().value = kept(*arena_, text);
    } else if (frame.kind == FrameKind::posting) {
        RawPosting& posting = line_->postings.back();
        (key_->field == Field::account ? posting.account : posting.amount) = kept(*arena_, text);
    } else if (frame.kind == FrameKind::item) {
        const auto position = static_cast<std::size_t>(key_ - frame.keys.data());
        line_->items.back().texts[position] = kept(*arena_, text);
    } else {
        command().set(key_->field, kept(*arena_, text));
    }
    key_ = nullptr;
}

void RawLineReader::take_number(std::uint64_t number) {
    if (key_ == nullptr || key_->type != ValueType::number) return wrong_type("a number");
    if (place_.top().kind == FrameKind::item) {
        line_->items.back().number = number;
    } else {
        command().set(key_->field, number);
    }
    key_ = nullptr;
}

void RawLineReader::take_boolean(bool value) {
    if (key_ == nullptr || key_->type != ValueType::boolean) return wrong_type("a boolean");
    command().set(key_->field, value ? std::uint64_t{1} : std::uint64_t{0});
    key_ = nullptr;
}

}  // namespace vouch::command_handler
