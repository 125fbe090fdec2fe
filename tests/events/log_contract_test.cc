#include "events/log/embedded/embedded_log.h"
#include "events/log/simulated/simulated_log.h"
#include "tests/events/log_embedded_support.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>

namespace vouch {
namespace {

using namespace test;
/// One implementation of the contract, with two shards, that can be closed and opened again.
class Twin {
public:
    virtual ~Twin() = default;
    virtual Log& log() = 0;
    virtual void reopen() = 0;
};

class EmbeddedTwin final : public Twin {
public:
    EmbeddedTwin() { reopen(); }
    Log& log() override { return *log_; }
    void reopen() override {
        log_.reset();
        EmbeddedLogOptions options;
        options.directory = directory_.path() / "log";
        options.shard_count = 2;
        options.segment_bytes = 4 << 20;
        Result<std::unique_ptr<EmbeddedLog>> opened = EmbeddedLog::open(options);
        REQUIRE_MESSAGE(opened, fault_of(opened));
        log_ = std::move(*opened);
    }

private:
    TemporaryDirectory directory_;
    std::unique_ptr<EmbeddedLog> log_;
};

class SimulatedTwin final : public Twin {
public:
    Log& log() override { return log_; }
    void reopen() override { log_.crash(); }

private:
    SimulatedLog log_{2};
};

/// Runs `story` as a case of its own against each twin.
void on_every_twin(const std::function<void(Twin&)>& story) {
    SUBCASE("embedded") {
        EmbeddedTwin twin;
        story(twin);
    }
    SUBCASE("simulated") {
        SimulatedTwin twin;
        story(twin);
    }
}

RecordNumber acquire(Log& log, ShardId shard, Term term) {
    const Result<ShardEnd> end = log.acquire(shard, term);
    REQUIRE_MESSAGE(end, fault_of(end));
    return end->next_record;
}

Texts input_texts(Log& log, ShardId shard, Offset from, std::size_t batches_max) {
    std::vector<InputBatch> batches;
    require(log.read_commands(shard, from, batches_max, batches));
    Texts texts;
    for (const InputBatch& batch : batches) {
        texts.push_back(std::to_string(batch.offset.value()) + " " + text_of(batch.payload));
    }
    return texts;
}

TEST_CASE("log: a new log is empty on every shard") {
    on_every_twin([](Twin& twin) {
        CHECK(twin.log().shard_count() == 2);
        CHECK(twin.log().end(kFirst).value() == RecordNumber(0));
        CHECK(twin.log().end(kSecond).value() == RecordNumber(0));
        CHECK(texts(twin.log(), kFirst).empty());
        CHECK(acquire(twin.log(), kFirst, kTerm) == RecordNumber(0));
    });
}

TEST_CASE("log: what was committed is read back, per shard, also after reopening") {
    on_every_twin([](Twin& twin) {
        acquire(twin.log(), kFirst, kTerm);
        acquire(twin.log(), kSecond, kTerm);
        require(commit_text(twin.log(), kFirst, kTerm, 0, "a"));
        require(commit_text(twin.log(), kSecond, kTerm, 0, "x"));
        require(commit_text(twin.log(), kFirst, kTerm, 1, ""));
        require(commit_text(twin.log(), kFirst, kTerm, 2, std::string(200'000, 'c')));
        for (int again = 0; again < 2; ++again) {
            CAPTURE(again);
            CHECK(twin.log().end(kFirst).value() == RecordNumber(3));
            CHECK(texts(twin.log(), kFirst) == Texts{"a", "", std::string(200'000, 'c')});
            CHECK(texts(twin.log(), kSecond) == Texts{"x"});
            twin.reopen();
        }
        CHECK(acquire(twin.log(), kFirst, Term(2)) == RecordNumber(3));
        require(commit_text(twin.log(), kFirst, Term(2), 3, "d"));
        CHECK(texts(twin.log(), kFirst).back() == "d");
    });
}

TEST_CASE("log: reading starts where it is told and stops at the size it is told") {
    on_every_twin([](Twin& twin) {
        Log& log = twin.log();
        acquire(log, kFirst, kTerm);
        for (std::uint64_t i = 0; i < 4; ++i)
            require(commit_text(log, kFirst, kTerm, i, "0123456789"));
        struct Row {
            std::uint64_t from;
            std::size_t bytes_max;
            std::vector<std::uint64_t> expected;
        };
        const Row rows[] = {{0, 20, {0, 1}}, {0, 29, {0, 1}}, {0, 30, {0, 1, 2}}, {2, 1000, {2, 3}},
                            {1, 0, {1}},     {3, 1, {3}},     {4, 1000, {}},      {9, 1000, {}}};
        for (const Row& row : rows) {
            CAPTURE(row.from);
            CAPTURE(row.bytes_max);
            std::vector<StoredRecord> records;
            require(log.read_records(kFirst, RecordNumber(row.from), row.bytes_max, records));
            std::vector<std::uint64_t> numbers;
            for (const StoredRecord& record : records) numbers.push_back(record.number.value());
            CHECK(numbers == row.expected);
        }
    });
}

TEST_CASE("log: a range of a record is read alone, and only inside it") {
    on_every_twin([](Twin& twin) {
        Log& log = twin.log();
        acquire(log, kFirst, kTerm);
        require(commit_text(log, kFirst, kTerm, 0, "first"));
        require(commit_text(log, kFirst, kTerm, 1, "0123456789"));
        Bytes out = bytes_of("old");
        require(log.read_range(kFirst, RecordNumber(1), 3, 4, out));
        CHECK(text_of(out) == "3456");
        require(log.read_range(kFirst, RecordNumber(1), 10, 0, out));
        CHECK(out.empty());
        CHECK(fault_of(log.read_range(kFirst, RecordNumber(1), 8, 3, out)) ==
              "corrupt: shard 0 record 1 has 10 bytes, expected 3 at 8");
        CHECK(fault_of(log.read_range(kFirst, RecordNumber(2), 0, 1, out)) ==
              "corrupt: shard 0 record 2 is not in the log, which ends at 2");
    });
}

TEST_CASE("log: a later writer fences the earlier one") {
    on_every_twin([](Twin& twin) {
        Log& log = twin.log();
        CHECK(fault_of(commit_text(log, kFirst, kTerm, 0, "nobody")) ==
              "fenced: shard 0 record 0: term 1 does not hold the shard, nobody does");
        acquire(log, kFirst, kTerm);
        require(commit_text(log, kFirst, kTerm, 0, "a"));
        CHECK(acquire(log, kFirst, Term(2)) == RecordNumber(1));
        CHECK(fault_of(commit_text(log, kFirst, kTerm, 1, "zombie")) ==
              "fenced: shard 0 record 1: term 1 does not hold the shard, term 2 does");
        CHECK(fault_of(log.acquire(kFirst, kTerm)) ==
              "fenced: shard 0: term 1 is over, the writer has term 2");
        require(commit_text(log, kFirst, Term(2), 1, "b"));
        CHECK(texts(log, kFirst) == Texts{"a", "b"});
    });
}

TEST_CASE("log: of two writers of one term only one can write each record") {
    on_every_twin([](Twin& twin) {
        Log& log = twin.log();
        CHECK(acquire(log, kFirst, kTerm) == RecordNumber(0));
        CHECK(acquire(log, kFirst, kTerm) == RecordNumber(0));
        require(commit_text(log, kFirst, kTerm, 0, "mine"));
        CHECK(fault_of(commit_text(log, kFirst, kTerm, 0, "other")) ==
              "fenced: shard 0 record 0: expected record 1");
        CHECK(fault_of(commit_text(log, kFirst, kTerm, 2, "gap")) ==
              "fenced: shard 0 record 2: expected record 1");
        CHECK(texts(log, kFirst) == Texts{"mine"});
    });
}

TEST_CASE("log: a record that is too large is refused and the log goes on") {
    on_every_twin([](Twin& twin) {
        Log& log = twin.log();
        acquire(log, kFirst, kTerm);
        CHECK(fault_of(commit_text(log, kFirst, kTerm, 0, std::string(kRecordBytesMax + 1, 'x'))) ==
              "storage: shard 0 record 0 has 1048577 bytes, at most 1048576 can be stored");
        require(commit_text(log, kFirst, kTerm, 0, std::string(kRecordBytesMax, 'x')));
        CHECK(log.end(kFirst).value() == RecordNumber(1));
    });
}

TEST_CASE("log: commits are durable in the order in which they were made") {
    on_every_twin([](Twin& twin) {
        Log& log = twin.log();
        acquire(log, kFirst, kTerm);
        acquire(log, kSecond, kTerm);
        const TextCommit a(0, "a"), b(0, "b"), c(1, "c");
        const CommitTicket first = log.commit(kFirst, kTerm, a.commit()).value();
        const CommitTicket second = log.commit(kSecond, kTerm, b.commit()).value();
        const CommitTicket third = log.commit(kFirst, kTerm, c.commit()).value();
        CHECK(first < second);
        CHECK(second < third);
        require(log.await(third));
        CHECK(log.is_durable(first).value());
        CHECK(log.is_durable(second).value());
        CHECK(texts(log, kFirst) == Texts{"a", "c"});
    });
}

TEST_CASE("log: a reader never sees a record before it is durable, and then at once") {
    on_every_twin([](Twin& twin) {
        Log& log = twin.log();
        acquire(log, kFirst, kTerm);
        std::atomic<bool> stop = false;
        std::atomic<bool> is_gapless = true;
        std::thread reader([&] {
            RecordNumber next(0);
            while (!stop) {
                std::vector<StoredRecord> records;
                if (!log.read_records(kFirst, next, 1000, records)) is_gapless = false;
                for (const StoredRecord& record : records) {
                    if (record.number != next ||
                        text_of(record.bytes) != std::to_string(next.value())) {
                        is_gapless = false;
                    }
                    next = next.next();
                }
            }
        });
        for (std::uint64_t i = 0; i < 200; ++i) {
            require(commit_text(log, kFirst, kTerm, i, std::to_string(i)));
            REQUIRE(log.end(kFirst).value() == RecordNumber(i + 1));
        }
        stop = true;
        reader.join();
        CHECK(is_gapless);
    });
}

TEST_CASE("log: shards commit side by side from their own threads") {
    on_every_twin([](Twin& twin) {
        Log& log = twin.log();
        const auto write = [&](ShardId shard) {
            if (!log.acquire(shard, kTerm)) return;
            for (std::uint64_t i = 0; i < 100; ++i) {
                if (!commit_text(log, shard, kTerm, i, std::to_string(i))) return;
            }
        };
        std::thread first(write, kFirst);
        std::thread second(write, kSecond);
        first.join();
        second.join();
        CHECK(log.end(kFirst).value() == RecordNumber(100));
        CHECK(log.end(kSecond).value() == RecordNumber(100));
        twin.reopen();
        CHECK(texts(twin.log(), kFirst) == texts(twin.log(), kSecond));
        CHECK(texts(twin.log(), kSecond).size() == 100);
    });
}

TEST_CASE("log: input is handed out in order, once, from where the writer is") {
    on_every_twin([](Twin& twin) {
        Log& log = twin.log();
        for (const char* text : {"a", "b", "c", "d"}) REQUIRE(log.produce(kFirst, bytes_of(text)));
        CHECK(log.produce(kSecond, bytes_of("other")).value() == Offset(0));
        CHECK(input_texts(log, kFirst, Offset(1), 2) == Texts{"1 b", "2 c"});
        CHECK(input_texts(log, kFirst, Offset(1), 2) == Texts{"3 d"});
        CHECK(input_texts(log, kFirst, Offset(4), 2).empty());
        CHECK(log.produce(kFirst, bytes_of("e")).value() == Offset(4));
        CHECK(input_texts(log, kFirst, Offset(4), 2) == Texts{"4 e"});
    });
}

TEST_CASE("log: a full input queue takes nothing until it is read") {
    on_every_twin([](Twin& twin) {
        Log& log = twin.log();
        for (std::size_t i = 0; i < kInputBatchesMax; ++i)
            REQUIRE(log.produce(kFirst, bytes_of("x")));
        CHECK(starts_with(fault_of(log.produce(kFirst, bytes_of("y"))), "retriable: "));
        CHECK(log.produce(kSecond, bytes_of("z")));
        CHECK(input_texts(log, kFirst, Offset(0), 1).size() == 1);
        CHECK(log.produce(kFirst, bytes_of("y")).value() == Offset(kInputBatchesMax));
    });
}

TEST_CASE("log: after reopening, offsets go on from the greatest that a record consumed") {
    on_every_twin([](Twin& twin) {
        acquire(twin.log(), kFirst, kTerm);
        for (int i = 0; i < 3; ++i) REQUIRE(twin.log().produce(kFirst, bytes_of("x")));
        require(commit_text(twin.log(), kFirst, kTerm, 0, "a", 2));
        require(commit_text(twin.log(), kFirst, kTerm, 1, "step", 2));
        twin.reopen();
        CHECK(twin.log().produce(kFirst, bytes_of("again")).value() == Offset(2));
        CHECK(twin.log().produce(kSecond, bytes_of("new")).value() == Offset(0));
    });
}

TEST_CASE("log: a writer that waits is woken by input, a commit, an interrupt, or its time") {
    on_every_twin([](Twin& twin) {
        Log& log = twin.log();
        // Each of these would block for ever if its reason were missed.
        REQUIRE(log.produce(kFirst, bytes_of("x")));
        log.wait_for_input(kFirst, {Offset(0), Offset(0)}, std::nullopt);
        log.interrupt();
        log.wait_for_input(kFirst, {Offset(1), Offset(0)}, std::nullopt);
        log.wait_for_input(kSecond, {Offset(0), Offset(0)}, std::nullopt);
        log.wait_for_input(kFirst, {Offset(1), Offset(0)}, 0);
        log.wait_for_input(kFirst, {Offset(1), Offset(0)}, 1);
        acquire(log, kFirst, kTerm);
        require(commit_text(log, kFirst, kTerm, 0, "a"));
        log.wait_for_input(kSecond, {Offset(0), Offset(0)}, std::nullopt);
        std::thread producer([&] { (void)log.produce(kSecond, bytes_of("late")); });
        while (input_texts(log, kSecond, Offset(0), 1).empty()) {
            log.wait_for_input(kSecond, {Offset(0), Offset(0)}, std::nullopt);
        }
        producer.join();
    });
}

}  // namespace
}  // namespace vouch
