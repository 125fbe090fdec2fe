#include "command-handler/core/crossing_table.h"

#include "events/check.h"
#include "events/entries/codec.h"

#include <algorithm>

namespace vouch::command_handler {
namespace {

/// Into `message`, whose memory is used again.
void write_message(const Command& command, std::vector<std::byte>& message) {
    message.clear();
    append_to_batch(command, message);
    // A member of a batch begins with its tag (one byte) and its length.
    std::size_t prefix = 2;
    while (static_cast<unsigned>(message[prefix - 1]) >= 0x80) ++prefix;
    message.erase(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(prefix));
}

/// All of `crossing` but the command.
void fill(Crossing& crossing, const CommandInTransit& event, EventNumber number) {
    crossing.to = event.to;
    crossing.event = number;
    crossing.amount = Amount();
    crossing.can_return = !event.changes.empty() && event.changes.front().side.has_value();
    crossing.names_payee = false;
    if (crossing.can_return) {
        VOUCH_ASSERT(event.changes.size() == 2);
        crossing.amount = event.changes.front().amount;
        crossing.payer = event.changes.front().account;
        crossing.transit = event.changes.back().account;
        crossing.names_payee = event.hold && !event.hold->payee;
    } else if (std::holds_alternative<PlaceHold>(event.command.body)) {
        crossing.amount = event.hold->remaining;
    }
}

}  // namespace

const Crossing* CrossingTable::find(const CrossingKey& key) const {
    const auto found = places_.find(key);
    return found == places_.end() ? nullptr : &slots_[found->second].crossing;
}

CrossingTable::Place CrossingTable::add(const CommandInTransit& event, EventNumber number) {
    const Place place = spare_place();
    slots_[place].key = {event.command.ledger, event.command.id};
    fill(slots_[place].crossing, event, number);
    write_message(event.command, slots_[place].crossing.command);
    list(place);
    return place;
}

CrossingTable::Place CrossingTable::add(const CrossingKey& key, Crossing crossing) {
    const Place place = spare_place();
    slots_[place] = {key, std::move(crossing)};
    list(place);
    return place;
}

std::optional<CrossingTable::Place> CrossingTable::take(const CrossingKey& key) {
    const auto found = places_.find(key);
    if (found == places_.end()) return std::nullopt;
    const Place place = found->second;
    places_.erase(found);
    const Crossing& crossing = slots_[place].crossing;
    command_bytes_ -= crossing.command.size();
    if (!crossing.can_return) return place;
    --accounts_.row(crossing.payer).crossings;
    const auto sum = unanswered_.find(crossing.payer.value());
    VOUCH_ASSERT(sum != unanswered_.end());
    const std::optional<Amount> after = sum->second.minus(crossing.amount);
    VOUCH_ASSERT(after.has_value());
    sum->second = *after;
    if (after->is_zero()) unanswered_.erase(sum);
    return place;
}

void CrossingTable::put_back(Place place) { list(place); }

void CrossingTable::free(Place place) {
    std::vector<std::byte>& command = slots_[place].crossing.command;
    if (command.capacity() > kKeptBytesMax) command = std::vector<std::byte>();
    spare_.push_back(place);
}

Amount CrossingTable::unanswered(AccountNumber payer) const {
    if (accounts_.row(payer).crossings == 0) return Amount();
    const auto sum = unanswered_.find(payer.value());
    return sum == unanswered_.end() ? Amount() : sum->second;
}

const CrossingKey* CrossingTable::key_at(Place place) const {
    const CrossingKey& key = slots_[place].key;
    const auto found = places_.find(key);
    return found != places_.end() && found->second == place ? &key : nullptr;
}

std::vector<std::pair<CrossingKey, const Crossing*>> CrossingTable::sorted() const {
    std::vector<std::pair<CrossingKey, const Crossing*>> all;
    all.reserve(places_.size());
    for (const auto& [key, place] : places_) all.emplace_back(key, &slots_[place].crossing);
    std::sort(all.begin(), all.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    return all;
}

CrossingTable::Place CrossingTable::spare_place() {
    if (spare_.empty()) {
        slots_.emplace_back();
        return static_cast<Place>(slots_.size() - 1);
    }
    const Place place = spare_.back();
    spare_.pop_back();
    return place;
}

void CrossingTable::list(Place place) {
    const Slot& slot = slots_[place];
    const bool is_new = places_.emplace(slot.key, place).second;
    VOUCH_ASSERT(is_new);
    command_bytes_ += slot.crossing.command.size();
    if (!slot.crossing.can_return) return;
    ++accounts_.row(slot.crossing.payer).crossings;
    // All of it is among the payer's posted debits, so the sum cannot leave the range.
    Amount& sum = unanswered_[slot.crossing.payer.value()];
    const std::optional<Amount> after = sum.plus(slot.crossing.amount);
    VOUCH_ASSERT(after.has_value());
    sum = *after;
}

}  // namespace vouch::command_handler
