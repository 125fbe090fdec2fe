#include "tests/web/changed_books.h"

#include "events/log/embedded/embedded_log.h"
#include "events/log/embedded/frame.h"
#include "events/seal/record.h"
#include "tests/support/text_of_file.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace vouch::test {

namespace {

namespace fs = std::filesystem;

/// Who has the file open reads the new bytes.
void write_in_place(const fs::path& file, const std::string& bytes) {
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    REQUIRE(out.write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush());
}

std::string read_part(const fs::path& log, const LogBytes& part) {
    std::ifstream in(log / part.file, std::ios::binary);
    std::string bytes(part.size, '\0');
    in.seekg(static_cast<std::streamoff>(part.at));
    REQUIRE(in.read(bytes.data(), static_cast<std::streamsize>(part.size)));
    return bytes;
}

void write_at(const fs::path& file, std::size_t at, const std::string& bytes) {
    std::fstream out(file, std::ios::binary | std::ios::in | std::ios::out);
    out.seekp(static_cast<std::streamoff>(at));
    REQUIRE(out.write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush());
}

/// In every block, so that whichever is read meets it.
std::string flipped(std::string bytes) {
    for (std::size_t at = 0; at < bytes.size(); at += 16)
        bytes[at] = static_cast<char>(bytes[at] ^ 1);
    return bytes;
}

/// The bytes with the first ones of another's in their place.
std::string overlaid(std::string bytes, const std::string& other) {
    std::copy_n(other.begin(), std::min(bytes.size(), other.size()), bytes.begin());
    return bytes;
}

std::size_t change_records(const fs::path& log, const std::vector<LogBytes>& parts, FileAct act) {
    std::vector<std::string> right;
    for (const LogBytes& part : parts) right.push_back(read_part(log, part));
    std::size_t changed = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        std::string bytes = right[i];
        switch (act) {
            case FileAct::flip:
                bytes = flipped(bytes);
                break;
            case FileAct::swap:
                bytes = overlaid(
                    bytes, right[i % 2 == 0 ? std::min(i + 1, parts.size() - 1) : i - 1]);
                break;
            case FileAct::drop:
                std::ranges::fill(bytes, '\0');
                break;
            case FileAct::older:
                bytes = overlaid(bytes, right[(i == 0 ? parts.size() : i) - 1]);
                break;
        }
        if (bytes == right[i]) continue;
        write_at(log / parts[i].file, parts[i].at, bytes);
        ++changed;
    }
    return changed;
}

/// A file for which `other` is exchanged; false when it is what it was.
bool change_file(const fs::path& file, FileAct act, const fs::path& other, const fs::path& older) {
    const std::string right = text_of_file(file);
    std::string bytes = right;
    switch (act) {
        case FileAct::flip:
            bytes = flipped(right);
            break;
        case FileAct::swap:
            bytes = text_of_file(other);
            break;
        case FileAct::drop:
            return fs::remove(file);
        case FileAct::older:
            if (fs::exists(older)) bytes = text_of_file(older);
            break;
    }
    if (bytes == right) return false;
    write_in_place(file, bytes);
    return true;
}

/// One that is removed is read on by who has it open: it is cut off behind its header instead.
std::size_t change_segments(const fs::path& log, const std::vector<LogBytes>& files, FileAct act) {
    if (act != FileAct::drop) return change_records(log, files, act);
    for (const LogBytes& each : files) fs::resize_file(log / each.file, kGroupAlignment);
    return files.size();
}

}  // namespace

const std::vector<Region>& regions() {
    using enum Region::Where;
    static const std::vector<Region> all = {
        {.name = "frame", .where = record, .part = RecordPart::frame},
        {.name = "header", .where = record, .part = RecordPart::header, .is_surely_met = true},
        {.name = "table", .where = record, .part = RecordPart::table, .is_surely_met = true},
        {.name = "tag", .where = record, .part = RecordPart::tag, .is_surely_met = true},
        {.name = "body", .where = record, .part = RecordPart::body, .is_surely_met = true},
        {.name = "steps", .where = record, .part = RecordPart::steps},
        {.name = "segments", .where = segments, .is_surely_met = true},
        {.name = "store's tables",
         .where = store,
         .kind = StoreFile::table,
         .is_surely_met = true},
        {.name = "store's manifest", .where = store, .kind = StoreFile::manifest},
        {.name = "store's CURRENT", .where = store, .kind = StoreFile::current},
        {.name = "store's options", .where = store, .kind = StoreFile::options},
        {.name = "view's tables",
         .where = view,
         .kind = StoreFile::table,
         .is_surely_met = true},
        {.name = "view's manifest", .where = view, .kind = StoreFile::manifest},
        {.name = "view's CURRENT", .where = view, .kind = StoreFile::current},
        {.name = "view's options", .where = view, .kind = StoreFile::options},
        {.name = "snapshot", .file = "shards/1/snapshot", .swapped_with = "shards/0/snapshot"},
        {.name = "newest", .file = "log/newest", .swapped_with = "shards/ends"},
        {.name = "ends", .file = "shards/ends", .swapped_with = "log/newest"},
        {.name = "deployment", .file = "deployment", .swapped_with = "keys"},
        {.name = "keys", .file = "keys", .swapped_with = "deployment"},
    };
    return all;
}

