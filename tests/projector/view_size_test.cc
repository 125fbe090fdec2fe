// How much of the disk open views take.
#include "projector/views/view_store.h"
#include "tests/projector/views.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <memory>
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
