#pragma once

#include "events/bytes/sha256.h"
#include "events/seal/secret_bytes.h"

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace vouch {

using Tag = std::array<std::byte, 32>;

/// 32 secret bytes in secret memory; wiped when dropped, never printed, not copied by accident.
class SecretKey {
public:
    static constexpr std::size_t kBytes = 32;

    SecretKey() : bytes_(kBytes) {}
    explicit SecretKey(std::span<const std::byte, kBytes> bytes)
        : bytes_(bytes.begin(), bytes.end()) {}
    SecretKey(SecretKey&&) noexcept = default;
    SecretKey& operator=(SecretKey&&) noexcept = default;
    SecretKey(const SecretKey&) = delete;
    SecretKey& operator=(const SecretKey&) = delete;
    ~SecretKey() = default;

    SecretKey clone() const { return SecretKey(bytes()); }
    /// Not of a key that was moved from.
    std::span<const std::byte, kBytes> bytes() const;

private:
    SecretBytes bytes_;
};

/// HMAC-SHA256 under one key. The key is set up once; each `tag` starts from that state again.
/// One thread.
class Mac {
public:
    explicit Mac(const SecretKey& key);
    Mac(Mac&&) noexcept;
    Mac& operator=(Mac&&) noexcept;
    ~Mac();

    /// The MAC of the pieces one after another.
    Tag tag(std::span<const std::span<const std::byte>> pieces);

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// In constant time.
bool equal_tags(std::span<const std::byte> a, std::span<const std::byte> b);

/// "9f3c…": the first bytes of a tag, for messages.
std::string short_hex(std::span<const std::byte> bytes);
/// "expected 9f3c…, found 07ab…", of digests; where both begin alike, also the first byte that
/// differs. Not of tags: whoever reads messages is not told what a right one is.
std::string expected_found_hex(std::span<const std::byte> expected,
                               std::span<const std::byte> found);

}  // namespace vouch
