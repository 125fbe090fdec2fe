#include "tests/events/log_memory_disk.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>

namespace vouch::test {
namespace {

std::string parent(const std::string& path) {
    const std::size_t slash = path.find_last_of('/');
    return slash == std::string::npos ? "." : path.substr(0, slash);
}

void put(Bytes& file, std::uint64_t offset, ByteView bytes) {
    if (file.size() < offset + bytes.size()) file.resize(offset + bytes.size());
    std::copy(bytes.begin(), bytes.end(), file.begin() + static_cast<std::ptrdiff_t>(offset));
}

}  // namespace

// --- Faults ---------------------------------------------------------------------------------

void MemoryDisk::fail_change(std::uint64_t nth, int error) {
    const std::lock_guard lock(mutex_);
    fail_change_at_ = nth == 0 ? 0 : changes_ + nth;
    change_error_ = error;
    fault_happened_ = false;
}

void MemoryDisk::fail_read(std::uint64_t nth, int error) {
    const std::lock_guard lock(mutex_);
    fail_read_at_ = nth == 0 ? 0 : reads_ + nth;
    read_error_ = error;
    fault_happened_ = false;
}

void MemoryDisk::before_read(std::uint64_t nth, std::function<void()> action) {
    const std::lock_guard lock(mutex_);
    act_at_ = reads_ + nth;
    action_ = std::move(action);
}

void MemoryDisk::fail_always(const std::string& call, int error) {
    const std::lock_guard lock(mutex_);
    always_[call] = error;
}

void MemoryDisk::write_at_most(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    write_max_ = bytes;
}

void MemoryDisk::set_capacity(std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    capacity_ = bytes;
}

void MemoryDisk::pause_sync() {
    const std::lock_guard lock(mutex_);
    pause_ = Pause::next;
}

void MemoryDisk::await_paused_sync() {
    std::unique_lock lock(mutex_);
    pause_changed_.wait(lock, [&] { return pause_ != Pause::next; });
}

void MemoryDisk::resume_sync() {
    {
        const std::lock_guard lock(mutex_);
        pause_ = Pause::none;
    }
    pause_changed_.notify_all();
}

bool MemoryDisk::fault_happened() {
    const std::lock_guard lock(mutex_);
    return fault_happened_;
}

std::uint64_t MemoryDisk::calls(const std::string& call) {
    const std::lock_guard lock(mutex_);
    return calls_[call];
}

void MemoryDisk::power_off() {
    const std::lock_guard lock(mutex_);
    is_off_ = true;
}

void MemoryDisk::power_on(std::uint64_t seed) {
    constexpr std::size_t kSector = 512;
    const std::lock_guard lock(mutex_);
    std::mt19937_64 coin(seed);
    is_off_ = false;
    fail_change_at_ = fail_read_at_ = 0;
    always_.clear();
    open_.clear();
    // A name that was made but not synced may be there or not.
    for (const auto& [path, node] : now_) {
        if (seed != 0 && coin() % 2 == 0) synced_.emplace(path, node);
    }
    now_ = synced_;
    for (auto& [path, node] : now_) {
        node->lock_holder = -1;
        node->lock_sharers.clear();
        for (const Write& write : node->unsynced) {
            for (std::size_t at = 0; at < write.bytes.size();) {
                const std::size_t step =
                    std::min(kSector - (write.offset + at) % kSector, write.bytes.size() - at);
                if (seed != 0 && coin() % 2 == 0) {
                    put(node->synced, write.offset + at, ByteView(write.bytes).subspan(at, step));
                }
                at += step;
            }
        }
        node->unsynced.clear();
        node->now = node->synced;
    }
}

int MemoryDisk::change_fails(const std::string& call) {
    ++calls_[call];
    if (is_off_) return EIO;
    ++changes_;
    if (const auto always = always_.find(call); always != always_.end() && always->second != 0) {
        fault_happened_ = true;
        return always->second;
    }
    if (changes_ != fail_change_at_) return 0;
    fault_happened_ = true;
    return change_error_;
}

std::uint64_t MemoryDisk::used() const {
    std::uint64_t bytes = 0;
    for (const auto& [path, node] : now_) bytes += node->now.size();
    return bytes;
}

// --- Files ----------------------------------------------------------------------------------

Bytes MemoryDisk::contents(const std::string& path) {
    const std::lock_guard lock(mutex_);
    const auto found = now_.find(path);
    return found == now_.end() ? Bytes() : found->second->now;
}

void MemoryDisk::overwrite(const std::string& path, Bytes contents) {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<Node>& node = now_[path];
    if (node == nullptr) node = std::make_shared<Node>();
    node->now = node->synced = std::move(contents);
    node->unsynced.clear();
    synced_[path] = node;
    directories_.insert(parent(path));
}

void MemoryDisk::remove(const std::string& path) {
    const std::lock_guard lock(mutex_);
    now_.erase(path);
    synced_.erase(path);
}

bool MemoryDisk::exists(const std::string& path) {
    const std::lock_guard lock(mutex_);
    return now_.contains(path);
}

// --- Disk -----------------------------------------------------------------------------------

CallResult MemoryDisk::open(const std::string& path, int flags, unsigned) {
    const std::lock_guard lock(mutex_);
    if (is_off_) return {0, EIO};
    std::shared_ptr<Node> node;
    if ((flags & O_DIRECTORY) != 0) {
        if (!directories_.contains(path)) return {0, ENOENT};
    } else {
        const auto found = now_.find(path);
        if ((flags & O_CREAT) != 0) {
            if (const int error = change_fails("open")) return {0, error};
            if (!directories_.contains(parent(path))) return {0, ENOENT};
            if ((flags & O_EXCL) != 0 && found != now_.end()) return {0, EEXIST};
            node = found != now_.end() ? found->second : (now_[path] = std::make_shared<Node>());
            if ((flags & O_TRUNC) != 0) {
                node->now.clear();
                node->unsynced.clear();
            }
        } else if (found == now_.end()) {
            return {0, ENOENT};
        } else {
            node = found->second;
        }
    }
    open_[next_fd_] = {path, node};
    return {next_fd_++, 0};
}

void MemoryDisk::close(int fd) {
    const std::lock_guard lock(mutex_);
    const auto found = open_.find(fd);
    if (found == open_.end()) return;
    if (found->second.node != nullptr && found->second.node->lock_holder == fd) {
        found->second.node->lock_holder = -1;
    }
    if (found->second.node != nullptr) found->second.node->lock_sharers.erase(fd);
    open_.erase(found);
}

CallResult MemoryDisk::size(int fd) {
    const std::lock_guard lock(mutex_);
    if (is_off_) return {0, EIO};
    return {static_cast<std::int64_t>(open_.at(fd).node->now.size()), 0};
}

CallResult MemoryDisk::pread(int fd, void* into, std::size_t size, std::uint64_t offset) {
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
        return {0, read_error_};
    }
    const Bytes& file = open_.at(fd).node->now;
    if (offset >= file.size()) return {0, 0};
    size = std::min(size, file.size() - offset);
    std::memcpy(into, file.data() + offset, size);
    return {static_cast<std::int64_t>(size), 0};
}

