#include "command-handler/core/transit_table.h"

#include "events/check.h"

namespace vouch::command_handler {

std::optional<AccountNumber> TransitTable::find(const TransitKey& key) const {
    const auto place = numbers_.find(key);
    if (place == numbers_.end()) return std::nullopt;
    return place->second.back();
}

std::size_t TransitTable::count(const TransitKey& key) const {
    const auto place = numbers_.find(key);
    return place == numbers_.end() ? 0 : place->second.size();
}

std::optional<TransitKey> TransitTable::key_of(AccountNumber number) const {
    const auto place = keys_.find(number.value());
    if (place == keys_.end()) return std::nullopt;
    return place->second;
}

void TransitTable::add(const TransitKey& key, AccountNumber number) {
    numbers_[key].push_back(number);
    keys_.emplace(number.value(), key);
}

void TransitTable::remove(AccountNumber number) {
    const auto place = keys_.find(number.value());
    VOUCH_ASSERT(place != keys_.end());
    const auto numbers = numbers_.find(place->second);
    VOUCH_ASSERT(numbers->second.back() == number);
    numbers->second.pop_back();
    if (numbers->second.empty()) numbers_.erase(numbers);
    keys_.erase(place);
}

}  // namespace vouch::command_handler
