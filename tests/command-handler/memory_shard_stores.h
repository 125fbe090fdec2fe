#pragma once

#include "command-handler/shard/shard_store.h"
#include "tests/support/memory_files.h"
#include "tests/support/memory_rows.h"

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <variant>

namespace vouch::test {

/// Shard stores in memory, on the machine of `files`: what fails a change or cuts the power there
/// does so here. Any thread.
class MemoryShardStores final : public command_handler::ShardStores {
public:
    explicit MemoryShardStores(MemoryFiles& machine) : machine_(machine) {}

    Result<std::unique_ptr<command_handler::ShardStore>> open(
        const std::filesystem::path& directory, const EpochKeys& keys, ShardId shard) override;
    std::optional<command_handler::StorePosition> peek(const std::filesystem::path& directory,
                                                       const EpochKeys& keys,
                                                       ShardId shard) override;

    /// What was not synced is gone, or not, as `seed` decides. Nobody has a store open.
    void power_on(std::uint64_t seed);

private:
    class Store;
    /// The key of the position's row comes before all others.
    using Key = std::optional<command_handler::FactKey>;
    using Value = std::variant<command_handler::Locator, command_handler::StorePosition>;
    struct Kept {
        std::mutex mutex;
        MemoryRows<Key, Value> rows;
        bool is_open = false;
    };

    MemoryFiles& machine_;
    std::mutex mutex_;
    std::map<std::string, std::unique_ptr<Kept>> kept_;  ///< by directory
};

}  // namespace vouch::test
