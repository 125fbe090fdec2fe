#pragma once

#include "reconciler/rules/asked_command.h"
#include "reconciler/rules/refusal.h"

#include <optional>

namespace vouch::reconciler {

/// What a command moves, and whether limits and totals of the accounts here leave room for it.
struct DerivedAmount {
    std::optional<Refusal> refusal;
    Amount moved;  ///< of a transfer, hold or capture
};
DerivedAmount derive_amount(const AskedCommand& asked);

}  // namespace vouch::reconciler
