// The state digest, to the byte. Numbers are big-endian; u128 is 16 bytes.
//
//   deployment = SHA-256("vouch/state/v1" 0x00 | shard digest of shard 0, 1, 2…)
//   shard      = SHA-256("vouch/shard-state/v1" 0x00 | deployment id (16) | shard (4)
//                        | number of accounts (8) | run digests of the account rows
//                        | number of open holds (8) | run digests of the hold rows)
//                        and of a deployment of several shards:
//                        | number of transit accounts (8) | run digests of the transit rows
//                        | number of shards with followed holds (8), and for each
//                        | shard (4) | number of open holds (8) | run digests of the hold rows
//                        | number of commands in transit (8) | run digests of the crossing rows)
//   log        = SHA-256("vouch/log-state/v1" 0x00 | deployment id (16)
//                        | for shard 0, 1, 2…: number of records (8) | digest of the last (32))
//   run digest = SHA-256(up to 4,096 rows one after another)
//
//   account row, 132 bytes, in order of (ledger, id):
//     ledger (4) | id (16) | number (4) | asset (16, as packed by events/money/asset.h) | class (1)
//     | version (8) | debits posted (16) | credits posted (16) | debits held (16) | credits held
//     (16) | limit unlimited (1) | limit (16) | block (1) | closed (1)
//   hold row, 69 bytes, in order of (ledger, id):
//     ledger (4) | id (16) | payer's account number (4) | has payee (1) | payee's account number or
//     0 (4) | remaining (16) | captured (16) | expires at, microseconds (8)
//
//   transit row, 140 bytes, in order of (ledger, from, to, asset):
//     an account row, its id zero | from (4) | to (4)
//
//   crossing row, 48 bytes, in order of (ledger, id):
//     ledger (4) | id (16) | to (4) | payer's account number (4) | transit account's number (4)
//     | amount (16)
#include "reconciler/state/state_digest.h"

#include "events/bytes/big_endian.h"
#include "events/bytes/bytes.h"
#include "events/bytes/sha256.h"

#include <string_view>

namespace vouch::reconciler {

namespace {

constexpr std::size_t kRunRows = 4096;

template <class Unsigned>
void append(Bytes& out, Unsigned value) {
    out.resize(out.size() + sizeof(value));
    put_big_endian(value, out.data() + out.size() - sizeof(value), sizeof(value));
}
void append(Bytes& out, Amount amount) {
    append(out, amount.high());
    append(out, amount.low());
}
void put_flag(Bytes& out, bool flag) { out.push_back(flag ? std::byte{1} : std::byte{0}); }
void put_domain(Bytes& out, std::string_view domain) {
    for (const char letter : domain) out.push_back(static_cast<std::byte>(letter));
    out.push_back(std::byte{0});
}

Digest digest_of(const Bytes& bytes) {
    const std::span<const std::byte> piece(bytes);
    return sha256({&piece, 1});
}

/// Hashes rows run by run, so that no more than one run is in memory.
class Runs {
public:
    explicit Runs(Bytes& out) : out_(out) {}
    Bytes& row() {
        if (rows_++ == kRunRows) {
            finish();
            rows_ = 1;
        }
        return run_;
    }
    void finish() {
        if (rows_ == 0) return;
        const Digest digest = digest_of(run_);
        out_.insert(out_.end(), digest.begin(), digest.end());
        run_.clear();
        rows_ = 0;
    }

private:
    Bytes& out_;
    Bytes run_;
    std::size_t rows_ = 0;
};

void put_account(Bytes& out, AccountNumber number, const Account& account) {
    append(out, account.ledger.value());
    append(out, account.id.high());
    append(out, account.id.low());
    append(out, number.value());
    append(out, account.asset.high());
    append(out, account.asset.low());
    out.push_back(static_cast<std::byte>(account.account_class));
    append(out, account.version.value());
    append(out, account.totals.debits_posted);
    append(out, account.totals.credits_posted);
    append(out, account.totals.debits_held);
    append(out, account.totals.credits_held);
    put_flag(out, account.limit.is_unlimited());
    append(out, account.limit.below_zero());
    out.push_back(static_cast<std::byte>(account.state.block));
    put_flag(out, account.state.closed);
}

void put_hold(Bytes& out, const HoldKey& key, const HoldState& hold) {
    append(out, key.ledger.value());
    append(out, key.id.high());
    append(out, key.id.low());
    append(out, hold.payer.value());
    put_flag(out, hold.payee.has_value());
    append(out, hold.payee.value_or(AccountNumber()).value());
    append(out, hold.remaining);
    append(out, hold.captured);
    append(out, static_cast<std::uint64_t>(hold.expires_at.value()));
}

void put_holds(Bytes& out, const OpenHolds& holds) {
    append(out, std::uint64_t{holds.all().size()});
    Runs rows(out);
    for (const auto& [key, hold] : holds.all()) put_hold(rows.row(), key, hold.state);
    rows.finish();
}

void put_crossings(Bytes& out, const ReplayedBooks& books) {
    const Crossings& crossings = books.crossings;
    std::uint64_t count = 0;
    for (const auto& [key, transit] : crossings.transits()) count += transit.accounts.size();
    append(out, count);
    Runs transits(out);
    for (const auto& [key, transit] : crossings.transits()) {
        for (const AccountNumber number : transit.accounts) {
            Bytes& row = transits.row();
            put_account(row, number, books.accounts.at(number));
            append(row, key.from.value());
            append(row, key.to.value());
        }
    }
    transits.finish();

    std::uint64_t shards = 0;
    for (const auto& [from, holds] : crossings.all_followed())
        shards += holds.all().empty() ? 0U : 1U;
    append(out, shards);
    for (const auto& [from, holds] : crossings.all_followed()) {
        if (holds.all().empty()) continue;
        append(out, from.value());
        put_holds(out, holds);
    }

    append(out, std::uint64_t{crossings.all().size()});
    Runs rows(out);
    for (const auto& [key, crossing] : crossings.all()) {
        Bytes& row = rows.row();
        append(row, key.ledger.value());
        append(row, key.id.high());
        append(row, key.id.low());
        append(row, crossing.to.value());
        append(row, crossing.payer.value());
        append(row, crossing.transit.value());
        append(row, crossing.amount);
    }
    rows.finish();
}

}  // namespace

Digest state_digest(const DeploymentId& deployment, const ReplayedBooks& books) {
    Bytes out;
    put_domain(out, "vouch/shard-state/v1");
    append(out, deployment.high());
    append(out, deployment.low());
    append(out, books.shard.value());

    const std::vector<AccountNumber> order = books.accounts.in_id_order();
    append(out, std::uint64_t{order.size()});
    Runs accounts(out);
    for (const AccountNumber number : order)
        put_account(accounts.row(), number, books.accounts.at(number));
    accounts.finish();

    put_holds(out, books.holds);
    if (books.shards > 1) put_crossings(out, books);
    return digest_of(out);
}

Digest state_digest(std::span<const Digest> shards) {
    Bytes out;
    put_domain(out, "vouch/state/v1");
    for (const Digest& shard : shards) out.insert(out.end(), shard.begin(), shard.end());
    return digest_of(out);
}

Digest log_digest(const DeploymentId& deployment, std::span<const LogEnd> shards) {
    Bytes out;
    put_domain(out, "vouch/log-state/v1");
    append(out, deployment.high());
    append(out, deployment.low());
    for (const LogEnd& shard : shards) {
        append(out, shard.next_record.value());
        out.insert(out.end(), shard.last_digest.begin(), shard.last_digest.end());
    }
    return digest_of(out);
}

}  // namespace vouch::reconciler
