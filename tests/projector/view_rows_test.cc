#include "projector/views/view_rows.h"

#include "tests/projector/views.h"

#include <doctest/doctest.h>

#include <limits>
#include <random>
#include <string>
#include <vector>

using namespace vouch;
using namespace vouch::projector;
using test::hex;

TEST_CASE("row keys: golden bytes") {
    struct Row {
        RowKey key;
        std::string bytes;
    };
    const LedgerId ledger(0x01020304);
    const CommandId id(0x1112131415161718, 0x191a1b1c1d1e1f20);
    const std::string id_hex = "1112131415161718191a1b1c1d1e1f20";
    const std::vector<Row> rows = {
        {position_key(), "01"},
        {history_key(AccountNumber(7), EventNumber(0x0102030405060708), 0x0a0b),
         "10"
         "00000007"
         "0102030405060708"
         "0a0b"},
        {command_key(ledger, id),
         "20"
         "01020304" +
             id_hex},
        {failed_member_key(ledger, id, EventNumber(9)),
         "30"
         "01020304" +
             id_hex + "0000000000000009"},
        {conflict_key(ledger, id, EventNumber(9)),
         "3a"
         "01020304" +
             id_hex + "0000000000000009"},
        {account_id_key(ledger, AccountId(0x1112131415161718, 0x191a1b1c1d1e1f20)),
         "31"
         "01020304" +
             id_hex},
        {account_opened_key(AccountNumber(7)),
         "32"
         "00000007"},
        {account_update_key(AccountNumber(7), AccountField::metadata),
         "33"
         "00000007"
         "02"},
        {hold_key(ledger, id),
         "34"
         "01020304" +
             id_hex},
        {entry_state_key(ledger, id, {}),
         "35"
         "01020304" +
             id_hex + "0000"},
        {context_key(ledger, "ab", EventNumber(9)),
         "36"
         "01020304"
         "02"
         "6162"
         "0000000000000009"},
        {owner_key(ledger, "ab", AccountNumber(7)),
         "37"
         "01020304"
         "02"
         "6162"
         "00000007"},
        {refunded_key(ledger, id, {}, 7),
         "38"
         "01020304" +
             id_hex + "0000" + "00000007"},
        {refunded_key(ledger, id, ShardId(1023), 7),
         "38"
         "01020304" +
             id_hex + "0400" + "00000007"},
        {entry_state_key(ledger, id, ShardId(0)),
         "35"
         "01020304" +
             id_hex + "0001"},
        {event_block_key(EventNumber(9)),
         "80"
         "0000000000000009"},
        {hold_expiry_key(Timestamp(3), ledger, id),
         "39"
         "8000000000000003"
         "01020304" +
             id_hex},
        {record_time_key(Timestamp(3), RecordNumber(4)),
         "81"
         "8000000000000003"
         "0000000000000004"},
        {record_time_key(Timestamp(-1), RecordNumber(4)),
         "81"
         "7fffffffffffffff"
         "0000000000000004"},
    };
    for (const Row& row : rows) CHECK(hex(row.key.view()) == row.bytes);
}

