#pragma once

#include <cstddef>
#include <vector>

namespace vouch {

/// Overwrites memory in a way that the compiler keeps.
void wipe(void* memory, std::size_t size);

/// Memory for secrets alone: on pages of their own, which are left out of core files and, as far as
/// the process may lock memory (RLIMIT_MEMLOCK), never swapped out. Throws std::bad_alloc. Any
/// thread.
void* allocate_secret(std::size_t bytes);
/// Wipes it first.
void free_secret(void* memory, std::size_t bytes);

/// No core file of this process from here on, nor another process that reads its memory by ptrace,
/// but for root's.
void forbid_core_files();

/// Of secret memory, so also what a vector leaves behind when it grows.
template <class T>
struct SecretAllocator {
    using value_type = T;

    SecretAllocator() = default;
    template <class U>
    explicit(false) SecretAllocator(const SecretAllocator<U>&) {}

    T* allocate(std::size_t count) { return static_cast<T*>(allocate_secret(count * sizeof(T))); }
    void deallocate(T* memory, std::size_t count) { free_secret(memory, count * sizeof(T)); }

    friend bool operator==(const SecretAllocator&, const SecretAllocator&) = default;
};

/// Secret bytes of any length (a key, a passphrase, a file that holds one); wiped when dropped.
using SecretBytes = std::vector<std::byte, SecretAllocator<std::byte>>;

}  // namespace vouch
