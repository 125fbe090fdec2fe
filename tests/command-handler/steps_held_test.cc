#include "command-handler/intake/handler_directory.h"
#include "command-handler/shard/sender_replay.h"
#include "command-handler/shard/step_sender.h"
#include "events/seal/step_batch.h"
#include "tests/command-handler/shard_loops.h"
#include "tests/command-handler/watched_log.h"
#include "tests/support/named_ids.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

// Steps that a shard cannot take yet wait, and hold up nobody else.

namespace {

using namespace vouch;
using namespace vouch::command_handler;
using namespace vouch::test;

constexpr std::uint64_t kSent = 2;

/// Shards 0 and 2 of three have sent shard 1 batches, transfers of 100 and 200 and one of 7; shard
/// 1 runs here, and the test looks at it whenever it has nothing to do.
struct Receiver {
    Receiver() : rig(3), loops(rig), log(rig.log), books(rig.deployment, rig.keys) {
        to = rig.account_on(1);
        loops.start();
        loops.run(1);
        loops.play(1, std::vector{open_account(3, to)});
        loops.halt(1);
        send(0, 100);
        last = send(0, 200).at(0).record;
        send(2, 7);
    }

    /// A transfer to shard 1's account.
    std::vector<Answered> send(std::uint32_t from, std::uint64_t amount) {
        const std::uint64_t payer = rig.account_on(from);
        loops.run(from);
        loops.play(from, std::vector{open_account(10 + from, payer, Limit::unlimited())});
        std::vector<Answered> told =
            loops.play(from, std::vector{transfer(1000 + amount, payer, to, amount)});
        loops.halt(from);
        REQUIRE(told.at(0).in_transit);
        return told;
    }
    /// Shard 1 runs; each look is at a time at which it waits, and it stops at the last.
    void run(const std::vector<std::function<void()>>& looks) {
        ShardLoop running(
            {ShardId(1), log, rig.deployment, rig.keys, rig.clock, rig.answers, rig.options});
        loop = &running;
        REQUIRE(running.start().has_value());
        std::size_t next = 0;
        log.waited = [&] {
            looks.at(next++)();
            if (next == looks.size()) running.stop();
        };
        REQUIRE(running.run().has_value());
        CHECK(next == looks.size());
        loop = nullptr;
    }
    void read_books() {
        books.read(rig.log);
        CHECK(books.faults() == "");
    }
    /// As shard 0 seals it.
    Bytes sealed(const StepBatchHeader& header, const Bytes& list) {
        Mac mac(rig.keys.step_key(header.from));
        return seal_step_batch(mac, header, list);
    }
    Bytes stored(std::uint32_t shard, RecordNumber record) {
        std::vector<StoredRecord> records;
        REQUIRE(rig.log.read_records(ShardId(shard), record, 1, records).has_value());
        return records.at(0).bytes;
    }
    /// One byte of a record of shard 0 is another one from now on. As it was.
    Bytes damage(RecordNumber record) {
        const Bytes whole = stored(0, record);
        Bytes bytes = whole;
        bytes[bytes.size() / 2] ^= std::byte{1};
        rig.log.tamper(ShardId(0), record, std::move(bytes));
        return whole;
    }
    std::uint64_t taken(std::uint32_t from) const {
        return loop->books().peers.of(ShardId(from)).next_taken.value();
    }
    std::ptrdiff_t refused() {
        std::ptrdiff_t count = 0;
        for (const LogFold::Record& record : books.shard(1).records)
            count += std::ranges::count(record.events, "steps_refused");
        return count;
    }
    std::uint64_t credited() { return books.shard(1).account(to)->totals.credits_posted.low(); }

    HandlerRig rig;
    ShardLoops loops;
    WatchedLog log;
    WholeBooks books;
    std::uint64_t to = 0;
    RecordNumber last;  ///< of shard 0, with its second steps
    ShardLoop* loop = nullptr;
};

}  // namespace

TEST_CASE("held steps: a batch whose record is not known yet waits, and nobody else does") {
    Receiver receiver;
    receiver.log.shown_ends[ShardId(0)] = receiver.last;
    receiver.run({[&] {
                      CHECK(receiver.taken(0) == 1);
                      CHECK(receiver.taken(2) == 1);
                      // Is shown again to the next start.
                      CHECK(receiver.loop->books().head.next_step == Offset(1));
                      receiver.log.shown_ends.clear();
                  },
                  [&] { CHECK(receiver.taken(0) == kSent); }});
    receiver.read_books();
    CHECK(receiver.refused() == 0);
    CHECK(receiver.credited() == 307);
}

