#include "command-handler/core/large_array.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>

namespace vouch::command_handler {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

std::size_t rounded(std::size_t bytes) {
    const std::size_t unit = bytes >= kHugePage ? kHugePage : std::size_t{4096};
    return (bytes + unit - 1) / unit * unit;
}

}  // namespace

// A mapping begins at any 4 KiB page. A large one is made a huge page longer, and what stands out
// at either end is given back at once, so that it begins on a huge page.
void* take_large_memory(std::size_t bytes) {
    const std::size_t size = rounded(bytes);
    const bool is_large = size >= kHugePage;
    const std::size_t mapped = is_large ? size + kHugePage : size;
    void* memory =
        ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    if (!is_large) return memory;
    const auto start = reinterpret_cast<std::uintptr_t>(memory);
    const std::uintptr_t aligned = (start + kHugePage - 1) / kHugePage * kHugePage;
    if (aligned > start) ::munmap(memory, aligned - start);
    const std::size_t behind = start + mapped - (aligned + size);
    if (behind > 0) ::munmap(reinterpret_cast<void*>(aligned + size), behind);
    void* result = reinterpret_cast<void*>(aligned);
    ::madvise(result, size, MADV_HUGEPAGE);  // advice: without it the table is only slower
    return result;
}

void give_large_memory(void* memory, std::size_t bytes) { ::munmap(memory, rounded(bytes)); }

}  // namespace vouch::command_handler
