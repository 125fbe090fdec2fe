#include "tests/kafka/kafka_script.h"

#include "tests/events/log_test_support.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <set>
#include <utility>

namespace vouch::test {
namespace {

using namespace kafka;

constexpr int kAnswerMs = 10'000;
constexpr std::chrono::seconds kAllOf{20};

class Script {
public:
    explicit Script(const ScriptedCluster& cluster)
        : cluster_(cluster),
          client_(*cluster.options.client),
          watermarks_(std::move(*client_.open_watermarks(cluster.options.bootstrap))),
          events_(events_topic(cluster.options)),
          steps_(steps_topic(cluster.options)),
          commands_(commands_topic(cluster.options)) {}

    std::vector<std::string> play() {
        play_members();
        play_transactions();
        play_late_ends();
        play_strangers();
        play_inputs();
        play_generations();
        return std::move(lines_);
    }

private:
    using Producer = std::unique_ptr<Transactions>;

    struct Joined {
        std::unique_ptr<GroupMember> member;
        std::unique_ptr<std::atomic<std::int64_t>> proof_ms;
        std::set<std::int32_t> partitions;
    };

    void say(std::string line) { lines_.push_back(std::move(line)); }

    // --- What is asked ----------------------------------------------------------------------

    template <class Value>
    static Value must(Result<Value> result) {
        REQUIRE_MESSAGE(result, fault_of(result));
        return std::move(*result);
    }

    std::string bounds(const std::string& topic, std::int32_t partition) {
        const Extent extent = must(watermarks_->extent(topic, partition, kAnswerMs));
        return topic.substr(cluster_.options.name.size()) + "/" + std::to_string(partition) + " " +
               std::to_string(extent.first) + ".." + std::to_string(extent.stable_end) + ".." +
               std::to_string(must(watermarks_->high(topic, partition, kAnswerMs)));
    }
    /// Once all is decided: brokers answer before they write their marks.
    void say_settled(const std::string& topic, std::int32_t partition) {
        until([&] {
            return must(watermarks_->stable_end(topic, partition, kAnswerMs)) ==
                   must(watermarks_->high(topic, partition, kAnswerMs));
        });
        say(bounds(topic, partition));
    }
    void say_read(const std::string& topic, std::int32_t partition, std::int64_t from) {
        const auto reader = must(
            client_.open_reader(cluster_.options.bootstrap, topic, ReadAhead::far));
        REQUIRE(reader->start(partition, from));
        std::string line = "read from " + std::to_string(from) + ":";
        bool is_read = false;
        until([&] {
            const Result<Polled> polled = reader->next(kAnswerMs);
            if (!polled) {
                line += polled.error().code == FaultCode::corrupt ? " corrupt" : " retriable";
                return is_read = true;
            }
            if (polled->kind == Polled::Kind::nothing) return false;
            is_read = polled->kind == Polled::Kind::end;
            line += is_read ? " end at " : " ";
            line += std::to_string(polled->offset);
            if (!is_read) line += "=" + text_of(polled->message.payload);
            return is_read;
        });
        say(line);
    }
    void say_consumed(std::int32_t partition) {
        const auto offsets = must(client_.open_group_offsets(cluster_.options.bootstrap,
                                                             group_name(cluster_.options)));
        std::string line = "consumed:";
        for (const auto& each : must(offsets->committed({commands_, steps_}, partition, kAnswerMs)))
            line += each ? " " + std::to_string(*each) : " nothing";
        say(line);
    }

    template <class Condition>
    void until(const Condition& condition) {
        const auto from = std::chrono::steady_clock::now();
        while (!condition()) REQUIRE(std::chrono::steady_clock::now() - from < kAllOf);
    }

    // --- Producers --------------------------------------------------------------------------