RecordPlaces::RecordPlaces(const fs::path& books) {
    auto log = EmbeddedLogReader::open({.directory = (books / "log").string()});
    REQUIRE_MESSAGE(log, log.error().message);
    const auto place_of = [&](ShardId shard, RecordNumber record) {
        constexpr std::string_view kAtByte = " at byte ";
        const std::string text = (*log)->place_of(shard, record);
        const std::size_t between = text.rfind(kAtByte);
        REQUIRE(between != std::string::npos);
        Place place;
        place.file = fs::path(text.substr(0, between)).filename().string();
        place.at = std::stoul(text.substr(between + kAtByte.size()));
        return place;
    };
    std::set<std::string> others;
    const Result<RecordNumber> end = (*log)->end(ShardId(0));
    REQUIRE(end);
    for (RecordNumber record(0); record < *end; record = record.next())
        others.insert(place_of(ShardId(0), record).file);

    std::vector<StoredRecord> records;
    REQUIRE((*log)->read_records(ShardId(1), RecordNumber(0), ~std::size_t{0}, records));
    constexpr std::size_t kNewest = 4;
    REQUIRE(records.size() > 2 * kNewest);
    records.resize(records.size() - kNewest);
    for (StoredRecord& record : records) {
        Place place = place_of(ShardId(1), record.number);
        const std::string file = read_part(books / "log", {place.file, 0, place.at});
        // The frame's header stands before a table of as many steps as it says.
        for (place.frame = kFrameHeaderBytes; file.compare(place.at - place.frame, 4, "VFR3") != 0;
             place.frame += kStepEntryBytes)
            REQUIRE(place.at > place.frame);
        const std::string_view table = std::string_view(file).substr(
            place.at - place.frame + kFrameHeaderBytes, place.frame - kFrameHeaderBytes);
        for (const StepEntry& entry : decode_step_table(std::as_bytes(std::span(table))))
            place.steps += entry.length;
        place.record = std::move(record.bytes);
        if (!others.contains(place.file) && (files_.empty() || files_.back().file != place.file))
            files_.push_back({place.file, 0, fs::file_size(books / "log" / place.file)});
        places_.push_back(std::move(place));
    }
    REQUIRE(files_.size() > 1);
}

std::vector<LogBytes> RecordPlaces::parts(RecordPart part) const {
    std::vector<LogBytes> found;
    for (const Place& place : places_) {
        const Result<RecordView> view = parse_record(place.record);
        REQUIRE(view);
        const auto of = [&](ByteView bytes) {
            return LogBytes{
                place.file,
                place.at + static_cast<std::size_t>(bytes.data() - place.record.data()),
                bytes.size()};
        };
        const auto tag = std::ranges::search(place.record, view->tag);
        LogBytes bytes;
        switch (part) {
            case RecordPart::frame:
                bytes = {place.file, place.at - place.frame, place.frame};
                break;
            case RecordPart::header:
                bytes = of(ByteView(place.record.begin(), tag.begin() - 2));
                break;
            case RecordPart::tag:
                bytes = of(ByteView(tag.begin(), tag.end()));
                break;
            case RecordPart::table:
                if (!view->table.empty()) bytes = of(view->table);
                break;
            case RecordPart::body:
                bytes = of(view->body);
                break;
            case RecordPart::steps:
                bytes = {place.file, place.at + place.record.size(), place.steps};
                break;
        }
        if (bytes.size > 0) found.push_back(bytes);
    }
    return found;
}

std::size_t change(const fs::path& books, const Region& region, FileAct act,
                   const RecordPlaces& places, const BooksCopies& copies) {
    const auto files = [&](const fs::path& store) {
        return change_files(books / store, region.kind, act,
                            {copies.older / store, copies.twin / store});
    };
    switch (region.where) {
        case Region::Where::record:
            return change_records(books / "log", places.parts(region.part), act);
        case Region::Where::segments:
            return change_segments(books / "log", places.files(), act);
        case Region::Where::store:
            return files("shards/1/store");
        case Region::Where::view:
            return files("views/1/db");
        case Region::Where::file:
            return change_file(books / region.file, act, copies.right / region.swapped_with,
                               copies.older / region.file)
                       ? 1
                       : 0;
    }
    return 0;
}

void copy_books(const fs::path& from, const fs::path& to) {
    fs::remove_all(to);
    const std::string copy =
        "cp -a --sparse=always '" + from.string() + "' '" + to.string() + "'";
    REQUIRE(std::system(copy.c_str()) == 0);
    fs::remove(to / "origin");  // a copy would not be written to
}

void put_back(const fs::path& right, const fs::path& books, const RecordPlaces& places) {
    const auto copy = [&](const fs::path& name) {
        fs::copy_file(right / name, books / name, fs::copy_options::overwrite_existing);
    };
    for (const LogBytes& file : places.files()) copy(fs::path("log") / file.file);
    for (const RecordPart part : {RecordPart::frame, RecordPart::header, RecordPart::table,
                                  RecordPart::tag, RecordPart::body, RecordPart::steps}) {
        for (const LogBytes& bytes : places.parts(part))
            write_at(books / "log" / bytes.file, bytes.at, read_part(right / "log", bytes));
    }
    for (const char* const name : {"deployment", "keys", "log/newest"}) copy(name);
    for (const char* const name : {"shards", "views"}) put_copy(right / name, books / name);
}

}  // namespace vouch::test
