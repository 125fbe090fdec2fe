#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace vouch {

/// The secret numbers of a keyed hash.
///
/// `of_process` draws them from the operating system, once for each process. They never leave it:
/// nothing that is stored, sent or told, and no order of anything, may depend on a keyed hash.
/// Immutable; any thread.
class HashKey {
public:
    static const HashKey& of_process() {
        static const HashKey key = draw();
        return key;
    }
    /// For tests: the same numbers for the same seed.
    explicit HashKey(std::uint64_t seed);

    __extension__ typedef unsigned __int128 Wide;
    static constexpr std::size_t kWordsMax = 4;

    Wide start() const { return start_; }
    Wide factor(std::size_t position) const { return factors_[position]; }

private:
    HashKey() = default;
    static HashKey draw();

    Wide start_ = 0;
    std::array<Wide, kWordsMax> factors_{};
};

/// Spreads each bit over the value, so that tables may use its low or its high bits. No two values
/// become one.
constexpr std::uint64_t spread_bits(std::uint64_t value) {
    value = (value ^ value >> 32) * 0xd6e8feb86659fd93ULL;
    return value ^ value >> 32;
}

/// The one hash of all tables whose keys outsiders choose (ids, assets): who does not know the key
/// cannot choose what collides, however well he knows this code.
///
/// The upper half of start + sum of factor * word modulo 2^128, which is strongly universal
/// (Dietzfelbinger, 1996): any two lists of words chosen beforehand meet with a chance of 2^-64.
/// All keys of a table have the same number of words.
template <class... Words>
std::uint64_t keyed_hash(const HashKey& key, Words... words) {
    static_assert(sizeof...(words) <= HashKey::kWordsMax);
    HashKey::Wide sum = key.start();
    std::size_t position = 0;
    ((sum += key.factor(position++) * static_cast<std::uint64_t>(words)), ...);
    return spread_bits(static_cast<std::uint64_t>(sum >> 64));
}

/// The same for contents of any length: the state so far and the next word are hashed together.
/// Two contents meet with a chance of about their words times 2^-63.
class KeyedHash {
public:
    explicit KeyedHash(const HashKey& key) : key_(key) {}

    void add(std::uint64_t word) {
        const HashKey::Wide sum = key_.start() + key_.factor(0) * state_ + key_.factor(1) * word;
        state_ = static_cast<std::uint64_t>(sum >> 64);
    }
    std::uint64_t value() const { return spread_bits(state_); }

private:
    const HashKey& key_;
    std::uint64_t state_ = 0;
};

}  // namespace vouch
