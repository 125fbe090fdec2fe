#include "tests/support/core_adapter.h"

#include "command-handler/core/event_room.h"
#include "command-handler/core/execute.h"
#include "command-handler/core/execute_step.h"
#include "command-handler/core/expire_holds.h"
#include "command-handler/core/shard_state.h"
#include "events/check.h"
#include "events/entries/codec.h"
#include "events/money/shard_of.h"
#include "tests/support/written_events.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace vouch::test {

namespace {

using command_handler::Execution;
using command_handler::PastCommand;
using command_handler::ShardState;
using command_handler::step_events_bytes_max;
using command_handler::StepExecution;

/// Everything that a shard's state knows, as numbers.
class Fingerprint {
public:
    explicit Fingerprint(const ShardState& state) {
        const auto& accounts = state.accounts();
        add(accounts.size());
        for (std::uint32_t i = 0; i < accounts.size(); ++i) {
            add_account(state, AccountNumber(i));
        }
        for (const auto& [key, hold] : state.holds().sorted()) add_hold(key.ledger, hold);
        for (std::uint32_t leader = 0; leader < state.shard_count(); ++leader) {
            add(leader);
            for (const auto& [key, hold] : state.followed_holds(ShardId(leader)).sorted()) {
                add_hold(key.ledger, hold);
            }
        }
        for (const auto& [key, crossing] : state.crossings().sorted()) {
            add(key.ledger.value());
            add(key.id.low());
            add(crossing->to.value());
            add(crossing->event.value());
            add(crossing->amount);
            add(crossing->can_return);
            add(crossing->payer.value());
            add(crossing->transit.value());
            add(crossing->names_payee);
            for (const std::byte byte : crossing->command) add(std::to_integer<unsigned>(byte));
        }
    }
    friend bool operator==(const Fingerprint&, const Fingerprint&) = default;

private:
    void add(std::uint64_t number) { numbers_.push_back(number); }
    void add(Amount amount) {
        add(amount.high());
        add(amount.low());
    }
    void add_account(const ShardState& state, AccountNumber number) {
        const auto& row = state.accounts().row(number);
        add(row.id.low());
        add(row.ledger.value());
        add(state.accounts().asset(row).low());
        add(row.crossings);
        add(state.crossings().unanswered(number));
        add(row.standing.totals.debits_posted);
        add(row.standing.totals.credits_posted);
        add(row.standing.totals.debits_held);
        add(row.standing.totals.credits_held);
        add(row.standing.version.value());
        add(row.standing.closed);
        add(static_cast<std::uint64_t>(row.standing.block));
        const auto transit = state.transits().key_of(number);
        add(transit.has_value());
        if (transit) add(state.transits().find(*transit) == number);
    }
    void add_hold(LedgerId ledger, const HoldState& hold) {
        add(ledger.value());
        add(hold.id.low());
        add(hold.payer.value());
        add(hold.payee ? hold.payee->value() : 0);
        add(hold.remaining);
        add(hold.captured);
        add(hold.remote_payee.low());
    }

    std::vector<std::uint64_t> numbers_;
};

using Observer = std::function<void(ShardId, const Event&)>;

/// One shard's core and what it wrote.
class CoreShard {
public:
    CoreShard(ShardId shard, std::uint32_t shards, StepQueues& steps)
        : shard_(shard), shards_(shards), written_(shard, steps) {
        state_ = std::make_unique<ShardState>(shard, shards);
    }

    /// Runs `work` on the state as one record.
    template <class Work>
    void record(Work work) {
        const Fingerprint before(*state_);
        const std::size_t first = written_.size();
        written_.begin_record();
        state_->changes().begin_record();
        work(*state_, written_);
        const Fingerprint after(*state_);
        state_->changes().undo_newest_record();
        VOUCH_ASSERT(Fingerprint(*state_) == before);
        state_->changes().begin_record();
        for (std::size_t i = first; i < written_.size(); ++i) {
            const Event& event = written_.read(i);
            state_->apply(event, EventNumber(i));
            fold_.add(event);
            if (observer_) observer_(shard_, event);
        }
        VOUCH_ASSERT(Fingerprint(*state_) == after);
        state_->changes().forget_oldest_record();
    }

    void restart() {
        const Fingerprint before(*state_);
        state_ = std::make_unique<ShardState>(shard_, shards_);
        for (std::size_t i = 0; i < written_.size(); ++i)
            state_->apply(written_.read(i), EventNumber(i));
        VOUCH_ASSERT(Fingerprint(*state_) == before);
    }

