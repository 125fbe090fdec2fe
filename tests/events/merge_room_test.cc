#include "events/store/merge_room.h"

#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

namespace {

using namespace vouch;

constexpr int kMergeFrom = 4;

/// A disk that says what the test wants, and lets it wait for the questions.
class Disk {
public:
    Status ask(std::uint64_t bytes) {
        const std::lock_guard lock(mutex_);
        ++asked_;
        bytes_ = bytes;
        changed_.notify_all();
        if (has_room_) return {};
        return Fault{FaultCode::retriable, "the disk is full"};
    }
    /// Until it was asked, again, for so many times.
    std::uint64_t wait_until_asked(int times) {
        std::unique_lock lock(mutex_);
        const int until = asked_ + times;
        changed_.wait(lock, [&] { return asked_ >= until; });
        return bytes_;
    }
    void make_room() {
        const std::lock_guard lock(mutex_);
        has_room_ = true;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int asked_ = 0;
    std::uint64_t bytes_ = 0;
    bool has_room_ = false;
};

/// Lets the test wait for a merge.
class Merged final : public rocksdb::EventListener {
public:
    void OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo& merge) override {
        const std::lock_guard lock(mutex_);
        count_ += merge.status.ok() ? 1 : 0;
        changed_.notify_all();
    }
    int count() const {
        const std::lock_guard lock(mutex_);
        return count_;
    }
    void wait() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return count_ > 0; });
    }

private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    int count_ = 0;
};

/// As many files as a merge begins from.
std::unique_ptr<rocksdb::DB> full_database(const std::string& directory,
                                           const MergeRoom& room,
                                           const std::shared_ptr<Merged>& merged) {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.level0_file_num_compaction_trigger = kMergeFrom;
    options.listeners = {room.listener(), merged};
    rocksdb::DB* opened = nullptr;
    REQUIRE(rocksdb::DB::Open(options, directory, &opened).ok());
    std::unique_ptr<rocksdb::DB> database(opened);
    for (int i = 0; i < kMergeFrom; ++i) {
        REQUIRE(database->Put(rocksdb::WriteOptions(), "row", std::string(1000, 'x')).ok());
        REQUIRE(database->Flush(rocksdb::FlushOptions()).ok());
    }
    return database;
}

TEST_CASE("merge room: a merge waits until the disk has room for what it reads") {
    const test::TemporaryDirectory directory;
    Disk disk;
    MergeRoom room([&](std::uint64_t bytes) { return disk.ask(bytes); });
    const auto merged = std::make_shared<Merged>();
    const auto database = full_database(directory.path().string(), room, merged);
    CHECK(disk.wait_until_asked(2) > 1000 * kMergeFrom);
    CHECK(merged->count() == 0);
    REQUIRE(MergeRoom::waits());
    CHECK(MergeRoom::waits()->message == "the disk is full");
    // Everything else goes on.
    CHECK(database->Put(rocksdb::WriteOptions(), "row", "new").ok());
    CHECK(database->Flush(rocksdb::FlushOptions()).ok());
    std::string value;
    CHECK(database->Get(rocksdb::ReadOptions(), "row", &value).ok());
    disk.make_room();
    merged->wait();
    CHECK_FALSE(MergeRoom::waits());
}

TEST_CASE("merge room: a database that is closed does not wait for room") {
    const test::TemporaryDirectory directory;
    Disk disk;
    MergeRoom room([&](std::uint64_t bytes) { return disk.ask(bytes); });
    const auto merged = std::make_shared<Merged>();
    auto database = full_database(directory.path().string(), room, merged);
    (void)disk.wait_until_asked(2);
    room.stop_waiting();
    database.reset();
    CHECK_FALSE(MergeRoom::waits());
}

}  // namespace
