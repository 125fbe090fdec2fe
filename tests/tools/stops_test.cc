#include "events/entries/codec.h"
#include "events/entries/voucher.h"
#include "events/log/embedded/embedded_log.h"
#include "events/seal/record.h"
#include "tests/support/small_segments.h"
#include "tests/tools/program.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// Books that stop because something is missing or has changed: nothing is cut, made or overwritten,
// and there is a way on.

using namespace vouch;
using nlohmann::json;
using test::Program;
using test::ProgramResult;
using test::RunningProgram;

namespace {

namespace fs = std::filesystem;

/// How long a test waits for what takes a moment.
constexpr std::chrono::seconds kWaitMax{30};

const std::string kOpen =
    "{\"id\":\"o1\",\"open_account\":{\"account\":\"cash\",\"asset\":\"EUR/"
    "2\",\"class\":\"asset\",\"limit\":\"unlimited\"}}\n"
    "{\"id\":\"o2\",\"open_account\":{\"account\":\"alice\",\"asset\":\"EUR/"
    "2\",\"class\":\"liability\"}}\n";

std::string transfer(int number, const std::string& amount = "1.00") {
    return "{\"id\":\"t" + std::to_string(number) +
           "\",\"transfer\":{\"debit\":\"cash\",\"credit\":\"alice\",\"amount\":\"" + amount +
           "\"}}\n";
}

using FileBytes = std::vector<char>;

FileBytes read(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void write(const fs::path& file, const FileBytes& bytes) {
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

fs::path segment(const Program& program) { return program.books() / "log" / "00000000.segment"; }

/// Where the log's last block with anything in it begins: the last group, when it was small.
std::size_t last_block(const FileBytes& bytes) {
    std::size_t at = bytes.size();
    while (at > 0 && bytes[at - 1] == 0) --at;
    return (at - 1) / 4096 * 4096;
}

fs::path kept_ends(const Program& program) { return program.books() / "shards" / "ends"; }

/// Opens accounts and makes so many transfers, each told before the next, then is killed; so soon
/// that nothing is kept yet of where the log ends.
void acknowledge_and_kill(const Program& program, int transfers) {
    RunningProgram running(
        program, {"submit", "-", "--data", program.books().string(), "--create",
                  "--one-at-a-time"});
    running.write(kOpen);
    REQUIRE(!running.read_line().empty());
    REQUIRE(!running.read_line().empty());
    for (int i = 0; i < transfers; ++i) {
        running.write(transfer(i));
        REQUIRE(json::parse(running.read_line())["outcome"] == "posted");
    }
    running.kill();
    running.wait();
    fs::remove(kept_ends(program));
}

std::string balance(const Program& program) {
    const ProgramResult result =
        program.run({"balance", "alice", "--data", program.books().string(), "--json"});
    REQUIRE_MESSAGE(result.exit == 0, result.err);
    return json::parse(result.out)["balance"];
}

/// Of the archive that was exported beside the books.
ProgramResult replay_archive(const Program& program) {
    return program.run({"replay", "--archive", (program.home() / "archive").string(), "--keys",
                        program.books().string()});
}

ProgramResult recover(const Program& program, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"recover", "--data", program.books().string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return program.run(arguments);
}

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

/// Shard 0's records, as they are stored.
std::vector<StoredRecord> stored_records(const Program& program) {
    auto log = EmbeddedLogReader::open({.directory = (program.books() / "log").string()});
    REQUIRE_MESSAGE(log, log.error().message);
    std::vector<StoredRecord> records;
    REQUIRE((*log)->read_records(ShardId(0), RecordNumber(0), ~std::size_t{0}, records));
    return records;
}

/// The record at which shard 0's kept end says that the log goes on; 0 when nothing is kept yet.
std::uint64_t kept_end(const Program& program) {
    const FileBytes bytes = read(kept_ends(program));
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
    test::write_in_small_segments(program.books() / "log", 1);
}

/// "5 DIGEST" of the newest record.
std::string newest_record(const Program& program) {
    const std::vector<StoredRecord> records = stored_records(program);
    const Result<RecordView> view = parse_record(records.back().bytes);
    REQUIRE(view);
    return std::to_string(records.back().number.value()) + " " + digest_text(view->digest);
}

/// What the event tail_lost tells: "RECORD known RECORD DIGEST", or without what is not known.
std::string told_loss(const Program& program) {
    for (const StoredRecord& record : stored_records(program)) {
        const Result<RecordView> view = parse_record(record.bytes);
        REQUIRE(view);
        EventReader reader(view->body);
        Arena arena;
        while (true) {
            const auto bytes = reader.next();
            REQUIRE(bytes);
            if (!*bytes) break;
            const Result<Event> event = decode_event(**bytes, arena);
            REQUIRE(event);
            const auto* const lost = std::get_if<TailLost>(&*event);
            if (lost == nullptr) continue;
            std::string text = std::to_string(lost->record.value());
            if (!lost->known_record) return text;
            Digest digest{};
            std::copy(lost->known_digest.begin(), lost->known_digest.end(), digest.begin());
            return text + " known " + std::to_string(lost->known_record->value()) + " " +
                   digest_text(digest);
        }
    }
    return "no loss";
}

}  // namespace

TEST_CASE("stops: a flipped bit in the last acknowledged record, and the bytes put back") {
    const Program program;
    acknowledge_and_kill(program, 18);
    const FileBytes whole = read(segment(program));
    FileBytes flipped = whole;
    flipped[last_block(whole) + 150] ^= 1;
    write(segment(program), flipped);

    const ProgramResult stopped = program.submit(transfer(17, "7.00"));
    CHECK(stopped.exit == 1);
    CHECK(has(stopped.err, "shard 0 record 20"));
    CHECK(has(stopped.err, "may have been acknowledged"));
    CHECK(has(stopped.err, "vouch recover"));
    CHECK(read(segment(program)) == flipped);

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

    write(segment(program), whole);
    CHECK(program.submit(transfer(17)).exit == 0);
    CHECK(balance(program) == "18.00");
}

TEST_CASE("stops: a loss that an operator accepts is recorded, and nothing else is accepted") {
    const Program program;
    acknowledge_and_kill(program, 3);
    const FileBytes whole = read(segment(program));
    const ProgramResult unharmed = recover(program);
    CHECK(unharmed.exit == 0);
    CHECK(has(unharmed.err, "the log's end is whole"));
    FileBytes flipped = whole;
    flipped[last_block(whole) + 150] ^= 1;
    write(segment(program), flipped);

    const ProgramResult looked = recover(program);
    CHECK(looked.exit == 1);
    CHECK(has(looked.err, "--accept-loss 0:5"));
    CHECK(recover(program, {"--accept-loss", "0:4", "--by", "op"}).exit == 1);
    CHECK(recover(program, {"--accept-loss", "1:5", "--by", "op"}).exit == 1);
    CHECK(recover(program, {"--accept-loss", "0:5"}).exit == 2);
    CHECK(recover(program, {"--accept-loss", "all", "--by", "op"}).exit == 2);
    CHECK(read(segment(program)) == flipped);

    const ProgramResult recovered = recover(program, {"--accept-loss", "0:5", "--by", "op"});
    CHECK_MESSAGE(recovered.exit == 0, recovered.err);
    const std::size_t begin = last_block(whole);
    const FileBytes kept =
        read(program.books() / "log" / ("cut-0-" + std::to_string(begin) + "-0"));
    REQUIRE(kept.size() > 200);
    CHECK(std::equal(kept.begin(), kept.end(), flipped.begin() + static_cast<std::ptrdiff_t>(begin)));
    CHECK(recover(program).exit == 0);
    CHECK(balance(program) == "2.00");
    // Its id is free again: that is what was accepted.
    CHECK(program.submit(transfer(2, "5.00")).exit == 0);
    CHECK(balance(program) == "7.00");
    const ProgramResult replayed = program.run({"replay", "--data", program.books().string()});
    CHECK_MESSAGE(replayed.exit == 0, replayed.out);
    CHECK(has(replayed.out, "what operators accepted:\n  shard 0 record 5: records from 5 on, which "
                            "were lost\n"));
    const ProgramResult lines = program.run({"replay", "--data", program.books().string(), "--json"});
    CHECK(has(lines.out, R"({"kind":"act","shard":0,"record":5,"message":"records from 5 on, which )"
                        R"(were lost"})"));
    // Nobody has seen the record, and its own bytes prove nothing.
    CHECK(told_loss(program) == "5");
}

TEST_CASE("stops: a loss tells the last record that what is left of it proves") {
    const Program program;
    acknowledge_and_kill(program, 3);
    const FileBytes whole = read(segment(program));
    const std::string newest = newest_record(program);
    FileBytes flipped = whole;
    flipped[last_block(whole) - 4096 + 150] ^= 1;
    SUBCASE("whole records behind the damage") {}
    SUBCASE("records behind the damage that have changed too") {
        flipped[last_block(whole) + 150] ^= 1;
    }
    const bool is_proven = flipped[last_block(whole) + 150] == whole[last_block(whole) + 150];
    write(segment(program), flipped);
    const std::string loss = is_proven ? "0:4-5" : "0:4";
    const ProgramResult recovered = recover(program, {"--accept-loss", loss, "--by", "op"});
    CHECK_MESSAGE(recovered.exit == 0, recovered.err);
    CHECK(told_loss(program) == (is_proven ? "4 known " + newest : "4"));
    CHECK(program.run({"replay", "--data", program.books().string()}).exit == 0);
}

TEST_CASE("stops: intact records behind old rot are not given up unless they are named") {
    const Program program;
    acknowledge_and_kill(program, 18);
    const FileBytes whole = read(segment(program));
    FileBytes flipped = whole;
    flipped[2 * 4096 + 150] ^= 1;
    write(segment(program), flipped);

    const ProgramResult looked = recover(program);
    CHECK(looked.exit == 1);
    CHECK_MESSAGE(has(looked.err, "records 1 to at least 20 of shard 0 are lost; 19 of them stand "
                                  "intact behind the damage"),
                  looked.err);
    const std::size_t back = looked.err.find(segment(program).string() + " from byte 8192 on");
    const std::size_t option = looked.err.find("--accept-loss 0:1-20 --by NAME");
    REQUIRE(back != std::string::npos);
    REQUIRE(option != std::string::npos);
    CHECK(back < option);

    for (const std::string loss : {"0:1", "0:1-19", "0:1-21"}) {
        const ProgramResult refused = recover(program, {"--accept-loss", loss, "--by", "op"});
        CHECK(refused.exit == 5);
        CHECK_MESSAGE(has(refused.err, "--accept-loss 0:1-20"), refused.err);
    }
    for (const std::string loss : {"0:1-", "0:1-0", "0:1-x", "0:1-1:20"})
        CHECK(recover(program, {"--accept-loss", loss, "--by", "op"}).exit == 2);
    CHECK(read(segment(program)) == flipped);
    CHECK_FALSE(fs::exists(program.books() / "recovery"));

    const ProgramResult recovered = recover(program, {"--accept-loss", "0:1-20", "--by", "op"});
    CHECK_MESSAGE(recovered.exit == 0, recovered.err);
    CHECK(has(told_loss(program), "1 known 20 "));
}

TEST_CASE("stops: what accepts nothing says so") {
    // Of two shards one has lost its end: unless both wrote theirs together, as they may.
    constexpr int kTries = 30;
    std::unique_ptr<Program> made;
    FileBytes bytes;
    ProgramResult looked;
    const auto lost_by_one = [&] {
        return has(looked.err, "--accept-loss 0:") != has(looked.err, "--accept-loss 1:");
    };
    for (int i = 0; i < kTries && !(made && lost_by_one()); ++i) {
        made = std::make_unique<Program>();
        REQUIRE(made->submit(kOpen + transfer(0), {"--create", "--shards", "2"}).exit == 0);
        bytes = read(segment(*made));
        bytes[last_block(bytes) + 150] ^= 1;
        write(segment(*made), bytes);
        looked = recover(*made);
        CHECK(looked.exit == 1);
    }
    const Program& program = *made;
    REQUIRE_MESSAGE(lost_by_one(), looked.err);
    const bool is_second = has(looked.err, "--accept-loss 1:");
    const std::string kept = is_second ? "0" : "1";
    const std::string readable = "of shard " + kept + " is known: it is readable before record ";
    const std::size_t end = looked.err.find(readable);
    REQUIRE_MESSAGE(end != std::string::npos, looked.err);
    const std::size_t option = looked.err.find("--accept-loss ") + 14;
    const std::string lost = looked.err.substr(option, looked.err.find(' ', option) - option);
    const std::size_t number = end + readable.size();
    const ProgramResult too_much = recover(
        program, {"--accept-loss", lost, "--accept-loss",
                  kept + ":" + looked.err.substr(number, looked.err.find('\n', number) - number),
                  "--by", "op"});
    CHECK(too_much.exit == 5);
    CHECK_MESSAGE(has(too_much.err, "shard " + kept + " has lost nothing that is known"),
                  too_much.err);
    CHECK(read(segment(program)) == bytes);
    // Of whole books.
    const Program whole;
    REQUIRE(whole.submit(kOpen + transfer(0), {"--create", "--shards", "2"}).exit == 0);
    const ProgramResult nothing = recover(whole, {"--accept-loss", "0:5", "--by", "op"});
    CHECK(nothing.exit == 5);
    CHECK_MESSAGE(has(nothing.err, "nothing was accepted"), nothing.err);
}

TEST_CASE("stops: whoever reads a log of which records are missing says so") {
    const Program program;
    std::string lines = kOpen;
    for (int i = 0; i < 6; ++i) lines += transfer(i);
    REQUIRE(program.submit(lines, {"--create", "--one-at-a-time"}).exit == 0);
    const std::vector<std::string> at = {"--data", program.books().string()};
    const auto run = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), at.begin(), at.end());
        return program.run(arguments);
    };
    // A log that is older than what lies beside it, and ends as any log ends.
    FileBytes bytes = read(segment(program));
    const auto end = static_cast<std::ptrdiff_t>(last_block(bytes));
    std::fill(bytes.begin() + end - 4096, bytes.end(), 0);
    write(segment(program), bytes);

    const ProgramResult replayed = run({"replay"});
    CHECK(replayed.exit == 1);
    CHECK_MESSAGE(has(replayed.out, "truncated"), replayed.out);
    CHECK(has(replayed.err, "vouch recover"));
    const ProgramResult asked = run({"balance", "alice"});
    CHECK(asked.exit == 0);
    CHECK_MESSAGE(has(asked.err, "the log's end cannot be read"), asked.err);
    CHECK(has(asked.err, "records are missing"));
    CHECK(run({"outcome", "t0"}).exit == 0);
    for (const std::vector<std::string>& unknown :
         {std::vector<std::string>{"outcome", "t5"}, std::vector<std::string>{"statement", "bob"}}) {
        const ProgramResult uncertain = run(unknown);
        CHECK(uncertain.exit == 1);
        CHECK_MESSAGE(has(uncertain.err, "may have been recorded in the log's end"), uncertain.err);
    }
    const ProgramResult exported = run({"export", (program.home() / "archive").string()});
    CHECK(exported.exit == 1);
    CHECK_MESSAGE(has(exported.err, "a replay of it says what is missing"), exported.err);
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
    CHECK(unasked.exit == 5);
    CHECK_MESSAGE(has(unasked.out, "missing at the very end is NOT known"), unasked.out);
    CHECK(read(segment(program)) == bytes);
}

