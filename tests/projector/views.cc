#include "tests/projector/views.h"

#include <doctest/doctest.h>

#include <array>
#include <utility>

namespace vouch::test {

std::string hex(ByteView bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const std::byte b : bytes) {
        text.push_back(kDigits[static_cast<unsigned>(b) >> 4]);
        text.push_back(kDigits[static_cast<unsigned>(b) & 0xf]);
    }
    return text;
}

std::map<std::string, std::string> rows_of(projector::ViewStore& store) {
    const auto snapshot = store.snapshot();
    REQUIRE(snapshot);
    const std::unique_ptr<projector::RowCursor> cursor = (*snapshot)->cursor();
    std::map<std::string, std::string> rows;
    const std::byte first[] = {std::byte{0}};
    for (cursor->seek(first); cursor->is_valid(); cursor->next()) {
        rows.emplace(hex(cursor->key()), hex(cursor->value()));
    }
    REQUIRE(cursor->status());
    return rows;
}

projector::ProjectorOptions always_batch() {
    projector::ProjectorOptions options;
    options.bulk_bytes_min = static_cast<std::size_t>(-1);
    options.batch_bytes_max = 1;
    return options;
}

projector::ProjectorOptions always_bulk(std::size_t memory_max) {
    projector::ProjectorOptions options;
    options.bulk_bytes_min = 0;
    options.bulk_memory_bytes = memory_max;
    options.batch_bytes_max = 4096;
    return options;
}

SecretKey view_key() {
    std::array<std::byte, 32> bytes;
    bytes.fill(std::byte{0x5e});
    return SecretKey(bytes);
}

OpenView::OpenView(const std::filesystem::path& directory, LogReader& log,
                   const TestDeployment& deployment, const projector::ProjectorOptions& options,
                   ShardId shard, projector::ViewStores& stores) {
    auto opened = stores.open(directory, view_key());
    REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().message));
    store = *std::move(opened);
    auto started = projector::Projector::start(log, deployment.deployment, shard, *store,
                                               deployment.keys.get(), options);
    REQUIRE_MESSAGE(started, (started ? "" : started.error().message));
    projector = *std::move(started);
}

}  // namespace vouch::test
