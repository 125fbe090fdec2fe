#include "events/log/embedded/recovery.h"
#include "tests/events/log_embedded_support.h"
#include "tests/support/memory_files.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <thread>

namespace vouch {
namespace {

using namespace test;

bool is_prefix(const Texts& prefix, const Texts& of) {
    return prefix.size() <= of.size() && std::equal(prefix.begin(), prefix.end(), of.begin());
}

TEST_CASE("embedded log: a failed sync is final, and what it lost is not believed later") {
    MemoryFiles disk;
    auto log = open(disk);
    append(*log, {"kept"});
    CHECK_FALSE(log->failure());
    disk.fail_always("fdatasync", EIO);
    CHECK(
        fault_of(commit_text(*log, kFirst, kTerm, 1, "doubtful")) ==
        "storage: fdatasync of log/00000000.segment failed: Input/output error (errno 5); the log "
        "takes no more commits until it is opened again");
    disk.fail_always("fdatasync", 0);
    CHECK(log->failure()->code == FaultCode::storage);
    CHECK(starts_with(fault_of(commit_text(*log, kFirst, kTerm, 2, "more")), "storage: fdatasync"));
    CHECK(starts_with(fault_of(log->acquire(kSecond, kTerm)), "storage: "));
    CHECK(starts_with(fault_of(log->produce(kFirst, bytes_of("x"))), "storage: "));
    log->wait_for_input(kFirst, {Offset(0), Offset(0)}, std::nullopt);
    CHECK(texts(*log, kFirst) == Texts{"kept"});
    log.reset();
    // The page cache still shows the frame, so opening may keep it; then it must survive the power.
    const Texts found = texts(*open(disk), kFirst);
    disk.power_off();
    disk.power_on(0);
    CHECK(texts(*open(disk), kFirst) == found);
}

TEST_CASE("embedded log: a byte that is read wrongly at a start changes no record on the disk") {
    bool happens = true;
    std::uint64_t met = 0;
    for (std::uint64_t nth = 1; happens; ++nth) {
        CAPTURE(nth);
        MemoryFiles disk;
        append(*open(disk), {"first", "second"});
        disk.spoil_read(nth, MemoryFiles::ReadFault::flipped_bit);
        (void)EmbeddedLog::open(tiny(), disk);
        happens = disk.fault_happened();
        met += happens ? 1U : 0U;
        disk.spoil_read(0, MemoryFiles::ReadFault::flipped_bit);
        CHECK(texts(*open(disk), kFirst) == Texts{"first", "second"});
    }
    CHECK(met > 3);
}

TEST_CASE("embedded log: nothing is acknowledged into a file that was removed, or replaced") {
    for (const bool is_replaced : {false, true}) {
        CAPTURE(is_replaced);
        MemoryFiles disk;
        auto log = open(disk);
        append(*log, {"kept"});
        const std::string segment = "log/00000000.segment";
        const Bytes copy = disk.contents(segment);
        REQUIRE(disk.remove(segment));
        if (is_replaced) {
            const CallResult made = disk.open(segment, O_CREAT | O_WRONLY, 0600);
            REQUIRE(made);
            disk.close(static_cast<int>(made.value));
            disk.overwrite(segment, copy);
        }
        CHECK(starts_with(fault_of(commit_text(*log, kFirst, kTerm, 1, "lost")),
                          "corrupt: log/00000000.segment was removed or put elsewhere"));
        CHECK(log->failure()->code == FaultCode::corrupt);
    }
}

TEST_CASE("embedded log: a failed write fails everything in flight") {
    MemoryFiles disk;
    auto log = open(disk);
    append(*log, {"kept"});
    disk.fail_always("pwritev", ENOSPC);
    const TextCommit one(1, "one"), two(2, "two");
    const Result<CommitTicket> first = log->commit(kFirst, kTerm, one.commit());
    REQUIRE(first);
    const Result<CommitTicket> second = log->commit(kFirst, kTerm, two.commit());
    const std::string expected =
        "storage: pwritev of log/00000000.segment failed: No space left on device (errno 28); the "
        "log takes no more commits until it is opened again";
    CHECK(fault_of(log->await(*first)) == expected);
    CHECK(fault_of(log->is_durable(*first)) == expected);
    CHECK(fault_of(second ? log->await(*second) : Status(second.error())) == expected);
    disk.fail_always("pwritev", 0);
    log.reset();
    // A failed write has written its first half, whatever that held.
    CHECK(is_prefix({"kept"}, texts(*open(disk), kFirst)));
    CHECK(is_prefix(texts(*open(disk), kFirst), {"kept", "one", "two"}));
}

TEST_CASE("embedded log: a full disk makes commits wait, loses nothing, and ends with room") {
    for (const std::uint64_t reserve : {0U, 10'000U}) {
        for (const bool is_closed_before : {false, true}) {
            CAPTURE(reserve);
            CAPTURE(is_closed_before);
            MemoryFiles disk;
            EmbeddedLogOptions options = tiny();
            options.prepare_in_background = true;
            options.segment_bytes = 32768;
            options.reserve_bytes = reserve;
            disk.set_capacity(48'000 + 2 * reserve);
            auto log = open(disk, options);
            // Seven groups fill the segment's blocks.
            append(*log, Texts(7, std::string(900, 'x')));
            CHECK(log->waits() == std::nullopt);
            const TextCommit next(7, "waits");
            const CommitTicket ticket = log->commit(kFirst, kTerm, next.commit()).value();
            while (!log->waits()) std::this_thread::yield();
            CHECK(log->waits()->code == FaultCode::retriable);
            CHECK(log->is_durable(ticket).value() == false);
            CHECK(texts(*log, kFirst).size() == 7);
            if (is_closed_before) {
                log.reset();
                log = open(disk, options);
                CHECK(texts(*log, kFirst).size() == 7);
                disk.set_capacity(120'000);
                append(*log, {"room again"});
            } else {
                disk.set_capacity(120'000);
                require(log->await(ticket));
                CHECK(log->waits() == std::nullopt);
            }
            CHECK(texts(*log, kFirst).size() == 8);
        }
    }
}

TEST_CASE("embedded log: without descriptors commits wait, and go on by themselves") {
    MemoryFiles disk;
    auto log = open(disk);
    append(*log, {"fills", "the", "blocks"});
    disk.fail_always("open", EMFILE);
    const TextCommit next(3, "waits");
    const CommitTicket ticket = log->commit(kFirst, kTerm, next.commit()).value();
    while (!log->waits() && !log->failure()) std::this_thread::yield();
    REQUIRE(log->waits());
    CHECK(log->waits()->message.find("Too many open files") != std::string::npos);
    disk.fail_always("open", 0);
    require(log->await(ticket));
    CHECK(log->waits() == std::nullopt);
    log.reset();
    CHECK(texts(*open(disk), kFirst) == Texts{"fills", "the", "blocks", "waits"});
}

TEST_CASE("embedded log: who ends does not wait for room") {
    for (const bool is_told_before : {false, true}) {
        CAPTURE(is_told_before);
        MemoryFiles disk;
        EmbeddedLogOptions options = tiny();
        options.prepare_in_background = true;
        options.segment_bytes = 32768;
        disk.set_capacity(48'000);
        auto log = open(disk, options);
        append(*log, Texts(7, std::string(900, 'x')));
        if (is_told_before) log->stop_waiting();
        const TextCommit next(7, "waits");
        const CommitTicket ticket = log->commit(kFirst, kTerm, next.commit()).value();
        if (!is_told_before) {
            while (!log->waits()) std::this_thread::yield();
            log->stop_waiting();
        }
        const Status failed = log->await(ticket);
        REQUIRE_FALSE(failed.has_value());
        CHECK(failed.error().code == FaultCode::retriable);
        log.reset();
        log = open(disk, options);
        CHECK(texts(*log, kFirst).size() == 7);
        disk.set_capacity(120'000);
        append(*log, {"room again"});
        CHECK(texts(*log, kFirst).size() == 8);
    }
}

TEST_CASE("embedded log: a disk or quota is full at any call that makes a segment, and it goes on") {
    // Opening, allocating, writing the header, syncing, giving it its name.
    for (const std::uint64_t nth : {1U, 2U, 3U, 4U, 5U}) {
        CAPTURE(nth);
        MemoryFiles disk;
        auto log = open(disk);
        append(*log, {"fills", "the", "blocks"});
        disk.fail_change(nth, nth % 2 == 0 ? ENOSPC : EDQUOT);
        append(*log, {"next"});
        CHECK(disk.fault_happened());
        log.reset();
        CHECK(texts(*open(disk), kFirst) == Texts{"fills", "the", "blocks", "next"});
    }
}

TEST_CASE("embedded log: the warning of a full disk comes while commits still go through") {
    MemoryFiles disk;
    EmbeddedLogOptions options = tiny();
    options.prepare_in_background = true;
    options.segment_bytes = 32768;
    disk.set_capacity(48'000);
    auto log = open(disk, options);
    append(*log, {std::string(20'000, 'x')});
    // The attempt runs in the background; it ends in one way only.
    while (log->next_segment()) std::this_thread::yield();
    CHECK(starts_with(fault_of(log->next_segment()), "retriable: posix_fallocate"));
    append(*log, {"still fits"});
    disk.set_capacity(120'000);
    append(*log, {std::string(20'000, 'y')});
    CHECK(log->next_segment());
}

TEST_CASE("embedded log: a read-only directory is refused with the call that failed") {
    MemoryFiles disk;
    open(disk);
    disk.fail_always("open", EROFS);
    CHECK(fault_of(EmbeddedLog::open(tiny(), disk)) ==
          "storage: open of log/lock failed: Read-only file system (errno 30)");
    CHECK(EmbeddedLogReader::open(tiny(), disk));
}

TEST_CASE("embedded log: short writes are continued") {
    MemoryFiles disk;
    disk.write_at_most(37);
    const Texts expected{std::string(500, 'a'), "b", std::string(3000, 'c')};
    append(*open(disk), expected);
    CHECK(texts(*open(disk), kFirst) == expected);
}

// --- Anomalies in turn ----------------------------------------------------------------------

/// What a run acknowledged and what it tried, per shard.
struct Run {
    Texts acknowledged[2];
    Texts tried[2];
};

/// Opens the log and commits in groups over several segments, until it is done or something fails.
/// Each commit sends its record's text to the other shard as steps.
Run write_until_failure(MemoryFiles& disk) {
    Run run;
    const auto opened = EmbeddedLog::open(tiny(), disk);
    if (!opened) return run;
    EmbeddedLog& log = **opened;
    for (const ShardId shard : {kFirst, kSecond}) {
        if (!log.acquire(shard, kTerm)) return run;
    }
    for (std::uint64_t round = 0; round < 6; ++round) {
        std::vector<std::unique_ptr<TextCommit>> commits;
        std::vector<std::pair<std::size_t, CommitTicket>> tickets;
        for (std::size_t i = 0; i < 4; ++i) {
            const std::size_t shard = i % 2;
            const std::string text =
                std::to_string(round) + std::string(100 * i + 200 * round, 'x');
            commits.push_back(std::make_unique<TextCommit>(run.tried[shard].size(), text));
            commits.back()->send(shard == 0 ? kSecond : kFirst, text);
            run.tried[shard].push_back(text);
            const auto ticket = log.commit(ShardId(static_cast<std::uint32_t>(shard)), kTerm,
                                           commits.back()->commit());
            if (!ticket) break;
            tickets.emplace_back(shard, *ticket);
        }
        for (const auto& [shard, ticket] : tickets) {
            if (!log.await(ticket)) return run;
            run.acknowledged[shard].push_back(run.tried[shard][run.acknowledged[shard].size()]);
        }
    }
    return run;
}

/// Every record's steps are there, and none of a record that is not.
void check_steps_fit_records(Log& log) {
    Texts sent = texts(log, kFirst);
    std::erase(sent, "after");
    REQUIRE(step_texts(log, kSecond) == sent);
    REQUIRE(step_texts(log, kFirst) == texts(log, kSecond));
}

/// After whatever happened: nothing acknowledged is lost, nothing untried appears, order is kept,
/// steps are there exactly with their records, and the log works again.
void check_recovery(MemoryFiles& disk, const Run& run) {
    auto log = open(disk);
    for (const ShardId shard : {kFirst, kSecond}) {
        const Texts found = texts(*log, shard);
        REQUIRE(is_prefix(run.acknowledged[shard.value()], found));
        REQUIRE(is_prefix(found, run.tried[shard.value()]));
    }
    check_steps_fit_records(*log);
    const Texts before = texts(*log, kFirst);
    append(*log, {"after"});
    log.reset();
    log = open(disk);
    Texts expected = before;
    expected.push_back("after");
    REQUIRE(texts(*log, kFirst) == expected);
    check_steps_fit_records(*log);
    REQUIRE(log->report().torn_bytes == 0);
}

TEST_CASE("embedded log: the first call fails, then the second, until a run completes") {
    for (const int error : {EIO, ENOSPC}) {
        for (const std::uint64_t seed : {0U, 1U, 2U, 3U}) {
            if (error == ENOSPC && seed > 1) continue;  // each of these waits for room
            bool completed = false;
            for (std::uint64_t nth = 1; !completed; ++nth) {
                CAPTURE(error);
                CAPTURE(seed);
                CAPTURE(nth);
                MemoryFiles disk;
                disk.fail_change(nth, error);
                const Run run = write_until_failure(disk);
                completed = !disk.fault_happened();
                disk.power_off();
                disk.power_on(seed);
                check_recovery(disk, run);
            }
        }
    }
}

TEST_CASE("embedded log: the same without a power cut, with the page cache as it is") {
    bool completed = false;
    for (std::uint64_t nth = 1; !completed; ++nth) {
        CAPTURE(nth);
        MemoryFiles disk;
        disk.fail_change(nth, EIO);
        const Run run = write_until_failure(disk);
        completed = !disk.fault_happened();
        disk.fail_change(0, 0);
        check_recovery(disk, run);
        // What was found after the failure is durable now.
        const Texts found = texts(*open(disk), kFirst);
        disk.power_off();
        disk.power_on(0);
        REQUIRE(texts(*open(disk), kFirst) == found);
    }
}

TEST_CASE("embedded log: opening after a crash may itself fail at any call, and again") {
    MemoryFiles origin;
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        bool completed = false;
        for (std::uint64_t nth = 1; !completed; ++nth) {
            CAPTURE(seed);
            CAPTURE(nth);
            MemoryFiles disk;
            disk.fail_change(30, EIO);
            const Run run = write_until_failure(disk);
            disk.power_off();
            disk.power_on(seed);
            disk.fail_change(nth, EIO);
            (void)EmbeddedLog::open(tiny(), disk);
            completed = !disk.fault_happened();
            disk.power_off();
            disk.power_on(seed + 100);
            check_recovery(disk, run);
        }
    }
}

TEST_CASE("embedded log: a read that fails is never taken for the end") {
    MemoryFiles origin;
    const Texts expected{"first", std::string(3500, 'x'), std::string(3500, 'y'), "last"};
    {
        auto log = open(origin);
        REQUIRE(log->acquire(kFirst, kTerm));
        for (std::uint64_t i = 0; i < expected.size(); ++i) {
            TextCommit commit(i, expected[i]);
            commit.send(kSecond, "steps " + std::to_string(i));
            require(commit_and_await(*log, kFirst, kTerm, commit));
        }
    }
    const Texts steps{"steps 0", "steps 1", "steps 2", "steps 3"};
    bool completed = false;
    for (std::uint64_t nth = 1; !completed; ++nth) {
        CAPTURE(nth);
        origin.fail_read(nth, EIO);
        const auto log = EmbeddedLog::open(tiny(), origin);
        completed = !origin.fault_happened();
        if (completed) {
            REQUIRE(log);
        } else if (!log) {
            REQUIRE(starts_with(fault_of(log), "storage: pread of log/"));
        }
        origin.fail_read(0, 0);
        if (log) REQUIRE(texts(**log, kFirst) == expected);
        if (log) REQUIRE(step_texts(**log, kSecond) == steps);
    }
}

// --- The real disk ----------------------------------------------------------------------------

TEST_CASE("embedded log: a process killed while it commits loses nothing it was told is durable") {
    const TemporaryDirectory directory;
    EmbeddedLogOptions options;
    options.directory = directory.path() / "log";
    options.shard_count = 1;
    options.segment_bytes = 64 << 10;
    Texts before;
    for (int kill_after = 1; kill_after <= 40; kill_after += 13) {
        CAPTURE(kill_after);
        int pipe_ends[2];
        REQUIRE(::pipe(pipe_ends) == 0);
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            // No doctest in here: the child only writes, tells, and is killed.
            const auto log = EmbeddedLog::open(options);
            if (!log) ::_exit(1);
            const auto end = (*log)->acquire(kFirst, kTerm);
            for (std::uint64_t i = end->next_record.value(); i < 100'000; ++i) {
                const std::string text = std::to_string(i) + std::string(i * 997 % 5000, 'x');
                if (!commit_text(**log, kFirst, kTerm, i, text)) ::_exit(2);
                if (::write(pipe_ends[1], "c", 1) != 1) ::_exit(3);
            }
            ::_exit(4);
        }
        ::close(pipe_ends[1]);
        std::size_t told = 0;
        char letter = 0;
        while (told < static_cast<std::size_t>(kill_after) && ::read(pipe_ends[0], &letter, 1) == 1)
            ++told;
        ::kill(child, SIGKILL);
        int status = 0;
        REQUIRE(::waitpid(child, &status, 0) == child);
        CHECK(WIFSIGNALED(status));
        while (::read(pipe_ends[0], &letter, 1) == 1) ++told;
        ::close(pipe_ends[0]);

        const auto log = EmbeddedLog::open(options);
        REQUIRE_MESSAGE(log, fault_of(log));
        const Texts found = texts(**log, kFirst);
        CHECK(found.size() >= before.size() + told);
        for (std::size_t i = 0; i < found.size(); ++i) {
            REQUIRE(found[i] == std::to_string(i) + std::string(i * 997 % 5000, 'x'));
        }
        before = found;
    }
}

TEST_CASE("embedded log: a second process can not write, and reads beside the first") {
    const TemporaryDirectory directory;
    EmbeddedLogOptions options;
    options.directory = directory.path() / "log";
    options.shard_count = 1;
    options.segment_bytes = 64 << 10;
    const auto log = EmbeddedLog::open(options);
    REQUIRE_MESSAGE(log, fault_of(log));
    append(**log, {"seen"});
    // Another open of the lock file is to the kernel what another process's would be.
    CHECK(fault_of(EmbeddedLog::open(options)) == "fenced: log in " + options.directory +
                                                      " is being written by process " +
                                                      std::to_string(::getpid()));
    const auto reader = EmbeddedLogReader::open(options);
    REQUIRE_MESSAGE(reader, fault_of(reader));
    CHECK(texts(**reader, kFirst) == Texts{"seen"});
    append(**log, {"later"});
    CHECK(texts(**reader, kFirst) == Texts{"seen", "later"});
    // Whoever takes the lock file for stale lets nobody in, neither to write nor to recover.
    REQUIRE(std::filesystem::remove(options.directory + "/lock"));
    const std::string refused = "fenced: log in " + options.directory +
                                " is being written by a process whose lock file is gone";
    CHECK(fault_of(EmbeddedLog::open(options)) == refused);
    CHECK(fault_of(examine_loss(options)) == refused);
    append(**log, {"last"});
    CHECK(texts(**reader, kFirst) == Texts{"seen", "later", "last"});
}

}  // namespace
}  // namespace vouch
