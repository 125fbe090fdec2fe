#pragma once

#include "command-handler/core/large_array.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace vouch::command_handler {

/// Says "surely new" or "perhaps seen" of a fact's hash, touching one cache line in each layer.
/// A blocked Bloom filter of 16 bits a fact, one bit in each word of its block: about one false
/// "perhaps" in a thousand. When a layer is
/// full, one of twice its size is added, so that it grows without pause. Facts never leave it: a
/// roll-back leaves false "perhaps" behind, which cost a look-up.
///
/// One thread inserts; any may ask. Who was told of something that its thread did after inserting a
/// fact finds that fact.
class SeenFilter {
public:
    /// Facts that the first layer is made for: 32 MiB, touched only as it fills.
    static constexpr std::size_t kFirstLayerFacts = std::size_t{1} << 24;

    explicit SeenFilter(std::size_t first_layer_facts = kFirstLayerFacts);
    SeenFilter(const SeenFilter&) = delete;
    SeenFilter& operator=(const SeenFilter&) = delete;

    /// What is perhaps there already takes no room: facts of crossings and refunds are put again as
    /// they go on.
    void insert(std::uint64_t hash);
    bool may_contain(std::uint64_t hash) const;
    void prefetch(std::uint64_t hash) const;

    std::size_t bytes() const;

private:
    static constexpr std::size_t kBlockBytes = 64;
    static constexpr std::size_t kBlockWords = kBlockBytes / sizeof(std::uint64_t);
    static constexpr std::size_t kBitsPerFact = 16;
    /// Each twice the one before: more than there is memory for.
    static constexpr std::size_t kLayersMax = 32;

    struct Layer {
        LargeArray<std::uint64_t> words;
        std::uint64_t blocks = 0;
        std::size_t facts = 0;
        std::size_t facts_max = 0;
    };
    static std::size_t block_of(const Layer& layer, std::uint64_t hash) {
        __extension__ typedef unsigned __int128 Wide;
        const auto index =
            static_cast<std::uint64_t>((static_cast<Wide>(hash) * layer.blocks) >> 64);
        return index * kBlockWords;
    }
    void add_layer(std::size_t facts_max);
    static bool contains(const Layer& layer, std::uint64_t hash);
    /// True when all of the fact's bits were set before.
    static bool set_bits(Layer& layer, std::uint64_t hash);
    std::span<const Layer> layers() const {
        return std::span(layers_).first(layer_count_.load(std::memory_order_acquire));
    }

    std::array<Layer, kLayersMax> layers_;  // a new one moves none that others read
    std::atomic<std::size_t> layer_count_{0};
};

}  // namespace vouch::command_handler
