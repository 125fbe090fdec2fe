#include "command-handler/core/transit_table.h"

#include "events/check.h"

namespace vouch::command_handler {

std::optional<AccountNumber> TransitTable::find(const TransitKey& key) const {
    const auto place = numbers_.find(key);
    if (place == numbers_.end()) return std::nullopt;
    return place->second;
}

std::optional<TransitKey> TransitTable::key_of(AccountNumber number) const {
    const auto place = keys_.find(number.value());
    if (place == keys_.end()) return std::nullopt;
    return place->second;
}

void TransitTable::add(const TransitKey& key, AccountNumber number) {
    const bool is_new = numbers_.emplace(key, number).second;
    VOUCH_ASSERT(is_new);
    keys_.emplace(number.value(), key);
}

void TransitTable::remove(AccountNumber number) {
    const auto place = keys_.find(number.value());
    VOUCH_ASSERT(place != keys_.end());
    numbers_.erase(place->second);
    keys_.erase(place);
}

}  // namespace vouch::command_handler
