#include "command-handler/shard/shard_store.h"
#include "events/seal/deployment.h"
#include "projector/views/projector.h"
#include "projector/views/view_store.h"
#include "tests/command-handler/handler_rig.h"
#include "tests/projector/memory_view_stores.h"
#include "tests/projector/random_books.h"
#include "tests/projector/views.h"
#include "tests/simulation/storage_faults.h"
#include "tests/support/memory_files.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

// RocksDB's own files under every fault, at every operation: of shard stores, and of views.
// Whatever happens, what is read is what was written or is said to be unreadable; when the fault is
// over, a store opens where it was or where it was being brought to; one that has to be made again
// says so.

namespace {

using namespace vouch;
using namespace vouch::test;
namespace fs = std::filesystem;

/// Of operations, the first and each so many later.
constexpr std::uint64_t kQuickStep = 37;
/// Operations of a kind that a scenario has at least, of those.
constexpr std::uint64_t kMetMin = 3;

// --- Shard stores -------------------------------------------------------------------------------

using command_handler::FactEntry;
using command_handler::FactKey;
using command_handler::FactKind;
using command_handler::ShardStore;
using command_handler::StorePosition;

/// Appends of a life. From 24 files on RocksDB merges.
constexpr std::uint64_t kAppends = 30;
constexpr std::uint64_t kFactsAnAppend = 20;

StorePosition position_after(std::uint64_t appends) {
    StorePosition at{RecordNumber(appends), {}};
    at.digest.fill(static_cast<std::byte>(appends));
    return at;
}

/// What append number `append` (1: the first) adds: new facts, and one that replaces another.
std::vector<FactEntry> facts_of(std::uint64_t append) {
    std::vector<FactEntry> facts;
    for (std::uint64_t i = 0; i < kFactsAnAppend; ++i) {
        const std::uint64_t event = append * kFactsAnAppend + i;
        facts.push_back({{FactKind::command, LedgerId(0), CommandId(event * 7919, event)},
                         {RecordNumber(append), EventNumber(event), 50, 50}});
    }
    facts.push_back({{FactKind::entry_state, LedgerId(0), CommandId(1, append % 3)},
                     {RecordNumber(append), EventNumber(append * kFactsAnAppend), 90, 50}});
    return facts;
}

std::map<FactKey, command_handler::Locator> facts_after(std::uint64_t appends) {
    std::map<FactKey, command_handler::Locator> all;
    for (std::uint64_t append = 1; append <= appends; ++append)
        for (const FactEntry& each : facts_of(append)) all[each.key] = each.locator;
    return all;
}

/// A shard store as a shard has it: every fault ends the life of it.
class StoreLife {
public:
    StoreLife(const fs::path& directory, std::shared_ptr<FaultyFileSystem> disk)
        : directory_(directory / "store"),
          disk_(disk),
          stores_(command_handler::rocks_shard_stores_on(std::move(disk))) {}

    ScenarioEnd live() {
        // As long as the fault lasts, and once more when it is over.
        std::optional<Fault> fault = live_once();
        if (!fault && wrong_.empty()) fault = live_once();  // opened again
        const bool was_told = fault.has_value();
        if (disk_->is_off()) disk_->power_on(chance_());
        disk_->heal();
        if (wrong_.empty() && fault) fault = live_once();
        if (wrong_.empty() && fault && fault->code == FaultCode::corrupt) {
            is_set_aside_ = true;
            reason_ = fault->message;
            fs::remove_all(directory_);
            at_least_ = at_most_ = 0;
            fault = live_once();
        }
        if (wrong_.empty() && fault) wrong_ = "not cured: " + fault->message;
        if (!wrong_.empty()) return {FaultOutcome::diverged, wrong_};
        if (is_set_aside_) return {FaultOutcome::set_aside, reason_};
        return {was_told ? FaultOutcome::told : FaultOutcome::survived, {}};
    }

private:
    /// From opening to the last append; what ended it before.
    std::optional<Fault> live_once() {
        auto opened = stores_->open(directory_, keys_, ShardId(0));
        if (!opened) return opened.error();
        ShardStore& store = **opened;
        std::set<FactKey> shown;
        const auto loaded = store.load([&](const FactKey& key) { shown.insert(key); });
        if (!loaded) return loaded.error();
        std::uint64_t appends = loaded->has_value() ? (*loaded)->next_record.value() : 0;
        if (appends < at_least_ || appends > at_most_) {
            wrong_ = "opened at " + std::to_string(appends) + ", appended were " +
                     std::to_string(at_least_);
            return std::nullopt;
        }
        at_least_ = appends;
        if (auto fault = check(store, shown, appends)) return fault;
        while (appends < kAppends && wrong_.empty()) {
            std::vector<FactEntry> facts = facts_of(++appends);
            at_most_ = appends;
            if (Status added = store.append(facts, position_after(appends)); !added)
                return added.error();
            at_least_ = appends;
            if (appends % 6 == 0) {
                if (auto fault = check_facts(store, appends)) return fault;
            }
        }
        return std::nullopt;
    }

