#include "events/money/keyed_hash.h"

#include <random>

namespace vouch {
namespace {

using Wide = HashKey::Wide;

/// Splitmix64: every seed leads to numbers without likeness.
std::uint64_t next_of_seed(std::uint64_t& seed) {
    seed += 0x9e3779b97f4a7c15ULL;
    std::uint64_t mixed = seed;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebULL;
    return mixed ^ mixed >> 31;
}

template <class Draw>
Wide draw_wide(Draw& draw) {
    const Wide high = draw();
    return high << 64 | draw();
}

}  // namespace

HashKey::HashKey(std::uint64_t seed) {
    const auto draw = [&seed] { return next_of_seed(seed); };
    start_ = draw_wide(draw);
    for (Wide& factor : factors_) factor = draw_wide(draw);
}

HashKey HashKey::draw() {
    std::random_device device;
    const auto next = [&device] {
        const std::uint64_t high = device();
        return high << 32 | device();
    };
    HashKey key;
    key.start_ = draw_wide(next);
    for (Wide& factor : key.factors_) factor = draw_wide(next);
    return key;
}

}  // namespace vouch
