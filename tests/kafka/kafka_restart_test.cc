#include "events/log/kafka/membership.h"
#include "tests/kafka/kafka_test_support.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace vouch {
namespace {

using namespace test;


/// A broker of this test's own, which it may kill.
class Broker {
public:
    /// With Kafka's default of the setting `without`, if it is given.
    explicit Broker(const std::string& without = "")
        : without_(without.empty() ? "" : " --without " + without) {
        address_ = tool("start", " --port 0" + without_);
        REQUIRE(!address_.empty());
    }
    ~Broker() { tool("kill"); }
    const std::string& address() const { return address_; }
    void crash() { tool("kill"); }
    void start() { CHECK(tool("start", without_) == address_); }

private:
    std::string tool(const std::string& action, const std::string& more = "") {
        const char* path = std::getenv("VOUCH_KAFKA_TOOL");
        REQUIRE_MESSAGE(path != nullptr, "expected the path of tools/kafka in VOUCH_KAFKA_TOOL");
        const std::string command = std::string(path) + " " + action + " --dir " +
                                    (directory_.path() / "broker").string() + more;
        std::FILE* pipe = ::popen(command.c_str(), "r");
        REQUIRE(pipe != nullptr);
        std::string output;
        for (int c = std::fgetc(pipe); c != EOF && c != '\n'; c = std::fgetc(pipe)) {
            output.push_back(static_cast<char>(c));
        }
        CHECK(::pclose(pipe) == 0);
        return output;
    }

    TemporaryDirectory directory_;
    const std::string without_;
    std::string address_;
};

/// What a handler that waits hears of its group once that is known: right after a broker's start
/// the group is not loaded yet, and must not be taken for an empty one.
std::string first_knowing(KafkaLogOptions options) {
    options.patience_ms = 1;
    while (true) {
        const std::string fault = fault_of(kafka::Membership::join(options));
        for (const char* const known :
             {"another handler has the shards", "lets nobody in", "no fault"}) {
            if (fault.find(known) != std::string::npos) return known;
        }
    }
}

TEST_CASE("kafka: a broker that is killed and comes back is not noticed by who commits") {
    Broker broker;
    KafkaLogOptions options = fresh_options(2);
    options.bootstrap = broker.address();
    create(options);
    KafkaLogOptions waiting = options;
    waiting.instance = "waiting";
    constexpr int kCrashes = 2;
    std::vector<std::vector<std::string>> expected(2);
    {
        const auto log = open_kafka(options);
        std::atomic<bool> stop = false;
        std::atomic<int> committed = 0;
        std::vector<std::string> faults(2);
        const auto write = [&](ShardId shard) {
            const std::size_t index = shard.value();
            if (const auto end = log->acquire(shard, kTerm); !end) {
                faults[index] = fault_of(end);
                return;
            }
            for (std::uint64_t i = 0; !stop; ++i) {
                TextCommit commit(i, std::to_string(index) + " " + std::to_string(i));
                commit.send(ShardId(1 - shard.value()), std::to_string(i));
                const Result<CommitTicket> ticket = log->commit(shard, kTerm, commit.commit());
                const Status done = ticket ? log->await(*ticket) : Status(ticket.error());
                if (!done) {
                    faults[index] = fault_of(done);
                    break;
                }
                expected[index].push_back(std::to_string(index) + " " + std::to_string(i));
                ++committed;
                committed.notify_all();
            }
            stop = true;
            ++committed;
            committed.notify_all();
        };
        std::thread first(write, kFirst);
        std::thread second(write, kSecond);
        const auto await_more = [&] {
            const int enough = committed + 40;
            for (int now = committed; now < enough && !stop; now = committed) committed.wait(now);
        };
        for (int i = 0; i < kCrashes; ++i) {
            await_more();
            broker.crash();
            broker.start();
            CHECK(first_knowing(waiting) == "another handler has the shards");
        }
        await_more();
        stop = true;
        first.join();
        second.join();
        CHECK(faults[0] == "");
        CHECK(faults[1] == "");
    }
    const auto reader = open_kafka_reader(options);
    CHECK(texts(*reader, kFirst) == expected[0]);
    CHECK(texts(*reader, kSecond) == expected[1]);
    SettledLog log(options, open_kafka(options));
    for (const ShardId shard : {kFirst, kSecond}) {
        std::vector<StepInput> steps;
        REQUIRE(log.read_steps(shard, Offset(0), 1'000'000, steps));
        const std::size_t sent = expected[1 - shard.value()].size();
        REQUIRE(steps.size() == sent);
        for (std::size_t i = 0; i < sent; ++i)
            CHECK(text_of(steps[i].payload) == std::to_string(i));
    }
}

TEST_CASE("kafka: a broker that stays away fails the commit, and then the log but for reading") {
    Broker broker("transaction.max.timeout.ms");
    KafkaLogOptions options = fresh_options(1);
    options.bootstrap = broker.address();
    create(options);
    // Kafka's own default holds readers up for a quarter of an hour.
    CHECK(fault_of(KafkaLog::open(options)) ==
          "configuration: broker 1: transaction.max.timeout.ms expected at most 60000 "
          "(--longest-transaction takes more), found 900000");
    options.transaction_ms_max = 900'000;
    {
        // With all the time that a new broker takes to make its own topics.
        const auto log = open_kafka(options);
        REQUIRE(log->acquire(kFirst, kTerm));
        REQUIRE(commit_text(*log, kFirst, kTerm, 0, "durable"));
    }
    options.patience_ms = 15'000;
    const auto log = open_kafka(options);
    const Result<ShardEnd> end = log->acquire(kFirst, kTerm);
    REQUIRE_MESSAGE(end, fault_of(end));
    broker.crash();
    const std::string fault = fault_of(commit_text(*log, kFirst, kTerm, 1, "lost"));
    CHECK_MESSAGE(starts_with(fault, "storage: shard 0: gave up waiting for "), fault);
    CHECK(fault_of(commit_text(*log, kFirst, kTerm, 2, "later")) == fault);
    log->wait_for_input(kFirst, {}, std::nullopt);
    CHECK(starts_with(fault_of(log->acquire(kFirst, kTerm)), "storage: "));
    broker.start();
    KafkaLogOptions patient = options;
    patient.patience_ms = KafkaLogOptions{}.patience_ms;
    CHECK(texts(*open_kafka_reader(patient), kFirst) == std::vector<std::string>{"durable"});
}

}  // namespace
}  // namespace vouch
