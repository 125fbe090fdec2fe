#include "command-handler/intake/command_shape.h"

#include "events/entries/voucher.h"

#include <algorithm>
#include <array>

namespace vouch::command_handler {

namespace {

using keys::number;
using keys::required;
using keys::text;
using keys::unsupported;

constexpr std::array kActorKeys = {
    text("id", Field::actor_id),
    text("address", Field::actor_address),
    text("device", Field::actor_device),
};

constexpr std::array kReferenceKeys = {
    required(text("type", Field::id)),
    required(text("value", Field::id)),
};
constexpr std::array kAttachmentKeys = {
    required(text("digest", Field::id)),
    text("media_type", Field::id),
    number("size", Field::id),
};

/// A group is an array, and a clock is set by a line of its own; all others are objects.
constexpr bool has_body_key(const CommandKind& kind) {
    return &kind != &kCommandKind<Group> && &kind != &kCommandKind<SetClock>;
}
constexpr std::size_t kBodyCount = std::ranges::count_if(kCommandKinds, has_body_key);

// Behind the id and the bodies.
constexpr std::array kEnvelopeKeys = {
    text("context", Field::context),
    text("module", Field::module),
    text("ticket", Field::ticket),
    text("kind", Field::voucher_kind),
    text("channel", Field::channel),
    text("expires_at", Field::expires_at),
    number("ledger", Field::ledger),
    number("expected_version", Field::expected_version),
    Key{.name = "actor", .type = ValueType::actor},
    Key{.name = "metadata", .type = ValueType::metadata},
    text("trace", Field::trace),
    text("document_date", Field::document_date),
    text("reason", Field::reason),
    Key{.name = "references", .type = ValueType::references, .items_max = kReferencesMax},
    Key{.name = "attachments", .type = ValueType::attachments, .items_max = kAttachmentsMax},
    unsupported("after"),
    unsupported("value_date"),
    unsupported("decided_by"),
    unsupported("personal"),
};
constexpr std::array kKeysOfLinesAlone = {
    Key{.name = kCommandKind<Group>.word, .type = ValueType::group, .kind = &kCommandKind<Group>},
    unsupported("leads"),
    text("clock", Field::clock),
    Key{.name = "wait", .type = ValueType::boolean, .field = Field::wait},
};

// The first kMemberKeys are those of a group's member as well.
constexpr std::size_t kMemberKeys = 1 + kBodyCount + kEnvelopeKeys.size();
constexpr auto kLineKeys = [] {
    std::array<Key, kMemberKeys + kKeysOfLinesAlone.size()> keys{};
    auto at = keys.begin();
    *at++ = required(text("id", Field::id));
    for (const CommandKind& kind : kCommandKinds) {
        if (has_body_key(kind))
            *at++ = {.name = kind.word, .type = ValueType::body, .kind = &kind};
    }
    at = std::ranges::copy(kEnvelopeKeys, at).out;
    std::ranges::copy(kKeysOfLinesAlone, at);
    return keys;
}();

}  // namespace

std::string_view to_text(ValueType type) {
    switch (type) {
        case ValueType::text:
            return "a string";
        case ValueType::number:
            return "a whole number";
        case ValueType::boolean:
            return "true or false";
        case ValueType::postings:
        case ValueType::references:
        case ValueType::attachments:
        case ValueType::group:
            return "an array";
        case ValueType::unsupported:
        case ValueType::actor:
        case ValueType::metadata:
        case ValueType::body:
            return "an object";
    }
    return "";
}

std::span<const Key> line_keys() { return kLineKeys; }
std::span<const Key> member_keys() { return std::span(kLineKeys).first(kMemberKeys); }
std::span<const Key> actor_keys() { return kActorKeys; }

std::span<const Key> item_keys(ValueType type) {
    if (type == ValueType::references) return kReferenceKeys;
    if (type == ValueType::attachments) return kAttachmentKeys;
    return {};
}

}  // namespace vouch::command_handler