TEST_CASE("held steps: what is put back of a record that never was holds up no true steps") {
    Receiver receiver;
    std::ptrdiff_t put_back = 0;
    std::ptrdiff_t held_max = 0;
    const auto put_back_before_others = [&](std::uint64_t count, std::size_t list_bytes) {
        put_back = static_cast<std::ptrdiff_t>(count);
        const RecordNumber next = receiver.rig.log.end(ShardId(0)).value();
        receiver.rig.log.tamper_steps(ShardId(1), [&](std::vector<StepInput>& steps) {
            StepBatchHeader header = parse_step_batch(steps[1].payload)->header;
            header.number = StepBatchNumber(kSent);
            header.record = next;
            const std::vector<StepInput> honest = steps;
            steps.clear();
            for (std::uint64_t i = 0; i < count; ++i)
                steps.push_back({Offset(i), receiver.sealed(header, Bytes(list_bytes))});
            for (const StepInput& each : honest) {
                steps.push_back({Offset(count + each.offset.value()), each.payload});
            }
        });
    };
    SUBCASE("once") {
        put_back_before_others(1, 100);
        held_max = 1;
    }
    SUBCASE("more batches than wait") {
        put_back_before_others(StepSender::kAwaitingMax + 30, 100);
        held_max = StepSender::kAwaitingMax;
    }
    SUBCASE("more bytes than wait") {
        constexpr std::size_t kListBytes = 400'000;
        put_back_before_others(40, kListBytes);
        held_max = StepSender::kAwaitingBytesMax / kListBytes;
    }
    receiver.run({[&] {
                      CHECK(receiver.taken(0) == kSent);
                      CHECK(receiver.taken(2) == 1);
                      // The oldest are refused.
                      const std::uint64_t held_from = receiver.loop->books().head.next_step.value();
                      CHECK(held_from == static_cast<std::uint64_t>(put_back - held_max));
                  }});
    receiver.read_books();
    CHECK(receiver.refused() == put_back - held_max);
    CHECK(receiver.credited() == 307);
    // Its sender's next record is another one.
    receiver.send(0, 400);
    receiver.run({[&] { CHECK(receiver.taken(0) == kSent + 1); }});
    receiver.read_books();
    CHECK(receiver.refused() == put_back);
    CHECK(receiver.credited() == 707);
}

TEST_CASE("held steps: whose records cannot be read is held back alone, until the next start") {
    Receiver receiver;
    std::uint64_t taken_first = 0;
    Bytes whole;
    RecordNumber damaged = receiver.last;
    SUBCASE("the record that sent them") {
        taken_first = 1;
        whole = receiver.damage(damaged);
    }
    SUBCASE("one that they would be built again from") {
        damaged = RecordNumber(1);
        whole = receiver.damage(damaged);
        receiver.rig.log.tamper_steps(ShardId(1), [](std::vector<StepInput>& steps) {
            REQUIRE(parse_step_batch(steps[0].payload)->header.from == ShardId(0));
            steps.erase(steps.begin());
        });
    }
    Offset sent;
    const std::uint64_t other = receiver.rig.account_on(1, 1);
    receiver.run({[&] {
                      CHECK(receiver.taken(0) == taken_first);
                      CHECK(receiver.taken(2) == 1);
                      CHECK(receiver.loop->books().head.next_step <= Offset(1));
                      sent = receiver.rig.send(std::vector{open_account(90, other)}, ShardId(1));
                  },
                  [&] {
                      const auto told = receiver.rig.answers.look(ShardId(1), sent);
                      CHECK(told.at(0).outcome == Outcome::opened);
                  }});
    // A start alone does not help.
    receiver.run({[&] { CHECK(receiver.taken(0) == taken_first); }});
    receiver.rig.log.tamper(ShardId(0), damaged, whole);
    receiver.run({[&] { CHECK(receiver.taken(0) == kSent); }});
    receiver.read_books();
    CHECK(receiver.credited() == 307);
    CHECK(receiver.refused() == 0);
}

TEST_CASE("held steps: a disk that fails for a while holds nobody back for good") {
    Receiver receiver;
    receiver.rig.options.bounds.steps_read_again_us = 0;
    int& failing = receiver.log.failing_reads[ShardId(0)];
    SUBCASE("it passes") { failing = StepSender::kReadsMax - 1; }
    SUBCASE("or it does not, and the next start tries again") {
        failing = StepSender::kReadsMax;
        receiver.run({[&] { CHECK(receiver.taken(0) == 0); }});
    }
    receiver.run({[&] { CHECK(receiver.taken(0) == kSent); }});
    CHECK(failing <= 0);
    receiver.read_books();
    CHECK(receiver.credited() == 307);
    CHECK(receiver.refused() == 0);
}