TEST_CASE("stops: a damaged view is kept aside and made again") {
    const Program program;
    REQUIRE(program.submit(kOpen + transfer(0), {"--create"}).exit == 0);
    CHECK(balance(program) == "1.00");
    const fs::path view = program.books() / "views" / "0";
    std::vector<fs::path> files;
    for (const fs::directory_entry& entry : fs::directory_iterator(view / "db"))
        files.push_back(entry.path());
    SUBCASE("a bit flipped") {
        for (const fs::path& file : files) {
            if (!file.filename().string().starts_with("MANIFEST")) continue;
            FileBytes bytes = read(file);
            bytes[bytes.size() / 2] ^= 1;
            write(file, bytes);
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

TEST_CASE("stops: keys that are missing or not these books' say what to put back") {
    const Program program;
    REQUIRE(program.submit(kOpen, {"--create"}).exit == 0);
    const auto told = [&] {
        return program.run({"balance", "alice", "--data", program.books().string()});
    };
    const fs::path other = program.home() / "other";
    REQUIRE(program.run({"submit", "-", "--data", other.string(), "--create"}, kOpen).exit == 0);
    fs::rename(program.books() / "keys", program.home() / "kept");
    CHECK(told().exit == 3);
    CHECK_MESSAGE(has(told().err, "put it back from a copy"), told().err);
    fs::copy_file(other / "keys", program.books() / "keys");
    CHECK(told().exit == 3);
    CHECK_MESSAGE(has(told().err, "put back whichever of the two was exchanged"), told().err);
}

TEST_CASE("stops: a file of the log that is none says what to do about it") {
    const Program program;
    std::string lines = kOpen;
    for (int i = 0; i < 40; ++i) lines += transfer(i);
    REQUIRE(program.submit(lines, {"--create", "--one-at-a-time"}).exit == 0);
    write_in_small_segments(program);
    FileBytes bytes = read(segment(program));
    SUBCASE("shortened") {
        bytes.resize(20'000);
        write(segment(program), bytes);
    }
    SUBCASE("its header flipped") {
        bytes[20] ^= 1;
        write(segment(program), bytes);
    }
    SUBCASE("missing") { fs::remove(segment(program)); }
    const ProgramResult stopped = program.submit(transfer(90));
    CHECK(stopped.exit == 1);
    CHECK(has(stopped.err, "vouch recover"));
    const ProgramResult told = recover(program);
    CHECK(told.exit == 1);
    CHECK(has(told.err, segment(program).string()));
    CHECK_MESSAGE(has(told.err, "Put that file back, whole, from a copy"), told.err);
}

TEST_CASE("stops: the last segment is not given up with more than itself when its file is gone") {
    const Program program;
    std::string lines = kOpen;
    for (int i = 0; i < 60; ++i) lines += transfer(i);
    REQUIRE(program.submit(lines, {"--create", "--one-at-a-time"}).exit == 0);
    write_in_small_segments(program);
    FileBytes bytes = read(segment(program));
    std::string loss;
    SUBCASE("and the one before it is damaged") {
        bytes[8 * 4096 + 9] ^= 1;
        loss = "0:7-61";
    }
    SUBCASE("and all else is whole") { loss = "0:15"; }
    write(segment(program), bytes);
    for (int i = 1;
         fs::remove(program.books() / "log" / ("0000000" + std::to_string(i) + ".segment")); ++i) {
    }
    const ProgramResult looked = recover(program);
    CHECK(looked.exit == 5);
    CHECK_MESSAGE(has(looked.err, "more than the last segment would be lost"), looked.err);
    CHECK(has(looked.err, "00000001.segment and the segments behind it, which are gone"));
    CHECK(recover(program, {"--accept-loss", loss, "--by", "op"}).exit == 5);
    CHECK(read(segment(program)) == bytes);
}

TEST_CASE("stops: an end that reached the next segment, which is there and empty, can be given up") {
    const Program program;
    std::string lines = kOpen;
    for (int i = 0; i < 16; ++i) lines += transfer(i);
    REQUIRE(program.submit(lines, {"--create", "--one-at-a-time"}).exit == 0);
    write_in_small_segments(program);
    // The disk gave back the next segment's records as zeros: that they were there, others know.
    const fs::path next = program.books() / "log" / "00000001.segment";
    FileBytes empty = read(next);
    std::fill(empty.begin() + 4096, empty.end(), 0);
    REQUIRE(empty != read(next));
    write(next, empty);
    fs::remove(program.books() / "log" / "00000002.segment");
    FileBytes bytes = read(segment(program));
    bytes[12 * 4096 + 150] ^= 1;
    write(segment(program), bytes);

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
    FileBytes bytes = read(segment(program));
    const std::size_t last = last_block(bytes);
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(last), 512, 0);
    bytes[last + 600] = 'x';
    write(segment(program), bytes);
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
        REQUIRE(program.submit(kOpen + transfer(0) + transfer(1), {"--create"}).exit == 0);
        fs::remove_all(program.books() / "shards" / "0" / "store");
        fs::remove(kept_ends(program));
        witness = "the snapshot in ";
    }
    SUBCASE("a shard store") {
        REQUIRE(program.submit(kOpen + transfer(0) + transfer(1), {"--create"}).exit == 0);
        fs::remove(program.books() / "shards" / "0" / "snapshot");
        fs::remove(kept_ends(program));
        witness = "the shard store in ";
    }
    const std::string newest = newest_record(program);
    FileBytes bytes = read(segment(program));
    const std::size_t last = last_block(bytes);
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(last), 4096, 0);
    write(segment(program), bytes);
    const ProgramResult stopped = program.submit(transfer(9));
    CHECK(stopped.exit == 1);
    CHECK_MESSAGE(has(stopped.err, witness), stopped.err);
    CHECK(has(stopped.err, "records are missing"));
    CHECK(read(segment(program)) == bytes);

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
    CHECK(program.run({"replay", "--views", "--data", program.books().string()}).exit == 0);
}

TEST_CASE("stops: where the log ends is kept while records are written") {
    const Program program;
    RunningProgram running(program, {"submit", "-", "--data", program.books().string(), "--create"});
    running.write(kOpen + transfer(0));
    for (int i = 0; i < 3; ++i) REQUIRE(!running.read_line().empty());
    // From here on the transfer's group is lost, and what follows it.
    FileBytes bytes = read(segment(program));
    const std::size_t lost = last_block(bytes);
    const std::size_t records = stored_records(program).size();
    const auto until = std::chrono::steady_clock::now() + kWaitMax;
    while (kept_end(program) < records) REQUIRE(std::chrono::steady_clock::now() < until);
    running.kill();
    running.wait();
    bytes = read(segment(program));
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(lost), bytes.end(), 0);
    write(segment(program), bytes);

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
    CHECK(read(segment(program)) == bytes);

    const std::string loss = named_loss(program);
    const ProgramResult recovered = recover(program, {"--accept-loss", loss, "--by", "op"});
    CHECK_MESSAGE(recovered.exit == 0, recovered.err);
    CHECK_MESSAGE(has(recovered.err, "ends.before-loss-"), recovered.err);
    CHECK(program.submit(transfer(0)).exit == 0);
    CHECK(program.run({"replay", "--data", program.books().string()}).exit == 0);
}

