#include "command-handler/shard/shard_store.h"

#include "events/log/disk_room.h"
#include "tests/command-handler/handler_rig.h"
#include "tests/command-handler/sample_commands.h"
#include "tests/support/small_disk.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/text_of_file.h"

#include <doctest/doctest.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace vouch;
using namespace vouch::command_handler;
using namespace vouch::test;
namespace fs = std::filesystem;

FactEntry fact(FactKind kind, std::uint64_t id, std::uint64_t event) {
    return {
        {kind, LedgerId(0), CommandId(1, id)},
        {RecordNumber(event / 10), EventNumber(event), static_cast<std::uint32_t>(event * 50), 50}};
}

StorePosition position(std::uint64_t next_record) {
    StorePosition at{RecordNumber(next_record), {}};
    at.digest.fill(static_cast<std::byte>(next_record));
    return at;
}

struct Fixture {
    TemporaryDirectory directory;
    Deployment deployment = make_deployment(2, false, Timestamp(1)).deployment;
    EpochKeys keys = make_test_keys(deployment);
    fs::path path = directory.path() / "0" / "store";

    std::unique_ptr<ShardStore> open(const EpochKeys& with, ShardId shard = ShardId(0)) const {
        auto opened = rocks_shard_stores().open(path, with, shard);
        REQUIRE_MESSAGE(opened, opened.error().message);
        return std::move(*opened);
    }
    std::unique_ptr<ShardStore> open() const { return open(keys); }

    /// Ten commands, a closed hold and an entry's state, in two appends.
    void fill() const {
        const auto store = open();
        REQUIRE(store->load([](const FactKey&) {}).has_value());
        std::vector<FactEntry> first;
        for (std::uint64_t i = 1; i <= 9; ++i) first.push_back(fact(FactKind::command, i, i));
        first.push_back(fact(FactKind::entry_state, 5, 9));
        REQUIRE(store->append(first, position(3)).has_value());
        std::vector<FactEntry> second{fact(FactKind::command, 10, 20),
                                      fact(FactKind::closed_hold, 7, 20),
                                      fact(FactKind::entry_state, 5, 21)};
        REQUIRE(store->append(second, position(4)).has_value());
    }
};

std::string load_fault(const Fixture& fixture, const EpochKeys& keys, ShardId shard = ShardId(0)) {
    const auto loaded = fixture.open(keys, shard)->load([](const FactKey&) {});
    if (loaded) return *loaded ? "loaded" : "new";
    CHECK(loaded.error().code == FaultCode::corrupt);
    return loaded.error().message;
}
std::string load_fault(const Fixture& fixture) { return load_fault(fixture, fixture.keys); }

std::optional<FaultCode> open_fault(const Fixture& fixture, const EpochKeys& keys,
                                    ShardId shard = ShardId(0)) {
    const auto opened = rocks_shard_stores().open(fixture.path, keys, shard);
    if (opened) return std::nullopt;
    return opened.error().code;
}

