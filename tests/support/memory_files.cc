#include "tests/support/memory_files.h"

#include "events/world/thread.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <random>

namespace vouch::test {
namespace {

void put(Bytes& file, std::uint64_t offset, ByteView bytes) {
    if (file.size() < offset + bytes.size()) file.resize(offset + bytes.size());
    std::copy(bytes.begin(), bytes.end(), file.begin() + static_cast<std::ptrdiff_t>(offset));
}

std::uint64_t other_block(std::uint64_t offset) {
    return offset >= kBlock ? offset - kBlock : offset + kBlock;
}

/// Zeros behind the file's end.
void copy_from(const Bytes& file, std::uint64_t offset, std::span<std::byte> into) {
    for (std::size_t i = 0; i < into.size(); ++i)
        into[i] = offset + i < file.size() ? file[offset + i] : std::byte{0};
}

bool is_in(const std::string& path, const std::string& directory) {
    return directory == "." || path.starts_with(directory + "/");
}

}  // namespace

// --- Faults ---------------------------------------------------------------------------------

void MemoryFiles::fail_change(std::uint64_t nth, int error) {
    const std::lock_guard lock(mutex_);
    fail_change_at_ = nth == 0 ? 0 : changes_ + nth;
    change_error_ = error;
    fault_happened_ = false;
}

void MemoryFiles::fail_read(std::uint64_t nth, int error) {
    const std::lock_guard lock(mutex_);
    fail_read_at_ = nth == 0 ? 0 : reads_ + nth;
    read_error_ = error;
    fault_happened_ = false;
}

void MemoryFiles::spoil_read(std::uint64_t nth, ReadFault fault) {
    const std::lock_guard lock(mutex_);
    spoil_read_at_ = nth == 0 ? 0 : reads_ + nth;
    read_fault_ = fault;
    fault_happened_ = false;
}

void MemoryFiles::spoil_write(std::uint64_t nth, WriteFault fault) {
    const std::lock_guard lock(mutex_);
    spoil_write_at_ = nth == 0 ? 0 : calls_["pwritev"] + nth;
    write_fault_ = fault;
    fault_happened_ = false;
}

void MemoryFiles::shorten_write(std::uint64_t nth) {
    const std::lock_guard lock(mutex_);
    shorten_write_at_ = nth == 0 ? 0 : calls_["pwritev"] + nth;
    fault_happened_ = false;
}

void MemoryFiles::before_read(std::uint64_t nth, std::function<void()> action) {
    const std::lock_guard lock(mutex_);
    act_at_ = reads_ + nth;
    action_ = std::move(action);
}

void MemoryFiles::fail_always(const std::string& call, int error) {
    const std::lock_guard lock(mutex_);
    always_[call] = error;
}

void MemoryFiles::write_at_most(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    write_max_ = bytes;
}

void MemoryFiles::set_capacity(std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    capacity_ = bytes;
}

void MemoryFiles::pause_sync() {
    const std::lock_guard lock(mutex_);
    pause_ = Pause::next;
}

void MemoryFiles::await_paused_sync() {
    std::unique_lock lock(mutex_);
    pause_changed_.wait(lock, [&] { return pause_ != Pause::next; });
}

void MemoryFiles::resume_sync() {
    {
        const std::lock_guard lock(mutex_);
        pause_ = Pause::none;
    }
    pause_changed_.notify_all();
}

bool MemoryFiles::fault_happened() {
    const std::lock_guard lock(mutex_);
    return fault_happened_;
}

MemoryFiles::Met MemoryFiles::met() {
    const std::lock_guard lock(mutex_);
    return met_;
}

std::uint64_t MemoryFiles::calls(const std::string& call) {
    const std::lock_guard lock(mutex_);
    return calls_[call];
}

void MemoryFiles::power_off() {
    const std::lock_guard lock(mutex_);
    is_off_ = true;
}

void MemoryFiles::power_off_at(std::uint64_t nth) {
    const std::lock_guard lock(mutex_);
    power_off_at_ = changes_ + nth;
}

bool MemoryFiles::is_off() {
    const std::lock_guard lock(mutex_);
    return is_off_;
}

void MemoryFiles::lose_unsynced_names(const std::function<bool()>& survives) {
    for (const NameChange& change : unsynced_names_) {
        if (survives()) apply(change, synced_);
    }
    unsynced_names_.clear();
    // With a directory goes what is in it; those above come first.
    for (auto each = synced_.begin(); each != synced_.end();) {
        const bool is_held = each->first == "." || is_directory(synced_, directory_of(each->first));
        each = is_held ? std::next(each) : synced_.erase(each);
    }
    now_ = synced_;
}

void MemoryFiles::power_on(std::uint64_t seed) {
    constexpr std::size_t kSector = 512;
    const std::lock_guard lock(mutex_);
    is_off_ = false;
    fail_change_at_ = fail_read_at_ = power_off_at_ = 0;
    spoil_read_at_ = spoil_write_at_ = shorten_write_at_ = 0;
    always_.clear();
    open_.clear();
    std::mt19937_64 coin(seed);
    const auto survives = [&] { return seed != 0 && coin() % 2 == 0; };
    lose_unsynced_names(survives);
    for (auto& [path, node] : now_) {
        if (node == nullptr) continue;
        node->lock_holder = -1;
        node->lock_sharers.clear();
        for (const Write& write : node->unsynced) {
            for (std::size_t at = 0; at < write.bytes.size();) {
                const std::size_t step =
                    std::min(kSector - (write.offset + at) % kSector, write.bytes.size() - at);
                if (survives())
                    put(node->synced, write.offset + at, ByteView(write.bytes).subspan(at, step));
                at += step;
            }
        }
        node->unsynced.clear();
        node->now = node->synced;
    }
}

void MemoryFiles::end_process() {
    const std::lock_guard lock(mutex_);
    is_off_ = false;
    open_.clear();
    for (auto& [path, node] : now_) {
        if (node == nullptr) continue;
        node->lock_holder = -1;
        node->lock_sharers.clear();
    }
}

int MemoryFiles::change(const std::string& call) {
    const std::lock_guard lock(mutex_);
    return change_fails(call);
}

int MemoryFiles::change_fails(const std::string& call) {
    ++calls_[call];
    if (is_off_) return EIO;
    if (++changes_ == power_off_at_) {
        is_off_ = true;
        return EIO;
    }
    if (const auto always = always_.find(call); always != always_.end() && always->second != 0) {
        fault_happened_ = true;
        ++met_.failed_changes;
        return always->second;
    }
    if (changes_ != fail_change_at_) return 0;
    fault_happened_ = true;
    ++met_.failed_changes;
    return change_error_;
}

std::uint64_t MemoryFiles::used() const {
    std::uint64_t bytes = 0;
    for (const auto& [path, node] : now_) bytes += node == nullptr ? 0 : node->now.size();
    return bytes;
}

// --- Files ----------------------------------------------------------------------------------

Bytes MemoryFiles::contents(const std::string& path) {
    const std::lock_guard lock(mutex_);
    const auto found = now_.find(path);
    return found == now_.end() || found->second == nullptr ? Bytes() : found->second->now;
}

void MemoryFiles::overwrite(const std::string& path, Bytes contents) {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<Node>& node = now_[path];
    if (node == nullptr) node = std::make_shared<Node>();
    node->now = node->synced = std::move(contents);
    node->unsynced.clear();
    synced_[path] = node;
    now_.emplace(directory_of(path), nullptr);
    synced_.emplace(directory_of(path), nullptr);
}

MemoryFiles::Image MemoryFiles::image(const std::string& directory) {
    const std::lock_guard lock(mutex_);
    Image files;
    for (const auto& [path, node] : now_) {
        if (node != nullptr && is_in(path, directory)) files.emplace(path, node->now);
    }
    return files;
}

void MemoryFiles::put_back(const std::string& directory, const Image& files) {
    {
        const std::lock_guard lock(mutex_);
        std::erase_if(now_, [&](const auto& each) {
            return each.second != nullptr && is_in(each.first, directory) &&
                   !files.contains(each.first);
        });
        synced_ = now_;
        unsynced_names_.clear();
    }
    for (const auto& [path, bytes] : files) overwrite(path, bytes);
}

void MemoryFiles::flip(const std::string& path, std::uint64_t bit) {
    const std::lock_guard lock(mutex_);
    Node& node = *now_.at(path);
    if (rotten_.erase({path, bit}) == 0) rotten_.emplace(path, bit);
    for (Bytes* bytes : {&node.now, &node.synced}) {
        if (bit / 8 < bytes->size()) (*bytes)[bit / 8] ^= std::byte{1} << bit % 8;
    }
}

bool MemoryFiles::exists(const std::string& path) {
    const std::lock_guard lock(mutex_);
    return now_.contains(path);
}

// --- Files ----------------------------------------------------------------------------------

bool MemoryFiles::is_directory(const Names& names, const std::string& path) {
    const auto found = names.find(path);
    return found != names.end() && found->second == nullptr;
}

void MemoryFiles::apply(const NameChange& change, Names& names) {
    if (!change.from.empty()) names.erase(change.from);
    if (!change.to.empty()) names[change.to] = change.node;
}

void MemoryFiles::rename_now(NameChange change) {
    apply(change, now_);
    unsynced_names_.push_back(std::move(change));
}

void MemoryFiles::sync_names(const std::string& directory) {
    std::erase_if(unsynced_names_, [&](const NameChange& change) {
        const bool is_here = (!change.from.empty() && directory_of(change.from) == directory) ||
                             (!change.to.empty() && directory_of(change.to) == directory);
        if (is_here) apply(change, synced_);
        return is_here;
    });
}

CallResult MemoryFiles::open_unnamed(const std::string& directory) {
    if (const int error = change_fails("open")) return {0, error};
    if (!is_directory(now_, directory)) return {0, ENOENT};
    open_[next_fd_] = {"", std::make_shared<Node>()};
    return {next_fd_++, 0};
}

CallResult MemoryFiles::open(const std::string& path, int flags, unsigned) {
    const std::lock_guard lock(mutex_);
    if (is_off_) return {0, EIO};
    if ((flags & O_TMPFILE) == O_TMPFILE) return open_unnamed(path);
    const bool makes = (flags & O_CREAT) != 0;
    if (makes) {
        if (const int error = change_fails("open")) return {0, error};
        if (!is_directory(now_, directory_of(path))) return {0, ENOENT};
    }
    auto found = now_.find(path);
    if (found == now_.end()) {
        if (!makes) return {0, ENOENT};
        rename_now({"", path, std::make_shared<Node>()});
        found = now_.find(path);
    } else if (makes && (flags & O_EXCL) != 0) {
        return {0, EEXIST};
    }
    const std::shared_ptr<Node>& node = found->second;
    if (node != nullptr && (flags & O_DIRECTORY) != 0) return {0, ENOTDIR};
    if (node == nullptr && (flags & O_ACCMODE) != O_RDONLY) return {0, EISDIR};
    if (node != nullptr && (flags & O_TRUNC) != 0) {
        node->now.clear();
        node->unsynced.clear();
    }
    open_[next_fd_] = {path, node};
    return {next_fd_++, 0};
}

void MemoryFiles::close(int fd) {
    const std::lock_guard lock(mutex_);
    const auto found = open_.find(fd);
    if (found == open_.end()) return;
    if (found->second.node != nullptr && found->second.node->lock_holder == fd) {
        found->second.node->lock_holder = -1;
    }
    if (found->second.node != nullptr) found->second.node->lock_sharers.erase(fd);
    open_.erase(found);
}

CallResult MemoryFiles::size(int fd) {
    const std::lock_guard lock(mutex_);
    if (is_off_) return {0, EIO};
    const Open& file = open_.at(fd);
    if (file.node == nullptr) return {0, EISDIR};
    return {static_cast<std::int64_t>(file.node->now.size()), 0};
}

CallResult MemoryFiles::is_named(int fd, const std::string& path) {
    const std::lock_guard lock(mutex_);
    if (is_off_) return {0, EIO};
    const auto found = now_.find(path);
    return {found != now_.end() && found->second == open_.at(fd).node ? 1 : 0, 0};
}

CallResult MemoryFiles::pread(int fd, void* into, std::size_t size, std::uint64_t offset) {
    std::unique_lock lock(mutex_);
    ++calls_["pread"];
    if (is_off_) return {0, EIO};
    const std::uint64_t read = ++reads_;
    if (read == act_at_) {
        lock.unlock();
        action_();
        lock.lock();
    }
    if (read == fail_read_at_) {
        fault_happened_ = true;
        ++met_.failed_reads;
        return {0, read_error_};
    }
    const auto& [path, node] = open_.at(fd);
    const Bytes& file = node->now;
    if (offset >= file.size()) return {0, 0};
    size = std::min(size, file.size() - offset);
    const auto rotten = rotten_.lower_bound({path, 8 * offset});
    if (rotten != rotten_.end() && *rotten < std::pair(path, 8 * (offset + size))) ++met_.rot;
    std::memcpy(into, file.data() + offset, size);
    if (read == spoil_read_at_)
        size = read_wrongly(file, {static_cast<std::byte*>(into), size}, offset);
    return {static_cast<std::int64_t>(size), 0};
}

std::size_t MemoryFiles::read_wrongly(const Bytes& file, std::span<std::byte> into,
                                      std::uint64_t offset) {
    fault_happened_ = true;
    switch (read_fault_) {
        case ReadFault::short_read: return (into.size() + 1) / 2;
        case ReadFault::ends: return 0;
        case ReadFault::flipped_bit: into[into.size() / 2] ^= std::byte{0x10}; break;
        case ReadFault::zeros: std::ranges::fill(into, std::byte{0}); break;
        case ReadFault::other_place:
            copy_from(file, other_block(offset), into);
            break;
    }
    return into.size();
}

std::uint64_t MemoryFiles::write_wrongly(const Bytes& file, Bytes& bytes, std::uint64_t offset) {
    fault_happened_ = true;
    // The block that holds the middle.
    const std::size_t begin = bytes.size() / 2 / kBlock * kBlock;
    const std::span<std::byte> block =
        std::span(bytes).subspan(begin, std::min(kBlock, bytes.size() - begin));
    switch (write_fault_) {
        case WriteFault::flipped_bit: {
            // Of a group of frames the middle is padding.
            constexpr std::size_t kInFirstRecord = 150;
            bytes[std::min(bytes.size() / 2, kInFirstRecord)] ^= std::byte{0x10};
            break;
        }
        case WriteFault::zeros: std::ranges::fill(block, std::byte{0}); break;
        case WriteFault::other_block: copy_from(file, other_block(offset + begin), block); break;
        case WriteFault::misdirected: return other_block(offset);
        case WriteFault::lost: copy_from(file, offset, bytes); break;
    }
    return offset;
}

CallResult MemoryFiles::pwritev(int fd, const iovec* pieces, int count, std::uint64_t offset) {
    const std::lock_guard lock(mutex_);
    const int error = change_fails("pwritev");
    if (is_off_) return {0, error};
    Bytes bytes;
    for (int i = 0; i < count; ++i) {
        const auto* data = static_cast<const std::byte*>(pieces[i].iov_base);
        bytes.insert(bytes.end(), data, data + pieces[i].iov_len);
    }
    if (error != 0) bytes.resize(bytes.size() / 2);
    if (calls_["pwritev"] == shorten_write_at_ && bytes.size() > 1) {
        fault_happened_ = true;
        bytes.resize(bytes.size() / 2);
    }
    if (bytes.size() > write_max_) bytes.resize(write_max_);
    Node& node = *open_.at(fd).node;
    if (calls_["pwritev"] == spoil_write_at_ && !bytes.empty())
        offset = write_wrongly(node.now, bytes, offset);
    put(node.now, offset, bytes);
    const auto written = static_cast<std::int64_t>(bytes.size());
    node.unsynced.push_back({offset, std::move(bytes)});
    return {error != 0 ? 0 : written, error};
}

CallResult MemoryFiles::sync(int fd, const std::string& call) {
    const std::lock_guard lock(mutex_);
    const int error = change_fails(call);
    if (is_off_) return {0, error};
    const Open& file = open_.at(fd);
    if (file.node == nullptr) {
        if (error == 0) sync_names(file.path);
        return {0, error};
    }
    // As Linux does: after a failed sync the pages count as clean, and the next sync says nothing.
    if (error == 0) {
        file.node->synced.resize(file.node->now.size());
        for (const Write& write : file.node->unsynced) {
            put(file.node->synced, write.offset, write.bytes);
        }
    }
    file.node->unsynced.clear();
    return {0, error};
}

CallResult MemoryFiles::fdatasync(int fd) {
    if (Scheduler::current() != nullptr && sync_time_.load().count() > 0 && !is_off())
        sleep_for(sync_time_);
    {
        std::unique_lock lock(mutex_);
        if (pause_ == Pause::next) {
            pause_ = Pause::inside;
            pause_changed_.notify_all();
            pause_changed_.wait(lock, [&] { return pause_ == Pause::none; });
        }
    }
    return sync(fd, "fdatasync");
}

CallResult MemoryFiles::fsync(int fd) { return sync(fd, "fsync"); }

CallResult MemoryFiles::allocate(int fd, std::uint64_t size) {
    const std::lock_guard lock(mutex_);
    if (const int error = change_fails("allocate")) return {0, error};
    Bytes& file = open_.at(fd).node->now;
    if (used() - file.size() + size > capacity_) {
        ++met_.no_room;
        return {0, ENOSPC};
    }
    if (file.size() < size) file.resize(size);
    return {};
}

CallResult MemoryFiles::free_bytes(const std::string& path) {
    const std::lock_guard lock(mutex_);
    if (!is_directory(now_, path)) return {0, ENOENT};
    const std::uint64_t bytes = used();
    const std::uint64_t free = bytes < capacity_ ? capacity_ - bytes : 0;
    if (free == 0) ++met_.no_room;
    return {static_cast<std::int64_t>(std::min(free, std::uint64_t{1} << 62)), 0};
}

CallResult MemoryFiles::truncate(int fd, std::uint64_t size) {
    const std::lock_guard lock(mutex_);
    if (const int error = change_fails("truncate")) return {0, error};
    Node& node = *open_.at(fd).node;
    node.now.resize(size);
    if (size == 0) node.unsynced.clear();
    return {};
}

CallResult MemoryFiles::lock(int fd) {
    const std::lock_guard lock(mutex_);
    if (const int error = change_fails("flock")) return {0, error};
    Node& node = *open_.at(fd).node;
    if (node.lock_holder >= 0 && node.lock_holder != fd) return {0, EWOULDBLOCK};
    if (!node.lock_sharers.empty()) return {0, EWOULDBLOCK};
    node.lock_holder = fd;
    return {};
}

CallResult MemoryFiles::lock_shared(int fd) {
    const std::lock_guard lock(mutex_);
    if (const int error = change_fails("flock")) return {0, error};
    Node& node = *open_.at(fd).node;
    if (node.lock_holder >= 0) return {0, EWOULDBLOCK};
    node.lock_sharers.insert(fd);
    return {};
}

CallResult MemoryFiles::rename(const std::string& from, const std::string& to) {
    const std::lock_guard lock(mutex_);
    if (const int error = change_fails("rename")) return {0, error};
    const auto found = now_.find(from);
    if (found == now_.end() || !is_directory(now_, directory_of(to))) return {0, ENOENT};
    if (found->second == nullptr) return {0, ENOTSUP};
    if (is_directory(now_, to)) return {0, EISDIR};
    rename_now({from, to, found->second});
    return {};
}

CallResult MemoryFiles::mode(int fd) {
    const std::lock_guard lock(mutex_);
    if (is_off_) return {0, EIO};
    const std::shared_ptr<Node>& node = open_.at(fd).node;
    return {node == nullptr ? 0700 : node->mode, 0};
}

CallResult MemoryFiles::set_mode(int fd, unsigned mode) {
    const std::lock_guard lock(mutex_);
    if (const int error = change_fails("fchmod")) return {0, error};
    open_.at(fd).node->mode = mode;
    return {};
}

CallResult MemoryFiles::link(const std::string& from, const std::string& to) {
    const std::lock_guard lock(mutex_);
    if (const int error = change_fails("link")) return {0, error};
    const auto found = now_.find(from);
    if (found == now_.end()) return {0, ENOENT};
    return link_node(found->second, to);
}

CallResult MemoryFiles::link_open(int fd, const std::string& to) {
    const std::lock_guard lock(mutex_);
    if (const int error = change_fails("link")) return {0, error};
    return link_node(open_.at(fd).node, to);
}

CallResult MemoryFiles::link_node(const std::shared_ptr<Node>& node, const std::string& to) {
    if (!is_directory(now_, directory_of(to))) return {0, ENOENT};
    if (node == nullptr) return {0, EPERM};
    if (now_.contains(to)) return {0, EEXIST};
    rename_now({"", to, node});
    return {};
}

CallResult MemoryFiles::remove(const std::string& path) {
    const std::lock_guard lock(mutex_);
    if (const int error = change_fails("unlink")) return {0, error};
    if (!now_.contains(path)) return {0, ENOENT};
    if (is_directory(now_, path)) return {0, EISDIR};
    rename_now({path, "", nullptr});
    return {};
}

CallResult MemoryFiles::make_directory(const std::string& path) {
    const std::lock_guard lock(mutex_);
    if (now_.contains(path)) return {0, EEXIST};
    if (const int error = change_fails("mkdir")) return {0, error};
    const auto above = now_.find(directory_of(path));
    if (above == now_.end()) return {0, ENOENT};
    if (above->second != nullptr) return {0, ENOTDIR};
    rename_now({"", path, nullptr});
    return {};
}

CallResult MemoryFiles::list(const std::string& path, std::vector<std::string>& names) {
    const std::lock_guard lock(mutex_);
    if (is_off_) return {0, EIO};
    if (!is_directory(now_, path)) return {0, ENOENT};
    for (const auto& [name, node] : now_) {
        if (name != "." && directory_of(name) == path)
            names.push_back(name.substr(name.find_last_of('/') + 1));
    }
    return {};
}

}  // namespace vouch::test
