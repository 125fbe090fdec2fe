#include "events/log/seen_beyond.h"
#include "tests/events/log_embedded_support.h"
#include "tests/support/memory_files.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <map>
#include <random>

// What becomes of a log whose last write is not whole: cut, or a stop before anything is changed.

namespace vouch {
namespace {

using namespace test;

/// Has seen so many records of each shard.
class SeenSoFar final : public LogWitnesses {
public:
    std::map<std::uint32_t, std::uint64_t> seen;

    std::optional<LogWitness> seen_beyond(ShardId shard, RecordNumber end) override {
        const auto found = seen.find(shard.value());
        if (found == seen.end() || found->second <= end.value()) return std::nullopt;
        return LogWitness{"the view", RecordNumber(found->second)};
    }
};

constexpr std::size_t kSector = 512;

/// Two records in groups of their own, the second one over several sectors.
const Texts kTwo{"first", std::string(1500, 's')};

void flip(Bytes& bytes, std::size_t at) { bytes[at] ^= std::byte{1}; }
void clear(Bytes& bytes, std::size_t at, std::size_t size) {
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), size, std::byte{0});
}

/// As brokers: a record is shown when its end has been asked for some times.
class LateLog final : public LogReader {
public:
    explicit LateLog(int looks) : looks_(looks) {}

    std::uint32_t shard_count() const override { return 1; }
    Result<RecordNumber> end(ShardId) override { return RecordNumber(looks_-- > 0 ? 1 : 2); }
    bool shows_late() const override { return true; }
    Status read_records(ShardId, RecordNumber, std::size_t, std::vector<StoredRecord>&) override {
        return {};
    }
    Status read_range(ShardId, RecordNumber, std::size_t, std::size_t, Bytes&) override {
        return {};
    }

private:
    int looks_;
};

TEST_CASE("log end: what brokers show a moment later is not missing, what they never show is") {
    SeenSoFar witnesses;
    witnesses.seen[0] = 2;
    LateLog late(4);
    const auto found = SeenBeyond(late, witnesses).find(ShardId(0));
    REQUIRE(found);
    CHECK_FALSE(found->has_value());
    witnesses.seen[0] = 3;
    LateLog lost(0);
    const auto missing = SeenBeyond(lost, witnesses).find(ShardId(0));
    REQUIRE(missing);
    CHECK(missing->has_value());
}

TEST_CASE("log end: the table of decisions") {
    const std::string rotten =
        "; no sector of it is missing, so this is no unfinished write: it was written whole, may "
        "have been acknowledged, and has changed since";
    const std::string none =
        "corrupt: log/00000000.segment at byte 8192: expected frame 1 with shard 0 record 1 or "
        "shard 1 record "
        "0, found no frame";
    const std::string body =
        "corrupt: log/00000000.segment at byte 8192: shard 0 record 1: record or steps fail their "
        "checksum";
    struct Row {
        const char* name;
        std::uint64_t seen;  ///< records that a witness has seen
        std::function<void(Bytes&)> change;
        std::string stop;       ///< empty: it opens
        std::size_t records;    ///< then
        std::uint64_t torn = 0;  ///< bytes cut
    };
    const Row rows[] = {
        {"whole", 2, [](Bytes&) {}, "", 2},
        {"a bit of the record", 0, [](Bytes& b) { flip(b, 2 * kBlock + 700); }, body + rotten, 0},
        {"a bit of the header", 0, [](Bytes& b) { flip(b, 2 * kBlock + 9); }, none + rotten, 0},
        {"a bit behind the end", 0, [](Bytes& b) { flip(b, 3 * kBlock + 200); }, "", 2, 64},
        {"a bit of the closing line", 0, [](Bytes& b) { flip(b, 2 * kBlock + 1600); }, "", 2},
        {"the first sector is missing", 0, [](Bytes& b) { clear(b, 2 * kBlock, kSector); }, "", 1,
         1152},
        {"the last sector is missing", 0, [](Bytes& b) { clear(b, 2 * kBlock + 1536, kSector); },
         "", 1, 1536},
        {"half a sector is missing", 0, [](Bytes& b) { clear(b, 2 * kBlock + 512, 256); },
         body + rotten, 0},
        {"nothing of it is there", 0, [](Bytes& b) { clear(b, 2 * kBlock, kBlock); }, "", 1},
        {"nothing of it is there, and a witness has seen it", 2,
         [](Bytes& b) { clear(b, 2 * kBlock, kBlock); },
         none + "; but the view has seen shard 0 up to record 1: records are missing", 0},
        {"torn, and a witness has seen it", 2, [](Bytes& b) { clear(b, 2 * kBlock, kSector); },
         none + "; but the view has seen shard 0 up to record 1: records are missing", 0},
        {"torn, and a witness has seen what was before", 1,
         [](Bytes& b) { clear(b, 2 * kBlock, kSector); }, "", 1, 1152},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        MemoryFiles disk;
        append(*open(disk), kTwo);
        Bytes bytes = disk.contents(kSegment0);
        row.change(bytes);
        disk.overwrite(kSegment0, bytes);
        SeenSoFar witnesses;
        if (row.seen > 0) witnesses.seen[0] = row.seen;
        EmbeddedLogOptions options = tiny();
        options.witnesses = &witnesses;
        const auto log = EmbeddedLog::open(options, disk);
        if (!row.stop.empty()) {
            CHECK(fault_of(log) == row.stop);
            CHECK(disk.contents(kSegment0) == bytes);
            CHECK_FALSE(disk.exists("log/cut-0-8192-0"));
            continue;
        }
        REQUIRE_MESSAGE(log, fault_of(log));
        CHECK(texts(**log, kFirst).size() == row.records);
        CHECK((*log)->report().torn_bytes == row.torn);
        CHECK((*log)->report().kept_in.empty() == (row.torn == 0));
    }
}