TEST_CASE("stops: kept ends that are not what was written are set aside and begun anew") {
    const Program program;
    acknowledge_and_kill(program, 3);
    REQUIRE(program.submit(transfer(4)).exit == 0);
    FileBytes bytes = read(kept_ends(program));
    bytes[8] = static_cast<char>(bytes[8] ^ 1);
    write(kept_ends(program), bytes);
    const ProgramResult told = program.submit(transfer(5));
    CHECK(told.exit == 0);
    CHECK_MESSAGE(has(told.err, "ends: the end of shard 0 is not what was written"), told.err);
    CHECK_MESSAGE(has(told.err, "ends.damaged-"), told.err);
    CHECK(program.submit(transfer(6)).err.empty());
}

TEST_CASE("stops: a cut file is put back after all") {
    const Program program;
    acknowledge_and_kill(program, 3);
    const FileBytes whole = read(segment(program));
    const std::size_t begin = last_block(whole);
    FileBytes flipped = whole;
    flipped[begin + 150] ^= 1;
    write(segment(program), flipped);
    REQUIRE(recover(program, {"--accept-loss", "0:5", "--by", "op"}).exit == 0);
    CHECK(balance(program) == "2.00");
    CHECK(program.submit(transfer(8)).exit == 0);

    const fs::path log = program.books() / "log";
    const std::string at = std::to_string(begin);
    // As docs/cli.md says; somebody knows which bit it was.
    const std::string back = (program.home() / "back").string();
    const std::string name = segment(program).string();
    const std::string commands = "head -c " + at + " " + name + " | cat - " +
                                 (log / ("cut-0-" + at + "-0")).string() + " > " + back +
                                 " && truncate -s \"$(stat -c %s " + name + ")\" " + back +
                                 " && mv " + back + " " + name;
    REQUIRE(std::system(commands.c_str()) == 0);
    FileBytes mended = read(segment(program));
    mended[begin + 150] ^= 1;
    write(segment(program), mended);
    CHECK(mended == whole);
    const ProgramResult unfit = program.submit(transfer(2));
    CHECK(unfit.exit == 1);
    for (const char* const seen : {"shards/ends", "shards/0/store", "shards/0/snapshot", "views/0"})
        fs::rename(program.books() / seen, program.home() / fs::path(seen).filename());
    const ProgramResult again = program.submit(transfer(2));
    CHECK_MESSAGE(again.exit == 0, again.err);
    CHECK(balance(program) == "3.00");
    CHECK(program.run({"replay", "--data", program.books().string()}).exit == 0);
}

