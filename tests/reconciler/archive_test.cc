#include "events/seal/record.h"
#include "reconciler/archive/archive_reader.h"
#include "reconciler/archive/export.h"
#include "reconciler/replay/replay.h"
#include "record.pb.h"
#include "tests/reconciler/played_log.h"
#include "tests/support/memory_files.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/text_of_file.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace {

using namespace vouch;
using namespace vouch::test;
using reconciler::ArchiveReader;
using reconciler::Check;

void write_file(const std::filesystem::path& file, const std::string& bytes) {
    std::ofstream(file, std::ios::binary) << bytes;
}

struct Archived {
    TemporaryDirectory directory;
    SealedDeployment sealed = make_sealed_deployment(2);
    RecordList records = make_busy_log(sealed, 7, 60);
    std::filesystem::path file = directory.path() / "books.vouch";
    std::filesystem::path edited = directory.path() / "edited.vouch";

    Archived() {
        const auto exported =
            reconciler::export_archive(records, sealed.created.bytes, sealed.keys, file);
        REQUIRE(exported.has_value());
        CHECK(exported->bytes == std::filesystem::file_size(file));
    }

    reconciler::ReplayReport replay(const std::filesystem::path& path) const {
        auto archive = ArchiveReader::open(path);
        REQUIRE(archive.has_value());
        reconciler::ReplayOptions options;
        options.keys = &sealed.keys;
        options.threads = 1;
        options.archive = archive->get();
        auto report = reconciler::replay(**archive, (*archive)->deployment(), options);
        REQUIRE(report.has_value());
        return std::move(*report);
    }
    bool finds(const std::string& bytes, Check check) const {
        write_file(edited, bytes);
        const reconciler::ReplayReport report = replay(edited);
        CAPTURE(text_of_findings(report));
        for (const reconciler::Finding& finding : report.findings.kept()) {
            if (finding.check == check) return true;
        }
        return false;
    }
};

/// Where each frame of an archive begins, and the end.
std::vector<std::size_t> frames_of(const std::string& bytes) {
    std::vector<std::size_t> frames;
    for (std::size_t at = 16; at < bytes.size();) {
        frames.push_back(at);
        std::size_t size = 0;
        for (std::size_t i = 1; i < 5; ++i)
            size = size << 8 | static_cast<unsigned char>(bytes[at + i]);
        at += 5 + size;
    }
    frames.push_back(bytes.size());
    return frames;
}

TEST_CASE("archive: replays as the log that it was made of") {
    Archived archived;
    const reconciler::ReplayReport of_log = replay_list(archived.records, archived.sealed);
    const reconciler::ReplayReport of_archive = archived.replay(archived.file);
    CHECK(text_of_findings(of_archive) == "");
    CHECK(of_archive.state_digest == of_log.state_digest);
    CHECK(of_archive.events == of_log.events);
    CHECK(of_archive.tail == reconciler::TailStatus::trailer);
    CHECK(of_log.tail == reconciler::TailStatus::unknown);
}

TEST_CASE("archive: holds the records' bytes as stored, from any record on") {
    Archived archived;
    auto archive = ArchiveReader::open(archived.file);
    REQUIRE(archive.has_value());
    for (std::uint32_t shard = 0; shard < 2; ++shard) {
        const std::vector<Bytes>& expected = archived.records.shard(ShardId(shard));
        REQUIRE((*archive)->end(ShardId(shard))->value() == expected.size());
        for (std::size_t i = expected.size(); i-- > 0;) {
            std::vector<StoredRecord> found;
            REQUIRE(
                (*archive)->read_records(ShardId(shard), RecordNumber(i), 1, found).has_value());
            REQUIRE(found.size() == 1);
            CHECK(found[0].number == RecordNumber(i));
            CHECK(found[0].bytes == expected[i]);
            Bytes part;
            REQUIRE(
                (*archive)->read_range(ShardId(shard), RecordNumber(i), 3, 9, part).has_value());
            CHECK(part == Bytes(expected[i].begin() + 3, expected[i].begin() + 12));
        }
    }
}

