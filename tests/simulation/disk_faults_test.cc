#include "events/log/embedded/embedded_log.h"
#include "tests/command-handler/handler_rig.h"
#include "tests/command-handler/mixed_load.h"
#include "tests/events/log_memory_disk.h"
#include "tests/support/manual_clock.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

// A handler whose log is on a disk that fails, fills up, or loses its power. What was acknowledged
// is there afterwards, and everything sent again has the outcome that it has without faults.

namespace {

using namespace vouch;
using namespace vouch::command_handler;
using namespace vouch::test;

constexpr std::uint64_t kBatches = 24;
constexpr std::uint64_t kSegmentBytes = 32 << 10;  // several in a run

/// A handler on the embedded log on a disk in memory; its own files are on a real one.
class DiskRig {
public:
    explicit DiskRig(std::uint64_t seed) : load_(seed, true) { told_.resize(kBatches); }
    ~DiskRig() { handler_.reset(); }

    Status open_log() {
        EmbeddedLogOptions options;
        options.directory = "log";
        options.shard_count = 1;
        options.segment_bytes = kSegmentBytes;
        Result<std::unique_ptr<EmbeddedLog>> opened = EmbeddedLog::open(options, disk);
        if (!opened) return opened.error();
        log_ = std::move(*opened);
        return {};
    }
    void start() {
        const Status opened = open_log();
        REQUIRE_MESSAGE(opened, opened.error().message);
        answers.forget();
        HandlerOptions options;
        options.directory = directory_.path() / "shards";
        options.bounds.generation_facts = 100;
        options.bounds.snapshot_events = 200;
        auto started = Handler::start(*log_, deployment_, keys_, clock_, answers, options);
        REQUIRE_MESSAGE(started, started.error().message);
        CHECK((*started)->warnings().empty());
        handler_ = std::move(*started);
    }
    /// Sends every batch, and `meanwhile` after the answers of batch `at`; then takes what is
    /// answered. True when everything is.
    template <class Meanwhile>
    bool send_all(std::uint64_t at, Meanwhile meanwhile) {
        std::vector<Offset> offsets;
        for (std::uint64_t b = 0; b < kBatches; ++b) {
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
        return told_.back().size() == load_.size(kBatches - 1) && !answers.has_stopped(kShard0);
    }
    bool send_all() {
        return send_all(kBatches, [] {});
    }
    Fault close_after_fault() {
        Fault fault = answers.wait_until_stopped(kShard0);
        handler_.reset();
        log_.reset();
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
    std::string books() {
        LogFold folded(deployment_, keys_);
        folded.read(*log_);
        CHECK(folded.faults == std::vector<std::string>{});
        return folded.books();
    }

    MemoryDisk disk;
    AnswerBook answers;

private:
    void take(std::uint64_t batch, const std::vector<Answered>& answered) {
        std::vector<Outcome>& known = told_[batch];
        for (std::size_t i = 0; i < answered.size(); ++i) {
            if (i == known.size()) known.push_back(answered[i].outcome);
            CHECK(known[i] == answered[i].outcome);
        }
    }

    MixedLoad load_;
    std::vector<std::vector<Outcome>> told_;
    TemporaryDirectory directory_;
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

Expected undisturbed(std::uint64_t seed) {
    DiskRig rig(seed);
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
        rig.disk.power_on(at);
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
            rig.disk.power_on(seed * 10 + cut);
            if (cut < 2) rig.start();
        }
        check_healed(rig, expected);
    }
}
