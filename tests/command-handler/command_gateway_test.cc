#include "command-handler/gateway/command_gateway.h"

#include "command-handler/gateway/command_stream.h"
#include "command-handler/intake/routing.h"
#include "events/entries/codec.h"
#include "events/seal/deployment.h"
#include "tests/support/named_ids.h"

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

Answer answer_of(std::uint64_t number, Outcome outcome) {
    Answer answer;
    answer.id = CommandId(1, number);
    answer.outcome = outcome;
    return answer;
}
Answer transit_of(std::uint64_t number) {
    Answer answer = answer_of(number, Outcome::malformed);
    answer.in_transit = true;
    return answer;
}

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

namespace {

/// Books where every account is in euro, with one hold and one entry.
class TwoAccounts final : public Directory {
public:
    AccountFact account(LedgerId, AccountId) override {
        if (!look()) return {};
        return {.certainty = Certainty::certain, .asset = *Asset::parse("EUR/2")};
    }
    HoldFact hold(LedgerId, CommandId) override { return look() ? known_hold : HoldFact{}; }
    EntryFact entry(LedgerId, CommandId) override {
        return look() ? known_entry : EntryFact{};
    }

    std::optional<KnownCommand> seen(const Command& command,
                                     std::optional<ShardId> decides) override {
        if (!look() || !known_command || known_id != command.id) return std::nullopt;
        if (decides == known_command->shard) return std::nullopt;
        return known_command;
    }
    std::optional<StoppedShard> stop_before(const Command&, ShardId,
                                            std::span<const AccountId>) override {
        return std::nullopt;
    }
    bool may_have_seen(LedgerId, CommandId id) override {
        return known_command && known_id == id;
    }
    const std::optional<StoppedShard>& unknown() const override { return unknown_; }
    void forget_unknown() override { unknown_.reset(); }

    /// After so many nothing can be looked up.
    std::size_t look_ups_max = 1'000;
    std::size_t look_ups = 0;
    HoldFact known_hold;
    EntryFact known_entry;
    CommandId known_id;
    std::optional<KnownCommand> known_command;

private:
    bool look() {
        if (++look_ups <= look_ups_max) return true;
        unknown_ = {ShardId(1), Fault{FaultCode::corrupt, "rotten"}};
        return false;
    }

    std::optional<StoppedShard> unknown_;
};

/// A name whose account that shard of two has.
std::string name_on(ShardId shard, const std::string& prefix) {
    for (int i = 0;; ++i) {
        const std::string name = prefix + std::to_string(i);
        if (shard_of(test::account_named(name), 2) == shard) return name;
    }
}

std::string payment(const std::string& id, const std::string& debit, const std::string& credit) {
    return R"({"id":")" + id + R"(","transfer":{"debit":")" + debit + R"(","credit":")" + credit +
           R"(","amount":"1.00"}})";
}

/// A stream over two shards, with an account on each.
struct TwoShards {
    /// Sends the line, which must go out; its position.
    std::uint64_t send(const std::string& line) {
        CHECK(stream.take_line(line) == CommandStream::Step::send);
        return stream.outgoing().front().position;
    }
    void answer(std::uint64_t position, Answer with) {
        stream.take_answer(position, ShardId(0), KeptAnswer(std::move(with)));
    }

    const Deployment deployment = make_deployment(2, false, Timestamp(0)).deployment;
    TwoAccounts books;
    IdsInFlight ids;
    CommandStream stream{deployment, books, ids, false};
    const std::string here = name_on(ShardId(0), "a");
    const std::string there = name_on(ShardId(1), "b");
};

}  // namespace

TEST_CASE("command_stream: a line in transit holds back those of other shards until its outcome") {
    TwoShards on;
    auto& [deployment, books, ids, stream, here, there] = on;
    const std::uint64_t first = on.send(payment("t1", here, there));
    CHECK(stream.outgoing().front().shard == ShardId(0));
    const std::uint64_t second = on.send(payment("t2", here, there));
    CHECK(stream.take_line(payment("t3", there, here)) == CommandStream::Step::drain_first);
    on.answer(first, transit_of(1));
    CHECK(stream.in_flight() == 2);
    CHECK(stream.take_line(payment("t3", there, here)) == CommandStream::Step::drain_first);
    on.answer(second, answer_of(2, Outcome::posted));
    CHECK(stream.outcomes().ready().empty());
    on.answer(first, answer_of(1, Outcome::account_closed));
    CHECK(stream.outcomes().ready().find("\"t1\"") < stream.outcomes().ready().find("\"t2\""));
    (void)on.send(payment("t3", there, here));
    CHECK(stream.outgoing().front().shard == ShardId(1));
}

