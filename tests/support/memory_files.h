#pragma once

#include "events/log/log.h"
#include "events/world/files.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace vouch::test {

/// What the log is written in.
inline constexpr std::size_t kBlock = 4096;

/// Files in memory, of which is known what was synced, so that a test can fail any call and cut the
/// power. Names are relative to "."; directories are not renamed. Any thread.
class MemoryFiles final : public Files {
public:
    // --- Faults -----------------------------------------------------------------------------

    /// The `nth` call that changes something (1: the next) fails with `error`; a write that fails
    /// has written its first half. 0: none. Later calls work again: a log that goes on regardless
    /// is found out.
    void fail_change(std::uint64_t nth, int error);
    /// The same for reading calls (pread).
    void fail_read(std::uint64_t nth, int error);
    /// What else than an error becomes of a pread, this once.
    enum class ReadFault : std::uint8_t {
        short_read,   ///< the first half is read
        ends,         ///< nothing is read, as at the file's end
        flipped_bit,  ///< a bit is another one
        zeros,        ///< as many zero bytes
        other_place   ///< the bytes of the block before, or after where there is none
    };
    void spoil_read(std::uint64_t nth, ReadFault fault);
    /// What else becomes of a pwritev, this once, which says that all is written.
    enum class WriteFault : std::uint8_t {
        flipped_bit,  ///< a bit is another one
        zeros,        ///< zeros in place of a block of it
        other_block,  ///< the bytes of the block before, or after where there is none, in its place
        misdirected,  ///< it goes to the block before, or after where there is none
        lost          ///< nothing is written
    };
    void spoil_write(std::uint64_t nth, WriteFault fault);
    /// The `nth` pwritev writes its first half, and says so.
    void shorten_write(std::uint64_t nth);
    /// Every call of this name (pwritev, fdatasync, allocate, …) fails from now on; 0: works again.
    void fail_always(const std::string& call, int error);
    /// Each pwritev writes at most so many bytes.
    void write_at_most(std::size_t bytes);
    /// Bytes that files may have in all.
    void set_capacity(std::uint64_t bytes);

    /// Each fdatasync of a fibre takes so long.
    void set_sync_time(std::chrono::microseconds time) { sync_time_ = time; }

    /// The next fdatasync does not return before `resume`, and syncs only then.
    void pause_sync();
    /// Blocks until a call waits in the paused fdatasync.
    void await_paused_sync();
    void resume_sync();

    /// Calls `action` once, before the `nth` pread from now (1: the next) reads.
    void before_read(std::uint64_t nth, std::function<void()> action);

    bool fault_happened();
    /// How often somebody has met what is wrong, so far.
    struct Met {
        std::uint64_t failed_changes = 0;
        std::uint64_t failed_reads = 0;
        std::uint64_t no_room = 0;
        std::uint64_t rot = 0;  ///< reads of flipped bits
    };
    Met met();
    std::uint64_t calls(const std::string& call);

    /// The machine stops: every call fails, without effect, until power_on.
    void power_off();
    /// It stops before the `nth` call that changes something (1: the next).
    void power_off_at(std::uint64_t nth);
    bool is_off();
    /// What was synced is there again. Of what was not, each sector of 512 bytes and each change of
    /// a name survives by the toss of a coin that `seed` decides; 0: nothing survives.
    void power_on(std::uint64_t seed);
    /// The process is gone and the machine runs on: what was written is there, synced or not, calls
    /// work again, and nobody has a file open.
    void end_process();

    /// Counts in a change that another twin makes on this machine: the errno that it fails with, or
    /// 0.
    int change(const std::string& call);

    // --- For looking at files and changing them -----------------------------------------------

    Bytes contents(const std::string& path);
    void overwrite(const std::string& path, Bytes contents);
    bool exists(const std::string& path);
    /// The files of a directory and below, by path.
    using Image = std::map<std::string, Bytes>;
    Image image(const std::string& directory);
    /// These and no others are there from now on, durably. Nobody has a file open.
    void put_back(const std::string& directory, const Image& files);
    /// A bit rots: on the disk, and for who reads it. Another time it is put back.
    void flip(const std::string& path, std::uint64_t bit);

