#pragma once

#include <cstddef>

namespace vouch::http {

// What one request may hold (docs/http.md), for those who take it and those who send it.

inline constexpr std::size_t kRequestLinesMax = 8192;
inline constexpr std::size_t kRequestBytesMax = std::size_t{8} << 20;

}  // namespace vouch::http
