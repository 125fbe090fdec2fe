#pragma once

#include "tests/command-handler/memory_shard_stores.h"
#include "tests/projector/memory_view_stores.h"
#include "tests/simulation/believed_clock.h"
#include "tests/simulation/fibre_scheduler.h"
#include "tests/support/memory_files.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace vouch::test {

/// What outlives the processes of a simulated machine: its disk, the stores on it, its clock.
struct Machine {
    Machine(FibreScheduler& world, std::string its_name)
        : name(std::move(its_name)), instance(name), clock(world) {
        disk.set_sync_time(kSyncTime);
    }
    Machine(const Machine&) = delete;

    /// Simulated time, and what somebody has set it forward or back by.
    class SetClock final : public Clock {
    public:
        explicit SetClock(FibreScheduler& world) : world_(world) {}
        Timestamp now() const override {
            believed.look(set_by_us);
            return Timestamp(world_.clock().now().value() + set_by_us);
        }
        MachineTime machine() const override {
            return {boot, world_.clock().machine().us};
        }
        std::int64_t set_by_us = 0;
        std::uint64_t boot = 1;
        mutable BelievedClock believed;

    private:
        FibreScheduler& world_;
    };

    /// No call of its process has an effect any more.
    void stop() { disk.power_off(); }
    /// For another process, after the last one was killed.
    void end_process() {
        disk.end_process();
        lose_stores();
    }
    /// The power comes back; what was not synced is there or not, as the seed decides.
    void start_again(std::uint64_t seed) {
        ++clock.boot;
        clock.believed.forget();
        disk.power_on(seed);
        stores->power_on(seed);
        views->power_on(seed);
        lose_stores();
    }

    static constexpr std::chrono::microseconds kSyncTime{200};
    /// Directories on its disk.
    static constexpr const char* kLog = "log";
    static constexpr const char* kShards = "shards";
    static constexpr const char* kViews = "views";

    const std::string name;
    std::string instance;  ///< what its data directory is called; of a copy as the other one
    MemoryFiles disk;
    std::optional<MemoryShardStores> stores{disk};
    std::optional<MemoryViewStores> views{disk};
    SetClock clock;
    bool has_opened_log = false;  ///< its process has
    bool is_at_work = false;      ///< it has answered somebody
    /// With the next end of a process.
    bool loses_stores = false;
    bool loses_views = false;

private:
    void lose_stores() {
        if (std::exchange(loses_stores, false)) stores.emplace(disk);
        if (std::exchange(loses_views, false)) views.emplace(disk);
    }
};

}  // namespace vouch::test
