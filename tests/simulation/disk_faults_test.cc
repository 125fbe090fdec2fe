#include "command-handler/shard/seen_end.h"
#include "events/log/embedded/embedded_log.h"
#include "tests/command-handler/handler_rig.h"
#include "tests/command-handler/memory_shard_stores.h"
#include "tests/command-handler/mixed_load.h"
#include "tests/support/manual_clock.h"
#include "tests/support/memory_files.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// A handler on a machine whose disk fails, fills up, or loses its power: log, stores, snapshots and
// all. What was acknowledged is there afterwards, and everything sent again has the outcome that it
// has without faults.

namespace {

using namespace vouch;
using namespace vouch::command_handler;
using namespace vouch::test;

constexpr std::uint64_t kBatches = 24;
constexpr std::uint64_t kSegmentBytes = 32 << 10;  // several in a run

/// A handler on the embedded log, with everything on a disk in memory.
class DiskRig final : LogWitnesses {
public:
    explicit DiskRig(std::uint64_t seed, std::uint64_t batches = kBatches)
        : load_(seed, true), told_(batches) {}
    ~DiskRig() override { handler_.reset(); }

    Status open_log() {
        EmbeddedLogOptions options;
        options.directory = "log";
        options.shard_count = 1;
        options.segment_bytes = kSegmentBytes;
        options.reserve_bytes = reserve_bytes;
        options.witnesses = this;
        Result<std::unique_ptr<EmbeddedLog>> opened = EmbeddedLog::open(options, disk);
        if (!opened) return opened.error();
        log_ = std::move(*opened);
        return {};
    }
    Status try_start() {
        if (Status opened = open_log(); !opened) return opened;
        answers.forget();
        HandlerOptions options;
        options.directory = kShards;
        options.files = &disk;
        options.stores = &stores_;
        options.bounds.generation_facts = generation_facts;
        options.bounds.snapshot_events = 2 * generation_facts;
        auto started = Handler::start(*log_, deployment_, keys_, clock_, answers, options);
        if (!started) return started.error();
        if (!may_warn) CHECK((*started)->warnings().empty());
        handler_ = std::move(*started);
        return {};
    }
    void start() {
        const Status started = try_start();
        REQUIRE_MESSAGE(started, started.error().message);
    }
    /// Sends every batch, and `meanwhile` after the answers of batch `at`; then takes what is
    /// answered. True when everything is.
    template <class Meanwhile>
    bool send_all(std::uint64_t at, Meanwhile meanwhile) {
        std::vector<Offset> offsets;
        for (std::uint64_t b = 0; b < told_.size(); ++b) {
            const Result<Offset> offset = log_->produce(kShard0, load_.batch(b));
            if (!offset) break;
            offsets.push_back(*offset);
            if (b == at) {
                answers.wait(kShard0, *offset, load_.size(b));
                meanwhile();
            }
        }
        for (std::uint64_t b = 0; b < offsets.size(); ++b)
            take(b, answers.wait(kShard0, offsets[b], load_.size(b)));
        return told_.back().size() == load_.size(told_.size() - 1) &&
               !answers.has_stopped(kShard0);
    }
    bool send_all() {
        return send_all(told_.size(), [] {});
    }
    /// From a start to a clean end, or to whatever ends it before. True when all was answered.
    bool live() {
        const bool is_all = try_start() && send_all();
        if (is_all) (void)handler_->stop();
        close();
        return is_all;
    }
    void close() {
        handler_.reset();
        log_.reset();
    }
    void power_on(std::uint64_t seed) {
        disk.power_on(seed);
        stores_.power_on(seed);
    }
    /// What was acknowledged stands in the log, before anything is sent again, or it does not open.
    Status look_for_acknowledged() {
        const Status opened = open_log();
        if (!opened) return opened;
        const Result<RecordNumber> end = log_->end(kShard0);
        REQUIRE(end);
        CHECK(next_acknowledged_ <= *end);
        log_.reset();
        return {};
    }
    void check_acknowledged() {
        const Status there = look_for_acknowledged();
        REQUIRE_MESSAGE(there, there.error().message);
    }
    bool has_acknowledged() const { return next_acknowledged_ > RecordNumber(0); }
    Fault close_after_fault() {
        Fault fault = answers.wait_until_stopped(kShard0);
        close();
        return fault;
    }
    std::optional<Fault> waits() { return log_->waits(); }
    void stop() {
        const Status stopped = handler_->stop();
        REQUIRE_MESSAGE(stopped, stopped.error().message);
        handler_.reset();
    }
    std::vector<Outcome> outcomes() const {
        std::vector<Outcome> all;
        for (const auto& batch : told_) all.insert(all.end(), batch.begin(), batch.end());
        return all;
    }
    LogFold fold() {
        LogFold folded(deployment_, keys_);
        folded.read(*log_);
        return folded;
    }
    std::string books() {
        const LogFold folded = fold();
        CHECK(folded.faults == std::vector<std::string>{});
        return folded.books();
    }