    std::optional<Fault> check(ShardStore& store, const std::set<FactKey>& shown,
                               std::uint64_t appends) {
        const auto facts = facts_after(appends);
        const bool all_shown =
            shown.size() == facts.size() &&
            std::equal(shown.begin(), shown.end(), facts.begin(),
                       [](const FactKey& key, const auto& fact) { return key == fact.first; });
        if (!all_shown) wrong_ = "loaded other facts than were appended";
        return check_facts(store, appends);
    }
    std::optional<Fault> check_facts(ShardStore& store, std::uint64_t appends) {
        for (const auto& [key, locator] : facts_after(appends)) {
            const auto found = store.find(key);
            if (!found) return found.error();
            if (*found && **found == locator) continue;
            wrong_ = std::string(*found ? "another fact" : "no fact") + " of event " +
                     std::to_string(locator.event.value()) + " after append " +
                     std::to_string(appends);
        }
        const auto next = facts_of(kAppends + 1);
        const auto none = store.find(next.front().key);
        if (!none) return none.error();
        if (*none) wrong_ = "found a fact that was never appended";
        return std::nullopt;
    }

    const fs::path directory_;
    const std::shared_ptr<FaultyFileSystem> disk_;
    const std::unique_ptr<command_handler::ShardStores> stores_;
    const Deployment deployment_ = make_deployment(1, true, Timestamp(1)).deployment;
    const EpochKeys keys_ = make_test_keys(deployment_);
    std::mt19937_64 chance_{7};
    std::uint64_t at_least_ = 0;  ///< appends that were acknowledged
    std::uint64_t at_most_ = 0;   ///< and tried
    bool is_set_aside_ = false;
    std::string reason_;
    std::string wrong_;
};

// --- Views --------------------------------------------------------------------------------------

constexpr int kSteps = 260;

using Rows = std::map<std::string, std::string>;

/// Books, and the rows of their view at each position.
struct ExpectedViews {
    std::unique_ptr<RandomBooks> books = random_books(17, kSteps);
    RecordNumber end = *books->log.end(ShardId(0));
    std::map<RecordNumber, Rows> rows;

    ExpectedViews() {
        MemoryFiles machine;
        MemoryViewStores stores(machine);
        OpenView view("view", books->log, books->deployment, always_batch(), ShardId(0), stores);
        for (RecordNumber next(1); next <= end; next = next.next()) {
            REQUIRE(view.projector->catch_up(next));
            rows[next] = rows_of(*view.store);
        }
    }
};

/// Of a store that may fail.
std::optional<Fault> read_rows(projector::ViewStore& store, Rows& rows) {
    const auto snapshot = store.snapshot();
    if (!snapshot) return snapshot.error();
    const std::unique_ptr<projector::RowCursor> cursor = (*snapshot)->cursor();
    const std::byte first[] = {std::byte{0}};
    for (cursor->seek(first); cursor->is_valid(); cursor->next())
        rows.emplace(hex(cursor->key()), hex(cursor->value()));
    if (Status status = cursor->status(); !status) return status.error();
    return std::nullopt;
}

class ViewLife {
public:
    ViewLife(ExpectedViews& expected, const fs::path& directory,
             std::shared_ptr<FaultyFileSystem> disk)
        : expected_(expected),
          directory_(directory / "view"),
          disk_(disk),
          stores_(projector::rocks_view_stores_on(std::move(disk))) {}

