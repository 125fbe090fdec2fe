#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace vouch {

using Tag = std::array<std::byte, 32>;
using Digest = std::array<std::byte, 32>;

/// 32 secret bytes; wiped when dropped, never printed, not copied by accident.
class SecretKey {
public:
    SecretKey() = default;
    explicit SecretKey(std::span<const std::byte, 32> bytes);
    SecretKey(SecretKey&& other) noexcept;
    SecretKey& operator=(SecretKey&& other) noexcept;
    SecretKey(const SecretKey&) = delete;
    SecretKey& operator=(const SecretKey&) = delete;
    ~SecretKey();

    SecretKey clone() const { return SecretKey(bytes()); }
    std::span<const std::byte, 32> bytes() const { return bytes_; }

private:
    std::array<std::byte, 32> bytes_{};
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

Digest sha256(std::span<const std::span<const std::byte>> pieces);

/// In constant time.
bool equal_tags(std::span<const std::byte> a, std::span<const std::byte> b);

/// "9f3c…": the first bytes of a tag, for messages.
std::string short_hex(std::span<const std::byte> bytes);

}  // namespace vouch
