#include "tests/tools/harmed_books.h"
#include "tests/tools/opened_books.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

// `vouch backup` and `vouch restore`: what was acknowledged is in the backup, it proves itself, and
// books are made from it on a machine that has nothing else.

using namespace vouch::test;

namespace {

namespace fs = std::filesystem;

/// Backups of a program's books, and the passphrase that goes with them.
struct Backup {
    fs::path folder;
    fs::path passphrase;

    explicit Backup(const Program& program)
        : folder(program.home() / "backup"), passphrase(program.home() / "backup.passphrase") {}

    ProgramResult make(const Program& program) const {
        return program.run({"backup", program.books().string(), "--to", folder.string(),
                            "--backup-passphrase-file", passphrase.string()});
    }
    ProgramResult restore(const Program& elsewhere) const {
        return elsewhere.run({"restore", folder.string(), "--data", elsewhere.books().string(),
                              "--backup-passphrase-file", passphrase.string()});
    }
};

std::string balance_of(const ProgramResult& result) {
    const std::string name = "balance         ";
    const std::size_t at = result.out.find("\n" + name);
    if (at == std::string::npos) return result.err;
    const std::size_t from = at + 1 + name.size();
    return result.out.substr(from, result.out.find('\n', from) - from);
}

}  // namespace

TEST_CASE("backup: made beside a running server, it becomes books on a machine with nothing else") {
    const Program program;
    const Program elsewhere;
    const Backup backup(program);
    REQUIRE(program.submit(kOpenCashAndAlice, {"--create", "--shards", "2"}).exit == 0);
    RunningProgram server(program, {"serve", "--data", program.books().string()});
    REQUIRE(has(server.read_line(), "http"));
    REQUIRE(program.submit(transfer(1) + transfer(2)).exit == 0);

    const ProgramResult made = backup.make(program);
    REQUIRE_MESSAGE(made.exit == 0, made.err);
    CHECK(has(made.err, "each read back and verified"));
    // Behind the backup: it is not in there, and does not harm it.
    REQUIRE(program.submit(transfer(3)).exit == 0);

    // It proves itself where it lies, under a passphrase of its own, and nobody writes to it.
    const std::vector<std::string> in_place = {"--data", backup.folder.string(),
                                               "--passphrase-file", backup.passphrase.string()};
    const auto asked = [&](std::vector<std::string> arguments, const std::string& input = "") {
        arguments.insert(arguments.end(), in_place.begin(), in_place.end());
        return elsewhere.run(arguments, input);
    };
    const ProgramResult replayed = asked({"replay"});
    CHECK_MESSAGE(replayed.exit == 0, replayed.out);
    CHECK(has(asked({"submit", "-"}, transfer(9)).err, "is a backup, which stays as it is"));
    CHECK(has(asked({"balance", "alice"}).err, "is a backup"));
    CHECK(has(asked({"serve"}).err, "is a backup"));
    CHECK(has(asked({"recover"}).err, "is a backup"));
    CHECK(program.run({"replay", "--data", backup.folder.string()}).exit == 3);

    const ProgramResult restored = backup.restore(elsewhere);
    REQUIRE_MESSAGE(restored.exit == 0, restored.err);
    CHECK(has(restored.err, "they are a copy"));
    CHECK(has(restored.err, "their keys open with the passphrase in "));
    CHECK(balance_of(elsewhere.run({"balance", "alice", "--data", elsewhere.books().string()})) ==
          "2.00");
    // Written only when the original is said to be gone; then what it had is a repeat.
    CHECK(elsewhere.submit(transfer(2) + transfer(4)).exit == 3);
    REQUIRE(elsewhere.run({"recover", "--data", elsewhere.books().string(), "--accept-copy", "--by",
                           "op"}).exit == 0);
    CHECK(elsewhere.submit(transfer(2) + transfer(4)).exit == 0);
    CHECK(balance_of(elsewhere.run({"balance", "alice", "--data", elsewhere.books().string()})) ==
          "3.00");
    CHECK(elsewhere.run({"replay", "--views", "--data", elsewhere.books().string()}).exit == 0);
    server.terminate();
    CHECK(server.wait() == 0);
}

