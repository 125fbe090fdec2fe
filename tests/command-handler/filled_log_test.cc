#include "events/log/embedded/log_fill.h"

#include "events/log/embedded/embedded_log.h"
#include "events/log/kafka/kafka_log.h"
#include "tests/command-handler/handler_rig.h"
#include "tests/command-handler/whole_books.h"
#include "tests/support/memory_kafka.h"

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// A log in files that is made of the records of one on brokers: a handler goes on there as it would
// have gone on on them.

namespace {

using namespace vouch;
using namespace vouch::test;

constexpr std::uint32_t kTwoShards = 2;

KafkaLogOptions in_memory(MemoryKafka& client) {
    KafkaLogOptions options;
    options.name = "books";
    options.bootstrap = "memory";
    options.shard_count = kTwoShards;
    options.replication = kSingleBroker;
    options.client = &client;
    return options;
}

/// A handler on a log, until this ends.
class Handling {
public:
    Handling(HandlerRig& rig, Log& log, const char* shards,
             std::optional<std::int64_t> steps_late_us = {})
        : rig_(rig), log_(log) {
        rig.answers.forget();
        command_handler::HandlerOptions options = rig.options;
        options.directory = rig.directory.path() / shards;
        if (steps_late_us) options.bounds.steps_late_us = *steps_late_us;
        auto started = command_handler::Handler::start(log, rig.deployment, rig.keys, rig.clock,
                                                       rig.answers, options);
        REQUIRE_MESSAGE(started, started.error().message);
        handler_ = std::move(*started);
    }
    ~Handling() { CHECK(handler_->stop()); }

    std::map<CommandId, Outcome> play(const std::vector<Command>& commands) {
        std::map<CommandId, Outcome> outcomes;
        for (const Answered& each : play_routed(log_, rig_.answers, commands))
            outcomes[each.id] = each.outcome;
        return outcomes;
    }

private:
    HandlerRig& rig_;
    Log& log_;
    std::unique_ptr<command_handler::Handler> handler_;
};

std::vector<RecordNumber> ends_of(Log& log) {
    std::vector<RecordNumber> ends;
    for (std::uint32_t i = 0; i < kTwoShards; ++i) ends.push_back(log.end(ShardId(i)).value());
    return ends;
}

struct Rest {
    std::string books;
    std::size_t rebuilt = 0;  ///< batches that the second shard took from the first one's records
};

Rest at_rest(const HandlerRig& rig, Log& log) {
    WholeBooks books(rig.deployment, rig.keys);
    books.read(log);
    CHECK(books.faults_at_rest() == "");
    Rest rest{books.books()};
    for (const LogFold::Record& record : books.shard(1).records) {
        for (const std::string& event : record.events) rest.rebuilt += event.ends_with("rebuilt");
    }
    return rest;
}

struct Accounts {
    explicit Accounts(const HandlerRig& rig)
        : cash(rig.account_on(0, 0)), a(rig.account_on(0, 1)), b(rig.account_on(1, 1)) {}
    std::uint64_t cash, a, b;

    /// In which steps go both ways.
    std::vector<Command> opened() const {
        return {open_account(1, cash, Limit::unlimited(), AccountClass::asset), open_account(2, a),
                open_account(3, b), transfer(4, cash, a, 1000), transfer(5, cash, b, 1000)};
    }
    /// The first record that it makes is the payer's, the others take steps.
    std::vector<Command> crossing(std::uint64_t id) const {
        return {transfer(id, a, b, 100), place_hold(id + 1, a, b, 30)};
    }
};

TEST_CASE("filled log: a handler goes on in files where the log's records were on brokers") {
    HandlerRig rig(kTwoShards);
    const Accounts accounts(rig);
    MemoryBroker broker;
    MemoryKafka client(broker);
    const KafkaLogOptions options = in_memory(client);
    REQUIRE(KafkaLog::create(options, make_deployment(kTwoShards, false, Timestamp(0)).bytes));
    const std::unique_ptr<KafkaLog> brokers = std::move(*KafkaLog::open(options));
    std::map<CommandId, Outcome> outcomes;
    std::vector<RecordNumber> cut;
    {
        Handling handling(rig, *brokers, "on brokers");
        handling.play(accounts.opened());
        handling.play({transfer(6, accounts.b, accounts.cash, 1)});
        cut = ends_of(*brokers);
        outcomes = handling.play(accounts.crossing(10));
    }
    const Rest expected = at_rest(rig, *brokers);
    CHECK(expected.rebuilt == 0);
    // What the payer's shard sent is under way.
    cut[0] = cut[0].next();

    const EmbeddedLogOptions in_files{.directory = (rig.directory.path() / "log").string(),
                                      .shard_count = kTwoShards,
                                      .create = false};
    REQUIRE(fill_log(*brokers, cut, in_files.directory));
    std::unique_ptr<EmbeddedLog> files = std::move(*EmbeddedLog::open(in_files));
    CHECK(ends_of(*files) == cut);
    for (std::uint32_t shard = 0; shard < kTwoShards; ++shard) {
        std::vector<StoredRecord> there, here;
        REQUIRE(brokers->read_records(ShardId(shard), RecordNumber(0), 1 << 20, there));
        REQUIRE(files->read_records(ShardId(shard), RecordNumber(0), 1 << 20, here));
        REQUIRE(here.size() == cut[shard].value());
        for (std::size_t i = 0; i < here.size(); ++i) CHECK(here[i].bytes == there[i].bytes);
    }
    {
        constexpr std::int64_t kAtOnce_us = 1'000;
        Handling handling(rig, *files, "in files", kAtOnce_us);
        // Sent again, as by whoever was told nothing.
        CHECK(handling.play(accounts.crossing(10)) == outcomes);
    }
    const Rest found = at_rest(rig, *files);
    CHECK(found.books == expected.books);
    CHECK(found.rebuilt == 1);
    // Steps that are sent from now on are found, also when the log is walked again.
    for (std::uint64_t id = 20; id < 40; id += 10) {
        files.reset();
        files = std::move(*EmbeddedLog::open(in_files));
        Handling handling(rig, *files, "in files");
        const Command posted = transfer(id, accounts.a, accounts.b, 100);
        CHECK(handling.play(accounts.crossing(id)).at(posted.id) == Outcome::posted);
    }
    CHECK(at_rest(rig, *files).rebuilt == 1);
}

TEST_CASE("filled log: what is no record is not taken, and nothing behind an end is") {
    HandlerRig rig(1);
    rig.start();
    rig.open_accounts(1, 5);
    rig.stop();
    const RecordNumber end = rig.log.end(kShard0).value();
    const std::string directory = (rig.directory.path() / "log").string();
    const std::vector<RecordNumber> beyond = {end.next()};
    const Status missing = fill_log(rig.log, beyond, directory);
    REQUIRE(!missing);
    CHECK(missing.error().code == FaultCode::corrupt);
    CHECK(missing.error().message ==
          "shard 0 record " + std::to_string(end.value()) + ": missing before the end of the log");
}

}  // namespace
