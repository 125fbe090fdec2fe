#include "events/store/sealed_files.h"

#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace vouch;
namespace fs = std::filesystem;

using Rows = std::map<std::string, std::string>;

SecretKey key_of(int number) {
    std::array<std::byte, 32> bytes{};
    bytes[0] = static_cast<std::byte>(number);
    return SecretKey(bytes);
}

std::string row_key(int i) { return "row" + std::to_string(1000 + i); }
std::string row_value(int i) { return "value " + std::to_string(i) + std::string(100, 'x'); }

/// A database over sealed files, used as the stores use theirs.
class Database {
public:
    Database(const fs::path& directory, const SecretKey& key,
             std::shared_ptr<rocksdb::FileSystem> below = rocksdb::FileSystem::Default())
        : files_(key, std::move(below)), directory_(directory) {
        options_.create_if_missing = true;
        options_.env = files_.env();
        options_.paranoid_checks = true;
        options_.compression = rocksdb::kNoCompression;
        options_.disable_auto_compactions = true;
        rocksdb::BlockBasedTableOptions table;
        table.no_block_cache = true;
        options_.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
        rocksdb::DB* opened = nullptr;
        status_ = rocksdb::DB::Open(options_, directory.string(), &opened);
        database_.reset(opened);
    }

    const rocksdb::Status& status() const { return status_; }

    void ingest(int from, int to) {
        const rocksdb::Status taken = ingest(from, to, [](const fs::path&) {});
        REQUIRE_MESSAGE(taken.ok(), taken.ToString());
    }
    /// What the database says of a table that was changed before it takes it in.
    rocksdb::Status ingest(int from, int to, const std::function<void(const fs::path&)>& change) {
        const std::string file = directory_.string() + "-load.sst";
        rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), options_);
        REQUIRE(writer.Open(file).ok());
        for (int i = from; i < to; ++i) REQUIRE(writer.Put(row_key(i), row_value(i)).ok());
        REQUIRE(writer.Finish().ok());
        rocksdb::IngestExternalFileOptions ingestion;
        ingestion.move_files = true;
        ingestion.write_global_seqno = false;
        change(file);
        return database_->IngestExternalFile({file}, ingestion);
    }

    void write(int from, int to) {
        rocksdb::WriteOptions writing;
        writing.disableWAL = true;
        for (int i = from; i < to; ++i)
            REQUIRE(database_->Put(writing, row_key(i), row_value(i)).ok());
        REQUIRE(database_->Flush(rocksdb::FlushOptions()).ok());
    }

    void merge() {
        REQUIRE(database_->CompactRange(rocksdb::CompactRangeOptions(), nullptr, nullptr).ok());
    }

    /// Empty when the walk ended in a fault.
    std::optional<Rows> rows() const {
        Rows all;
        const std::unique_ptr<rocksdb::Iterator> each(
            database_->NewIterator(rocksdb::ReadOptions()));
        for (each->SeekToFirst(); each->Valid(); each->Next())
            all.emplace(each->key().ToString(), each->value().ToString());
        if (!each->status().ok()) return std::nullopt;
        return all;
    }
    std::optional<std::string> find(int i) const {
        std::string value;
        const rocksdb::Status status = database_->Get(rocksdb::ReadOptions(), row_key(i), &value);
        if (status.IsNotFound()) return "";
        if (!status.ok()) return std::nullopt;
        return value;
    }

private:
    SealedFiles files_;
    fs::path directory_;
    rocksdb::Options options_;
    rocksdb::Status status_;
    std::unique_ptr<rocksdb::DB> database_;
};

constexpr int kRows = 600;

/// A file system that makes no hard links, and says so in one of the ways that they do.
class WithoutLinks final : public rocksdb::FileSystemWrapper {
public:
    explicit WithoutLinks(rocksdb::IOStatus answer)
        : FileSystemWrapper(rocksdb::FileSystem::Default()), answer_(std::move(answer)) {}
    const char* Name() const override { return "without_links"; }
    rocksdb::IOStatus LinkFile(const std::string&, const std::string&, const rocksdb::IOOptions&,
                               rocksdb::IODebugContext*) override {
        return answer_;
    }

private:
    const rocksdb::IOStatus answer_;
};

