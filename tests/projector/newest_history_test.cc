#include "projector/views/newest_history.h"

#include "tests/projector/random_books.h"
#include "tests/projector/views.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <deque>
#include <limits>
#include <memory>
#include <random>

using namespace vouch;
using namespace vouch::projector;
using test::OpenView;
using test::RandomBooks;

namespace {

constexpr AccountNumber kAccount(7);
constexpr AccountNumber kNeighbour(7 + (1U << 16));  // in the same place

Bytes row_of(int value) { return Bytes(3, static_cast<std::byte>(value)); }

/// The newest row as RocksDB has it; empty when there is none.
Bytes sought(ViewSnapshot& snapshot, AccountNumber account, EventNumber end) {
    const std::unique_ptr<RowCursor> cursor = snapshot.cursor();
    cursor->seek_at_or_before(history_key(account, EventNumber(end.value() - 1),
                                          std::numeric_limits<std::uint16_t>::max())
                                  .view());
    REQUIRE(cursor->status());
    if (!cursor->is_valid()) return {};
    const std::optional<HistoryKey> key = decode_history_key(cursor->key());
    if (!key || key->account != account) return {};
    const ByteView value = cursor->value();
    return {value.begin(), value.end()};
}

}  // namespace

TEST_CASE("newest history: knows the last row of an account, and who came in its place") {
    NewestHistory newest;
    Bytes value;
    CHECK_FALSE(newest.get(kAccount, EventNumber(100), value));
    newest.put(kAccount, EventNumber(4), 0, row_of(1));
    newest.put(kAccount, EventNumber(4), 1, row_of(2));
    REQUIRE(newest.get(kAccount, EventNumber(5), value));
    CHECK(value == row_of(2));
    CHECK_FALSE(newest.get(kAccount, EventNumber(4), value));
    CHECK_FALSE(newest.get(kNeighbour, EventNumber(100), value));
    // What is written again, earlier than the last, changes nothing.
    newest.put(kAccount, EventNumber(4), 0, row_of(3));
    newest.put(kAccount, EventNumber(3), 9, row_of(4));
    REQUIRE(newest.get(kAccount, EventNumber(5), value));
    CHECK(value == row_of(2));
    newest.put(kNeighbour, EventNumber(2), 0, row_of(5));
    CHECK_FALSE(newest.get(kAccount, EventNumber(100), value));
    REQUIRE(newest.get(kNeighbour, EventNumber(3), value));
    CHECK(value == row_of(5));
}

TEST_CASE(
    "newest history: says what a search in the snapshot says, however far the view has gone") {
    constexpr std::size_t kSnapshotsKept = 5;
    for (const std::uint64_t seed : {1U, 2U}) {
        CAPTURE(seed);
        RandomBooks books(1, seed);
        for (int i = 0; i < 1'000; ++i) books.step();
        books.seal_all();
        const test::TemporaryDirectory directory;
        std::mt19937_64 random(seed);
        OpenView view(directory.path(), books.log, books.deployment, test::always_batch());
        const RecordNumber end = *books.log.end(ShardId(0));
        std::deque<std::unique_ptr<ViewSnapshot>> snapshots;
        std::size_t told = 0;
        for (RecordNumber next; next < end;) {
            auto projector =
                Projector::start(books.log, books.deployment.deployment, ShardId(0), *view.store,
                                 books.deployment.keys.get(),
                                 random() % 2 == 0 ? test::always_batch() : test::always_bulk());
            REQUIRE(projector);
            next = RecordNumber(std::min(next.value() + 1 + random() % 9, end.value()));
            REQUIRE((*projector)->catch_up(next));
            snapshots.push_back(std::move(*view.store->snapshot()));
            if (snapshots.size() > kSnapshotsKept) snapshots.pop_front();
            for (const auto& snapshot : snapshots) {
                const EventNumber last = snapshot->position()->next_event;
                // Any end up to the snapshot's own may be asked for.
                const EventNumber until(random() % 2 == 0 ? last.value()
                                                          : 1 + random() % last.value());
                for (AccountNumber account; account.value() < 40; account = account.next()) {
                    Bytes value;
                    if (!snapshot->newest_history(account, until, value)) continue;
                    REQUIRE(value == sought(*snapshot, account, until));
                    ++told;
                }
            }
        }
        CHECK(told > 500);
    }
}