/// Overwrites bytes of those of a store's files whose names `is_meant` says yes to.
void spoil(const fs::path& store, bool (*is_meant)(const std::string& name)) {
    for (const auto& each : fs::directory_iterator(store)) {
        if (!is_meant(each.path().filename().string())) continue;
        std::fstream file(each.path(), std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(20);
        file.write("garbage", 7);
    }
}
/// Of each file of a store.
std::map<std::string, std::string> contents(const fs::path& store) {
    std::map<std::string, std::string> files;
    for (const auto& each : fs::directory_iterator(store)) {
        files[each.path().filename().string()] = text_of_file(each.path());
    }
    return files;
}

/// What was set aside of a file or directory because it was damaged.
std::vector<fs::path> set_aside_of(const fs::path& path) {
    std::vector<fs::path> aside;
    for (const auto& each : fs::directory_iterator(path.parent_path())) {
        if (each.path().string().starts_with(path.string() + ".damaged-"))
            aside.push_back(each.path());
    }
    return aside;
}

bool is_table(const std::string& name) { return name.ends_with(".sst"); }
bool is_manifest(const std::string& name) { return name.starts_with("MANIFEST"); }

/// Appends that leave a file each, of facts that nothing else has.
Status append_file(ShardStore& store, std::uint64_t number) {
    constexpr std::uint64_t kFacts = 2'000;
    std::vector<FactEntry> facts;
    for (std::uint64_t i = 0; i < kFacts; ++i)
        facts.push_back(fact(FactKind::command, number * kFacts + i, number * kFacts + i));
    return store.append(facts, position(number));
}

std::ptrdiff_t tables(const fs::path& store) {
    return std::count_if(
        fs::directory_iterator(store), fs::directory_iterator(),
        [](const fs::directory_entry& file) { return file.path().extension() == ".sst"; });
}

TEST_CASE("shard store: merges wait for a disk that would be full after them") {
    constexpr std::uint64_t kMergeFrom = 24;
    Fixture books;
    SmallDisk disk(books.directory.path() / "small", "128m");
    if (!disk.is_mounted()) {
        MESSAGE(disk.reason());
        return;
    }
    books.path = disk.path() / "store";
    const auto store = books.open();
    REQUIRE(store->load([](const FactKey&) {}).has_value());
    std::uint64_t appended = 0;
    while (appended + 1 < kMergeFrom) REQUIRE(append_file(*store, appended++));
    // Room for a few appends, and not for a merge of those that were.
    REQUIRE(disk.fill(kDiskReserveBytes + (1 << 20)));
    Status added;
    while (added && appended < 2 * kMergeFrom) {
        added = append_file(*store, appended);
        if (added) ++appended;
    }
    REQUIRE_FALSE(added);
    CHECK(added.error().code == FaultCode::retriable);
    CHECK(appended > kMergeFrom);
    const std::ptrdiff_t before = tables(books.path);
    CHECK(before == static_cast<std::ptrdiff_t>(appended));
    disk.make_room();
    const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(5);
    while (tables(books.path) >= before && std::chrono::steady_clock::now() < until) {
        REQUIRE(store->find({FactKind::command, LedgerId(0), CommandId(1, 7)}));
        std::this_thread::yield();
    }
    CHECK(tables(books.path) < before);
}

}  // namespace

TEST_CASE("shard store: what was appended is found, and shown when loaded again") {
    const Fixture fixture;
    CHECK(load_fault(fixture) == "new");
    fixture.fill();
    const auto store = fixture.open();
    std::set<FactKey> shown;
    const auto loaded = store->load([&](const FactKey& key) { shown.insert(key); });
    REQUIRE(loaded.has_value());
    REQUIRE(loaded->has_value());
    CHECK((*loaded)->next_record == RecordNumber(4));
    CHECK((*loaded)->digest == position(4).digest);
    CHECK(shown.size() == 12);
    for (const FactKey& key : shown) CHECK(store->find(key)->has_value());
    CHECK(**store->find(fact(FactKind::command, 3, 0).key) ==
          fact(FactKind::command, 3, 3).locator);
    CHECK_FALSE(store->find(fact(FactKind::command, 11, 0).key)->has_value());
    CHECK_FALSE(store->find(fact(FactKind::closed_hold, 3, 0).key)->has_value());
    // What is written again counts as it was written last.
    CHECK(**store->find(fact(FactKind::entry_state, 5, 0).key) ==
          fact(FactKind::entry_state, 5, 21).locator);
}

