#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace vouch::http {

/// Which of the offered media types the value of an `Accept` field wants most (RFC 9110, 12.5.1):
/// by its quality, then by how exactly it is named, then by who is named first. The first one
/// offered when there is no such field; empty when it wants none of them.
std::optional<std::string_view> wanted_type(std::string_view accept,
                                            std::span<const std::string_view> offered);

}  // namespace vouch::http
