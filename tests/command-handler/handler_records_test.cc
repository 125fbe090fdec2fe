#include "command-handler/shard/shard_loop.h"
#include "events/seal/record.h"
#include "tests/command-handler/handler_rig.h"
#include "tests/support/wrapped_log.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

// How events come into records: batches that span several, groups, expiries, epochs.

namespace {

using namespace vouch;
using namespace vouch::command_handler;
using namespace vouch::test;

std::size_t count_events(const LogFold::Record& record, std::string_view start) {
    return static_cast<std::size_t>(
        std::count_if(record.events.begin(), record.events.end(),
                      [&](const std::string& each) { return each.starts_with(start); }));
}

/// Records' time, epoch, and whether they end with a seal: "0+5s e0", "600s e0 sealed".
std::vector<std::string> epochs(const LogFold& folded) {
    std::vector<std::string> all;
    for (const LogFold::Record& each : folded.records) {
        std::string text = "e" + std::to_string(each.epoch.value());
        if (each.events.back() == "sealed") text += " sealed";
        CHECK(count_events(each, "sealed") == (each.events.back() == "sealed" ? 1U : 0U));
        all.push_back(text);
    }
    return all;
}

/// As many postings as there can be: first all debits of account 1, then the credits of account 2.
std::vector<Posting> longest_postings(std::uint64_t amount) {
    std::vector<Posting> postings(kPostingsMax / 2, {account_id(1), Side::debit, Amount(amount)});
    postings.resize(kPostingsMax, {account_id(2), Side::credit, Amount(amount)});
    return postings;
}

/// Borrows its postings.
Command post_entry(std::uint64_t id, std::span<const Posting> postings) {
    Command entry;
    entry.id = command_id(id);
    entry.body = PostEntry{postings};
    return entry;
}

std::size_t status_kb(const std::string& name) {
    std::ifstream status("/proc/self/status");
    std::string word;
    std::size_t value = 0;
    while (status >> word) {
        if (word == name + ":" && status >> value) return value;
    }
    return 0;
}

/// The most bytes in memory since forget_peak_memory, which tells how many there are now.
std::size_t peak_memory() { return status_kb("VmHWM") * 1024; }
std::size_t forget_peak_memory() {
    std::ofstream("/proc/self/clear_refs") << 5;
    return status_kb("VmRSS") * 1024;
}

}  // namespace

