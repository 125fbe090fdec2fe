#include "tools/server/http/api/descriptor_bounds.h"

#include "tools/server/http/wire/server.h"

#include <sys/resource.h>

#include <algorithm>

namespace vouch::http {

namespace {

rlim_t needed_by_books(std::uint32_t shards) {
    return kDescriptorsOwn + rlim_t{kDescriptorsAShard} * shards;
}

}  // namespace

std::size_t port_connections_max(std::uint32_t shards) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kConnectionsMin;
    const rlim_t others = needed_by_books(shards) + kSocketConnectionsMax;
    const rlim_t left = limit.rlim_cur - std::min(limit.rlim_cur, others);
    return std::clamp<rlim_t>(left, kConnectionsMin, kConnectionsMax);
}

std::optional<std::string> raise_descriptor_limit(std::uint32_t shards) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
    const rlim_t needed = needed_by_books(shards);
    const rlim_t wanted = kConnectionsMax + kSocketConnectionsMax + needed;
    if (limit.rlim_cur < wanted) {
        const rlimit raised{std::min(wanted, limit.rlim_max), limit.rlim_max};
        if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
    }
    if (limit.rlim_cur >= needed) return std::nullopt;
    return "warning: ulimit -n is " + std::to_string(limit.rlim_cur) + ", and books of " +
           std::to_string(shards) + (shards == 1 ? " shard" : " shards") + " may need " +
           std::to_string(needed) +
           " descriptors; without them views wait and peers are not let in";
}

}  // namespace vouch::http