TEST_CASE("held steps: who needs both shards is told, and what crosses to others goes on") {
    Receiver receiver;
    HandlerRig& rig = receiver.rig;
    const Bytes whole = receiver.damage(receiver.last);
    receiver.loops.drop();
    rig.start();
    while (rig.handler->held_back().empty())
        (void)rig.handler->find_account(LedgerId(0), account_id(receiver.to));
    const std::vector<HeldBack> held = rig.handler->held_back();
    REQUIRE(held.size() == 1);
    CHECK(held.front().sender == ShardId(0));
    CHECK(held.front().by == ShardId(1));
    CHECK(held.front().text().find("shard 1 takes no steps of shard 0 until the next start: "
                                   "shard 0 record ") == 0);
    CHECK(rig.handler->stopped().empty());

    HandlerDirectory directory(*rig.handler, 3);
    const auto stop = [&](std::uint32_t from, std::uint32_t to) {
        const Command command = transfer(500, rig.account_on(from), rig.account_on(to), 1);
        const auto by = directory.stop_before(command, ShardId(from), {});
        return by ? "shard " + std::to_string(by->shard.value()) : "nobody";
    };
    CHECK(stop(0, 1) == "shard 0");
    CHECK(stop(1, 0) == "shard 0");
    CHECK(stop(0, 2) == "nobody");
    CHECK(stop(2, 1) == "nobody");
    CHECK(stop(1, 1) == "nobody");
    const auto told = rig.play_routed({transfer(501, rig.account_on(2), receiver.to, 30)});
    CHECK(told.at(0).outcome == Outcome::posted);
    rig.stop();

    rig.log.tamper(ShardId(0), receiver.last, whole);
    rig.start();
    while (rig.handler->find_command(transfer(1200, 1, 1, 1), std::nullopt)->in_transit) {
    }
    CHECK(rig.handler->held_back().empty());
    rig.stop();
    receiver.read_books();
    CHECK(receiver.credited() == 337);
}

TEST_CASE("held steps: batches are built again in parts, and the shard decides in between") {
    Receiver receiver;
    HandlerRig& rig = receiver.rig;
    const std::uint64_t payer = rig.account_on(0), local = rig.account_on(0, 1);
    // More than two parts, then two batches of one record, then one that shows that they are
    // missing.
    receiver.loops.run(0);
    receiver.loops.play(0, std::vector{open_account(20, local)});
    for (std::uint64_t id = 20'000; id < 50'000;) {
        std::vector<Command> commands;
        for (; commands.size() < 7'500; ++id) commands.push_back(transfer(id, payer, local, 1));
        receiver.loops.play(0, commands);
    }
    // Their steps have the texts of their ids.
    std::vector<Command> crossing;
    std::deque<std::string> names;
    for (std::uint64_t id = 50'000; id < 53'000; ++id) {
        Command& each = crossing.emplace_back(transfer(id, payer, receiver.to, 1));
        each.id_text = names.emplace_back("order " + std::to_string(id));
        each.id = command_named(each.id_text);
    }
    receiver.loops.play(0, crossing);
    receiver.loops.halt(0);
    receiver.send(0, 400);
    rig.log.tamper_steps(ShardId(1), [](std::vector<StepInput>& steps) {
        const auto is_missing = [](const StepInput& input) {
            return parse_step_batch(input.payload)->header.count > 1;
        };
        REQUIRE(std::erase_if(steps, is_missing) == 2);
        // Nobody's, behind what is read again: it is refused once.
        steps.push_back({steps.back().offset.next(), Bytes(10)});
    });
    rig.send(std::vector{open_account(90, rig.account_on(1, 1))}, ShardId(1));

    std::size_t in_round = 0, in_round_max = 0, in_all = 0, begins = 0;
    receiver.log.round_begins = [&] { in_round = 0; };
    receiver.log.records_read = [&](ShardId shard, const std::vector<StoredRecord>& records) {
        if (shard != ShardId(0)) return;
        begins += !records.empty() && records.front().number == RecordNumber(0);
        for (const StoredRecord& each : records) in_round += each.bytes.size();
        in_all += in_round;
        in_round_max = std::max(in_round_max, in_round);
    };
    receiver.run({[&] { CHECK(receiver.taken(0) == kSent + 3); }});
    CHECK(in_all > 2 * SenderReplay::kBytesACall);
    CHECK(in_round_max <= SenderReplay::kBytesACall);
    CHECK(begins == 1);
    receiver.read_books();
    CHECK(receiver.refused() == 1);
    CHECK(receiver.credited() == 3'707);
    const std::vector<LogFold::Record>& records = receiver.books.shard(1).records;
    const auto first_with = [&](std::string_view begin, std::string_view end) {
        return std::ranges::find_if(records, [&](const LogFold::Record& record) {
            return std::ranges::any_of(record.events, [&](const std::string& event) {
                return event.starts_with(begin) && event.ends_with(end);
            });
        });
    };
    const auto decided = first_with("opened 90", "");
    const auto rebuilt = first_with("taken 0 2 ", "rebuilt");
    CHECK(decided < rebuilt);
    CHECK(rebuilt < records.end());
}
