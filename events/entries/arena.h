#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

namespace vouch {

/// Memory for one batch: taken in pieces, given back all at once, kept for the next batch.
/// For trivially destructible values only. One thread.
class Arena {
public:
    static constexpr std::size_t kBlockBytes = 256 * 1024;
    static constexpr std::size_t kBlocksKeptMax = 16;

    Arena() = default;
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    /// `count` elements as their default constructors make them (numbers: zero), valid until
    /// `clear`.
    template <class T>
    std::span<T> make(std::size_t count) {
        static_assert(std::is_trivially_destructible_v<T>);
        if (count == 0) return {};
        T* first = static_cast<T*>(take(count * sizeof(T), alignof(T)));
        for (std::size_t i = 0; i < count; ++i) {
            // Without (), which would fill each element with zeros first.
            if constexpr (std::is_class_v<T>) {
                ::new (static_cast<void*>(first + i)) T;
            } else {
                ::new (static_cast<void*>(first + i)) T();
            }
        }
        return {first, count};
    }

    /// A copy of `values`, valid until `clear`.
    template <class T>
    std::span<T> copy(std::span<const T> values) {
        std::span<T> out = make<T>(values.size());
        for (std::size_t i = 0; i < values.size(); ++i) out[i] = values[i];
        return out;
    }

    /// A point to come back to.
    struct Mark {
        std::size_t block = 0;
        std::size_t used = 0;
        std::size_t large = 0;
    };
    Mark mark() const { return {current_, used_, large_.size()}; }

    /// Forgets what was taken since.
    void rewind(const Mark& mark) {
        current_ = mark.block;
        used_ = mark.used;
        large_.resize(mark.large);
    }

    /// Forgets everything; keeps some blocks of ordinary size.
    void clear() {
        rewind({});
        if (blocks_.size() > kBlocksKeptMax) blocks_.resize(kBlocksKeptMax);
    }

    /// What is taken from the system now.
    std::size_t bytes() const { return blocks_.size() * kBlockBytes + large_bytes(); }

private:
    struct Large {
        std::unique_ptr<std::byte[]> place;
        std::size_t bytes = 0;
    };

    std::size_t large_bytes() const {
        std::size_t sum = 0;
        for (const Large& each : large_) sum += each.bytes;
        return sum;
    }

    void* take(std::size_t bytes, std::size_t align) {
        if (bytes > kBlockBytes / 4) {
            large_.push_back({std::make_unique_for_overwrite<std::byte[]>(bytes), bytes});
            return large_.back().place.get();
        }
        used_ = (used_ + align - 1) / align * align;
        if (blocks_.empty() || used_ + bytes > kBlockBytes) {
            if (!blocks_.empty()) ++current_;
            if (current_ == blocks_.size())
                blocks_.push_back(std::make_unique_for_overwrite<std::byte[]>(kBlockBytes));
            used_ = 0;
        }
        void* place = blocks_[current_].get() + used_;
        used_ += bytes;
        return place;
    }

    std::vector<std::unique_ptr<std::byte[]>> blocks_;
    std::vector<Large> large_;
    std::size_t current_ = 0;
    std::size_t used_ = 0;
};

}  // namespace vouch
