#include "command-handler/shard/seen_filter.h"

#include "events/check.h"

#include <algorithm>

namespace vouch::command_handler {
namespace {

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

void SeenFilter::insert(std::uint64_t hash) {
    if (may_contain(hash)) return;
    if (const Layer& newest = layers().back(); newest.facts == newest.facts_max)
        add_layer(newest.facts_max * 2);
    Layer& layer = layers_[layers().size() - 1];
    ++layer.facts;
    std::uint64_t* block = &layer.words[block_of(layer, hash)];
    std::uint64_t bits = spread(hash);
    for (unsigned i = 0; i < kProbes; ++i, bits >>= 9) {
        std::uint64_t& word = block[(bits >> 6) & 7];
        // Nobody else writes: no exchange is needed.
        std::atomic_ref(word).store(read(word) | std::uint64_t{1} << (bits & 63),
                                    std::memory_order_relaxed);
    }
}

bool SeenFilter::may_contain(std::uint64_t hash) const {
    for (const Layer& layer : layers()) {
        const std::uint64_t* block = &layer.words[block_of(layer, hash)];
        std::uint64_t bits = spread(hash);
        bool all = true;
        for (unsigned i = 0; i < kProbes && all; ++i, bits >>= 9) {
            all = (read(block[(bits >> 6) & 7]) >> (bits & 63)) & 1;
        }
        if (all) return true;
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