TEST_CASE("stops: a recovery that was interrupted keeps others out until it is finished") {
    const Program program;
    acknowledge_and_kill(program, 3);
    FileBytes bytes = read(segment(program));
    bytes[last_block(bytes) + 150] ^= 1;
    write(segment(program), bytes);
    // As if the machine had stopped right after the note was made.
    const fs::path note = program.books() / "recovery";
    const std::string text = "op\n0:5\n";
    write(note, FileBytes(text.begin(), text.end()));
    const ProgramResult refused = program.submit(transfer(9));
    CHECK(refused.exit == 3);
    CHECK(has(refused.err, "vouch recover"));
    CHECK(recover(program).exit == 0);
    CHECK_FALSE(fs::exists(note));
    CHECK(program.submit(transfer(9)).exit == 0);
    CHECK(balance(program) == "3.00");
}

TEST_CASE("stops: an interrupted recovery tells what was known when it was begun") {
    const Program program;
    acknowledge_and_kill(program, 3);
    FileBytes bytes = read(segment(program));
    bytes[last_block(bytes) + 150] ^= 1;
    write(segment(program), bytes);
    const fs::path note = program.books() / "recovery";
    const std::string digest(64, 'a');
    for (const std::string wrong : {"0:5 known", "0:5 known 7", "0:5 known 4 ", "0:5 known 7 aa"}) {
        const std::string text = "op\n" + wrong + (wrong.ends_with("4 ") ? digest : "") + "\n";
        write(note, FileBytes(text.begin(), text.end()));
        const ProgramResult refused = recover(program);
        CHECK(refused.exit == 3);
        CHECK_MESSAGE(has(refused.err, "is no note of a recovery"), refused.err);
    }
    const std::string text = "op\n0:5 known 7 " + digest + "\n";
    write(note, FileBytes(text.begin(), text.end()));
    CHECK(recover(program).exit == 0);
    CHECK(told_loss(program) == "5 known 7 " + digest);
    CHECK(program.run({"replay", "--data", program.books().string()}).exit == 0);
}

