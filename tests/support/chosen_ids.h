#pragma once

#include "events/money/ids.h"

#include <cstdint>
#include <functional>
#include <string>

namespace vouch::test {

inline constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15ULL;

/// Ids that somebody chose so that plain hashes of them collide. All of a family are
/// different, but for those with two bits, of which about every second was there before.
struct IdFamily {
    std::string name;
    std::function<CommandId(std::uint64_t)> make;
};

inline const IdFamily kIdFamilies[] = {
    {"one after another", [](std::uint64_t i) { return CommandId(7, i + 1); }},
    {"in the upper half", [](std::uint64_t i) { return CommandId(i << 40 | 1, 7); }},
    {"low ^ golden * high is one", [](std::uint64_t i) { return CommandId(i * kGolden, i); }},
    {"golden * high + low is one", [](std::uint64_t i) { return CommandId(i, 0 - i * kGolden); }},
    {"low ^ high is one", [](std::uint64_t i) { return CommandId(i ^ 99, i); }},
    {"a product's factor is zero",
     [](std::uint64_t i) { return CommandId(i << 34, kGolden ^ 1); }},
    {"with two bits at most",
     [](std::uint64_t i) {
         const std::uint64_t bits = std::uint64_t{1} << (i % 64);
         return CommandId(bits | std::uint64_t{1} << (i / 64 % 64), i / 4096 + 1);
     }},
};

}  // namespace vouch::test
