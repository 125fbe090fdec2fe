#include "tests/command-handler/sample_commands.h"

#include "events/entries/codec.h"

#include <array>

namespace vouch::test {
namespace {

Asset euro() { return *Asset::make("EUR", Scale(2)); }

Command with_body(std::uint64_t id, CommandBody body) {
    Command command;
    command.id = command_id(id);
    command.body = std::move(body);
    return command;
}

}  // namespace

EpochKeys make_test_keys(const Deployment& deployment) {
    std::array<std::byte, 32> root{};
    root.fill(std::byte{0x42});
    return EpochKeys(SecretKey(root), deployment);
}

AccountId account_id(std::uint64_t number) { return {0xacc0'0000'0000'0000ULL, number + 1}; }
CommandId command_id(std::uint64_t number) { return {0xc0de'0000'0000'0000ULL, number + 1}; }

Command open_account(std::uint64_t id, std::uint64_t account, Limit limit,
                     AccountClass account_class) {
    OpenAccount open;
    open.account = account_id(account);
    open.asset = euro();
    open.account_class = account_class;
    open.limit = limit;
    return with_body(id, open);
}

Command open_cash(std::uint64_t id) {
    return open_account(id, 0, Limit::unlimited(), AccountClass::asset);
}

Command transfer(std::uint64_t id, std::uint64_t debit, std::uint64_t credit,
                 std::uint64_t amount) {
    return with_body(
        id, Transfer{account_id(debit), account_id(credit), Amount(amount), Balancing::none});
}

Command place_hold(std::uint64_t id, std::uint64_t debit, std::uint64_t credit,
                   std::uint64_t amount, std::uint64_t expires_in_us) {
    return with_body(id, PlaceHold{account_id(debit), account_id(credit), Amount(amount),
                                   Balancing::none, expires_in_us});
}

Command capture(std::uint64_t id, std::uint64_t hold, std::uint64_t payer, std::uint64_t amount,
                bool keep_rest) {
    return with_body(
        id, CaptureHold{command_id(hold), account_id(payer), Amount(amount), keep_rest, {}});
}

Command release(std::uint64_t id, std::uint64_t hold, std::uint64_t payer) {
    return with_body(id, ReleaseHold{command_id(hold), account_id(payer)});
}

Command reverse(std::uint64_t id, std::uint64_t entry, std::uint64_t account) {
    return with_body(id, Reverse{command_id(entry), account_id(account)});
}

Command refund(std::uint64_t id, std::uint64_t entry, std::uint64_t account, std::uint64_t amount) {
    Refund body;
    body.entry = command_id(entry);
    body.account = account_id(account);
    body.amount = Amount(amount);
    return with_body(id, body);
}

Command freeze(std::uint64_t id, std::uint64_t account, Block block) {
    return with_body(id, FreezeAccount{account_id(account), block});
}

Command unfreeze(std::uint64_t id, std::uint64_t account, Block block) {
    return with_body(id, UnfreezeAccount{account_id(account), block});
}

Command set_clock(std::uint64_t id, std::int64_t time_us) {
    return with_body(id, SetClock{Timestamp(time_us)});
}

Command group(std::uint64_t id, std::span<const Command> members) {
    return with_body(id, Group{members});
}

Bytes batch_of(std::span<const Command> commands) {
    Bytes batch;
    for (const Command& command : commands) append_to_batch(command, batch);
    return batch;
}

}  // namespace vouch::test
