// Each command's own object: its keys, and what they mean.
#include "command-handler/intake/command_bodies.h"

#include "command-handler/intake/amount_scale.h"
#include "events/check.h"
#include "events/money/text_ids.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace vouch::command_handler {

bool BodyReader::amount(Field field, const AccountFact& fact, Amount& out) {
    WrittenAmount written{.text = raw.text(field), .account = fact, .amount = {}};
    const auto read = read_amounts({&written, 1});
    if (std::holds_alternative<AmountsUncertain>(read)) return false;
    if (const auto* wrong = std::get_if<AmountWrong>(&read))
        return fields.fail(field, wrong->detail);
    command.amount_decimals = std::get<AmountsRead>(read).decimals;
    out = written.amount;
    return true;
}

bool BodyReader::limit(const AccountFact& fact, Limit& out) {
    if (raw.text(Field::limit) == "unlimited") {
        out = Limit::unlimited();
        return true;
    }
    Amount below_zero;
    if (!amount(Field::limit, fact, below_zero)) return false;
    out = Limit(below_zero);
    return true;
}

AccountFact BodyReader::account_fact(AccountId account) {
    return directory.account(command.ledger, account);
}

bool BodyReader::amount_between(AccountId debit, AccountId credit, Amount& out) {
    AccountFact fact = account_fact(debit);
    const bool is_of_payee = fact.certainty == Certainty::unknown && !credit.is_zero();
    if (is_of_payee) fact = account_fact(credit);
    if (!amount(Field::amount, fact, out)) return false;
    // What is told of the command goes by its payer, which may be opened with another scale yet.
    if (is_of_payee && fact.certainty == Certainty::certain)
        command.amount_decimals = fact.asset.scale();
    return true;
}