TEST_CASE("row values: golden bytes") {
    Bytes out;
    ViewPosition position;
    position.next_record = RecordNumber(300);
    position.next_event = EventNumber(5);
    position.time = Timestamp(1);
    position.digest.fill(std::byte{0xab});
    encode_position(position, out);
    std::string tag;
    for (int i = 0; i < 32; ++i) tag += "ab";
    CHECK(hex(out) ==
          "05"
          "ac02"
          "05"
          "8000000000000001" +
              tag);

    Change change;
    change.version = Version(2);
    change.totals.debits_posted = Amount(300);
    change.side = Side::debit;
    change.amount = Amount(5);
    std::byte row[kHistoryValueMax];
    CHECK(hex({row, encode_history(change, row)}) ==
          "01"
          "02"
          "05"
          "ac02"
          "00");
    change.totals.credits_held = Amount::from_halves(1, 0);
    change.limit = Limit(Amount(9));
    change.state = {Block::both, true};
    change.side.reset();
    change.amount = Amount();
    CHECK(hex({row, encode_history(change, row)}) ==
          "bc"
          "02"
          "ac02"
          "00"
          "00"
          "80808080808080808002"
          "09");
    change.limit = Limit::unlimited();
    change.totals.credits_held = Amount();
    CHECK(hex({row, encode_history(change, row)}) ==
          "5c"
          "02"
          "ac02"
          "00");

    encode_number(127, out);
    CHECK(hex(out) == "7f");

    Command command;
    command.ledger = LedgerId(7);
    const Metadata metadata[] = {{"k", "v"}};
    command.metadata = metadata;
    OpenAccount open;
    open.account = AccountId(1, 2);
    open.name = "bob";
    open.asset = *Asset::make("EUR", Scale(2));
    open.account_class = AccountClass::liability;
    open.chart_code = "20";
    open.owner = "o";
    open.risk_class = 3;
    encode_account_opened(command, open, EventNumber(6), {RecordNumber(4), Timestamp(1)}, out);
    CHECK(hex(out) ==
          "06"
          "04"
          "8000000000000001"
          "07"
          "00000000000000010000000000000002"
          "02"
          "03"
          "05"
          "4555522f32"
          "03"
          "626f62"
          "02"
          "3230"
          "01"
          "6f"
          "01"
          "01"
          "6b"
          "01"
          "76");

    HoldState hold;
    hold.payer = AccountNumber(1);
    hold.payee = AccountNumber(2);
    hold.remaining = Amount(3);
    hold.captured = Amount(4);
    hold.expires_at = Timestamp(5);
    hold.status = HoldStatus::released;
    encode_hold(hold, EventNumber(9), out);
    CHECK(hex(out) ==
          "09"
          "01"
          "03"
          "03"
          "04"
          "8000000000000005"
          "02");

    hold.remote_payee = AccountId(1, 2);
    hold.status = HoldStatus::refused;
    encode_hold(hold, EventNumber(9), out);
    CHECK(hex(out) ==
          "09"
          "01"
          "03"
          "03"
          "04"
          "8000000000000005"
          "04"
          "00000000000000010000000000000002");
    const std::optional<HoldRow> read = decode_hold(CommandId(7, 7), out);
    REQUIRE(read);
    hold.id = CommandId(7, 7);
    CHECK(read->hold == hold);
    out.pop_back();
    CHECK_FALSE(decode_hold(CommandId(7, 7), out).has_value());

    const TransitOpened transit{
        LedgerId(7), ShardId(1), ShardId(200), *Asset::make("EUR", Scale(2)), {}};
    encode_transit_opened(transit, EventNumber(6), {RecordNumber(4), Timestamp(1)}, out);
    CHECK(hex(out) ==
          "06"
          "04"
          "8000000000000001"
          "07"
          "00000000000000000000000000000000"
          "02"
          "00"
          "05"
          "4555522f32"
          "00"
          "00"
          "00"
          "00"
          "01"
          "c801");
    const std::optional<AccountOpened> opened = decode_account_opened(out);
    REQUIRE(opened);
    CHECK(opened->transit == TransitRoute{ShardId(1), ShardId(200)});
    out.pop_back();
    CHECK_FALSE(decode_account_opened(out).has_value());

    encode_entry_state({CommandId(1, 2), false, {}}, EventNumber(9), out);
    CHECK(hex(out) ==
          "09"
          "00");
    encode_refunded({300, Amount(7)}, out);
    CHECK(hex(out) ==
          "ac02"
          "07");
    REQUIRE(decode_refunded(out));
    CHECK(*decode_refunded(out) == Refunded{300, Amount(7)});
    out.pop_back();
    CHECK_FALSE(decode_refunded(out).has_value());

    const std::byte events[] = {std::byte{0x0a}, std::byte{0}};
    encode_event_block({RecordNumber(4), Timestamp(1)}, events, out);
    CHECK(hex(out) ==
          "04"
          "8000000000000001"
          "0a00");
    encode_record_events({EventNumber(200), 3}, out);
    CHECK(hex(out) ==
          "c801"
          "03");
}

TEST_CASE("row values: what was written is read again, and nothing that is cut or longer") {
    std::mt19937_64 random(3);
    const auto amount = [&] {
        const std::uint64_t few = random() >> (random() % 64);
        return random() % 3 == 0 ? Amount() : Amount::from_halves(random() % 4 == 0 ? few : 0, few);
    };
    for (int round = 0; round < 2'000; ++round) {
        Change change;
        change.account = AccountNumber(static_cast<std::uint32_t>(random()));
        change.version = Version(random());
        change.totals = {amount(), amount(), amount(), amount()};
        if (random() % 3 == 0) change.limit = Limit::unlimited();
        if (random() % 3 == 0) change.limit = Limit(amount());
        change.state.block = static_cast<Block>(random() % 4);
        change.state.closed = random() % 2 == 0;
        if (random() % 2 == 0) {
            change.side = random() % 2 == 0 ? Side::debit : Side::credit;
            change.amount = amount();
        }
        std::byte row[kHistoryValueMax + 1];
        const std::byte* end = encode_history(change, row);
        REQUIRE(end <= row + kHistoryValueMax);
        REQUIRE(decode_history(change.account, {row, end}) == change);
        for (const std::byte* cut = row; cut < end; ++cut) {
            REQUIRE_FALSE(decode_history(change.account, {row, cut}).has_value());
        }
        REQUIRE_FALSE(decode_history(change.account, {row, end + 1}).has_value());
    }
    Change widest;
    const Amount max = Amount::max();
    widest.totals = {max, max, max, max};
    widest.version = Version(std::numeric_limits<std::uint64_t>::max());
    widest.side = Side::credit;
    widest.amount = max;
    widest.limit = Limit(max);
    std::byte row[kHistoryValueMax];
    const std::byte* end = encode_history(widest, row);
    CHECK(static_cast<std::size_t>(end - row) == kHistoryValueMax);
    CHECK(decode_history(AccountNumber(0), {row, end}) == widest);
}

TEST_CASE("row values: a number has one form") {
    const auto decode = [](std::vector<int> bytes) {
        Bytes raw;
        for (const int b : bytes) raw.push_back(static_cast<std::byte>(b));
        return decode_number(raw);
    };
    CHECK(decode({0x7f}) == 127);
    CHECK(decode({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}) ==
          std::numeric_limits<std::uint64_t>::max());
    CHECK_FALSE(decode({0x80, 0x00}).has_value());  // a needless zero
    CHECK_FALSE(decode({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}).has_value());
    CHECK_FALSE(decode({}).has_value());
    CHECK_FALSE(decode({0x01, 0x00}).has_value());
}

TEST_CASE("position: another format is none of ours") {
    Bytes out;
    encode_position({}, out);
    REQUIRE(decode_position(out));
    out[0] ^= std::byte{0x40};
    CHECK_FALSE(decode_position(out).has_value());
}
