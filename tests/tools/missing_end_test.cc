#include "tests/tools/harmed_books.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

// Books whose log does not reach as far as it did: who has seen more stops the writer, every reader
// says so, nothing is cut before that, and there is a way on.

using namespace vouch::test;

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

}  // namespace

TEST_CASE("missing end: a flipped bit in the last acknowledged record, and the bytes put back") {
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
    CHECK_MESSAGE(has(of_archive.out, "unreadable_end: of the log that was exported: " +
                                          segment(program).string() + " at byte"),
                  of_archive.out);

    write_file(segment(program), whole);
    CHECK(program.submit(transfer(17)).exit == 0);
    CHECK(balance(program) == "18.00");
}

TEST_CASE("missing end: whoever reads a log of which records are missing says so") {
    const Program program;
    record_one_by_one(program, 6);
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

TEST_CASE("missing end: who has not seen a log's end is no witness of it") {
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

TEST_CASE("missing end: nothing that is made of a log that was cut says that all is there") {
    const Program program;
    record_one_by_one(program, 6);
    fs::remove_all(program.books() / "shards");
    FileBytes bytes = read_file(segment(program));
    const auto end = static_cast<std::ptrdiff_t>(last_block(bytes));
    std::fill(bytes.begin() + end - 4096, bytes.end(), 0);
    write_file(segment(program), bytes);

    const fs::path folder = program.home() / "backup";
    const std::string archive = (program.home() / "archive").string();
    const std::vector<std::string> passphrase = {"--backup-passphrase-file",
                                                 (program.home() / "secret").string()};
    const auto run = [&](std::vector<std::string> arguments, const fs::path& data) {
        arguments.insert(arguments.end(), {"--data", data.string()});
        return program.run(arguments);
    };
    const std::string not_known = "whether records are missing at the very end is NOT known: shard "
                                  "0 ends before record ";
    const auto is_doubted = [&](const ProgramResult& result, int exit) {
        CHECK_MESSAGE(result.exit == exit, result.err);
        const std::string told = result.out + result.err;
        CHECK_MESSAGE(has(told, not_known), told);
    };
    is_doubted(run({"replay"}, program.books()), 6);
    CHECK(run({"balance", "alice"}, program.books()).exit == 0);
    is_doubted(run({"replay"}, program.books()), 6);
    is_doubted(run({"replay", "--views"}, program.books()), 6);
    const ProgramResult recovered = run({"recover"}, program.books());
    is_doubted(recovered, 0);
    CHECK_FALSE(has(recovered.err, "every record of the log is what was written"));
    CHECK_FALSE(has(recovered.err, "the log's end is whole"));

    is_doubted(run({"export", archive}, program.books()), 6);
    CHECK_FALSE(fs::exists(archive));
    is_doubted(run({"export", archive, "--accept-unsealed-end"}, program.books()), 0);

    const auto with_passphrase = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), passphrase.begin(), passphrase.end());
        return arguments;
    };
    is_doubted(run(with_passphrase({"backup", "--to", folder.string()}), program.books()), 0);
    is_doubted(run({"replay", "--passphrase-file", passphrase.back()}, folder), 6);
    const fs::path other = program.home() / "other";
    const ProgramResult refused = run(with_passphrase({"restore", folder.string()}), other);
    CHECK(refused.exit == 1);
    CHECK_MESSAGE(has(refused.err, "nobody has sealed that the backup ends where its log does"),
                  refused.err);
    is_doubted(
        run(with_passphrase({"restore", folder.string(), "--accept-unsealed-end"}), other), 0);
    is_doubted(run({"replay"}, other), 6);
}

TEST_CASE("missing end: whoever has seen another log is no witness of this one's end") {
    const Program program;
    REQUIRE(program.submit(kOpenCashAndAlice + transfer(0), {"--create"}).exit == 0);
    const fs::path other = program.home() / "other";
    fs::copy(program.books(), other, fs::copy_options::recursive);
    fs::remove(other / "origin");
    REQUIRE(program.run({"submit", "-", "--data", other.string()}, transfer(1)).exit == 0);
    REQUIRE(program.run({"balance", "alice", "--data", other.string()}).exit == 0);
    // As many records as there, or more.
    REQUIRE(program.submit(transfer(2)).exit == 0);
    REQUIRE(program.submit(transfer(3)).exit == 0);
    const std::vector<std::string> passphrase = {"--backup-passphrase-file",
                                                 (program.home() / "secret").string()};
    std::string who;
    SUBCASE("a kept end") {
        write_file(kept_ends(program), read_file(other / "shards/ends"));
        who = "the end that is kept in " + kept_ends(program).string();
    }
    SUBCASE("a view") {
        fs::copy(other / "views", program.books() / "views", fs::copy_options::recursive);
        who = "the view in " + (program.books() / "views/0").string();
    }
    const std::string seen = "not the digest that " + who + " has seen: ";
    for (std::vector<std::string> arguments :
         {std::vector<std::string>{"replay"}, {"replay", "--views"}}) {
        arguments.insert(arguments.end(), {"--data", program.books().string()});
        const ProgramResult replayed = program.run(arguments);
        CHECK(replayed.exit == 1);
        CHECK_MESSAGE(has(replayed.out, ": forked: " + seen), replayed.out);
        CHECK_MESSAGE(has(replayed.out, "NOT known: " + who + " is of another log"), replayed.out);
    }
    const std::string archive = (program.home() / "archive").string();
    const std::string folder = (program.home() / "backup").string();
    for (std::vector<std::string> arguments :
         {std::vector<std::string>{"recover"}, {"export", archive},
          {"backup", "--to", folder, passphrase[0], passphrase[1]}}) {
        arguments.insert(arguments.end(), {"--data", program.books().string()});
        const ProgramResult told = program.run(arguments);
        CHECK_MESSAGE(told.exit == 1, told.err);
        CHECK_MESSAGE(has(told.err, seen), told.err);
    }
    CHECK_FALSE(fs::exists(archive));
    CHECK_FALSE(fs::exists(folder));
}

TEST_CASE("missing end: a torn end is told as what the next start cuts") {
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

TEST_CASE("missing end: whoever has seen more stops the writer before anything is cut") {
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
    const std::string loss = named_loss(looked);
    const ProgramResult recovered = recover(program, {"--accept-loss", loss, "--by", "op"});
    CHECK_MESSAGE(recovered.exit == 0, recovered.err);
    CHECK(has(recovered.err, ".before-loss-"));
    CHECK(told_loss(program) == loss.substr(2) + " known " + newest);
    CHECK(program.submit(transfer(9)).exit == 0);
    CHECK(program.run({"balance", "alice", "--data", program.books().string()}).exit == 0);
    CHECK(program.run({"replay", "--views", "--data", program.books().string()}).exit == 0);
}

TEST_CASE("missing end: where the log ends is kept while records are written") {
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

    const std::string loss = named_loss(recover(program));
    const ProgramResult recovered = recover(program, {"--accept-loss", loss, "--by", "op"});
    CHECK_MESSAGE(recovered.exit == 0, recovered.err);
    CHECK_MESSAGE(has(recovered.err, "ends.before-loss-"), recovered.err);
    CHECK(program.submit(transfer(0)).exit == 0);
    CHECK(program.run({"replay", "--data", program.books().string()}).exit == 0);
}

TEST_CASE("missing end: another log than the one whose end was kept is not gone on with") {
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

TEST_CASE("missing end: kept ends that are not what was written are set aside and begun anew") {
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
