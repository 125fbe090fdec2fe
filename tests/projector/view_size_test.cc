// How much of the disk, and of memory, open views take.
#include "projector/views/projector.h"
#include "projector/views/view_store.h"
#include "tests/projector/random_books.h"
#include "tests/projector/views.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace vouch;
using namespace vouch::projector;

constexpr int kViews = 64;
/// Of one that is empty or has few rows (docs/operations.md, "Disk").
constexpr std::uint64_t kSmallViewBytesMax = 256 * 1024;

/// What the file system has given away, which is more than the files' sizes where room is kept
/// ahead of writing.
std::uint64_t allocated_bytes(const std::filesystem::path& directory) {
    constexpr std::uint64_t kStatBlock = 512;
    std::uint64_t bytes = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
        struct stat file{};
        REQUIRE(::stat(entry.path().c_str(), &file) == 0);
        bytes += static_cast<std::uint64_t>(file.st_blocks) * kStatBlock;
    }
    return bytes;
}

std::vector<std::unique_ptr<ViewStore>> open_views(const std::filesystem::path& directory) {
    std::vector<std::unique_ptr<ViewStore>> stores;
    for (int i = 0; i < kViews; ++i) {
        auto store = rocks_view_stores().open(directory / std::to_string(i), test::view_key());
        REQUIRE(store);
        stores.push_back(std::move(*store));
    }
    return stores;
}

std::size_t tables_in(const std::filesystem::path& directory) {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory))
        if (entry.path().extension() == ".sst") ++count;
    return count;
}

/// Notes what views are opened with.
class NotingStores final : public ViewStores {
public:
    Result<std::unique_ptr<ViewStore>> open(const std::filesystem::path& directory,
                                            const SecretKey& key,
                                            const ViewStoreOptions& options) override {
        note(options);
        return stores_.open(directory, key, options);
    }
    Result<std::unique_ptr<ViewStore>> open_to_read(const std::filesystem::path& directory,
                                                    const SecretKey& key,
                                                    const ViewStoreOptions& options) override {
        note(options);
        return stores_.open_to_read(directory, key, options);
    }
    std::optional<std::string> noted_damage(const std::filesystem::path& directory) override {
        return stores_.noted_damage(directory);
    }
    Result<SetAside> set_aside(const std::filesystem::path& directory) override {
        return stores_.set_aside(directory);
    }

    std::size_t cache_bytes = 0;
    std::size_t memtable_bytes = 0;

private:
    void note(const ViewStoreOptions& options) {
        cache_bytes += options.cache_bytes;
        memtable_bytes += options.memtable_bytes;
    }
    ViewStores& stores_ = rocks_view_stores();
};

TEST_CASE("view: all that are open have no more memory than is for all of them") {
    for (const std::uint32_t shards : {1U, 20U}) {
        CAPTURE(shards);
        const test::TemporaryDirectory home;
        test::RandomBooks books(shards, 78);
        books.seal_all();
        const EpochKeys& keys = *books.deployment.keys;
        NotingStores written;
        REQUIRE(ShardViews::open(books.log, books.deployment.deployment, keys, home.path(),
                                 written));
        NotingStores read;
        REQUIRE(ShardViews::open_to_read(shards, keys, home.path(), read));
        for (const NotingStores* each : {&written, &read}) {
            CHECK(each->cache_bytes <= kViewsMemoryBytes);
            CHECK(each->memtable_bytes <= kViewsMemoryBytes);
            const std::size_t full = std::min<std::size_t>(shards, 16) * kViewMemoryBytesMax;
            CHECK(each->memtable_bytes >= full - shards);
        }
    }
}

TEST_CASE("view: rows beyond the memory that a view has are in its files") {
    constexpr std::size_t kRowBytes = std::size_t{64} << 10;
    for (const bool is_small : {true, false}) {
        const test::TemporaryDirectory home;
        ViewStoreOptions options;
        if (is_small) options.memtable_bytes = std::size_t{1} << 20;
        const auto store = rocks_view_stores().open(home.path(), test::view_key(), options);
        REQUIRE(store);
        // Of two parts one may wait to be written out.
        for (std::uint32_t i = 0; i < 64; ++i) {
            const auto write = (*store)->start_batch();
            write->put(account_opened_key(AccountNumber(i)), Bytes(kRowBytes));
            ViewPosition position;
            position.next_record = RecordNumber(i + 1);
            REQUIRE(write->commit(position));
        }
        CHECK((tables_in(home.path()) > 0) == is_small);
    }
}

TEST_CASE("view: many that are open take what their rows need of the disk, at rest and in use") {
    const test::TemporaryDirectory home;
    const auto check = [&] { CHECK(allocated_bytes(home.path()) < kViews * kSmallViewBytesMax); };
    std::uint64_t records = 0;
    const auto write_to = [&](ViewWrite& write) {
        write.put(account_opened_key(AccountNumber(0)), Bytes(100));
        ViewPosition position;
        position.next_record = RecordNumber(++records);
        REQUIRE(write.commit(position));
    };
    for (int opening = 0; opening < 3; ++opening) {
        CAPTURE(opening);
        const auto stores = open_views(home.path());
        check();
        for (const auto& store : stores) write_to(*store->start_batch());
        check();
        for (const auto& store : stores) {
            auto bulk = store->start_bulk();
            REQUIRE(bulk);
            write_to(**bulk);
        }
        check();
    }
}

}  // namespace