    void observe(const Observer& observer) { observer_ = observer; }
    const ShardState& state() const { return *state_; }
    EventFold& fold() { return fold_; }
    const EventFold& fold() const { return fold_; }

private:
    ShardId shard_;
    std::uint32_t shards_;
    std::unique_ptr<ShardState> state_;
    WrittenEvents written_;
    EventFold fold_;
    Observer observer_;
};

Told told_of(const CommandDecided& decided) {
    Told told;
    told.outcome = decided.outcome;
    told.facts = decided.facts;
    told.moved = decided.moved;
    told.members.assign(decided.members.begin(), decided.members.end());
    return told;
}

Told told_again(const PastCommand& past) {
    Told told;
    if (past.in_transit) {
        told.stage = Told::Stage::in_transit;
    } else if (past.member) {
        told.outcome = past.outcome();
        // A group's facts are those of the one member that failed.
        if (told.outcome != Outcome::group_failed) told.facts = past.event.facts;
    } else {
        told = told_of(past.event);
    }
    told.repeated = true;
    return told;
}

class CoreShards final : public CoreLedger {
public:
    explicit CoreShards(std::uint32_t shards) {
        for (std::uint32_t i = 0; i < shards; ++i) {
            shards_.push_back(std::make_unique<CoreShard>(ShardId(i), shards, steps_));
        }
    }

    std::vector<Told> play(std::span<const OwnedCommand> batch, Timestamp now) override {
        std::vector<std::byte> bytes;
        for (const OwnedCommand& command : batch) append_to_batch(command.view(), bytes);
        std::vector<CommandBytes> members;
        VOUCH_ASSERT(!split_batch(bytes, members) && members.size() == batch.size());

        now_ = now;
        for (const auto& shard : shards_) {
            shard->record([&](ShardState& state, WrittenEvents& written) {
                expire_holds(state, now, written);
            });
        }
        if (!held_back_) deliver(kAllSteps);
        std::vector<Told> told;
        for (CommandBytes member : members) told.push_back(play_one(member));
        return told;
    }

    std::vector<model::Effect> take_effects() override {
        std::vector<model::Effect> all;
        for (const auto& shard : shards_) {
            std::vector<model::Effect> some = shard->fold().take_effects();
            all.insert(all.end(), std::make_move_iterator(some.begin()),
                       std::make_move_iterator(some.end()));
        }
        return all;
    }

    BooksView books() const override {
        BooksView all;
        for (const auto& shard : shards_) {
            const BooksView& some = shard->fold().books();
            all.accounts.insert(some.accounts.begin(), some.accounts.end());
            all.holds.insert(some.holds.begin(), some.holds.end());
        }
        return all;
    }

    void restart() override {
        for (const auto& shard : shards_) shard->restart();
    }

    void enter_at(std::optional<ShardId> shard) override { entrance_ = shard; }
    void hold_steps_back(bool held_back) override {
        held_back_ = held_back;
        if (!held_back) deliver(kAllSteps);
    }

    void deliver(std::size_t count) override {
        for (; count > 0 && steps_under_way() > 0; --count) {
            // Each queue is in order; rounds over them are as good as any other order among them.
            deliver_of_pair(turn_++ % pairs_with_steps());
        }
    }

    std::size_t steps_under_way() const override {
        std::size_t count = 0;
        for (const auto& [pair, queue] : steps_) count += queue.size();
        return count;
    }

    void deliver_of_pair(std::size_t pair) override {
        pair %= pairs_with_steps();
        for (auto& [key, queue] : steps_) {
            if (queue.empty() || pair-- > 0) continue;
            const SentStep sent = std::move(queue.front());
            queue.pop_front();
            take(key.second, sent);
            return;
        }
    }

    void observe(Observer observer) override {
        for (const auto& shard : shards_) shard->observe(observer);
    }

    std::vector<std::string> check_books() const override;

private:
    std::size_t pairs_with_steps() const {
        return static_cast<std::size_t>(std::count_if(
            steps_.begin(), steps_.end(), [](const auto& entry) { return !entry.second.empty(); }));
    }

    void take(ShardId to, const SentStep& sent) {
        StepReader reader(sent.bytes);
        const Result<std::optional<Step>> step = reader.next(arena_);
        VOUCH_ASSERT(step.has_value() && step->has_value());
        shards_[to.value()]->record([&](ShardState& state, WrittenEvents& written) {
            const std::size_t bound = written.bytes() + step_events_bytes_max(**step);
            const Result<StepExecution> execution = execute_step(
                state, written, {sent.from, sent.record}, **step, now_, written, arena_);
            VOUCH_ASSERT(written.bytes() <= bound);
            if (!execution) throw std::runtime_error(execution.error().message);
            if (execution->kind != StepExecution::Kind::answered) return;
            const Command& command = execution->decided.command;
            answers_[{command.ledger, command.id}] = told_of(execution->decided);
        });
        const std::vector<std::string> findings = check_books();
        if (!findings.empty()) throw std::runtime_error(findings.front());
    }

