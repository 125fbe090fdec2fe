#include "command-handler/shard/shard_store.h"

#include "tests/command-handler/handler_rig.h"
#include "tests/command-handler/sample_commands.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace vouch;
using namespace vouch::command_handler;
using namespace vouch::test;
namespace fs = std::filesystem;

constexpr std::size_t kKeyBytes = 21;
const std::string kPositionRow(1, '\0');

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

/// RocksDB's own writer at a store's rows.
class Editor {
public:
    explicit Editor(const fs::path& directory) {
        rocksdb::DB* opened = nullptr;
        const rocksdb::Status status =
            rocksdb::DB::Open(rocksdb::Options(), directory.string(), &opened);
        REQUIRE_MESSAGE(status.ok(), status.ToString());
        database_.reset(opened);
    }
    std::vector<std::pair<std::string, std::string>> rows() const {
        std::vector<std::pair<std::string, std::string>> all;
        const std::unique_ptr<rocksdb::Iterator> each(
            database_->NewIterator(rocksdb::ReadOptions()));
        for (each->SeekToFirst(); each->Valid(); each->Next()) {
            all.emplace_back(each->key().ToString(), each->value().ToString());
        }
        return all;
    }
    std::string get(const std::string& key) const {
        std::string value;
        REQUIRE(database_->Get(rocksdb::ReadOptions(), key, &value).ok());
        return value;
    }
    void put(const std::string& key, const std::string& value) {
        REQUIRE(database_->Put(rocksdb::WriteOptions(), key, value).ok());
    }
    void drop(const std::string& key) {
        REQUIRE(database_->Delete(rocksdb::WriteOptions(), key).ok());
    }

private:
    std::unique_ptr<rocksdb::DB> database_;
};

struct Fixture {
    TemporaryDirectory directory;
    Deployment deployment = make_deployment(2, false, Timestamp(1)).deployment;
    EpochKeys keys = make_test_keys(deployment);
    fs::path path = directory.path() / "0" / "store";

