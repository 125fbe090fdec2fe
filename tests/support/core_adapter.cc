#include "tests/support/core_adapter.h"

#include "command-handler/core/decide.h"
#include "command-handler/core/facts.h"
#include "command-handler/core/shard_state.h"
#include "events/check.h"
#include "events/entries/codec.h"

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

namespace vouch::test {

namespace {

using command_handler::EventSink;
using command_handler::Execution;
using command_handler::FactSource;
using command_handler::PastCommand;
using command_handler::ShardState;

using EventBytes = std::vector<std::byte>;

/// Events as written, which is all that facts are ever found in. One arena for all that is decoded:
/// a test's events are few.
class WrittenEvents final : public FactSource, public EventSink {
public:
    void append(const CommandDecided& event) override { write(event); }
    void append(const HoldExpired& event) override { write(event); }
    void append(const ConflictSeen& event) override { write(event); }

    std::uint64_t position() const override { return events_.size(); }
    void undo_to(std::uint64_t position) override { events_.resize(position); }
    bool has_room() const override { return true; }
    EventNumber next_event() const override { return EventNumber(events_.size()); }
    RecordNumber record() const override { return record_; }
    void begin_record() { record_ = record_.next(); }

    std::optional<PastCommand> find_command(LedgerId ledger, CommandId id) override {
        std::optional<PastCommand> first;
        for (std::size_t i = 0; i < events_.size() && !first; ++i) {
            const Event event = read(i);
            const auto* decided = std::get_if<CommandDecided>(&event);
            if (decided == nullptr || decided->command.ledger != ledger) continue;
            if (decided->command.id == id)
                first = PastCommand{*decided, record_, EventNumber(i), std::nullopt};
            if (is_accepted(decided->outcome) || first) continue;
            first = find_member(*decided, EventNumber(i), id);
        }
        return first;
    }

    std::optional<HoldState> find_closed_hold(LedgerId ledger, CommandId hold) override {
        std::optional<HoldState> last;
        for (std::size_t i = 0; i < events_.size(); ++i) {
            const Event event = read(i);
            if (const auto* decided = std::get_if<CommandDecided>(&event)) {
                if (decided->command.ledger == ledger && decided->hold &&
                    decided->hold->id == hold) {
                    last = decided->hold;
                }
            } else if (const auto* expired = std::get_if<HoldExpired>(&event)) {
                if (expired->ledger == ledger && expired->hold.id == hold) last = expired->hold;
            }
        }
        if (last && last->status == HoldStatus::open) last.reset();
        return last;
    }

    std::optional<EntryState> find_entry_state(LedgerId ledger, CommandId entry) override {
        std::optional<EntryState> last;
        for (std::size_t i = 0; i < events_.size(); ++i) {
            const Event event = read(i);
            const auto* decided = std::get_if<CommandDecided>(&event);
            if (decided == nullptr || decided->command.ledger != ledger) continue;
            if (decided->entry && decided->entry->id == entry) last = decided->entry;
        }
        return last;
    }

    Event read(std::size_t index) {
        Result<Event> event = decode_event(events_[index], arena_);
        VOUCH_ASSERT(event.has_value());
        return *event;
    }
    std::size_t size() const { return events_.size(); }

private:
    template <class Body>
    void write(const Body& body) {
        const Event event = body;
        std::vector<std::byte> batch(encoded_event_max(event));
        batch.resize(static_cast<std::size_t>(append_event(event, batch.data()) - batch.data()));
        EventReader reader(batch);
        const auto bytes = reader.next();
        VOUCH_ASSERT(bytes.has_value() && bytes->has_value());
        events_.emplace_back((*bytes)->begin(), (*bytes)->end());
    }

    /// A failed group holds its members' outcomes; those of an accepted one have events of their
    /// own.
    std::optional<PastCommand> find_member(const CommandDecided& decided, EventNumber number,
                                           CommandId id) const {
        const auto* group = std::get_if<Group>(&decided.command.body);
        if (group == nullptr) return std::nullopt;
        for (std::size_t i = 0; i < group->members.size(); ++i) {
            if (group->members[i].id == id) return PastCommand{decided, record_, number, i};
        }
        return std::nullopt;
    }

    std::vector<EventBytes> events_;
    RecordNumber record_;
    Arena arena_;
};

class CoreLedger final : public Ledger {
public:
    explicit CoreLedger(std::uint32_t shards)
        : shards_(shards), state_(std::make_unique<ShardState>(ShardId(0), shards)) {}

    std::vector<Told> play(std::span<const OwnedCommand> batch, Timestamp now) override {
        std::vector<std::byte> bytes;
        for (const OwnedCommand& command : batch) append_to_batch(command.view(), bytes);
        std::vector<CommandBytes> members;
        VOUCH_ASSERT(split_batch(bytes, members) && members.size() == batch.size());

        written_.begin_record();
        state_->begin_record();
        expire_holds(*state_, now, written_);
        std::vector<Told> told;
        for (CommandBytes member : members) told.push_back(execute_one(member, now));
        for (; folded_ < written_.size(); ++folded_) fold_.add(written_.read(folded_));
        state_->forget_oldest_record();
        return told;
    }

    std::vector<model::Effect> take_effects() override { return fold_.take_effects(); }
    BooksView books() const override { return fold_.books(); }

    void restart() override {
        state_ = std::make_unique<ShardState>(ShardId(0), shards_);
        state_->begin_record();
        for (std::size_t i = 0; i < written_.size(); ++i) state_->apply(written_.read(i));
        state_->forget_oldest_record();
    }

private:
    Told execute_one(CommandBytes bytes, Timestamp now) {
        Told told;
        CommandDecided decided;
        if (const auto fault = decode_command(bytes, arena_, decided.command)) {
            told.outcome = fault->outcome;
            return told;
        }
        const Execution execution =
            execute(*state_, written_, decided, true, now, written_, arena_);
        switch (execution.kind) {
            case Execution::Kind::decided:
                break;
            case Execution::Kind::conflict:
                told.outcome = Outcome::conflict;
                return told;
            case Execution::Kind::repeated:
                return told_again(*execution.past);
        }
        told.outcome = decided.outcome;
        told.facts = decided.facts;
        told.moved = decided.moved;
        told.members.assign(decided.members.begin(), decided.members.end());
        return told;
    }

    static Told told_again(const PastCommand& past) {
        Told told;
        told.repeated = true;
        told.outcome = past.outcome();
        // A group's facts are those of the one member that failed.
        const bool has_facts = !past.member || past.outcome() != Outcome::group_failed;
        if (has_facts) told.facts = past.event.facts;
        if (past.member) return told;
        told.moved = past.event.moved;
        told.members.assign(past.event.members.begin(), past.event.members.end());
        return told;
    }

    std::uint32_t shards_;
    std::unique_ptr<ShardState> state_;
    WrittenEvents written_;
    EventFold fold_;
    std::size_t folded_ = 0;
    Arena arena_;
};

}  // namespace

std::unique_ptr<Ledger> make_core_ledger(std::uint32_t shards) {
    return std::make_unique<CoreLedger>(shards);
}

}  // namespace vouch::test
