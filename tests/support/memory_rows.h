#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace vouch::test {

/// Rows in the order of their keys, as a store keeps them that writes batches: after a crash those
/// that were synced are there, and of the later ones the first so many. One thread at a time.
template <class Key, class Value>
class MemoryRows {
public:
    using Rows = std::map<Key, Value>;
    using Batch = std::vector<std::pair<Key, Value>>;

    const Rows& rows() const { return *rows_; }
    /// As they are now, whatever is written later.
    std::shared_ptr<const Rows> share() const { return rows_; }
    /// The same rows for somebody else, as if all were synced.
    MemoryRows copy() const {
        MemoryRows copied;
        copied.rows_ = rows_;
        return copied;
    }

    void write(Batch batch) {
        Undo undo;
        Rows& rows = own();
        for (auto& [key, value] : batch) {
            const auto [row, is_new] = rows.try_emplace(key);
            undo.emplace_back(std::move(key), is_new ? std::nullopt
                                                     : std::optional(std::move(row->second)));
            row->second = std::move(value);
        }
        unsynced_.push_back(std::move(undo));
    }

    void sync() { unsynced_.clear(); }

    /// How many batches survive the seed decides; 0: no more than was synced.
    void crash(std::uint64_t seed) {
        const std::size_t kept = seed == 0 ? 0 : std::mt19937_64(seed)() % (unsynced_.size() + 1);
        for (; unsynced_.size() > kept; unsynced_.pop_back()) take_back(unsynced_.back());
        unsynced_.clear();
    }

private:
    /// What stood there before a batch, in the order of its rows.
    using Undo = std::vector<std::pair<Key, std::optional<Value>>>;

    /// Whoever shares them keeps those that there are.
    Rows& own() {
        if (rows_.use_count() > 1) rows_ = std::make_shared<Rows>(*rows_);
        return *rows_;
    }

    void take_back(const Undo& undo) {
        Rows& rows = own();
        for (auto each = undo.rbegin(); each != undo.rend(); ++each) {
            if (each->second)
                rows.insert_or_assign(each->first, *each->second);
            else
                rows.erase(each->first);
        }
    }

    std::shared_ptr<Rows> rows_ = std::make_shared<Rows>();
    std::vector<Undo> unsynced_;
};

}  // namespace vouch::test
