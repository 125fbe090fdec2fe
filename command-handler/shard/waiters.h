#pragma once

#include "events/money/ids.h"
#include "events/money/number.h"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace vouch::command_handler {

/// A member of an input batch that was told, durably, that its command is in transit.
struct Waiter {
    LedgerId ledger;
    CommandId command;
    Offset batch;
    std::size_t member = 0;
    bool repeated = false;
};

/// Who waits for the outcomes of commands in transit; several may wait for one command. Added and
/// settled only by what is durable, so that nothing here is ever taken back. A restart forgets
/// them: whoever still wants to know sends the command again. One thread.
class Waiters {
public:
    void add(const Waiter& waiter);

    /// Calls `with(waiter)` for each that waits for the command, in the order in which they came,
    /// and forgets them.
    template <class With>
    void settle(LedgerId ledger, CommandId command, With with) {
        const auto line = lines_.find(Key{ledger, command});
        if (line == lines_.end()) return;
        release(line->second, with);
        lines_.erase(line);
    }

    /// Those of the commands for which `is_hopeless(ledger, command)`.
    template <class IsHopeless>
    void forget_if(IsHopeless is_hopeless) {
        erase_if(lines_, [&](const auto& line) {
            if (!is_hopeless(line.first.ledger, line.first.command)) return false;
            release(line.second, [](const Waiter&) {});
            return true;
        });
    }

    std::size_t size() const { return places_.size() - free_.size(); }

private:
    static constexpr std::uint32_t kNone = 0xffff'ffff;
    struct Key {
        LedgerId ledger;
        CommandId command;
        friend bool operator==(const Key&, const Key&) = default;
    };
    struct KeyHash {
        std::size_t operator()(const Key& key) const noexcept {
            return keyed_hash(HashKey::of_process(), key.ledger, key.command);
        }
    };
    /// First and last of those who wait for one command.
    struct Line {
        std::uint32_t first = kNone;
        std::uint32_t last = kNone;
    };
    struct Place {
        Waiter waiter;
        std::uint32_t next = kNone;
    };
    template <class With>
    void release(const Line& line, With with) {
        for (std::uint32_t at = line.first; at != kNone; at = places_[at].next) {
            with(places_[at].waiter);
            free_.push_back(at);
        }
    }

    boost::unordered_flat_map<Key, Line, KeyHash> lines_;
    std::vector<Place> places_;
    std::vector<std::uint32_t> free_;
};

}  // namespace vouch::command_handler
