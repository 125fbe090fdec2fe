#pragma once

#include "events/seal/mac.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace vouch {

using BlockTag = std::array<std::byte, 16>;

/// MACs of the numbered blocks of one file: AES-256-GMAC with the number as nonce. Several times
/// the speed of HMAC, for files that are read back block by block. One thread.
///
/// A key belongs to one file, and a number to one block of it: two blocks under one number would
/// let their reader forge others.
class BlockMac {
public:
    explicit BlockMac(const SecretKey& key);
    BlockMac(BlockMac&&) noexcept;
    BlockMac& operator=(BlockMac&&) noexcept;
    ~BlockMac();

    /// A block may come in pieces: begin, add each, finish.
    void begin(std::uint64_t number);
    void add(std::span<const std::byte> piece);
    BlockTag finish();

    BlockTag tag(std::uint64_t number, std::span<const std::byte> block);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace vouch
