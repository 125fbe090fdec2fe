#include "events/entries/command.h"

#include <doctest/doctest.h>

#include <array>
#include <functional>
#include <string_view>
#include <vector>

namespace vouch {
namespace {

constexpr AccountId kAlice{1, 1};
constexpr AccountId kShop{1, 2};
constexpr CommandId kOther{7, 7};

Command command_of(CommandBody body) {
    Command command;
    command.id = CommandId(1, 1);
    command.body = body;
    return command;
}

Command transfer() { return command_of(Transfer{kAlice, kShop, Amount(100), Balancing::none}); }

}  // namespace

TEST_CASE("command: every kind has its wire name and its deciding account") {
    const std::array postings{Posting{kShop, Side::credit, Amount(1)},
                              Posting{kAlice, Side::debit, Amount(1)}};
    const std::array members{command_of(CloseAccount{kAlice}), command_of(CloseAccount{kShop})};
    struct Row {
        CommandBody body;
        std::string_view name;
        AccountId decides;
    };
    const Row rows[] = {
        {Transfer{kAlice, kShop, {}, {}}, "transfer", kAlice},
        {PlaceHold{kAlice, kShop, {}, {}, 0}, "place_hold", kAlice},
        {CaptureHold{kOther, kAlice, {}, false, kShop}, "capture_hold", kAlice},
        {ReleaseHold{kOther, kAlice}, "release_hold", kAlice},
        {ReleaseHold{kOther, {}}, "release_hold", {}},
        {PostEntry{postings}, "post_entry", kAlice},
        {PostEntry{std::span(postings).first(1)}, "post_entry", {}},
        {OpenAccount{kAlice, {}, {}, {}, {}, {}, {}, 0}, "open_account", kAlice},
        {UpdateAccount{kAlice, {}, {}}, "update_account", kAlice},
        {FreezeAccount{kAlice, Block::both}, "freeze_account", kAlice},
        {UnfreezeAccount{kAlice, Block::both}, "unfreeze_account", kAlice},
        {CloseAccount{kAlice}, "close_account", kAlice},
        {ExtendHold{kOther, kAlice, 1}, "extend_hold", kAlice},
        {Reverse{kOther, kShop}, "reverse", kShop},
        {Refund{kOther, kShop, {}, kAlice, {}, {}}, "refund", kShop},
        {Group{members}, "group", kAlice},
        {Group{}, "group", {}},
        {SetClock{Timestamp(5)}, "set_clock", {}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        CHECK(kind_name(row.body) == row.name);
        CHECK(deciding_account(command_of(row.body)) == row.decides);
        CHECK(same_content(command_of(row.body), command_of(row.body)));
    }
}

TEST_CASE("command: content is what is asked, not how or when it was sent") {
    struct Row {
        std::string_view what;
        std::function<void(Command&)> change;
        bool is_same;
    };
    const std::array<Metadata, 1> metadata{Metadata{"k", "v"}};
    const std::array<Reference, 1> references{Reference{ReferenceType::order, "o-1"}};
    const std::array<Attachment, 1> attachments{Attachment{}};
    const Row rows[] = {
        {"id", [](Command& c) { c.id = kOther; }, true},
        {"ticket", [](Command& c) { c.ticket = "t"; }, true},
        {"expires_at", [](Command& c) { c.expires_at = Timestamp(9); }, true},
        {"amount_decimals", [](Command& c) { c.amount_decimals = Scale(2); }, true},
        {"actor.address", [](Command& c) { c.actor_address = "a"; }, true},
        {"actor.device", [](Command& c) { c.actor_device = "d"; }, true},
        {"ledger", [](Command& c) { c.ledger = LedgerId(1); }, false},
        {"context", [](Command& c) { c.context = "x"; }, false},
        {"actor.id", [](Command& c) { c.actor_id = "x"; }, false},
        {"module", [](Command& c) { c.module = "x"; }, false},
        {"id_text", [](Command& c) { c.id_text = "x"; }, true},
        {"trace", [](Command& c) { c.trace = {1, 2, 3, 0}; }, true},
        {"kind", [](Command& c) { c.kind = VoucherKind::fee; }, false},
        {"reason", [](Command& c) { c.reason = "x"; }, false},
        {"document_date", [](Command& c) { c.document_date = Day(1); }, false},
        {"references", [&](Command& c) { c.references = references; }, false},
        {"attachments", [&](Command& c) { c.attachments = attachments; }, false},
        {"channel", [](Command& c) { c.channel = "x"; }, false},
        {"metadata", [&](Command& c) { c.metadata = metadata; }, false},
        {"expected_version", [](Command& c) { c.expected_version = Version(0); }, false},
        {"body", [](Command& c) { c.body = CloseAccount{kAlice}; }, false},
        {"amount", [](Command& c) { std::get<Transfer>(c.body).amount = Amount(101); }, false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        Command changed = transfer();
        row.change(changed);
        CHECK(same_content(transfer(), changed) == row.is_same);
        CHECK(same_content(changed, transfer()) == row.is_same);
    }
}

TEST_CASE("command: each field of a body is content, but the routing account is not") {
    const Limit limit{Amount(5)};
    const Asset eur = *Asset::make("EUR", Scale(2));
    const Asset usd = *Asset::make("USD", Scale(2));
    const OpenAccount open{kAlice, "alice", eur, AccountClass::liability, limit, "1", "o", 3};
    const auto opened = [&](auto member, auto value) {
        OpenAccount changed = open;
        changed.*member = value;
        return CommandBody(changed);
    };
    struct Row {
        CommandBody a;
        CommandBody b;
        bool is_same;
    };
    const CaptureHold capture{kOther, kAlice, Amount(5), false, kShop};
    const Refund refund{kOther, kShop, Amount(5), kAlice, 0, 1};
    const Row rows[] = {
        {capture, CaptureHold{kOther, kShop, Amount(5), false, kShop}, true},
        {capture, CaptureHold{kOther, {}, Amount(5), false, kShop}, true},
        {capture, CaptureHold{{7, 8}, kAlice, Amount(5), false, kShop}, false},
        {capture, CaptureHold{kOther, kAlice, Amount(6), false, kShop}, false},
        {capture, CaptureHold{kOther, kAlice, {}, false, kShop}, false},
        {capture, CaptureHold{kOther, kAlice, Amount(5), true, kShop}, false},
        {capture, CaptureHold{kOther, kAlice, Amount(5), false, {}}, false},
        {ReleaseHold{kOther, kAlice}, ReleaseHold{kOther, kShop}, true},
        {ReleaseHold{kOther, kAlice}, ReleaseHold{{7, 8}, kAlice}, false},
        {ExtendHold{kOther, kAlice, 5}, ExtendHold{kOther, kShop, 5}, true},
        {ExtendHold{kOther, kAlice, 5}, ExtendHold{kOther, kAlice, 6}, false},
        {ExtendHold{kOther, kAlice, 5}, ExtendHold{{7, 8}, kAlice, 5}, false},
        {Reverse{kOther, kAlice}, Reverse{kOther, kShop}, true},
        {Reverse{kOther, kAlice}, Reverse{{7, 8}, kAlice}, false},
        {refund, Refund{kOther, kAlice, Amount(5), kAlice, 0, 1}, true},
        {refund, Refund{{7, 8}, kShop, Amount(5), kAlice, 0, 1}, false},
        {refund, Refund{kOther, kShop, Amount(6), kAlice, 0, 1}, false},
        {refund, Refund{kOther, kShop, {}, kAlice, 0, 1}, false},
        {refund, Refund{kOther, kShop, Amount(5), {}, 0, 1}, false},
        {refund, Refund{kOther, kShop, Amount(5), kAlice, {}, 1}, false},
        {refund, Refund{kOther, kShop, Amount(5), kAlice, 0, 2}, false},
        {transfer().body, Transfer{kShop, kShop, Amount(100), Balancing::none}, false},
        {transfer().body, Transfer{kAlice, kAlice, Amount(100), Balancing::none}, false},
        {transfer().body, Transfer{kAlice, kShop, Amount(100), Balancing::debit}, false},
        {transfer().body, Transfer{kAlice, kShop, Amount::from_halves(1, 100), {}}, false},
        {PlaceHold{kAlice, kShop, Amount(1), {}, 5}, PlaceHold{kAlice, kShop, Amount(1), {}, 6},
         false},
        {PlaceHold{kAlice, kShop, Amount(1), {}, 5}, PlaceHold{kAlice, {}, Amount(1), {}, 5},
         false},
        {PlaceHold{kAlice, kShop, Amount(1), {}, 5}, PlaceHold{kShop, kShop, Amount(1), {}, 5},
         false},
        {PlaceHold{kAlice, kShop, Amount(1), {}, 5}, PlaceHold{kAlice, kShop, Amount(2), {}, 5},
         false},
        {PlaceHold{kAlice, kShop, Amount(1), {}, 5},
         PlaceHold{kAlice, kShop, Amount(1), Balancing::both, 5}, false},
        {UpdateAccount{kAlice, Limit{}, {}}, UpdateAccount{kAlice, {}, {}}, false},
        {UpdateAccount{kAlice, {}, 0}, UpdateAccount{kAlice, {}, {}}, false},
        {UpdateAccount{kAlice, {}, {}}, UpdateAccount{kShop, {}, {}}, false},
        {FreezeAccount{kAlice, Block::both}, FreezeAccount{kAlice, Block::debits}, false},
        {FreezeAccount{kAlice, Block::both}, UnfreezeAccount{kAlice, Block::both}, false},
        {UnfreezeAccount{kAlice, Block::both}, UnfreezeAccount{kShop, Block::both}, false},
        {CloseAccount{kAlice}, CloseAccount{kShop}, false},
        {SetClock{Timestamp(1)}, SetClock{Timestamp(2)}, false},
        {open, opened(&OpenAccount::account, kShop), false},
        {open, opened(&OpenAccount::name, std::string_view("b")), false},
        {open, opened(&OpenAccount::asset, usd), false},
        {open, opened(&OpenAccount::account_class, AccountClass::asset), false},
        {open, opened(&OpenAccount::limit, Limit::unlimited()), false},
        {open, opened(&OpenAccount::chart_code, std::string_view("2")), false},
        {open, opened(&OpenAccount::owner, std::string_view("p")), false},
        {open, opened(&OpenAccount::risk_class, std::uint8_t{4}), false},
    };
    for (std::size_t i = 0; i < std::size(rows); ++i) {
        CAPTURE(i);
        CAPTURE(kind_name(rows[i].a));
        CHECK(same_content(command_of(rows[i].a), command_of(rows[i].b)) == rows[i].is_same);
    }
}

TEST_CASE("command: metadata is the same in any order, and only then") {
    const std::array<Metadata, 2> ab{Metadata{"a", "1"}, Metadata{"b", "2"}};
    const std::array<Metadata, 2> ba{Metadata{"b", "2"}, Metadata{"a", "1"}};
    const std::array<Metadata, 2> other{Metadata{"a", "1"}, Metadata{"b", "3"}};
    const auto with = [](std::span<const Metadata> metadata) {
        Command command = transfer();
        command.metadata = metadata;
        return command;
    };
    CHECK(same_content(with(ab), with(ba)));
    CHECK_FALSE(same_content(with(ab), with(other)));
    CHECK_FALSE(same_content(with(ab), with(std::span(ab).first(1))));
}

TEST_CASE("command: references are the same in any order, and only then") {
    const Reference order{ReferenceType::order, "1"};
    const Reference intent{ReferenceType::intent, "1"};
    const Reference second{ReferenceType::order, "2"};
    const auto with = [](std::span<const Reference> references) {
        Command command = transfer();
        command.references = references;
        return command;
    };
    const std::array ab{order, intent};
    const std::array ba{intent, order};
    const std::array other{order, second};
    CHECK(same_content(with(ab), with(ba)));
    CHECK_FALSE(same_content(with(ab), with(other)));
    CHECK_FALSE(same_content(with(ab), with(std::span(ab).first(1))));
}

TEST_CASE("command: attachments are the same by their digests alone") {
    const auto attachment = [](int digest, std::string_view media_type, std::uint64_t size) {
        Attachment made{{}, media_type, size};
        made.digest[31] = static_cast<std::byte>(digest);
        return made;
    };
    const auto with = [](std::span<const Attachment> attachments) {
        Command command = transfer();
        command.attachments = attachments;
        return command;
    };
    const std::array ab{attachment(1, "application/pdf", 9), attachment(2, "", 0)};
    const std::array ba{attachment(2, "image/png", 7), attachment(1, "", 0)};
    const std::array other{attachment(1, "application/pdf", 9), attachment(3, "", 0)};
    CHECK(same_content(with(ab), with(ba)));
    CHECK_FALSE(same_content(with(ab), with(other)));
    CHECK_FALSE(same_content(with(ab), with(std::span(ab).first(1))));
}

TEST_CASE("command: groups are the same when their members are, in order, ids included") {
    const std::array members{command_of(CloseAccount{kAlice}), command_of(CloseAccount{kShop})};
    const auto group = [](const auto& of) { return command_of(Group{of}); };
    auto changed = members;
    CHECK(same_content(group(members), group(changed)));
    changed[1].ticket = "t";
    CHECK(same_content(group(members), group(changed)));
    changed[1].id = kOther;
    CHECK_FALSE(same_content(group(members), group(changed)));
    changed = members;
    changed[1].context = "x";
    CHECK_FALSE(same_content(group(members), group(changed)));
    std::swap(changed[0], changed[1]);
    CHECK_FALSE(same_content(group(members), group(changed)));
    CHECK_FALSE(same_content(group(members), command_of(Group{std::span(members).first(1)})));
}

TEST_CASE("command: a group counts the postings that its members name") {
    const std::array<Posting, 3> postings{};
    CHECK(posting_count(PostEntry{postings}) == 3);
    CHECK(posting_count(Transfer{}) == 2);
    CHECK(posting_count(CaptureHold{}) == 2);
    CHECK(posting_count(Reverse{}) == 2);
    CHECK(posting_count(Refund{}) == 2);
    CHECK(posting_count(PlaceHold{}) == 0);
    CHECK(posting_count(OpenAccount{}) == 0);
}

}  // namespace vouch
