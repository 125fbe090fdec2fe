#include "tests/events/kafka_memory_rig.h"

// What becomes of a commit whose end nobody heard, and of a writer that another one follows.

namespace vouch {
namespace {

using namespace test;
using Records = std::vector<std::string>;
using CommitFault = MemoryBroker::CommitFault;

std::string commit_fault(kafka::ShardCommitter& committer, std::uint64_t number,
                         std::string_view text) {
    const TextCommit commit(number, text);
    return fault_of(committer.commit(commit.commit()));
}

TEST_CASE("kafka commits: a doubt is settled by the tail, whichever way it went") {
    for (const CommitFault fault :
         {CommitFault::done_and_not_answered, CommitFault::not_done_and_not_answered}) {
        CAPTURE(static_cast<int>(fault));
        MemoryCluster cluster(1);
        KafkaParts parts(cluster);
        kafka::ShardCommitter committer = parts.committer();
        REQUIRE(committer.acquire());
        CHECK(commit_fault(committer, 0, "first") == "no fault");
        cluster.broker.fail_commit(fault);
        const std::uint64_t before = cluster.broker.take_overs();
        CHECK(commit_fault(committer, 1, "in doubt") == "no fault");
        // By a new producer, whose epoch refuses whatever is still on its way.
        CHECK(cluster.broker.take_overs() == before + 1);
        CHECK(cluster.records() == Records{"first", "in doubt"});
        CHECK(commit_fault(committer, 2, "next") == "no fault");
        CHECK(cluster.records() == Records{"first", "in doubt", "next"});
        CHECK(texts(*cluster.open_reader(), kFirst) == cluster.records());
    }
}

TEST_CASE("kafka commits: doubt upon doubt is settled too, and given up after eight") {
    MemoryCluster cluster(1);
    KafkaParts parts(cluster);
    kafka::ShardCommitter committer = parts.committer();
    REQUIRE(committer.acquire());
    for (int i = 0; i < 3; ++i)
        cluster.broker.fail_commit(CommitFault::not_done_and_not_answered);
    CHECK(commit_fault(committer, 0, "late") == "no fault");
    CHECK(cluster.records() == Records{"late"});
    for (int i = 0; i < 8; ++i)
        cluster.broker.fail_commit(CommitFault::not_done_and_not_answered);
    CHECK(starts_with(commit_fault(committer, 1, "never"), "storage: shard 0: gave up waiting"));
    CHECK(cluster.records() == Records{"late"});
}

TEST_CASE("kafka commits: after an end that was sent twice the next record has another producer") {
    MemoryCluster cluster(1);
    KafkaParts parts(cluster);
    kafka::ShardCommitter committer = parts.committer();
    REQUIRE(committer.acquire());
    cluster.broker.fail_commit(CommitFault::answered_twice);
    CHECK(commit_fault(committer, 0, "first") == "no fault");
    const std::uint64_t before = cluster.broker.take_overs();
    CHECK(commit_fault(committer, 1, "second") == "no fault");
    CHECK(cluster.broker.take_overs() == before + 1);
    CHECK(commit_fault(committer, 2, "third") == "no fault");
    CHECK(cluster.broker.take_overs() == before + 1);
    CHECK(cluster.records() == Records{"first", "second", "third"});
}

TEST_CASE("kafka commits: another writer's record in the place of one in doubt is fencing") {
    MemoryCluster cluster(1);
    KafkaParts parts(cluster);
    kafka::ShardCommitter committer = parts.committer();
    cluster.put_record(0, "theirs");
    CHECK(commit_fault(committer, 0, "ours") ==
          "fenced: shard 0 record 0: another writer's record is in the log, which ends at 1");
    CHECK(cluster.records() == Records{"theirs"});
}

TEST_CASE("kafka commits: an epoch that was bumped by nobody's coming is no other writer") {
    MemoryCluster cluster(1);
    KafkaParts parts(cluster);
    kafka::ShardCommitter committer = parts.committer();
    REQUIRE(committer.acquire());
    CHECK(commit_fault(committer, 0, "first") == "no fault");
    cluster.broker.bump_epoch("books.shard.0");
    CHECK(commit_fault(committer, 1, "second") == "no fault");
    CHECK(cluster.records() == Records{"first", "second"});
}

TEST_CASE("kafka commits: an earlier writer's record, put back behind a take-over, is fencing") {
    MemoryCluster cluster(1);
    KafkaParts parts(cluster);
    kafka::ShardCommitter committer = parts.committer();
    REQUIRE(committer.acquire());
    cluster.put_record(0, "theirs");
    CHECK(commit_fault(committer, 0, "ours") ==
          "fenced: shard 0 record 0: another record that follows the one before it came first");
    // Behind a writer's first record it is passed over.
    kafka::ShardCommitter next = parts.committer();
    REQUIRE(next.acquire());
    CHECK(commit_fault(next, 1, "behind") == "no fault");
    cluster.put_record(1, "theirs again");
    CHECK(commit_fault(next, 2, "goes on") == "no fault");
    CHECK(texts(*cluster.open_reader(), kFirst) == Records{"theirs", "behind", "goes on"});
}

TEST_CASE("kafka commits: what was consumed goes with the record, or not at all") {
    MemoryCluster cluster(2);
    KafkaParts parts(cluster);
    kafka::ShardCommitter committer = parts.committer();
    REQUIRE(committer.acquire());
    const auto consumed = [&](const std::string& topic) {
        return cluster.broker.consumed("books.handlers", topic, 0);
    };
    CHECK(!consumed("books.commands"));
    TextCommit commit(0, "record", 7);
    commit.consume(Offset(3)).send(kSecond, "steps");
    REQUIRE(committer.commit(commit.commit()));
    CHECK(consumed("books.commands") == 7);
    CHECK(consumed("books.steps") == 3);
    CHECK(cluster.broker.shown("books.steps", 1) == Records{"steps"});
    // An open transaction that another one ends leaves nothing.
    kafka::TransactionProducer other(
        std::move(*parts.options.client->open_transactions(parts.options, kFirst)), 1'000);
    REQUIRE(other.take_over(1'000));
    const Bytes lost = bytes_of("lost"), lost_steps = bytes_of("lost steps");
    cluster.broker.fail_commit(CommitFault::not_done_and_not_answered);
    const kafka::Written written =
        other.write({kFirst,
                     RecordNumber(1),
                     lost,
                     {{kSecond, lost_steps}},
                     {Offset(9), Offset(9)}},
                    parts.membership->identity());
    CHECK(written.kind == kafka::Written::Kind::doubtful);
    REQUIRE(committer.acquire());
    CHECK(cluster.records() == Records{"record"});
    CHECK(cluster.broker.shown("books.steps", 1) == Records{"steps"});
    CHECK(consumed("books.commands") == 7);
    CHECK(consumed("books.steps") == 3);
}

TEST_CASE("kafka commits: a producer whose name another one took is fenced, and writes nothing") {
    MemoryCluster cluster(1);
    KafkaParts parts(cluster);
    auto zombie = std::move(*kafka::TransactionProducer::make(parts.options, kFirst));
    REQUIRE(zombie->take_over(1'000));
    auto writer = std::move(*kafka::TransactionProducer::make(parts.options, kFirst));
    REQUIRE(writer->take_over(1'000));
    const Bytes theirs = bytes_of("theirs"), ours = bytes_of("ours");
    const auto write = [&](kafka::TransactionProducer& producer, const Bytes& bytes) {
        return producer
            .write({kFirst, RecordNumber(0), bytes, {}, {}}, parts.membership->identity())
            .kind;
    };
    CHECK(write(*zombie, theirs) == kafka::Written::Kind::fenced);
    CHECK(write(*writer, ours) == kafka::Written::Kind::committed);
    CHECK(cluster.records() == Records{"ours"});
    // Nor does one that the group does not know.
    CHECK(writer->write({kFirst, RecordNumber(1), ours, {}, {}}, "nobody/0").kind ==
          kafka::Written::Kind::displaced);
    CHECK(writer->write({kFirst, RecordNumber(1), ours, {}, {}}, "").kind ==
          kafka::Written::Kind::displaced);
}

TEST_CASE("kafka commits: what is not marked yet is durable to its writer, and to nobody else") {
    MemoryCluster cluster(1);
    KafkaParts parts(cluster);
    kafka::ShardCommitter committer = parts.committer();
    REQUIRE(committer.acquire());
    CHECK(commit_fault(committer, 0, "first") == "no fault");
    cluster.broker.hold_marks();
    CHECK(commit_fault(committer, 1, "second") == "no fault");
    CHECK(parts.records->end().value() == RecordNumber(2));
    const auto reader = cluster.open_reader();
    CHECK(reader->end(kFirst).value() == RecordNumber(1));
    cluster.broker.write_marks();
    CHECK(reader->end(kFirst).value() == RecordNumber(2));
    CHECK(texts(*reader, kFirst) == Records{"first", "second"});
}

TEST_CASE("kafka commits: a process that opens the log again ends the one that had it") {
    MemoryCluster cluster(1);
    const auto zombie = cluster.open();
    REQUIRE(zombie->acquire(kFirst, kTerm));
    REQUIRE(commit_text(*zombie, kFirst, kTerm, 0, "zombie's"));
    const auto writer = cluster.open();
    const Result<ShardEnd> end = writer->acquire(kFirst, Term(2));
    REQUIRE_MESSAGE(end, fault_of(end));
    CHECK(end->next_record == RecordNumber(1));
    CHECK(starts_with(fault_of(commit_text(*zombie, kFirst, kTerm, 1, "late")), "fenced: "));
    REQUIRE(commit_text(*writer, kFirst, Term(2), 1, "writer's"));
    // It still reads, and sees what became of its shard; it takes no input any more.
    CHECK(texts(*zombie, kFirst) == Records{"zombie's", "writer's"});
    std::vector<InputBatch> none;
    CHECK(starts_with(fault_of(zombie->read_commands(kFirst, Offset(0), 1, none)), "fenced: "));
    CHECK(starts_with(fault_of(zombie->produce(kFirst, bytes_of("x"))), "fenced: "));
}

}  // namespace
}  // namespace vouch