/// Rows that came in each way, in three tables.
void fill(const fs::path& directory, const SecretKey& key) {
    Database database(directory, key);
    REQUIRE_MESSAGE(database.status().ok(), database.status().ToString());
    database.ingest(0, 200);
    database.write(200, 400);
    database.ingest(400, kRows);
}

/// What somebody without the key may bring about: a fault, or the rows as they were at the end or
/// before one of the three parts. Anything else is a lie.
bool is_honest(const std::optional<Rows>& rows) {
    if (!rows) return true;
    const auto count = static_cast<int>(rows->size());
    if (count != 0 && count != 200 && count != 400 && count != kRows) return false;
    for (int i = 0; i < count; ++i) {
        const auto found = rows->find(row_key(i));
        if (found == rows->end() || found->second != row_value(i)) return false;
    }
    return true;
}

std::optional<Rows> read(const fs::path& directory, const SecretKey& key) {
    const Database database(directory, key);
    if (!database.status().ok()) return std::nullopt;
    return database.rows();
}

std::vector<fs::path> files_of(const fs::path& directory) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(directory)) {
        const std::string name = entry.path().filename().string();
        if (!name.starts_with("LOG") && name != "LOCK" && name != "IDENTITY") files.push_back(entry.path());
    }
    std::ranges::sort(files);
    return files;
}

std::vector<fs::path> tables_of(const fs::path& directory) {
    std::vector<fs::path> files = files_of(directory);
    std::erase_if(files, [](const fs::path& file) { return file.extension() != ".sst"; });
    return files;
}

void flip(const fs::path& file, std::uintmax_t at) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(at));
    const int byte = stream.get();
    stream.seekp(static_cast<std::streamoff>(at));
    stream.put(static_cast<char>(byte ^ 0x10));
}

void copy_afresh(const fs::path& from, const fs::path& to) {
    fs::remove_all(to);
    fs::copy(from, to);
}

}  // namespace

TEST_CASE("sealed files: rows come back after every way of writing, and after a merge") {
    const test::TemporaryDirectory root;
    const fs::path directory = root.path() / "db";
    const SecretKey key = key_of(1);
    fill(directory, key);
    for (int again = 0; again < 2; ++again) {
        Database database(directory, key);
        REQUIRE_MESSAGE(database.status().ok(), database.status().ToString());
        const auto rows = database.rows();
        REQUIRE(rows);
        CHECK(rows->size() == kRows);
        CHECK(is_honest(rows));
        CHECK(database.find(399) == row_value(399));
        CHECK(database.find(kRows) == "");
        database.merge();
    }
}

TEST_CASE("sealed files: one flipped bit is a fault wherever it is read") {
    const test::TemporaryDirectory root;
    const fs::path good = root.path() / "good";
    const fs::path bad = root.path() / "bad";
    const SecretKey key = key_of(1);
    fill(good, key);
    int faults = 0;
    for (const fs::path& file : files_of(good)) {
        const std::uintmax_t size = fs::file_size(file);
        for (std::uintmax_t at = 0; at < size; at += std::max<std::uintmax_t>(size / 7, 1)) {
            CAPTURE(file.filename().string());
            CAPTURE(at);
            copy_afresh(good, bad);
            flip(bad / file.filename(), at);
            const auto rows = read(bad, key);
            CHECK(is_honest(rows));
            faults += !rows;
        }
        if (file.extension() == ".sst") {
            copy_afresh(good, bad);
            flip(bad / file.filename(), size - 1);
            CHECK_FALSE(read(bad, key));
        }
    }
    CHECK(faults > 20);
}

