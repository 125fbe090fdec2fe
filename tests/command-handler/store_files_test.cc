#include "command-handler/shard/shard_store.h"
#include "events/store/sealed_table.h"
#include "tests/command-handler/handler_rig.h"
#include "tests/support/store_files.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_reader.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

// Every way to decide by what the shard store knows, over a store of which every kind of file was
// changed in every way, while a handler runs and before it starts. What is answered is right, or
// the shard stops before it is.

namespace {

using namespace vouch;
using namespace vouch::command_handler;
using namespace vouch::test;
namespace fs = std::filesystem;

constexpr std::uint64_t kPayment = 50'000;
constexpr std::uint64_t kReversed = 50'001;
constexpr std::uint64_t kHold = 50'002;

struct Path {
    std::string_view name;
    /// With an id that is new each time, unless it is a repeat's.
    std::function<Command(std::uint64_t id)> command;
    Outcome right;
    bool reads_store = true;  ///< no: a filter in memory knows
};

const std::vector<Path>& paths() {
    static const std::vector<Path> all = {
        {"repeat", [](std::uint64_t) { return transfer(kPayment, 1, 2, 400); }, Outcome::posted},
        {"conflict", [](std::uint64_t) { return transfer(kPayment, 1, 2, 401); },
         Outcome::conflict},
        {"refund", [](std::uint64_t id) { return refund(id, kPayment, 2, 251); },
         Outcome::refund_exceeds_payment},
        {"reversal", [](std::uint64_t id) { return reverse(id, kReversed, 2); },
         Outcome::already_reversed},
        {"closed hold", [](std::uint64_t id) { return capture(id, kHold, 1, 10); },
         Outcome::hold_closed},
        {"what never was", [](std::uint64_t id) { return capture(id, 9, 1, 10); },
         Outcome::hold_not_found, false},
    };
    return all;
}

/// Books whose facts are in their store, which is copied as it is, as it was, and as it was made
/// another time.
struct StoredBooks {
    StoredBooks() {
        rig.options.bounds.generation_facts = 8;
        rig.start();
        rig.open_accounts(3, 1'000'000);
        play(1'000);
        rig.stop();
        rig.start();
        rig.stop();
        put_copy(own(), older);
        // Each opening has a manifest of its own, which it goes on to write.
        rig.start();
        for (const fs::directory_entry& file : fs::directory_iterator(own() / "store")) {
            if (file.path().filename() != "CURRENT")
                fs::copy(file, older / "store", fs::copy_options::skip_existing);
        }
        rig.play({transfer(kPayment, 1, 2, 400), transfer(kReversed, 1, 2, 30),
                  place_hold(kHold, 1, 2, 50)});
        rig.play({refund(50'003, kPayment, 2, 150), reverse(50'004, kReversed, 2),
                  release(50'005, kHold, 1)});
        play(2'000);
        rig.stop();
        put_copy(own(), right);
        fs::remove_all(own() / "store");
        rig.start();
        rig.stop();
        put_copy(own(), twin);
    }

    void play(std::uint64_t first) {
        std::vector<Command> commands;
        for (std::uint64_t i = 0; i < 60; ++i)
            commands.push_back(transfer(first + i, 1 + i % 2, 3, 1 + i));
        rig.play(commands);
    }
    /// What the handler keeps of the shard.
    fs::path own() const { return rig.options.directory / "0"; }
    void put_right() { put_copy(right, own()); }
    std::size_t change(StoreFile file, FileAct act) {
        return change_files(own() / "store", file, act, {older / "store", twin / "store"});
    }

    /// False when the shard stopped before it answered. Any other answer than the right one fails
    /// the test.
    bool ask(const Path& path) {
        CAPTURE(path.name);
        const RecordNumber end = *rig.log.end(kShard0);
        const Offset batch = rig.send(std::array{path.command(next_id++)});
        const std::vector<Answered> told = rig.answers.wait(kShard0, batch, 1);
        if (told.empty()) {
            CHECK(rig.answers.wait_until_stopped(kShard0).code == FaultCode::corrupt);
            CHECK(*rig.log.end(kShard0) == end);
            return false;
        }
        CHECK(told[0].outcome == path.right);
        return true;
    }
    bool ask_all() {
        bool all = true;
        for (const Path& path : paths()) all = all && ask(path);
        return all;
    }
    /// Ends the handler, whether or not its shard has stopped.
    void end() { rig.handler.reset(); }

    HandlerRig rig;
    TemporaryDirectory root;
    fs::path right = root.path() / "right";
    fs::path older = root.path() / "older";
    fs::path twin = root.path() / "twin";
    std::uint64_t next_id = 60'000;
};

enum class Found {
    harmless,  ///< every answer is the right one
    rebuilt,   ///< the start says so, makes the store again from the log, and answers right
    stops,     ///< a shard that needs it stops
    may_stop   ///< every answer is the right one, or the shard stops before it
};

struct Row {
    StoreFile file;
    FileAct act;
    Found started_after;
    Found running_before;
    std::string_view why_harmless;
};

constexpr std::string_view kSame = "it never changes: an older one of its name is the same";

const std::vector<Row>& rows() {
    using enum Found;
    using enum FileAct;
    constexpr std::string_view kRead = "read at the start alone";
    constexpr std::string_view kBehind = "it names earlier tables: the store goes on from the log";
    constexpr std::string_view kHeld = "open files stay what they are, if they are open already";
    constexpr std::string_view kUnread = "nothing is read from it";
    static const std::vector<Row> all = {
        {StoreFile::table, flip, rebuilt, stops, ""},
        {StoreFile::table, swap, rebuilt, stops, ""},
        {StoreFile::table, drop, rebuilt, may_stop, kHeld},
        {StoreFile::table, older, harmless, harmless, kSame},
        {StoreFile::manifest, flip, rebuilt, harmless, kRead},
        {StoreFile::manifest, swap, rebuilt, harmless, kRead},
        {StoreFile::manifest, drop, rebuilt, harmless, kRead},
        {StoreFile::manifest, older, harmless, harmless, kBehind},
        {StoreFile::current, flip, rebuilt, harmless, kRead},
        {StoreFile::current, swap, rebuilt, harmless, kRead},
        {StoreFile::current, drop, rebuilt, harmless, kRead},
        {StoreFile::current, older, rebuilt, harmless, kRead},
        {StoreFile::options, flip, harmless, harmless, kUnread},
        {StoreFile::options, swap, harmless, harmless, kUnread},
        {StoreFile::options, drop, harmless, harmless, kUnread},
        {StoreFile::options, older, harmless, harmless, kSame},
    };
    return all;
}

}  // namespace

TEST_CASE("store files: changed in any way, what is decided by them is right or not at all") {
    StoredBooks books;
    books.put_right();
    books.rig.start();
    CHECK(books.rig.handler->warnings().empty());
    CHECK(books.ask_all());
    books.end();
    for (const Row& row : rows()) {
        CAPTURE(name_of(row.file));
        CAPTURE(name_of(row.act));
        CAPTURE(row.why_harmless);
        books.put_right();
        CHECK((books.change(row.file, row.act) > 0) == (row.why_harmless != kSame));
        books.rig.start();
        CHECK(books.rig.handler->warnings().size() ==
              (row.started_after == Found::rebuilt ? 1U : 0U));
        CHECK(books.ask_all());
        books.end();

        // A shard that has stopped answers nothing more: one path at a time.
        for (const Path& path : paths()) {
            CAPTURE(path.name);
            books.put_right();
            books.rig.start();
            CHECK((books.change(row.file, row.act) > 0 || row.act == FileAct::older));
            if (row.running_before != Found::stops) {
                const bool all = books.ask_all();
                CHECK((all || row.running_before == Found::may_stop));
                books.end();
                break;
            }
            // What the store does beside may need the table too: the shard may stop by any path.
            const bool is_answered = books.ask(path);
            CHECK_FALSE((is_answered && path.reads_store));
            books.end();
        }
    }
}

TEST_CASE("store files: a snapshot that is older than the store, of another making, or gone") {
    StoredBooks books;
    books.put_right();
    const fs::path snapshot = books.own() / "snapshot";
    REQUIRE(fs::exists(snapshot));
    SUBCASE("older: the start reads what follows from the log") {
        fs::copy_file(books.older / "snapshot", snapshot, fs::copy_options::overwrite_existing);
    }
    SUBCASE("another") {
        fs::copy_file(books.twin / "snapshot", snapshot, fs::copy_options::overwrite_existing);
    }
    SUBCASE("gone: the start reads the whole log") { fs::remove(snapshot); }
    books.rig.start();
    CHECK(books.ask_all());
    books.end();
}

namespace {

constexpr std::uint64_t kForged = 50;

/// A store of a hundred commands in one table; of `kForged` it says that it stands in `record`.
struct PlainStore {
    PlainStore(fs::path place, const EpochKeys& keys, std::uint64_t record)
        : directory(std::move(place)) {
        auto opened = rocks_shard_stores().open(directory, keys, kShard0);
        REQUIRE_MESSAGE(opened, opened.error().message);
        store = std::move(*opened);
        std::vector<FactEntry> facts;
        for (std::uint64_t i = 1; i <= 100; ++i)
            facts.push_back({key(i), {RecordNumber(i), EventNumber(i), 50, 50}});
        facts[kForged - 1].locator.record = RecordNumber(record);
        REQUIRE(store->append(facts, {RecordNumber(101), {}}));
    }

    static FactKey key(std::uint64_t id) {
        return {FactKind::command, LedgerId(0), command_id(id)};
    }
    fs::path table() const {
        for (const fs::directory_entry& file : fs::directory_iterator(directory)) {
            if (file.path().extension() == ".sst") return file.path();
        }
        return {};
    }
    std::string table_rows() const {
        std::string rows(table_bytes(fs::file_size(table())).value(), '\0');
        std::ifstream in(table(), std::ios::binary);
        REQUIRE(in.read(rows.data(), static_cast<std::streamsize>(rows.size())));
        return rows;
    }

    fs::path directory;
    std::unique_ptr<ShardStore> store;
};

}  // namespace

TEST_CASE("store files: a value that was rewritten, with a checksum that fits it, is no answer") {
    const TemporaryDirectory root;
    const Deployment deployment = make_deployment(1, false, Timestamp(1)).deployment;
    const EpochKeys keys = make_test_keys(deployment);
    const PlainStore right(root.path() / "right", keys, kForged);
    const PlainStore other(root.path() / "other", keys, 99);
    const std::string forged = other.table_rows();
    REQUIRE(forged.size() == right.table_rows().size());
    REQUIRE(forged != right.table_rows());
    // RocksDB itself, which knows of no tags, finds nothing wrong with the rows.
    const fs::path plain = root.path() / "plain.sst";
    std::ofstream(plain, std::ios::binary) << forged;
    rocksdb::SstFileReader reader{rocksdb::Options()};
    REQUIRE(reader.Open(plain.string()).ok());
    REQUIRE(reader.VerifyChecksum().ok());

    std::fstream file(right.table(), std::ios::binary | std::ios::in | std::ios::out);
    REQUIRE(file.write(forged.data(), static_cast<std::streamsize>(forged.size())).flush());
    for (const std::uint64_t id : {kForged, std::uint64_t{1}, std::uint64_t{100}}) {
        CAPTURE(id);
        const auto found = right.store->find(PlainStore::key(id));
        REQUIRE_FALSE(found);
        CHECK(found.error().code == FaultCode::corrupt);
    }
    const auto loaded = right.store->load([](const FactKey&) {});
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().code == FaultCode::corrupt);
}