    // --- Files ------------------------------------------------------------------------------

    CallResult open(const std::string& path, int flags, unsigned mode) override;
    void close(int fd) override;
    CallResult size(int fd) override;
    CallResult is_named(int fd, const std::string& path) override;
    CallResult pread(int fd, void* into, std::size_t size, std::uint64_t offset) override;
    CallResult pwritev(int fd, const iovec* pieces, int count, std::uint64_t offset) override;
    CallResult fdatasync(int fd) override;
    CallResult fsync(int fd) override;
    CallResult allocate(int fd, std::uint64_t size) override;
    CallResult truncate(int fd, std::uint64_t size) override;
    CallResult lock(int fd) override;
    CallResult lock_shared(int fd) override;
    CallResult mode(int fd) override;
    CallResult set_mode(int fd, unsigned mode) override;
    CallResult rename(const std::string& from, const std::string& to) override;
    CallResult link(const std::string& from, const std::string& to) override;
    CallResult link_open(int fd, const std::string& to) override;
    CallResult remove(const std::string& path) override;
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
        unsigned mode = 0600;
        int lock_holder = -1;
        std::set<int> lock_sharers;
    };
    /// What a directory holds, by path; null for a directory in it.
    using Names = std::map<std::string, std::shared_ptr<Node>>;
    /// `from` is a name no more, and `to` is one; either may be empty.
    struct NameChange {
        std::string from;
        std::string to;
        std::shared_ptr<Node> node;
    };
    struct Open {
        std::string path;
        std::shared_ptr<Node> node;  ///< null for a directory
    };

    static bool is_directory(const Names& names, const std::string& path);
    static void apply(const NameChange& change, Names& names);
    void rename_now(NameChange change);
    void sync_names(const std::string& directory);
    void lose_unsynced_names(const std::function<bool()>& survives);
    int change_fails(const std::string& call);
    std::size_t read_wrongly(const Bytes& file, std::span<std::byte> into, std::uint64_t offset);
    std::uint64_t write_wrongly(const Bytes& file, Bytes& bytes, std::uint64_t offset);
    CallResult open_unnamed(const std::string& directory);
    CallResult link_node(const std::shared_ptr<Node>& node, const std::string& to);
    CallResult sync(int fd, const std::string& call);
    std::uint64_t used() const;

    std::mutex mutex_;
    Names now_ = {{".", nullptr}};
    Names synced_ = {{".", nullptr}};
    std::vector<NameChange> unsynced_names_;  ///< in order
    std::map<int, Open> open_;
    int next_fd_ = 3;
    std::map<std::string, std::uint64_t> calls_;
    std::map<std::string, int> always_;
    std::uint64_t changes_ = 0;
    std::uint64_t reads_ = 0;
    std::uint64_t fail_change_at_ = 0;
    std::uint64_t fail_read_at_ = 0;
    std::uint64_t power_off_at_ = 0;
    std::uint64_t spoil_read_at_ = 0;
    ReadFault read_fault_ = ReadFault::short_read;
    std::uint64_t spoil_write_at_ = 0;
    WriteFault write_fault_ = WriteFault::flipped_bit;
    std::uint64_t shorten_write_at_ = 0;
    std::uint64_t act_at_ = 0;
    std::function<void()> action_;
    int change_error_ = 0;
    int read_error_ = 0;
    bool fault_happened_ = false;
    Met met_;
    std::set<std::pair<std::string, std::uint64_t>> rotten_;  ///< bits of files
    bool is_off_ = false;
    enum class Pause { none, next, inside } pause_ = Pause::none;
    std::condition_variable pause_changed_;
    std::atomic<std::chrono::microseconds> sync_time_{};
    std::size_t write_max_ = ~std::size_t{0};
    std::uint64_t capacity_ = ~std::uint64_t{0};
};

}  // namespace vouch::test