TEST_CASE(
    "records: a batch of 8,192 commands with long contexts spans several, and is answered whole") {
    HandlerRig rig;
    rig.start();
    rig.open_accounts(2, 1'000'000);
    const std::string context(45, 'c');
    std::vector<Command> commands;
    for (std::uint64_t i = 0; i < kBatchCommandsMax; ++i) {
        commands.push_back(transfer(i, 1, 2, 1 + i % 3));
        commands.back().context = context;
    }
    REQUIRE(batch_of(commands).size() <= kBatchBytesMax);
    const auto check = [&](const LogFold& folded) {
        std::size_t with_posted = 0;
        for (const LogFold::Record& each : folded.records)
            with_posted += count_events(each, "posted") > 1'000 ? 1U : 0U;
        CHECK(with_posted >= 2);
        CHECK(folded.outcomes.size() == 5 + kBatchCommandsMax);
    };
    SUBCASE("undisturbed") {
        for (const Answered& each : rig.play(commands)) {
            REQUIRE(each.outcome == Outcome::posted);
            REQUIRE_FALSE(each.repeated);
        }
        check(fold(rig));
    }
    SUBCASE("with a crash between the records") {
        rig.log.hold();
        const Offset offset = rig.send(commands);
        while (rig.log.commits_in_flight() < 2)
            rig.handler->find_account(LedgerId(0), account_id(0));
        rig.log.release(1);
        // The first record's part is answered, and stays so.
        const std::size_t answered = rig.answers.wait(kShard0, offset, 1).size();
        CHECK(answered > 1'000);
        CHECK(answered < kBatchCommandsMax);
        rig.crash();
        rig.start();
        const auto told = rig.play(commands);
        for (std::size_t i = 0; i < told.size(); ++i) {
            REQUIRE(told[i].outcome == Outcome::posted);
            REQUIRE(told[i].repeated == (i < answered));
        }
        check(fold(rig));
    }
}

TEST_CASE("records: a group of 1,000 members is all or nothing") {
    HandlerRig rig;
    rig.start();
    rig.open_accounts(kGroupMembersMax, 0);
    std::vector<Command> members;
    for (std::uint64_t i = 1; i <= kGroupMembersMax; ++i)
        members.push_back(freeze(i, i, Block::debits));
    const Answered done = rig.play_one(group(5'000, members));
    CHECK(done.outcome == Outcome::done);
    CHECK(done.members.size() == kGroupMembersMax);
    CHECK(rig.play_one(members[999]).repeated);

    std::vector<Command> failing;
    for (std::uint64_t i = 1; i < kGroupMembersMax; ++i)
        failing.push_back(unfreeze(10'000 + i, i, Block::debits));
    failing.push_back(transfer(20'000, 1, 2, 1));
    const LogFold before = fold(rig);
    const Answered failed = rig.play_one(group(5'001, failing));
    CHECK(failed.outcome == Outcome::group_failed);
    CHECK(failed.members.back().outcome == Outcome::insufficient_funds);
    const LogFold after = fold(rig);
    CHECK((after.books() == before.books()));
    CHECK(after.event_count() == before.event_count() + 1);
    // Nothing of it was done to the state either: version 2 is what the next command must meet.
    Command next = unfreeze(30'000, 500, Block::debits);
    next.expected_version = Version(2);
    CHECK(rig.play_one(next).outcome == Outcome::unfrozen);

    // One change more than fits.
    std::vector<Command> transfers;
    for (std::uint64_t i = 0; i <= kPostingsMax / 2; ++i)
        transfers.push_back(transfer(40'000 + i, 0, 1, 1));
    const Offset too_large = rig.send(std::vector{group(5'002, transfers)});
    CHECK(rig.answers.wait(kShard0, too_large, 1).at(0).outcome == Outcome::too_large);
    transfers.pop_back();
    CHECK(rig.play_one(group(5'003, transfers)).outcome == Outcome::done);
    rig.stop();
    rig.start();
    CHECK(rig.play_one(group(5'001, failing)).members == failed.members);
}

TEST_CASE(
    "records: 100,000 holds that are due at once expire in records of their own, before any "
    "command" *
    doctest::test_suite("same-threads")) {
    HandlerRig rig;
    rig.start();
    rig.open_accounts(2, 1'000'000);
    constexpr std::uint64_t kHolds = 100'000;
    std::vector<Command> batch;
    for (std::uint64_t i = 0; i < kHolds; ++i) {
        // Due in another order than they were placed in.
        batch.push_back(place_hold((i * 7'919) % kHolds, 1, 2, 1, 1'000'000 + i % 3));
        if (batch.size() < kBatchCommandsMax && i + 1 < kHolds) continue;
        for (const Answered& each : rig.play(batch)) REQUIRE(each.outcome == Outcome::held);
        batch.clear();
    }
    const std::size_t records_before = fold(rig).records.size();
    bool is_restarted = false;
    SUBCASE("met by a running handler") { rig.clock.advance(10'000'000); }
    SUBCASE("met by a start") {
        rig.stop();
        rig.clock.advance(10'000'000);
        rig.start();
        is_restarted = true;
    }
    const Answered told = rig.play_one(transfer(kHolds, 1, 2, 1'000'000));
    CHECK(told.outcome == Outcome::posted);
    const LogFold folded = fold(rig);
    std::vector<std::pair<std::int64_t, std::uint64_t>> expired;
    bool command_was_met = false;
    for (std::size_t r = records_before; r < folded.records.size(); ++r) {
        for (const std::string& event : folded.records[r].events) {
            command_was_met = command_was_met || event.starts_with("posted");
            if (!event.starts_with("expired ")) continue;
            CHECK_FALSE(command_was_met);
            const std::uint64_t hold = std::stoull(event.substr(8));
            expired.emplace_back(
                folded.holds.at({LedgerId(0), command_id(hold)}).expires_at.value(), hold);
        }
    }
    CHECK(command_was_met);
    CHECK(expired.size() == kHolds);
    CHECK(std::is_sorted(expired.begin(), expired.end()));
    CHECK(folded.records.size() >= records_before + 3);
    CHECK(folded.records[records_before].events[0].starts_with(is_restarted ? "term" : "expired"));
    CHECK(folded.account(1)->totals.debits_held == Amount(0));
    CHECK(folded.account(2)->totals.credits_held == Amount(0));
}

namespace {

/// Time passes with every commit.
class TickingLog final : public WrappedLog {
public:
    TickingLog(Log& log, ManualClock& clock) : WrappedLog(log), clock_(clock) {}
    Result<CommitTicket> commit(ShardId shard, Term term, const Commit& commit) override {
        clock_.advance(1'000'000);
        return WrappedLog::commit(shard, term, commit);
    }

private:
    ManualClock& clock_;
};

}  // namespace

TEST_CASE(
    "records: what is due at a start expires at one time, also when the start before it died" *
    doctest::test_suite("same-threads")) {
    HandlerRig rig;
    rig.start();
    rig.open_accounts(2, 1'000'000);
    constexpr std::uint64_t kHolds = 40'000;
    std::vector<Command> batch;
    for (std::uint64_t i = 0; i < kHolds; ++i) {
        batch.push_back(place_hold(i, 1, 2, 1, 1'000'000));
        if (batch.size() < kBatchCommandsMax && i + 1 < kHolds) continue;
        for (const Answered& each : rig.play(batch)) REQUIRE(each.outcome == Outcome::held);
        batch.clear();
    }
    rig.stop();
    const std::size_t before = rig.log.end(kShard0)->value();
    rig.clock.advance(10'000'000);
    const auto times_of_start = [&rig, before](Log& log, const char* directory,
                                               std::optional<std::string> accept_clock = {}) {
        TickingLog ticking(log, rig.clock);
        HandlerOptions options = rig.options;
        options.accept_clock = std::move(accept_clock);
        options.directory = rig.directory.path() / directory;
        ShardLoop loop(
            {kShard0, ticking, rig.deployment, rig.keys, rig.clock, rig.answers, options});
        const Status started = loop.start();
        REQUIRE_MESSAGE(started, started.error().message);
        LogFold folded(rig.deployment, rig.keys);
        folded.read(log);
        REQUIRE(folded.marks.size() == 1);  // the clean stop's
        std::vector<Timestamp> times;
        for (std::size_t i = before - 1; i < folded.records.size(); ++i)
            times.push_back(folded.records[i].time);
        return times;
    };
    const std::unique_ptr<SimulatedLog> whole = copy_below(rig.log, RecordNumber(before));
    const std::vector<Timestamp> times = times_of_start(*whole, "whole");
    REQUIRE(times.size() > 2);
    CHECK(std::set<Timestamp>(times.begin(), times.end()).size() == 1);

    const std::unique_ptr<SimulatedLog> died = copy_below(*whole, RecordNumber(before + 1));
    const std::vector<Timestamp> after = times_of_start(*died, "died");
    REQUIRE(after.size() > 2);
    CHECK(after.front() == times.front());
    CHECK(std::set<Timestamp>(after.begin(), after.end()).size() == 1);

    // But a clock that is accepted is not later than the record that says so.
    const std::unique_ptr<SimulatedLog> ahead = copy_below(*whole, RecordNumber(before + 1));
    rig.clock.leap(500 * std::int64_t{86'400'000'000});
    const Timestamp accepted = rig.clock.now();
    CHECK(times_of_start(*ahead, "ahead", "ops-7")[1] >= accepted);
}

TEST_CASE(
    "records: the most refunds of the longest entry are one group, and are known after a restart" *
    doctest::test_suite("same-threads")) {
    // Each of them tells the two sums that it changes, whatever was refunded before.
    constexpr std::uint32_t kPairs = kPostingsMax / 2;
    HandlerRig rig;
    rig.options.bounds.generation_facts = 100;
    rig.start();
    rig.open_accounts(2, 1'000'000);
    const std::vector<Posting> postings = longest_postings(3);
    CHECK(rig.play_one(post_entry(1, postings)).outcome == Outcome::posted);
    const auto refund_pair = [](std::uint64_t id, std::uint32_t pair, std::uint64_t amount) {
        Command command = refund(id, 1, 2, amount);
        std::get<Refund>(command.body).debit_posting = pair;
        std::get<Refund>(command.body).credit_posting = kPairs + pair;
        return command;
    };
    std::vector<Command> members;
    for (std::uint32_t pair = 0; pair < kPairs; ++pair)
        members.push_back(refund_pair(100 + pair, pair, 2));
    CHECK(rig.play_one(group(10, members)).outcome == Outcome::done);
    rig.stop();
    rig.start();
    for (const std::uint32_t pair : {0U, 1U, kPairs - 1}) {
        CAPTURE(pair);
        CHECK(rig.play_one(refund_pair(2'000 + pair, pair, 2)).outcome ==
              Outcome::refund_exceeds_payment);
        CHECK(rig.play_one(refund_pair(3'000 + pair, pair, 1)).outcome == Outcome::refunded);
    }
    CHECK(rig.play_one(reverse(4'000, 1, 2)).outcome == Outcome::already_refunded);
    const LogFold folded = fold(rig);
    CHECK(folded.records.size() >= 2);
}

TEST_CASE(
    "records: a group's member is refused when all its changes would be more than 1,000" *
    doctest::test_suite("same-threads")) {
    HandlerRig rig;
    rig.start();
    rig.open_accounts(3, 1'000'000);
    const std::vector<Posting> postings = longest_postings(3);
    REQUIRE(rig.play_one(post_entry(1, postings)).outcome == Outcome::posted);
    // Short as they are, they change as much as the entry that they name.
    const Command undo = reverse(10, 1, 2);
    const Command one_more = freeze(11, 3, Block::debits);
    // Whichever comes last has no room.
    const std::vector<std::vector<Command>> orders{{undo, one_more}, {one_more, undo}};
    const std::vector<MemberOutcome> outcomes{{Outcome::group_failed, false},
                                              {Outcome::too_large, false}};
    const LogFold before = fold(rig);
    for (std::size_t i = 0; i < orders.size(); ++i) {
        CAPTURE(i);
        // What failed with its group is decided.
        std::vector<Command> members = orders[i];
        for (std::size_t k = 0; k < members.size(); ++k)
            members[k].id = command_id(100 + 10 * i + k);
        const Answered told = rig.play_one(group(20 + i, members));
        CHECK(told.outcome == Outcome::group_failed);
        CHECK((told.members == outcomes));
    }
    CHECK((fold(rig).books() == before.books()));
    // Nothing of it stayed in the state either: account 3 has not changed, the entry not been
    // undone.
    Command next = one_more;
    next.expected_version = before.account(3)->version;
    CHECK(rig.play_one(next).outcome == Outcome::frozen);
    const std::vector<Command> alone{undo};
    CHECK(rig.play_one(group(30, alone)).outcome == Outcome::done);
    CHECK(fold(rig).account(1)->totals.credits_posted == Amount(1'000'000 + 3 * kPostingsMax / 2));
}

TEST_CASE(
    "records: groups of short commands that look at long entries take little memory" *
    doctest::test_suite("same-threads")) {
    constexpr std::uint32_t kPairs = kPostingsMax / 2;
    constexpr std::uint64_t kGroups = 5;
#ifdef __SANITIZE_ADDRESS__
    constexpr std::size_t kMemoryMax = std::size_t{768} << 20;  // it keeps what was given back
#else
    constexpr std::size_t kMemoryMax = std::size_t{96} << 20;
#endif
    HandlerRig rig;
    rig.start();
    rig.open_accounts(2, 1'000'000);
    const std::vector<Posting> postings = longest_postings(kGroups);
    REQUIRE(rig.play_one(post_entry(1, postings)).outcome == Outcome::posted);
    std::vector<std::vector<Command>> members(kGroups);
    std::vector<Command> groups;
    for (std::uint64_t i = 0; i < kGroups; ++i) {
        for (std::uint32_t pair = 0; pair < kPairs; ++pair) {
            Command command = refund(1'000 * (i + 1) + pair, 1, 2, 1);
            std::get<Refund>(command.body).debit_posting = pair;
            std::get<Refund>(command.body).credit_posting = kPairs + pair;
            members[i].push_back(command);
        }
        groups.push_back(group(10 + i, members[i]));
    }
    const std::size_t before = forget_peak_memory();
    for (const Answered& each : rig.play(groups)) CHECK(each.outcome == Outcome::done);
    CHECK(peak_memory() < before + kMemoryMax);
}

TEST_CASE(
    "records: a large group behind a record full of expired holds goes into the next one" *
    doctest::test_suite("same-threads")) {
    HandlerRig rig;
    rig.start();
    rig.open_accounts(kGroupMembersMax, 0);
    rig.play({transfer(900'000, 0, 1, 1'000'000)});
    std::uint64_t next_hold = 1'000'000;
    const auto place = [&](std::size_t count) {
        std::vector<Command> batch;
        for (std::size_t i = 0; i < count; ++i) {
            batch.push_back(place_hold(next_hold++, 1, 2, 1, 1'000'000));
            if (batch.size() < kBatchCommandsMax && i + 1 < count) continue;
            for (const Answered& each : rig.play(batch)) REQUIRE(each.outcome == Outcome::held);
            batch.clear();
        }
        rig.clock.advance(2'000'000);
    };
    place(5'000);
    rig.play({transfer(900'001, 0, 1, 1)});
    const LogFold sample = fold(rig);
    // By themselves, or with what came next.
    const auto expired = std::find_if(
        sample.records.rbegin(), sample.records.rend(),
        [](const LogFold::Record& each) { return count_events(each, "expired") == 5'000; });
    REQUIRE(expired != sample.records.rend());
    const std::size_t hold_bytes = expired->bytes / 5'000;
    // Just not more than one record takes, so that the group comes to a record that is full and
    // open, unless these expire by themselves, which nearly never is so fast.
    place(kRecordBodyMax / 100 * 97 / (hold_bytes + 1));
    const std::string context(18, 'c');
    std::vector<Command> members;
    for (std::uint64_t i = 1; i <= kGroupMembersMax; ++i) {
        members.push_back(freeze(i, i, Block::credits));
        members.back().context = context;
    }
    CHECK(rig.play_one(group(900'002, members)).outcome == Outcome::done);
    const LogFold folded = fold(rig);
    const std::size_t n = folded.records.size();
    CHECK(count_events(folded.records[n - 1], "frozen") == kGroupMembersMax);
    CHECK(count_events(folded.records[n - 1], "expired") == 0);
    CHECK(count_events(folded.records[n - 2], "expired") > 5'000);
    // Both would not have gone into one.
    CHECK(folded.records[n - 1].bytes + folded.records[n - 2].bytes > kRecordBytesMax);
}

TEST_CASE("records: an idle handler wakes for the next hold that is due") {
    // The machine's clock, since nobody else wakes the handler. It outlives the handler.
    SystemClock machine;
    HandlerRig rig;
    auto started =
        Handler::start(rig.log, rig.deployment, rig.keys, machine, rig.answers, rig.options);
    REQUIRE(started.has_value());
    rig.handler = std::move(*started);
    rig.open_accounts(2, 1'000);
    CHECK(rig.play_one(place_hold(1, 1, 2, 10, 20'000)).outcome == Outcome::held);
    const RecordNumber before = *rig.log.end(kShard0);
    while (*rig.log.end(kShard0) == before) std::this_thread::yield();
    const LogFold folded = fold(rig);
    CHECK(folded.records.back().events == std::vector<std::string>{"expired 1"});
    CHECK(folded.holds.at({LedgerId(0), command_id(1)}).status == HoldStatus::expired);
    CHECK(folded.records.back().time >= folded.holds.at({LedgerId(0), command_id(1)}).expires_at);
    CHECK(rig.play_one(capture(2, 1, 1, 10)).outcome == Outcome::hold_expired);
}

TEST_CASE("epochs: the record that is ten minutes past the epoch's first is its last") {
    HandlerRig rig;
    rig.start();
    rig.open_accounts(2, 1'000);
    constexpr std::int64_t kMinute = 60'000'000;
    const auto post = [&](std::uint64_t id) {
        CHECK(rig.play_one(transfer(id, 1, 2, 1)).outcome == Outcome::posted);
    };
    rig.clock.advance(10 * kMinute - 1);
    post(1);
    rig.clock.advance(1);
    post(2);  // ends epoch 0
    post(3);  // begins epoch 1
    rig.clock.advance(3 * 24 * 60 * kMinute);
    post(4);  // a gap of any length takes one seal
    post(5);
    rig.stop();
    rig.start();
    rig.clock.advance(10 * kMinute - 1);
    post(6);
    rig.clock.advance(1);
    post(7);  // by the time of record 5, before the restart
    rig.stop();
    rig.clock.advance(10 * kMinute);
    rig.start();
    rig.clock.advance(10 * kMinute);
    post(8);
    CHECK(epochs(fold(rig)) == std::vector<std::string>{"e0", "e0", "e0", "e0 sealed", "e1",
                                                        "e1 sealed", "e2", "e2", "e2", "e2 sealed",
                                                        "e3 sealed", "e4"});
}

TEST_CASE("epochs: the record that brings an epoch to its number of events is its last") {
    HandlerRig rig;
    rig.options.bounds.epoch_events = 20;
    rig.start();
    rig.open_accounts(2, 1'000);  // term and five: 6 events
    std::vector<Command> commands;
    const auto post = [&](std::uint64_t first, std::uint64_t count) {
        commands.clear();
        for (std::uint64_t i = 0; i < count; ++i) commands.push_back(transfer(first + i, 1, 2, 1));
        rig.play(commands);
    };
    post(0, 13);   // 19
    post(13, 1);   // 20, and the seal
    post(14, 19);  // the seal belongs to the epoch before: 19
    rig.stop();   // its mark: 20, and the seal
    rig.start();
    post(40, 500);
    post(600, 1);
    CHECK(epochs(fold(rig)) == std::vector<std::string>{"e0", "e0", "e0", "e0 sealed", "e1",
                                                        "e2", "e2 sealed", "e3"});
}

TEST_CASE("test clock: time stands at 0 until it is set, never goes back, and expires holds") {
    HandlerRig rig(1, true);
    rig.start();
    rig.open_accounts(2, 1'000);
    rig.clock.advance(1'000'000'000);
    CHECK(fold(rig).records.back().time == Timestamp(0));
    const auto told =
        rig.play({place_hold(1, 1, 2, 10, 500), set_clock(2, 499), transfer(3, 1, 2, 1),
                  set_clock(4, 500), capture(5, 1, 1, 10), set_clock(6, 100), set_clock(4, 500),
                  set_clock(4, 9'000), transfer(7, 1, 2, 1)});
    std::vector<Outcome> outcomes;
    for (const Answered& each : told) outcomes.push_back(each.outcome);
    CHECK(outcomes == std::vector{Outcome::held, Outcome::clock_set, Outcome::posted,
                                  Outcome::clock_set, Outcome::hold_expired, Outcome::clock_set,
                                  Outcome::clock_set, Outcome::conflict, Outcome::posted});
    CHECK(told[6].repeated);
    const LogFold folded = fold(rig);
    std::vector<std::pair<std::int64_t, std::string>> events;
    for (const LogFold::Record& each : folded.records) {
        for (const std::string& event : each.events) events.emplace_back(each.time.value(), event);
    }
    events.erase(events.begin(), events.begin() + 6);
    CHECK(events == std::vector<std::pair<std::int64_t, std::string>>{{0, "held 1"},
                                                                      {499, "clock_set 2"},
                                                                      {499, "posted 3"},
                                                                      {500, "expired 1"},
                                                                      {500, "clock_set 4"},
                                                                      {500, "hold_expired 5"},
                                                                      {500, "clock_set 6"},
                                                                      {500, "conflict"},
                                                                      {500, "posted 7"}});
    rig.stop();
    rig.start();
    rig.play({transfer(8, 1, 2, 1)});
    CHECK(fold(rig).records.back().time == Timestamp(500));
}
