// What does the codec cost per plain transfer, beside generated Protobuf with an arena?
//
//   codec_bench [rounds]
//
// Estimate: 75 bytes of command and 120 of event, a dozen fields each, are some 30 ns at 3 GHz.
// Each figure is the best of several rounds over a batch that fits the second-level cache.
#include "command.pb.h"
#include "event.pb.h"
#include "events/entries/codec.h"

#include <google/protobuf/arena.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace vouch;

constexpr std::size_t kCommands = 2'000;

struct Sample {
    std::vector<CommandDecided> decided;
    std::vector<Change> changes;
    std::vector<std::string> contexts;
    std::vector<std::byte> batch;
    std::vector<CommandBytes> members;
    std::vector<std::byte> events;
};

/// Transfers between a million accounts, up to 10^7 units, totals up to 10^12.
Sample make_sample() {
    std::mt19937_64 random(4711);
    Sample sample;
    sample.decided.resize(kCommands);
    sample.changes.resize(2 * kCommands);
    for (std::size_t i = 0; i < kCommands; ++i)
        sample.contexts.push_back("order-" + std::to_string(random() % 10'000'000));
    for (std::size_t i = 0; i < kCommands; ++i) {
        CommandDecided& decided = sample.decided[i];
        Transfer transfer;
        transfer.debit = AccountId(random(), random());
        transfer.credit = AccountId(random(), random());
        transfer.amount = Amount(random() % 10'000'000 + 1);
        decided.command.id = CommandId(random(), random());
        decided.command.body = transfer;
        decided.command.context = sample.contexts[i];
        decided.outcome = Outcome::posted;
        for (std::size_t side = 0; side < 2; ++side) {
            Change& change = sample.changes[2 * i + side];
            change.account = AccountNumber(static_cast<std::uint32_t>(random() % 1'000'000));
            change.version = Version(random() % 100'000 + 1);
            change.totals.debits_posted = Amount(random() % 1'000'000'000'000);
            change.totals.credits_posted = Amount(random() % 1'000'000'000'000);
            change.side = side == 0 ? Side::debit : Side::credit;
            change.amount = transfer.amount;
            change.id = side == 0 ? transfer.debit : transfer.credit;
        }
        decided.changes = std::span(sample.changes).subspan(2 * i, 2);
        append_to_batch(decided.command, sample.batch);
    }
    if (split_batch(sample.batch, sample.members)) std::abort();
    std::size_t used = 0;
    for (const CommandDecided& decided : sample.decided) {
        sample.events.resize(used + encoded_event_max(decided));
        used = static_cast<std::size_t>(append_event(decided, sample.events.data() + used) -
                                        sample.events.data());
    }
    sample.events.resize(used);
    return sample;
}

std::uint64_t sink = 0;

/// Nanoseconds per transfer, best of `rounds`.
template <class Work>
double measure(int rounds, Work&& work) {
    double best = 1e9;
    for (int round = 0; round < rounds; ++round) {
        const auto start = std::chrono::steady_clock::now();
        work();
        const std::chrono::duration<double, std::nano> took =
            std::chrono::steady_clock::now() - start;
        best = std::min(best, took.count() / kCommands);
    }
    return best;
}

void print(const char* what, double ours, double generated) {
    std::printf("%-16s %8.1f %10.1f %8.2f\n", what, ours, generated, generated / ours);
}

}  // namespace

