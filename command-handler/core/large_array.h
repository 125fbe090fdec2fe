#pragma once

#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

namespace vouch::command_handler {

/// Zeroed memory of `bytes`, in huge pages where the system has them: tables that are touched at
/// random otherwise spend their time on address look-ups. Untouched pages cost nothing. Throws
/// std::bad_alloc.
void* take_large_memory(std::size_t bytes);
void give_large_memory(void* memory, std::size_t bytes);

/// A fixed number of values that begin as zero bytes, on a cache line and, when large, a huge page.
template <class T>
class LargeArray {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

public:
    LargeArray() = default;
    explicit LargeArray(std::size_t count)
        : first_(static_cast<T*>(take_large_memory(count * sizeof(T)))), count_(count) {}
    LargeArray(LargeArray&& other) noexcept
        : first_(std::exchange(other.first_, nullptr)), count_(std::exchange(other.count_, 0)) {}
    LargeArray& operator=(LargeArray&& other) noexcept {
        std::swap(first_, other.first_);
        std::swap(count_, other.count_);
        return *this;
    }
    LargeArray(const LargeArray&) = delete;
    LargeArray& operator=(const LargeArray&) = delete;
    ~LargeArray() {
        if (first_) give_large_memory(first_, count_ * sizeof(T));
    }

    T& operator[](std::size_t i) { return first_[i]; }
    const T& operator[](std::size_t i) const { return first_[i]; }
    T* begin() { return first_; }
    T* end() { return first_ + count_; }
    std::size_t size() const { return count_; }

private:
    T* first_ = nullptr;
    std::size_t count_ = 0;
};

}  // namespace vouch::command_handler
