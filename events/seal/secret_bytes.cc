#include "events/seal/secret_bytes.h"

#include <openssl/crypto.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <bit>
#include <mutex>
#include <new>

namespace vouch {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kSlotMin = 64;
constexpr std::size_t kSlotClasses = std::bit_width(kPage / kSlotMin);

/// Best effort beyond the mapping itself: a process that may not lock memory keeps its secrets out
/// of core files all the same.
std::byte* map_pages(std::size_t bytes) {
    void* const pages =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) throw std::bad_alloc();
    (void)::madvise(pages, bytes, MADV_DONTDUMP);
    (void)::mlock(pages, bytes);
    return static_cast<std::byte*>(pages);
}

/// Slots of 64, 128, … 4,096 bytes; a page is cut into slots of one size and kept for them. What is
/// free is linked through itself.
class SecretSlots {
public:
    void* take(std::size_t slot_class) {
        const std::lock_guard lock(mutex_);
        if (free_[slot_class] == nullptr) cut_page(slot_class);
        Free* const slot = free_[slot_class];
        free_[slot_class] = slot->next;
        return slot;
    }
    void give_back(void* slot, std::size_t slot_class) {
        const std::lock_guard lock(mutex_);
        free_[slot_class] = new (slot) Free{free_[slot_class]};
    }

private:
    struct Free {
        Free* next;
    };

    void cut_page(std::size_t slot_class) {
        const std::size_t slot_bytes = kSlotMin << slot_class;
        std::byte* const page = map_pages(kPage);
        for (std::size_t at = 0; at < kPage; at += slot_bytes)
            free_[slot_class] = new (page + at) Free{free_[slot_class]};
    }

    std::mutex mutex_;
    std::array<Free*, kSlotClasses> free_{};
};

/// Never destroyed: keys outlive it otherwise at the program's end.
SecretSlots& slots() {
    static SecretSlots& all = *new SecretSlots;
    return all;
}

std::size_t class_of(std::size_t bytes) {
    return std::bit_width((std::max(bytes, kSlotMin) - 1) / kSlotMin);
}

std::size_t whole_pages(std::size_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

}  // namespace

void wipe(void* memory, std::size_t size) { OPENSSL_cleanse(memory, size); }

void* allocate_secret(std::size_t bytes) {
    if (bytes > kPage) return map_pages(whole_pages(bytes));
    return slots().take(class_of(bytes));
}

void free_secret(void* memory, std::size_t bytes) {
    wipe(memory, bytes);
    if (bytes > kPage) {
        (void)::munmap(memory, whole_pages(bytes));
    } else {
        slots().give_back(memory, class_of(bytes));
    }
}

void forbid_core_files() {
    const rlimit none{0, 0};
    (void)::setrlimit(RLIMIT_CORE, &none);
    (void)::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

}  // namespace vouch