int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::atoi(argv[1]) : 300;
    const Sample sample = make_sample();
    std::printf("%zu transfers, %.1f bytes a command, %.1f bytes an event\n", kCommands,
                static_cast<double>(sample.batch.size()) / kCommands,
                static_cast<double>(sample.events.size()) / kCommands);
    std::printf("%-16s %8s %10s %8s\n", "ns per transfer", "by hand", "generated", "ratio");

    // Memory that is used again, for both.
    Arena arena;
    Command command;
    std::vector<char> block(16 << 20);
    google::protobuf::ArenaOptions options;
    options.initial_block = block.data();
    options.initial_block_size = block.size();
    google::protobuf::Arena memory(options);
    const double decode_ours = measure(rounds, [&] {
        arena.clear();
        for (const CommandBytes bytes : sample.members) {
            if (decode_command(bytes, arena, command)) std::abort();
            sink += command.id.low();
        }
    });
    const double decode_generated = measure(rounds, [&] {
        memory.Reset();
        auto* batch = google::protobuf::Arena::CreateMessage<v1::CommandBatch>(&memory);
        if (!batch->ParseFromArray(sample.batch.data(), static_cast<int>(sample.batch.size())))
            std::abort();
        sink += static_cast<std::uint64_t>(batch->commands_size());
    });
    print("decode command", decode_ours, decode_generated);

    std::vector<std::byte> out(sample.events.size() + 4096);
    const double encode_ours = measure(rounds, [&] {
        std::byte* at = out.data();
        for (const CommandDecided& decided : sample.decided) at = append_event(decided, at);
        sink += static_cast<std::uint64_t>(at - out.data());
    });
    // As a service would do it: an event built from the decided values, then serialised.
    const double encode_generated = measure(rounds, [&] {
        memory.Reset();
        auto* batch = google::protobuf::Arena::CreateMessage<v1::EventBatch>(&memory);
        for (const CommandDecided& decided : sample.decided) {
            v1::Event& event = *batch->add_events();
            const Transfer& from = *std::get_if<Transfer>(&decided.command.body);
            v1::Command& to = *event.mutable_command();
            to.set_id_high(decided.command.id.high());
            to.set_id_low(decided.command.id.low());
            to.set_context(decided.command.context.data(), decided.command.context.size());
            v1::Transfer& transfer = *to.mutable_transfer();
            transfer.set_debit_high(from.debit.high());
            transfer.set_debit_low(from.debit.low());
            transfer.set_credit_high(from.credit.high());
            transfer.set_credit_low(from.credit.low());
            transfer.set_amount(from.amount.low());
            event.set_outcome(v1::OUTCOME_POSTED);
            for (const Change& change : decided.changes) {
                v1::Change& written = *event.add_changes();
                written.set_account(change.account.value());
                written.set_version(change.version.value());
                written.set_debits_posted(change.totals.debits_posted.low());
                written.set_credits_posted(change.totals.credits_posted.low());
            }
        }
        batch->SerializeToArray(out.data(), static_cast<int>(out.size()));
        sink += static_cast<std::uint64_t>(out[17]);
    });
    print("encode event", encode_ours, encode_generated);

    Event event;
    const double read_ours = measure(rounds, [&] {
        arena.clear();
        EventReader reader(sample.events);
        while (true) {
            const auto bytes = reader.next();
            if (!bytes) std::abort();
            if (!*bytes) break;
            if (!decode_event(**bytes, arena, event)) std::abort();
            sink += std::get_if<CommandDecided>(&event)->changes[0].version.value();
        }
    });
    const double read_generated = measure(rounds, [&] {
        memory.Reset();
        auto* batch = google::protobuf::Arena::CreateMessage<v1::EventBatch>(&memory);
        if (!batch->ParseFromArray(sample.events.data(), static_cast<int>(sample.events.size())))
            std::abort();
        sink += static_cast<std::uint64_t>(batch->events_size());
    });
    print("decode event", read_ours, read_generated);

    std::vector<std::byte> batch;
    batch.reserve(sample.batch.size() + 4096);
    const double write_ours = measure(rounds, [&] {
        batch.clear();
        for (const CommandDecided& decided : sample.decided)
            append_to_batch(decided.command, batch);
        sink += batch.size();
    });
    std::printf("%-16s %8.1f\n", "encode command", write_ours);
    return sink == 0 ? 1 : 0;
}
