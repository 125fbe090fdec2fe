#pragma once

#include "command-handler/intake/directory.h"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <utility>

namespace vouch::http {

/// Remembers the assets of accounts, which never change, so that the shards are asked about each
/// account once and not for every request. One thread; the books' directory outlives it.
class KnownAccounts final : public command_handler::Directory {
public:
    /// In each of two generations; the older one is forgotten when the newer is full.
    static constexpr std::size_t kGenerationAccounts = 131'072;

    explicit KnownAccounts(command_handler::Directory& books) : books_(books) {}

    command_handler::AccountFact account(LedgerId ledger, AccountId account) override {
        const Key key{ledger, account};
        if (const auto found = newer_.find(key); found != newer_.end()) return found->second;
        command_handler::AccountFact fact;
        if (const auto found = older_.find(key); found != older_.end()) {
            fact = found->second;
        } else {
            fact = books_.account(ledger, account);
        }
        if (fact.certainty != command_handler::Certainty::certain) return fact;
        if (newer_.size() == kGenerationAccounts) older_ = std::exchange(newer_, {});
        newer_.insert_or_assign(key, fact);
        return fact;
    }
    command_handler::HoldFact hold(LedgerId ledger, CommandId hold) override {
        return books_.hold(ledger, hold);
    }
    command_handler::EntryFact entry(LedgerId ledger, CommandId entry) override {
        return books_.entry(ledger, entry);
    }

private:
    struct Key {
        LedgerId ledger;
        AccountId account;
        friend bool operator==(const Key&, const Key&) = default;
    };
    struct KeyHash {
        std::size_t operator()(const Key& key) const noexcept {
            return static_cast<std::size_t>((key.account.high() ^ key.ledger.value()) *
                                                0x9e3779b97f4a7c15ULL +
                                            key.account.low());
        }
    };
    using Map = boost::unordered_flat_map<Key, command_handler::AccountFact, KeyHash>;

    command_handler::Directory& books_;
    Map newer_;
    Map older_;
};

}  // namespace vouch::http