TEST_CASE("archive: its trailer is the message of record.proto") {
    Archived archived;
    const std::string bytes = text_of_file(archived.file);
    const std::vector<std::size_t> frames = frames_of(bytes);
    v1::SealedTrailer sealed;
    REQUIRE(sealed.ParseFromString(bytes.substr(frames[frames.size() - 2] + 5)));
    v1::ArchiveTrailer trailer;
    REQUIRE(trailer.ParseFromString(sealed.trailer()));
    REQUIRE(trailer.shards_size() == 2);
    for (int i = 0; i < 2; ++i) {
        const std::vector<Bytes>& records =
            archived.records.shard(ShardId(static_cast<std::uint32_t>(i)));
        CHECK(trailer.shards(i).shard() == static_cast<std::uint32_t>(i));
        CHECK(trailer.shards(i).next_record() == records.size());
        const Digest digest = parse_record(records.back())->digest;
        CHECK(trailer.shards(i).last_digest() ==
              std::string(reinterpret_cast<const char*>(digest.data()), digest.size()));
    }
}

TEST_CASE(
    "archive: of a log whose end is missing it says so, sealed, to whoever replays it" *
    doctest::test_suite("same-threads")) {
    Archived archived;
    RecordList damaged = archived.records;
    damaged.behind_end = "segment 0 at byte 8192: no frame";
    const std::size_t end = archived.records.shard(ShardId(1)).size();
    Digest digest{};
    digest.fill(std::byte{7});
    reconciler::ExportOptions options;
    options.seen = {{ShardId(0), RecordNumber(1), digest},  // what the archive has
                    {ShardId(1), RecordNumber(end + 3), digest}};
    const std::filesystem::path file = archived.directory.path() / "damaged.vouch";
    REQUIRE(reconciler::export_archive(damaged, archived.sealed.created.bytes,
                                       archived.sealed.keys, file, options));
    const reconciler::ReplayReport report = archived.replay(file);
    CHECK(report.tail == reconciler::TailStatus::incomplete);
    CHECK(text_of_findings(report) ==
          "unreadable_end: of the log that was exported: segment 0 at byte 8192: no frame\n"
          "shard 1 record " + std::to_string(end) + ": truncated: the log ends here, " +
              std::to_string(end + 3) + " records have been seen\n");

    const std::string bytes = text_of_file(file);
    const std::vector<std::size_t> frames = frames_of(bytes);
    v1::SealedTrailer sealed;
    REQUIRE(sealed.ParseFromString(bytes.substr(frames[frames.size() - 2] + 5)));
    v1::ArchiveTrailer trailer;
    REQUIRE(trailer.ParseFromString(sealed.trailer()));
    CHECK(trailer.unreadable_end() == "segment 0 at byte 8192: no frame");
    CHECK(trailer.shards(0).seen_digest().empty());
    CHECK(trailer.shards(1).seen_next_record() == end + 3);
    CHECK(trailer.shards(1).seen_digest() == std::string(32, '\7'));

    for (std::size_t at = frames[frames.size() - 2] + 5; at < bytes.size(); ++at) {
        CAPTURE(at);
        std::string edited = bytes;
        edited[at] = static_cast<char>(edited[at] ^ 1);
        CHECK((archived.finds(edited, Check::tag_mismatch) ||
               archived.finds(edited, Check::archive_form)));
    }
}

TEST_CASE("archive: whatever is said of the log's end, the trailer can be read") {
    Archived archived;
    RecordList damaged = archived.records;
    damaged.behind_end = "B\xc3\xbc" "cher/0.segment is gone\n";
    const std::filesystem::path file = archived.directory.path() / "damaged.vouch";
    REQUIRE(reconciler::export_archive(damaged, archived.sealed.created.bytes,
                                       archived.sealed.keys, file));
    CHECK(text_of_findings(archived.replay(file)) ==
          "unreadable_end: of the log that was exported: B??cher/0.segment is gone?\n");
}

TEST_CASE("archive: what a trailer says of the log's end is shown only if it can be") {
    Archived archived;
    const std::string bytes = text_of_file(archived.file);
    const std::size_t last = frames_of(bytes)[frames_of(bytes).size() - 2];
    v1::SealedTrailer sealed;
    REQUIRE(sealed.ParseFromString(bytes.substr(last + 5)));
    v1::ArchiveTrailer trailer;
    REQUIRE(trailer.ParseFromString(sealed.trailer()));
    const auto with = [&](const std::string& text) {
        trailer.set_unreadable_end(text);
        sealed.set_trailer(trailer.SerializeAsString());
        const std::string message = sealed.SerializeAsString();
        std::string frame = "T";
        for (int shift = 24; shift >= 0; shift -= 8)
            frame.push_back(static_cast<char>(message.size() >> shift));
        return bytes.substr(0, last) + frame + message;
    };
    CHECK(archived.finds(with(std::string(64 << 10, 'x')), Check::unreadable_end));
    CHECK(archived.finds(with(std::string((64 << 10) + 1, 'x')), Check::archive_form));
    CHECK(archived.finds(with("\x1b[2J"), Check::archive_form));
}

