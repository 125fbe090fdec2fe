#include "events/entries/codec.h"
#include "events/seal/mac.h"
#include "events/seal/record.h"
#include "tests/command-handler/handler_rig.h"
#include "tests/support/manual_clock.h"
#include "tests/support/wrapped_log.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

// What a start accepts and refuses: terms, the clock, a log that is not what was written.

namespace {

using namespace vouch;
using namespace vouch::command_handler;
using namespace vouch::test;

struct Stored {
    std::vector<StoredRecord> records;
    explicit Stored(HandlerRig& rig) {
        REQUIRE(
            rig.log.read_records(kShard0, RecordNumber(0), ~std::size_t{0}, records).has_value());
    }
};

/// Opens, posts, and stops; the log then has four records and a mark.
void write_some(HandlerRig& rig) {
    rig.start();
    rig.open_accounts(2, 100);
    rig.play({transfer(1, 1, 2, 10)});
    rig.play({transfer(2, 1, 2, 10)});
    rig.stop();
}

}  // namespace

TEST_CASE("start: every term is one more than the last, from 0") {
    HandlerRig rig;
    for (int i = 0; i < 4; ++i) {
        rig.start();
        if (i % 2 == 0)
            rig.crash();
        else
            rig.stop();
    }
    rig.start();
    rig.open_accounts(1, 5);
    rig.stop();
    LogFold folded(rig.deployment, rig.keys);
    folded.read(rig.log);
    CHECK(folded.faults == std::vector<std::string>{});
    REQUIRE(folded.records.size() == 6);
    for (std::uint64_t i = 0; i < 5; ++i) {
        CHECK(folded.records[i].term == Term(i));
        CHECK(folded.records[i].events == std::vector<std::string>{"term"});
    }
    CHECK(folded.records[5].term == Term(4));
}

