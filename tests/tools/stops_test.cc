#include "tests/support/small_segments.h"
#include "tests/tools/harmed_books.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

// Books that stop because something is missing or has changed: nothing is cut, made or overwritten,
// and there is a way on.

using namespace vouch::test;
using nlohmann::json;

namespace {

namespace fs = std::filesystem;

/// How long a test waits for what takes a moment.
constexpr std::chrono::seconds kWaitMax{30};

/// Of the archive that was exported beside the books.
ProgramResult replay_archive(const Program& program) {
    return program.run({"replay", "--archive", (program.home() / "archive").string(), "--keys",
                        program.books().string()});
}

/// The record at which shard 0's kept end says that the log goes on; 0 when nothing is kept yet.
std::uint64_t kept_end(const Program& program) {
    const FileBytes bytes = read_file(kept_ends(program));
    std::uint64_t next = 0;
    for (std::size_t i = 1; i < 9 && i < bytes.size(); ++i)
        next = next << 8 | static_cast<unsigned char>(bytes[i]);
    return next;
}

/// What `recover` says that has to be given up.
std::string named_loss(const Program& program) {
    const std::string text = recover(program).err;
    constexpr std::string_view kOption = "--accept-loss ";
    const std::size_t option = text.find(std::string(kOption) + "0:");
    REQUIRE_MESSAGE(option != std::string::npos, text);
    const std::size_t from = option + kOption.size();
    return text.substr(from, text.find(' ', from) - from);
}

void write_in_small_segments(const Program& program) {
    vouch::test::write_in_small_segments(program.books() / "log", 1);
}

}  // namespace

TEST_CASE("stops: a flipped bit in the last acknowledged record, and the bytes put back") {
    const Program program;
    acknowledge_and_kill(program, 18);
    const FileBytes whole = read_file(segment(program));
    FileBytes flipped = whole;
    flipped[last_block(whole) + 150] ^= 1;
    write_file(segment(program), flipped);

    const ProgramResult stopped = program.submit(transfer(17, "7.00"));
    CHECK(stopped.exit == 1);
    CHECK(has(stopped.err, "shard 0 record 20"));
    CHECK(has(stopped.err, "may have been acknowledged"));
    CHECK(has(stopped.err, "vouch recover"));
    CHECK(read_file(segment(program)) == flipped);

    const ProgramResult replayed = program.run({"replay", "--data", program.books().string()});
    CHECK(replayed.exit == 1);
    CHECK(has(replayed.out, "unreadable_end"));
    const ProgramResult asked =
        program.run({"balance", "alice", "--data", program.books().string()});
    CHECK(has(asked.err, "the log's end cannot be read"));
    const ProgramResult exported = program.run(
        {"export", (program.home() / "archive").string(), "--data", program.books().string()});
    CHECK(exported.exit == 1);
    CHECK_MESSAGE(has(exported.err, "the log's end cannot be read"), exported.err);
    const ProgramResult of_archive = replay_archive(program);
    CHECK(of_archive.exit == 1);
    CHECK_MESSAGE(has(of_archive.out, "unreadable_end: of the log that was exported: segment 0 at"),
                  of_archive.out);

    write_file(segment(program), whole);
    CHECK(program.submit(transfer(17)).exit == 0);
    CHECK(balance(program) == "18.00");
}