TEST_CASE("command_stream: who is paid by a capture waits for it, though no line names him") {
    TwoShards on;
    auto& [deployment, books, ids, stream, payer, payee] = on;
    books.known_hold = {.certainty = Certainty::certain,
                        .payer = test::account_named(payer),
                        .payee = test::account_named(payee),
                        .asset = Asset::parse("EUR/2")};
    const std::uint64_t capture =
        on.send(R"({"id":"c","capture_hold":{"hold":"h","account":")" + payer + R"("}})");
    const std::string next = payment("t", payee, name_on(ShardId(1), "shop"));
    CHECK(stream.take_line(next) == CommandStream::Step::drain_first);
    on.answer(capture, answer_of(1, Outcome::captured));
    (void)on.send(next);
}

TEST_CASE("command_stream: a line that is refused at once does not hide one that is under way") {
    TwoShards on;
    auto& [deployment, books, ids, stream, here, there] = on;
    const std::uint64_t first = on.send(payment("t1", here, there));
    const std::uint64_t second = on.send(payment("t2", name_on(ShardId(0), "poor"), there));
    on.answer(second, answer_of(2, Outcome::insufficient_funds));
    const std::string next = payment("t3", there, name_on(ShardId(1), "shop"));
    CHECK(stream.take_line(next) == CommandStream::Step::drain_first);
    on.answer(first, answer_of(1, Outcome::posted));
    (void)on.send(next);
}

TEST_CASE("command_stream: one id goes to one shard only, whatever streams send it at once") {
    TwoShards on;
    auto& [deployment, books, ids, stream, here, there] = on;
    const std::uint64_t position = on.send(payment("t", here, there));
    const std::string conflict =
        R"({"id":"t","accepted":false,"outcome":"conflict","recorded":false)";
    {
        CommandStream other(deployment, books, ids, false);
        CHECK(other.take_line(payment("t", there, here)) == CommandStream::Step::done);
        CHECK(other.outcomes().ready() == conflict + "}\n");
        CHECK(other.told().counts.refused == 1);
        // The same again is a repeat, which its shard answers.
        CHECK(other.take_line(payment("t", here, there)) == CommandStream::Step::send);
        // And what a member is called is an id like any other.
        CHECK(other.take_line(R"({"id":"g","group":[)" + payment("t", there, here) + "]}") ==
              CommandStream::Step::drain_first);
    }
    on.answer(position, answer_of(1, Outcome::posted));
    books.known_id = test::command_named("t");
    books.known_command.emplace();
    books.known_command->record = RecordNumber(7);
    books.known_command->event = EventNumber(9);
    CommandStream later(deployment, books, ids, false);
    CHECK(later.take_line(payment("t", there, here)) == CommandStream::Step::done);
    CHECK(later.outcomes().ready() ==
          conflict + R"(,"first":{"shard":0,"record":7,"event":9}})" + "\n");
    later.outcomes().ready().clear();
    CHECK(later.take_line(R"({"id":"g","group":[)" + payment("t", there, here) + "]}") ==
          CommandStream::Step::done);
    CHECK(later.outcomes().ready().find(R"("failed":"t")") != std::string::npos);
    // Nothing stays claimed of what was answered at the gateway.
    books.known_command.reset();
    CHECK(later.take_line(payment("t", there, here)) == CommandStream::Step::send);
}

namespace {

EntryFact entry_of(std::size_t postings) {
    EntryFact entry{.certainty = Certainty::certain, .postings = {}};
    for (std::size_t i = 0; i < postings; ++i)
        entry.postings.push_back({test::account_named("a" + std::to_string(i)),
                                  i == 0 ? Side::debit : Side::credit, Asset::parse("EUR/2")});
    return entry;
}

}  // namespace