TEST_CASE("stops: rot in an older segment is named with its file, and mended by a copy of it") {
    const Program program;
    std::string lines = kOpen;
    for (int i = 0; i < 40; ++i) lines += transfer(i);
    REQUIRE(program.submit(lines, {"--create", "--one-at-a-time"}).exit == 0);
    write_in_small_segments(program);
    REQUIRE(fs::exists(program.books() / "log" / "00000002.segment"));
    const ProgramResult unharmed = recover(program);
    CHECK(unharmed.exit == 0);
    CHECK(has(unharmed.err, "every record of the log is what was written"));

    const fs::path copy = program.home() / "copy";
    fs::copy_file(segment(program), copy);
    FileBytes rotten = read(copy);
    rotten[5 * 4096 + 150] ^= 1;
    write(segment(program), rotten);
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
    CHECK(read(segment(program)) == rotten);
    // They open nevertheless, from their snapshot.
    CHECK(program.submit(transfer(90)).exit == 0);

    fs::copy_file(copy, segment(program), fs::copy_options::overwrite_existing);
    CHECK(recover(program).exit == 0);
    CHECK(program.run({"replay", "--data", program.books().string()}).exit == 0);
}

TEST_CASE("stops: steps that have changed beside an old record are no loss, and are told") {
    const Program program;
    std::string lines = kOpen;
    for (int i = 0; i < 8; ++i)
        lines += "{\"id\":\"a" + std::to_string(i) + "\",\"open_account\":{\"account\":\"p" +
                 std::to_string(i) + "\",\"asset\":\"EUR/2\",\"class\":\"liability\"}}\n";
    for (int i = 0; i < 8; ++i)
        lines += "{\"id\":\"t" + std::to_string(i) +
                 "\",\"transfer\":{\"debit\":\"cash\",\"credit\":\"p" + std::to_string(i) +
                 "\",\"amount\":\"1.00\"}}\n";
    REQUIRE(program.submit(lines, {"--create", "--shards", "2", "--one-at-a-time"}).exit == 0);
    REQUIRE(program.submit(transfer(90)).exit == 0);

    // Steps stand right behind the record that sends them.
    const FileBytes whole = read(segment(program));
    std::optional<DamageBeside> changed;
    for (ShardId shard(0); shard.value() < 2 && !changed; shard = shard.next()) {
        for (std::uint64_t number = 2; number < 20 && !changed; ++number) {
            auto log = EmbeddedLogReader::open({.directory = (program.books() / "log").string()});
            REQUIRE(log);
            const std::string place = (*log)->place_of(shard, RecordNumber(number));
            std::vector<StoredRecord> record;
            REQUIRE((*log)->read_records(shard, RecordNumber(number), 1, record));
            if (record.empty()) break;
            FileBytes flipped = whole;
            flipped[std::stoul(place.substr(place.rfind(' '))) + record[0].bytes.size() + 9] ^= 1;
            write(segment(program), flipped);
            changed = (*log)->damage_beside(shard, RecordNumber(number));
        }
    }
    REQUIRE(changed);
    REQUIRE_MESSAGE(has(changed->what, "its steps for shard "), changed->what);

    const ProgramResult told = recover(program);
    CHECK(told.exit == 0);
    CHECK_MESSAGE(has(told.err, changed->what + "; it lies in " + changed->place), told.err);
    CHECK(has(told.err, "nothing is lost"));
    CHECK(has(told.err, "every record of the log is what was written"));
    CHECK(program.submit(transfer(91)).exit == 0);
    CHECK(program.run({"replay", "--data", program.books().string()}).exit == 0);
}

