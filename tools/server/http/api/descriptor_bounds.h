#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace vouch::http {

/// Descriptors that the books need: the process's own and its log's, and for each shard what its
/// store and view hold open when files wait to be merged.
inline constexpr std::uint64_t kDescriptorsOwn = 64;
inline constexpr std::uint64_t kDescriptorsAShard = 160;

/// Connections to the port at a time: as many as leave books of so many shards their descriptors.
std::size_t port_connections_max(std::uint32_t shards);

/// Lets the process have as many descriptors as connections and books of so many shards need, if it
/// may. For people, when there are fewer than the books alone need.
std::optional<std::string> raise_descriptor_limit(std::uint32_t shards);

}  // namespace vouch::http
