#include "command-handler/gateway/command_gateway.h"

#include "events/entries/codec.h"
#include "tests/command-handler/made_answers.h"

#include <doctest/doctest.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace vouch;
using namespace vouch::command_handler;

/// Takes batches and gives offsets; the test answers them.
class BatchLog final : public Log {
public:
    Result<Offset> produce(ShardId shard, Bytes batch) override {
        std::unique_lock lock(mutex_);
        if (full_times_ > 0) {
            --full_times_;
            return Fault{FaultCode::retriable, "full"};
        }
        std::vector<CommandBytes> members;
        REQUIRE(!split_batch(batch, members));
        const Offset offset(next_);
        next_ += 10;
        sizes_.push_back(members.size());
        if (before_return_) before_return_(shard, offset, members.size());
        changed_.notify_all();
        return offset;
    }
    /// Waits for so many batches in all.
    std::vector<std::size_t> batches(std::size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return sizes_.size() >= count; });
        return sizes_;
    }
    void be_full(int times) { full_times_ = times; }
    void before_return(std::function<void(ShardId, Offset, std::size_t)> call) {
        before_return_ = std::move(call);
    }

    std::uint32_t shard_count() const override { return 2; }
    Result<RecordNumber> end(ShardId) override { return kNotHere; }
    Status read_records(ShardId, RecordNumber, std::size_t, std::vector<StoredRecord>&) override {
        return kNotHere;
    }
    Status read_range(ShardId, RecordNumber, std::size_t, std::size_t, Bytes&) override {
        return kNotHere;
    }
    Status read_commands(ShardId, Offset, std::size_t, std::vector<InputBatch>&) override {
        return kNotHere;
    }
    Status read_steps(ShardId, Offset, std::size_t, std::vector<StepInput>&) override {
        return kNotHere;
    }
    void wait_for_input(ShardId, InputPosition, std::optional<std::int64_t>) override {}
    void interrupt() override {}
    Result<ShardEnd> acquire(ShardId, Term) override { return kNotHere; }
    Result<CommitTicket> commit(ShardId, Term, const Commit&) override { return kNotHere; }
    std::optional<Fault> failure() override { return std::nullopt; }
    Status await(CommitTicket) override { return kNotHere; }
    Result<bool> is_durable(CommitTicket) override { return kNotHere; }

private:
    inline static const Fault kNotHere{FaultCode::storage, "not in this test"};
    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t next_ = 100;
    int full_times_ = 0;
    std::vector<std::size_t> sizes_;
    std::function<void(ShardId, Offset, std::size_t)> before_return_;
};

/// Writes down what it is told: "2 in transit", "2 posted".
class Teller final : public AnswerRecipient {
public:
    void take_answer(std::uint64_t position, ShardId, const KeptAnswer& kept) override {
        told.push_back(
            std::to_string(position) + " " +
            (is_final(kept.answer) ? std::string(to_text(kept.answer.outcome)) : "in transit"));
    }
    void take_cut_off(std::uint64_t position, const CutOff& cut) override {
        told.push_back(std::to_string(position) + (cut.is_dropped ? " dropped: " : " cut off: ") +
                       cut.by.fault.message);
    }
    std::vector<std::string> told;
};

Command transfer(std::uint64_t number) {
    Command command;
    command.id = CommandId(1, number);
    command.body = Transfer{
        .debit = AccountId(1, 1), .credit = AccountId(1, 2), .amount = Amount(1), .balancing = {}};
    return command;
}

/// A gateway before a log whose batches the test answers.
struct Rig {
    BatchLog log;
    int wakes = 0;
    AnswerMailbox mailbox{[this] { ++wakes; }};
    Teller teller;
    CommandGateway gateway{log, 2};

    Rig() { gateway.add_mailbox(mailbox); }
    void append(std::uint64_t number) {
        REQUIRE(gateway.append(ShardId(0), transfer(number), {&mailbox, &teller, number}));
    }
    void answer(std::uint64_t offset, std::size_t first, const std::vector<Answer>& answers) {
        gateway.answered(ShardId(0), Offset(offset), first, answers);
    }
};

using Told = std::vector<std::string>;

}  // namespace

