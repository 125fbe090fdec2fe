#pragma once

#include "command-handler/shard/answer.h"
#include "command-handler/shard/stopped_shard.h"
#include "events/entries/command.h"
#include "events/money/account.h"
#include "events/money/asset.h"
#include "events/money/ids.h"
#include "events/money/number.h"
#include "events/money/outcome.h"

#include <optional>
#include <utility>
#include <vector>

namespace vouch::command_handler {

/// What a look-up found; or that it cannot be said, because a shard that may know has stopped.
template <class T>
struct LookUp {
    LookUp() = default;
    LookUp(std::optional<T> known) : found(std::move(known)) {}
    LookUp(StoppedShard stop) : unknown(std::move(stop)) {}

    std::optional<T> found;
    std::optional<StoppedShard> unknown;  ///< then `found` is empty, which says nothing

    bool has_value() const { return found.has_value(); }
    explicit operator bool() const { return has_value(); }
    const T& operator*() const { return *found; }
    const T* operator->() const { return &*found; }
};

/// What the gateway needs to write a command down: which asset an account has, which account pays a
/// hold, which accounts an entry debited and credited.
struct KnownAccount {
    Asset asset;
};
struct KnownHold {
    AccountId payer;
    AccountId payee;  ///< zero: placed without
};
struct KnownEntry {
    std::vector<Posting> postings;
};

/// The command that had an id first, and what became of it.
struct KnownCommand {
    ShardId shard;
    RecordNumber record;
    EventNumber event;
    bool has_same_content = false;  ///< as the one that was asked about
    AccountId account;              ///< that decided it, as it was sent; zero: none was said
    bool in_transit = false;
    Outcome outcome = Outcome::malformed;  ///< unless it is in transit
    std::optional<AnswerDetails> details;
};

}  // namespace vouch::command_handler
