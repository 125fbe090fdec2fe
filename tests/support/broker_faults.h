#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace vouch::test {

/// What a cluster in memory does wrong, and how slow it is. All nothing: each request is answered
/// at once. Chances are out of a million, each of them drawn anew for every request; times are
/// drawn evenly from nothing up to the one given.
struct BrokerFaults {
    std::uint32_t request_lost = 0;
    std::uint32_t answer_lost = 0;
    std::uint32_t request_late = 0;
    std::uint32_t silent = 0;
    std::uint32_t end_repeated = 0;
    std::uint32_t offsets_first = 0;
    std::uint32_t coordinator_moves = 0;
    std::uint32_t leader_moves = 0;
    std::uint32_t place_forgotten = 0;
    std::uint32_t fetch_short = 0;
    std::uint32_t latency_us = 0;
    std::uint32_t late_us = 0;
    std::uint32_t marks_us = 0;
    std::uint32_t move_us = 0;

    friend bool operator==(const BrokerFaults&, const BrokerFaults&) = default;
};

struct BrokerFaultKind {
    std::string_view name;
    std::uint32_t BrokerFaults::*value;
    bool is_time;  ///< in microseconds; otherwise a chance
    std::string_view meaning;
};

/// All of them, a row each: whoever draws, prints or leaves out faults goes by this.
std::span<const BrokerFaultKind> broker_fault_kinds();

}  // namespace vouch::test
