#include "tests/events/kafka_memory_rig.h"
#include "tests/simulation/fibre_scheduler.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

// What the cluster in memory does: each rule of brokers and librdkafka that it models, by itself.

namespace vouch {
namespace {

using namespace test;
using Request = MemoryBroker::Request;
using Fate = MemoryBroker::Fate;
using Met = MemoryBroker::Met;
using Texts = std::vector<std::string>;

constexpr TransactionProtocol kProtocols[] = {
    TransactionProtocol::unverified, TransactionProtocol::verified, TransactionProtocol::bumped};
constexpr std::int64_t kMinuteMs = 60'000;

std::uint64_t in_simulated_time(const std::function<void()>& story, std::uint64_t seed = 1) {
    FibreScheduler world(seed);
    world.run("test", story);
    return world.trace();
}

/// One member of the group, polled when the test says so.
struct PolledMember {
    PolledMember(MemoryCluster& cluster, const std::string& instance, std::int64_t session_ms) {
        member = std::move(*cluster.client.open_member("memory", {.group = "books.handlers",
                                                                  .instance = instance,
                                                                  .topics = {"books.commands"},
                                                                  .session_ms = session_ms,
                                                                  .heartbeat_ms = 100,
                                                                  .proof_ms = &proof_ms}));
        REQUIRE(member->subscribe());
    }
    std::string poll() {
        std::string told = "nothing";
        member->poll(0, [&](const kafka::Assignment& news) {
            told = news.kind == kafka::Assignment::Kind::given        ? "given"
                   : news.kind == kafka::Assignment::Kind::taken_back ? "taken back"
                                                                      : "lost";
            for (const std::int32_t each : news.partitions) told += " " + std::to_string(each);
            return true;
        });
        return told;
    }
    std::atomic<std::int64_t> proof_ms = 0;
    std::unique_ptr<kafka::GroupMember> member;
};

/// Producers of the first shard's name, on a cluster of two shards.
struct Producers {
    explicit Producers(TransactionProtocol protocol = TransactionProtocol::verified,
                       std::int64_t session_ms = 60 * kMinuteMs)
        : cluster(2, protocol), member(cluster, "a", session_ms) {
        REQUIRE(member.poll() == "given 0 1");
        watermarks = std::move(*cluster.client.open_watermarks("memory"));
    }
    std::unique_ptr<kafka::Transactions> producer() {
        auto made = std::move(*cluster.client.open_transactions(cluster.options, kFirst));
        const Status taken = made->take_over(kMinuteMs);
        REQUIRE_MESSAGE(taken, fault_of(taken));
        return made;
    }
    /// A record with steps to the second shard.
    std::string run(kafka::Transactions& producer, const std::string& text) {
        const Bytes record = bytes_of(text), steps = bytes_of("steps of " + text);
        const kafka::TransactionEnd end = producer.run(
            {kFirst, RecordNumber(number++), record, {{kSecond, steps}}, {Offset(number), {}}},
            member.member->identity());
        if (end.is_committed) return "ends " + std::to_string(end.ends_sent);
        return (end.is_fenced ? "fenced, " : end.is_displaced ? "displaced, " : "") + end.reason;
    }
    Texts records() { return cluster.records(); }
    Texts steps() { return cluster.broker.shown("books.steps", 1); }
    std::optional<std::int64_t> consumed() {
        return cluster.broker.consumed("books.handlers", "books.commands", 0);
    }
    /// How much readers are kept from.
    std::int64_t undecided(const std::string& topic, std::int32_t partition) {
        return *watermarks->high(topic, partition, 1'000) -
               *watermarks->stable_end(topic, partition, 1'000);
    }

    MemoryCluster cluster;
    PolledMember member;
    std::unique_ptr<kafka::Watermarks> watermarks;
    std::uint64_t number = 0;
};

TEST_CASE("memory kafka: of one transaction each place is marked by itself, in any order") {
    in_simulated_time([] {
        Producers all;
        const auto writer = all.producer();
        all.cluster.broker.hold_marks();
        CHECK(all.run(*writer, "one") == "ends 1");
        CHECK(all.undecided("books.events", 0) == 1);
        CHECK(!all.consumed());
        all.cluster.broker.write_mark("books.steps", 1);
        CHECK(all.steps() == Texts{"steps of one"});
        CHECK(all.records().empty());
        // Until the last one is written the name begins nothing.
        const auto next = std::move(*all.cluster.client.open_transactions(all.cluster.options,
                                                                          kFirst));
        CHECK(fault_of(next->take_over(5'000)) == "retriable: books.shard.0: not answered in time");
        all.cluster.broker.write_mark("books.events", 0);
        CHECK(all.records() == Texts{"one"});
        CHECK(!all.consumed());
        CHECK(!next->take_over(5'000));
        all.cluster.broker.write_marks();
        CHECK(all.consumed() == 1);
        CHECK(next->take_over(5'000));
    });
}

TEST_CASE("memory kafka: what is open holds all that is behind it, until it is too long open") {
    in_simulated_time([] {
        Producers all;
        const auto writer = all.producer();
        MemoryBroker& broker = all.cluster.broker;
        broker.put_open("stranger", "books.events", 0, {}, bytes_of("foreign"));
        CHECK(all.run(*writer, "one") == "ends 1");
        CHECK(all.records().empty());
        CHECK(all.undecided("books.events", 0) == 3);
        sleep_for(std::chrono::seconds(59));
        CHECK(all.records().empty());
        sleep_for(std::chrono::seconds(2));
        CHECK(all.records() == Texts{"one"});
        CHECK(all.undecided("books.events", 0) == 0);
        // Which took its epoch.
        CHECK(!broker.end_open("stranger", true));
        CHECK(all.records() == Texts{"one"});
    });
}

TEST_CASE("memory kafka: an end that comes after a take-over is refused, whatever it would end") {
    for (const TransactionProtocol protocol : kProtocols) {
        CAPTURE(static_cast<int>(protocol));
        in_simulated_time([protocol] {
            Producers all(protocol);
            const auto older = all.producer();
            all.cluster.broker.meet(Request::end, {Fate::late, true, 11'000'000});
            CHECK(all.run(*older, "lost") == "commit a transaction: not answered in time");
            const auto newer = all.producer();
            CHECK(all.undecided("books.events", 0) == 0);
            all.cluster.broker.meet(Request::consume, {Fate::request_lost});
            CHECK(all.run(*newer, "kept") == "ends 1");
            sleep_for(std::chrono::seconds(2));
            CHECK(all.records() == Texts{"kept"});
            CHECK(all.steps() == Texts{"steps of kept"});
            CHECK(starts_with(all.run(*older, "zombie's"), "begin a transaction: "));
        });
    }
}

TEST_CASE("memory kafka: an epoch is checked wherever a producer comes") {
    for (const Request when : {Request::add, Request::produce, Request::consume, Request::end}) {
        for (const TransactionProtocol protocol : kProtocols) {
            if (protocol == TransactionProtocol::bumped && when == Request::add) continue;
            CAPTURE(static_cast<int>(when));
            CAPTURE(static_cast<int>(protocol));
            in_simulated_time([when, protocol] {
                Producers all(protocol);
                const auto writer = all.producer();
                CHECK(all.run(*writer, "first") == "ends 1");
                // It waits for its connection while the name gets another epoch.
                all.cluster.broker.meet(when, {Fate::request_lost});
                Thread other("other", [&] {
                    sleep_for(std::chrono::milliseconds(50));
                    all.cluster.broker.bump_epoch("books.shard.0");
                });
                const std::string told = all.run(*writer, "second");
                other.join();
                CHECK_MESSAGE(starts_with(told, "fenced, "), told);
                CHECK(all.records() == Texts{"first"});
                CHECK(all.steps() == Texts{"steps of first"});
                CHECK(all.consumed() == 1);
                CHECK(all.undecided("books.events", 0) == 0);
                CHECK(all.undecided("books.steps", 1) == 0);
            });
        }
    }
}

/// KIP-890: nothing but the epoch tells the copy from the next transaction's own end.
TEST_CASE("memory kafka: an end that comes again ends the next transaction early, in version 1") {
    struct Row {
        TransactionProtocol protocol;
        std::string told;
        Texts records;
        Texts steps;
        std::int64_t hanging;
    };
    const Row rows[] = {
        {TransactionProtocol::unverified, "ends 1", {"one", "two"}, {"steps of one"}, 1},
        {TransactionProtocol::verified, "write: INVALID_TXN_STATE", {"one", "two"},
         {"steps of one"}, 0},
        {TransactionProtocol::bumped, "ends 1", {"one", "two"}, {"steps of one", "steps of two"},
         0}};
    for (const Row& row : rows) {
        CAPTURE(static_cast<int>(row.protocol));
        in_simulated_time([&row] {
            Producers all(row.protocol);
            const auto writer = all.producer();
            all.cluster.broker.fail_commit(MemoryBroker::CommitFault::answered_twice);
            CHECK(all.run(*writer, "one") == "ends 2");
            CHECK(all.run(*writer, "two") == row.told);
            // Also not by a take-over: no coordinator knows of what hangs.
            all.producer();
            sleep_for(std::chrono::minutes(2));
            CHECK(all.records() == row.records);
            CHECK(all.steps() == row.steps);
            CHECK(all.undecided("books.steps", 1) == row.hanging);
        });
    }
    // Another epoch is all it takes.
    for (const TransactionProtocol protocol : kProtocols) {
        in_simulated_time([protocol] {
            Producers all(protocol);
            all.cluster.broker.fail_commit(MemoryBroker::CommitFault::answered_twice);
            CHECK(all.run(*all.producer(), "one") == "ends 2");
            CHECK(all.run(*all.producer(), "two") == "ends 1");
            CHECK(all.steps() == Texts{"steps of one", "steps of two"});
        });
    }
}

TEST_CASE("memory kafka: a message that comes after its transaction's end hangs, unless verified") {
    for (const TransactionProtocol protocol : kProtocols) {
        CAPTURE(static_cast<int>(protocol));
        in_simulated_time([protocol] {
            MemoryCoordinator coordinator(protocol);
            MemoryPartition partition;
            const BrokerPlace place("topic", 0);
            const ProducerLife life = coordinator.init("name", std::chrono::minutes(1)).life;
            const auto send = [&](std::int64_t sequence) {
                return partition
                    .append({std::make_shared<MemoryPartition::Message>(),
                             MemoryPartition::State::open, 0, life, sequence, true},
                            [&] { return coordinator.verify("name", life, place, steady_now()); })
                    .answer;
            };
            REQUIRE(coordinator.add("name", life, {place}, steady_now()) == Reply::done);
            CHECK(send(0) == Reply::done);
            CHECK(coordinator.end("name", life, false).answer == Reply::done);
            for (const auto& mark : coordinator.take_marks()) {
                partition.mark(mark.by, mark.commits);
                coordinator.written(mark);
            }
            CHECK(partition.stable_end() == 2);
            const bool is_bumped = protocol == TransactionProtocol::bumped;
            const bool hangs = protocol == TransactionProtocol::unverified;
            CHECK(send(1) == (hangs       ? Reply::done
                              : is_bumped ? Reply::invalid_producer_epoch
                                          : Reply::invalid_txn_state));
            CHECK(partition.high() - partition.stable_end() == (hangs ? 1 : 0));
        });
    }
}

TEST_CASE("memory kafka: partitions that are added too late open what ends by itself") {
    in_simulated_time([] {
        Producers all;
        const auto writer = all.producer();
        all.cluster.broker.meet(Request::add, {Fate::late, false, 5'000'000});
        CHECK(all.run(*writer, "one") == "ends 1");
        CHECK(*all.watermarks->high("books.events", 0, 1'000) == 2);
        sleep_for(std::chrono::seconds(17));
        // A mark alone, and an epoch that the writer does not have.
        CHECK(*all.watermarks->stable_end("books.events", 0, 1'000) == 3);
        CHECK(starts_with(all.run(*writer, "two"), "fenced, "));
        CHECK(all.records() == Texts{"one"});
    });
}

TEST_CASE("memory kafka: a batch that comes again, one of the last five, is not there twice") {
    MemoryPartition partition;
    const auto send = [&](std::int64_t epoch, std::int64_t sequence) {
        const auto appended =
            partition.append({std::make_shared<MemoryPartition::Message>(),
                              MemoryPartition::State::shown, 0, {1, epoch}, sequence, false},
                             [] { return Reply::done; });
        return appended.answer == Reply::done ? std::to_string(appended.offset)
                                               : std::string(name_of(appended.answer));
    };
    for (std::int64_t i = 0; i < 7; ++i) CHECK(send(0, i) == std::to_string(i));
    CHECK(send(0, 6) == "6");
    CHECK(send(0, 2) == "2");
    CHECK(send(0, 1) == "OUT_OF_ORDER_SEQUENCE_NUMBER");
    CHECK(send(0, 8) == "OUT_OF_ORDER_SEQUENCE_NUMBER");
    CHECK(send(1, 7) == "OUT_OF_ORDER_SEQUENCE_NUMBER");
    CHECK(send(1, 0) == "7");
    CHECK(send(0, 7) == "INVALID_PRODUCER_EPOCH");
    CHECK(partition.high() == 8);
}

TEST_CASE("memory kafka: whatever request or answer is lost or late, what is sent again is once") {
    for (const TransactionProtocol protocol : kProtocols) {
        for (const Request request :
             {Request::init, Request::add, Request::produce, Request::consume, Request::end}) {
            for (const Fate fate : {Fate::answer_lost, Fate::request_lost, Fate::late}) {
                if (protocol == TransactionProtocol::bumped && request == Request::add) continue;
                CAPTURE(static_cast<int>(protocol));
                CAPTURE(static_cast<int>(request));
                CAPTURE(static_cast<int>(fate));
                in_simulated_time([=] {
                    Producers all(protocol);
                    // What is late comes before what is sent again.
                    all.cluster.broker.meet(request, {fate, false, 20'000});
                    const auto writer = all.producer();
                    const bool is_end = request == Request::end;
                    CHECK(all.run(*writer, "one") == (is_end ? "ends 2" : "ends 1"));
                    CHECK(all.run(*all.producer(), "two") == "ends 1");
                    CHECK(all.records() == Texts{"one", "two"});
                    CHECK(all.steps() == Texts{"steps of one", "steps of two"});
                    CHECK(all.consumed() == 2);
                });
            }
        }
    }
}

TEST_CASE("memory kafka: what an appender sends again is there once, what it gave up perhaps") {
    in_simulated_time([] {
        Producers all;
        const kafka::Patience patience(kMinuteMs);
        const auto appender = std::move(*all.cluster.client.open_appender(
            {"memory", "books.commands", 3'000, 1'000}, patience));
        for (const Fate fate : {Fate::answer_lost, Fate::request_lost, Fate::late}) {
            all.cluster.broker.meet(Request::append, {fate, false, 10'000});
            CHECK(appender->append(0, bytes_of("x")).value() == static_cast<int>(fate) - 1);
        }
        all.cluster.broker.lose_leader("books.commands", 0);
        CHECK(starts_with(fault_of(appender->append(0, bytes_of("y"))), "retriable: "));
        all.cluster.broker.find_leaders();
        CHECK(appender->append(0, bytes_of("z")).value() == 3);
        all.cluster.broker.delete_topic("books.commands");
        CHECK(fault_of(appender->append(0, bytes_of("z"))) ==
              "retriable: books.commands partition 0: UNKNOWN_TOPIC_OR_PART");
    });
}

TEST_CASE("memory kafka: a coordinator that moves has nothing forgotten") {
    in_simulated_time([] {
        Producers all;
        const auto writer = all.producer();
        for (const std::string of : {"books.shard.0", "books.handlers"}) {
            all.cluster.broker.move_coordinator(of, 4'000);
            const SteadyTime from = steady_now();
            CHECK(all.run(*writer, "moved") == "ends 1");
            CHECK(steady_now() - from >= std::chrono::seconds(4));
        }
        CHECK(all.member.poll() == "nothing");
        CHECK(!all.member.member->fatal());
        CHECK(all.consumed() == 2);
    });
}

TEST_CASE("memory kafka: until a member has joined the next generation it commits by its own") {
    in_simulated_time([] {
        Producers all(TransactionProtocol::verified, 6'000);
        const auto writer = all.producer();
        PolledMember other(all.cluster, "b", 6'000);
        CHECK(other.poll() == "nothing");
        CHECK(all.run(*writer, "one") == "ends 1");
        CHECK(all.member.poll() == "taken back");
        CHECK(all.run(*writer, "two") == "ends 1");
        const std::string before = all.member.member->identity();
        CHECK(all.member.poll() == "given 0");
        CHECK(other.poll() == "given 1");
        CHECK(all.run(*writer, "three") == "ends 1");
        const Bytes late = bytes_of("late");
        CHECK(writer->run({kFirst, RecordNumber(3), late, {}, {}}, before).is_displaced);
        // A session that is over is another generation too.
        sleep_for(std::chrono::seconds(5));
        CHECK(other.poll() == "nothing");
        sleep_for(std::chrono::seconds(2));
        CHECK(other.poll() == "taken back");
        CHECK(other.poll() == "given 0 1");
        CHECK(all.run(*all.producer(), "zombie's") ==
              "displaced, send the offsets: UNKNOWN_MEMBER_ID");
        CHECK(all.member.poll() == "lost");
        CHECK(all.records() == Texts{"one", "two", "three"});
        // One that has nothing to give back joins again by itself, by another name.
        PolledMember third(all.cluster, "c", 6'000);
        CHECK(third.poll() == "nothing");
        const std::string name = third.member->name();
        all.cluster.broker.expire("c");
        CHECK(third.poll() == "nothing");
        CHECK(third.member->name() != name);
    });
}

TEST_CASE("memory kafka: topics lose what stood at their beginning, at their end, or all") {
    in_simulated_time([] {
        Producers all;
        MemoryBroker& broker = all.cluster.broker;
        CHECK(all.run(*all.producer(), "one") == "ends 1");
        CHECK(all.run(*all.producer(), "two") == "ends 1");
        const auto reader = std::move(
            *all.cluster.client.open_reader("memory", "books.events", kafka::ReadAhead::far));
        REQUIRE(reader->start(0, 0));
        CHECK(reader->next(0)->offset == 0);
        broker.trim("books.events", 0, 2);
        CHECK(reader->next(0).error().code == FaultCode::corrupt);
        CHECK(*all.watermarks->first("books.events", 0, 1'000) == 2);
        // With the mark the decision is gone, and no coordinator will make it again.
        broker.lose_end("books.events", 0, 3);
        CHECK(all.undecided("books.events", 0) == 1);
        CHECK(all.records().empty());
        // The next one of the same producer counts for both.
        CHECK(all.run(*all.producer(), "three") == "ends 1");
        CHECK(all.records() == Texts{"two", "three"});
        broker.expire_consumed("books.handlers");
        CHECK(!all.consumed());
        broker.make_again("books.events");
        CHECK(*all.watermarks->high("books.events", 0, 1'000) == 0);
        CHECK(all.run(*all.producer(), "anew") == "ends 1");
        CHECK(all.records() == Texts{"anew"});
    });
}

TEST_CASE("memory kafka: a message that is larger than its topic takes is refused") {
    in_simulated_time([] {
        Producers all;
        const auto writer = all.producer();
        CHECK(all.run(*writer, std::string(kafka::kMessageBytesMax + 1, 'x')) ==
              "write: MSG_SIZE_TOO_LARGE");
        CHECK(all.undecided("books.events", 0) == 0);
    });
}

/// A little of everything.
BrokerFaults all_faults() {
    BrokerFaults faults;
    for (const BrokerFaultKind& kind : broker_fault_kinds())
        faults.*kind.value = kind.is_time ? 300'000 : 40'000;
    faults.latency_us = 5'000;
    faults.place_forgotten = 300;
    return faults;
}

/// What a writer commits stands there once, in its order, whatever the brokers do meanwhile.
TEST_CASE("memory kafka: under faults of every kind the log has what was committed, by seed") {
    static constexpr std::uint64_t kRecords = 100, kSeeds = 20;
    const auto play = [](std::uint64_t seed) {
        return in_simulated_time(
            [seed] {
                MemoryCluster cluster(2, kProtocols[seed % 3], seed);
                KafkaParts parts(cluster);
                kafka::ShardCommitter committer = parts.committer();
                cluster.broker.set_faults(all_faults());
                const Result<kafka::Tail> tail = committer.acquire();
                REQUIRE_MESSAGE(tail, fault_of(tail));
                Texts expected, steps;
                for (std::uint64_t number = 0; number < kRecords; ++number) {
                    expected.push_back("record " + std::to_string(number));
                    steps.push_back("steps of " + expected.back());
                    TextCommit commit(number, expected.back(), number + 1);
                    commit.send(kSecond, steps.back());
                    const Status done = committer.commit(commit.commit());
                    REQUIRE_MESSAGE(done, fault_of(done));
                }
                cluster.broker.set_faults({});
                sleep_for(std::chrono::seconds(20));
                CHECK(texts(*cluster.open_reader(), kFirst) == expected);
                CHECK(cluster.broker.shown("books.steps", 1) == steps);
                CHECK(cluster.broker.consumed("books.handlers", "books.commands", 0) == kRecords);
            },
            seed);
    };
    std::set<std::uint64_t> traces;
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        CAPTURE(seed);
        const std::uint64_t trace = play(seed);
        CHECK(play(seed) == trace);
        traces.insert(trace);
    }
    CHECK(traces.size() == kSeeds);
}

}  // namespace
}  // namespace vouch
