#pragma once

#include "events/money/amount.h"
#include "events/money/ids.h"
#include "events/money/number.h"

#include <optional>

namespace vouch {

/// An amount that may be without bound.
struct AmountFact {
    bool unlimited = false;
    Amount amount;
    friend bool operator==(const AmountFact&, const AmountFact&) = default;
};

/// What a refused caller needs to know of the account, hold or entry that the refusal is about.
struct Facts {
    AccountId account;  ///< zero: the refusal is about none
    std::optional<AmountFact> available;
    std::optional<AmountFact> limit;
    std::optional<AmountFact> held;
    std::optional<AmountFact> remaining;
    std::optional<Version> version;

    bool is_empty() const {
        return account.is_zero() && !available && !limit && !held && !remaining && !version;
    }
    friend bool operator==(const Facts&, const Facts&) = default;
};

}  // namespace vouch
