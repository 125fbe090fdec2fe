#include "command-handler/intake/command_shape.h"

#include "events/entries/voucher.h"

#include <algorithm>
#include <array>

namespace vouch::command_handler {

namespace {

constexpr Key text(std::string_view name, Field field) {
    return {.name = name, .type = ValueType::text, .field = field};
}
constexpr Key number(std::string_view name, Field field) {
    return {.name = name, .type = ValueType::number, .field = field};
}
constexpr Key required(Key key) {
    key.required = true;
    return key;
}
constexpr Key unsupported(std::string_view name) {
    return {.name = name, .type = ValueType::unsupported};
}

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

constexpr std::array kTransferKeys = {
    required(text("debit", Field::debit)),
    required(text("credit", Field::credit)),
    required(text("amount", Field::amount)),
    text("balancing", Field::balancing),
};
constexpr std::array kPlaceHoldKeys = {
    required(text("debit", Field::debit)),   text("credit", Field::credit),
    required(text("amount", Field::amount)), text("balancing", Field::balancing),
    text("expires_in", Field::expires_in),
};
constexpr std::array kCaptureHoldKeys = {
    required(text("hold", Field::hold)),
    text("amount", Field::amount),
    Key{.name = "keep_rest", .type = ValueType::boolean, .field = Field::keep_rest},
    text("credit", Field::credit),
    text("account", Field::account),
};
constexpr std::array kReleaseHoldKeys = {
    required(text("hold", Field::hold)),
    text("account", Field::account),
};
constexpr std::array kExtendHoldKeys = {
    required(text("hold", Field::hold)),
    required(text("expires_in", Field::expires_in)),
    text("account", Field::account),
};
constexpr std::array kPostEntryKeys = {
    required(Key{.name = "postings", .type = ValueType::postings}),
    unsupported("leads"),
};
constexpr std::array kOpenAccountKeys = {
    required(text("account", Field::account)),     required(text("asset", Field::asset)),
    required(text("class", Field::account_class)), text("limit", Field::limit),
    text("chart_code", Field::chart_code),         text("owner", Field::owner),
    number("risk_class", Field::risk_class),
};
constexpr std::array kUpdateAccountKeys = {
    required(text("account", Field::account)),
    text("limit", Field::limit),
    number("risk_class", Field::risk_class),
};
constexpr std::array kBlockKeys = {
    required(text("account", Field::account)),
    required(text("block", Field::block)),
};
constexpr std::array kCloseAccountKeys = {
    required(text("account", Field::account)),
};
constexpr std::array kReverseKeys = {
    required(text("entry", Field::entry)),
    text("account", Field::account),
    unsupported("entry_account"),
};
constexpr std::array kRefundKeys = {
    required(text("entry", Field::entry)),
    text("amount", Field::amount),
    text("from", Field::from),
    number("debit_posting", Field::debit_posting),
    number("credit_posting", Field::credit_posting),
    text("account", Field::account),
    unsupported("entry_account"),
};

struct BodyKeys {
    const CommandKind* kind;
    std::span<const Key> keys;
};
constexpr std::array kBodies = std::to_array<BodyKeys>({
    {&kCommandKind<Transfer>, kTransferKeys},
    {&kCommandKind<PlaceHold>, kPlaceHoldKeys},
    {&kCommandKind<CaptureHold>, kCaptureHoldKeys},
    {&kCommandKind<ReleaseHold>, kReleaseHoldKeys},
    {&kCommandKind<ExtendHold>, kExtendHoldKeys},
    {&kCommandKind<PostEntry>, kPostEntryKeys},
    {&kCommandKind<OpenAccount>, kOpenAccountKeys},
    {&kCommandKind<UpdateAccount>, kUpdateAccountKeys},
    {&kCommandKind<FreezeAccount>, kBlockKeys},
    {&kCommandKind<UnfreezeAccount>, kBlockKeys},
    {&kCommandKind<CloseAccount>, kCloseAccountKeys},
    {&kCommandKind<Reverse>, kReverseKeys},
    {&kCommandKind<Refund>, kRefundKeys},
});
static_assert(kBodies.size() + 2 == kCommandKinds.size(),
              "a group is an array, and a clock is set by a line of its own; all others have keys");

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
constexpr std::size_t kMemberKeys = 1 + kBodies.size() + kEnvelopeKeys.size();
constexpr auto kLineKeys = [] {
    std::array<Key, kMemberKeys + kKeysOfLinesAlone.size()> keys{};
    auto at = keys.begin();
    *at++ = required(text("id", Field::id));
    for (const BodyKeys& body : kBodies)
        *at++ = {.name = body.kind->word, .type = ValueType::body, .kind = body.kind};
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

std::span<const Key> body_keys(const CommandKind& kind) {
    const auto found = std::ranges::find(kBodies, &kind, &BodyKeys::kind);
    return found == kBodies.end() ? std::span<const Key>() : found->keys;
}

}  // namespace vouch::command_handler