TEST_CASE("command_stream: a refund that must name its postings is answered, and not recorded") {
    const auto refund = [](const std::string& keys) {
        return R"({"id":"f","refund":{)" + keys + "}}";
    };
    for (const std::uint32_t shards : {1U, 2U}) {
        CAPTURE(shards);
        const Deployment deployment = make_deployment(shards, false, Timestamp(0)).deployment;
        TwoAccounts books;
        IdsInFlight ids;
        CommandStream stream(deployment, books, ids, false);
        const auto told = [&](const std::string& line) {
            stream.outcomes().ready().clear();
            CHECK(stream.take_line(line) == CommandStream::Step::done);
            CHECK(stream.told().counts.malformed == 0);
            return stream.outcomes().ready();
        };
        const std::string unrecorded = R"("outcome":"entry_not_found","recorded":false,"field":")";
        books.known_entry = entry_of(3);
        CHECK(told(refund(R"("entry":"e")")).find(unrecorded + "debit_posting") !=
              std::string::npos);
        CHECK(told(refund(R"("entry":"e","debit_posting":0)")).find(unrecorded + "credit_posting") !=
              std::string::npos);
        const std::string group =
            R"({"id":"g","group":[{"id":"r","release_hold":{"hold":"h","account":"a0"}},)" +
            refund(R"("entry":"e")") + "]}";
        const std::string failed = told(group);
        CHECK(failed.find(R"("failed":"f")") != std::string::npos);
        CHECK(failed.find(R"("recorded":false,"field":"group[1].debit_posting")") !=
              std::string::npos);
        CHECK(stream.told().counts.refused == 3);
        // What has been seen is a repeat, of a refund and of a group.
        books.known_command.emplace();
        books.known_command->has_same_content = true;
        books.known_command->account = test::account_named("a1");
        const std::pair<std::string, std::string> repeats[] = {{"f", refund(R"("entry":"e")")},
                                                               {"g", group}};
        for (const auto& [id, line] : repeats) {
            books.known_id = test::command_named(id);
            books.known_command->shard = ShardId(0);
            CommandStream again(deployment, books, ids, false);
            CHECK(again.take_line(line) != CommandStream::Step::drain_first);
            CHECK(again.outcomes().ready().find("field") == std::string::npos);
        }
        books.known_command.reset();
        // The rest goes to its shard: two postings leave nothing to name.
        CommandStream named(deployment, books, ids, false);
        CHECK(named.take_line(refund(R"("entry":"e","debit_posting":0,"credit_posting":2)")) ==
              CommandStream::Step::send);
        books.known_entry = entry_of(2);
        IdsInFlight others;
        CommandStream simple(deployment, books, others, false);
        CHECK(simple.take_line(refund(R"("entry":"e")")) == CommandStream::Step::send);
    }
}

TEST_CASE("command_stream: a refund lacks its postings whether or not its entry is final yet") {
    const Deployment deployment = make_deployment(1, false, Timestamp(0)).deployment;
    const std::string entry =
        R"({"id":"e","post_entry":{"postings":[{"account":"a0","debit":"3.00"},)"
        R"({"account":"a1","credit":"2.00"},{"account":"a2","credit":"1.00"}]}})";
    for (const Outcome outcome : {Outcome::held, Outcome::posted, Outcome::account_closed}) {
        TwoAccounts books;
        IdsInFlight ids;
        CommandStream stream(deployment, books, ids, false);
        CHECK(stream.take_line(entry) == CommandStream::Step::send);
        // held: it has no outcome before the refund comes.
        if (outcome != Outcome::held)
            stream.take_answer(1, ShardId(0), KeptAnswer(answer_of(1, outcome)));
        CHECK(stream.take_line(R"({"id":"f","refund":{"entry":"e"}})") ==
              CommandStream::Step::done);
        if (outcome == Outcome::held)
            stream.take_answer(1, ShardId(0), KeptAnswer(answer_of(1, Outcome::posted)));
        CHECK(stream.outcomes().ready().find(R"("recorded":false,"field":"debit_posting")") !=
              std::string::npos);
        // What is behind it goes on.
        CHECK(stream.take_line(payment("p", "a0", "a1")) == CommandStream::Step::send);
    }
}

