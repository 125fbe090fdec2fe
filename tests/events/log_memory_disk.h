#pragma once

#include "events/log/disk.h"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace vouch::test {

/// A disk in memory that knows what was synced, so that a test can fail any call and cut the power.
/// Any thread.
class MemoryDisk final : public Disk {
public:
    // --- Faults -----------------------------------------------------------------------------

    /// The `nth` call that changes something (1: the next) fails with `error`; a write that fails
    /// has written its first half. 0: none. Later calls work again: a log that goes on regardless
    /// is found out.
    void fail_change(std::uint64_t nth, int error);
    /// The same for reading calls (pread).
    void fail_read(std::uint64_t nth, int error);
    /// Every call of this name (pwritev, fdatasync, allocate, …) fails from now on; 0: works again.
    void fail_always(const std::string& call, int error);
    /// Each pwritev writes at most so many bytes.
    void write_at_most(std::size_t bytes);
    /// Bytes that files may have in all.
    void set_capacity(std::uint64_t bytes);

    /// The next fdatasync does not return before `resume`, and syncs only then.
    void pause_sync();
    /// Blocks until a call waits in the paused fdatasync.
    void await_paused_sync();
    void resume_sync();

    /// Calls `action` once, before the `nth` pread from now (1: the next) reads.
    void before_read(std::uint64_t nth, std::function<void()> action);

    bool fault_happened();
    std::uint64_t calls(const std::string& call);

    /// The machine stops: every call fails, without effect, until power_on.
    void power_off();
    /// What was synced is there again. Of what was not, each sector of 512 bytes survives by the
    /// toss of a coin that `seed` decides; 0: nothing survives.
    void power_on(std::uint64_t seed);

    // --- For looking at files and changing them -----------------------------------------------

    Bytes contents(const std::string& path);
    void overwrite(const std::string& path, Bytes contents);
    void remove(const std::string& path);
    bool exists(const std::string& path);

    // --- Disk -------------------------------------------------------------------------------

    CallResult open(const std::string& path, int flags, unsigned mode) override;
    void close(int fd) override;
    CallResult size(int fd) override;
    CallResult pread(int fd, void* into, std::size_t size, std::uint64_t offset) override;
    CallResult pwritev(int fd, const iovec* pieces, int count, std::uint64_t offset) override;
    CallResult fdatasync(int fd) override;
    CallResult fsync(int fd) override;
    CallResult allocate(int fd, std::uint64_t size) override;
    CallResult truncate(int fd, std::uint64_t size) override;
    CallResult lock(int fd) override;
    CallResult lock_shared(int fd) override;
    CallResult rename(const std::string& from, const std::string& to) override;
    CallResult make_directory(const std::string& path) override;
    CallResult list(const std::string& path, std::vector<std::string>& names) override;
    CallResult free_bytes(const std::string& path) override;
    std::uint64_t random() override { return 0x0123456789ABCDEF; }

private:
    struct Write {
        std::uint64_t offset;
        Bytes bytes;
    };
    struct Node {
        Bytes now;
        Bytes synced;
        std::vector<Write> unsynced;
        int lock_holder = -1;
        std::set<int> lock_sharers;
    };
    using Names = std::map<std::string, std::shared_ptr<Node>>;  ///< files by path
    struct Open {
        std::string path;
        std::shared_ptr<Node> node;  ///< null for a directory
    };

    int change_fails(const std::string& call);
    CallResult sync(int fd, const std::string& call);
    std::uint64_t used() const;

    std::mutex mutex_;
    Names now_;
    Names synced_;
    std::set<std::string> directories_ = {"."};
    std::map<int, Open> open_;
    int next_fd_ = 3;
    std::map<std::string, std::uint64_t> calls_;
    std::map<std::string, int> always_;
    std::uint64_t changes_ = 0;
    std::uint64_t reads_ = 0;
    std::uint64_t fail_change_at_ = 0;
    std::uint64_t fail_read_at_ = 0;
    std::uint64_t act_at_ = 0;
    std::function<void()> action_;
    int change_error_ = 0;
    int read_error_ = 0;
    bool fault_happened_ = false;
    bool is_off_ = false;
    enum class Pause { none, next, inside } pause_ = Pause::none;
    std::condition_variable pause_changed_;
    std::size_t write_max_ = ~std::size_t{0};
    std::uint64_t capacity_ = ~std::uint64_t{0};
};

}  // namespace vouch::test
