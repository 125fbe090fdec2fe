#include "events/store/merge_room.h"

#include "events/world/notice.h"

#include <rocksdb/listener.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <utility>

namespace vouch {

namespace {

/// What a merge writes is at most what it reads.
std::uint64_t bytes_of(const rocksdb::CompactionJobInfo& merge) {
    std::uint64_t bytes = 0;
    for (const std::string& file : merge.input_files) {
        std::error_code error;
        const std::uintmax_t size = std::filesystem::file_size(file, error);
        // The merge itself says what is wrong with a file that cannot be looked at.
        if (!error) bytes += size;
    }
    return bytes;
}

/// What merges of all stores wait for: they share RocksDB's threads, so that one that waits may
/// keep all others from beginning. Told when the first begins to wait, and when none does any more.
class Waiting {
public:
    void begin(const Fault& full) {
        const std::lock_guard lock(mutex_);
        if (merges_++ == 0)
            tell({Severity::warning, "merges_wait", "stores merge no files: " + full.message});
        full_ = full;
    }
    void end() {
        const std::lock_guard lock(mutex_);
        if (--merges_ > 0) return;
        full_.reset();
        tell({Severity::note, "merges_go_on", "merging of stores waits no more"});
    }
    std::optional<Fault> full() const {
        const std::lock_guard lock(mutex_);
        return full_;
    }

private:
    mutable std::mutex mutex_;
    std::size_t merges_ = 0;
    std::optional<Fault> full_;
};

Waiting& waiting() {
    static Waiting of_process;
    return of_process;
}

}  // namespace

class MergeRoom::Listener final : public rocksdb::EventListener {
public:
    explicit Listener(HasRoom has_room) : has_room_(std::move(has_room)) {}

    void OnCompactionBegin(rocksdb::DB*, const rocksdb::CompactionJobInfo& merge) override {
        const std::uint64_t bytes = bytes_of(merge);
        bool waits = false;
        std::unique_lock lock(mutex_);
        while (!is_stopping_) {
            lock.unlock();
            const Status room = has_room_(bytes);
            lock.lock();
            // A disk that cannot be asked is met by the merge.
            if (room || room.error().code != FaultCode::retriable) break;
            if (!waits) waiting().begin(room.error());
            waits = true;
            stopping_.wait_for(lock, kLookInterval, [this] { return is_stopping_; });
        }
        if (waits) waiting().end();
    }

    void stop_waiting() {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
        stopping_.notify_all();
    }

private:
    const HasRoom has_room_;
    std::mutex mutex_;
    std::condition_variable stopping_;
    bool is_stopping_ = false;
};

MergeRoom::MergeRoom(HasRoom has_room)
    : listener_(std::make_shared<Listener>(std::move(has_room))) {}
MergeRoom::~MergeRoom() = default;

std::shared_ptr<rocksdb::EventListener> MergeRoom::listener() const { return listener_; }
std::optional<Fault> MergeRoom::waits() { return waiting().full(); }
void MergeRoom::stop_waiting() { listener_->stop_waiting(); }

}  // namespace vouch
