#pragma once

#include "events/entries/command.h"
#include "events/money/keyed_hash.h"

#include <cstdint>
#include <string_view>

namespace vouch::reconciler {

/// 64 bits for a command's content, as same_content compares it: equal contents have equal digests,
/// and different ones differ but by a chance of about 2^-55. Keyed with the secret of this process,
/// so that nobody who writes the log can aim for a collision. Never stored beyond the process. Any
/// thread.
class ContentDigest {
public:
    std::uint64_t of(const Command& command) const;

private:
    static std::uint64_t of_sets(const Command& command);
};

/// A keyed hash that is fed word by word.
class WordHash {
public:
    void add(std::uint64_t word) { hash_.add(word); }
    void add(Amount amount) {
        add(amount.low());
        add(amount.high());
    }
    void add(std::string_view text);
    std::uint64_t value() const { return hash_.value(); }

private:
    KeyedHash hash_{HashKey::of_process()};
};

std::uint64_t text_digest(std::string_view text);

}  // namespace vouch::reconciler