TEST_CASE("backup: what has changed in one is found before anything is made of it") {
    const Program program;
    const Program elsewhere;
    const Backup backup(program);
    record_one_by_one(program, 3);
    REQUIRE(backup.make(program).exit == 0);

    const auto refused = [&](const std::string& why) {
        const ProgramResult restored = backup.restore(elsewhere);
        CHECK_MESSAGE(restored.exit != 0, why);
        CHECK_MESSAGE(has(restored.err, why), restored.err);
        CHECK(!fs::exists(elsewhere.books()));
    };
    const fs::path file = backup.folder / "log" / "00000000.segment";
    const FileBytes whole = read_file(file);
    FileBytes flipped = whole;
    flipped[last_block(whole) + 150] ^= 1;
    write_file(file, flipped);
    refused("00000000.segment is not what was backed up");
    // Whoever changes the sums too changes no record.
    {
        const Program sums;
        REQUIRE(sums.home() != backup.folder);
        const std::string command = "cd '" + backup.folder.string() +
                                    "' && sha256sum deployment keys origin shards/ends log/*.segment > SHA256SUMS";
        REQUIRE(std::system(command.c_str()) == 0);
        refused("record");
        // Nor is a record missed, without one that says how many there were.
        FileBytes cut = whole;
        std::fill(cut.begin() + static_cast<std::ptrdiff_t>(last_block(whole)), cut.end(), 0);
        write_file(file, cut);
        REQUIRE(std::system(command.c_str()) == 0);
        refused("records are missing");
        const fs::path aside = backup.folder.parent_path() / "shards";
        fs::rename(backup.folder / "shards", aside);
        const std::string without = "cd '" + backup.folder.string() +
                                    "' && sha256sum deployment keys origin log/*.segment > SHA256SUMS";
        REQUIRE(std::system(without.c_str()) == 0);
        refused("nobody has sealed that the backup ends where its log does: shard 0 ends before");
        // Nor does one that was emptied.
        FileBytes emptied = whole;
        std::fill(emptied.begin() + 4096, emptied.end(), 0);
        write_file(file, emptied);
        REQUIRE(std::system(without.c_str()) == 0);
        refused("nobody has sealed that the backup ends where its log does: shard 0 ends before");
        write_file(file, cut);
        REQUIRE(std::system(without.c_str()) == 0);
        const Program taken;
        CHECK(taken.run({"restore", backup.folder.string(), "--data", taken.books().string(),
                         "--backup-passphrase-file", backup.passphrase.string(),
                         "--accept-unsealed-end"})
                  .exit == 0);
        CHECK(taken.run({"replay", "--data", taken.books().string()}).exit == 6);
        write_file(file, whole);
        fs::rename(aside, backup.folder / "shards");
        // It is a copy, whatever is written of where it comes from; and a seal that fits is taken.
        const std::string origin = contents(backup.folder / "origin");
        const std::size_t at = origin.find("restored\n");
        REQUIRE(at != std::string::npos);
        std::ofstream(backup.folder / "origin", std::ios::trunc)
            << origin.substr(0, at) + origin.substr(at + 9);
        REQUIRE(std::system(command.c_str()) == 0);
        const Program sealed;
        CHECK(sealed.run({"restore", backup.folder.string(), "--data", sealed.books().string(),
                          "--backup-passphrase-file", backup.passphrase.string(),
                          "--accept-unsealed-end"})
                  .exit == 0);
        CHECK(sealed.run({"replay", "--data", sealed.books().string()}).exit == 0);
        CHECK(sealed.submit(transfer(9)).exit == 3);
        std::ofstream(backup.folder / "origin", std::ios::trunc) << origin;
        REQUIRE(std::system(command.c_str()) == 0);
    }
    std::ofstream(backup.folder / "note") << "mine";
    refused("note was not backed up");
    fs::remove(backup.folder / "note");
    fs::rename(backup.folder / "keys", backup.folder.parent_path() / "keys");
    refused("keys is missing");
    fs::rename(backup.folder.parent_path() / "keys", backup.folder / "keys");
    // As a copy that was cut off.
    fs::rename(file, backup.folder.parent_path() / "segment");
    const ProgramResult cut = elsewhere.run({"replay", "--data", backup.folder.string(),
                                             "--passphrase-file", backup.passphrase.string()});
    CHECK(cut.exit == 1);
    CHECK_MESSAGE(has(cut.err, "this copy of a backup is not whole"), cut.err);
    fs::rename(backup.folder.parent_path() / "segment", file);
    fs::rename(backup.folder / "SHA256SUMS", backup.folder.parent_path() / "SHA256SUMS");
    refused("found no SHA256SUMS");
    write_file(backup.folder / "SHA256SUMS", FileBytes(100'000));
    refused("SHA256SUMS line 1: expected a sum and a file's name");
    fs::rename(backup.folder.parent_path() / "SHA256SUMS", backup.folder / "SHA256SUMS");

    const ProgramResult inside = elsewhere.run(
        {"restore", backup.folder.string(), "--data", (backup.folder / "books").string(),
         "--backup-passphrase-file", backup.passphrase.string()});
    CHECK_MESSAGE(has(inside.err, "would lie in the backup"), inside.err);
    const ProgramResult unnamed =
        elsewhere.run({"restore", backup.folder.string(), "--data", elsewhere.books().string(),
                       "--backup-passphrase-file", "nofile"});
    CHECK(unnamed.exit == 3);
    CHECK_MESSAGE(has(unnamed.err, "nofile: the passphrase of the backup's keys is not there; name "
                                   "the file that holds it with --backup-passphrase-file"),
                  unnamed.err);

    fs::create_symlink(elsewhere.home() / "nowhere", elsewhere.books());
    CHECK(has(backup.restore(elsewhere).err, "is a link to what is not there"));
    fs::remove(elsewhere.books());
    // A directory that is there may be a disk of its own: it is filled, not replaced.
    fs::create_directory(elsewhere.home() / "disk");
    fs::create_directory_symlink(elsewhere.home() / "disk", elsewhere.books());
    CHECK(backup.restore(elsewhere).exit == 0);
    CHECK(fs::exists(elsewhere.home() / "disk" / "deployment"));
    CHECK(!fs::exists(elsewhere.home() / "disk" / ".unfinished"));
    CHECK(has(backup.restore(elsewhere).err, "expected a directory that is empty"));
}

TEST_CASE("backup: a passphrase file in what is made is refused at once, however it is named") {
    const Program program;
    record_one_by_one(program, 3);
    const Backup backup(program);
    REQUIRE(backup.make(program).exit == 0);
    const auto before = tree(program.home());
    const auto refused = [&](std::vector<std::string> arguments, const std::string& name,
                             const std::string& passphrase, const std::string& why) {
        arguments.insert(arguments.end(), {name, passphrase});
        const ProgramResult result = program.run(arguments);
        CHECK(result.exit == 3);
        CHECK_MESSAGE(has(result.err, why), result.err);
        CHECK(tree(program.home()) == before);
    };
    const std::string here = program.home().string() + "/";
    for (const std::string& in :
         {std::string("made/"), here + "made/", here + "made.unfinished/"}) {
        CAPTURE(in);
        refused({"backup", "books", "--to", "made"}, "--backup-passphrase-file", in + "pass",
                in + "pass: the passphrase file must lie outside made");
        refused({"restore", "backup", "--data", "made", "--backup-passphrase-file",
                 "backup.passphrase"},
                "--passphrase-file", in + "pass",
                in + "pass: the passphrase file must lie outside made");
    }
    refused({"backup", "books", "--to", "nope/../books/in"}, "--backup-passphrase-file", "pass",
            "would lie in the data directory");
    refused({"backup", "books", "--to", "made"}, "--backup-passphrase-file", "nope/../books/pass",
            "must lie outside the data directory");
    refused({"restore", "backup", "--data", "nope/../backup/in"}, "--backup-passphrase-file",
            "backup.passphrase", "would lie in the backup");
    refused({"restore", "backup", "--data", "made", "--backup-passphrase-file",
             "backup.passphrase"},
            "--passphrase-file", here + "backup/pass", "must lie outside the backup");
}

TEST_CASE("backup: one that has no passphrase of its own, and books that have none, are told so") {
    const Program program;
    record_one_by_one(program, 3);
    const fs::path own = fs::directory_iterator(program.home() / ".config" / "vouch")->path();
    const auto told = [](const ProgramResult& result, bool is_told, const std::string& what) {
        REQUIRE_MESSAGE(result.exit == 0, result.err);
        CHECK_MESSAGE(has(result.err, what) == is_told, result.err);
    };
    const std::string books = "the books' own passphrase opens it, too";
    told(Backup(program).make(program), false, books);
    told(program.run({"backup", "books", "--to", "same", "--backup-passphrase-file", own.string()}),
         true, books);
    const auto restore = [&](const std::string& into, const std::string& passphrase) {
        return program.run({"restore", "backup", "--data", into, "--backup-passphrase-file",
                            "backup.passphrase", "--passphrase-file", passphrase});
    };
    told(restore("one", "one.passphrase"), false, "the backup's passphrase opens them, too");
    told(restore("two", "backup.passphrase"), true, "the backup's passphrase opens them, too");
}

TEST_CASE("backup: what a kill leaves of one, or of a restore, is neither a backup nor books") {
    const Program program;
    const Backup backup(program);
    acknowledge_and_kill(program, 3);
    REQUIRE(backup.make(program).exit == 0);
    // As both are while they are made: all but what says what it is.
    const fs::path left = backup.folder.string() + ".unfinished";
    fs::copy(backup.folder, left, fs::copy_options::recursive);
    fs::remove(left / "SHA256SUMS");
    fs::remove(left / "deployment");
    const auto asked = [&](const std::string& subcommand) {
        return program.run({subcommand, "--data", left.string(), "--passphrase-file",
                            backup.passphrase.string()});
    };
    for (const char* subcommand : {"replay", "recover", "trial-balance", "serve"}) {
        const ProgramResult result = asked(subcommand);
        CHECK(result.exit == 3);
        CHECK_MESSAGE(has(result.err, "was cut off here; remove it"), result.err);
    }
    fs::remove_all(backup.folder);
    const ProgramResult again = backup.make(program);
    CHECK(again.exit == 3);
    CHECK_MESSAGE(has(again.err, "when none is at work, remove it"), again.err);
    CHECK(fs::exists(left / "log"));
    fs::remove_all(left);
    CHECK(backup.make(program).exit == 0);
    CHECK(!fs::exists(left));
}

TEST_CASE("backup: a log that cannot be read whole is not backed up, nor is anything written over") {
    const Program program;
    const Backup backup(program);
    acknowledge_and_kill(program, 3);
    const FileBytes whole = read_file(segment(program));
    FileBytes flipped = whole;
    flipped[last_block(whole) + 150] ^= 1;
    write_file(segment(program), flipped);
    const ProgramResult torn = backup.make(program);
    CHECK(torn.exit == 1);
    CHECK_MESSAGE(has(torn.err, "the log's end cannot be read"), torn.err);
    CHECK(!fs::exists(backup.folder));

    write_file(segment(program), whole);
    fs::create_directory(backup.folder);
    std::ofstream(backup.folder / "mine") << "kept";
    CHECK(backup.make(program).exit == 3);
    CHECK(fs::exists(backup.folder / "mine"));
    const ProgramResult inside = program.run({"backup", program.books().string(), "--to",
                                              (program.books() / "backup").string(),
                                              "--backup-passphrase-file",
                                              backup.passphrase.string()});
    CHECK(inside.exit == 3);
    CHECK(!fs::exists(program.books() / "backup"));
    // Sums of somebody's own make no backup of books.
    std::ofstream(program.books() / "SHA256SUMS") << "mine";
    CHECK(balance(program) == "3.00");
}
