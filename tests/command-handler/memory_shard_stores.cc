#include "tests/command-handler/memory_shard_stores.h"

#include <cerrno>
#include <utility>
#include <vector>

namespace vouch::test {

using command_handler::FactEntry;
using command_handler::FactKey;
using command_handler::Locator;
using command_handler::ShardStore;
using command_handler::StorePosition;

class MemoryShardStores::Store final : public ShardStore {
public:
    Store(MemoryFiles& machine, Kept& kept) : machine_(machine), kept_(kept) {}
    ~Store() override {
        const std::lock_guard lock(kept_.mutex);
        kept_.is_open = false;
    }

    Result<std::optional<StorePosition>> load(
        const std::function<void(const FactKey&)>& show) override {
        const std::lock_guard lock(kept_.mutex);
        for (const auto& [key, value] : kept_.rows.rows()) {
            if (key) show(*key);
        }
        return position_of(kept_);
    }

    Result<std::optional<Locator>> find(const FactKey& key) override {
        const std::lock_guard lock(kept_.mutex);
        const auto found = kept_.rows.rows().find(key);
        if (found == kept_.rows.rows().end()) return std::optional<Locator>();
        return std::optional(std::get<Locator>(found->second));
    }

    Status append(std::vector<FactEntry>& facts, const StorePosition& position) override {
        if (Status begun = change("store append"); !begun) return begun;
        std::map<Key, Value> newest{{Key(), position}};
        for (const FactEntry& fact : facts) {
            const auto [at, is_new] = newest.emplace(fact.key, fact.locator);
            if (!is_new && std::get<Locator>(at->second).event < fact.locator.event)
                at->second = fact.locator;
        }
        {
            const std::lock_guard lock(kept_.mutex);
            kept_.rows.write({newest.begin(), newest.end()});
        }
        if (Status synced = change("store sync"); !synced) return synced;
        const std::lock_guard lock(kept_.mutex);
        kept_.rows.sync();
        return {};
    }

    static std::optional<StorePosition> position_of(const Kept& kept) {
        const auto found = kept.rows.rows().find(Key());
        if (found == kept.rows.rows().end()) return std::nullopt;
        return std::get<StorePosition>(found->second);
    }

private:
    Status change(const char* what) {
        const int error = machine_.change(what);
        if (error == 0) return {};
        Fault fault = storage_fault(what, "memory", error);
        if (error == ENOSPC) fault.code = FaultCode::retriable;
        return fault;
    }

    MemoryFiles& machine_;
    Kept& kept_;
};

Result<std::unique_ptr<ShardStore>> MemoryShardStores::open(const std::filesystem::path& directory,
                                                            const EpochKeys&, ShardId) {
    if (machine_.is_off()) return storage_fault("open", directory.string(), EIO);
    const std::lock_guard lock(mutex_);
    std::unique_ptr<Kept>& kept = kept_[directory.string()];
    if (kept == nullptr) kept = std::make_unique<Kept>();
    const std::lock_guard inside(kept->mutex);
    if (std::exchange(kept->is_open, true))
        return storage_fault("lock", directory.string(), EWOULDBLOCK);
    return std::unique_ptr<ShardStore>(std::make_unique<Store>(machine_, *kept));
}

std::optional<StorePosition> MemoryShardStores::peek(const std::filesystem::path& directory,
                                                     const EpochKeys&, ShardId) {
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(directory.string());
    if (found == kept_.end()) return std::nullopt;
    const std::lock_guard inside(found->second->mutex);
    return Store::position_of(*found->second);
}

void MemoryShardStores::power_on(std::uint64_t seed) {
    const std::lock_guard lock(mutex_);
    for (const auto& [directory, kept] : kept_) kept->rows.crash(seed);
}

}  // namespace vouch::test