TEST_CASE("stops: whoever reads a log of which records are missing says so") {
    const Program program;
    std::string lines = kOpenCashAndAlice;
    for (int i = 0; i < 6; ++i) lines += transfer(i);
    REQUIRE(program.submit(lines, {"--create", "--one-at-a-time"}).exit == 0);
    const std::vector<std::string> at = {"--data", program.books().string()};
    const auto run = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), at.begin(), at.end());
        return program.run(arguments);
    };
    // A log that is older than what lies beside it, and ends as any log ends.
    FileBytes bytes = read_file(segment(program));
    const auto end = static_cast<std::ptrdiff_t>(last_block(bytes));
    std::fill(bytes.begin() + end - 4096, bytes.end(), 0);
    write_file(segment(program), bytes);

    const ProgramResult replayed = run({"replay"});
    CHECK(replayed.exit == 1);
    CHECK_MESSAGE(has(replayed.out, "truncated"), replayed.out);
    CHECK(has(replayed.err, "vouch recover"));
    const ProgramResult asked = run({"balance", "alice"});
    CHECK(asked.exit == 1);
    CHECK(has(asked.out, "balance"));
    CHECK_MESSAGE(has(asked.err, "the log's end cannot be read"), asked.err);
    CHECK(has(asked.err, "records are missing"));
    CHECK(run({"outcome", "t0"}).exit == 1);
    CHECK(run({"balance", "--all"}).exit == 1);
    for (const std::vector<std::string>& unknown :
         {std::vector<std::string>{"outcome", "t5"}, std::vector<std::string>{"statement", "bob"}}) {
        const ProgramResult uncertain = run(unknown);
        CHECK(uncertain.exit == 1);
        CHECK_MESSAGE(
            has(uncertain.err, "may have been recorded in what cannot be read of the log"),
            uncertain.err);
    }
    const ProgramResult exported = run({"export", (program.home() / "archive").string()});
    CHECK(exported.exit == 1);
    CHECK_MESSAGE(has(exported.err, "a replay of it says what is not right"), exported.err);
    const ProgramResult of_archive = replay_archive(program);
    CHECK(of_archive.exit == 1);
    CHECK_MESSAGE(has(of_archive.out, "truncated"), of_archive.out);
    CHECK(has(of_archive.out, "the end is NOT all that was recorded"));
    // Without keys a snapshot still claims what it has seen; stores and views say nothing.
    const ProgramResult unkeyed = run({"replay", "--without-keys"});
    CHECK(unkeyed.exit == 1);
    CHECK_MESSAGE(has(unkeyed.out, "truncated"), unkeyed.out);
    CHECK(has(unkeyed.err, "(unverified, without keys) has seen more than can be read"));
    fs::rename(program.books() / "shards" / "0" / "snapshot", program.home() / "snapshot");
    const ProgramResult unasked = run({"replay", "--without-keys"});
    CHECK(unasked.exit == 6);
    CHECK_MESSAGE(has(unasked.out, "missing at the very end is NOT known"), unasked.out);
    CHECK(read_file(segment(program)) == bytes);
}

TEST_CASE("stops: who has not seen a log's end is no witness of it") {
    const Program program;
    const fs::path ends = program.books() / "shards" / "ends";
    REQUIRE(program.submit(kOpenCashAndAlice, {"--create"}).exit == 0);
    const FileBytes early = read_file(ends);
    REQUIRE(program.submit(transfer(0) + transfer(1)).exit == 0);
    const FileBytes late = read_file(ends);
    const auto replay = [&] { return program.run({"replay", "--data", program.books().string()}); };
    CHECK(replay().exit == 0);
    fs::remove_all(program.books() / "views");
    fs::remove_all(program.books() / "shards");
    fs::create_directories(program.books() / "shards");
    write_file(ends, early);
    CHECK(replay().exit == 6);
    write_file(ends, late);
    CHECK(replay().exit == 0);
    fs::remove_all(program.books() / "shards");
    CHECK(replay().exit == 6);
    // Nor does a log that was emptied say that it was empty.
    FileBytes bytes = read_file(segment(program));
    std::fill(bytes.begin() + 4096, bytes.end(), 0);
    write_file(segment(program), bytes);
    CHECK(replay().exit == 6);
}