    Producer producer(std::uint32_t shard = 0) {
        Producer made = must(client_.open_transactions(cluster_.options, ShardId(shard)));
        const Status taken = made->take_over(kAnswerMs);
        REQUIRE_MESSAGE(taken, fault_of(taken));
        return made;
    }
    void run(Transactions& producer, const std::string& record, const std::string& identity,
             InputPosition next = {}, bool has_steps = false) {
        const Bytes bytes = bytes_of(record), steps = bytes_of("steps of " + record);
        Transaction transaction{ShardId(0), RecordNumber(number_++), bytes, {}, next};
        if (has_steps) transaction.steps = {{ShardId(1), steps}, {ShardId(2), steps}};
        const TransactionEnd end = producer.run(transaction, identity);
        std::string line = record + ":";
        if (end.is_committed) line += " committed";
        if (end.is_displaced) line += " displaced";
        if (end.is_fenced) line += " fenced";
        if (end.is_committed && says_offsets_) {
            line += " at " + std::to_string(end.offset.value_or(-1)) + ", ends " +
                    std::to_string(end.ends_sent) + " answers " + std::to_string(end.ends_answered);
        }
        say(line);
        kept_.push_back(bytes);  // borrowed while the producer lives
        kept_.push_back(steps);
    }

    // --- Members ----------------------------------------------------------------------------

    Joined join(const std::string& instance) {
        auto proof_ms = std::make_unique<std::atomic<std::int64_t>>(0);
        Joined joined{must(client_.open_member(cluster_.options.bootstrap,
                                               {.group = group_name(cluster_.options),
                                                .instance = instance,
                                                .topics = {commands_, steps_},
                                                .session_ms = 6'000,
                                                .heartbeat_ms = 200,
                                                .proof_ms = proof_ms.get()})),
                      std::move(proof_ms),
                      {}};
        REQUIRE(joined.member->subscribe());
        return joined;
    }
    void poll(Joined& joined, std::string* told = nullptr) {
        joined.member->poll(20, [&](const Assignment& news) {
            joined.partitions = news.partitions;
            if (told == nullptr) return true;
            *told += news.kind == Assignment::Kind::given        ? " given"
                     : news.kind == Assignment::Kind::taken_back ? " taken back"
                                                                 : " lost";
            for (const std::int32_t each : news.partitions) *told += " " + std::to_string(each);
            return true;
        });
    }

    // --- The parts --------------------------------------------------------------------------

    void play_members() {
        first_ = join("a");
        say("before: " + first_.member->name() + first_.member->identity());
        std::string told = "a:";
        until([&] {
            poll(first_, &told);
            return !first_.partitions.empty();
        });
        say(told);
        say_members();
    }
    void say_members() {
        std::set<std::string> instances;
        for (const ShownMember& each : must(client_.members(
                 cluster_.options.bootstrap, group_name(cluster_.options), kAnswerMs)))
            instances.insert(each.instance);
        std::string line = "members:";
        for (const std::string& each : instances) line += " " + each;
        say(line);
    }

    void play_transactions() {
        const std::string me = first_.member->identity();
        say_consumed(0);
        const Producer older = producer();
        run(*older, "one", me, {Offset(3), Offset(4)}, true);
        run(*older, "two", me, {Offset(5), Offset(6)});
        say_settled(events_, 0);
        say_settled(steps_, 0);
        say_settled(steps_, 1);
        say_read(events_, 0, 0);
        say_read(events_, 0, 1);  // a mark
        say_read(steps_, 2, 0);
        run(*older, "three", me, {Offset(7), Offset(8)}, true);
        const Producer newer = producer();
        say_consumed(0);
        run(*older, "zombie's", me, {Offset(100), Offset(100)}, true);
        run(*older, "zombie's again", me);
        run(*newer, "four", me, {Offset(9), Offset(10)});
        run(*newer, "nobody's", "");
        say_settled(events_, 0);
        say_settled(steps_, 1);
        say_read(steps_, 1, 0);
        // With nothing in flight a take-over leaves no mark.
        const Producer last = producer();
        say_settled(events_, 0);
        say_consumed(0);
        // Another shard's.
        const Producer other = producer(1);
        say_settled(events_, 1);
        run(*last, "five", me);
    }