TEST_CASE("stops: an interrupted recovery goes on only with what was accepted") {
    const Program program;
    acknowledge_and_kill(program, 3);
    const FileBytes whole = read(segment(program));
    FileBytes flipped = whole;
    flipped[last_block(whole) + 150] ^= 1;
    const fs::path note = program.books() / "recovery";
    const auto begin = [&](const std::string& text) { write(note, FileBytes(text.begin(), text.end())); };

    begin("op\n0:6\n");
    write(segment(program), flipped);
    const ProgramResult other = recover(program);
    CHECK(other.exit == 1);
    CHECK_MESSAGE(has(other.err, "the first record that shard 0 lost is 5, not 6"), other.err);
    CHECK(has(other.err, "move aside " + note.string()));
    CHECK(read(segment(program)) == flipped);
    CHECK(fs::exists(note));

    // The bytes were put back: nothing is given up, and nothing recorded.
    fs::remove(note);
    begin("op\n0:5\n");
    write(segment(program), whole);
    const ProgramResult back = recover(program);
    CHECK_MESSAGE(back.exit == 0, back.err);
    CHECK(has(back.err, "nothing is left to recover"));
    CHECK(read(segment(program)) == whole);
    CHECK_FALSE(fs::exists(note));
    CHECK(program.submit(transfer(9)).exit == 0);
    CHECK(balance(program) == "4.00");
}

