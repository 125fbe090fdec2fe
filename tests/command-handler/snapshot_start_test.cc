#include "command-handler/shard/seen_end.h"
#include "command-handler/shard/shard_loop.h"
#include "command-handler/shard/snapshot.h"
#include "tests/command-handler/handler_rig.h"
#include "tests/support/file_places.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <random>
#include <string>
#include <vector>

// A shard that starts from a snapshot: the same state as from the log alone, or no start.

namespace {

using namespace vouch;
using namespace vouch::command_handler;
using namespace vouch::test;
namespace fs = std::filesystem;

/// A shard without its thread, started from what `directory` holds and the rig's log, or another.
struct Started {
    Started(HandlerRig& rig, const fs::path& directory, Log* log = nullptr)
        : options{rig.options},
          loop(environment(rig, directory, log != nullptr ? *log : rig.log)),
          status(loop.start()) {}

    ShardEnvironment environment(HandlerRig& rig, const fs::path& directory, Log& log) {
        options.directory = directory;
        return {kShard0, log, rig.deployment, rig.keys, rig.clock, rig.answers, options};
    }

    HandlerOptions options;
    ShardLoop loop;
    Status status;
};

}  // namespace

TEST_CASE("snapshot: written while commands go on, it leads to the state that a replay leads to") {
    HandlerRig rig;
    rig.options.bounds.snapshot_events = 300;
    const fs::path written = rig.options.directory / "0" / "snapshot";
    rig.start();
    std::uint64_t accounts = 3 * SnapshotWriter::kChunkRows;
    rig.open_accounts(accounts, 100);
    std::mt19937_64 random(4711);
    std::uint64_t next_id = 1;
    std::vector<std::string> copies;
    constexpr std::size_t kCopies = 6;
    constexpr int kRoundsMax = 5'000;
    for (int round = 0; round < kRoundsMax && copies.size() < kCopies; ++round) {
        std::vector<Command> commands;
        for (int i = 0; i < 40; ++i) {
            const std::uint64_t id = next_id++;
            const std::uint64_t a = 1 + random() % accounts;
            const std::uint64_t b = 1 + random() % 50;
            switch (random() % 6) {
                case 0:
                    for (int opened = 0; opened < 5; ++opened) {
                        commands.push_back(open_account(
                            10'000'000 + 10 * id + static_cast<std::uint64_t>(opened), ++accounts));
                    }
                    break;
                case 1:
                    commands.push_back(
                        place_hold(id, b, a, 1 + random() % 20, random() % 2 == 0 ? 0 : 3'000'000));
                    break;
                case 2:
                    commands.push_back(capture(id, id - 1 - random() % 30, b, 1 + random() % 10,
                                               random() % 2 == 0));
                    break;
                case 3:
                    commands.push_back(random() % 2 == 0 ? freeze(id, b, Block::credits)
                                                         : unfreeze(id, b, Block::credits));
                    break;
                default:
                    commands.push_back(transfer(id, b, a, random() % 100));
            }
        }
        rig.clock.advance(200'000);
        rig.play(commands);
        if (fs::exists(written)) {
            const std::string bytes = text_of(system_files(), written);
            if (copies.empty() || copies.back() != bytes) copies.push_back(bytes);
        }
    }
    REQUIRE(copies.size() == kCopies);
    rig.crash();
    // Where the log has lost a record that a copy has something of, the copy is not begun from.
    for (const std::string& copy : copies) {
        const fs::path with = rig.directory.path() / "cut";
        fs::create_directories(with / "0");
        write_file(system_files(), with / "0" / "snapshot", copy);
        const std::optional<RecordNumber> seen_next = peek_snapshot(with / "0" / "snapshot");
        REQUIRE(seen_next);
        const RecordNumber last(seen_next->value() - 1);
        const std::unique_ptr<SimulatedLog> log = copy_below(rig.log, last);
        CHECK(seen_beyond(with, rig.keys, kShard0, 1, last)->next_record == *seen_next);
        CHECK_FALSE(seen_beyond(with, rig.keys, kShard0, 1, *seen_next));
        Started loaded(rig, with, log.get());
        REQUIRE_FALSE(loaded.status);
        CHECK(loaded.status.error().message.find("records are missing") != std::string::npos);
    }

    const fs::path without = rig.directory.path() / "without";
    Started replayed(rig, without);
    REQUIRE_MESSAGE(replayed.status, replayed.status.error().message);
    const std::string expected = test::render(replayed.loop.books().state);
    CHECK(expected.find("NOT FOUND") == std::string::npos);
    for (std::size_t i = 0; i < copies.size(); ++i) {
        CAPTURE(i);
        const fs::path with = rig.directory.path() / ("with" + std::to_string(i));
        fs::create_directories(with / "0");
        write_file(system_files(), with / "0" / "snapshot", copies[i]);
        Started loaded(rig, with);
        REQUIRE_MESSAGE(loaded.status, loaded.status.error().message);
        CHECK(loaded.loop.warnings().empty());
        CHECK((test::render(loaded.loop.books().state) == expected));
        // A start adds nothing but its term.
        CHECK(loaded.loop.books().head.next_record.value() ==
              replayed.loop.books().head.next_record.value() + 1 + i);
    }
}

TEST_CASE("snapshot: a handler whose snapshot was edited warns, and has the same state") {
    HandlerRig rig;
    rig.start();
    rig.open_accounts(20, 500);
    rig.play({place_hold(1, 1, 2, 100), place_hold(2, 3, 4, 100), transfer(3, 5, 6, 20),
              freeze(4, 7, Block::both)});
    rig.stop();
    const fs::path path = rig.options.directory / "0" / "snapshot";
    const std::string right = text_of(system_files(), path);
    REQUIRE_FALSE(right.empty());
    const std::string state = [&] {
        Started started(rig, rig.options.directory);
        REQUIRE(started.status.has_value());
        CHECK(started.loop.warnings().empty());
        return test::render(started.loop.books().state);
    }();
    std::size_t kept = 0;
    for (const std::size_t at : {std::size_t{4}, right.size() / 2, right.size() - 1}) {
        CAPTURE(at);
        std::string wrong = right;
        wrong[at] = static_cast<char>(wrong[at] ^ 16);
        write_file(system_files(), path, wrong);
        Started started(rig, rig.options.directory);
        REQUIRE(started.status.has_value());
        REQUIRE(started.loop.warnings().size() == 1);
        const std::string warning = started.loop.warnings()[0];
        const std::string begin = "shard 0: snapshot: not what was written; set aside as ";
        REQUIRE(warning.starts_with(begin + path.string() + ".damaged-"));
        ++kept;
        CHECK(warning.ends_with(", " + std::to_string(kept) +
                                " of its kind are kept there, and built again from the log"));
        const std::string aside = warning.substr(begin.size(), warning.find(',') - begin.size());
        CHECK(text_of(system_files(), aside) == wrong);
        CHECK_FALSE(fs::exists(path));
        CHECK((test::render(started.loop.books().state) == state));
    }
}

TEST_CASE("snapshot: one that has seen what the log no longer has stops the start") {
    HandlerRig rig;
    rig.start();
    rig.open_accounts(2, 500);
    rig.stop();
    SimulatedLog shorter(1);
    ShardEnvironment with{kShard0,   shorter,     rig.deployment, rig.keys,
                           rig.clock, rig.answers, rig.options};
    ShardLoop loop(with);
    const Status status = loop.start();
    REQUIRE_FALSE(status);
    CHECK(status.error().code == FaultCode::corrupt);
    CHECK(status.error().message.find("records are missing") != std::string::npos);
}

TEST_CASE("snapshot: a record of another course of the same books, before it, stops the start") {
    HandlerRig rig;
    rig.start();
    rig.open_accounts(2, 500);
    rig.stop();
    const RecordNumber forked = *rig.log.end(kShard0);
    const std::unique_ptr<SimulatedLog> other = copy_below(rig.log, forked);
    LogFold fold(rig.deployment, rig.keys);
    fold.read(rig.log);
    for (Offset next(0); next < fold.marks.back().next_command; next = next.next())
        REQUIRE(other->produce(kShard0, {}).has_value());
    const auto go_on = [&](SimulatedLog& log, std::uint64_t id) {
        rig.options.directory = rig.directory.path() / std::to_string(id);
        rig.answers.forget();
        auto handler =
            Handler::start(log, rig.deployment, rig.keys, rig.clock, rig.answers, rig.options);
        REQUIRE(handler.has_value());
        const Command command = transfer(id, 1, 2, 7);
        rig.answers.wait(kShard0, *log.produce(kShard0, batch_of({&command, 1})), 1);
        REQUIRE((*handler)->stop().has_value());
    };
    go_on(rig.log, 1);
    go_on(*other, 2);
    const fs::path with = rig.directory.path() / "1";
    fs::remove_all(with / "0" / "store");
    {
        Started same(rig, with);
        REQUIRE_MESSAGE(same.status, same.status.error().message);
    }
    fs::remove_all(with / "0" / "store");
    // Of the same keys, number, term and epoch, and as long.
    const RecordNumber decided(forked.value() + 1);
    std::vector<StoredRecord> records;
    REQUIRE(other->read_records(kShard0, decided, 1, records).has_value());
    rig.log.tamper(kShard0, decided, records.at(0).bytes);
    Started started(rig, with);
    REQUIRE_FALSE(started.status);
    CHECK(started.status.error().message.find("predecessor") != std::string::npos);
}
