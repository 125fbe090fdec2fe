#pragma once

#include <rocksdb/file_system.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace vouch::test {

/// What can go wrong with one operation of RocksDB on its files.
enum class StorageFault : std::uint8_t {
    error,        ///< a change fails
    no_space,     ///< a change fails for want of room
    read_error,   ///< a read fails
    short_write,  ///< the first half of what is appended is written, and the rest fails
    power_loss,   ///< this change and all after it fail; what was not synced may be gone
    wrong_read,   ///< a bit of what is read is another one, this time
    wrong_write   ///< a bit of what is written is another one
};
inline constexpr StorageFault kStorageFaults[] = {
    StorageFault::error,       StorageFault::no_space,   StorageFault::read_error,
    StorageFault::short_write, StorageFault::power_loss, StorageFault::wrong_read,
    StorageFault::wrong_write};
std::string_view name_of(StorageFault fault);

/// This machine's files below a directory, for a RocksDB, of which one operation goes wrong. Any
/// thread. Sizes of files and names are those of the machine; what RocksDB's users do there by
/// other ways is not seen.
class FaultyFileSystem final : public rocksdb::FileSystemWrapper {
public:
    /// What was removed and might come back is kept in `graveyard`, on the same disk.
    explicit FaultyFileSystem(std::filesystem::path graveyard);

    const char* Name() const override { return "vouch.faulty_files"; }

    /// The `nth` operation from now that such a fault can befall (1: the next) meets it.
    void fail_at(std::uint64_t nth, StorageFault fault);
    bool fault_happened() const;
    /// The disk is well from now on.
    void heal();

    /// The machine is off: every call fails, until power_on.
    bool is_off() const;
    /// Of what was appended to a file and not synced, a part is there, or zeros, or nothing; of
    /// names that were made, changed and removed and not synced, the first few are, as `seed`
    /// decides. Nobody has a file open.
    void power_on(std::uint64_t seed);

    // --- FileSystem
    rocksdb::IOStatus NewSequentialFile(const std::string& path,
                                        const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSSequentialFile>* file,
                                        rocksdb::IODebugContext* debug) override;
    rocksdb::IOStatus NewRandomAccessFile(const std::string& path,
                                          const rocksdb::FileOptions& options,
                                          std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                          rocksdb::IODebugContext* debug) override;
    rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* file,
                                      rocksdb::IODebugContext* debug) override;
    rocksdb::IOStatus ReopenWritableFile(const std::string& path,
                                         const rocksdb::FileOptions& options,
                                         std::unique_ptr<rocksdb::FSWritableFile>* file,
                                         rocksdb::IODebugContext* debug) override;
    rocksdb::IOStatus NewDirectory(const std::string& path, const rocksdb::IOOptions& options,
                                   std::unique_ptr<rocksdb::FSDirectory>* directory,
                                   rocksdb::IODebugContext* debug) override;
    rocksdb::IOStatus GetChildren(const std::string& path, const rocksdb::IOOptions& options,
                                  std::vector<std::string>* children,
                                  rocksdb::IODebugContext* debug) override;
    rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                                 rocksdb::IODebugContext* debug) override;
    rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                                 const rocksdb::IOOptions& options,
                                 rocksdb::IODebugContext* debug) override;
    rocksdb::IOStatus LinkFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;

private:
    friend class FaultyWritable;
    friend class FaultyRandomAccess;
    friend class FaultySequential;
    friend class FaultyDirectory;

    enum class Kind : std::uint8_t { change, append, read };
    /// A change of names that no directory's sync has made lasting.
    struct NameChange {
        std::string from;  ///< empty: `to` was made
        std::string to;    ///< empty: `from` was removed
        std::string kept;  ///< what stood at `to` before, or what was removed; empty: nothing
    };
    struct Written {
        std::uint64_t size = 0;
        std::uint64_t synced = 0;
    };

    /// Whether this operation meets the fault; what it ends with when it does not even begin.
    bool meets(Kind kind, StorageFault& fault, rocksdb::IOStatus& status);
    /// Of an operation that can only fail or not.
    rocksdb::IOStatus begin_change();
    std::string bury(const std::string& path);
    void changed_name(NameChange change);
    void undo(const NameChange& change);
    void lose_unsynced(const std::string& path, const Written& written, std::uint64_t chance);
    void appended(const std::string& path, std::uint64_t bytes);
    void synced(const std::string& path);
    void synced_names(const std::string& directory);

    const std::filesystem::path graveyard_;
    mutable std::mutex mutex_;
    StorageFault fault_ = StorageFault::error;
    std::uint64_t fail_in_ = 0;  ///< operations until it comes; 0: none
    bool happened_ = false;
    bool is_off_ = false;
    std::uint64_t buried_ = 0;
    std::vector<NameChange> names_;  ///< in order
    std::map<std::string, Written> files_;
};

}  // namespace vouch::test
