#include "events/store/merge_room.h"
#include "projector/views/view_store.h"
#include "tests/projector/views.h"
#include "tests/support/small_disk.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <random>
#include <string>

namespace {

using namespace vouch;
using namespace vouch::projector;
namespace fs = std::filesystem;

constexpr std::size_t kLoadBytes = 64 << 10;
constexpr std::uint64_t kReserve = 4 << 20;
/// From so many a view's files are merged.
constexpr int kMergeFrom = 32;
/// With so many, loads wait for a merge for certain.
constexpr int kLoadsMax = 100;

class Loads {
public:
    explicit Loads(ViewStore& store) : store_(store) {}

    /// One more file of rows.
    Status add() {
        Result<std::unique_ptr<ViewWrite>> write = store_.start_bulk();
        if (!write) return write.error();
        Bytes value(kLoadBytes);
        std::ranges::generate(value, [this] { return static_cast<std::byte>(random_()); });
        (*write)->put(account_update_key(AccountNumber(0), AccountField::metadata), value);
        position_.next_record = position_.next_record.next();
        return (*write)->commit(position_);
    }

private:
    ViewStore& store_;
    std::mt19937_64 random_{1};
    ViewPosition position_;
};

std::ptrdiff_t tables(const fs::path& view) {
    return std::count_if(fs::directory_iterator(view / "db"), fs::directory_iterator(),
                         [](const fs::directory_entry& file) {
                             return file.path().extension() == ".sst";
                         });
}

TEST_CASE("view: merges wait for a disk that would be full after them, and go on by themselves") {
    const test::TemporaryDirectory home;
    test::SmallDisk disk(home.path() / "small", "64m");
    if (!disk.is_mounted()) {
        MESSAGE(disk.reason());
        return;
    }
    ViewStoreOptions options;
    options.reserve_bytes = options.bulk_reserve_bytes = kReserve;
    const fs::path view = disk.path() / "view";
    auto store = rocks_view_stores().open(view, test::view_key(), options);
    REQUIRE(store);
    Loads loads(**store);
    for (int i = 0; i + 1 < kMergeFrom; ++i) REQUIRE(loads.add());
    // Room for the loads that come, and not for a merge of those that were.
    REQUIRE(disk.fill(kReserve + 10 * kLoadBytes));
    Status added;
    int more = 0;
    while (added && more < kMergeFrom) {
        added = loads.add();
        more += added ? 1 : 0;
    }
    REQUIRE_FALSE(added);
    CHECK(added.error().code == FaultCode::retriable);
    CHECK(more >= 8);
    CHECK(tables(view) == kMergeFrom - 1 + more);
    disk.make_room();
    const std::ptrdiff_t before = tables(view);
    // A merge sees the room at its next look; until then there may be too many loads for another
    // one.
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (tables(view) >= before && std::chrono::steady_clock::now() < until) {
        const Status again = loads.add();
        REQUIRE((again || again.error().code == FaultCode::retriable));
    }
    CHECK(tables(view) < before);
}

/// Another store of the process, whose merge waits for room.
class WaitingStore {
public:
    explicit WaitingStore(const fs::path& directory) {
        rocksdb::Options options;
        options.create_if_missing = true;
        options.level0_file_num_compaction_trigger = 2;
        options.listeners = {room_.listener()};
        rocksdb::DB* opened = nullptr;
        REQUIRE(rocksdb::DB::Open(options, directory.string(), &opened).ok());
        store_.reset(opened);
        for (const std::string value : {"one", "two"}) {
            REQUIRE(store_->Put(rocksdb::WriteOptions(), "row", value).ok());
            REQUIRE(store_->Flush(rocksdb::FlushOptions()).ok());
        }
    }
    ~WaitingStore() { stop_waiting(); }
    WaitingStore(const WaitingStore&) = delete;
    WaitingStore& operator=(const WaitingStore&) = delete;

    void stop_waiting() { room_.stop_waiting(); }

private:
    MergeRoom room_{[](std::uint64_t) -> Status {
        return Fault{FaultCode::retriable, "the disk is full"};
    }};
    std::unique_ptr<rocksdb::DB> store_;
};

TEST_CASE("view: loads do not wait for the merge of another store that waits for room") {
    const test::TemporaryDirectory home;
    auto store = rocks_view_stores().open(home.path() / "view", test::view_key());
    REQUIRE(store);
    WaitingStore other(home.path() / "other");
    Loads loads(**store);
    Status added;
    for (int i = 0; added && i < kLoadsMax; ++i) added = loads.add();
    REQUIRE_FALSE(added);
    CHECK(added.error().code == FaultCode::retriable);
    CHECK(added.error().message == "the disk is full");
    other.stop_waiting();
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!added && std::chrono::steady_clock::now() < until) added = loads.add();
    CHECK(added);
}

}  // namespace