    void play_late_ends() {
        const std::string name = cluster_.options.name + ".shard.0";
        say_settled(events_, 0);
        cluster_.put_open(name, events_, "left open");
        say(bounds(events_, 0));
        say_read(events_, 0, 8);
        const Producer taken_over = producer();
        say_settled(events_, 0);
        say("its end: " + cluster_.end_open(name, true));
        say_settled(events_, 0);
        run(*taken_over, "behind", first_.member->identity());
        say_settled(events_, 0);
        say_read(events_, 0, 0);
    }

    void play_strangers() {
        const Producer writer = producer();
        say_settled(events_, 0);
        const std::string stranger = cluster_.options.name + "-stranger";
        cluster_.put_open(stranger, events_, "foreign");
        cluster_.put_open(stranger, events_, "foreign too");
        run(*writer, "hidden by theirs", first_.member->identity());
        until([&] {  // its mark
            return must(watermarks_->high(events_, 0, kAnswerMs)) >= 18;
        });
        say(bounds(events_, 0));
        say_read(events_, 0, 10);
        say("theirs: " + cluster_.end_open(stranger, false));
        say_settled(events_, 0);
        say_read(events_, 0, 10);
        cluster_.put_open(stranger, events_, "foreign at last");
        say("theirs: " + cluster_.end_open(stranger, true));
        say_settled(events_, 0);
        say_read(events_, 0, 16);
        say_read(events_, 0, 1'000);
    }

    void play_inputs() {
        const Patience patience(kAnswerMs);
        const auto appender = must(client_.open_appender(
            {cluster_.options.bootstrap, commands_, kAnswerMs, kAnswerMs}, patience));
        for (const std::string text : {"x", "", "y"})
            say("appended at " + std::to_string(must(appender->append(0, bytes_of(text)))));
        const Result<std::int64_t> large = appender->append(0, Bytes(kMessageBytesMax + 1));
        say(std::string("too large: ") +
            (!large && large.error().code == FaultCode::storage ? "storage" : "something else"));
        say_settled(commands_, 0);
        say_read(commands_, 0, 0);
        cluster_.trim(commands_, 2);
        say_settled(commands_, 0);
        say_read(commands_, 0, 2);
        say_read(commands_, 0, 1);
    }

    /// The same instance again, another one beside it, and what is committed by whom.
    void play_generations() {
        // How much of a transaction whose offsets are refused is written before that, is chance.
        says_offsets_ = false;
        const std::string before = first_.member->identity();
        Joined second = join("b");
        std::string told = "a:", told_b = "b:";
        until([&] {
            poll(first_, &told);
            poll(second, &told_b);
            return !second.partitions.empty() &&
                   first_.partitions.size() + second.partitions.size() == 3;
        });
        say(told);
        say(told_b);
        say_members();
        run(*producer(), "by an earlier generation", before);
        const std::string old_name = second.member->identity();
        run(*producer(), "by b", old_name);
        // Its place is its instance's: nothing changes for others.
        const std::string present = first_.member->identity();
        Joined again = join("b");
        until([&] {
            poll(again);
            poll(first_);
            poll(second);
            return !again.partitions.empty() && second.member->fatal();
        });
        say("b anew has " + std::to_string(again.partitions.size()));
        say("b before is fenced: " +
            std::to_string(second.member->fatal()->code == FaultCode::fenced));
        run(*producer(), "by b before", old_name);
        run(*producer(), "by b anew", again.member->identity());
        run(*producer(), "by a still", present);
        say("a is as it was: " + std::to_string(first_.member->identity() == present));
        say_members();
    }

    const ScriptedCluster& cluster_;
    KafkaClient& client_;
    const std::unique_ptr<Watermarks> watermarks_;
    const std::string events_;
    const std::string steps_;
    const std::string commands_;
    Joined first_;
    std::uint64_t number_ = 0;
    bool says_offsets_ = true;
    std::vector<Bytes> kept_;
    std::vector<std::string> lines_;
};

}  // namespace

std::vector<std::string> play_script(const ScriptedCluster& cluster) {
    return Script(cluster).play();
}

}  // namespace vouch::test
