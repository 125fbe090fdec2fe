#include "command-handler/shard/seen_filter.h"

#include <algorithm>
#include <new>

#include "events/check.h"

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
    const std::size_t bytes = layer.blocks * kBlockBytes;
    // calloc gives untouched zero pages; one block more makes room to begin on a cache line.
    layer.memory.reset(std::calloc(bytes + kBlockBytes, 1));
    if (!layer.memory) throw std::bad_alloc();
    const auto address = reinterpret_cast<std::uintptr_t>(layer.memory.get());
    layer.words = reinterpret_cast<std::uint64_t*>((address + kBlockBytes - 1) / kBlockBytes * kBlockBytes);
    layers_.push_back(std::move(layer));
}

void SeenFilter::insert(std::uint64_t hash) {
    if (layers_.back().facts == layers_.back().facts_max) add_layer(layers_.back().facts_max * 2);
    Layer& layer = layers_.back();
    ++layer.facts;
    std::uint64_t* block = block_of(layer, hash);
    std::uint64_t bits = spread(hash);
    for (unsigned i = 0; i < kProbes; ++i, bits >>= 9) block[(bits >> 6) & 7] |= std::uint64_t{1} << (bits & 63);
}

bool SeenFilter::may_contain(std::uint64_t hash) const {
    for (const Layer& layer : layers_) {
        const std::uint64_t* block = block_of(layer, hash);
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
    for (const Layer& layer : layers_) __builtin_prefetch(block_of(layer, hash), 1);
}

std::size_t SeenFilter::bytes() const {
    std::size_t total = 0;
    for (const Layer& layer : layers_) total += layer.blocks * kBlockBytes;
    return total;
}

}  // namespace vouch::command_handler