TEST_CASE("log end: a later group proves more than any witness") {
    MemoryFiles disk;
    append(*open(disk), {"first", "second", "third"});
    Bytes bytes = disk.contents(kSegment0);
    clear(bytes, 2 * kBlock, kBlock);
    disk.overwrite(kSegment0, bytes);
    CHECK(fault_of(EmbeddedLog::open(tiny(), disk)) ==
          "corrupt: log/00000000.segment at byte 8192: expected frame 1 with shard 0 record 1 or "
          "shard 1 record "
          "0, found no frame; frames behind it prove that it was durable");
}

TEST_CASE("log end: the first frame of a segment is judged as any other") {
    MemoryFiles disk;
    append(*open(disk), {std::string(9000, 'a'), std::string(9000, 'b')});
    Bytes bytes = disk.contents(kSegment1);
    SUBCASE("a bit of its header") {
        flip(bytes, kBlock + 9);
        disk.overwrite(kSegment1, bytes);
        CHECK(starts_with(fault_of(EmbeddedLog::open(tiny(), disk)), "corrupt: "));
        CHECK(disk.contents(kSegment1) == bytes);
    }
    SUBCASE("its header's sector is missing") {
        clear(bytes, kBlock, kSector);
        disk.overwrite(kSegment1, bytes);
        auto log = open(disk);
        CHECK(texts(*log, kFirst).size() == 1);
        CHECK(log->report().kept_in == Texts{"log/cut-1-4608-0"});
    }
}

TEST_CASE("log end: what was cut is never written over") {
    MemoryFiles disk;
    append(*open(disk), {"first"});
    for (int time = 0; time < 3; ++time) {
        Bytes bytes = disk.contents(kSegment0);
        bytes[2 * kBlock + 1000] = std::byte{'x'};
        disk.overwrite(kSegment0, bytes);
        CHECK(open(disk)->report().kept_in ==
              Texts{"log/cut-0-9152-" + std::to_string(time)});
    }
    CHECK(disk.contents("log/cut-0-9152-0").size() == 64);
}

TEST_CASE("log end: no room to keep what would be cut is a stop that ends with room") {
    MemoryFiles disk;
    append(*open(disk), kTwo);
    Bytes bytes = disk.contents(kSegment0);
    clear(bytes, 2 * kBlock, kSector);
    disk.overwrite(kSegment0, bytes);
    const auto check_stop = [&] {
        CHECK(starts_with(fault_of(EmbeddedLog::open(tiny(), disk)), "retriable: "));
        CHECK(disk.contents(kSegment0) == bytes);
        CHECK_FALSE(disk.exists("log/cut-0-8704-0"));
    };
    disk.set_capacity(1);
    check_stop();
    CHECK(disk.contents("log/cut.new").empty());
    disk.set_capacity(~std::uint64_t{0});
    // Behind syncing the directory's name, opening, locking, clearing and writing the lock file,
    // and locking the first segment: making the copy, writing it, syncing it, giving it its name.
    for (const int error : {ENOSPC, EDQUOT}) {
        for (const std::uint64_t nth : {7U, 8U, 9U, 10U}) {
            CAPTURE(error);
            CAPTURE(nth);
            disk.fail_change(nth, error);
            check_stop();
            CHECK(disk.fault_happened());
            if (nth == 8 || nth == 9) CHECK(disk.contents("log/cut.new").empty());
        }
    }
    auto log = open(disk);
    CHECK(texts(*log, kFirst) == Texts{"first"});
    CHECK(log->report().kept_in == Texts{"log/cut-0-8704-0"});
    CHECK(disk.contents("log/cut-0-8704-0").size() == log->report().torn_bytes);
    CHECK_FALSE(disk.exists("log/cut.new"));
}

