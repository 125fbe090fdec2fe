#include "events/log/kafka/cluster_watch.h"
#include "events/world/notice.h"
#include "events/world/thread.h"
#include "tests/events/kafka_memory_rig.h"
#include "tests/simulation/fibre_scheduler.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// Handlers of one deployment beside each other, brokers that go away, and sessions that end: on
// fibres, so that minutes pass at once.

namespace vouch {
namespace {

using namespace test;
using kafka::Membership;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Joined = Result<std::unique_ptr<Membership>>;

constexpr const char* kInstance = "books.handler.0";

void on_fibres(const std::function<void(FibreScheduler&)>& story, std::uint64_t seed = 1) {
    FibreScheduler world(seed);
    world.run("test", [&] { story(world); });
}

/// A thread that is joined.
struct Beside {
    explicit Beside(std::function<void()> body) : thread("beside", std::move(body)) {}
    ~Beside() { thread.join(); }
    Thread thread;
};

KafkaLogOptions other_directory(const MemoryCluster& cluster, std::int64_t patience_ms = 60'000) {
    KafkaLogOptions options = cluster.options;
    options.instance = "other";
    options.patience_ms = patience_ms;
    return options;
}

std::unique_ptr<Membership> join(const KafkaLogOptions& options) {
    Joined joined = Membership::join(options);
    REQUIRE_MESSAGE(joined, fault_of(joined));
    return std::move(*joined);
}

/// A log of one shard, with a record.
struct Begun {
    explicit Begun(const std::string& record, std::optional<std::int64_t> patience_ms = {}) {
        if (patience_ms) cluster.options.patience_ms = *patience_ms;
        log = cluster.open();
        REQUIRE(log->acquire(kFirst, kTerm));
        REQUIRE(commit_text(*log, kFirst, kTerm, 0, record));
    }

