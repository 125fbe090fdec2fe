#include "tests/events/log_embedded_support.h"
#include "tests/events/log_twins.h"

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>

namespace vouch {
namespace {

using namespace test;

/// Runs `story` as a case of its own against each twin.
void on_every_twin(const std::function<void(Twin&)>& story) {
    for (const TwinKind& kind : twin_kinds()) {
        SUBCASE(kind.name.c_str()) { story(*kind.make()); }
    }
}

RecordNumber acquire(Log& log, ShardId shard, Term term) {
    const Result<ShardEnd> end = log.acquire(shard, term);
    REQUIRE_MESSAGE(end, fault_of(end));
    return end->next_record;
}

Texts input_texts(Log& log, ShardId shard, Offset from, std::size_t batches_max = 1000) {
    std::vector<InputBatch> batches;
    require(log.read_commands(shard, from, batches_max, batches));
    Texts texts;
    for (const InputBatch& batch : batches) texts.push_back(text_of(batch.payload));
    return texts;
}

Offset produce(Log& log, ShardId shard, const std::string& text) {
    const Result<Offset> offset = log.produce(shard, bytes_of(text));
    REQUIRE_MESSAGE(offset, fault_of(offset));
    return *offset;
}

std::vector<StepInput> steps_of(Log& log, ShardId shard, Offset from = Offset(0),
                                std::size_t batches_max = 1000) {
    std::vector<StepInput> steps;
    require(log.read_steps(shard, from, batches_max, steps));
    return steps;
}

TEST_CASE("log: a new log is empty on every shard") {
    on_every_twin([](Twin& twin) {
        CHECK(twin.log().shard_count() == kTwinShards);
        CHECK(twin.log().end(kFirst).value() == RecordNumber(0));
        CHECK(twin.log().end(kSecond).value() == RecordNumber(0));
        CHECK(texts(twin.log(), kFirst).empty());
        CHECK(step_texts(twin.log(), kFirst).empty());
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

TEST_CASE("log: a range of a record is read alone, and ends with it") {
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
        require(log.read_range(kFirst, RecordNumber(1), 8, 3, out));
        CHECK(text_of(out) == "89");
        require(log.read_range(kFirst, RecordNumber(1), 11, 3, out));
        CHECK(out.empty());
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
        require(log.await(second));  // another shard's, which may take longer
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

TEST_CASE("log: input is handed out in order from where the writer is") {
    on_every_twin([](Twin& twin) {
        Log& log = twin.log();
        const Offset a = produce(log, kFirst, "a");
        const Offset b = produce(log, kFirst, "b");
        const Offset c = produce(log, kFirst, "c");
        const Offset d = produce(log, kFirst, "d");
        produce(log, kSecond, "other");
        CHECK(a < b);
        CHECK(b < c);
        CHECK(c < d);
        CHECK(input_texts(log, kFirst, a.next(), 2) == Texts{"b", "c"});
        CHECK(input_texts(log, kFirst, c.next(), 2) == Texts{"d"});
        CHECK(input_texts(log, kFirst, d.next(), 2).empty());
        const Offset e = produce(log, kFirst, "e");
        CHECK(d < e);
        CHECK(input_texts(log, kFirst, d.next(), 2) == Texts{"e"});
    });
}

TEST_CASE("log: input in memory is handed out once, from a bounded queue") {
    on_every_twin([](Twin& twin) {
        if (!twin.keeps_input_in_memory()) return;
        Log& log = twin.log();
        for (std::size_t i = 0; i < kInputBatchesMax; ++i) produce(log, kFirst, "x");
        CHECK(starts_with(fault_of(log.produce(kFirst, bytes_of("y"))), "retriable: "));
        CHECK(log.produce(kSecond, bytes_of("z")));
        CHECK(input_texts(log, kFirst, Offset(0), 1).size() == 1);
        CHECK(log.produce(kFirst, bytes_of("y")).value() == Offset(kInputBatchesMax));
        CHECK(input_texts(log, kFirst, Offset(0)).size() == kInputBatchesMax);
        CHECK(input_texts(log, kFirst, Offset(0)).empty());
    });
}

TEST_CASE("log: after reopening, offsets go on behind the greatest that a record consumed") {
    on_every_twin([](Twin& twin) {
        acquire(twin.log(), kFirst, kTerm);
        produce(twin.log(), kFirst, "x");
        const Offset next = produce(twin.log(), kFirst, "y").next();
        produce(twin.log(), kFirst, "z");
        require(commit_text(twin.log(), kFirst, kTerm, 0, "a", next.value()));
        require(commit_text(twin.log(), kFirst, kTerm, 1, "timer", next.value()));
        twin.reopen();
        const Offset again = produce(twin.log(), kFirst, "again");
        CHECK(again >= next);
        CHECK(input_texts(twin.log(), kFirst, next).back() == "again");
        if (!twin.keeps_input_in_memory()) return;
        CHECK(again == next);
        CHECK(produce(twin.log(), kSecond, "new") == Offset(0));
    });
}

TEST_CASE("log: a writer that waits is woken by input, a commit, an interrupt, or its time") {
    on_every_twin([](Twin& twin) {
        Log& log = twin.log();
        // Each of these would block for ever if its reason were missed.
        const Offset x = produce(log, kFirst, "x");
        log.wait_for_input(kFirst, {x, Offset(0)}, std::nullopt);
        log.interrupt();
        log.wait_for_input(kFirst, {x.next(), Offset(0)}, std::nullopt);
        log.wait_for_input(kSecond, {}, std::nullopt);
        log.wait_for_input(kFirst, {x.next(), Offset(0)}, 0);
        log.wait_for_input(kFirst, {x.next(), Offset(0)}, 1);
        acquire(log, kFirst, kTerm);
        require(commit_text(log, kFirst, kTerm, 0, "a"));
        log.wait_for_input(kSecond, {}, std::nullopt);
        std::thread producer([&] { (void)log.produce(kSecond, bytes_of("late")); });
        while (input_texts(log, kSecond, Offset(0), 1).empty()) {
            log.wait_for_input(kSecond, {}, std::nullopt);
        }
        producer.join();
    });
}

// --- Steps ----------------------------------------------------------------------------------

TEST_CASE("log: steps reach their shards with the record that they came with, in order") {
    on_every_twin([](Twin& twin) {
        Log& log = twin.log();
        for (const ShardId shard : {kFirst, kSecond, kThird}) acquire(log, shard, kTerm);
        TextCommit a(0, "a");
        a.send(kThird, "a1").send(kSecond, "a2").send(kThird, "a3");
        require(commit_and_await(log, kFirst, kTerm, a));
        TextCommit b(0, "b");
        b.send(kThird, "b1").send(kFirst, "b2");
        require(commit_and_await(log, kSecond, kTerm, b));
        TextCommit c(1, "c");
        c.send(kThird, std::string(kStepBatchBytesMax, 'c'));
        require(commit_and_await(log, kFirst, kTerm, c));
        for (int again = 0; again < 2; ++again) {
            CAPTURE(again);
            CHECK(step_texts(twin.log(), kFirst) == Texts{"b2"});
            CHECK(step_texts(twin.log(), kSecond) == Texts{"a2"});
            CHECK(step_texts(twin.log(), kThird) ==
                  Texts{"a1", "a3", "b1", std::string(kStepBatchBytesMax, 'c')});
            // A record's bytes are its own.
            CHECK(texts(twin.log(), kFirst) == Texts{"a", "c"});
            CHECK(texts(twin.log(), kSecond) == Texts{"b"});
            twin.reopen();
        }
    });
}

TEST_CASE("log: steps are handed out from where the reader says, as often as it asks") {
    on_every_twin([](Twin& twin) {
        acquire(twin.log(), kFirst, kTerm);
        for (std::uint64_t i = 0; i < 5; ++i) {
            TextCommit commit(i, "record");
            commit.send(kSecond, std::to_string(i));
            require(commit_and_await(twin.log(), kFirst, kTerm, commit));
        }
        const std::vector<StepInput> all = steps_of(twin.log(), kSecond);
        REQUIRE(all.size() == 5);
        for (std::size_t i = 1; i < 5; ++i) CHECK(all[i - 1].offset < all[i].offset);
        for (const int from : {3, 1, 4, 0}) {
            CAPTURE(from);
            const std::vector<StepInput> part =
                steps_of(twin.log(), kSecond, all[static_cast<std::size_t>(from)].offset, 2);
            REQUIRE(part.size() == (from == 4 ? 1 : 2));
            CHECK(part[0].offset == all[static_cast<std::size_t>(from)].offset);
            CHECK(text_of(part[0].payload) == std::to_string(from));
        }
        CHECK(steps_of(twin.log(), kSecond, all[0].offset.next(), 1).front().offset ==
              all[1].offset);
        CHECK(steps_of(twin.log(), kSecond, all[4].offset.next()).empty());
        CHECK(steps_of(twin.log(), kSecond, Offset(0), 0).empty());
    });
}

TEST_CASE("log: after reopening, steps wait from every position that their shard may stand at") {
    on_every_twin([](Twin& twin) {
        acquire(twin.log(), kFirst, kTerm);
        acquire(twin.log(), kSecond, kTerm);
        for (std::uint64_t i = 0; i < 4; ++i) {
            TextCommit commit(i, "record");
            commit.send(kSecond, std::to_string(i));
            require(commit_and_await(twin.log(), kFirst, kTerm, commit));
        }
        std::vector<StepInput> all = steps_of(twin.log(), kSecond);
        REQUIRE(all.size() == 4);
        TextCommit consumer(0, "took two");
        consumer.consume(all[1].offset.next());
        require(commit_and_await(twin.log(), kSecond, kTerm, consumer));
        // Read ahead without a commit: not consumed.
        CHECK(step_texts(twin.log(), kSecond, all[3].offset) == Texts{"3"});
        for (int again = 0; again < 3; ++again) {
            CAPTURE(again);
            CHECK(step_texts(twin.log(), kSecond, all[1].offset.next()) == Texts{"2", "3"});
            CHECK(step_texts(twin.log(), kSecond, all[2].offset.next()) == Texts{"3"});
            CHECK(step_texts(twin.log(), kSecond, all[3].offset.next()).empty());
            CHECK(steps_of(twin.log(), kSecond, all[2].offset, 1).front().offset == all[2].offset);
            twin.reopen();
        }
        acquire(twin.log(), kFirst, Term(2));
        TextCommit later(4, "record");
        later.send(kSecond, "4");
        require(commit_and_await(twin.log(), kFirst, Term(2), later));
        CHECK(step_texts(twin.log(), kSecond, all[3].offset) == Texts{"3", "4"});
        CHECK(steps_of(twin.log(), kSecond, all[3].offset.next()).front().offset > all[3].offset);
    });
}

TEST_CASE("log: a commit that is refused sends nothing") {
    on_every_twin([](Twin& twin) {
        Log& log = twin.log();
        acquire(log, kFirst, Term(2));
        TextCommit zombie(0, "zombie"), gap(1, "gap");
        zombie.send(kSecond, "from nobody");
        gap.send(kSecond, "too early");
        CHECK(starts_with(fault_of(log.commit(kFirst, kTerm, zombie.commit())), "fenced: "));
        CHECK(starts_with(fault_of(log.commit(kFirst, Term(2), gap.commit())), "fenced: "));
        TextCommit good(0, "good");
        good.send(kSecond, "sent");
        require(commit_and_await(log, kFirst, Term(2), good));
        CHECK(step_texts(log, kSecond) == Texts{"sent"});
        twin.reopen();
        CHECK(step_texts(twin.log(), kSecond) == Texts{"sent"});
    });
}

TEST_CASE("log: steps that are too large, too many or for no other shard are refused") {
    on_every_twin([](Twin& twin) {
        Log& log = twin.log();
        acquire(log, kFirst, kTerm);
        TextCommit large(0, "x"), own(0, "x"), nobody(0, "x"), many(0, "x");
        large.send(kSecond, std::string(kStepBatchBytesMax + 1, 'x'));
        own.send(kSecond, "fine").send(kFirst, "x");
        nobody.send(ShardId(kTwinShards), "x");
        for (std::size_t i = 0; i <= kCommitStepsMax; ++i) many.send(kSecond, "x");
        CHECK(fault_of(log.commit(kFirst, kTerm, large.commit())) ==
              "storage: shard 0 record 0: a batch of steps has 524289 bytes, at most 524288 can be "
              "stored");
        CHECK(fault_of(log.commit(kFirst, kTerm, own.commit())) ==
              "storage: shard 0 record 0: steps for shard 0, expected another of 3");
        CHECK(fault_of(log.commit(kFirst, kTerm, nobody.commit())) ==
              "storage: shard 0 record 0: steps for shard 3, expected another of 3");
        CHECK(fault_of(log.commit(kFirst, kTerm, many.commit())) ==
              "storage: shard 0 record 0: 1025 batches of steps, at most 1024 can be stored");
        CHECK(step_texts(log, kSecond).empty());
        TextCommit most(0, "good");
        for (std::size_t i = 0; i < kCommitStepsMax; ++i) most.send(kSecond, std::to_string(i));
        require(commit_and_await(log, kFirst, kTerm, most));
        twin.reopen();
        const Texts found = step_texts(twin.log(), kSecond);
        REQUIRE(found.size() == kCommitStepsMax);
        for (std::size_t i = 0; i < kCommitStepsMax; ++i) REQUIRE(found[i] == std::to_string(i));
    });
}

TEST_CASE("log: steps wake the writer of the shard that receives them, also after reopening") {
    on_every_twin([](Twin& twin) {
        acquire(twin.log(), kFirst, kTerm);
        TextCommit first(0, "record");
        first.send(kSecond, "0");
        require(commit_and_await(twin.log(), kFirst, kTerm, first));
        twin.reopen();
        // Each of these would block for ever if its reason were missed.
        Log& log = twin.log();
        log.wait_for_input(kSecond, {}, std::nullopt);
        log.wait_for_input(kSecond, {}, std::nullopt);
        Offset next = steps_of(log, kSecond).front().offset.next();
        acquire(log, kFirst, kTerm);
        std::atomic<bool> is_sent = true;
        std::thread sender([&] {
            for (std::uint64_t i = 1; i <= 50; ++i) {
                TextCommit commit(i, "record");
                commit.send(kSecond, std::to_string(i));
                if (!commit_and_await(log, kFirst, kTerm, commit)) is_sent = false;
            }
        });
        Texts received;
        while (received.size() < 50 && is_sent) {
            for (const StepInput& steps : steps_of(log, kSecond, next)) {
                received.push_back(text_of(steps.payload));
                next = steps.offset.next();
            }
            if (received.size() < 50) log.wait_for_input(kSecond, {Offset(0), next}, std::nullopt);
        }
        sender.join();
        CHECK(is_sent);
        for (std::size_t i = 0; i < received.size(); ++i) {
            REQUIRE(received[i] == std::to_string(i + 1));
        }
    });
}

TEST_CASE("log: shards that send to one another at the same time each arrive in order") {
    on_every_twin([](Twin& twin) {
        Log& log = twin.log();
        constexpr std::uint64_t kCommits = 40;
        const auto write = [&](ShardId shard, const std::string& name) {
            if (!log.acquire(shard, kTerm)) return;
            for (std::uint64_t i = 0; i < kCommits; ++i) {
                TextCommit commit(i, name);
                commit.send(kThird, name + std::to_string(i));
                if (!commit_and_await(log, shard, kTerm, commit)) return;
            }
        };
        std::thread first(write, kFirst, "a");
        std::thread second(write, kSecond, "b");
        first.join();
        second.join();
        const std::vector<StepInput> before = steps_of(log, kThird);
        twin.reopen();
        const std::vector<StepInput> after = steps_of(twin.log(), kThird);
        REQUIRE(before.size() == 2 * kCommits);
        REQUIRE(after.size() == before.size());
        std::uint64_t arrived[2] = {0, 0};
        for (std::size_t i = 0; i < before.size(); ++i) {
            const std::string text = text_of(before[i].payload);
            CHECK(after[i].offset == before[i].offset);
            CHECK(text_of(after[i].payload) == text);
            REQUIRE(text.substr(1) == std::to_string(arrived[text[0] == 'a' ? 0 : 1]++));
        }
    });
}

}  // namespace
}  // namespace vouch
