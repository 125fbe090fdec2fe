#pragma once

#include "events/entries/command.h"

#include <cstdint>

namespace vouch::reconciler {

/// 64 bits for a command's content, as same_content compares it: equal contents have equal digests,
/// and different ones differ but by a chance of about 2^-64. Keyed with a secret of this process,
/// so that nobody who writes the log can aim for a collision. Never stored beyond the process. Any
/// thread.
class ContentDigest {
public:
    ContentDigest();  ///< a random key
    explicit ContentDigest(std::uint64_t key) : key_(key) {}

    std::uint64_t of(const Command& command) const;
    /// For other digests of the same run.
    std::uint64_t key() const { return key_; }

private:
    std::uint64_t of_sets(const Command& command) const;

    std::uint64_t key_;
};

/// A keyed hash that is fed word by word.
class WordHash {
public:
    explicit WordHash(std::uint64_t key) : state_(key) {}

    void add(std::uint64_t word) {
        const u128 product = static_cast<u128>(state_ ^ word ^ 0x2545f4914f6cdd1dULL) *
                             (0x9e3779b97f4a7c15ULL ^ (word << 32 | word >> 32));
        state_ = static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64) ^
                 (state_ << 1);
    }
    void add(Amount amount) {
        add(amount.low());
        add(amount.high());
    }
    void add(std::string_view text);
    std::uint64_t value() const { return state_; }

private:
    std::uint64_t state_;
};

}  // namespace vouch::reconciler
