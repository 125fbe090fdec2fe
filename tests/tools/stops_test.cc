#include "tests/support/small_segments.h"
#include "tests/tools/harmed_books.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

// Books that stop because a file is missing, damaged, or not theirs: nothing is cut, made or
// overwritten, and there is a way on.

using namespace vouch::test;
using nlohmann::json;

namespace {

namespace fs = std::filesystem;

void write_in_small_segments(const Program& program) {
    vouch::test::write_in_small_segments(program.books() / "log", 1);
}

}  // namespace

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
    CHECK_MESSAGE(has(compared.out, ": view_unreadable: "), compared.out);
    CHECK_MESSAGE(has(compared.out, view.string()), compared.out);
    CHECK_MESSAGE(has(compared.out, "state digest"), compared.out);
    CHECK(has(program.run({"replay", "--views", "--json", "--data", program.books().string()}).out,
              "\"view_unreadable\""));
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
    record_one_by_one(program, 40);
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
    record_one_by_one(program, 60);
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
    record_one_by_one(program, 16);
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
    const std::string loss = named_loss(looked);
    const ProgramResult recovered = recover(program, {"--accept-loss", loss, "--by", "op"});
    CHECK_MESSAGE(recovered.exit == 0, recovered.err);
    CHECK(program.submit(transfer(90)).exit == 0);
    CHECK(program.run({"replay", "--data", program.books().string()}).exit == 0);
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
    record_one_by_one(program, 40);
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
    bytes[8] ^= 1;  // whose header was another one in more than that
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