TEST_CASE("stops: a damaged view is kept aside and made again") {
    const Program program;
    REQUIRE(program.submit(kOpenCashAndAlice + transfer(0), {"--create"}).exit == 0);
    CHECK(balance(program) == "1.00");
    const fs::path view = program.books() / "views" / "0";
    std::vector<fs::path> files;
    for (const fs::directory_entry& entry : fs::directory_iterator(view / "db"))
        files.push_back(entry.path());
    SUBCASE("a bit flipped") {
        for (const fs::path& file : files) {
            if (!file.filename().string().starts_with("MANIFEST")) continue;
            FileBytes bytes = read_file(file);
            bytes[bytes.size() / 2] ^= 1;
            write_file(file, bytes);
        }
    }
    SUBCASE("the files gone by which RocksDB knows that there is one") {
        for (const fs::path& file : files) {
            if (file.filename() == "CURRENT" || file.extension() == ".log") fs::remove(file);
        }
    }
    // Whoever compares leaves it as it is.
    const ProgramResult compared =
        program.run({"replay", "--views", "--data", program.books().string()});
    CHECK(compared.exit == 1);
    CHECK_MESSAGE(has(compared.err, "move " + view.string() + " aside"), compared.err);
    const ProgramResult asked =
        program.run({"balance", "alice", "--data", program.books().string(), "--json"});
    CHECK(asked.exit == 0);
    CHECK(json::parse(asked.out)["balance"] == "1.00");
    const std::string kept = "it is kept as " + view.string() + ".damaged-20";
    CHECK_MESSAGE(has(asked.err, "ALARM: the view of shard 0 was damaged ("), asked.err);
    CHECK_MESSAGE(has(asked.err, kept), asked.err);
    CHECK(balance(program) == "1.00");
}

TEST_CASE("stops: a damaged view is made again whatever its directory is called") {
    const Program program;
    const fs::path books = program.home() / "locked";
    REQUIRE(program.run({"submit", "-", "--data", books.string(), "--create"}, kOpenCashAndAlice + transfer(1))
                .exit == 0);
    const std::vector<std::string> ask = {"balance", "alice", "--data", books.string()};
    REQUIRE(program.run(ask).exit == 0);
    for (const auto& each : fs::directory_iterator(books / "views/0/db")) {
        if (each.path().extension() == ".sst") fs::resize_file(each.path(), 100);
    }
    const ProgramResult told = program.run(ask);
    CHECK(told.exit == 0);
    CHECK_MESSAGE(has(told.err, "views/0.damaged-"), told.err);
}

TEST_CASE("stops: keys that are missing or not these books' say what to put back") {
    const Program program;
    REQUIRE(program.submit(kOpenCashAndAlice, {"--create"}).exit == 0);
    const auto told = [&] {
        return program.run({"balance", "alice", "--data", program.books().string()});
    };
    const fs::path other = program.home() / "other";
    REQUIRE(program.run({"submit", "-", "--data", other.string(), "--create"}, kOpenCashAndAlice).exit == 0);
    fs::rename(program.books() / "keys", program.home() / "kept");
    CHECK(told().exit == 3);
    CHECK_MESSAGE(has(told().err, "put it back from a copy"), told().err);
    fs::copy_file(other / "keys", program.books() / "keys");
    CHECK(told().exit == 3);
    CHECK_MESSAGE(has(told().err, "put back whichever of the two was exchanged"), told().err);
}

