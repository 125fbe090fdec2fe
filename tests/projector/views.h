#pragma once

#include "projector/views/projector.h"
#include "projector/views/view_store.h"
#include "tests/projector/memory_log.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace vouch::test {

/// What the files of the tests' views are sealed with.
SecretKey view_key();

/// Bytes as lower-case hexadecimal digits.
std::string hex(ByteView bytes);

/// Every row of a view, keys and values in hexadecimal.
std::map<std::string, std::string> rows_of(projector::ViewStore& store);

/// Options that always write in one of the two ways.
projector::ProjectorOptions always_batch();
/// Loads of about `memory_max` bytes.
projector::ProjectorOptions always_bulk(std::size_t memory_max = 64 * 1024 * 1024);

/// A view of shard 0 of a log, with its projector. Fails the test when it cannot be opened.
struct OpenView {
    OpenView(const std::filesystem::path& directory, LogReader& log,
             const TestDeployment& deployment, const projector::ProjectorOptions& options,
             ShardId shard = ShardId(0),
             projector::ViewStores& stores = projector::rocks_view_stores());
    std::unique_ptr<projector::ViewStore> store;
    std::unique_ptr<projector::Projector> projector;
};

}  // namespace vouch::test
