#pragma once

#include "events/entries/command.h"
#include "events/log/log.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"

#include <cstdint>
#include <span>

namespace vouch::test {

/// Keys whose root is always the same.
EpochKeys make_test_keys(const Deployment& deployment);

inline constexpr ShardId kShard0(0);

/// Accounts and commands are numbered; the cash account is 0 and unlimited.
AccountId account_id(std::uint64_t number);
CommandId command_id(std::uint64_t number);

Command open_account(std::uint64_t id, std::uint64_t account, Limit limit = {},
                     AccountClass account_class = AccountClass::liability);
Command open_cash(std::uint64_t id);
Command transfer(std::uint64_t id, std::uint64_t debit, std::uint64_t credit, std::uint64_t amount);
Command place_hold(std::uint64_t id, std::uint64_t debit, std::uint64_t credit,
                   std::uint64_t amount, std::uint64_t expires_in_us = 0);
Command capture(std::uint64_t id, std::uint64_t hold, std::uint64_t payer, std::uint64_t amount,
                bool keep_rest = false);
Command release(std::uint64_t id, std::uint64_t hold, std::uint64_t payer);
Command reverse(std::uint64_t id, std::uint64_t entry, std::uint64_t account);
Command refund(std::uint64_t id, std::uint64_t entry, std::uint64_t account, std::uint64_t amount);
Command freeze(std::uint64_t id, std::uint64_t account, Block block);
Command unfreeze(std::uint64_t id, std::uint64_t account, Block block);
Command set_clock(std::uint64_t id, std::int64_t time_us);
/// Borrows its members.
Command group(std::uint64_t id, std::span<const Command> members);

Bytes batch_of(std::span<const Command> commands);

}  // namespace vouch::test