TEST_CASE("stops: a file of the log that is none says what to do about it") {
    const Program program;
    std::string lines = kOpenCashAndAlice;
    for (int i = 0; i < 40; ++i) lines += transfer(i);
    REQUIRE(program.submit(lines, {"--create", "--one-at-a-time"}).exit == 0);
    write_in_small_segments(program);
    FileBytes bytes = read_file(segment(program));
    SUBCASE("shortened") {
        bytes.resize(20'000);
        write_file(segment(program), bytes);
    }
    SUBCASE("its header flipped") {
        bytes[20] ^= 1;
        write_file(segment(program), bytes);
    }
    SUBCASE("missing") { fs::remove(segment(program)); }
    SUBCASE("one too many") {
        fs::copy_file(segment(program), program.books() / "log" / "00000099.segment");
    }
    const ProgramResult stopped = program.submit(transfer(90));
    CHECK(stopped.exit == 1);
    CHECK(has(stopped.err, "vouch recover"));
    const ProgramResult told = recover(program);
    CHECK(told.exit == 1);
    CHECK(has(told.err, (program.books() / "log" / "000000").string()));
    CHECK_MESSAGE(has(told.err, "Put that file back, whole, from a copy"), told.err);
    CHECK_MESSAGE(has(told.err, "is moved away instead"), told.err);
}

TEST_CASE("stops: the last segment is not given up with more than itself when its file is gone") {
    const Program program;
    std::string lines = kOpenCashAndAlice;
    for (int i = 0; i < 60; ++i) lines += transfer(i);
    REQUIRE(program.submit(lines, {"--create", "--one-at-a-time"}).exit == 0);
    write_in_small_segments(program);
    FileBytes bytes = read_file(segment(program));
    std::string loss;
    SUBCASE("and the one before it is damaged") {
        bytes[8 * 4096 + 9] ^= 1;
        loss = "0:7-61";
    }
    SUBCASE("and all else is whole") { loss = "0:15"; }
    write_file(segment(program), bytes);
    for (int i = 1;
         fs::remove(program.books() / "log" / ("0000000" + std::to_string(i) + ".segment")); ++i) {
    }
    const ProgramResult looked = recover(program);
    CHECK(looked.exit == 5);
    CHECK_MESSAGE(has(looked.err, "more than the last segment would be lost"), looked.err);
    CHECK(has(looked.err, "00000001.segment and the segments behind it, which are gone"));
    CHECK(recover(program, {"--accept-loss", loss, "--by", "op"}).exit == 5);
    CHECK(read_file(segment(program)) == bytes);
}

TEST_CASE("stops: an end that reached the next segment, which is there and empty, can be given up") {
    const Program program;
    std::string lines = kOpenCashAndAlice;
    for (int i = 0; i < 16; ++i) lines += transfer(i);
    REQUIRE(program.submit(lines, {"--create", "--one-at-a-time"}).exit == 0);
    write_in_small_segments(program);
    // The disk gave back the next segment's records as zeros: that they were there, others know.
    const fs::path next = program.books() / "log" / "00000001.segment";
    FileBytes empty = read_file(next);
    std::fill(empty.begin() + 4096, empty.end(), 0);
    REQUIRE(empty != read_file(next));
    write_file(next, empty);
    fs::remove(program.books() / "log" / "00000002.segment");
    FileBytes bytes = read_file(segment(program));
    bytes[12 * 4096 + 150] ^= 1;
    write_file(segment(program), bytes);

    const ProgramResult looked = recover(program);
    CHECK(looked.exit == 1);
    const std::size_t option = looked.err.find("--accept-loss 0:");
    REQUIRE_MESSAGE(option != std::string::npos, looked.err);
    const std::string loss =
        looked.err.substr(option + 14, looked.err.find(' ', option + 14) - option - 14);
    const ProgramResult recovered = recover(program, {"--accept-loss", loss, "--by", "op"});
    CHECK_MESSAGE(recovered.exit == 0, recovered.err);
    CHECK(program.submit(transfer(90)).exit == 0);
    CHECK(program.run({"replay", "--data", program.books().string()}).exit == 0);
}

TEST_CASE("stops: a torn end is told as what the next start cuts") {
    const Program program;
    acknowledge_and_kill(program, 3);
    FileBytes bytes = read_file(segment(program));
    const std::size_t last = last_block(bytes);
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(last), 512, 0);
    bytes[last + 600] = 'x';
    write_file(segment(program), bytes);
    fs::remove_all(program.books() / "shards" / "0");
    const ProgramResult torn = recover(program);
    CHECK_MESSAGE(torn.exit == 0, torn.err);
    CHECK_FALSE(has(torn.err, "end is whole"));
    CHECK_MESSAGE(has(torn.err, "the next start copies it beside the log and cuts it"), torn.err);
}

