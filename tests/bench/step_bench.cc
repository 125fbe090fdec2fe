// What does each step of a plain transfer cost on the shard's thread, beside its budget?
//
//   step_bench [--accounts N] [--transfers N]
//
// The same transfers run through one step more each time, in the chunks that the shard loop works
// in; a step's cost is what it adds. Nothing is written: the log, the facts' store and the
// projector have benchmarks of their own (log_bench, ledger_bench, projector_bench).

#include "command-handler/core/execute.h"
#include "command-handler/core/shard_state.h"
#include "command-handler/shard/fact_map.h"
#include "command-handler/shard/seen_filter.h"
#include "events/check.h"
#include "events/entries/codec.h"
#include "events/log/log.h"
#include "events/seal/mac.h"
#include "events/seal/record.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace vouch;
using namespace vouch::command_handler;

constexpr std::size_t kAhead = 32;
constexpr std::size_t kGeneration = 190'000;

struct Load {
    std::uint32_t accounts = 1'000'000;
    std::size_t transfers = 2'000'000;
};

AccountId account_id(std::uint32_t i) {
    return {0x5eedULL << 32 | i, i * 0x9e3779b97f4a7c15ULL | 1};
}

std::vector<Bytes> make_batches(const Load& load) {
    std::mt19937_64 random(4711);
    std::vector<Bytes> batches;
    for (std::size_t i = 0; i < load.transfers; ++i) {
        if (i % kBatchCommandsMax == 0) batches.emplace_back();
        Command command;
        command.id = CommandId(random() | 1, i + 1);
        const auto debit = static_cast<std::uint32_t>(random() % load.accounts);
        const auto credit =
            (debit + 1 + static_cast<std::uint32_t>(random() % (load.accounts - 1))) %
            load.accounts;
        command.body = Transfer{account_id(debit), account_id(credit),
                                Amount(100 + random() % 5000), Balancing::none};
        append_to_batch(command, batches.back());
    }
    return batches;
}

/// No past: every id is new.
class NoFacts final : public FactSource {
public:
    void forget_answers() override {}
    std::optional<PastCommand> find_command(LedgerId, CommandId) override { return std::nullopt; }
    std::optional<HoldState> find_closed_hold(LedgerId, CommandId) override { return std::nullopt; }
    Amount find_refunded(const EntryKey&, std::uint32_t) override { return {}; }
    std::optional<EntryState> find_entry_state(const EntryKey&) override {
        return std::nullopt;
    }
    std::optional<StepFollowed> find_followed_entry(LedgerId, CommandId) override {
        return std::nullopt;
    }
};

/// Encodes into a body that begins anew when it is full, or drops events.
class BodySink final : public EventSink {
public:
    explicit BodySink(bool encodes) : encodes_(encodes), body_(kRecordBodyMax + (1 << 20)) {}
    void append(const CommandDecided& event) override {
        VOUCH_ASSERT(event.outcome == Outcome::posted || event.outcome == Outcome::opened);
        if (encodes_)
            size_ =
                static_cast<std::size_t>(append_event(event, body_.data() + size_) - body_.data());
        ++events_;
    }
    void append(const HoldExpired&) override { VOUCH_ASSERT(false); }
    void append(const ConflictSeen&) override { VOUCH_ASSERT(false); }
    void append(const CommandInTransit&) override { VOUCH_ASSERT(false); }
    void append(const CommandAnswered&) override { VOUCH_ASSERT(false); }
    void append(const StepFollowed&) override { VOUCH_ASSERT(false); }
    void append(const TransitOpened&) override { VOUCH_ASSERT(false); }
    void append(const ForwardRepeated&) override { VOUCH_ASSERT(false); }
    void append(const CommandForwarded&) override { VOUCH_ASSERT(false); }
    void send(ShardId, const Step&) override { VOUCH_ASSERT(false); }
    std::uint64_t position() const override { return 0; }
    void undo_to(std::uint64_t) override { VOUCH_ASSERT(false); }
    bool has_room() const override { return true; }
    EventNumber next_event() const override { return EventNumber(events_); }
    RecordNumber record() const override { return RecordNumber(0); }

    ByteView body() const { return ByteView(body_).first(size_); }
    void clear() { size_ = 0; }

private:
    bool encodes_;
    Bytes body_;
    std::size_t size_ = 0;
    std::uint64_t events_ = 0;
};

enum class Part { decode, duplicates, decide, encode, mac };

