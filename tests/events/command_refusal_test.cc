#include "events/entries/codec.h"
#include "tests/events/raw_message.h"
#include "tests/events/sample_entries.h"
#include "tests/support/named_ids.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

namespace vouch::test {
namespace {

/// "malformed transfer.amount"; "accepted" when there is no fault.
std::string command_verdict(std::string_view bytes) {
    // In memory of exactly this size, so that a sanitizer sees a look beyond it.
    const std::vector<std::byte> exact(as_bytes(bytes).begin(), as_bytes(bytes).end());
    Arena arena;
    Command command;
    const std::optional<CommandFault> fault = decode_command(exact, arena, command);
    if (!fault) return "accepted";
    return std::string(to_text(fault->outcome)) + " " + std::string(fault->field);
}

const std::string kId = raw_id(1, 0, 5);
const std::string kAccount = raw_id(1, 0, 6);
const std::string kSecond = raw_id(3, 0, 7);
const std::string kTransfer = raw_message(4, kAccount + kSecond + raw_number(5, 3));
const std::string kPlain = kId + kTransfer;

std::string all_ones(std::uint32_t field) { return raw_id(field, ~0ULL, ~0ULL); }
std::string transfer(std::string_view content) { return kId + raw_message(4, content); }
std::string body(std::uint32_t field, std::string_view content) {
    return kId + raw_message(field, content);
}
std::string open(std::string_view rest) { return body(16, kAccount + std::string(rest)); }
std::string posting(std::string_view rest = raw_number(3, 1) + raw_number(4, 1)) {
    return raw_message(1, kAccount + std::string(rest));
}
std::string repeat(std::size_t count, const std::string& piece) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) out += piece;
    return out;
}
std::string member(std::uint64_t id, std::string_view rest = kTransfer) {
    return raw_message(1, raw_id(1, 1, id) + std::string(rest));
}
std::string metadata(std::string_view key, std::string_view value = "v") {
    return raw_message(26, raw_message(1, key) + raw_message(2, value));
}

struct Row {
    std::string bytes;
    std::string_view verdict;
};

void check(std::span<const Row> rows) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
        CAPTURE(i);
        CHECK(command_verdict(rows[i].bytes) == rows[i].verdict);
    }
}

const std::string kLong64(64, 'x');
const std::string kLong65(65, 'x');
const std::string kLong255(255, 'x');
const std::string kLong256(256, 'x');
const std::string kNoUtf8 = "\xc3\x28";
const std::string kEur = raw_message(4, "EUR") + raw_number(5, 2) + raw_number(6, 2);
const std::string kTooFar = raw_number(8, kExpiresInMax + 1);

}  // namespace

