#include "reconciler/replay/replay.h"
#include "tests/command-handler/handler_rig.h"
#include "tests/model/accepted_model.h"
#include "tests/model/generator.h"
#include "tests/model/shard_books.h"
#include "tests/model/shard_logs.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

// Whole handlers of several shards on a log that holds commits back, fails them and forgets them:
// the same random commands as the cores play, sent without waiting. The threads of the shards race,
// so a seed chooses commands and faults, and not everything else.

namespace {

using namespace vouch;
using namespace vouch::test;

constexpr std::uint64_t kScenarios = 12;
constexpr std::size_t kPiecesMax = 12;  ///< sent and not answered
constexpr std::size_t kRoundsMax = 10'000;
constexpr std::uint64_t kCutMost = 6;  ///< of so many scenarios one may be left without comparison
using Key = std::pair<LedgerId, CommandId>;

void check_replay(HandlerRig& rig) {
    reconciler::ReplayOptions options;
    options.keys = &rig.keys;
    options.threads = 1;
    const auto report = reconciler::replay(rig.log, rig.deployment, options);
    REQUIRE(report.has_value());
    const std::string findings = report->is_clean() ? "" : reconciler::to_text(*report);
    CHECK(findings == "");
}

class CrashingPlay {
public:
    CrashingPlay(std::uint64_t seed, std::uint32_t shards)
        : rig_(shards),
          random_(seed * 64 + shards),
          scenario_(make_scenario(seed, {.commands = 400, .batch_max = 12})) {
        rig_.options.bounds.generation_facts = 40;
        rig_.options.bounds.snapshot_events = 60;
        rig_.start();
    }

    void run() {
        for (const ScenarioBatch& batch : scenario_.batches) {
            REQUIRE(rig_.clock.advance(batch.after_us));
            send(batch.commands);
            disturb();
        }
        rig_.log.release();
        while (!pieces_.empty()) wait_for_oldest();
        settle();
        rig_.stop();
        check();
    }
    std::size_t crashes() const { return crashes_; }
    std::size_t crossings() const { return crossings_; }
    /// Whether the model of one shard could not be asked where all of it leads.
    bool is_cut() const { return is_cut_; }

private:
    struct Piece {
        ShardId shard;
        Offset offset;
        std::vector<OwnedCommand> commands;
    };