std::unique_ptr<ShardState> open_accounts(const Load& load) {
    auto state = std::make_unique<ShardState>(ShardId(0), 1);
    NoFacts facts;
    BodySink sink(false);
    Arena arena;
    for (std::uint32_t i = 0; i < load.accounts; ++i) {
        CommandDecided decided;
        decided.command.id = CommandId(1, i + 1);
        OpenAccount open;
        open.account = account_id(i);
        open.asset = *Asset::make("EUR", Scale(2));
        open.account_class = AccountClass::liability;
        open.limit = Limit::unlimited();
        decided.command.body = open;
        state->changes().begin_record();
        execute(*state, facts, decided, false, Timestamp(1), sink, arena);
        state->changes().forget_oldest_record();
        arena.clear();
    }
    return state;
}

/// Nanoseconds a transfer for all steps up to `last`.
double run(const Load& load, const std::vector<Bytes>& batches, Part last) {
    std::unique_ptr<ShardState> state = open_accounts(load);
    SeenFilter filter;
    FactMap map(kGeneration);
    NoFacts facts;
    BodySink sink(last >= Part::encode);
    std::array<std::byte, 32> key{};
    key.fill(std::byte{7});
    Mac mac{SecretKey(key)};
    Arena arena;
    std::vector<CommandBytes> members;
    std::array<CommandDecided, kAhead> ahead;
    std::array<std::uint64_t, kAhead> hashes{};
    std::uint64_t checksum = 0;
    const auto start = std::chrono::steady_clock::now();
    for (const Bytes& batch : batches) {
        members.clear();
        VOUCH_ASSERT(!split_batch(batch, members));
        if (last >= Part::decide) state->changes().begin_record();
        for (std::size_t first = 0; first < members.size(); first += kAhead) {
            const std::size_t count = std::min(kAhead, members.size() - first);
            arena.clear();
            for (std::size_t i = 0; i < count; ++i) {
                Command& command = ahead[i].command;
                VOUCH_ASSERT(!decode_command(members[first + i], arena, command));
                checksum += command.id.low();
                if (last < Part::duplicates) continue;
                hashes[i] = fact_hash({FactKind::command, command.ledger, command.id});
                filter.prefetch(hashes[i]);
                map.prefetch(hashes[i]);
                if (last < Part::decide) continue;
                const Transfer& transfer = std::get<Transfer>(command.body);
                state->accounts().prefetch_index(command.ledger, transfer.debit);
                state->accounts().prefetch_index(command.ledger, transfer.credit);
            }
            for (std::size_t i = 0; i < count && last >= Part::decide; ++i) {
                const Transfer& transfer = std::get<Transfer>(ahead[i].command.body);
                state->accounts().prefetch_row(ahead[i].command.ledger, transfer.debit);
                state->accounts().prefetch_row(ahead[i].command.ledger, transfer.credit);
            }
            for (std::size_t i = 0; i < count && last >= Part::duplicates; ++i) {
                const bool seen = filter.may_contain(hashes[i]);
                if (last >= Part::decide)
                    execute(*state, facts, ahead[i], seen, Timestamp(1), sink, arena);
                filter.insert(hashes[i]);
                AddedFact added;
                map.put({FactKind::command, ahead[i].command.ledger, ahead[i].command.id},
                        hashes[i], {}, added);
            }
        }
        if (map.size() >= kGeneration && last >= Part::duplicates) map.clear();
        if (last >= Part::mac) {
            const ByteView body = sink.body();
            checksum += static_cast<std::uint64_t>(mac.tag({&body, 1})[0]);
        }
        sink.clear();
        if (last >= Part::decide) state->changes().forget_oldest_record();
    }
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    VOUCH_ASSERT(checksum != 0);
    return seconds / static_cast<double>(load.transfers) * 1e9;
}

}  // namespace

int main(int argc, char** argv) {
    Load load;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string option = argv[i];
        if (option == "--accounts")
            load.accounts = static_cast<std::uint32_t>(std::stoul(argv[i + 1]));
        if (option == "--transfers") load.transfers = std::stoul(argv[i + 1]);
    }
    const std::vector<Bytes> batches = make_batches(load);
    struct Row {
        Part part;
        const char* name;
        double budget_ns;
    };
    constexpr std::array<Row, 5> kRows{{{Part::decode, "parse a command", 50},
                                        {Part::duplicates, "duplicate check", 60},
                                        {Part::decide, "decide and apply", 200},
                                        {Part::encode, "encode event", 50},
                                        {Part::mac, "MAC", 80}}};
    std::printf("%u accounts, %zu transfers\n%-18s %10s %10s %8s\n", load.accounts, load.transfers,
                "step", "ns", "budget", "ratio");
    double before = 0;
    for (const Row& row : kRows) {
        const double total = std::min(run(load, batches, row.part), run(load, batches, row.part));
        std::printf("%-18s %10.0f %10.0f %8.2f\n", row.name, total - before, row.budget_ns,
                    (total - before) / row.budget_ns);
        before = total;
    }
    std::printf("%-18s %10.0f: %.0f transfers a second\n", "together", before, 1e9 / before);
}