namespace {

using keys::number;
using keys::required;
using keys::text;
using keys::unsupported;

constexpr std::array kOpenAccountKeys = {
    required(text("account", Field::account)),     required(text("asset", Field::asset)),
    required(text("class", Field::account_class)), text("limit", Field::limit),
    text("chart_code", Field::chart_code),         text("owner", Field::owner),
    number("risk_class", Field::risk_class),
};

bool read(BodyReader& in, OpenAccount& body) {
    if (!in.fields.account(Field::account, body.account)) return false;
    const std::string_view name = in.raw.text(Field::account);
    const std::optional<TextId> id = parse_account_id(name, in.command.ledger);
    if (id && id->is_name) body.name = name;
    const std::optional<Asset> asset = Asset::parse(in.raw.text(Field::asset));
    if (!asset)
        return in.fields.fail(
            Field::asset, "expected a code and decimals such as EUR/2, or an ISO 4217 code");
    body.asset = *asset;
    const auto account_class = parse_account_class(in.raw.text(Field::account_class));
    if (!account_class) {
        return in.fields.fail(Field::account_class,
                              "expected asset, liability, equity, income or expense");
    }
    body.account_class = *account_class;
    std::uint64_t risk_class = 0;
    if (!in.fields.text(Field::chart_code, kShortTextMax, body.chart_code) ||
        !in.fields.text(Field::owner, kShortTextMax, body.owner) ||
        !in.fields.number(Field::risk_class, 255, risk_class)) {
        return false;
    }
    body.risk_class = static_cast<std::uint8_t>(risk_class);
    if (!in.raw.has(Field::limit)) return true;
    return in.limit({.certainty = Certainty::certain, .asset = *asset}, body.limit);
}

constexpr std::array kUpdateAccountKeys = {
    required(text("account", Field::account)),
    text("limit", Field::limit),
    number("risk_class", Field::risk_class),
};

bool read(BodyReader& in, UpdateAccount& body) {
    // No pairs are what a record has of an update that leaves metadata as they are.
    if (in.raw.has_empty_metadata) {
        return in.fields.fail("metadata",
                              "expected a pair or more: they replace all there are, and none would "
                              "leave them as they are");
    }
    std::uint64_t risk_class = 0;
    if (!in.fields.account(Field::account, body.account) ||
        !in.fields.number(Field::risk_class, 255, risk_class)) {
        return false;
    }
    if (in.raw.has(Field::risk_class)) body.risk_class = static_cast<std::uint8_t>(risk_class);
    if (!in.raw.has(Field::limit)) return true;
    body.limit.emplace();
    const bool needs_asset = in.raw.text(Field::limit) != "unlimited";
    return in.limit(needs_asset ? in.account_fact(body.account) : AccountFact{}, *body.limit);
}

constexpr std::array kBlockKeys = {
    required(text("account", Field::account)),
    required(text("block", Field::block)),
};

bool read_block(BodyReader& in, AccountId& account, Block& block) {
    return in.fields.account(Field::account, account) && in.fields.block(block);
}

bool read(BodyReader& in, FreezeAccount& body) {
    return read_block(in, body.account, body.block);
}

bool read(BodyReader& in, UnfreezeAccount& body) {
    return read_block(in, body.account, body.block);
}

constexpr std::array kCloseAccountKeys = {
    required(text("account", Field::account)),
};

bool read(BodyReader& in, CloseAccount& body) {
    return in.fields.account(Field::account, body.account);
}

constexpr std::array kTransferKeys = {
    required(text("debit", Field::debit)),
    required(text("credit", Field::credit)),
    required(text("amount", Field::amount)),
    text("balancing", Field::balancing),
};

bool read(BodyReader& in, Transfer& body) {
    return in.fields.account(Field::debit, body.debit) &&
           in.fields.account(Field::credit, body.credit) &&
           in.fields.balancing(body.balancing) &&
           in.amount_between(body.debit, body.credit, body.amount);
}

constexpr std::array kPostEntryKeys = {
    required(Key{.name = "postings", .type = ValueType::postings}),
    unsupported("leads"),
};

bool read(BodyReader& in, PostEntry& body) {
    const std::span<const RawPosting> written =
        std::span(in.line.postings)
            .subspan(in.raw.postings.begin, in.raw.postings.end - in.raw.postings.begin);
    const std::span<Posting> made = in.arena.make<Posting>(written.size());
    const std::span<WrittenAmount> amounts = in.arena.make<WrittenAmount>(written.size());
    const auto path = [&](std::size_t i) { return "postings[" + std::to_string(i) + "]."; };
    for (std::size_t i = 0; i < written.size(); ++i) {
        const std::optional<TextId> id = parse_account_id(written[i].account, in.command.ledger);
        if (!id) return in.fields.fail(path(i) + "account", std::string(kIdExpected));
        made[i].account = AccountId(id->high, id->low);
        made[i].side = written[i].side;
        amounts[i] = {
            .text = written[i].amount, .account = in.account_fact(made[i].account), .amount = {}};
    }
    const auto read = read_amounts(amounts);
    if (std::holds_alternative<AmountsUncertain>(read)) return false;
    if (const auto* wrong = std::get_if<AmountWrong>(&read)) {
        const bool is_debit = written[wrong->position].side == Side::debit;
        return in.fields.fail(path(wrong->position) + (is_debit ? "debit" : "credit"),
                              wrong->detail);
    }
    for (std::size_t i = 0; i < made.size(); ++i) made[i].amount = amounts[i].amount;
    in.command.amount_decimals = std::get<AmountsRead>(read).decimals;
    body.postings = made;
    return true;
}

constexpr std::array kPlaceHoldKeys = {
    required(text("debit", Field::debit)),   text("credit", Field::credit),
    required(text("amount", Field::amount)), text("balancing", Field::balancing),
    text("expires_in", Field::expires_in),
};

bool read(BodyReader& in, PlaceHold& body) {
    return in.fields.account(Field::debit, body.debit) &&
           in.fields.account(Field::credit, body.credit) &&
           in.fields.balancing(body.balancing) && in.fields.expires_in(body.expires_in_us) &&
           in.amount_between(body.debit, body.credit, body.amount);
}

/// Finds the hold's payer, and what is known of its asset. False: the line must wait.
bool fill_hold(BodyReader& in, CommandId hold, AccountId& account, AccountFact& fact) {
    const bool is_given = !account.is_zero();
    if (is_given) fact = in.account_fact(account);
    if (is_given && !in.directory.orders_lines()) return true;
    const HoldFact known = in.directory.hold(in.command.ledger, hold);
    if (known.certainty == Certainty::pending) return false;
    if (is_given) return true;
    account = known.payer;
    if (!account.is_zero()) fact = in.account_fact(account);
    return true;
}

constexpr std::array kCaptureHoldKeys = {
    required(text("hold", Field::hold)),
    text("amount", Field::amount),
    Key{.name = "keep_rest", .type = ValueType::boolean, .field = Field::keep_rest},
    text("credit", Field::credit),
    text("account", Field::account),
};

bool read(BodyReader& in, CaptureHold& body) {
    body.keep_rest = in.raw.number(Field::keep_rest) != 0;
    AccountFact fact;
    if (!in.fields.command_id(Field::hold, body.hold) ||
        !in.fields.account(Field::account, body.account) ||
        !in.fields.account(Field::credit, body.credit) ||
        !fill_hold(in, body.hold, body.account, fact)) {
        return false;
    }
    if (!in.raw.has(Field::amount)) return true;
    return in.amount(Field::amount, fact, body.amount.emplace());
}

constexpr std::array kReleaseHoldKeys = {
    required(text("hold", Field::hold)),
    text("account", Field::account),
};

bool read(BodyReader& in, ReleaseHold& body) {
    AccountFact fact;
    return in.fields.command_id(Field::hold, body.hold) &&
           in.fields.account(Field::account, body.account) &&
           fill_hold(in, body.hold, body.account, fact);
}

constexpr std::array kExtendHoldKeys = {
    required(text("hold", Field::hold)),
    required(text("expires_in", Field::expires_in)),
    text("account", Field::account),
};

bool read(BodyReader& in, ExtendHold& body) {
    AccountFact fact;
    return in.fields.command_id(Field::hold, body.hold) &&
           in.fields.account(Field::account, body.account) &&
           in.fields.expires_in(body.expires_in_us) && fill_hold(in, body.hold, body.account, fact);
}

/// The position of the posting that a reversal or refund debits: the one named, else the first
/// credit.
std::optional<std::size_t> debited_posting(const EntryFact& entry,
                                           std::optional<std::uint32_t> named) {
    if (named)
        return *named < entry.postings.size() ? std::optional<std::size_t>(*named) : std::nullopt;
    for (std::size_t i = 0; i < entry.postings.size(); ++i) {
        if (entry.postings[i].side == Side::credit) return i;
    }
    return std::nullopt;
}

constexpr std::array kReverseKeys = {
    required(text("entry", Field::entry)),
    text("account", Field::account),
    unsupported("entry_account"),
};

bool read(BodyReader& in, Reverse& body) {
    if (!in.fields.command_id(Field::entry, body.entry) ||
        !in.fields.account(Field::account, body.account)) {
        return false;
    }
    const bool is_given = !body.account.is_zero();
    if (is_given && !in.directory.orders_lines()) return true;
    const EntryFact entry = in.directory.entry(in.command.ledger, body.entry);
    if (entry.certainty == Certainty::pending) return false;
    if (is_given) return true;
    if (const auto position = debited_posting(entry, {}))
        body.account = entry.postings[*position].account;
    return true;
}

constexpr std::array kRefundKeys = {
    required(text("entry", Field::entry)),
    text("amount", Field::amount),
    text("from", Field::from),
    number("debit_posting", Field::debit_posting),
    number("credit_posting", Field::credit_posting),
    text("account", Field::account),
    unsupported("entry_account"),
};

bool read(BodyReader& in, Refund& body) {
    if (!in.fields.command_id(Field::entry, body.entry) ||
        !in.fields.account(Field::account, body.account) ||
        !in.fields.account(Field::from, body.from)) {
        return false;
    }
    for (const auto& [field, out] : {std::pair{Field::debit_posting, &body.debit_posting},
                                     std::pair{Field::credit_posting, &body.credit_posting}}) {
        std::uint64_t position = 0;
        if (!in.fields.number(field, kPostingsMax - 1, position)) return false;
        if (in.raw.has(field)) *out = static_cast<std::uint32_t>(position);
    }
    if (body.account.is_zero()) body.account = body.from;
    const bool is_given = !body.account.is_zero();
    if (!is_given || in.directory.orders_lines()) {
        const EntryFact entry = in.directory.entry(in.command.ledger, body.entry);
        if (entry.certainty == Certainty::pending) return false;
        const auto position = debited_posting(entry, body.credit_posting);
        if (!is_given && position) body.account = entry.postings[*position].account;
    }
    if (!in.raw.has(Field::amount)) return true;
    AccountFact fact;
    if (!body.account.is_zero()) fact = in.account_fact(body.account);
    return in.amount(Field::amount, fact, body.amount.emplace());
}

// Members are written one by one, and a line of its own sets the clock.
bool read(BodyReader&, Group&) { VOUCH_ASSERT(false); }
bool read(BodyReader&, SetClock&) { VOUCH_ASSERT(false); }

struct BodyKeys {
    const CommandKind* kind;
    std::span<const Key> keys;
};
constexpr std::array kBodies = std::to_array<BodyKeys>({
    {&kCommandKind<OpenAccount>, kOpenAccountKeys},
    {&kCommandKind<UpdateAccount>, kUpdateAccountKeys},
    {&kCommandKind<FreezeAccount>, kBlockKeys},
    {&kCommandKind<UnfreezeAccount>, kBlockKeys},
    {&kCommandKind<CloseAccount>, kCloseAccountKeys},
    {&kCommandKind<Transfer>, kTransferKeys},
    {&kCommandKind<PostEntry>, kPostEntryKeys},
    {&kCommandKind<PlaceHold>, kPlaceHoldKeys},
    {&kCommandKind<CaptureHold>, kCaptureHoldKeys},
    {&kCommandKind<ReleaseHold>, kReleaseHoldKeys},
    {&kCommandKind<ExtendHold>, kExtendHoldKeys},
    {&kCommandKind<Reverse>, kReverseKeys},
    {&kCommandKind<Refund>, kRefundKeys},
});
static_assert(kBodies.size() + 2 == kCommandKinds.size(),
              "a group is an array, and a clock is set by a line of its own; all others have keys");

}  // namespace

std::span<const Key> body_keys(const CommandKind& kind) {
    const auto found = std::ranges::find(kBodies, &kind, &BodyKeys::kind);
    return found == kBodies.end() ? std::span<const Key>() : found->keys;
}

bool read_body(BodyReader& from) {
    from.command.body = from.raw.kind->empty();
    return std::visit([&](auto& body) { return read(from, body); }, from.command.body);
}

}  // namespace vouch::command_handler