    MemoryFiles disk;
    AnswerBook answers;
    std::uint64_t reserve_bytes = EmbeddedLogOptions().reserve_bytes;
    std::size_t generation_facts = 100;
    bool may_warn = false;  ///< what beside the log was unreadable, and is made again

private:
    std::optional<LogWitness> seen_beyond(ShardId shard, RecordNumber end) override {
        const auto seen =
            command_handler::seen_beyond(kShards, keys_, shard, 1, end, disk, stores_);
        if (!seen) return std::nullopt;
        return LogWitness{seen->what, seen->next_record, seen->digest};
    }

    void take(std::uint64_t batch, const std::vector<Answered>& answered) {
        std::vector<Outcome>& known = told_[batch];
        for (std::size_t i = 0; i < answered.size(); ++i) {
            if (i == known.size()) known.push_back(answered[i].outcome);
            CHECK(known[i] == answered[i].outcome);
            next_acknowledged_ = std::max(next_acknowledged_, answered[i].record.next());
        }
    }

    static constexpr const char* kShards = "shards";
    MemoryShardStores stores_{disk};
    MixedLoad load_;
    std::vector<std::vector<Outcome>> told_;
    RecordNumber next_acknowledged_;
    Deployment deployment_ = make_deployment(1, true, Timestamp(1)).deployment;
    EpochKeys keys_ = make_test_keys(deployment_);
    ManualClock clock_;
    std::unique_ptr<EmbeddedLog> log_;
    std::unique_ptr<Handler> handler_;
};

struct Expected {
    std::vector<Outcome> outcomes;
    std::string books;
};

Expected undisturbed(std::uint64_t seed, std::uint64_t batches = kBatches) {
    DiskRig rig(seed, batches);
    rig.start();
    REQUIRE(rig.send_all());
    rig.stop();
    return {rig.outcomes(), rig.books()};
}

void check_healed(DiskRig& rig, const Expected& expected) {
    rig.start();
    REQUIRE(rig.send_all());
    rig.stop();
    CHECK((rig.outcomes() == expected.outcomes));
    CHECK((rig.books() == expected.books));
}

}  // namespace

TEST_CASE(
    "disk: a sync that fails stops the shard with the call's name, and nothing acknowledged is "
    "lost") {
    const Expected expected = undisturbed(31);
    for (const std::uint64_t at : {std::uint64_t{0}, std::uint64_t{3}, std::uint64_t{15}}) {
        CAPTURE(at);
        DiskRig rig(31);
        rig.start();
        CHECK_FALSE(rig.send_all(at, [&] { rig.disk.fail_always("fdatasync", EIO); }));
        const Fault fault = rig.close_after_fault();
        CHECK(fault.code == FaultCode::storage);
        CHECK(fault.message.find("fdatasync of log/") != std::string::npos);
        CHECK(fault.message.find("Input/output error") != std::string::npos);
        rig.disk.fail_always("fdatasync", 0);
        // What the failed sync was for may be gone.
        rig.disk.power_off();
        rig.power_on(at);
        check_healed(rig, expected);
    }
}

TEST_CASE("disk: a full disk makes the shard wait, and it goes on when there is room") {
    const Expected expected = undisturbed(32);
    for (const std::uint64_t at : {std::uint64_t{1}, std::uint64_t{8}}) {
        CAPTURE(at);
        DiskRig rig(32);
        rig.start();
        std::optional<Fault> seen;
        std::thread operators_hand;
        CHECK(rig.send_all(at, [&] {
            rig.disk.set_capacity(0);
            operators_hand = std::thread([&] {
                while (!seen) seen = rig.waits();
                rig.disk.set_capacity(~std::uint64_t{0});
            });
        }));
        operators_hand.join();
        CHECK(seen->code == FaultCode::retriable);
        CHECK(rig.outcomes() == expected.outcomes);
        rig.stop();
        CHECK(rig.books() == expected.books);
    }
}

