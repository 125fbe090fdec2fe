#include "tests/projector/random_books.h"

#include "events/check.h"
#include "tests/projector/event_maker.h"
#include "tests/support/named_ids.h"

namespace vouch::test {

RandomBooks::RandomBooks(std::uint32_t shards, std::uint64_t seed)
    : log(shards), deployment(shards), random_(seed), next_number_(shards) {
    for (std::uint32_t shard = 0; shard < shards; ++shard) {
        writers_.push_back(std::make_unique<RecordWriter>(log, deployment, ShardId(shard)));
    }
}

std::size_t RandomBooks::index_of(LedgerId ledger, AccountId id) const {
    for (std::size_t i = 0; i < accounts.size(); ++i) {
        if (accounts[i].id == id && accounts[i].ledger == ledger) return i;
    }
    VOUCH_ASSERT(false);
}

RandomBooks::Account RandomBooks::invent_account() {
    Account account;
    account.ledger = LedgerId(below(4) == 0 ? 7 : 0);
    account.asset = below(3) == 0 ? *Asset::make("JPY", Scale(0)) : *Asset::make("EUR", Scale(2));
    account.account_class = static_cast<AccountClass>(1 + below(5));
    account.name = "account:" + std::to_string(accounts.size());
    account.id = account_named(account.name, account.ledger);
    if (below(4) == 0) {
        account.id = AccountId(random_(), random_());
        account.name.clear();
    }
    if (below(2) == 0) account.owner = "owner-" + std::to_string(below(3));
    if (below(2) == 0) account.chart_code = "2010.03";
    account.risk_class = static_cast<std::uint8_t>(below(256));
    account.newest.limit = below(2) == 0 ? Limit::unlimited() : Limit(Amount(below(2) * 5'000));
    return account;
}

void RandomBooks::step() {
    RecordWriter& writer = *writers_[below(writers_.size())];
    // A record ends before the clock moves: what is in it has its time. Clocks of shards may stand
    // at the same time, and records of one shard too.
    if (below(8) == 0) {
        seal_all();
        now_ = Timestamp(now_.value() + static_cast<std::int64_t>(below(3)) * 1'000);
    }
    make_event(*this, writer);
}

void RandomBooks::seal_all() {
    for (const auto& writer : writers_) {
        if (writer->event_count() > 0) writer->seal(now_);
    }
}

std::unique_ptr<RandomBooks> random_books(std::uint64_t seed, int steps, std::uint32_t shards) {
    auto books = std::make_unique<RandomBooks>(shards, seed);
    for (int i = 0; i < steps; ++i) books->step();
    books->seal_all();
    return books;
}

}  // namespace vouch::test
