#include "tests/support/transfer_log.h"

#include "events/entries/codec.h"

#include <array>
#include <utility>

namespace vouch::test {

namespace {

constexpr std::size_t kEventsARecord = 7'000;

AccountId account_id(std::uint32_t number) { return {number * 0x9e3779b97f4a7c15ULL | 1, number}; }

}  // namespace

TransferLog::TransferLog(const SealedDeployment& sealed, std::uint32_t accounts)
    : sealed_(sealed), records_(1), rows_(accounts), previous_(sealed.deployment().genesis_tag) {
    add(TermStarted{Term(0)});
    for (std::uint32_t i = 0; i < accounts; ++i) open(i);
}

void TransferLog::transfer() {
    const auto debit = static_cast<std::uint32_t>(random_() % rows_.size());
    auto credit = static_cast<std::uint32_t>(random_() % rows_.size());
    if (credit == debit) credit = credit == 0 ? 1 : credit - 1;
    CommandDecided event;
    event.command.id = CommandId(random_(), random_() | 1);
    event.command.body = Transfer{account_id(debit), account_id(credit),
                                  Amount(1 + random_() % 100'000), Balancing::none};
    event.command.context = "order-17";
    event.outcome = Outcome::posted;
    const Amount amount = std::get<Transfer>(event.command.body).amount;
    const std::array changes{post(debit, Side::debit, amount), post(credit, Side::credit, amount)};
    event.changes = changes;
    add(event);
}

RecordList TransferLog::finish() {
    flush();
    return std::move(records_);
}

Change TransferLog::post(std::uint32_t number, Side side, Amount amount) {
    Row& row = rows_[number];
    row.totals.posted(side) = *row.totals.posted(side).plus(amount);
    return {AccountNumber(number),
            Version(++row.version),
            row.totals,
            Limit::unlimited(),
            {},
            side,
            amount,
            account_id(number)};
}

void TransferLog::open(std::uint32_t number) {
    CommandDecided event;
    event.command.id = CommandId(1, number + 1);
    OpenAccount open;
    open.account = account_id(number);
    open.asset = *Asset::parse("EUR/2");
    open.account_class = AccountClass::liability;
    open.limit = Limit::unlimited();
    event.command.body = open;
    event.outcome = Outcome::opened;
    const Change change{
        AccountNumber(number), Version(1), {}, open.limit, {}, {}, {}, open.account};
    event.changes = {&change, 1};
    add(event);
}

void TransferLog::add(const Event& event) {
    constexpr std::size_t kPrefix = 16;
    const std::size_t before = body_.size();
    body_.resize(before + encoded_event_max(event) + kPrefix);
    body_.resize(
        static_cast<std::size_t>(append_event(event, body_.data() + before) - body_.data()));
    if (++count_ == kEventsARecord) flush();
}

void TransferLog::flush() {
    if (count_ == 0) return;
    RecordHeader header;
    const Deployment& deployment = sealed_.deployment();
    header.deployment = deployment.id;
    header.chain = deployment.chain;
    header.record = RecordNumber(records_.shard(ShardId(0)).size());
    header.first_event = EventNumber(events_);
    header.event_count = static_cast<std::uint32_t>(count_);
    header.time = deployment.created_at;
    header.previous_digest = previous_;
    Bytes bytes = seal_bytes(sealed_.keys.record_key(ShardId(0), Epoch(0)), header, body_);
    previous_ = parse_record(bytes)->digest;
    bytes_ += bytes.size();
    records_.shard(ShardId(0)).push_back(std::move(bytes));
    events_ += count_;
    count_ = 0;
    body_.clear();
}

}  // namespace vouch::test
