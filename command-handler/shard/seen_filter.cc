#include "command-handler/shard/seen_filter.h"

#include "events/check.h"

#include <algorithm>

namespace vouch::command_handler {
namespace {

/// Of a bit in a word.
constexpr unsigned kBitsOfPlace = 6;
constexpr std::uint64_t kPlaceMask = 63;

/// Bits within a block come from the low part of the hash, the block from its high part.
std::uint64_t spread(std::uint64_t hash) { return hash * 0xff51afd7ed558ccdULL; }

/// A word that one thread changes and others read. The cast drops a const that no word has.
std::uint64_t read(const std::uint64_t& word) {
    return std::atomic_ref(const_cast<std::uint64_t&>(word)).load(std::memory_order_relaxed);
}

}  // namespace

SeenFilter::SeenFilter(std::size_t first_layer_facts) { add_layer(first_layer_facts); }

void SeenFilter::add_layer(std::size_t facts_max) {
    const std::size_t count = layer_count_.load(std::memory_order_relaxed);
    VOUCH_ASSERT(count < kLayersMax);
    Layer& layer = layers_[count];
    layer.facts_max = facts_max;
    layer.blocks = std::max<std::uint64_t>(1, facts_max * kBitsPerFact / (kBlockBytes * 8));
    layer.words = LargeArray<std::uint64_t>(layer.blocks * kBlockBytes / sizeof(std::uint64_t));
    layer_count_.store(count + 1, std::memory_order_release);
}

// Both look at all bits, whatever the first ones are: which of them is the first that is not set
// cannot be foreseen, and a jump that was foretold wrongly costs more than the rest.

bool SeenFilter::contains(const Layer& layer, std::uint64_t hash) {
    const std::uint64_t* block = &layer.words[block_of(layer, hash)];
    std::uint64_t bits = spread(hash);
    std::uint64_t all = 1;
    for (std::size_t i = 0; i < kBlockWords; ++i, bits >>= kBitsOfPlace)
        all &= read(block[i]) >> (bits & kPlaceMask);
    return (all & 1) != 0;
}

bool SeenFilter::set_bits(Layer& layer, std::uint64_t hash) {
    std::uint64_t* block = &layer.words[block_of(layer, hash)];
    std::uint64_t bits = spread(hash);
    std::uint64_t all = 1;
    for (std::size_t i = 0; i < kBlockWords; ++i, bits >>= kBitsOfPlace) {
        const std::uint64_t before = read(block[i]);
        all &= before >> (bits & kPlaceMask);
        // Nobody else writes: no exchange is needed.
        std::atomic_ref(block[i]).store(before | std::uint64_t{1} << (bits & kPlaceMask),
                                        std::memory_order_relaxed);
    }
    return (all & 1) != 0;
}

void SeenFilter::insert(std::uint64_t hash) {
    const std::span<const Layer> known = layers();
    for (const Layer& older : known.first(known.size() - 1)) {
        if (contains(older, hash)) return;
    }
    if (known.back().facts == known.back().facts_max) {
        if (contains(known.back(), hash)) return;
        add_layer(known.back().facts_max * 2);
    }
    Layer& newest = layers_[layers().size() - 1];
    if (!set_bits(newest, hash)) ++newest.facts;
}

bool SeenFilter::may_contain(std::uint64_t hash) const {
    for (const Layer& layer : layers()) {
        if (contains(layer, hash)) return true;
    }
    return false;
}

void SeenFilter::prefetch(std::uint64_t hash) const {
    for (const Layer& layer : layers()) __builtin_prefetch(&layer.words[block_of(layer, hash)], 1);
}

std::size_t SeenFilter::bytes() const {
    std::size_t total = 0;
    for (const Layer& layer : layers()) total += layer.blocks * kBlockBytes;
    return total;
}

}  // namespace vouch::command_handler