TEST_CASE("shard store: rows replaced within and across appends leave a right digest") {
    for (const FactKind kind : {FactKind::command, FactKind::closed_hold, FactKind::entry_state,
                                FactKind::followed_entry}) {
        CAPTURE(static_cast<int>(kind));
        const Fixture fixture;
        {
            const auto store = fixture.open();
            REQUIRE(store->load([](const FactKey&) {}).has_value());
            std::uint64_t event = 0;
            for (std::uint64_t append = 1; append <= 12; ++append) {
                std::vector<FactEntry> facts;
                for (std::uint64_t i = 0; i < 30; ++i)
                    facts.push_back(fact(kind, 1 + i % 7, ++event));
                REQUIRE(store->append(facts, position(append)).has_value());
            }
        }
        const auto store = fixture.open();
        std::size_t shown = 0;
        const auto loaded = store->load([&](const FactKey&) { ++shown; });
        REQUIRE_MESSAGE(loaded, loaded.error().message);
        CHECK(shown == 7);
        CHECK((*loaded)->next_record == RecordNumber(12));
        // And goes on from there.
        std::vector<FactEntry> more{fact(kind, 1, 1000)};
        REQUIRE(store->append(more, position(13)).has_value());
        REQUIRE(store->load([](const FactKey&) {}).has_value());
        CHECK(**store->find(fact(kind, 1, 0).key) == fact(kind, 1, 1000).locator);
    }
}

TEST_CASE("shard store: an append without facts moves the position") {
    const Fixture fixture;
    fixture.fill();
    const auto store = fixture.open();
    REQUIRE(store->load([](const FactKey&) {}).has_value());
    std::vector<FactEntry> none;
    REQUIRE(store->append(none, position(9)).has_value());
    const auto loaded = store->load([](const FactKey&) {});
    REQUIRE(loaded.has_value());
    CHECK((*loaded)->next_record == RecordNumber(9));
}

TEST_CASE("shard store: RocksDB's own writer without the keys cannot open it") {
    const Fixture fixture;
    fixture.fill();
    rocksdb::DB* opened = nullptr;
    const rocksdb::Status status =
        rocksdb::DB::Open(rocksdb::Options(), fixture.path.string(), &opened);
    const std::unique_ptr<rocksdb::DB> database(opened);
    CHECK_FALSE(status.ok());
    CHECK(load_fault(fixture) == "loaded");
}

TEST_CASE("shard store: rows of another deployment or shard are noticed") {
    const Fixture fixture;
    fixture.fill();
    const Deployment other = make_deployment(2, false, Timestamp(1)).deployment;
    CHECK(open_fault(fixture, make_test_keys(other)) == FaultCode::corrupt);
    CHECK(open_fault(fixture, fixture.keys, ShardId(1)) == FaultCode::corrupt);
    CHECK(load_fault(fixture) == "loaded");
}

TEST_CASE("shard store: what a kill left of an append does not harm the rows") {
    const Fixture fixture;
    fixture.fill();
    const fs::path unfinished = fixture.path.parent_path() / "store-append.sst";
    SUBCASE("half a file") { std::ofstream(unfinished) << "half"; }
    SUBCASE("the second name of a file that the store has taken over") {
        fs::path taken;
        for (const auto& each : fs::directory_iterator(fixture.path)) {
            if (each.path().extension() == ".sst") taken = each.path();
        }
        REQUIRE_FALSE(taken.empty());
        fs::create_hard_link(taken, unfinished);
    }
    {
        const auto store = fixture.open();
        REQUIRE(store->load([](const FactKey&) {}).has_value());
        std::vector<FactEntry> more;
        for (std::uint64_t i = 100; i < 200; ++i) more.push_back(fact(FactKind::command, i, i));
        REQUIRE(store->append(more, position(5)).has_value());
    }
    CHECK(load_fault(fixture) == "loaded");
}