TEST_CASE("sealed files: an open database meets an edited row as a fault") {
    const test::TemporaryDirectory root;
    const fs::path directory = root.path() / "db";
    const SecretKey key = key_of(1);
    fill(directory, key);
    const Database database(directory, key);
    REQUIRE(database.status().ok());
    for (const fs::path& table : tables_of(directory)) flip(table, 50);
    int faults = 0;
    for (int i = 0; i < kRows; ++i) {
        const auto found = database.find(i);
        if (!found) ++faults;
        else CHECK(*found == row_value(i));
    }
    CHECK(faults > 0);
}

TEST_CASE("sealed files: tables exchanged, dropped, cut or of another store are faults") {
    const test::TemporaryDirectory root;
    const fs::path good = root.path() / "good";
    const fs::path bad = root.path() / "bad";
    const fs::path other = root.path() / "other";
    const fs::path twin = root.path() / "twin";
    const SecretKey key = key_of(1);
    fill(good, key);
    fill(other, key_of(2));
    fill(twin, key);
    const std::vector<fs::path> tables = tables_of(good);
    REQUIRE(tables.size() == 3);
    for (std::size_t i = 0; i < tables.size(); ++i) {
        CAPTURE(tables[i].filename().string());
        const fs::path name = tables[i].filename();
        copy_afresh(good, bad);
        fs::remove(bad / name);
        fs::copy(tables[(i + 1) % tables.size()], bad / name);
        CHECK_FALSE(read(bad, key));

        copy_afresh(good, bad);
        fs::remove(bad / name);
        CHECK_FALSE(read(bad, key));

        for (const std::uintmax_t less : {1U, 16U, 40U, 4000U}) {
            copy_afresh(good, bad);
            fs::resize_file(bad / name, fs::file_size(tables[i]) - less);
            CHECK_FALSE(read(bad, key));
        }
        for (const fs::path& elsewhere : {other, twin}) {
            copy_afresh(good, bad);
            fs::remove(bad / name);
            fs::copy(elsewhere / name, bad / name);
            CHECK_FALSE(read(bad, key));
        }
    }
    CHECK_FALSE(read(good, key_of(2)));
    CHECK(is_honest(read(good, key)));
}

TEST_CASE("sealed files: a manifest that is cut or older shows an earlier state, or none") {
    const test::TemporaryDirectory root;
    const fs::path good = root.path() / "good";
    const fs::path bad = root.path() / "bad";
    const SecretKey key = key_of(1);
    fill(good, key);
    fs::path manifest;
    for (const fs::path& file : files_of(good))
        if (file.filename().string().starts_with("MANIFEST")) manifest = file;
    REQUIRE(!manifest.empty());
    int states = 0;
    for (std::uintmax_t size = 0; size < fs::file_size(manifest); size += 3) {
        CAPTURE(size);
        copy_afresh(good, bad);
        fs::resize_file(bad / manifest.filename(), size);
        const auto rows = read(bad, key);
        CHECK(is_honest(rows));
        states += rows.has_value();
    }
    CHECK(states > 0);
}

TEST_CASE("sealed files: where there are no hard links, tables are copied, and verified") {
    const test::TemporaryDirectory root;
    const fs::path directory = root.path() / "db";
    const SecretKey key = key_of(1);
    std::shared_ptr<rocksdb::FileSystem> below;
    SUBCASE("said as not supported") {
        below = std::make_shared<WithoutLinks>(rocksdb::IOStatus::NotSupported("links"));
    }
    SUBCASE("said as not permitted") {
        below = std::make_shared<WithoutLinks>(rocksdb::IOStatus::IOError("not permitted"));
    }
    {
        Database database(directory, key, below);
        REQUIRE_MESSAGE(database.status().ok(), database.status().ToString());
        database.ingest(0, 200);
        database.write(200, 400);
        database.ingest(400, kRows);
        const rocksdb::Status taken = database.ingest(kRows, 2 * kRows, [](const fs::path& table) {
            flip(table, 20'000);
        });
        CHECK_MESSAGE(taken.IsCorruption(), taken.ToString());
    }
    CHECK(tables_of(directory).size() == 3);
    const auto rows = read(directory, key);
    REQUIRE(rows);
    CHECK(rows->size() == kRows);
    CHECK(is_honest(rows));
}