TEST_CASE("decode_command: bytes that are no Protobuf are malformed without a field") {
    const Row rows[] = {
        {kPlain, "accepted"},
        {kPlain + "\x4a", "malformed "},
        {kPlain + "\x4a\x05x", "malformed "},
        {kPlain + "\x80", "malformed "},
        {kPlain + std::string("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11), "malformed "},
        {kPlain + std::string("\x18\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 12),
         "malformed "},
        {kId + "\x22\x7f", "malformed "},
        {kId + raw_message(4, kAccount + "\x19zzzz"), "malformed "},
    };
    check(rows);
}

TEST_CASE("decode_command: unknown fields, other wire types and second times are malformed") {
    const Row rows[] = {
        {kPlain + raw_number(41, 1), "malformed command"},
        {kPlain + raw_message(27, "settlement"), "malformed command"},
        {kPlain + raw_number(1000, 1), "malformed command"},
        {kPlain + raw_number((1U << 29) - 1, 1), "malformed command"},
        {kPlain + std::string("\x00\x00", 2), "malformed command"},
        {kPlain + "\x0b", "malformed id"},
        {kPlain + raw_message(3, "x"), "malformed ledger"},
        {kPlain + raw_fixed64(9, 1), "malformed context"},
        {kPlain + raw_number(26, 1), "malformed metadata"},
        {kId + raw_number(4, 1), "malformed body"},
        {kPlain + raw_id(1, 0, 5), "malformed id"},
        {kPlain + raw_number(3, 0) + raw_number(3, 0), "malformed ledger"},
        {kPlain + raw_message(9, "a") + raw_message(9, "b"), "malformed context"},
        {kPlain + kTransfer, "malformed body"},
        {kPlain + raw_message(20, kAccount), "malformed body"},
        {body(20, kAccount) + kTransfer, "malformed body"},
        {kPlain + raw_message(10, raw_message(4, "x")), "malformed actor"},
        {kPlain + raw_message(10, "") + raw_message(10, ""), "malformed actor"},
        {kPlain + raw_message(10, repeat(2, raw_message(2, "x"))), "malformed actor.address"},
        {transfer(kAccount + kSecond + raw_number(8, 1)), "malformed transfer"},
        {transfer(kAccount + kSecond + raw_number(5, 1) + raw_number(5, 1)),
         "malformed transfer.amount"},
        {transfer(kAccount + kSecond + raw_number(6, 1) + raw_number(6, 1)),
         "malformed transfer.amount"},
        {transfer(kAccount + kSecond + raw_fixed64(5, 1)), "malformed transfer.amount"},
        {transfer(kAccount + kSecond + kAccount), "malformed transfer.debit"},
        {transfer(kAccount + kSecond + kSecond), "malformed transfer.credit"},
        {transfer(raw_number(1, 1)), "malformed transfer.debit"},
        {body(8, repeat(2, posting()) + raw_number(4, 1)), "malformed post_entry"},
        {body(8, repeat(2, posting()) + raw_number(1, 1)), "malformed post_entry.postings"},
        {body(8, posting() + posting(raw_number(3, 1) + raw_number(6, 1))),
         "malformed post_entry.postings"},
        {body(24, member(1) + raw_number(4, 1)), "malformed group"},
        {body(25, raw_number(2, 1)), "malformed set_clock"},
    };
    check(rows);
}

TEST_CASE("decode_command: what every command needs") {
    const Row rows[] = {
        {"", "malformed id"},
        {kTransfer, "malformed id"},
        {raw_id(1, 0, 0) + kTransfer, "malformed id"},
        {all_ones(1) + kTransfer, "malformed id"},
        {kId, "malformed body"},
        {raw_fixed64(1, 5) + kTransfer, "accepted"},
        {kPlain + raw_number(3, 0xffffffff), "accepted"},
        {kPlain + raw_number(3, 0x100000000), "malformed ledger"},
        {kPlain + raw_message(9, kLong255), "accepted"},
        {kPlain + raw_message(9, kLong256), "malformed context"},
        {kPlain + raw_message(9, kNoUtf8), "malformed context"},
        {kPlain + raw_message(9, "\xed\xa0\x80"), "malformed context"},
        {kPlain + raw_message(10, raw_message(1, kLong64)), "accepted"},
        {kPlain + raw_message(10, raw_message(1, kLong65)), "malformed actor.id"},
        {kPlain + raw_message(10, raw_message(2, kLong65)), "malformed actor.address"},
        {kPlain + raw_message(10, raw_message(3, kLong65)), "malformed actor.device"},
        {kPlain + raw_message(10, raw_message(3, kNoUtf8)), "malformed actor.device"},
        {kPlain + raw_message(11, kLong64), "accepted"},
        {kPlain + raw_message(11, kLong65), "malformed module"},
        {kPlain + raw_message(12, kLong255), "accepted"},
        {kPlain + raw_message(12, kLong256), "malformed ticket"},
        {kPlain + raw_number(14, ~0ULL), "malformed expires_at"},
        {kPlain + raw_number(14, 1ULL << 63), "malformed expires_at"},
        {kPlain + raw_number(14, (1ULL << 63) - 1), "accepted"},
        {kPlain + raw_number(15, 18), "accepted"},
        {kPlain + raw_number(15, 19), "malformed amount_decimals"},
        {kPlain + raw_message(28, kLong65), "malformed channel"},
    };
    check(rows);
}

TEST_CASE("decode_command: metadata") {
    std::string sixteen;
    for (char key = 'a'; key < 'a' + 16; ++key) sixteen += metadata(std::string(1, key));
    const Row rows[] = {
        {kPlain + sixteen, "accepted"},
        {kPlain + sixteen + metadata("z"), "malformed metadata"},
        {kPlain + metadata("a") + metadata("a", "w"), "malformed metadata.key"},
        {kPlain + metadata(""), "malformed metadata.key"},
        {kPlain + raw_message(26, raw_message(2, "v")), "malformed metadata.key"},
        {kPlain + metadata(kLong64, kLong255), "accepted"},
        {kPlain + metadata(kLong65), "malformed metadata.key"},
        {kPlain + metadata("k", kLong256), "malformed metadata.value"},
        {kPlain + metadata("k", kNoUtf8), "malformed metadata.value"},
        {kPlain + raw_message(26, raw_message(1, "k") + raw_message(3, "v")), "malformed metadata"},
        // Apart from each other.
        {kId + metadata("a") + kTransfer + metadata("b"), "accepted"},
        {kId + metadata("a") + kTransfer + metadata("a"), "malformed metadata.key"},
    };
    check(rows);
}

TEST_CASE("decode_command: the id as text is that of the id") {
    const auto named = [](std::string_view text, std::string_view of) {
        const CommandId id = command_named(of);
        return raw_id(1, id.high(), id.low()) + kTransfer + raw_message(29, text);
    };
    const std::string_view uuid = "3F2504E0-4F89-11D3-9A0C-0305E82C3301";
    const Row rows[] = {
        {named("t1", "t1"), "accepted"},
        {named("t2", "t1"), "malformed id_text"},
        {named(uuid, uuid), "accepted"},
        {named(kLong255, kLong255), "accepted"},
        {kPlain + raw_message(29, "t1"), "malformed id_text"},
        {kPlain + raw_message(29, "00000000000000000000000000000005"), "accepted"},
        {kPlain + raw_message(29, kLong256), "malformed id_text"},
        {kPlain + raw_message(29, kNoUtf8), "malformed id_text"},
        {body(24, raw_message(1, named("t2", "t1"))), "malformed id_text"},
    };
    check(rows);
}

TEST_CASE("decode_command: what a command says of the business behind it") {
    const std::string ids = raw_id(1, 1, 2) + raw_fixed64(3, 3);
    const std::string digest = raw_message(1, std::string(32, 'd'));
    const auto reference = [](std::uint64_t type, std::string_view value) {
        return raw_message(37, raw_number(1, type) + raw_message(2, value));
    };
    const auto attachment = [](std::string_view content) { return raw_message(39, content); };
    std::string sixteen;
    for (char value = 'a'; value < 'a' + 16; ++value)
        sixteen += reference(1, std::string(1, value));
    std::string eight;
    for (char byte = 'a'; byte < 'a' + 8; ++byte)
        eight += attachment(raw_message(1, std::string(32, byte)));
    const Row rows[] = {
        {kPlain + raw_message(30, ids + raw_number(4, 255)), "accepted"},
        {kPlain + raw_message(30, ids + raw_number(4, 256)), "malformed trace.flags"},
        {kPlain + raw_message(30, raw_fixed64(3, 3)), "malformed trace"},
        {kPlain + raw_message(30, raw_id(1, 1, 2)), "malformed trace"},
        {kPlain + raw_message(30, ""), "malformed trace"},
        {kPlain + raw_number(34, kDayMax.value()), "accepted"},
        {kPlain + raw_number(34, kDayMax.value() + 1), "malformed document_date"},
        {kPlain + raw_number(36, 12), "accepted"},
        {kPlain + raw_number(36, 13), "malformed kind"},
        {kPlain + raw_message(38, kLong255), "accepted"},
        {kPlain + raw_message(38, kLong256), "malformed reason"},
        {kPlain + raw_message(38, kNoUtf8), "malformed reason"},

        {kPlain + sixteen, "accepted"},
        {kPlain + sixteen + reference(1, "z"), "malformed references"},
        {kPlain + reference(1, "a") + reference(2, "a"), "accepted"},
        {kPlain + reference(1, "a") + reference(1, "a"), "malformed references"},
        {kPlain + reference(0, "a"), "malformed references.type"},
        {kPlain + reference(6, "a"), "accepted"},
        {kPlain + reference(7, "a"), "malformed references.type"},
        {kPlain + reference(1, ""), "malformed references.value"},
        {kPlain + reference(1, kLong255), "accepted"},
        {kPlain + reference(1, kLong256), "malformed references.value"},
        {kPlain + reference(1, kNoUtf8), "malformed references.value"},
        {kPlain + raw_message(37, raw_number(3, 1)), "malformed references"},

        {kPlain + eight, "accepted"},
        {kPlain + eight + attachment(digest + raw_number(3, 1)), "malformed attachments"},
        {kPlain + attachment(digest + raw_message(2, "text/csv") + raw_number(3, 1)), "accepted"},
        {kPlain + attachment(digest) + attachment(digest + raw_number(3, 1)),
         "malformed attachments.digest"},
        {kPlain + attachment(""), "malformed attachments.digest"},
        {kPlain + attachment(raw_message(1, "short")), "malformed attachments.digest"},
        {kPlain + attachment(digest + raw_message(2, kLong65)), "malformed attachments.media_type"},
        {kPlain + attachment(digest + raw_number(3, Attachment::kSizeMax)), "accepted"},
        {kPlain + attachment(digest + raw_number(3, Attachment::kSizeMax + 1)),
         "malformed attachments.size"},
    };
    check(rows);
}

TEST_CASE("decode_command: what is not built yet is refused by name") {
    const std::string hold = raw_id(1, 0, 8);
    const Row rows[] = {
        {kPlain + raw_message(31, raw_number(2, 5)), "malformed after: not supported yet"},
        {kPlain + raw_message(32, "door"), "malformed principal: not supported yet"},
        {kPlain + raw_number(33, 1), "malformed value_date: not supported yet"},
        {kPlain + raw_number(35, 2), "malformed decided_by: not supported yet"},
        {kPlain + raw_message(40, raw_message(1, "s-1")), "malformed personal: not supported yet"},
        {raw_message(32, "door") + kPlain, "malformed principal: not supported yet"},
        {body(8, repeat(2, posting()) + raw_fixed64(2, 1)),
         "malformed post_entry.leads: not supported yet"},
        {body(24, member(1) + raw_fixed64(3, 1)), "malformed group.leads: not supported yet"},
        {body(24, raw_message(1, kPlain + raw_number(33, 1))),
         "malformed value_date: not supported yet"},
        {body(22, hold + raw_fixed64(6, 1)), "malformed reverse.entry_account: not supported yet"},
        {body(23, hold + raw_fixed64(11, 1)), "malformed refund.entry_account: not supported yet"},
    };
    check(rows);
}

TEST_CASE("decode_command: commands that move money") {
    const std::string hold = raw_id(1, 0, 8);
    const Row rows[] = {
        {transfer(""), "malformed transfer.debit"},
        {transfer(kSecond), "malformed transfer.debit"},
        {transfer(kAccount), "malformed transfer.credit"},
        {transfer(all_ones(1) + kSecond), "malformed transfer.debit"},
        {transfer(kAccount + all_ones(3)), "malformed transfer.credit"},
        {transfer(kAccount + kSecond + raw_number(5, ~0ULL) + raw_number(6, ~0ULL)), "accepted"},
        {transfer(kAccount + kSecond + raw_number(7, 3)), "accepted"},
        {transfer(kAccount + kSecond + raw_number(7, 4)), "malformed transfer.balancing"},
        {transfer(kAccount + kSecond + raw_number(7, ~0ULL)), "malformed transfer.balancing"},

        {body(8, ""), "malformed post_entry.postings"},
        {body(8, posting()), "malformed post_entry.postings"},
        {body(8, repeat(2, posting())), "accepted"},
        {body(8, repeat(kPostingsMax, posting())), "accepted"},
        {body(8, repeat(kPostingsMax + 1, posting())), "too_large post_entry.postings"},
        {body(8, posting() + posting(raw_number(4, 1))), "malformed post_entry.postings.side"},
        {body(8, posting() + posting(raw_number(3, 0))), "malformed post_entry.postings.side"},
        {body(8, posting() + posting(raw_number(3, 3))), "malformed post_entry.postings.side"},
        {body(8, posting() + posting(raw_number(3, 1))), "accepted"},
        {body(8, posting() + raw_message(1, raw_number(3, 1))),
         "malformed post_entry.postings.account"},
        {body(8, posting() + raw_message(1, all_ones(1) + raw_number(3, 1))),
         "malformed post_entry.postings.account"},

        {body(5, kAccount + kSecond), "accepted"},
        {body(5, kAccount), "accepted"},
        {body(5, kSecond), "malformed place_hold.debit"},
        {body(5, all_ones(1)), "malformed place_hold.debit"},
        {body(5, kAccount + all_ones(3)), "malformed place_hold.credit"},
        {body(5, kAccount + raw_number(7, 4)), "malformed place_hold.balancing"},
        {body(5, kAccount + raw_number(8, kExpiresInMax)), "accepted"},
        {body(5, kAccount + kTooFar), "malformed place_hold.expires_in_us"},

        {body(6, hold), "accepted"},
        {body(6, ""), "malformed capture_hold.hold"},
        {body(6, all_ones(1)), "malformed capture_hold.hold"},
        {body(6, hold + all_ones(3)), "malformed capture_hold.account"},
        {body(6, hold + all_ones(8)), "malformed capture_hold.credit"},
        {body(6, hold + raw_number(5, 0)), "accepted"},
        {body(6, hold + raw_number(6, 0)), "accepted"},
        {body(6, hold + raw_number(6, 1)), "malformed capture_hold.amount"},
        {body(6, hold + raw_number(7, 1)), "accepted"},
        {body(6, hold + raw_number(7, 2)), "malformed capture_hold.keep_rest"},

        {body(7, hold), "accepted"},
        {body(7, ""), "malformed release_hold.hold"},
        {body(7, hold + all_ones(3)), "malformed release_hold.account"},
        {body(21, hold + raw_number(5, 1)), "accepted"},
        {body(21, hold), "malformed extend_hold.expires_in_us"},
        {body(21, hold + raw_number(5, kExpiresInMax + 1)), "malformed extend_hold.expires_in_us"},
        {body(21, raw_number(5, 1)), "malformed extend_hold.hold"},
        {body(21, hold + all_ones(3) + raw_number(5, 1)), "malformed extend_hold.account"},

        {body(22, hold), "accepted"},
        {body(22, ""), "malformed reverse.entry"},
        {body(22, hold + all_ones(3)), "malformed reverse.account"},
        {body(23, hold), "accepted"},
        {body(23, ""), "malformed refund.entry"},
        {body(23, hold + all_ones(3)), "malformed refund.account"},
        {body(23, hold + all_ones(7)), "malformed refund.from"},
        {body(23, hold + raw_number(6, 1)), "malformed refund.amount"},
        {body(23, hold + raw_number(9, 0xffffffff)), "accepted"},
        {body(23, hold + raw_number(9, 0x100000000)), "malformed refund.debit_posting"},
        {body(23, hold + raw_number(10, 0x100000000)), "malformed refund.credit_posting"},
    };
    check(rows);
}

TEST_CASE("decode_command: commands on accounts") {
    const AccountId alice = account_named("alice");
    const auto named = [&](std::string_view name, std::string_view more = {}) {
        return kId +
               raw_message(16, raw_id(1, alice.high(), alice.low()) + raw_message(3, name) + kEur) +
               std::string(more);
    };
    const Row rows[] = {
        {open(kEur), "accepted"},
        {body(16, kEur), "malformed open_account.account"},
        {body(16, all_ones(1) + kEur), "malformed open_account.account"},
        {named("alice"), "accepted"},
        {named("alicE"), "malformed open_account.name"},
        {named("alice", raw_number(3, 1)), "malformed open_account.name"},
        {named(kLong256), "malformed open_account.name"},
        {named(kNoUtf8), "malformed open_account.name"},
        {kId + raw_message(
                   16, raw_id(1, 0, 6) + raw_message(3, "00000000000000000000000000000006") + kEur),
         "malformed open_account.name"},
        {open(raw_message(4, "EUR")), "malformed open_account.account_class"},
        {open(raw_number(6, 2)), "malformed open_account.asset_code"},
        {open(raw_message(4, "eur") + raw_number(6, 2)), "malformed open_account.asset_code"},
        {open(raw_message(4, std::string(17, 'A')) + raw_number(6, 2)), "accepted"},
        {open(raw_message(4, std::string(18, 'A')) + raw_number(6, 2)),
         "malformed open_account.asset_code"},
        {open(raw_message(4, "EUR") + raw_number(5, 18) + raw_number(6, 5)), "accepted"},
        {open(raw_message(4, "EUR") + raw_number(5, 19) + raw_number(6, 5)),
         "malformed open_account.asset_scale"},
        {open(raw_message(4, "EUR") + raw_number(6, 0)), "malformed open_account.account_class"},
        {open(raw_message(4, "EUR") + raw_number(6, 6)), "malformed open_account.account_class"},
        {open(kEur + raw_message(7, "")), "accepted"},
        {open(kEur + raw_message(7, raw_number(1, 1))), "accepted"},
        {open(kEur + raw_message(7, raw_number(1, 2))), "malformed limit.unlimited"},
        {open(kEur + raw_message(7, raw_number(1, 1) + raw_number(2, 1))),
         "malformed limit.amount"},
        {open(kEur + raw_message(7, raw_number(1, 1) + raw_number(3, 1))),
         "malformed limit.amount"},
        {open(kEur + raw_message(7, raw_number(4, 1))), "malformed limit"},
        {open(kEur + raw_message(8, kLong65)), "malformed open_account.chart_code"},
        {open(kEur + raw_message(9, kLong65)), "malformed open_account.owner"},
        {open(kEur + raw_number(10, 255)), "accepted"},
        {open(kEur + raw_number(10, 256)), "malformed open_account.risk_class"},

        {body(17, kAccount), "accepted"},
        {body(17, ""), "malformed update_account.account"},
        {body(17, kAccount + raw_number(4, 256)), "malformed update_account.risk_class"},
        {body(17, kAccount + raw_message(3, raw_number(1, 1) + raw_number(2, 1))),
         "malformed limit.amount"},
        {body(18, kAccount + raw_number(3, 3)), "accepted"},
        {body(18, raw_number(3, 3)), "malformed freeze_account.account"},
        {body(18, kAccount), "malformed freeze_account.block"},
        {body(18, kAccount + raw_number(3, 4)), "malformed freeze_account.block"},
        {body(19, raw_number(3, 3)), "malformed unfreeze_account.account"},
        {body(19, kAccount), "malformed unfreeze_account.block"},
        {body(19, kAccount + raw_number(3, 4)), "malformed unfreeze_account.block"},
        {body(20, kAccount), "accepted"},
        {body(20, ""), "malformed close_account.account"},
        {body(20, all_ones(1)), "malformed close_account.account"},
    };
    check(rows);
}

TEST_CASE("decode_command: groups and the clock") {
    const std::string entry = raw_message(8, repeat(500, posting()));
    std::string five_hundred;
    for (std::uint64_t i = 0; i < 500; ++i) five_hundred += member(i);
    std::string thousand;
    for (std::uint64_t i = 0; i < kGroupMembersMax; ++i) {
        thousand += member(i, raw_message(20, raw_fixed64(2, 1)));
    }
    const Row rows[] = {
        {body(24, member(1)), "accepted"},
        {body(24, ""), "malformed group.members"},
        {body(24, member(1) + member(1)), "accepted"},
        {body(24, raw_message(1, kPlain)), "malformed group.members.id"},
        {body(24, raw_message(1, kTransfer)), "malformed id"},
        {body(24, member(1, "")), "malformed body"},
        {body(24, member(1, raw_message(4, kAccount))), "malformed transfer.credit"},
        {body(24, member(1, kTransfer + raw_number(3, 1))), "malformed group.members.ledger"},
        {raw_number(3, 1) + body(24, member(1, kTransfer + raw_number(3, 1))), "accepted"},
        {raw_number(3, 1) + body(24, member(1)), "malformed group.members.ledger"},
        {body(24, member(1, raw_message(24, member(2)))), "malformed group.members.group"},
        {body(24, member(1, raw_message(25, ""))), "malformed group.members.set_clock"},
        {body(24, thousand), "accepted"},
        {body(24, thousand + member(9'999)), "too_large group.members"},
        {body(24, member(1, entry) + member(2, entry)), "accepted"},
        {body(24, member(1, entry) + member(2, entry) + member(3)), "too_large group.members"},
        {body(24, five_hundred), "accepted"},
        {body(24, five_hundred + member(501)), "too_large group.members"},

        {body(25, ""), "accepted"},
        {body(25, raw_number(1, 5)), "accepted"},
        {body(25, raw_number(1, ~0ULL)), "malformed set_clock.time_us"},
    };
    check(rows);
}

TEST_CASE("decode_command: 64 KiB are a command, a byte more is too large") {
    // Filled up by a repeated field that is refused only when read.
    const std::string filler =
        raw_message(100, std::string(kCommandBytesMax - kPlain.size() - 5, 'x'));
    REQUIRE(kPlain.size() + filler.size() == kCommandBytesMax);
    CHECK(command_verdict(kPlain + filler) == "malformed command");
    CHECK(command_verdict(kPlain + filler + "x") == "too_large command");
}

}  // namespace vouch::test