TEST_CASE("disk: one that cannot be written is refused at the start, with the reason") {
    DiskRig rig(33);
    rig.disk.fail_always("make_directory", EROFS);
    rig.disk.fail_always("allocate", EROFS);
    const Status opened = rig.open_log();
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == FaultCode::storage);
    CHECK(opened.error().message.find("Read-only file system") != std::string::npos);
}

TEST_CASE(
    "disk: after the power failed at any moment, torn writes and all, every command has one "
    "outcome") {
    const Expected expected = undisturbed(34);
    for (std::uint64_t seed = 1; seed <= 16; ++seed) {
        CAPTURE(seed);
        DiskRig rig(34);
        rig.start();
        // Several times, the last few of them while everything is sent again.
        for (std::uint64_t cut = 0; cut < 3; ++cut) {
            CHECK_FALSE(
                rig.send_all((seed + 5 * cut) % (kBatches - 4), [&] { rig.disk.power_off(); }));
            CHECK(rig.close_after_fault().code == FaultCode::storage);
            rig.power_on(seed * 10 + cut);
            if (cut < 2) rig.start();
        }
        check_healed(rig, expected);
    }
}

TEST_CASE(
    "disk: a shard that dies at any change that it makes on its disk has every acknowledged record "
    "again" *
    doctest::test_suite("same-threads")) {
    constexpr std::uint64_t kSeed = 35;
    constexpr std::uint64_t kFewBatches = 4;
    const Expected expected = undisturbed(kSeed, kFewBatches);
    std::uint64_t deaths_with_records = 0;
    bool dies = true;
    for (std::uint64_t nth = 1; dies; ++nth) {
        CAPTURE(nth);
        DiskRig rig(kSeed, kFewBatches);
        rig.generation_facts = 25;
        rig.disk.power_off_at(nth);
        rig.live();
        dies = rig.disk.is_off();
        rig.disk.power_off();
        rig.power_on(nth);
        rig.check_acknowledged();
        check_healed(rig, expected);
        deaths_with_records += dies && rig.has_acknowledged() ? 1U : 0U;
    }
    CHECK(deaths_with_records > 20);
}

TEST_CASE(
    "disk: one change that fails loses nothing that was acknowledged" *
    doctest::test_suite("same-threads")) {
    constexpr std::uint64_t kSeed = 36;
    constexpr std::uint64_t kFewBatches = 4;
    const Expected expected = undisturbed(kSeed, kFewBatches);
    for (const int error : {EIO, ENOSPC}) {
        bool fails = true;
        for (std::uint64_t nth = 1; fails; ++nth) {
            CAPTURE(error);
            CAPTURE(nth);
            DiskRig rig(kSeed, kFewBatches);
            rig.generation_facts = 25;
            rig.disk.fail_change(nth, error);
            rig.live();
            fails = rig.disk.fault_happened();
            rig.disk.fail_change(0, 0);
            rig.check_acknowledged();
            check_healed(rig, expected);
        }
    }
}

