#include "command-handler/gateway/command_stream.h"

#include "command-handler/intake/routing.h"
#include "events/money/shard_of.h"
#include "events/seal/deployment.h"
#include "tests/command-handler/made_answers.h"
#include "tests/support/named_ids.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace vouch;
using namespace vouch::command_handler;

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

EntryFact entry_of(std::size_t postings) {
    EntryFact entry{.certainty = Certainty::certain, .postings = {}};
    for (std::size_t i = 0; i < postings; ++i)
        entry.postings.push_back({test::account_named("a" + std::to_string(i)),
                                  i == 0 ? Side::debit : Side::credit});
    return entry;
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
    CHECK(stream.facts_in_flight() == 2);
    on.answer(first, transit_of(1));
    CHECK(stream.in_flight() == 2);
    CHECK(stream.take_line(payment("t3", there, here)) == CommandStream::Step::drain_first);
    on.answer(second, answer_of(2, Outcome::posted));
    CHECK(stream.outcomes().ready().empty());
    on.answer(first, answer_of(1, Outcome::account_closed));
    CHECK(stream.outcomes().ready().find("\"t1\"") < stream.outcomes().ready().find("\"t2\""));
    CHECK(stream.facts_in_flight() == 0);
    (void)on.send(payment("t3", there, here));
    CHECK(stream.outgoing().front().shard == ShardId(1));
}

TEST_CASE("command_stream: who is paid by a capture waits for it, though no line names him") {
    TwoShards on;
    auto& [deployment, books, ids, stream, payer, payee] = on;
    books.known_hold = {.certainty = Certainty::certain,
                        .payer = test::account_named(payer),
                        .payee = test::account_named(payee)};
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
        other.outcomes().ready().clear();
        // A group is refused for its own id, or for the member's that is on its way.
        const auto group = [&](const std::string& id, const std::string& member) {
            return R"({"id":")" + id + R"(","group":[)" + payment("m", there, here) + ',' +
                   payment(member, there, here) + "]}";
        };
        CHECK(other.take_line(group("t", "n")) == CommandStream::Step::done);
        CHECK(other.outcomes().ready() == conflict + "}\n");
        other.outcomes().ready().clear();
        CHECK(other.take_line(group("g", "t")) == CommandStream::Step::done);
        CHECK(other.outcomes().ready().find(R"("failed":"t")") != std::string::npos);
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
    CHECK(later.take_line(R"({"id":"t","group":[)" + payment("m", there, here) + "]}") ==
          CommandStream::Step::done);
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
        const std::string beyond =
            told(refund(R"("entry":"e","debit_posting":0,"credit_posting":3)"));
        CHECK_MESSAGE(beyond.find(unrecorded + R"(credit_posting","detail":"expected a posting of )"
                                               "the entry: the entry has 3 postings") !=
                          std::string::npos,
                      beyond);
        const std::string group =
            R"({"id":"g","group":[{"id":"r","release_hold":{"hold":"h","account":"a0"}},)" +
            refund(R"("entry":"e")") + "]}";
        const std::string failed = told(group);
        CHECK(stream.facts_in_flight() == 0);
        CHECK(failed.find(R"("failed":"f")") != std::string::npos);
        CHECK(failed.find(R"("recorded":false,"field":"group[1].debit_posting")") !=
              std::string::npos);
        // One alone is never enough, so its entry need not be known.
        books.known_entry = {};
        const std::string alone = R"("entry":"u","account":"a1",)";
        CHECK(told(refund(alone + R"("credit_posting":1)"))
                  .find(unrecorded + R"(debit_posting","detail":"name both debit_posting and )"
                                     R"(credit_posting: a refund is of one debit and one )"
                                     R"(credit")") !=
              std::string::npos);
        CHECK(stream.told().counts.refused == 5);
        books.known_entry = entry_of(3);
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
                      R"("detail":"shard 1 has stopped: rotten; nothing was recorded: )"
                      R"(send it again once the shard runs again, each is decided once",)"
                      R"("recorded":"no"})"
                      "\n");
            CHECK(stream.told().counts.cut_off == 1);
            CHECK(stream.told().counts.total() == 1);
            CHECK(stream.facts_in_flight() == 0);
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
        return stream.outcomes().ready().find(R"("recorded":"no")") != std::string::npos;
    };
    CHECK(is_called_unrecorded(two, false, false));
    CHECK_FALSE(is_called_unrecorded(two, true, false));
    CHECK_FALSE(is_called_unrecorded(two, false, true));
    CHECK_FALSE(is_called_unrecorded(one, false, false));
}