TEST_CASE("stops: whoever has seen more stops the writer before anything is cut") {
    const Program program;
    std::string witness;
    SUBCASE("a view") {
        acknowledge_and_kill(program, 3);
        CHECK(balance(program) == "3.00");
        witness = "the view in ";
    }
    SUBCASE("a snapshot") {
        REQUIRE(program.submit(kOpenCashAndAlice + transfer(0) + transfer(1), {"--create"}).exit == 0);
        fs::remove_all(program.books() / "shards" / "0" / "store");
        fs::remove(kept_ends(program));
        witness = "the snapshot in ";
    }
    SUBCASE("a shard store") {
        REQUIRE(program.submit(kOpenCashAndAlice + transfer(0) + transfer(1), {"--create"}).exit == 0);
        fs::remove(program.books() / "shards" / "0" / "snapshot");
        fs::remove(kept_ends(program));
        witness = "the shard store in ";
    }
    const std::string newest = newest_record(program);
    FileBytes bytes = read_file(segment(program));
    const std::size_t last = last_block(bytes);
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(last), 4096, 0);
    write_file(segment(program), bytes);
    // With or without a projector of its own.
    for (const ProgramResult& stopped :
         {program.submit(transfer(9)), program.run({"serve", "--data", program.books().string(),
                                                    "--roles", "handler,api", "--listen", "127.0.0.1:0"})}) {
        CHECK(stopped.exit == 1);
        CHECK_MESSAGE(has(stopped.err, witness), stopped.err);
        CHECK(has(stopped.err, "records are missing"));
    }
    CHECK(read_file(segment(program)) == bytes);

    const ProgramResult looked = recover(program);
    CHECK(looked.exit == 1);
    const std::size_t option = looked.err.find("--accept-loss 0:");
    REQUIRE(option != std::string::npos);
    const std::string loss =
        looked.err.substr(option + 14, looked.err.find(' ', option + 14) - option - 14);
    const ProgramResult recovered = recover(program, {"--accept-loss", loss, "--by", "op"});
    CHECK_MESSAGE(recovered.exit == 0, recovered.err);
    CHECK(has(recovered.err, ".before-loss-"));
    CHECK(told_loss(program) == loss.substr(2) + " known " + newest);
    CHECK(program.submit(transfer(9)).exit == 0);
    CHECK(program.run({"balance", "alice", "--data", program.books().string()}).exit == 0);
    CHECK(program.run({"replay", "--views", "--data", program.books().string()}).exit == 0);
}

TEST_CASE("stops: where the log ends is kept while records are written") {
    const Program program;
    RunningProgram running(program, {"submit", "-", "--data", program.books().string(), "--create"});
    running.write(kOpenCashAndAlice + transfer(0));
    for (int i = 0; i < 3; ++i) REQUIRE(!running.read_line().empty());
    // From here on the transfer's group is lost, and what follows it.
    FileBytes bytes = read_file(segment(program));
    const std::size_t lost = last_block(bytes);
    const std::size_t records = count_records(program);
    const auto until = std::chrono::steady_clock::now() + kWaitMax;
    while (kept_end(program) < records) REQUIRE(std::chrono::steady_clock::now() < until);
    running.kill();
    running.wait();
    bytes = read_file(segment(program));
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(lost), bytes.end(), 0);
    write_file(segment(program), bytes);

    const auto is_seen = [&](const std::string& text) {
        CHECK_MESSAGE(has(text, kept_ends(program).string() + " has seen"), text);
    };
    const ProgramResult stopped = program.submit(transfer(0, "9.00"));
    CHECK(stopped.exit == 1);
    is_seen(stopped.err);
    const ProgramResult replayed = program.run({"replay", "--data", program.books().string()});
    CHECK(replayed.exit == 1);
    CHECK_MESSAGE(has(replayed.out, "truncated"), replayed.out);
    const ProgramResult asked =
        program.run({"balance", "alice", "--data", program.books().string()});
    is_seen(asked.err);
    CHECK(read_file(segment(program)) == bytes);

    const std::string loss = named_loss(program);
    const ProgramResult recovered = recover(program, {"--accept-loss", loss, "--by", "op"});
    CHECK_MESSAGE(recovered.exit == 0, recovered.err);
    CHECK_MESSAGE(has(recovered.err, "ends.before-loss-"), recovered.err);
    CHECK(program.submit(transfer(0)).exit == 0);
    CHECK(program.run({"replay", "--data", program.books().string()}).exit == 0);
}