namespace {

/// The books that a spoiled life begins with.
enum class Before : std::uint8_t { nothing, clean_end, kill, power_loss };

void live_before(DiskRig& rig, Before before) {
    if (before == Before::nothing) return;
    if (before == Before::clean_end) {
        REQUIRE(rig.live());
        return;
    }
    rig.start();
    REQUIRE(rig.send_all());
    if (before == Before::power_loss) rig.disk.power_off();
    rig.close();
    if (before == Before::power_loss) rig.power_on(5);
}

/// Without faults what was told stands, in the same words, and nothing else is needed.
bool lives_again(DiskRig& rig, const Expected& expected) {
    rig.check_acknowledged();
    check_healed(rig, expected);
    return true;
}

/// The same, or, where a write may have gone wrong, false: whoever read it said so.
bool is_right_or_said(DiskRig& rig, const Expected& expected) {
    Status started = rig.look_for_acknowledged();
    if (started) started = rig.try_start();
    if (started && rig.send_all()) {
        rig.stop();
        CHECK((rig.outcomes() == expected.outcomes));
        const LogFold folded = rig.fold();
        if (folded.faults.empty()) CHECK(folded.books() == expected.books);
        return folded.faults.empty();
    }
    const Fault said = started ? rig.close_after_fault() : started.error();
    CHECK_MESSAGE(said.code == FaultCode::corrupt, said.message);
    return false;
}

/// Lives with a fault at one call after another, and then as `check` does.
template <class Spoil, class Check>
void check_each_call(const std::string& name, Before before, std::uint64_t quick_step, Spoil spoil,
                     Check check) {
    constexpr std::uint64_t kSeed = 37;
    constexpr std::uint64_t kFewBatches = 4;
    const Expected expected = undisturbed(kSeed, kFewBatches);
    const char* const every = std::getenv("VOUCH_EVERY_FAULT");
    const std::uint64_t step = every == nullptr ? quick_step : 1;
    std::uint64_t survived = 0;
    std::uint64_t told = 0;
    std::uint64_t found = 0;
    bool happens = true;
    for (std::uint64_t nth = 1; happens && nth <= 2'000; nth += step) {
        CAPTURE(name);
        CAPTURE(nth);
        DiskRig rig(kSeed, kFewBatches);
        rig.generation_facts = 25;
        rig.may_warn = true;
        live_before(rig, before);
        spoil(rig.disk, nth);
        const bool is_all = rig.live();
        happens = rig.disk.fault_happened();
        spoil(rig.disk, 0);
        const bool is_right = check(rig, expected);
        if (happens) ++(!is_right ? found : is_all ? survived : told);
    }
    const std::uint64_t met = survived + told + found;
    MESSAGE(name, " after ", static_cast<int>(before), ": ", met, " met: ", survived, " survived, ",
            told, " told, ", found, " found later");
    CHECK(met > 0);
}

/// Of calls, the first and each so many later, unless each one is asked for.
constexpr std::uint64_t kReadStep = 37;
constexpr std::uint64_t kWriteStep = 7;

constexpr Before kBefore[] = {Before::nothing, Before::clean_end, Before::kill, Before::power_loss};

}  // namespace

TEST_CASE(
    "disk: a read that fails or gives other bytes loses nothing and makes nothing up" *
    doctest::test_suite("same-threads")) {
    using ReadFault = MemoryFiles::ReadFault;
    constexpr std::pair<const char*, ReadFault> kFaults[] = {
        {"short read", ReadFault::short_read},   {"file ends", ReadFault::ends},
        {"flipped bit", ReadFault::flipped_bit}, {"zeros", ReadFault::zeros},
        {"other place", ReadFault::other_place},
    };
    for (const Before before : kBefore) {
        check_each_call(
            "read error", before, kReadStep,
            [](MemoryFiles& disk, std::uint64_t nth) { disk.fail_read(nth, EIO); }, lives_again);
        for (const auto& [name, fault] : kFaults) {
            check_each_call(
                name, before, kReadStep,
                [fault](MemoryFiles& disk, std::uint64_t nth) { disk.spoil_read(nth, fault); },
                lives_again);
        }
    }
}

TEST_CASE(
    "disk: a write that writes its first half goes on with the rest" *
    doctest::test_suite("same-threads")) {
    for (const Before before : kBefore) {
        check_each_call(
            "short write", before, kReadStep,
            [](MemoryFiles& disk, std::uint64_t nth) { disk.shorten_write(nth); }, lives_again);
    }
}

TEST_CASE(
    "disk: what a disk took wrongly is found when it is read, and is never another answer" *
    doctest::test_suite("same-threads")) {
    using WriteFault = MemoryFiles::WriteFault;
    constexpr std::pair<const char*, WriteFault> kFaults[] = {
        {"flipped bit written", WriteFault::flipped_bit},
        {"zeros written", WriteFault::zeros},
        {"other block written", WriteFault::other_block},
        {"misdirected write", WriteFault::misdirected},
        {"lost write", WriteFault::lost},
    };
    for (const Before before : kBefore) {
        for (const auto& [name, fault] : kFaults) {
            check_each_call(
                name, before, kWriteStep,
                [fault](MemoryFiles& disk, std::uint64_t nth) { disk.spoil_write(nth, fault); },
                is_right_or_said);
        }
    }
}
