#pragma once

#include "command-handler/intake/directory.h"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <utility>

namespace vouch::command_handler {

/// Remembers the assets of accounts, which never change, so that a shard is asked about an account
/// at most once and not for every request: an answer takes until the shard comes between two
/// batches, and a thread with all its connections waits for it. What the views know needs no shard.
/// One thread; the books' directory outlives it.
class KnownAccounts final : public Directory {
public:
    /// In each of two generations; the older one is forgotten when the newer is full.
    static constexpr std::size_t kGenerationAccounts = 131'072;

    /// Empty when the views do not know the account.
    using AskViews = std::function<std::optional<Asset>(LedgerId, AccountId)>;

    KnownAccounts(Directory& books, AskViews ask_views)
        : books_(books), ask_views_(std::move(ask_views)) {}

    AccountFact account(LedgerId ledger, AccountId account) override {
        const Key key{ledger, account};
        if (const auto found = newer_.find(key); found != newer_.end()) return found->second;
        AccountFact fact;
        if (const auto found = older_.find(key); found != older_.end()) {
            fact = found->second;
        } else if (const std::optional<Asset> asset = ask_views_(ledger, account)) {
            fact = {.certainty = Certainty::certain, .asset = *asset};
        } else {
            fact = books_.account(ledger, account);
        }
        if (fact.certainty != Certainty::certain) return fact;
        if (newer_.size() == kGenerationAccounts) older_ = std::exchange(newer_, {});
        newer_.insert_or_assign(key, fact);
        return fact;
    }
    HoldFact hold(LedgerId ledger, CommandId hold) override { return books_.hold(ledger, hold); }
    EntryFact entry(LedgerId ledger, CommandId entry) override {
        return books_.entry(ledger, entry);
    }
    std::optional<KnownCommand> seen(const Command& command,
                                     std::optional<ShardId> decides) override {
        return books_.seen(command, decides);
    }
    std::optional<StoppedShard> stop_before(const Command& command, ShardId decides,
                                            std::span<const AccountId> behind) override {
        return books_.stop_before(command, decides, behind);
    }
    bool may_have_seen(LedgerId ledger, CommandId id) override {
        return books_.may_have_seen(ledger, id);
    }
    const std::optional<StoppedShard>& unknown() const override { return books_.unknown(); }
    void forget_unknown() override { books_.forget_unknown(); }

private:
    struct Key {
        LedgerId ledger;
        AccountId account;
        friend bool operator==(const Key&, const Key&) = default;
    };
    struct KeyHash {
        std::size_t operator()(const Key& key) const noexcept {
            return keyed_hash(HashKey::of_process(), key.ledger, key.account);
        }
    };
    using Map = boost::unordered_flat_map<Key, AccountFact, KeyHash>;

    Directory& books_;
    AskViews ask_views_;
    Map newer_;
    Map older_;
};

}  // namespace vouch::command_handler
