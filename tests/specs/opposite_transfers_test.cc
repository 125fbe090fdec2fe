#include "tests/specs/spec.h"
#include "tests/support/handler_adapter.h"
#include "tests/support/ledger.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace vouch;
using namespace vouch::test;

constexpr std::size_t kEachWay = 10'000;
constexpr std::size_t kAtOnce = 250;
constexpr u128 kStart = 100'00;
constexpr u128 kOne = 1'00;
constexpr Timestamp kNow{kSpecStartUs};

OwnedCommand open_account(NameBook& names, const std::string& name, AccountClass account_class) {
    OwnedCommand command;
    command.head.id = names.command("open " + name);
    OpenAccount body;
    body.account = names.account(name);
    body.asset = *Asset::parse("CNY");
    body.account_class = account_class;
    command.head.body = body;
    return command;
}

OwnedCommand transfer(CommandId id, AccountId debit, AccountId credit, u128 amount) {
    OwnedCommand command;
    command.head.id = id;
    command.head.body = Transfer{debit, credit, Amount(amount), Balancing::none};
    return command;
}

}  // namespace

TEST_CASE("transfers: opposite ones in any order neither overdraw nor lose money") {
    NameBook names;
    const AccountId bank = names.account("bank");
    const AccountId a = names.account("A");
    const AccountId b = names.account("B");
    const std::unique_ptr<Ledger> ledger = make_handler_ledger();
    ledger->play(std::vector{open_account(names, "bank", AccountClass::asset),
                             open_account(names, "A", AccountClass::liability),
                             open_account(names, "B", AccountClass::liability),
                             transfer(names.command("in A"), bank, a, kStart),
                             transfer(names.command("in B"), bank, b, kStart)},
                 kNow);

    // In runs of one direction, so that each account is short now and then.
    std::mt19937_64 random(11);
    std::size_t left[2] = {kEachWay, kEachWay};
    std::vector<OwnedCommand> commands;
    while (left[0] + left[1] > 0) {
        const std::size_t way = random() % 2;
        for (std::size_t run = random() % 300; run > 0 && left[way] > 0; --run) {
            const CommandId id(1 + way, left[way]--);
            commands.push_back(way == 0 ? transfer(id, a, b, kOne) : transfer(id, b, a, kOne));
        }
    }

    std::size_t accepted[2] = {0, 0};
    std::size_t refused = 0;
    for (std::size_t at = 0; at < commands.size(); at += kAtOnce) {
        const std::span batch(commands.data() + at, std::min(kAtOnce, commands.size() - at));
        const std::vector<Told> told = ledger->play(batch, kNow);
        for (std::size_t i = 0; i < told.size(); ++i) {
            if (told[i].outcome == Outcome::posted) {
                ++accepted[batch[i].head.id.high() - 1];
            } else {
                REQUIRE(told[i].outcome == Outcome::insufficient_funds);
                ++refused;
            }
        }
    }

    CHECK(refused > 0);
    const BooksView books = ledger->books();
    const auto balance_of = [&](AccountId id) {
        const Totals& totals = books.accounts.at({LedgerId(0), id}).totals;
        return totals.credits_posted.units() - totals.debits_posted.units();
    };
    CHECK(balance_of(a) == kStart + kOne * accepted[1] - kOne * accepted[0]);
    CHECK(balance_of(b) == kStart + kOne * accepted[0] - kOne * accepted[1]);
    for (const model::Effect& effect : ledger->take_effects()) {
        for (const Change& change : effect.changes) {
            if (change.account == AccountNumber(0)) continue;
            REQUIRE(change.totals.debits_posted <= change.totals.credits_posted);
        }
    }
}