TEST_CASE("log end: an empty log is made only where one may be made") {
    MemoryFiles disk;
    EmbeddedLogOptions options = tiny();
    options.create = false;
    CHECK(fault_of(EmbeddedLog::open(options, disk)) ==
          "configuration: the log in log is gone");
    CHECK_FALSE(disk.exists("log/lock"));
    open(disk);
    disk.remove(kSegment0);
    CHECK(fault_of(EmbeddedLog::open(options, disk)) ==
          "configuration: the log in log is gone");
    CHECK_FALSE(disk.exists(kSegment0));
    SeenSoFar witnesses;
    witnesses.seen[1] = 4;
    options.create = true;
    options.witnesses = &witnesses;
    CHECK(starts_with(fault_of(EmbeddedLog::open(options, disk)), "corrupt: "));
}

TEST_CASE("log end: a segment of an earlier version is named as one") {
    MemoryFiles disk;
    append(*open(disk), {"first"});
    Bytes bytes = disk.contents(kSegment0);
    for (const char version : {'1', '2'}) {
        bytes[3] = static_cast<std::byte>(version);
        disk.overwrite(kSegment0, bytes);
        // All else is as this version writes it: bits of the version are other ones.
        CHECK(fault_of(EmbeddedLog::open(tiny(), disk)) ==
              "corrupt: log/00000000.segment: segment header fails its checksum");
        Bytes other = bytes;
        other[8] ^= std::byte{0x40};
        disk.overwrite(kSegment0, other);
        const std::string expected =
            "configuration: log/00000000.segment is of an earlier version of vouch, which kept its "
            "log in another format; these books open with that version only";
        CHECK(fault_of(EmbeddedLog::open(tiny(), disk)) == expected);
        CHECK(fault_of(EmbeddedLogReader::open(tiny(), disk)) == expected);
    }
    bytes[3] = std::byte{'9'};
    disk.overwrite(kSegment0, bytes);
    CHECK(starts_with(fault_of(EmbeddedLog::open(tiny(), disk)), "corrupt: "));
}

TEST_CASE("log end: a reader says what it cannot read, but not of a writer at work") {
    MemoryFiles disk;
    append(*open(disk), kTwo);
    Bytes bytes = disk.contents(kSegment0);
    auto reader = open_reader(disk);
    CHECK(reader->unreadable_end().value() == std::nullopt);
    SUBCASE("torn") {
        clear(bytes, 2 * kBlock + 512, kSector);
        disk.overwrite(kSegment0, bytes);
        CHECK(open_reader(disk)->unreadable_end().value() ==
              "log/00000000.segment at byte 8192: shard 0 record 1: record or steps fail their "
              "checksum; what "
              "stands there is an unfinished write, which was never acknowledged");
    }
    SUBCASE("rotten") {
        flip(bytes, 2 * kBlock + 512);
        disk.overwrite(kSegment0, bytes);
        CHECK(open_reader(disk)->unreadable_end().value()->ends_with(
            "no sector of it is missing, so this is no unfinished write: it was written whole, may "
            "have been acknowledged, and has changed since"));
    }
    SUBCASE("while a writer has the log") {
        auto log = open(disk);
        bytes[3 * kBlock] = std::byte{'x'};
        disk.overwrite(kSegment0, bytes);
        CHECK(open_reader(disk)->unreadable_end().value() == std::nullopt);
        log.reset();
        CHECK(open_reader(disk)->unreadable_end().value() != std::nullopt);
    }
}