    ScenarioEnd live() {
        std::optional<Fault> fault = live_once();
        if (!fault && wrong_.empty()) fault = live_once();
        const bool was_told = fault.has_value();
        if (disk_->is_off()) disk_->power_on(chance_());
        disk_->heal();
        if (wrong_.empty() && fault) fault = live_once();
        const bool is_damaged = stores_->noted_damage(directory_).has_value();
        if (wrong_.empty() && ((fault && fault->code == FaultCode::corrupt) || is_damaged)) {
            is_set_aside_ = true;
            reason_ = fault ? fault->message : *stores_->noted_damage(directory_);
            const auto aside = stores_->set_aside(directory_);
            if (!aside) return {FaultOutcome::diverged, aside.error().message};
            fault = live_once();
        }
        if (wrong_.empty() && fault) wrong_ = "not cured: " + fault->message;
        if (!wrong_.empty()) return {FaultOutcome::diverged, wrong_};
        if (is_set_aside_) return {FaultOutcome::set_aside, reason_};
        return {was_told ? FaultOutcome::told : FaultOutcome::survived, {}};
    }

private:
    std::optional<Fault> live_once() {
        auto store = stores_->open(directory_, view_key());
        if (!store) return store.error();
        if (auto fault = check(**store)) return fault;
        for (bool is_bulk = false; wrong_.empty(); is_bulk = !is_bulk) {
            auto started = projector::Projector::start(
                expected_.books->log, expected_.books->deployment.deployment, ShardId(0), **store,
                expected_.books->deployment.keys.get(), is_bulk ? always_bulk(1) : always_batch());
            if (!started) return started.error();
            projector::Projector& projector = **started;
            if (projector.next_record() >= expected_.end) break;
            const RecordNumber until(projector.next_record().value() + 1 + chance_() % 4);
            if (Status moved = projector.catch_up(until); !moved) return moved.error();
            if (auto fault = check(**store)) return fault;
        }
        return std::nullopt;
    }

    std::optional<Fault> check(projector::ViewStore& store) {
        Rows rows;
        const auto snapshot = store.snapshot();
        if (!snapshot) return snapshot.error();
        if (auto fault = read_rows(store, rows)) return fault;
        const auto& position = store.position();
        if (!position) {
            if (!rows.empty()) wrong_ = "rows without a position";
        } else if (rows != expected_.rows.at(position->next_record)) {
            wrong_ = "other rows than those of record " +
                     std::to_string(position->next_record.value());
        }
        return std::nullopt;
    }

    ExpectedViews& expected_;
    const fs::path directory_;
    const std::shared_ptr<FaultyFileSystem> disk_;
    const std::unique_ptr<projector::ViewStores> stores_;
    std::mt19937_64 chance_{9};
    bool is_set_aside_ = false;
    std::string reason_;
    std::string wrong_;
};

/// Every kind of fault. Set aside is what was written wrongly, a manifest of which the power left
/// the length and not the bytes, and, where `reads_are_noted`, what was once read wrongly.
void check_all(const Scenario& scenario, bool reads_are_noted) {
    const Sweep at = sweep(kQuickStep);
    for (const StorageFault fault : kStorageFaults) {
        const FaultTally tally = at_every_operation(scenario, fault, at.step, at.last);
        MESSAGE(name_of(fault), ": ", to_text(tally));
        CHECK(tally.met() >= kMetMin);
        for (const std::string& wrong : tally.wrong) FAIL_CHECK(wrong);
        const bool is_damage = fault == StorageFault::wrong_write ||
                               (reads_are_noted && fault == StorageFault::wrong_read);
        for (const std::string& reason : tally.reasons) {
            const bool is_cut = fault == StorageFault::power_loss &&
                                reason.find("the sealed stream is not") != std::string::npos;
            CHECK_MESSAGE((is_damage || is_cut), reason);
        }
    }
}

}  // namespace

TEST_CASE("store faults: a shard store gives what was appended, or says that it cannot") {
    check_all(
        [](const fs::path& directory, const std::shared_ptr<FaultyFileSystem>& disk) {
            return StoreLife(directory, disk).live();
        },
        false);
}

TEST_CASE("store faults: a view has the rows of its position, or says that it cannot be read") {
    ExpectedViews expected;
    check_all(
        [&](const fs::path& directory, const std::shared_ptr<FaultyFileSystem>& disk) {
            return ViewLife(expected, directory, disk).live();
        },
        true);
}