TEST_CASE("command_gateway: a command in transit is answered twice, its outcome in no order") {
    Rig rig;
    for (std::uint64_t i = 1; i <= 4; ++i) rig.append(i);
    rig.gateway.flush();
    CHECK(rig.log.batches(1) == std::vector<std::size_t>{4});
    // Answers by the thread that asks are only taken once the batch is known: this one is a repeat
    // of an unknown batch and nobody's.
    rig.answer(7, 0, {answer_of(9, Outcome::posted)});
    // The log's return and the gateway's note of it are two moments; the next batch is behind both.
    rig.append(5);
    rig.gateway.flush();
    CHECK(rig.log.batches(2) == std::vector<std::size_t>{4, 1});
    rig.answer(100, 0, {transit_of(1), answer_of(2, Outcome::posted)});
    rig.answer(100, 2, {transit_of(3), transit_of(4)});
    CHECK(rig.wakes == 1);
    CHECK(!rig.mailbox.hand_over());
    CHECK(rig.teller.told == Told{"1 in transit", "2 posted", "3 in transit", "4 in transit"});
    rig.append(6);
    rig.gateway.flush();
    rig.log.batches(3);
    rig.answer(110, 0, {answer_of(5, Outcome::posted)});
    rig.answer(100, 3, {answer_of(4, Outcome::account_closed)});
    rig.answer(100, 0, {answer_of(1, Outcome::posted)});
    rig.answer(100, 2, {answer_of(3, Outcome::posted)});
    rig.teller.told.clear();
    CHECK(!rig.mailbox.hand_over());
    CHECK(rig.teller.told == Told{"5 posted", "4 account_closed", "1 posted", "3 posted"});
    CHECK(rig.wakes == 2);
}

TEST_CASE("command_gateway: while commands are in transit, others are sent") {
    Rig rig;
    for (std::uint64_t pair = 0; pair < 4; ++pair) {
        // Two are sent without an answer; more would wait, were those in transit counted too.
        for (const std::uint64_t number : {2 * pair, 2 * pair + 1}) {
            rig.append(number);
            rig.gateway.flush();
            CHECK(rig.log.batches(number + 1).size() == number + 1);
        }
        for (const std::uint64_t number : {2 * pair, 2 * pair + 1})
            rig.answer(100 + 10 * number, 0, {transit_of(number)});
    }
}

TEST_CASE("command_gateway: answers that come before the log names the offset are not lost") {
    Rig rig;
    rig.log.before_return([&](ShardId shard, Offset offset, std::size_t count) {
        std::vector<Answer> answers;
        for (std::size_t i = 0; i < count; ++i) answers.push_back(answer_of(i, Outcome::posted));
        rig.gateway.answered(shard, offset, 0, answers);
        rig.gateway.answered(shard, Offset(offset.value() + 1), 0, answers);  // somebody else's
    });
    rig.append(1);
    rig.append(2);
    rig.gateway.flush();
    rig.log.batches(1);
    rig.gateway.stop();
    CHECK(!rig.mailbox.hand_over());
    CHECK(rig.teller.told == Told{"1 posted", "2 posted"});
}

TEST_CASE("command_gateway: commands collect while two batches are unanswered, then go together") {
    Rig rig;
    rig.append(1);
    rig.gateway.flush();
    rig.log.batches(1);
    rig.append(2);
    rig.gateway.flush();
    rig.log.batches(2);
    for (std::uint64_t i = 3; i <= 7; ++i) {
        rig.append(i);
        rig.gateway.flush();
    }
    rig.append(8);
    rig.answer(100, 0, {answer_of(1, Outcome::posted)});
    CHECK(rig.log.batches(3) == std::vector<std::size_t>{1, 1, 6});
}

TEST_CASE("command_gateway: a full log is tried again, and a full gateway says so") {
    Rig rig;
    rig.log.be_full(2);
    rig.append(1);
    rig.gateway.flush();
    CHECK(rig.log.batches(1) == std::vector<std::size_t>{1});
    std::size_t taken = 1;
    while (rig.gateway.append(ShardId(1), transfer(taken), {&rig.mailbox, &rig.teller, taken}))
        ++taken;
    CHECK(taken == CommandGateway::kOpenCommandsMax + 1);
}

TEST_CASE(
    "command_gateway: that nothing goes on is told to every mailbox, also to one that comes later") {
    Rig rig;
    AnswerMailbox other([] {});
    rig.gateway.add_mailbox(other);
    rig.gateway.stopped(ShardId(1), Fault{FaultCode::storage, "disk"}, FaultScope::log);
    CHECK(rig.mailbox.hand_over()->message == "disk");
    CHECK(other.hand_over()->message == "disk");
    AnswerMailbox later([] {});
    rig.gateway.add_mailbox(later);
    CHECK(later.hand_over()->message == "disk");
}