TEST_CASE("stops: of a recovery that was begun, what is put back in part is still lost behind that") {
    const Program program;
    acknowledge_and_kill(program, 3);
    const std::string newest = newest_record(program);  // 5
    const FileBytes whole = read(segment(program));
    const fs::path note = program.books() / "recovery";
    const std::string text = "op\n0:4 known " + newest + "\n";
    write(note, FileBytes(text.begin(), text.end()));
    SUBCASE("all of it") {
        const ProgramResult back = recover(program);
        CHECK_MESSAGE(back.exit == 0, back.err);
        CHECK(balance(program) == "3.00");
        return;
    }
    SUBCASE("another record in its place") {
        const std::string other = "op\n0:4 known 5 " + std::string(64, 'a') + "\n";
        write(note, FileBytes(other.begin(), other.end()));
        const ProgramResult refused = recover(program);
        CHECK(refused.exit == 1);
        CHECK_MESSAGE(has(refused.err, "record 5: is not the one that was lost"), refused.err);
        CHECK(fs::exists(note));
        return;
    }
    // The last record is gone, and nobody else has seen it.
    FileBytes part = whole;
    std::fill(part.begin() + static_cast<std::ptrdiff_t>(last_block(whole)), part.end(), '\0');
    write(segment(program), part);
    fs::remove_all(program.books() / "shards");
    fs::remove_all(program.books() / "views");
    for (const std::vector<std::string>& options :
         {std::vector<std::string>{}, {"--accept-loss", "0:4", "--by", "op"}}) {
        const ProgramResult looked = recover(program, options);
        CHECK(looked.exit == 1);
        CHECK_MESSAGE(has(looked.err, "records 5 to at least 5 of shard 0 are still lost"), looked.err);
        CHECK(has(looked.err, "--accept-loss 0:5 --by NAME"));
        CHECK(fs::exists(note));
        CHECK(program.submit(transfer(9)).exit == 3);
    }
    const ProgramResult given_up = recover(program, {"--accept-loss", "0:5", "--by", "op"});
    CHECK_MESSAGE(given_up.exit == 0, given_up.err);
    CHECK_FALSE(fs::exists(note));
    CHECK(told_loss(program) == "5 known " + newest);
    CHECK(balance(program) == "2.00");
    CHECK(program.run({"replay", "--data", program.books().string()}).exit == 0);
}