TEST_CASE("start: refused while the clock is more than five seconds behind the newest record") {
    HandlerRig rig;
    rig.start();
    rig.clock.advance(60'000'000);
    rig.open_accounts(1, 5);
    rig.stop();
    const std::int64_t newest = kStart_us + 60'000'000;
    struct Row {
        std::int64_t behind_us;
        bool starts;
        FaultCode fault = FaultCode::configuration;
    };
    // A small step back is over by itself, and who starts the program again needs nobody for that.
    for (const Row& row :
         {Row{5'000'001, false, FaultCode::retriable}, Row{60'000'000, false, FaultCode::retriable},
          Row{60'000'001, false}, Row{3'600'000'000, false}, Row{5'000'000, true}, Row{0, true}}) {
        CAPTURE(row.behind_us);
        ManualClock clock(Timestamp(newest - row.behind_us));
        const RecordNumber end = *rig.log.end(kShard0);
        const auto started =
            Handler::start(rig.log, rig.deployment, rig.keys, clock, rig.answers, rig.options);
        REQUIRE(started.has_value() == row.starts);
        if (row.starts) continue;
        CHECK(started.error().code == row.fault);
        CHECK(started.error().message.find("clock") != std::string::npos);
        CHECK(*rig.log.end(kShard0) == end);
    }
    // And no record is earlier than the one before it.
    LogFold folded(rig.deployment, rig.keys);
    folded.read(rig.log);
    for (const LogFold::Record& each : folded.records) CHECK(each.time.value() >= kStart_us);
    CHECK(folded.records.back().time == Timestamp(newest));
}

TEST_CASE("start: a shard of which more was consumed than its records say has lost some, and stops") {
    HandlerRig rig;
    write_some(rig);
    class ConsumedLog final : public WrappedLog {
    public:
        using WrappedLog::WrappedLog;
        Result<InputPosition> consumed_inputs(ShardId) override { return consumed; }
        Status check_writer(ShardId) override { return writer; }
        InputPosition consumed;
        Status writer;
    };
    ConsumedLog log(rig.log);
    const RecordNumber end = *rig.log.end(kShard0);
    const auto start = [&] {
        return Handler::start(log, rig.deployment, rig.keys, rig.clock, rig.answers, rig.options);
    };
    log.consumed.command = Offset(4);
    const auto refused = start();
    REQUIRE(!refused);
    CHECK(refused.error().code == FaultCode::corrupt);
    CHECK_MESSAGE(refused.error().message.starts_with(
                      "shard 0: records are missing: its last one has read commands up to offset 3, "
                      "and its handlers have committed 4 with a later one"),
                  refused.error().message);
    CHECK(*rig.log.end(kShard0) == end);
    // Or another one has written them meanwhile.
    log.writer = Fault{FaultCode::fenced, "another writer's records are in the log"};
    CHECK(start().error().code == FaultCode::fenced);
    log.writer = Fault{FaultCode::retriable, "no broker answers"};
    CHECK(start().error().code == FaultCode::corrupt);
    log.writer = {};
    log.consumed = {Offset(3), Offset(0)};
    CHECK(start());
}

TEST_CASE("start: another deployment than the books were made with stops it, and is named") {
    HandlerRig rig(2);
    const NewDeployment made = make_deployment(2, false, Timestamp(kStart_us));
    rig.deployment = made.deployment;
    rig.keys = make_test_keys(rig.deployment);
    rig.start();
    rig.stop();
    const auto edit = [&](std::vector<std::byte> bytes) {
        const Result<Deployment> edited = parse_deployment(bytes);
        REQUIRE(edited.has_value());
        rig.deployment = *edited;
        rig.keys = make_test_keys(rig.deployment);
    };
    const RecordNumber end = *rig.log.end(kShard0);
    bool keeps_local = false;
    SUBCASE("with what is kept beside the log") { keeps_local = true; }
    SUBCASE("from the log alone") {}
    // Two bytes more, and it says that it has a test clock.
    std::vector<std::byte> longer = made.bytes;
    longer.insert(longer.end(), {std::byte{0x38}, std::byte{1}});
    // One bit of the time of its creation, which nobody acts on.
    std::vector<std::byte> later = made.bytes;
    later.back() ^= std::byte{1};
    for (const std::vector<std::byte>& bytes : {longer, later}) {
        if (!keeps_local) std::filesystem::remove_all(rig.options.directory);
        edit(bytes);
        const Fault fault = rig.start_fault();
        CHECK(fault.code == FaultCode::corrupt);
        CHECK(fault.message.find("the file `deployment` is not the one") != std::string::npos);
        CHECK(*rig.log.end(kShard0) == end);
    }
    edit(made.bytes);
    rig.start();
    rig.stop();
}

TEST_CASE("start: a record that is not what was written stops it, and is named") {
    HandlerRig rig;
    write_some(rig);
    const Stored stored(rig);
    REQUIRE(stored.records.size() == 5);
    bool keeps_local = false;
    SUBCASE("with what is kept beside the log") { keeps_local = true; }
    SUBCASE("from the log alone") {}
    const auto check = [&](const std::string& record) {
        if (!keeps_local) std::filesystem::remove_all(rig.options.directory);
        const Fault fault = rig.start_fault();
        CHECK(fault.code == FaultCode::corrupt);
        CHECK(fault.message.find("shard 0 record " + record) != std::string::npos);
    };
    // The snapshot and the store vouch for all before the last record, so that a start reads the
    // last.
    const std::vector<std::size_t> looked_at =
        keeps_local ? std::vector<std::size_t>{4} : std::vector<std::size_t>{0, 1, 2, 3, 4};
    for (const std::size_t number : looked_at) {
        CAPTURE(number);
        const Bytes& right = stored.records[number].bytes;
        const std::size_t step = keeps_local ? right.size() - 1 : 1 + right.size() / 40;
        for (std::size_t at = keeps_local ? right.size() - 1 : 0; at < right.size(); at += step) {
            Bytes wrong = right;
            wrong[at] ^= std::byte{4};
            rig.log.tamper(kShard0, RecordNumber(number), wrong);
            check(std::to_string(number));
        }
        rig.log.tamper(kShard0, RecordNumber(number), right);
    }
    if (!keeps_local) {
        rig.log.tamper(kShard0, RecordNumber(2), stored.records[3].bytes);
        check("2");
        rig.log.tamper(kShard0, RecordNumber(2), stored.records[2].bytes);
    }
    rig.start();
    CHECK(rig.play_one(transfer(2, 1, 2, 10)).repeated);
}

/// What stands last in the log, a mark, with `event` in its place, sealed with the right keys.
Bytes telling(const HandlerRig& rig, const StoredRecord& record, const Event& event) {
    const Result<RecordView> view = parse_record(record.bytes);
    REQUIRE(view.has_value());
    const RecordHeader header = view->header;
    Bytes body(encoded_event_max(event));
    body.resize(static_cast<std::size_t>(append_event(event, body.data()) - body.data()));
    Mac mac(rig.keys.record_key(kShard0, header.epoch));
    Bytes bytes = seal_record(mac, header, body).prefix;
    bytes.insert(bytes.end(), body.begin(), body.end());
    return bytes;
}

TEST_CASE("start: books that newer programs write are refused, with their level") {
    HandlerRig rig;
    write_some(rig);
    const Stored stored(rig);
    const FormatRaised raised{kFormatLevelFirst, kFormatLevel + 1, "ops-7"};
    rig.log.tamper(kShard0, RecordNumber(4), telling(rig, stored.records.at(4), raised));
    std::filesystem::remove_all(rig.options.directory);
    const Fault fault = rig.start_fault();
    CHECK(fault.code == FaultCode::configuration);
    CHECK(fault.message == "shard 0 record 4: newer programs write format level 2, this one knows "
                           "up to 1; use the newer program");
    // A mark or an accepted clock stops nobody.
    const ClockAccepted accepted{Timestamp(1), Timestamp(1), "ops-7"};
    rig.log.tamper(kShard0, RecordNumber(4), telling(rig, stored.records.at(4), accepted));
    rig.start();
    CHECK(rig.play_one(transfer(2, 1, 2, 10)).repeated);
}

TEST_CASE("start: a term tells who writes, with which program") {
    HandlerRig rig;
    rig.options.writer = "node-7";
    rig.options.program = "0.1.0";
    rig.start();
    rig.stop();
    const Stored stored(rig);
    const Result<RecordView> view = parse_record(stored.records.at(0).bytes);
    REQUIRE(view.has_value());
    EventReader reader(view->body);
    const auto bytes = reader.next();
    REQUIRE((bytes && *bytes));
    Arena arena;
    const Result<Event> event = decode_event(**bytes, arena);
    REQUIRE(event.has_value());
    CHECK(std::get<TermStarted>(*event).writer == "node-7");
    CHECK(std::get<TermStarted>(*event).program == "0.1.0");
}

TEST_CASE("start: the log of another deployment is refused") {
    HandlerRig rig;
    write_some(rig);
    HandlerRig other;
    write_some(other);
    const Stored foreign(other);
    for (std::uint64_t i = 0; i < foreign.records.size(); ++i) {
        rig.log.tamper(kShard0, RecordNumber(i), foreign.records[i].bytes);
    }
    std::filesystem::remove_all(rig.options.directory);
    const Fault fault = rig.start_fault();
    CHECK(fault.code == FaultCode::corrupt);
    CHECK(fault.message.find("shard 0 record 0: the file `deployment` is not the one") == 0);
}

TEST_CASE("start: a checksum that the log reports stops it") {
    HandlerRig rig;
    write_some(rig);
    std::filesystem::remove_all(rig.options.directory);
    rig.log.damage(kShard0, RecordNumber(2));
    const Fault fault = rig.start_fault();
    CHECK(fault.code == FaultCode::corrupt);
    CHECK(fault.message.find("record 2") != std::string::npos);
}

TEST_CASE("start: a place that cannot hold the shard's files is refused with its name") {
    HandlerRig rig;
    std::ofstream(rig.options.directory) << "a file where the folder should be";
    const Fault fault = rig.start_fault();
    CHECK(fault.code == FaultCode::storage);
    CHECK(fault.message.find("shard directory") != std::string::npos);
}

TEST_CASE("start: a second handler on the same files is refused") {
    HandlerRig rig;
    rig.start();
    SimulatedLog log(1);
    AnswerBook answers;
    const auto second =
        Handler::start(log, rig.deployment, rig.keys, rig.clock, answers, rig.options);
    REQUIRE_FALSE(second);
    CHECK(second.error().code == FaultCode::storage);
    CHECK(second.error().message.find("lock") != std::string::npos);
    rig.open_accounts(1, 1);
    rig.stop();
}
