#pragma once

#include <cstdint>
#include <string_view>

namespace vouch {

/// What became of funds set aside. Source: schemas/event.proto, HoldStatus; numbers are the wire's.
enum class HoldStatus : std::uint8_t {
    open = 0,
    captured = 1,
    released = 2,
    expired = 3,
    refused = 4
};

std::string_view to_text(HoldStatus status);

/// Which accounts' limits cap an amount instead of refusing it.
enum class Balancing : std::uint8_t { none = 0, debit = 1, credit = 2, both = 3 };

constexpr bool caps_debit(Balancing b) { return b == Balancing::debit || b == Balancing::both; }
constexpr bool caps_credit(Balancing b) { return b == Balancing::credit || b == Balancing::both; }

}  // namespace vouch