TEST_CASE(
    "command_gateway: a repeat for which no second answer comes is cut off, and nothing has "
    "stopped") {
    Rig rig;
    rig.append(1);
    rig.append(2);
    rig.gateway.flush();
    rig.log.batches(1);
    // The gateway asks for a mark behind its note of the batch before.
    rig.gateway.ask_for_mark(ShardId(0));
    rig.log.batches(2);
    Answer last = transit_of(2);
    last.waits_for = ShardId(1);
    last.repeated = last.is_last = true;
    rig.answer(100, 0, {transit_of(1), last});
    rig.answer(100, 0, {answer_of(1, Outcome::posted)});
    CHECK(!rig.mailbox.hand_over());
    CHECK(rig.teller.told ==
          Told{"1 in transit", "2 in transit", "2 cut off: too many commands wait for its answers",
               "1 posted"});
}

TEST_CASE("command_gateway: a shard that stops cuts off what needs it, and nothing else") {
    Rig rig;
    const Fault rotten{FaultCode::corrupt, "rotten"};
    const auto stop = [&](std::uint32_t shard) {
        rig.gateway.stopped(ShardId(shard), rotten, FaultScope::shard);
    };
    const auto waiting_for = [](std::uint64_t number, std::uint32_t shard) {
        Answer answer = transit_of(number);
        answer.waits_for = ShardId(shard);
        return answer;
    };
    for (std::uint64_t i = 1; i <= 3; ++i) rig.append(i);
    rig.gateway.flush();
    rig.log.batches(1);
    rig.append(4);
    rig.gateway.flush();
    rig.log.batches(2);
    // The gateway asks for a mark behind its note of the batch before.
    rig.gateway.ask_for_mark(ShardId(0));
    rig.log.batches(3);
    SUBCASE("another one: what is in transit to it") {
        rig.answer(100, 0, {waiting_for(1, 1), waiting_for(2, 0)});
        stop(1);
        // That the third waits for it is only known afterwards.
        rig.answer(100, 2, {waiting_for(3, 1)});
        rig.answer(100, 1, {answer_of(2, Outcome::posted)});
        rig.answer(110, 0, {answer_of(4, Outcome::posted)});
        REQUIRE(rig.gateway.append(ShardId(1), transfer(5), {&rig.mailbox, &rig.teller, 5}));
        CHECK(!rig.mailbox.hand_over());
        CHECK(rig.teller.told == Told{"1 in transit", "2 in transit", "1 cut off: rotten",
                                      "3 in transit", "3 cut off: rotten", "2 posted", "4 posted",
                                      "5 dropped: rotten"});
    }
    SUBCASE("held back, either by the other: what is in transit between the two") {
        HeldBack held{ShardId(0), ShardId(1), rotten};
        SUBCASE("by it") {}
        SUBCASE("it itself") { std::swap(held.sender, held.by); }
        rig.answer(100, 0, {waiting_for(1, 1), waiting_for(2, 0)});
        rig.gateway.held_back(held);
        rig.answer(100, 2, {waiting_for(3, 1)});
        rig.answer(100, 1, {answer_of(2, Outcome::posted)});
        rig.answer(110, 0, {answer_of(4, Outcome::posted)});
        REQUIRE(rig.gateway.append(ShardId(1), transfer(5), {&rig.mailbox, &rig.teller, 5}));
        CHECK(!rig.mailbox.hand_over());
        const std::string why = held.text();
        CHECK(rig.teller.told == Told{"1 in transit", "2 in transit", "1 cut off: " + why,
                                      "3 in transit", "3 cut off: " + why, "2 posted", "4 posted"});
    }
    SUBCASE("its own: what was sent, and what waits") {
        rig.append(5);
        rig.append(6);
        rig.answer(100, 0, {answer_of(1, Outcome::posted), transit_of(2)});
        stop(0);
        rig.append(7);
        CHECK(!rig.mailbox.hand_over());
        CHECK(rig.teller.told == Told{"1 posted", "2 in transit", "2 cut off: rotten",
                                      "3 cut off: rotten", "4 cut off: rotten", "5 dropped: rotten",
                                      "6 dropped: rotten", "7 dropped: rotten"});
    }
}
