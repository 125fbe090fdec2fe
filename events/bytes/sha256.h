#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace vouch {

using Digest = std::array<std::byte, 32>;

/// Of the pieces one after another.
Digest sha256(std::span<const std::span<const std::byte>> pieces);

}  // namespace vouch
