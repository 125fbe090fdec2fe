#include "command-handler/intake/command_shape.h"

#include "events/entries/voucher.h"

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
constexpr Key body(std::string_view name, CommandKind kind) {
    return {.name = name, .type = ValueType::body, .kind = kind};
}

// The first kMemberKeys are those of a group's member as well.
constexpr std::array kLineKeys = {
    required(text("id", Field::id)),
    body("transfer", CommandKind::transfer),
    body("place_hold", CommandKind::place_hold),
    body("capture_hold", CommandKind::capture_hold),
    body("release_hold", CommandKind::release_hold),
    body("extend_hold", CommandKind::extend_hold),
    body("post_entry", CommandKind::post_entry),
    body("open_account", CommandKind::open_account),
    body("update_account", CommandKind::update_account),
    body("freeze_account", CommandKind::freeze_account),
    body("unfreeze_account", CommandKind::unfreeze_account),
    body("close_account", CommandKind::close_account),
    body("reverse", CommandKind::reverse),
    body("refund", CommandKind::refund),
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
    Key{.name = "group", .type = ValueType::group, .kind = CommandKind::group},
    unsupported("leads"),
    text("clock", Field::clock),
    Key{.name = "wait", .type = ValueType::boolean, .field = Field::wait},
};
constexpr std::size_t kMemberKeys = kLineKeys.size() - 4;

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

std::span<const Key> body_keys(CommandKind kind) {
    switch (kind) {
        case CommandKind::none:
        case CommandKind::group:
            return {};
        case CommandKind::transfer:
            return kTransferKeys;
        case CommandKind::place_hold:
            return kPlaceHoldKeys;
        case CommandKind::capture_hold:
            return kCaptureHoldKeys;
        case CommandKind::release_hold:
            return kReleaseHoldKeys;
        case CommandKind::extend_hold:
            return kExtendHoldKeys;
        case CommandKind::post_entry:
            return kPostEntryKeys;
        case CommandKind::open_account:
            return kOpenAccountKeys;
        case CommandKind::update_account:
            return kUpdateAccountKeys;
        case CommandKind::freeze_account:
        case CommandKind::unfreeze_account:
            return kBlockKeys;
        case CommandKind::close_account:
            return kCloseAccountKeys;
        case CommandKind::reverse:
            return kReverseKeys;
        case CommandKind::refund:
            return kRefundKeys;
    }
    return {};
}

}  // namespace vouch::command_handler