    std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_() % bound); }
    bool chance(std::size_t percent) { return below(100) < percent; }

    void send(const std::vector<OwnedCommand>& commands) {
        std::map<ShardId, std::vector<OwnedCommand>> parts;
        for (const OwnedCommand& command : commands) {
            if (is_of_one_home(command))
                parts[test::home_of(command.view(), rig_.deployment.shards)].push_back(command);
        }
        for (const auto& [shard, part] : parts) send_piece(shard, part);
    }

    /// An id that is used again on another shard is a command of its own there, and none for the
    /// model.
    bool is_of_one_home(const OwnedCommand& command) {
        const ShardId home = test::home_of(command.view(), rig_.deployment.shards);
        const auto agrees = [&](const OwnedCommand& each) {
            return homes_.emplace(Key{each.head.ledger, each.head.id}, home).first->second == home;
        };
        return agrees(command) &&
               std::all_of(command.members.begin(), command.members.end(), agrees);
    }

    void send_piece(ShardId shard, const std::vector<OwnedCommand>& part) {
        std::vector<Command> commands;
        for (const OwnedCommand& command : part) commands.push_back(command.view());
        while (pieces_.size() >= kPiecesMax) wait_for_oldest();
        Result<Offset> offset = rig_.log.produce(shard, batch_of(commands));
        while (!offset) {
            start_again(0);  // a commit that was to fail has failed
            offset = rig_.log.produce(shard, batch_of(commands));
        }
        pieces_.push_back({shard, *offset, part});
    }

    void disturb() {
        if (chance(30)) rig_.log.hold();
        if (chance(40)) rig_.log.release(below(4));
        if (chance(30)) rig_.log.release();
        if (chance(3)) {
            const bool is_durable = chance(50);
            rig_.log.fail_commit(1 + below(6), is_durable ? SimulatedLog::Failure::after_durable
                                                          : SimulatedLog::Failure::before_durable);
        }
        if (chance(4)) start_again(below(4));
    }

    /// Keeps what it was told. False when some has no outcome yet.
    bool take_answers(const Piece& piece) {
        const std::vector<Answered> told = rig_.answers.look(piece.shard, piece.offset);
        bool all = told.size() == piece.commands.size();
        for (std::size_t i = 0; i < told.size(); ++i) {
            if (told[i].in_transit) {
                all = false;
            } else if (told[i].outcome != Outcome::conflict) {
                const Key key{piece.commands[i].head.ledger, told[i].id};
                const Outcome first = told_.emplace(key, told[i].outcome).first->second;
                CHECK(first == told[i].outcome);
            }
        }
        return all;
    }

    void wait_for_oldest() {
        rig_.log.release();
        const Piece& oldest = pieces_.front();
        rig_.answers.wait_for_outcomes(oldest.shard, oldest.offset, oldest.commands.size());
        if (take_answers(oldest)) {
            pieces_.erase(pieces_.begin());
        } else {
            start_again(0);
        }
    }

    /// The process dies and lives again; what was not answered is sent again.
    void start_again(std::size_t survivors) {
        ++crashes_;
        rig_.crash(survivors);
        std::vector<Piece> unanswered;
        for (const Piece& piece : pieces_) {
            if (!take_answers(piece)) unanswered.push_back(piece);
        }
        pieces_.clear();
        rig_.start();
        for (const Piece& piece : unanswered) send_piece(piece.shard, piece.commands);
    }

    /// Nobody waits for the steps of what expired. A shard that answers a second question has
    /// worked off what was there at the first.
    void settle() {
        const std::uint32_t shards = rig_.deployment.shards;
        const auto ends = [&] {
            std::vector<RecordNumber> all;
            for (std::uint32_t i = 0; i < shards; ++i) all.push_back(*rig_.log.end(ShardId(i)));
            return all;
        };
        for (std::size_t round = 0; round < kRoundsMax; ++round) {
            const std::vector<RecordNumber> before = ends();
            for (std::uint32_t i = 0; i < 2 * shards; ++i) {
                const AccountId account = account_id(rig_.account_on(i / 2));
                CHECK_FALSE(rig_.handler->find_account(LedgerId(0), account).has_value());
            }
            if (ends() == before) return;
        }
        FAIL("the shards do not come to rest");
    }

    void check() {
        ShardBooks books(rig_.deployment.shards);
        CHECK(take_logs(rig_.log, books));
        books.check_at_rest();
        REQUIRE(books.faults() == std::vector<std::string>{});
        crossings_ = books.crossings_begun();
        is_cut_ = books.holds_cut() > 0;
        const auto difference = find_difference_of_accepted(books);
        CHECK_MESSAGE(!difference, difference.value_or(""));
        for (const auto& [key, outcome] : told_) {
            const auto decided = books.outcomes().find(key);
            // Members of a group that failed have no event of their own.
            if (decided == books.outcomes().end()) {
                CHECK_FALSE(is_accepted(outcome));
            } else {
                CHECK(decided->second == outcome);
            }
        }
        check_replay(rig_);
    }

    HandlerRig rig_;
    std::mt19937_64 random_;
    Scenario scenario_;
    std::vector<Piece> pieces_;
    std::map<Key, ShardId> homes_;
    std::map<Key, Outcome> told_;
    std::size_t crashes_ = 0;
    std::size_t crossings_ = 0;
    bool is_cut_ = false;
};

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::stoull(text);
}

}  // namespace

TEST_CASE("across handlers: nothing is gained or lost when commits wait, fail and are lost") {
    const std::uint64_t first = setting("VOUCH_SEED", 1);
    const bool is_alone = std::getenv("VOUCH_SEED") != nullptr;
    const std::uint64_t count = is_alone ? 1 : setting("VOUCH_SCENARIOS", kScenarios);
    std::size_t crashes = 0;
    std::size_t crossings = 0;
    std::size_t cut = 0;
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        CAPTURE(seed);
        CrashingPlay play(seed, static_cast<std::uint32_t>(2 + seed % 5));
        play.run();
        crashes += play.crashes();
        crossings += play.crossings();
        if (play.is_cut()) ++cut;
    }
    MESSAGE("crashes: " << crashes << ", crossed: " << crossings << ", not compared: " << cut);
    if (is_alone) return;
    CHECK(crashes >= count);
    CHECK(crossings >= 10 * count);
    CHECK(cut <= count / kCutMost);
}

