#pragma once

#include "events/seal/mac.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace vouch {

/// A keyed digest of a set of fixed-size rows, kept up to date row by row and in any order: the
/// sum, modulo 2^128, of AES-CBC-MACs of the rows. Who does not hold the key cannot edit, add or
/// drop a row so that the sum stays right. For what is kept beside the log and must not be believed
/// blindly. One thread.
class SetDigest {
public:
    static constexpr std::size_t kRowBytes = 48;
    using Row = std::array<std::byte, kRowBytes>;

    /// An empty set under a key of its own (EpochKeys::local_key).
    explicit SetDigest(const SecretKey& key);
    SetDigest(SetDigest&&) noexcept;
    SetDigest& operator=(SetDigest&&) noexcept;
    ~SetDigest();

    void add(std::span<const Row> rows);
    void remove(std::span<const Row> rows);

    /// 16 bytes, for storing and comparing.
    std::array<std::byte, 16> value() const;
    /// Goes on from a stored value.
    void restore(std::span<const std::byte, 16> value);

private:
    void sum(std::span<const Row> rows, bool add);

    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace vouch