TEST_CASE("archive: a file that is named like one that is not whole is left alone") {
    Archived archived;
    const std::filesystem::path file = archived.directory.path() / "again.vouch";
    write_file(file.string() + ".partial", "somebody's");
    REQUIRE(reconciler::export_archive(archived.records, archived.sealed.created.bytes,
                                       archived.sealed.keys, file));
    CHECK(text_of_file(file) == text_of_file(archived.file));
    CHECK(text_of_file(file.string() + ".partial") == "somebody's");
}

TEST_CASE(
    "archive: cut off at any frame, it is found to be" *
    doctest::test_suite("same-threads")) {
    Archived archived;
    const std::string bytes = text_of_file(archived.file);
    const std::vector<std::size_t> frames = frames_of(bytes);
    // The first frame is the deployment's: without it there is no archive.
    for (std::size_t i = 1; i + 1 < frames.size(); ++i) {
        CAPTURE(i);
        CHECK(archived.finds(bytes.substr(0, frames[i]), Check::archive_form));
        CHECK(archived.finds(bytes.substr(0, frames[i] + 3), Check::archive_form));
    }
}

TEST_CASE("archive: a record taken out, or put behind, is found by the trailer") {
    Archived archived;
    const std::string bytes = text_of_file(archived.file);
    const std::vector<std::size_t> frames = frames_of(bytes);
    const std::size_t last = frames.size() - 3;  // the last record of the last shard
    const std::string record = bytes.substr(frames[last], frames[last + 1] - frames[last]);
    std::string without = bytes;
    without.erase(frames[last], record.size());
    CHECK(archived.finds(without, Check::truncated));
    CHECK(archived.finds(without, Check::archive_form));
    std::string doubled = bytes;
    doubled.insert(frames[last], record);
    CHECK(archived.finds(doubled, Check::record_sequence));
    CHECK(archived.finds(doubled, Check::archive_form));
}

TEST_CASE(
    "archive: nothing may follow the trailer, and the trailer has its tag" *
    doctest::test_suite("same-threads")) {
    Archived archived;
    const std::string bytes = text_of_file(archived.file);
    const std::vector<std::size_t> frames = frames_of(bytes);
    CHECK(archived.finds(bytes + "x", Check::archive_form));
    CHECK(archived.finds(bytes + bytes.substr(frames[frames.size() - 2]), Check::archive_form));
    const std::size_t trailer = frames[frames.size() - 2] + 5;
    std::size_t found = 0;
    for (std::size_t at = trailer; at < bytes.size(); ++at) {
        CAPTURE(at);
        std::string edited = bytes;
        edited[at] = static_cast<char>(edited[at] ^ 1);
        const bool is_found = archived.finds(edited, Check::tag_mismatch) ||
                              archived.finds(edited, Check::archive_form);
        CHECK(is_found);
        found += is_found ? 1 : 0;
    }
    CHECK(found == bytes.size() - trailer);
}

TEST_CASE("archive: a shard's end moved back with its records is found by the trailer's tag") {
    Archived archived;
    RecordList shorter = archived.records;
    shorter.shard(ShardId(1)).pop_back();
    REQUIRE(reconciler::export_archive(shorter, archived.sealed.created.bytes,
                                       archived.sealed.keys, archived.edited)
                .has_value());
    std::string bytes = text_of_file(archived.edited);
    // Who has no keys has no other tag than the longer archive's.
    const std::string whole = text_of_file(archived.file);
    const std::string tag = whole.substr(whole.size() - 32);
    bytes.replace(bytes.size() - tag.size(), tag.size(), tag);
    CHECK(archived.finds(bytes, Check::tag_mismatch));
    CHECK(archived.replay(archived.edited).tail == reconciler::TailStatus::unknown);
}

