#include "reconciler/ids/id_rows.h"

#include "tests/support/chosen_ids.h"
#include "tests/support/memory_files.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <mutex>
#include <set>
#include <span>
#include <vector>

namespace {

using namespace vouch;
using namespace vouch::reconciler;

TEST_CASE(
    "id rows: each comes back once, with all others of its id, from memory and from files" *
    doctest::test_suite("same-threads")) {
    struct Row {
        const char* what;
        std::size_t memory;
        std::size_t rows;
        std::uint64_t ids;
        unsigned threads;
    };
    const Row cases[] = {
        {"in memory", 64u << 20, 20'000, 9'000, 1},
        {"in files", 1u << 20, 400'000, 150'000, 2},
        {"in files, split again", 0, 600'000, 600'000, 2},
        {"one id alone", 0, 300'000, 1, 1},
        {"nothing", 0, 0, 1, 3},
    };
    for (const Row& row : cases) {
        CAPTURE(row.what);
        const test::TemporaryDirectory directory;
        IdRows rows({.directory = directory.path()}, row.memory);
        for (std::uint64_t i = 0; i < row.rows; ++i) {
            IdRow each;
            each.id_high = i % row.ids * 0x9e3779b97f4a7c15ULL;
            each.id_low = i % row.ids;
            each.event = i;
            rows.add(each);
        }
        std::mutex mutex;
        std::vector<int> times(row.rows);
        std::vector<int> parts_of_id(row.ids);
        const Status status = rows.finish(row.threads, [&](std::span<IdRow> part) {
            const std::lock_guard lock(mutex);
            std::vector<bool> is_here(row.ids);
            for (const IdRow& each : part) {
                ++times[each.event];
                if (!is_here[each.id_low]) ++parts_of_id[each.id_low];
                is_here[each.id_low] = true;
            }
        });
        REQUIRE(status.has_value());
        CHECK(std::ranges::all_of(times, [](int count) { return count == 1; }));
        CHECK(std::ranges::all_of(parts_of_id,
                                  [&](int count) { return count == 1 || row.rows == 0; }));
        CHECK(std::filesystem::is_empty(directory.path()));
    }
}

TEST_CASE(
    "id rows: chosen ids spread as any others over partitions, and over their parts" *
    doctest::test_suite("same-threads")) {
    struct Spread {
        const char* what;
        std::size_t memory;
        std::uint64_t rows;
        std::size_t largest_max;
    };
    // Thrown at random, 1,024 in a partition and 49 in a part of one that is split; a partition's
    // chance of 1,400 is below 1e-28, a part's of 150 as well.
    const Spread cases[] = {
        {"in memory", 64u << 20, 65'536, 1'400},
        {"split", 0, 200'000, 150},
    };
    for (const test::IdFamily& family : test::kIdFamilies) {
        CAPTURE(family.name);
        for (const Spread& spread : cases) {
            CAPTURE(spread.what);
            const test::TemporaryDirectory directory;
            IdRows rows({.directory = directory.path()}, spread.memory);
            std::set<CommandId> ids;
            for (std::uint64_t i = 0; ids.size() < spread.rows; ++i) {
                const CommandId id = family.make(i);
                if (!ids.insert(id).second) continue;
                IdRow each;
                each.id_high = id.high();
                each.id_low = id.low();
                rows.add(each);
            }
            std::size_t largest = 0;
            REQUIRE(rows.finish(1, [&](std::span<IdRow> part) {
                                largest = std::max(largest, part.size());
                            }).has_value());
            CHECK(largest <= spread.largest_max);
        }
    }
}

/// More rows than fit into memory, at a place that takes none.
void check_not_stored(const TemporaryPlace& place) {
    IdRows rows(place, 0);
    for (std::uint64_t i = 0; i < 300'000; ++i) {
        IdRow each;
        each.id_low = i;
        rows.add(each);
    }
    const Status status = rows.finish(1, [](std::span<IdRow>) {});
    REQUIRE(!status.has_value());
    CHECK(status.error().code == FaultCode::storage);
}

TEST_CASE("id rows: a directory that takes no files is a fault of storage") {
    check_not_stored({.directory = "/nonexistent-directory"});
}

TEST_CASE("id rows: a disk that fills up is a fault of storage, and nothing is left on it") {
    test::MemoryFiles disk;
    disk.fail_always("pwritev", ENOSPC);
    check_not_stored({.files = &disk, .directory = "."});
    std::vector<std::string> names;
    CHECK(disk.list(".", names));
    CHECK(names.empty());
}

}  // namespace