TEST_CASE("shard store: a handler whose store was edited warns, and answers right") {
    HandlerRig rig;
    rig.start();
    rig.open_accounts(3, 1'000);
    CHECK(rig.play_one(transfer(1, 1, 2, 400)).outcome == Outcome::posted);
    CHECK(rig.play_one(refund(2, 1, 2, 150)).outcome == Outcome::refunded);
    rig.stop();
    const fs::path store = rig.options.directory / "0" / "store";
    SUBCASE("another deployment's store in its place") {
        fs::remove_all(store);
        HandlerRig other;
        other.start();
        other.open_accounts(5, 10);
        other.stop();
        fs::rename(other.options.directory / "0" / "store", store);
    }
    SUBCASE("bytes of its files changed") { spoil(store, is_table); }
    SUBCASE("its list of files changed") { spoil(store, is_manifest); }
    SUBCASE("the files dropped by which RocksDB knows that there is a store") {
        std::vector<fs::path> dropped = {store / "CURRENT"};
        for (const auto& each : fs::directory_iterator(store)) {
            if (each.path().extension() == ".log") dropped.push_back(each.path());
        }
        for (const fs::path& each : dropped) fs::remove(each);
    }
    SUBCASE("a file dropped") {
        for (const auto& each : fs::directory_iterator(store)) {
            if (!is_table(each.path().filename().string())) continue;
            fs::remove(each.path());
            break;
        }
    }
    const std::map<std::string, std::string> damaged = contents(store);
    rig.start();
    REQUIRE(rig.handler->warnings().size() == 1);
    const std::string warning = rig.handler->warnings()[0];
    CHECK(warning.starts_with("shard 0: shard store: "));
    CHECK(warning.ends_with(", 1 of its kind are kept there, and built again from the log"));
    const std::vector<fs::path> aside = set_aside_of(store);
    REQUIRE(aside.size() == 1);
    CHECK(warning.find("set aside as " + aside[0].string() + ",") != std::string::npos);
    const std::map<std::string, std::string> kept = contents(aside[0]);
    for (const auto& [name, bytes] : damaged) {
        CAPTURE(name);
        CHECK(kept.contains(name));
        if (is_table(name) || is_manifest(name)) CHECK(kept.at(name) == bytes);
    }
    const Answered again = rig.play_one(transfer(1, 1, 2, 400));
    CHECK(again.repeated);
    CHECK(again.outcome == Outcome::posted);
    CHECK(rig.play_one(transfer(1, 1, 2, 401)).outcome == Outcome::conflict);
    CHECK(rig.play_one(refund(3, 1, 2, 251)).outcome == Outcome::refund_exceeds_payment);
    CHECK(rig.play_one(refund(4, 1, 2, 250)).outcome == Outcome::refunded);
    rig.stop();
    rig.start();
    CHECK(rig.handler->warnings().empty());
    CHECK(rig.play_one(refund(4, 1, 2, 250)).repeated);
}

TEST_CASE("shard store: edited while the shard runs, it stops the shard before anything is decided") {
    HandlerRig rig;
    rig.options.bounds.generation_facts = 8;
    rig.start();
    rig.open_accounts(3, 1'000);
    CHECK(rig.play_one(transfer(1, 1, 2, 400)).outcome == Outcome::posted);
    rig.stop();
    rig.start();
    spoil(rig.options.directory / "0" / "store", is_table);
    const Offset batch = rig.send(std::array{transfer(1, 1, 2, 400)});
    const Fault fault = rig.answers.wait_until_stopped(kShard0);
    CHECK(fault.code == FaultCode::corrupt);
    CHECK(rig.answers.look(kShard0, batch).empty());
}

TEST_CASE("shard store: each time that it is damaged, it is kept beside the ones before") {
    HandlerRig rig;
    rig.start();
    rig.open_accounts(3, 1'000);
    rig.stop();
    const fs::path store = rig.options.directory / "0" / "store";
    for (std::size_t times = 1; times <= 3; ++times) {
        spoil(store, is_table);
        rig.start();
        REQUIRE(rig.handler->warnings().size() == 1);
        CHECK(rig.handler->warnings()[0].find(", " + std::to_string(times) +
                                              " of its kind are kept there") != std::string::npos);
        CHECK(set_aside_of(store).size() == times);
        rig.stop();
    }
}