TEST_CASE("archive: what is not what was written is told, copied as it lies, and found by replay") {
    Archived archived;
    RecordList edited = archived.records;
    std::string place;
    std::string told;
    reconciler::ExportOptions options;
    options.damage = [&](const Fault& fault) { told += fault.message + '\n'; };
    SUBCASE("an edited record") {
        edited.shard(ShardId(1))[2].back() ^= std::byte{1};
        REQUIRE(reconciler::export_archive(edited, archived.sealed.created.bytes,
                                           archived.sealed.keys, archived.edited, options)
                    ->damaged == 1);
        place = "shard 1 record 2";
    }
    SUBCASE("two that were exchanged") {
        std::swap(edited.shard(ShardId(1))[1], edited.shard(ShardId(1))[2]);
        REQUIRE(reconciler::export_archive(edited, archived.sealed.created.bytes,
                                           archived.sealed.keys, archived.edited, options)
                    ->damaged == 2);
        place = "shard 1 record 1";
    }
    const reconciler::ReplayReport report = archived.replay(archived.edited);
    CHECK(told.starts_with(place + ": "));
    CHECK(text_of_findings(report).find(place + ": ") != std::string::npos);
    CHECK(report.state_digest == std::nullopt);
    CHECK(report.records == archived.records.shard(ShardId(0)).size() +
                                archived.records.shard(ShardId(1)).size());
}

TEST_CASE("archive: nothing is copied under another key") {
    Archived archived;
    const SealedDeployment other = make_sealed_deployment(2, false, 9);
    const EpochKeys keys(other.keys.archive_key(), archived.sealed.deployment());
    CHECK(!reconciler::export_archive(archived.records, archived.sealed.created.bytes, keys,
                                      archived.edited)
               .has_value());
    CHECK(!std::filesystem::exists(archived.edited));
}

TEST_CASE("archive: is not written over a file") {
    Archived archived;
    const auto again = reconciler::export_archive(archived.records, archived.sealed.created.bytes,
                                                  archived.sealed.keys, archived.file);
    REQUIRE(!again.has_value());
    CHECK(again.error().code == FaultCode::configuration);
    CHECK(!std::filesystem::exists(archived.file.string() + ".partial"));
}

TEST_CASE("archive: a link of its name that leads to nothing is refused before anything is read") {
    Archived archived;
    const std::filesystem::path link = archived.directory.path() / "link.vouch";
    std::filesystem::create_symlink(archived.directory.path() / "nothing", link);
    reconciler::ExportOptions options;
    options.progress = [](const reconciler::ExportProgress&) { FAIL("it was begun"); };
    const auto exported = reconciler::export_archive(
        archived.records, archived.sealed.created.bytes, archived.sealed.keys, link, options);
    REQUIRE(!exported.has_value());
    CHECK(exported.error().code == FaultCode::configuration);
}

TEST_CASE("archive: whenever the power fails, there is a whole one or none") {
    const SealedDeployment sealed = make_sealed_deployment(2);
    RecordList records = make_busy_log(sealed, 7, 20);
    // A file system without files that have no name has one beside the archive.
    for (const bool has_unnamed : {true, false}) {
        std::size_t left_out = 0;
        bool is_done = false;
        for (std::uint64_t change = 1; !is_done; ++change) {
            for (std::uint64_t seed = 0; seed < 4; ++seed) {
                CAPTURE(change);
                CAPTURE(seed);
                MemoryFiles disk;
                if (!has_unnamed) disk.fail_change(1, EOPNOTSUPP);
                disk.power_off_at(change);
                is_done = reconciler::export_archive(records, sealed.created.bytes, sealed.keys,
                                                     "books.vouch", {}, disk)
                              .has_value();
                disk.power_off();
                disk.power_on(seed);
                std::vector<std::string> names;
                REQUIRE(disk.list(".", names));
                if (has_unnamed) CHECK(names.size() == (disk.exists("books.vouch") ? 1 : 0));
                if (!disk.exists("books.vouch")) {
                    CHECK_FALSE(is_done);
                    ++left_out;
                    continue;
                }
                const auto archive = ArchiveReader::open("books.vouch", disk);
                REQUIRE(archive.has_value());
                CHECK((*archive)->form_faults().empty());
            }
        }
        CHECK(left_out > 0);
    }
}

TEST_CASE("archive: what does not begin as one is refused") {
    TemporaryDirectory directory;
    const std::filesystem::path file = directory.path() / "none";
    CHECK(!ArchiveReader::open(file).has_value());
    for (const std::string& bytes :
         {std::string(), std::string("vouch archive 2\n"), std::string("vouch archive 1\nDxxxx")}) {
        write_file(file, bytes);
        CHECK(!ArchiveReader::open(file).has_value());
    }
}

}  // namespace