TEST_CASE("command_stream: what rests on a look-up that failed is neither sent nor answered") {
    const Deployment deployment = make_deployment(2, false, Timestamp(0)).deployment;
    const std::string here = name_on(ShardId(0), "a");
    const std::string there = name_on(ShardId(1), "b");
    const std::vector<std::string> lines = {
        payment("t", here, there),
        R"({"id":"c","capture_hold":{"hold":"h"}})",
        R"({"id":"r","reverse":{"entry":"e"}})",
        R"({"id":"g","group":[)" + payment("t1", here, there) + "," + payment("t2", here, there) +
            "]}",
    };
    for (const std::string& line : lines) {
        CAPTURE(line);
        TwoAccounts whole;
        IdsInFlight others;
        CommandStream undisturbed(deployment, whole, others, false);
        (void)undisturbed.take_line(line);
        CHECK_FALSE(undisturbed.told().cut_off);
        REQUIRE(whole.look_ups > 1);
        for (std::size_t i = 0; i < whole.look_ups; ++i) {
            CAPTURE(i);
            TwoAccounts books;
            books.look_ups_max = i;
            IdsInFlight ids;
            CommandStream stream(deployment, books, ids, false);
            CHECK(stream.take_line(line) == CommandStream::Step::done);
            CHECK(stream.outgoing().empty());
            CHECK(stream.outcomes().ready() ==
                  R"({"id":")" + line.substr(7, 1) +
                      R"(","problem":"urn:vouch:problem:shard-stopped","shard":1,)"
                      R"("detail":"shard 1 has stopped: rotten; nothing was recorded: send it again then, each is decided once",)"
                      R"("recorded":false})"
                      "\n");
            CHECK(stream.told().counts.cut_off == 1);
            CHECK(stream.told().counts.total() == 1);
            CHECK_FALSE(ids.claim(LedgerId(0), test::command_named(line.substr(7, 1)), ShardId(0)));
            // On its way by another stream, or seen before: then it may be recorded.
            const auto again = [&] {
                stream.outcomes().ready().clear();
                books.look_ups = i;
                CHECK(stream.take_line(line) == CommandStream::Step::done);
                return stream.outcomes().ready().find("recorded or not") != std::string::npos;
            };
            CHECK(again());
            ids.release(LedgerId(0), test::command_named(line.substr(7, 1)));
            CHECK_FALSE(again());
            books.known_id = test::command_named(line.substr(7, 1));
            books.known_command.emplace();
            CHECK(again());
        }
    }
}

TEST_CASE(
    "command_stream: what the gateway drops is unrecorded only when no copy of it may be "
    "recorded") {
    const Deployment two = make_deployment(2, false, Timestamp(0)).deployment;
    const Deployment one = make_deployment(1, false, Timestamp(0)).deployment;
    const CutOff dropped{{ShardId(0), Fault{FaultCode::corrupt, "rotten"}}, true};
    const auto is_called_unrecorded = [&](const Deployment& deployment, bool is_recorded,
                                          bool is_on_its_way) {
        TwoAccounts books;
        IdsInFlight ids;
        CommandStream other(deployment, books, ids, false);
        CommandStream stream(deployment, books, ids, false);
        const std::string line = payment("t", name_on(ShardId(0), "a"), name_on(ShardId(1), "b"));
        if (is_on_its_way) CHECK(other.take_line(line) == CommandStream::Step::send);
        if (is_recorded) {
            books.known_id = test::command_named("t");
            books.known_command.emplace();  // on shard 0, where it goes to as a repeat
        }
        CHECK(stream.take_line(line) == CommandStream::Step::send);
        stream.take_cut_off(stream.outgoing().front().position, dropped);
        return stream.outcomes().ready().find(R"("recorded":false)") != std::string::npos;
    };
    CHECK(is_called_unrecorded(two, false, false));
    CHECK_FALSE(is_called_unrecorded(two, true, false));
    CHECK_FALSE(is_called_unrecorded(two, false, true));
    CHECK_FALSE(is_called_unrecorded(one, false, false));
}
