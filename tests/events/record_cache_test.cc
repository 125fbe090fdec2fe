#include "events/log/kafka/record_cache.h"

#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace vouch::kafka {
namespace {

constexpr ShardId kShard(1);
constexpr std::size_t kPage = 4096;

Bytes record_of(std::uint64_t number, std::size_t size) {
    return Bytes(size, static_cast<std::byte>(number * 7 + 1));
}

struct Cache {
    explicit Cache(std::uint64_t bytes_max)
        : cache(std::move(*RecordCache::open({.directory = directory.path()}, bytes_max))) {}

    void put(std::uint64_t number, std::size_t size) {
        cache->put(kShard, RecordNumber(number), record_of(number, size));
    }
    /// Whether the record is there, and whole.
    bool has(std::uint64_t number, std::size_t size) {
        Bytes out;
        if (!cache->read(kShard, RecordNumber(number), 0, RecordCache::kWhole, out)) return false;
        CHECK(out == record_of(number, size));
        return true;
    }

    test::TemporaryDirectory directory;
    std::unique_ptr<RecordCache> cache;
};

TEST_CASE("record cache: hands out any part of a record") {
    Cache with(16 * kPage);
    const Bytes record = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
    with.cache->put(kShard, RecordNumber(5), record);
    const auto read = [&](std::size_t offset, std::size_t size) {
        Bytes out;
        REQUIRE(with.cache->read(kShard, RecordNumber(5), offset, size, out));
        return out;
    };
    CHECK(read(0, RecordCache::kWhole) == record);
    CHECK(read(1, 2) == Bytes{std::byte{2}, std::byte{3}});
    CHECK(read(3, 9) == Bytes{std::byte{4}});
    CHECK(read(4, 1).empty());
    CHECK(read(RecordCache::kWhole, RecordCache::kWhole).empty());
}

TEST_CASE("record cache: shards do not share numbers, and the first bytes stay") {
    Cache with(16 * kPage);
    with.put(3, 10);
    Bytes out;
    CHECK(!with.cache->read(ShardId(0), RecordNumber(3), 0, RecordCache::kWhole, out));
    CHECK(!with.cache->read(kShard, RecordNumber(2), 0, RecordCache::kWhole, out));
    with.cache->put(kShard, RecordNumber(3), record_of(4, 10));
    CHECK(with.has(3, 10));
}

TEST_CASE("record cache: the oldest leave, and only those") {
    Cache with(8 * kPage);
    for (std::uint64_t i = 0; i < 8; ++i) with.put(i, kPage);
    for (std::uint64_t i = 0; i < 8; ++i) CHECK(with.has(i, kPage));
    with.put(8, kPage + 1);  // two pages, at the start again
    for (std::uint64_t i = 0; i < 9; ++i)
        CHECK(with.has(i, i == 8 ? kPage + 1 : kPage) == (i >= 2));
    // What does not fit behind the newest goes to the start, and what lay behind leaves with it.
    with.put(9, 5 * kPage);
    CHECK(with.has(7, kPage));
    with.put(10, 2 * kPage);
    CHECK(!with.has(7, kPage));
    CHECK(!with.has(8, kPage + 1));
    CHECK(with.has(9, 5 * kPage));
    CHECK(with.has(10, 2 * kPage));
}

TEST_CASE("record cache: a record longer than all of it is left out") {
    Cache with(4 * kPage);
    with.put(0, kPage);
    with.put(1, 4 * kPage + 1);
    with.put(2, 0);
    CHECK(with.has(0, kPage));
    CHECK(!with.has(1, 4 * kPage + 1));
    CHECK(!with.has(2, 0));
    with.put(3, 4 * kPage);
    CHECK(with.has(3, 4 * kPage));
    CHECK(!with.has(0, kPage));
}

TEST_CASE("record cache: nothing stays in the directory") {
    Cache with(4 * kPage);
    with.put(0, kPage);
    CHECK(std::filesystem::is_empty(with.directory.path()));
    CHECK(!RecordCache::open({.directory = with.directory.path() / "missing"}, kPage));
}

TEST_CASE("record cache: of a disk it takes a part, and none keeps nothing") {
    test::TemporaryDirectory directory;
    const auto greedy = RecordCache::open({.directory = directory.path()}, UINT64_MAX);
    REQUIRE(greedy);
    (*greedy)->put(kShard, RecordNumber(0), record_of(0, 10));
    Bytes out;
    CHECK((*greedy)->read(kShard, RecordNumber(0), 0, RecordCache::kWhole, out));
    const std::unique_ptr<RecordCache> none = RecordCache::none();
    none->put(kShard, RecordNumber(0), record_of(0, 10));
    CHECK(!none->read(kShard, RecordNumber(0), 0, RecordCache::kWhole, out));
}

TEST_CASE("record cache: a reader never gets what was written over") {
    Cache with(8 * kPage);
    constexpr std::uint64_t kRecords = 20'000;
    std::atomic<std::uint64_t> written = 0;
    std::thread writer([&] {
        for (std::uint64_t i = 0; i < kRecords; ++i) {
            with.put(i, kPage + i % kPage);
            written.store(i, std::memory_order_release);
        }
    });
    std::uint64_t found = 0;
    for (std::uint64_t now = 0; now + 1 < kRecords;) {
        now = written.load(std::memory_order_acquire);
        for (std::uint64_t i = now >= 3 ? now - 3 : 0; i <= now; ++i) {
            found += with.has(i, kPage + i % kPage) ? 1U : 0U;
        }
    }
    writer.join();
    CHECK(found > 0);
}

}  // namespace
}  // namespace vouch::kafka