TEST_CASE("stops: another log than the one whose end was kept is not gone on with") {
    const Program program;
    acknowledge_and_kill(program, 3);
    const fs::path other = program.home() / "other";
    fs::copy(program.books(), other, fs::copy_options::recursive);
    fs::remove(other / "origin");
    // Acknowledged here, and kept nowhere but in the log and its kept end.
    RunningProgram running(program, {"submit", "-", "--data", program.books().string()});
    running.write(transfer(4));
    REQUIRE(!running.read_line().empty());
    const std::size_t records = count_records(program);
    const auto until = std::chrono::steady_clock::now() + kWaitMax;
    while (kept_end(program) < records) REQUIRE(std::chrono::steady_clock::now() < until);
    running.kill();
    running.wait();
    for (int i = 5; i < 9; ++i)
        REQUIRE(program.run({"submit", "-", "--data", other.string()}, transfer(i)).exit == 0);
    fs::copy(other / "log", program.books() / "log",
             fs::copy_options::recursive | fs::copy_options::overwrite_existing);
    REQUIRE(count_records(program) > records);

    const ProgramResult stopped = program.submit(transfer(4, "9.00"));
    CHECK(stopped.exit == 1);
    CHECK_MESSAGE(has(stopped.err, "digest mismatch, the kept end and the log"), stopped.err);
    // Where the log is the right one after all.
    fs::remove(kept_ends(program));
    CHECK(program.submit(transfer(9)).exit == 0);
}

TEST_CASE("stops: kept ends that are not what was written are set aside and begun anew") {
    const Program program;
    acknowledge_and_kill(program, 3);
    REQUIRE(program.submit(transfer(4)).exit == 0);
    std::string what;
    SUBCASE("another number") {
        FileBytes bytes = read_file(kept_ends(program));
        bytes[8] = static_cast<char>(bytes[8] ^ 1);
        write_file(kept_ends(program), bytes);
        what = "ends: the end of shard 0 is not what was written";
    }
    SUBCASE("no file") {
        fs::remove(kept_ends(program));
        fs::create_directory(kept_ends(program));
        what = "ends is no file";
    }
    const ProgramResult told = program.submit(transfer(5));
    CHECK(told.exit == 0);
    CHECK_MESSAGE(has(told.err, what), told.err);
    CHECK_MESSAGE(has(told.err, "ends.damaged-"), told.err);
    CHECK(program.submit(transfer(6)).err.empty());
}

TEST_CASE("stops: a pipe in the place of a file is named, and holds nobody up") {
    const Program program;
    acknowledge_and_kill(program, 3);
    for (const char* const name : {"deployment", "instance", "shards/0/deaths", "log/newest"}) {
        CAPTURE(name);
        const fs::path file = program.books() / name;
        const fs::path kept = program.home() / "kept";
        const bool was_there = fs::exists(file);
        if (was_there) fs::rename(file, kept);
        REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
        for (const ProgramResult& told :
             {program.submit(transfer(4)), program.run({"replay", "--data", program.books().string()})}) {
            CHECK(told.exit == 3);
            CHECK_MESSAGE(has(told.err, file.string() + " is a pipe"), told.err);
        }
        fs::remove(file);
        if (was_there) fs::rename(kept, file);
    }
    CHECK(program.submit(transfer(4)).exit == 0);
}
TEST_CASE("stops: rot in an older segment is named with its file, and mended by a copy of it") {
    const Program program;
    std::string lines = kOpenCashAndAlice;
    for (int i = 0; i < 40; ++i) lines += transfer(i);
    REQUIRE(program.submit(lines, {"--create", "--one-at-a-time"}).exit == 0);
    write_in_small_segments(program);
    REQUIRE(fs::exists(program.books() / "log" / "00000002.segment"));
    const ProgramResult unharmed = recover(program);
    CHECK(unharmed.exit == 0);
    CHECK(has(unharmed.err, "every record of the log is what was written"));

    const fs::path copy = program.home() / "copy";
    fs::copy_file(segment(program), copy);
    FileBytes rotten = read_file(copy);
    rotten[5 * 4096 + 150] ^= 1;
    write_file(segment(program), rotten);
    const ProgramResult found = recover(program);
    CHECK(found.exit == 1);
    CHECK_MESSAGE(has(found.err, "shard 0 record 4: checksum mismatch"), found.err);
    CHECK(has(found.err, "it lies in " + segment(program).string() + " at byte "));
    CHECK(has(found.err, "1 records are not what was written"));
    for (const std::vector<std::string>& reader :
         {std::vector<std::string>{"balance", "alice"}, {"export", "x"}}) {
        std::vector<std::string> arguments = reader;
        arguments.insert(arguments.end(), {"--data", program.books().string()});
        const ProgramResult told = program.run(arguments);
        CHECK(told.exit == 1);
        CHECK_MESSAGE(has(told.err, "vouch recover --data "), told.err);
    }
    const ProgramResult not_given_up = recover(program, {"--accept-loss", "0:5", "--by", "op"});
    CHECK(not_given_up.exit == 1);
    CHECK(read_file(segment(program)) == rotten);
    // They open nevertheless, from their snapshot.
    CHECK(program.submit(transfer(90)).exit == 0);

    fs::copy_file(copy, segment(program), fs::copy_options::overwrite_existing);
    CHECK(recover(program).exit == 0);
    CHECK(program.run({"replay", "--data", program.books().string()}).exit == 0);
}

