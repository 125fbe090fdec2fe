#pragma once

#include "projector/views/view_store.h"
#include "tests/support/memory_files.h"
#include "tests/support/memory_rows.h"

#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace vouch::test {

/// Views in memory, on the machine of `files`: what fails a change or cuts the power there does so
/// here. Batches are lost with the power unless a load came behind them. Any thread.
class MemoryViewStores final : public projector::ViewStores {
public:
    explicit MemoryViewStores(MemoryFiles& machine) : machine_(machine) {}

    Result<std::unique_ptr<projector::ViewStore>> open(
        const std::filesystem::path& directory, const SecretKey& key,
        const projector::ViewStoreOptions& options = {}) override;
    Result<std::unique_ptr<projector::ViewStore>> open_to_read(
        const std::filesystem::path& directory, const SecretKey& key,
        const projector::ViewStoreOptions& options = {}) override;
    /// Nothing is damaged here.
    std::optional<std::string> noted_damage(const std::filesystem::path&) override { return {}; }
    Result<SetAside> set_aside(const std::filesystem::path& directory) override;

    /// What was not synced is gone, or not, as `seed` decides. Nobody has a view open.
    void power_on(std::uint64_t seed);

private:
    class Store;
    class Write;
    struct Kept {
        std::mutex mutex;
        MemoryRows<Bytes, Bytes> rows;
        bool is_open = false;  ///< to write
    };

    MemoryFiles& machine_;
    std::mutex mutex_;
    std::map<std::string, std::shared_ptr<Kept>> kept_;  ///< by directory
};

}  // namespace vouch::test