TEST_CASE("across handlers: opposite transfers in any order neither overdraw nor lose money") {
    constexpr std::uint64_t kEachWay = 10'000;
    constexpr std::uint64_t kStart = 100'00;
    constexpr std::uint64_t kOne = 1'00;
    constexpr std::size_t kBatch = 250;
    constexpr std::uint64_t kSecondWay = 1'000'000;
    HandlerRig rig(4);
    rig.start();
    const std::uint64_t bank = rig.account_on(2);
    const std::array<std::uint64_t, 2> ends{rig.account_on(0), rig.account_on(1)};
    const auto play = [&](std::initializer_list<Command> commands) {
        for (const Answered& told : rig.play_routed(commands)) REQUIRE(is_accepted(told.outcome));
    };
    play({open_account(1, bank, Limit::unlimited(), AccountClass::asset), open_account(2, ends[0]),
          open_account(3, ends[1])});
    play({transfer(4, bank, ends[0], kStart), transfer(5, bank, ends[1], kStart)});

    // Each end sends all it can without waiting, so that it is short whenever the other is slower.
    std::vector<std::pair<ShardId, Offset>> sent;
    for (std::uint64_t first = 0; first < kEachWay; first += kBatch) {
        for (std::uint32_t way = 0; way < 2; ++way) {
            std::vector<Command> batch;
            for (std::uint64_t i = first; i < first + kBatch; ++i)
                batch.push_back(
                    transfer(kSecondWay * (way + 1) + i, ends[way], ends[1 - way], kOne));
            const ShardId shard(way);
            sent.emplace_back(shard, rig.send(batch, shard));
        }
    }
    std::array<std::uint64_t, 2> posted{};
    std::uint64_t refused = 0;
    for (const auto& [shard, offset] : sent) {
        const auto told = rig.answers.wait_for_outcomes(shard, offset, kBatch);
        REQUIRE(told.size() == kBatch);
        for (const Answered& each : told) {
            REQUIRE_FALSE(each.in_transit);
            if (each.outcome == Outcome::posted) {
                ++posted[shard.value()];
            } else {
                REQUIRE(each.outcome == Outcome::insufficient_funds);
                ++refused;
            }
        }
    }
    rig.stop();
    CHECK(posted[0] > 0);
    CHECK(posted[1] > 0);
    CHECK(refused > 0);

    // That no account was ever below zero is among what these books check at every event.
    ShardBooks books(rig.deployment.shards);
    CHECK(take_logs(rig.log, books));
    books.check_at_rest();
    CHECK(books.faults() == std::vector<std::string>{});
    CHECK(books.crossings_begun() == posted[0] + posted[1] + 2);
    for (std::size_t end = 0; end < 2; ++end) {
        const ShardBooks::Account* account = books.find({LedgerId(0), account_id(ends[end])});
        REQUIRE(account != nullptr);
        const Totals& totals = account->newest.totals;
        CHECK(totals.debits_posted == Amount(kOne * posted[end]));
        CHECK(totals.credits_posted == Amount(kStart + kOne * posted[1 - end]));
    }
    check_replay(rig);
}

TEST_CASE("across handlers: what passed between shards refuses nothing, and replay follows it") {
    HandlerRig rig(2);
    rig.options.bounds.snapshot_events = 5;
    rig.start();
    const Amount most = Amount::max();
    std::uint64_t id = 0;
    const auto play = [&](Command command) {
        const std::vector<Answered> told = rig.play_routed({std::move(command)});
        REQUIRE(told.size() == 1);
        return told[0].outcome;
    };
    const auto move = [&](std::uint64_t debit, std::uint64_t credit, Amount amount) {
        Command command = transfer(++id, debit, credit, 1);
        std::get<Transfer>(command.body).amount = amount;
        return play(command);
    };
    const std::uint64_t other = rig.account_on(0, 9);
    CHECK(play(open_account(++id, other, Limit::unlimited(), AccountClass::asset)) ==
          Outcome::opened);
    // One way, then the other.
    for (std::uint64_t nth = 0; nth < 8; ++nth) {
        const std::uint32_t way = nth < 4 ? 0 : 1;
        const std::uint64_t from = rig.account_on(way, nth);
        const std::uint64_t to = rig.account_on(1 - way, nth);
        CHECK(play(open_account(++id, from, Limit::unlimited(), AccountClass::asset)) ==
              Outcome::opened);
        CHECK(play(open_account(++id, to)) == Outcome::opened);
        CHECK(move(from, to, most) == Outcome::posted);
        if (nth != 1) continue;
        CHECK(play(freeze(++id, to, Block::both)) == Outcome::frozen);
        CHECK(move(other, to, Amount(1)) == Outcome::credits_frozen);
        rig.stop();
        rig.start();
    }
    rig.stop();
    check_replay(rig);
}