TEST_CASE("stops: a lost log is not made anew under the old identity") {
    const Program program;
    REQUIRE(program.submit(kOpenCashAndAlice + transfer(0), {"--create"}).exit == 0);
    fs::remove_all(program.books() / "shards");
    fs::remove_all(program.books() / "views");
    const fs::path log = program.books() / "log";
    SUBCASE("the directory") { fs::remove_all(log); }
    SUBCASE("its files") { fs::remove(segment(program)); }
    const bool was_there = fs::exists(log);
    for (const std::vector<std::string>& more :
         {std::vector<std::string>{}, std::vector<std::string>{"--create"}}) {
        const ProgramResult refused = program.submit(transfer(1), more);
        CHECK(refused.exit == 3);
        CHECK_MESSAGE(has(refused.err, "is gone"), refused.err);
        CHECK(fs::exists(log) == was_there);
        CHECK_FALSE(fs::exists(segment(program)));
    }
    for (const std::string reader : {"balance --all", "replay", "export x", "recover"}) {
        const std::size_t blank = reader.find(' ');
        std::vector<std::string> arguments = {reader.substr(0, blank)};
        if (blank != std::string::npos) arguments.push_back(reader.substr(blank + 1));
        arguments.insert(arguments.end(), {"--data", program.books().string()});
        const ProgramResult told = program.run(arguments);
        CHECK(told.exit == 3);
        CHECK_MESSAGE(has(told.err, "Put it back from a copy"), told.err);
    }
    CHECK(program.run({"replay", "--data", program.books().string()}).exit != 0);
}

TEST_CASE("stops: without its file deployment a directory with records is kept") {
    const Program program;
    REQUIRE(program.submit(kOpenCashAndAlice, {"--create"}).exit == 0);
    const FileBytes deployment = read_file(program.books() / "deployment");
    fs::remove(program.books() / "deployment");
    for (const std::vector<std::string>& more :
         {std::vector<std::string>{}, std::vector<std::string>{"--create"}}) {
        const ProgramResult refused = program.submit(transfer(1), more);
        CHECK(refused.exit == 3);
        CHECK_MESSAGE(has(refused.err, "log/ holds records; put it back"), refused.err);
        CHECK_FALSE(has(refused.err, "remove"));
    }
    write_file(program.books() / "deployment", deployment);
    fs::permissions(program.books() / "deployment",
                    fs::perms::owner_read | fs::perms::owner_write);
    CHECK(program.submit(transfer(1)).exit == 0);
}

TEST_CASE("stops: books of an earlier version are named as such") {
    const Program program;
    REQUIRE(program.submit(kOpenCashAndAlice, {"--create"}).exit == 0);
    FileBytes bytes = read_file(segment(program));
    bytes[3] = '2';
    write_file(segment(program), bytes);
    for (const std::vector<std::string>& arguments :
         {std::vector<std::string>{"balance", "alice"}, std::vector<std::string>{"replay"},
          std::vector<std::string>{"submit", "-"}, std::vector<std::string>{"recover"}}) {
        std::vector<std::string> all = arguments;
        all.insert(all.end(), {"--data", program.books().string()});
        const ProgramResult refused = program.run(all);
        CHECK(refused.exit == 3);
        CHECK_MESSAGE(has(refused.err, "of an earlier version of vouch"), refused.err);
    }
}
