#include "projector/views/bulk_rows.h"

#include "tests/projector/views.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

using namespace vouch;
using namespace vouch::projector;

namespace {

using Rows = std::vector<std::pair<std::string, std::string>>;

Rows visited(BulkRows& rows) {
    Rows out;
    rows.visit_sorted(
        [&](ByteView key, ByteView value) { out.emplace_back(test::hex(key), test::hex(value)); });
    return out;
}

}  // namespace

TEST_CASE("radix sort: orders by key and keeps the order of equals") {
    std::mt19937_64 random(1);
    for (const std::uint32_t range : {1U, 2U, 2'000U, 5'000'000U, 0xffff'ffffU}) {
        CAPTURE(range);
        std::vector<SortItem> items;
        for (std::uint32_t i = 0; i < 5'000; ++i) {
            items.push_back({static_cast<std::uint32_t>(random() % range), i});
        }
        std::vector<SortItem> expected = items;
        std::stable_sort(expected.begin(), expected.end(),
                         [](const SortItem& a, const SortItem& b) { return a.key < b.key; });
        std::vector<SortItem> scratch;
        radix_sort(items, scratch);
        REQUIRE(items.size() == expected.size());
        for (std::size_t i = 0; i < items.size(); ++i) {
            REQUIRE(items[i].key == expected[i].key);
            REQUIRE(items[i].payload == expected[i].payload);
        }
    }
}

TEST_CASE("bulk rows: come back by ascending key, the last of each key") {
    // Ids that differ in all bits, only in the lowest (a counter), in one far bit besides, or that
    // start with a time: whatever the sorting looks at first must not matter.
    for (int shape = 0; shape < 4; ++shape) {
        CAPTURE(shape);
        std::mt19937_64 random(static_cast<std::uint64_t>(shape) + 1);
        BulkRows rows;
        for (int round = 0; round < 2; ++round) {
            rows.clear();
            std::map<std::string, std::string> expected;
            Bytes value;
            for (std::uint64_t event = 100; event < 3'100; ++event) {
                const EventNumber number(event);
                const AccountNumber account(static_cast<std::uint32_t>(random() % 50));
                Change change;
                change.account = account;
                change.version = Version(event);
                change.totals.debits_posted = Amount(random());
                std::byte row[kHistoryValueMax];
                const ByteView history(row, encode_history(change, row));
                rows.add_history(account, number, 1, history);
                expected[test::hex(history_key(account, number, 1).view())] = test::hex(history);

                CommandId id(random(), random());
                if (shape == 1) id = CommandId(0, event);
                if (shape == 2) id = CommandId(event == 777 ? 1ULL << 63 : 0, event * 3);
                if (shape == 3) id = CommandId(event / 100 << 16, random());
                const LedgerId ledger(shape == 0 ? static_cast<std::uint32_t>(random() % 2) : 0);
                rows.add_command(ledger, id, number);
                encode_number(event, value);
                expected[test::hex(command_key(ledger, id).view())] = test::hex(value);

                const RowKey hold = hold_key(LedgerId(0), CommandId(1, random() % 20));
                rows.add(hold, value);
                expected[test::hex(hold.view())] = test::hex(value);
            }
            rows.add(position_key(), value);
            expected[test::hex(position_key().view())] = test::hex(value);
            REQUIRE(rows.bytes() > 0);
            REQUIRE(visited(rows) == Rows(expected.begin(), expected.end()));
        }
    }
}

TEST_CASE("bulk rows: of two events under one id the last stays") {
    BulkRows rows;
    rows.add_command(LedgerId(0), CommandId(1, 2), EventNumber(5));
    rows.add_command(LedgerId(0), CommandId(1, 2), EventNumber(6));
    rows.add_command(LedgerId(0), CommandId(1, 3), EventNumber(7));
    CHECK(visited(rows) == Rows{{"200000000000000000000000010000000000000002", "06"},
                                {"200000000000000000000000010000000000000003", "07"}});
}