    MemoryCluster cluster{1};
    std::unique_ptr<KafkaLog> log;
};

/// What a membership ended with, or nothing.
class Ending {
public:
    explicit Ending(Membership& of) : of_(of) {
        of.when_ended([this](const Fault& fault) { text_ = fault_of(fault); });
    }
    ~Ending() { of_.when_ended({}); }
    const std::string& text() const { return text_; }

private:
    Membership& of_;
    std::string text_;
};

TEST_CASE("cluster watch: brokers that are gone are told within five seconds, a moment is not") {
    on_fibres([](FibreScheduler& world) {
        MemoryCluster cluster(2);
        const auto watermarks =
            std::move(*cluster.client.open_watermarks(cluster.options.bootstrap));
        kafka::ClusterWatch watch(cluster.options, *watermarks);
        const auto await = [&](bool is_gone) {
            const auto from = world.elapsed();
            while (watch.unreachable().has_value() != is_gone) {
                REQUIRE(world.elapsed() - from < seconds(60));
                sleep_for(milliseconds(50));
            }
            return world.elapsed() - from;
        };
        sleep_for(seconds(70));  // with a look at the cluster
        for (int i = 0; i < 20; ++i) {
            cluster.broker.leave();
            sleep_for(milliseconds(1'000));
            CHECK(!watch.unreachable());
            cluster.broker.come_back();
            sleep_for(milliseconds(300 + i * 70));
            CHECK(!watch.unreachable());
        }
        for (int i = 0; i < 20; ++i) {
            cluster.broker.leave();
            CHECK(await(true) <= seconds(5));
            CHECK(fault_of(*watch.unreachable()) == "retriable: no broker of memory answers");
            cluster.broker.come_back();
            CHECK(await(false) <= seconds(5));
            sleep_for(milliseconds(300 + i * 70));
        }
    });
}

TEST_CASE("cluster watch: brokers that do not answer are not gone while another one answers") {
    on_fibres([](FibreScheduler& world) {
        MemoryCluster cluster(3);
        const auto watermarks =
            std::move(*cluster.client.open_watermarks(cluster.options.bootstrap));
        kafka::ClusterWatch watch(cluster.options, *watermarks);
        const auto check_reached = [&](std::chrono::milliseconds time) {
            const auto from = world.elapsed();
            while (world.elapsed() - from < time) {
                REQUIRE(!watch.unreachable());
                sleep_for(milliseconds(50));
            }
        };
        // Two that follow each other, whichever was asked for last.
        const std::vector<std::string> topics = {kafka::commands_topic(cluster.options),
                                                 kafka::steps_topic(cluster.options)};
        for (int i = 0; i < 6; ++i) {
            cluster.broker.lose_leader(topics[static_cast<std::size_t>(i) % 2], i / 2);
            cluster.broker.lose_leader(topics[static_cast<std::size_t>(i + 1) % 2],
                                       (i + 1) % 6 / 2);
            check_reached(seconds(15));
            cluster.broker.find_leaders();
            check_reached(milliseconds(1'300 + i * 70));
        }
        // Over looks at the cluster, of which the first input has no leader either.
        cluster.broker.hold_settings();
        cluster.broker.lose_leader(topics[0], 0);
        check_reached(seconds(200));
    });
}

TEST_CASE("cluster watch: a topic that is deleted is told within seconds, as long as it is gone") {
    for (const char* topic : {"books.commands", "books.steps", "books.events"}) {
        on_fibres([topic](FibreScheduler& world) {
            Begun begun("durable");
            auto& [cluster, log] = begun;
            sleep_for(seconds(5));
            CHECK(!log->waits());
            cluster.broker.delete_topic(topic);
            const auto from = world.elapsed();
            while (!log->waits()) {
                REQUIRE(world.elapsed() - from < seconds(60));
                sleep_for(milliseconds(50));
            }
            CHECK(world.elapsed() - from <= seconds(5));
            const std::string gone =
                "topic " + std::string(topic) + " is gone: memory knows no such topic any more";
            CHECK(fault_of(*log->waits()) == "retriable: " + gone);
            REQUIRE(log->alarms().size() == 1);
            CHECK(log->alarms().front().what == gone);
            sleep_for(seconds(100));  // with a look at the cluster
            CHECK(fault_of(*log->waits()) == "retriable: " + gone);
            REQUIRE(KafkaLog::create(cluster.options, bytes_of("others")));
            sleep_for(seconds(5));
            CHECK(!log->waits());
            CHECK(log->alarms().empty());
        });
    }
}

TEST_CASE("kafka members: once its time is over, nobody waits for a topic that is deleted") {
    for (const char* topic : {"books.commands", "books.steps", "books.events"}) {
        on_fibres([topic](FibreScheduler& world) {
            Begun begun("durable");
            auto& [cluster, log] = begun;
            cluster.broker.delete_topic(topic);
            const TextCommit late(1, "late");
            const Result<CommitTicket> ticket = log->commit(kFirst, kTerm, late.commit());
            REQUIRE_MESSAGE(ticket, fault_of(ticket));
            sleep_for(seconds(7));
            log->stop_waiting();
            const auto from = world.elapsed();
            const Status committed = log->await(*ticket);
            std::vector<InputBatch> commands;
            std::vector<StepInput> steps;
            (void)log->read_commands(kFirst, Offset(0), 1, commands);
            (void)log->read_steps(kFirst, Offset(0), 1, steps);
            (void)log->produce(kFirst, bytes_of("command"));
            CHECK(world.elapsed() - from <= seconds(5));
            if (topic == std::string("books.events")) {
                CHECK(fault_of(committed).find("no books.events partition 0") != std::string::npos);
            }
        });
    }
}

TEST_CASE("cluster watch: who only reads a log is told of brokers that are gone, once he watches") {
    on_fibres([](FibreScheduler& world) {
        MemoryCluster cluster(2);
        const std::unique_ptr<KafkaLogReader> log = cluster.open_reader();
        CHECK_FALSE(log->unanswered_for());
        log->watch();
        sleep_for(seconds(5));
        CHECK(!log->waits());
        CHECK(log->unanswered_for().value() < seconds(2));
        cluster.broker.leave();
        const auto from = world.elapsed();
        while (!log->waits()) {
            REQUIRE(world.elapsed() - from < seconds(60));
            sleep_for(milliseconds(50));
        }
        CHECK(world.elapsed() - from <= seconds(5));
        CHECK(fault_of(*log->waits()) == "retriable: no broker of memory answers");
        sleep_for(seconds(20));
        CHECK(log->unanswered_for().value() > seconds(20));
        cluster.broker.come_back();
        sleep_for(seconds(5));
        CHECK(!log->waits());
    });
}

TEST_CASE("kafka members: a handler of another directory is let in only when the first is gone") {
    on_fibres([](FibreScheduler& world) {
        MemoryCluster cluster(2);
        auto first = join(cluster.options);
        CHECK(fault_of(Membership::join(other_directory(cluster, 500))) ==
              "fenced: another handler has the shards of books: books.handler.0 at a host");
        REQUIRE(first->await_shard(kFirst, 1'000));
        first.reset();
        // Its place stays taken for a session.
        static std::string told;
        told.clear();
        send_notices_to([](const Notice& notice) { told += notice.text + '\n'; });
        const auto gone = world.elapsed();
        const auto second = join(other_directory(cluster));
        send_notices_to(nullptr);
        CHECK(world.elapsed() - gone > seconds(6));
        CHECK_MESSAGE(told.starts_with("another handler has the shards of books: books.handler.0 at "
                                       "a host; waiting until it is gone, at most "), told);
        CHECK(std::ranges::count(told, '\n') == 1);
        CHECK(second->await_shard(kSecond, 1'000));
    });
}

TEST_CASE("kafka members: a newer process of the same directory ends the older one") {
    on_fibres([](FibreScheduler&) {
        MemoryCluster cluster(1);
        const auto older = join(cluster.options);
        const Ending ending(*older);
        CHECK(older->has_proof());
        const auto newer = join(cluster.options);
        sleep_for(seconds(1));
        CHECK(ending.text() == "fenced: group of books.commands: a newer member has its instance");
        CHECK(!older->await_shard(kFirst, 1'000));
        CHECK(newer->await_shard(kFirst, 1'000));
    });
}

TEST_CASE("kafka members: a place that was lost is asked for anew, and commits go on there") {
    on_fibres([](FibreScheduler&) {
        MemoryCluster cluster(1);
        KafkaParts parts(cluster);
        const Ending ending(*parts.membership);
        kafka::ShardCommitter committer = parts.committer();
        REQUIRE(committer.acquire());
        const std::string before = parts.membership->identity();
        cluster.broker.expire(kInstance);
        const TextCommit commit(0, "record");
        const Status done = committer.commit(commit.commit());
        REQUIRE_MESSAGE(done, fault_of(done));
        CHECK(cluster.records() == std::vector<std::string>{"record"});
        CHECK(parts.membership->identity() != before);
        CHECK(ending.text() == "");
    });
}

TEST_CASE("kafka members: one that comes back to a place that another has taken ends") {
    on_fibres([](FibreScheduler&) {
        MemoryCluster cluster(1);
        KafkaParts parts(cluster);
        const Ending ending(*parts.membership);
        kafka::ShardCommitter committer = parts.committer();
        REQUIRE(committer.acquire());
        // It hears of it only when the other one is there.
        cluster.broker.stall(kInstance, 5'000);
        sleep_for(milliseconds(200));
        cluster.broker.expire(kInstance);
        const auto other = join(other_directory(cluster));
        CHECK(other->await_shard(kFirst, 1'000));
        const TextCommit commit(0, "too late");
        CHECK(fault_of(committer.commit(commit.commit())) ==
              "fenced: another handler has the shards of books: books.handler.other at a host");
        CHECK(starts_with(ending.text(), "fenced: another handler"));
        CHECK(cluster.records().empty());
    });
}

TEST_CASE("kafka members: who has lost the shard learns of another's records when it asks") {
    on_fibres([](FibreScheduler&) {
        Begun begun("record");
        CHECK(begun.log->check_writer(kFirst));
        // Its next poll ends only when it has no proof of its place any more.
        begun.cluster.broker.stall(kInstance, 20'000);
        sleep_for(milliseconds(200));
        begun.cluster.broker.expire(kInstance);
        sleep_for(seconds(7));
        auto other = KafkaLog::open(other_directory(begun.cluster));
        REQUIRE(other);
        const Term next(kTerm.value() + 1);
        REQUIRE((*other)->acquire(kFirst, next));
        REQUIRE(commit_text(**other, kFirst, next, 1, "another"));
        CHECK((*other)->check_writer(kFirst));
        CHECK(starts_with(fault_of(begun.log->check_writer(kFirst)),
                          "fenced: shard 0: another writer's records are in the log"));
        CHECK(begun.log->failure());
    });
}

TEST_CASE("kafka members: who was stopped for longer than a session takes no further part") {
    on_fibres([](FibreScheduler&) {
        MemoryCluster cluster(1);
        const auto member = join(cluster.options);
        const Ending ending(*member);
        cluster.broker.stall(kInstance, 7'000);
        sleep_for(milliseconds(6'500));
        CHECK(ending.text() == "");
        CHECK(!member->has_proof());
        sleep_for(seconds(1));
        CHECK(starts_with(ending.text(), "fenced: handler 0 was stopped for longer than a "));
    });
}

TEST_CASE("kafka members: of two that start at the same moment one is at work, always") {
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
        CAPTURE(seed);
        on_fibres(
            [](FibreScheduler&) {
                MemoryCluster cluster(2);
                const std::array<KafkaLogOptions, 2> options = {cluster.options,
                                                                other_directory(cluster, 30'000)};
                std::array<std::unique_ptr<KafkaLog>, 2> logs;
                std::array<std::string, 2> words;
                const auto go_to_work = [&](std::size_t i) {
                    auto opened = KafkaLog::open(options[i]);
                    words[i] = fault_of(opened);
                    if (!opened) return;
                    logs[i] = std::move(*opened);
                    for (const ShardId shard : {kFirst, kSecond}) {
                        if (const auto end = logs[i]->acquire(shard, kTerm); !end)
                            words[i] = fault_of(end);
                    }
                };
                {
                    const Beside one([&] { go_to_work(0); });
                    const Beside two([&] { go_to_work(1); });
                }
                CAPTURE(words[0]);
                CAPTURE(words[1]);
                CHECK((words[0] == "no fault") != (words[1] == "no fault"));
            },
            seed);
    }
}

TEST_CASE("kafka members: brokers that come back within the patience are waited for") {
    on_fibres([](FibreScheduler& world) {
        Begun begun("before");
        MemoryCluster& cluster = begun.cluster;
        cluster.broker.leave();
        const auto left = world.elapsed();
        const Beside back([&] {
            sleep_for(seconds(20));
            cluster.broker.come_back();
        });
        const Status done = commit_text(*begun.log, kFirst, kTerm, 1, "after");
        REQUIRE_MESSAGE(done, fault_of(done));
        CHECK(world.elapsed() - left >= seconds(20));
        CHECK(cluster.records() == std::vector<std::string>{"before", "after"});
    });
}

TEST_CASE("kafka members: brokers that stay away fail the commit, then the log but for reading") {
    on_fibres([](FibreScheduler&) {
        Begun begun("durable");
        auto& [cluster, log] = begun;
        cluster.broker.leave();
        const std::string fault = fault_of(commit_text(*log, kFirst, kTerm, 1, "lost"));
        CHECK_MESSAGE(starts_with(fault, "storage: shard 0: gave up waiting for memory"), fault);
        CHECK(fault_of(commit_text(*log, kFirst, kTerm, 2, "later")) == fault);
        CHECK(starts_with(fault_of(log->acquire(kFirst, kTerm)), "storage: "));
        cluster.broker.come_back();
        CHECK(texts(*log, kFirst) == std::vector<std::string>{"durable"});
    });
}

TEST_CASE("kafka members: a tail is read only once all that was written before is decided") {
    on_fibres([](FibreScheduler& world) {
        MemoryCluster cluster(1);
        KafkaParts parts(cluster);
        kafka::ShardCommitter committer = parts.committer();
        REQUIRE(committer.acquire());
        const TextCommit first(0, "first"), second(1, "in doubt");
        REQUIRE(committer.commit(first.commit()));
        // Committed, not answered, and shown only later.
        cluster.broker.hold_marks();
        cluster.broker.fail_commit(MemoryBroker::CommitFault::done_and_not_answered);
        const Beside marks([&] {
            sleep_for(seconds(3));
            cluster.broker.write_marks();
        });
        const auto began = world.elapsed();
        const Status done = committer.commit(second.commit());
        REQUIRE_MESSAGE(done, fault_of(done));
        CHECK(world.elapsed() - began >= seconds(3));
        CHECK(cluster.records() == std::vector<std::string>{"first", "in doubt"});
    });
}

TEST_CASE("kafka members: who starts again reads all that the one before has committed") {
    on_fibres([](FibreScheduler& world) {
        Begun begun("shown");
        auto& [cluster, log] = begun;
        cluster.broker.hold_marks();
        REQUIRE(commit_text(*log, kFirst, kTerm, 1, "not marked yet"));
        log.reset();
        log = cluster.open();
        const Beside marks([&] {
            sleep_for(seconds(3));
            cluster.broker.write_marks();
        });
        const auto from = world.elapsed();
        CHECK(log->end(kFirst).value() == RecordNumber(2));
        CHECK(world.elapsed() - from >= seconds(2));
        CHECK(log->acquire(kFirst, Term(2))->next_record == RecordNumber(2));
    });
}

TEST_CASE("kafka members: without proof of its place a handler asks the brokers what it knows") {
    on_fibres([](FibreScheduler&) {
        Begun begun("record", 2'000);
        auto& [cluster, log] = begun;
        cluster.broker.leave();
        CHECK(log->end(kFirst).value() == RecordNumber(1));
        sleep_for(seconds(7));
        CHECK(starts_with(fault_of(log->end(kFirst)), "storage: "));
        cluster.broker.come_back();
        CHECK(log->end(kFirst).value() == RecordNumber(1));
    });
}

}  // namespace
}  // namespace vouch
