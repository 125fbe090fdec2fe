#pragma once

#include "events/entries/arena.h"
#include "events/entries/command.h"
#include "events/entries/event.h"

#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <string_view>

namespace vouch::test {

inline constexpr std::size_t kEventKinds = std::variant_size_v<Event>;
inline constexpr std::size_t kStepKinds = std::variant_size_v<StepKind>;

/// True for the alternatives of Event that have a command.
constexpr bool has_command(std::size_t event_kind) {
    return event_kind < 2 || event_kind == 6 || event_kind == 13 || event_kind == 14;
}
static_assert(kEventKinds == 20);

/// Makes well-formed commands and events of every kind from a seed, with numbers of every width,
/// rare fields both given and left out, and text with characters of 1 to 4 bytes. What it makes
/// borrows from it.
class RandomEntries {
public:
    explicit RandomEntries(std::uint64_t seed) : random_(seed) {}

    Command command();
    /// Of the given alternative of CommandBody.
    Command command(std::size_t kind);
    Event event();
    /// Of the given alternative of Event; `command_kind` as in `command`, where it has one.
    Event event(std::size_t kind, std::size_t command_kind);
    Step step();
    /// Of the given alternative of StepKind.
    Step step(std::size_t kind);

    std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
    bool coin() { return below(2) == 0; }

private:
    /// A number of any width up to `bits`.
    std::uint64_t number(unsigned bits = 64);
    Amount amount();
    template <class IdType>
    IdType id() {
        return IdType(random_() >> below(64), random_() | 1);
    }
    template <class IdType>
    IdType id_or_none() {
        return coin() ? id<IdType>() : IdType();
    }
    std::string_view text(std::size_t size_max);
    std::string_view some_text(std::size_t size_max);
    void add_voucher(Command& made);
    std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }
    Limit limit();
    Balancing balancing() { return static_cast<Balancing>(below(4)); }

    Command command(std::size_t kind, LedgerId ledger);
    CommandBody body(std::size_t kind, LedgerId ledger);
    OpenAccount open_account(LedgerId ledger);
    std::span<const Posting> postings();
    std::span<const Command> members(LedgerId ledger);

    Event event_across(std::size_t kind, std::size_t command_kind);
    Event event_of_shard(std::size_t kind);
    Unreadable unreadable();
    CommandInTransit in_transit(std::size_t command_kind);
    CommandAnswered answered();
    StepKind step_kind(std::size_t kind);
    Asset asset();
    ShardId shard() { return ShardId(coin() ? 0 : static_cast<std::uint32_t>(number(32))); }
    LedgerId ledger() { return LedgerId(coin() ? 0 : static_cast<std::uint32_t>(number(32))); }
    std::uint32_t count() { return static_cast<std::uint32_t>(1 + below(3000)); }
    Outcome step_outcome();
    std::optional<Amount> moved();
    std::span<Change> some_changes();

    CommandDecided decided(std::size_t command_kind);
    std::span<const Change> changes(const CommandDecided& decided);
    Change change();
    HoldState hold();
    EntryState entry();
    Facts facts();
    std::optional<AmountFact> amount_fact();
    std::span<const std::byte> digest();

    std::mt19937_64 random_;
    Arena arena_;
    std::deque<std::string> texts_;
};

}  // namespace vouch::test