TEST_CASE("stops: a recovery at a doubted clock is finished by who accepts the clock") {
    const Program program;
    acknowledge_and_kill(program, 3);
    FileBytes bytes = read(segment(program));
    bytes[last_block(bytes) + 150] ^= 1;
    write(segment(program), bytes);
    // As if the clock had been an hour earlier at the last start.
    const fs::path clock = program.books() / "shards" / "0" / "clock";
    std::string name, format, machine;
    std::int64_t time = 0;
    {
        std::ifstream in(clock);
        in >> name >> format >> time;
        std::getline(in, machine);
    }
    std::ofstream(clock) << name << ' ' << format << ' ' << time - 3'600'000'000 << machine << '\n';

    const ProgramResult doubted = recover(program, {"--accept-loss", "0:5", "--by", "op"});
    CHECK(doubted.exit == 3);
    CHECK_MESSAGE(has(doubted.err, "--accept-clock"), doubted.err);
    CHECK(fs::exists(program.books() / "recovery"));
    std::vector<std::string> options{"--accept-clock", "op"};
    SUBCASE("who says only that") {}
    SUBCASE("who says all of it again") {
        options.insert(options.end(), {"--accept-loss", "0:5", "--by", "op"});
    }
    const ProgramResult recovered = recover(program, options);
    CHECK_MESSAGE(recovered.exit == 0, recovered.err);
    CHECK(program.submit(transfer(9)).exit == 0);
    const ProgramResult replayed = program.run({"replay", "--data", program.books().string()});
    CHECK_MESSAGE(replayed.exit == 0, replayed.out);
}

TEST_CASE("stops: a lost log is not made anew under the old identity") {
    const Program program;
    REQUIRE(program.submit(kOpen + transfer(0), {"--create"}).exit == 0);
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
    REQUIRE(program.submit(kOpen, {"--create"}).exit == 0);
    const FileBytes deployment = read(program.books() / "deployment");
    fs::remove(program.books() / "deployment");
    for (const std::vector<std::string>& more :
         {std::vector<std::string>{}, std::vector<std::string>{"--create"}}) {
        const ProgramResult refused = program.submit(transfer(1), more);
        CHECK(refused.exit == 3);
        CHECK_MESSAGE(has(refused.err, "log/ holds records; put it back"), refused.err);
        CHECK_FALSE(has(refused.err, "remove"));
    }
    write(program.books() / "deployment", deployment);
    fs::permissions(program.books() / "deployment",
                    fs::perms::owner_read | fs::perms::owner_write);
    CHECK(program.submit(transfer(1)).exit == 0);
}

TEST_CASE("stops: books of an earlier version are named as such") {
    const Program program;
    REQUIRE(program.submit(kOpen, {"--create"}).exit == 0);
    FileBytes bytes = read(segment(program));
    bytes[3] = '2';
    write(segment(program), bytes);
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