TEST_CASE("log end: who looks for a writer is taken for none, and keeps none out") {
    MemoryFiles disk;
    append(*open(disk), kTwo);
    Bytes bytes = disk.contents(kSegment0);
    clear(bytes, 2 * kBlock + 512, kSector);
    disk.overwrite(kSegment0, bytes);
    auto reader = open_reader(disk);
    {
        const Result<File> looking = File::open(disk, "log/lock", O_RDONLY);
        REQUIRE_MESSAGE(looking, fault_of(looking));
        REQUIRE(looking->lock_shared().value());
        CHECK(reader->unreadable_end().value() != std::nullopt);
        CHECK(starts_with(fault_of(EmbeddedLog::open(tiny(), disk)), "fenced: "));
    }
    // Somebody looked just then: the first try fails, behind the opening of the file.
    disk.fail_change(3, EWOULDBLOCK);
    CHECK(texts(*open(disk), kFirst) == Texts{"first"});
    CHECK(disk.fault_happened());
}

// --- Crashes and flips ------------------------------------------------------------------------

/// Commits of both shards in groups of chance, until the power fails; what was acknowledged.
void write_some(MemoryFiles& disk, std::mt19937_64& chance, Texts (&acknowledged)[2]) {
    auto log = EmbeddedLog::open(tiny(), disk);
    REQUIRE_MESSAGE(log, fault_of(log));
    std::uint64_t numbers[2];
    for (const ShardId shard : {kFirst, kSecond}) {
        numbers[shard.value()] = (*log)->acquire(shard, kTerm).value().next_record.value();
        acknowledged[shard.value()] = texts(**log, shard);
    }
    disk.fail_change(1 + chance() % 20, EIO);
    for (int round = 0; round < 8; ++round) {
        std::vector<std::unique_ptr<TextCommit>> commits;
        std::vector<std::pair<std::size_t, std::string>> texts_of_round;
        std::vector<CommitTicket> tickets;
        for (std::uint64_t i = 0; i < 1 + chance() % 4; ++i) {
            const std::size_t shard = chance() % 2;
            const std::string text(1 + chance() % 2000, static_cast<char>('a' + chance() % 26));
            commits.push_back(std::make_unique<TextCommit>(numbers[shard], text));
            const auto ticket = (*log)->commit(ShardId(static_cast<std::uint32_t>(shard)), kTerm,
                                               commits.back()->commit());
            if (!ticket) break;
            ++numbers[shard];
            texts_of_round.push_back({shard, text});
            tickets.push_back(*ticket);
        }
        for (std::size_t i = 0; i < tickets.size() && (*log)->await(tickets[i]); ++i)
            acknowledged[texts_of_round[i].first].push_back(texts_of_round[i].second);
        if (disk.fault_happened()) break;
    }
}

TEST_CASE("log end: no crash and flipped bit makes an acknowledged record vanish without a word") {
    int stops = 0;
    int opened = 0;
    for (std::uint64_t seed = 1; seed <= 400; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 chance(seed);
        MemoryFiles disk;
        Texts acknowledged[2];
        for (int life = 0; life < 3; ++life) {
            write_some(disk, chance, acknowledged);
            disk.power_off();
            disk.power_on(chance() % 4);
            // The bit is where something was written, near the end.
            std::uint32_t last = 0;
            while (disk.exists("log/0000000" + std::to_string(last + 1) + ".segment")) ++last;
            const std::string path = "log/0000000" + std::to_string(last) + ".segment";
            const Bytes whole = disk.contents(path);
            std::vector<std::size_t> written;
            for (std::size_t at = kBlock; at < whole.size(); ++at) {
                if (whole[at] != std::byte{0}) written.push_back(at);
            }
            if (!written.empty() && chance() % 4 != 0) {
                Bytes flipped = whole;
                const std::size_t back = chance() % std::min<std::size_t>(written.size(), 3000);
                flipped[written[written.size() - 1 - back]] ^=
                    static_cast<std::byte>(1U << chance() % 8);
                disk.overwrite(path, flipped);
                auto log = EmbeddedLog::open(tiny(), disk);
                if (!log) {
                    ++stops;
                    REQUIRE(starts_with(fault_of(log), "corrupt: "));
                    REQUIRE(disk.contents(path) == flipped);
                    disk.overwrite(path, whole);  // the bytes put back
                }
            }
            auto log = EmbeddedLog::open(tiny(), disk);
            REQUIRE_MESSAGE(log, fault_of(log));
            ++opened;
            for (const ShardId shard : {kFirst, kSecond}) {
                const Texts found = texts(**log, shard);
                const Texts& told = acknowledged[shard.value()];
                REQUIRE(found.size() >= told.size());
                REQUIRE(std::equal(told.begin(), told.end(), found.begin()));
            }
        }
    }
    CHECK(stops > 100);
    CHECK(opened == 1200);
}

}  // namespace
}  // namespace vouch
