#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace vouch {

/// Overwrites memory in a way that the compiler keeps.
void wipe(void* memory, std::size_t size);

/// Wipes what it gives back, so also what a vector leaves behind when it grows.
template <class T>
struct WipingAllocator {
    using value_type = T;

    WipingAllocator() = default;
    template <class U>
    explicit(false) WipingAllocator(const WipingAllocator<U>&) {}

    T* allocate(std::size_t count) { return std::allocator<T>().allocate(count); }
    void deallocate(T* memory, std::size_t count) {
        wipe(memory, count * sizeof(T));
        std::allocator<T>().deallocate(memory, count);
    }

    friend bool operator==(const WipingAllocator&, const WipingAllocator&) = default;
};

/// Secret bytes of any length (a passphrase, a file that holds one); wiped when dropped.
using SecretBytes = std::vector<std::byte, WipingAllocator<std::byte>>;

}  // namespace vouch