CallResult MemoryDisk::pwritev(int fd, const iovec* pieces, int count, std::uint64_t offset) {
    const std::lock_guard lock(mutex_);
    const int error = change_fails("pwritev");
    if (is_off_) return {0, error};
    Bytes bytes;
    for (int i = 0; i < count; ++i) {
        const auto* data = static_cast<const std::byte*>(pieces[i].iov_base);
        bytes.insert(bytes.end(), data, data + pieces[i].iov_len);
    }
    if (error != 0) bytes.resize(bytes.size() / 2);
    if (bytes.size() > write_max_) bytes.resize(write_max_);
    Node& node = *open_.at(fd).node;
    put(node.now, offset, bytes);
    const auto written = static_cast<std::int64_t>(bytes.size());
    node.unsynced.push_back({offset, std::move(bytes)});
    return {error != 0 ? 0 : written, error};
}

CallResult MemoryDisk::sync(int fd, const std::string& call) {
    const std::lock_guard lock(mutex_);
    const int error = change_fails(call);
    if (is_off_) return {0, error};
    const Open& file = open_.at(fd);
    if (file.node == nullptr) {
        if (error != 0) return {0, error};
        for (const auto& [path, node] : now_) {
            if (parent(path) == file.path) synced_[path] = node;
        }
        std::erase_if(synced_, [&](const auto& entry) {
            return parent(entry.first) == file.path && !now_.contains(entry.first);
        });
        return {};
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

CallResult MemoryDisk::fdatasync(int fd) {
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

CallResult MemoryDisk::fsync(int fd) { return sync(fd, "fsync"); }

CallResult MemoryDisk::allocate(int fd, std::uint64_t size) {
    const std::lock_guard lock(mutex_);
    if (const int error = change_fails("allocate")) return {0, error};
    Bytes& file = open_.at(fd).node->now;
    if (used() - file.size() + size > capacity_) return {0, ENOSPC};
    if (file.size() < size) file.resize(size);
    return {};
}

CallResult MemoryDisk::free_bytes(const std::string& path) {
    const std::lock_guard lock(mutex_);
    if (!directories_.contains(path)) return {0, ENOENT};
    const std::uint64_t bytes = used();
    const std::uint64_t free = bytes < capacity_ ? capacity_ - bytes : 0;
    return {static_cast<std::int64_t>(std::min(free, std::uint64_t{1} << 62)), 0};
}

CallResult MemoryDisk::truncate(int fd, std::uint64_t size) {
    const std::lock_guard lock(mutex_);
    if (const int error = change_fails("truncate")) return {0, error};
    Node& node = *open_.at(fd).node;
    node.now.resize(size);
    if (size == 0) node.unsynced.clear();
    return {};
}

CallResult MemoryDisk::lock(int fd) {
    const std::lock_guard lock(mutex_);
    if (const int error = change_fails("flock")) return {0, error};
    Node& node = *open_.at(fd).node;
    if (node.lock_holder >= 0 && node.lock_holder != fd) return {0, EWOULDBLOCK};
    if (!node.lock_sharers.empty()) return {0, EWOULDBLOCK};
    node.lock_holder = fd;
    return {};
}

CallResult MemoryDisk::lock_shared(int fd) {
    const std::lock_guard lock(mutex_);
    if (const int error = change_fails("flock")) return {0, error};
    Node& node = *open_.at(fd).node;
    if (node.lock_holder >= 0) return {0, EWOULDBLOCK};
    node.lock_sharers.insert(fd);
    return {};
}

CallResult MemoryDisk::rename(const std::string& from, const std::string& to) {
    const std::lock_guard lock(mutex_);
    if (const int error = change_fails("rename")) return {0, error};
    const auto found = now_.find(from);
    if (found == now_.end()) return {0, ENOENT};
    now_[to] = found->second;
    now_.erase(from);
    return {};
}

CallResult MemoryDisk::make_directory(const std::string& path) {
    const std::lock_guard lock(mutex_);
    if (directories_.contains(path)) return {0, EEXIST};
    if (const int error = change_fails("mkdir")) return {0, error};
    directories_.insert(path);
    return {};
}

CallResult MemoryDisk::list(const std::string& path, std::vector<std::string>& names) {
    const std::lock_guard lock(mutex_);
    if (is_off_) return {0, EIO};
    if (!directories_.contains(path)) return {0, ENOENT};
    for (const auto& [name, node] : now_) {
        if (parent(name) == path) names.push_back(name.substr(path.size() + 1));
    }
    return {};
}

}  // namespace vouch::test