    std::unique_ptr<ShardStore> open(const EpochKeys& with, ShardId shard = ShardId(0)) const {
        auto opened = ShardStore::open(path, with, shard);
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

const std::string kEdited = "shard store: not what was written";

std::string flip(std::string text, std::size_t at, char bit = 1) {
    text[at] = static_cast<char>(text[at] ^ bit);
    return text;
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

TEST_CASE("shard store: rows edited by RocksDB's own writer are noticed") {
    const Fixture fixture;
    fixture.fill();
    std::function<void(Editor&, const std::string&, const std::string&)> edit;
    SUBCASE("a locator changed") {
        edit = [](Editor& editor, const std::string& key, const std::string& value) {
            editor.put(key, flip(value, 15));
        };
    }
    SUBCASE("a row dropped") {
        edit = [](Editor& editor, const std::string& key, const std::string&) { editor.drop(key); };
    }
    SUBCASE("a row added") {
        edit = [](Editor& editor, const std::string& key, const std::string& value) {
            editor.put(flip(key, 20, 64), value);
        };
    }
    SUBCASE("a row moved to another id") {
        edit = [](Editor& editor, const std::string& key, const std::string& value) {
            editor.drop(key);
            editor.put(flip(key, 20, 64), value);
        };
    }
    SUBCASE("a row moved to another kind") {
        edit = [](Editor& editor, const std::string& key, const std::string& value) {
            editor.drop(key);
            editor.put(flip(key, 0, 1), value);
        };
    }
    SUBCASE("a row of another length") {
        edit = [](Editor& editor, const std::string& key, const std::string& value) {
            editor.put(key, value + "x");
        };
    }
    SUBCASE("a row of no known kind") {
        edit = [](Editor& editor, const std::string& key, const std::string& value) {
            editor.put(flip(key, 0, 64), value);
        };
    }
    {
        Editor editor(fixture.path);
        const auto rows = editor.rows();
        REQUIRE(rows.size() == 13);
        for (const auto& [key, value] : rows)
            REQUIRE((key == kPositionRow || key.size() == kKeyBytes));
        edit(editor, rows[4].first, rows[4].second);
    }
    CHECK(load_fault(fixture) == kEdited);
}

TEST_CASE("shard store: two rows that change places are noticed") {
    const Fixture fixture;
    fixture.fill();
    {
        Editor editor(fixture.path);
        const auto rows = editor.rows();
        editor.put(rows[2].first, rows[3].second);
        editor.put(rows[3].first, rows[2].second);
    }
    CHECK(load_fault(fixture) == kEdited);
}

TEST_CASE("shard store: a position that was changed in any byte, dropped, or put back is noticed") {
    const Fixture fixture;
    fixture.fill();
    std::string right;
    {
        Editor editor(fixture.path);
        right = editor.get(kPositionRow);
        REQUIRE(right.size() == 96);
    }
    // next_record, tag, rows, digest and mac, each at its ends.
    constexpr std::array<std::size_t, 10> kAt = {0, 7, 8, 39, 40, 47, 48, 63, 64, 95};
    for (const std::size_t at : kAt) {
        CAPTURE(at);
        { Editor(fixture.path).put(kPositionRow, flip(right, at)); }
        CHECK(load_fault(fixture) == kEdited);
    }
    { Editor(fixture.path).put(kPositionRow, right.substr(0, 95)); }
    CHECK(load_fault(fixture) == kEdited);
    { Editor(fixture.path).drop(kPositionRow); }
    CHECK(load_fault(fixture) == kEdited);
    { Editor(fixture.path).put(kPositionRow, right); }
    CHECK(load_fault(fixture) == "loaded");

    // A position that was once right, with rows that have gone on since.
    {
        const auto store = fixture.open();
        REQUIRE(store->load([](const FactKey&) {}).has_value());
        std::vector<FactEntry> more{fact(FactKind::command, 30, 40)};
        REQUIRE(store->append(more, position(5)).has_value());
    }
    { Editor(fixture.path).put(kPositionRow, right); }
    CHECK(load_fault(fixture) == kEdited);
}

TEST_CASE("shard store: rows of another deployment or shard are noticed") {
    const Fixture fixture;
    fixture.fill();
    const Deployment other = make_deployment(2, false, Timestamp(1)).deployment;
    CHECK(load_fault(fixture, make_test_keys(other)) == kEdited);
    CHECK(load_fault(fixture, fixture.keys, ShardId(1)) == kEdited);
    CHECK(load_fault(fixture) == "loaded");
}

TEST_CASE("shard store: reset empties it, and it can be filled again") {
    const Fixture fixture;
    fixture.fill();
    {
        const auto store = fixture.open();
        REQUIRE(store->load([](const FactKey&) {}).has_value());
        REQUIRE(store->reset().has_value());
        CHECK_FALSE(store->find(fact(FactKind::command, 3, 0).key)->has_value());
        std::vector<FactEntry> facts{fact(FactKind::command, 3, 8)};
        REQUIRE(store->append(facts, position(1)).has_value());
    }
    const auto store = fixture.open();
    const auto loaded = store->load([](const FactKey&) {});
    REQUIRE(loaded.has_value());
    CHECK((*loaded)->next_record == RecordNumber(1));
    CHECK(**store->find(fact(FactKind::command, 3, 0).key) ==
          fact(FactKind::command, 3, 8).locator);
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
    std::string expected = kEdited;
    SUBCASE("a row dropped") {
        Editor editor(store);
        editor.drop(editor.rows()[3].first);
    }
    SUBCASE("every locator swapped for that of another row") {
        Editor editor(store);
        const auto rows = editor.rows();
        for (std::size_t i = 1; i < rows.size(); ++i)
            editor.put(rows[i].first, rows[i == 1 ? rows.size() - 1 : i - 1].second);
    }
    SUBCASE("another deployment's store in its place") {
        fs::remove_all(store);
        HandlerRig other;
        other.start();
        other.open_accounts(5, 10);
        other.stop();
        fs::rename(other.options.directory / "0" / "store", store);
    }
    SUBCASE("bytes of its files changed") {
        for (const auto& each : fs::directory_iterator(store)) {
            if (each.path().extension() != ".sst") continue;
            std::fstream file(each.path(), std::ios::in | std::ios::out | std::ios::binary);
            file.seekp(20);
            file.write("garbage", 7);
        }
    }
    SUBCASE("its list of files changed") {
        for (const auto& each : fs::directory_iterator(store)) {
            if (!each.path().filename().string().starts_with("MANIFEST")) continue;
            std::fstream file(each.path(), std::ios::in | std::ios::out | std::ios::binary);
            file.seekp(20);
            file.write("garbage", 7);
        }
        expected = "shard store: open: Corruption";
    }
    rig.start();
    REQUIRE(rig.handler->warnings().size() == 1);
    CHECK(rig.handler->warnings()[0].starts_with("shard 0: " + expected));
    CHECK(rig.handler->warnings()[0].ends_with("ignored and built again from the log"));
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