    Told play_one(CommandBytes bytes) {
        arena_.clear();
        CommandDecided decided;
        if (const auto fault = decode_command(bytes, arena_, decided.command)) {
            Told told;
            told.outcome = fault->outcome;
            return told;
        }
        const Command command = decided.command;
        Told told;
        shards_[entrance(command).value()]->record([&](ShardState& state, WrittenEvents& written) {
            const std::size_t bound =
                written.bytes() +
                command_handler::command_events_bytes_max(decided.command.body, bytes.size());
            told = told_by(execute(state, written, decided, true, now_, written, arena_), decided);
            VOUCH_ASSERT(written.bytes() <= bound);
            // However much a group's members look at.
            VOUCH_ASSERT(arena_.bytes() <= kArenaBytesMax);
        });
        if (held_back_) return told;
        deliver(kAllSteps);
        if (told.stage != Told::Stage::in_transit || told.repeated) return told;
        return answers_.at({command.ledger, command.id});
    }

    ShardId entrance(const Command& command) const {
        if (entrance_) return *entrance_;
        const AccountId decides = deciding_account(command);
        const auto shards = static_cast<std::uint32_t>(shards_.size());
        return decides.is_zero() ? ShardId(0) : shard_of(decides, shards);
    }

    static Told told_by(const Execution& execution, const CommandDecided& decided) {
        Told told;
        switch (execution.kind) {
            case Execution::Kind::decided:
                return told_of(decided);
            case Execution::Kind::in_transit:
                told.stage = Told::Stage::in_transit;
                return told;
            case Execution::Kind::repeated:
                return told_again(*execution.past);
            case Execution::Kind::conflict:
                told.outcome = Outcome::conflict;
                return told;
            case Execution::Kind::forwarded:
                told.stage = Told::Stage::forwarded;
                return told;
        }
        return told;
    }

    /// Of a command: its own parts, and what one entry of the most postings takes, some times.
    static constexpr std::size_t kArenaBytesMax = 8 << 20;

    StepQueues steps_;
    std::vector<std::unique_ptr<CoreShard>> shards_;
    std::map<std::pair<LedgerId, CommandId>, Told> answers_;
    std::optional<ShardId> entrance_;
    bool held_back_ = false;
    std::size_t turn_ = 0;
    Timestamp now_;
    Arena arena_;
};

using model::Integer;
using model::to_integer;

struct Sums {
    Integer posted;  ///< debits less credits
    Integer held;

    void add(const Totals& totals) {
        posted += to_integer(totals.debits_posted) - to_integer(totals.credits_posted);
        held += to_integer(totals.debits_held) - to_integer(totals.credits_held);
    }
};

// A hold without payee stands on one side only, as over one shard.
std::vector<std::string> CoreShards::check_books() const {
    std::vector<std::string> findings;
    const auto check = [&](const std::string& where, const Integer& sum) {
        if (sum != 0) findings.push_back(where + " " + sum.str());
    };
    std::map<Asset, Sums> in_flight;
    for (const auto& shard : shards_) {
        std::map<Asset, Sums> sums;
        const EventFold& fold = shard->fold();
        for (const auto& [key, row] : fold.books().accounts) sums[row.asset].add(row.totals);
        for (const auto& [number, row] : fold.transits()) {
            sums[row.asset].add(row.totals);
            in_flight[row.asset].add(row.totals);
        }
        for (const auto& [key, hold] : fold.books().holds) {
            if (hold.payee) continue;
            const auto& accounts = shard->state().accounts();
            sums[accounts.asset(accounts.row(hold.payer))].held -= to_integer(hold.remaining);
        }
        const std::string where = "shard " + std::to_string(shard->state().shard().value()) + " ";
        for (const auto& [asset, sum] : sums) {
            check(where + asset.text() + " posted", sum.posted);
            check(where + asset.text() + " held", sum.held);
        }
    }
    for (const auto& [asset, sum] : in_flight) {
        // Sums are debits less credits: what was sent stands on the credit side until it is taken.
        if (sum.posted > 0) check(asset.text() + " taken before it was sent", sum.posted);
        if (steps_under_way() != 0) continue;
        check(asset.text() + " in flight for ever", sum.posted);
        check(asset.text() + " held in flight for ever", sum.held);
    }
    return findings;
}

}  // namespace

std::unique_ptr<CoreLedger> make_core_ledger(std::uint32_t shards) {
    return std::make_unique<CoreShards>(shards);
}

}  // namespace vouch::test
