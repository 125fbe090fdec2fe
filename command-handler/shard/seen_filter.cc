#include "command-handler/shard/seen_filter.h"

#include <algorithm>

namespace vouch::command_handler {
namespace {

/// Bits within a block come from the low part of the hash, the block from its high part.
std::uint64_t spread(std::uint64_t hash) { return hash * 0xff51afd7ed558ccdULL; }

}  // namespace

SeenFilter::SeenFilter(std::size_t first_layer_facts) { add_layer(first_layer_facts); }

void SeenFilter::add_layer(std::size_t facts_max) {
    Layer layer;
    layer.facts_max = facts_max;
    layer.blocks = std::max<std::uint64_t>(1, facts_max * kBitsPerFact / (kBlockBytes * 8));
    layer.words = LargeArray<std::uint64_t>(layer.blocks * kBlockBytes / sizeof(std::uint64_t));
    layers_.push_back(std::move(layer));
}

void SeenFilter::insert(std::uint64_t hash) {
    if (layers_.back().facts == layers_.back().facts_max) add_layer(layers_.back().facts_max * 2);
    Layer& layer = layers_.back();
    ++layer.facts;
    std::uint64_t* block = &layer.words[block_of(layer, hash)];
    std::uint64_t bits = spread(hash);
    for (unsigned i = 0; i < kProbes; ++i, bits >>= 9)
        block[(bits >> 6) & 7] |= std::uint64_t{1} << (bits & 63);
}

bool SeenFilter::may_contain(std::uint64_t hash) const {
    for (const Layer& layer : layers_) {
        const std::uint64_t* block = &layer.words[block_of(layer, hash)];
        std::uint64_t bits = spread(hash);
        bool all = true;
        for (unsigned i = 0; i < kProbes && all; ++i, bits >>= 9) {
            all = (block[(bits >> 6) & 7] >> (bits & 63)) & 1;
        }
        if (all) return true;
    }
    return false;
}

void SeenFilter::prefetch(std::uint64_t hash) const {
    for (const Layer& layer : layers_) __builtin_prefetch(&layer.words[block_of(layer, hash)], 1);
}

std::size_t SeenFilter::bytes() const {
    std::size_t total = 0;
    for (const Layer& layer : layers_) total += layer.blocks * kBlockBytes;
    return total;
}

}  // namespace vouch::command_handler
