// How many plain transfers does a replay check in a second: MACs, chain, rules, ids, results?
//
// Estimate, for each event of about 110 bytes: reading and copying 20 ns, HMAC 80 ns, decoding 100 ns, content
// digest 30 ns, fold 60 ns, id row and its check 60 ns: 350 ns, or 5.7 million a second on two cores.
//
//   replay_bench [events] [accounts] [threads]
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "events/entries/codec.h"
#include "reconciler/replay.h"
#include "tests/support/log_writer.h"

namespace {

using namespace vouch;
using namespace vouch::test;

constexpr std::size_t kEventsARecord = 7'000;

AccountId account_id(std::uint32_t number) { return {number * 0x9e3779b97f4a7c15ULL | 1, number}; }

struct Row {
    Totals totals;
    std::uint64_t version = 1;
};

/// Openings, then transfers between random accounts, each claiming what it leads to.
class LogMaker {
public:
    LogMaker(const SealedDeployment& sealed, std::uint32_t accounts)
        : sealed_(sealed), records_(1), rows_(accounts), previous_(sealed.deployment().genesis_tag) {
        add(TermStarted{Term(0)});
        for (std::uint32_t i = 0; i < accounts; ++i) open(i);
    }
    void transfer() {
        const auto debit = static_cast<std::uint32_t>(random_() % rows_.size());
        auto credit = static_cast<std::uint32_t>(random_() % rows_.size());
        if (credit == debit) credit = credit == 0 ? 1 : credit - 1;
        CommandDecided event;
        event.command.id = CommandId(random_(), random_() | 1);
        event.command.body = Transfer{account_id(debit), account_id(credit), Amount(1 + random_() % 100'000), Balancing::none};
        event.command.context = "order-17";
        event.outcome = Outcome::posted;
        const Amount amount = std::get<Transfer>(event.command.body).amount;
        Change changes[2];
        changes[0] = post(debit, Side::debit, amount);
        changes[1] = post(credit, Side::credit, amount);
        event.changes = changes;
        add(event);
    }
    RecordList finish() {
        flush();
        return std::move(records_);
    }
    std::uint64_t bytes() const { return bytes_; }

private:
    Change post(std::uint32_t number, Side side, Amount amount) {
        Row& row = rows_[number];
        row.totals.posted(side) = *row.totals.posted(side).plus(amount);
        return {AccountNumber(number), Version(++row.version), row.totals, Limit::unlimited(), {}, side, amount};
    }
    void open(std::uint32_t number) {
        CommandDecided event;
        event.command.id = CommandId(1, number + 1);
        OpenAccount open;
        open.account = account_id(number);
        open.asset = *Asset::parse("EUR/2");
        open.account_class = AccountClass::liability;
        open.limit = Limit::unlimited();
        event.command.body = open;
        event.outcome = Outcome::opened;
        const Change change{AccountNumber(number), Version(1), {}, open.limit, {}, {}, {}};
        event.changes = {&change, 1};
        add(event);
    }
    void add(const Event& event) {
        constexpr std::size_t kPrefix = 16;
        const std::size_t before = body_.size();
        body_.resize(before + encoded_event_max(event) + kPrefix);
        body_.resize(static_cast<std::size_t>(append_event(event, body_.data() + before) - body_.data()));
        if (++count_ == kEventsARecord) flush();
    }
    void flush() {
        if (count_ == 0) return;
        RecordHeader header;
        const Deployment& deployment = sealed_.deployment();
        header.deployment = deployment.id;
        header.chain_high = deployment.chain_high;
        header.chain_low = deployment.chain_low;
        header.record = RecordNumber(records_.shard(ShardId(0)).size());
        header.first_event = EventNumber(events_);
        header.event_count = static_cast<std::uint32_t>(count_);
        header.time = deployment.created_at;
        header.previous_tag = previous_;
        Bytes bytes = seal_bytes(sealed_.keys.record_key(ShardId(0), Epoch(0)), header, body_);
        previous_ = parse_record(bytes)->tag;
        bytes_ += bytes.size();
        records_.shard(ShardId(0)).push_back(std::move(bytes));
        events_ += count_;
        count_ = 0;
        body_.clear();
    }

    const SealedDeployment& sealed_;
    RecordList records_;
    std::vector<Row> rows_;
    std::mt19937_64 random_{4711};
    Tag previous_;
    Bytes body_;
    std::size_t count_ = 0;
    std::uint64_t events_ = 0;
    std::uint64_t bytes_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    const std::uint64_t events = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 3'000'000;
    const auto accounts = static_cast<std::uint32_t>(argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 100'000);
    const auto threads = static_cast<unsigned>(argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 0);
    if (events + accounts + 1 >= kEpochEventsMax || accounts < 2) {
        std::fputs("at most 16 million events, at least 2 accounts\n", stderr);
        return 2;
    }
    const SealedDeployment sealed = make_sealed_deployment();
    LogMaker maker(sealed, accounts);
    for (std::uint64_t i = 0; i < events; ++i) maker.transfer();
    RecordList records = maker.finish();
    std::printf("%llu transfers, %u accounts, %llu bytes an event, %u cores\n", static_cast<unsigned long long>(events),
                accounts, static_cast<unsigned long long>(maker.bytes() / (events + accounts)),
                std::thread::hardware_concurrency());
    bool is_clean = true;
    for (const bool check_macs : {true, false}) {
        reconciler::ReplayOptions options;
        options.keys = &sealed.keys;
        options.check_macs = check_macs;
        options.threads = threads;
        const Result<reconciler::ReplayReport> report = reconciler::replay(records, sealed.deployment(), options);
        if (!report) {
            std::fprintf(stderr, "%s\n", report.error().message.c_str());
            return 1;
        }
        std::printf("MACs %-4s %12llu events a second, %llu findings\n", check_macs ? "on" : "off",
                    static_cast<unsigned long long>(report->events * 1'000'000 / report->microseconds),
                    static_cast<unsigned long long>(report->findings.count()));
        is_clean = is_clean && report->is_clean();
    }
    return is_clean ? 0 : 1;
}
