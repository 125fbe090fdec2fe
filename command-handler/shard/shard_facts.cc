#include "command-handler/shard/shard_facts.h"

#include "events/check.h"
#include "events/entries/codec.h"

#include <pthread.h>

#include <algorithm>

namespace vouch::command_handler {
namespace {

bool closes(const HoldState& hold) { return hold.status != HoldStatus::open; }

/// Whether a followed step made an entry that can be reversed or refunded here.
bool makes_entry(const StepFollowed& event) {
    if (!is_accepted(event.outcome)) return false;
    if (const auto* credit = std::get_if<CreditStep>(&event.step.kind)) return credit->makes_entry;
    return std::holds_alternative<CaptureStep>(event.step.kind);
}

std::uint16_t leader_of(const EntryKey& entry) {
    return entry.leader ? static_cast<std::uint16_t>(entry.leader->value() + 1) : std::uint16_t{0};
}
FactKey state_key(const EntryKey& entry) {
    return {FactKind::entry_state, entry.ledger, entry.id, 0, leader_of(entry)};
}
FactKey refunded_key(const EntryKey& entry, std::uint32_t posting) {
    return {FactKind::refunded, entry.ledger, entry.id, posting, leader_of(entry)};
}

PastCommand in_transit(const CommandInTransit& event, const Locator& locator) {
    PastCommand past{
        .event = {}, .record = locator.record, .number = locator.event, .member = std::nullopt};
    past.event.command = event.command;
    past.event.changes = event.changes;
    past.event.hold = event.hold;
    past.event.entry = event.entry;
    past.event.moved = event.moved;
    past.in_transit = true;
    return past;
}

}  // namespace

ShardFacts::ShardFacts(ShardId shard, VerifiedReader& past, ShardStore& store,
                       std::size_t generation_facts)
    : shard_(shard), past_(past), store_(store), generation_facts_(generation_facts) {
    generations_.push_back(std::make_unique<Generation>());
    writer_ = Thread("facts", [this] { write_loop(); });
}

ShardFacts::~ShardFacts() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    writer_.join();
}

// --- Answers ------------------------------------------------------------------------------------

std::optional<Locator> ShardFacts::locate(const FactKey& key) {
    const std::uint64_t hash = fact_hash(key);
    if (!filter_.may_contain(hash)) return std::nullopt;
    for (auto each = generations_.rbegin(); each != generations_.rend(); ++each) {
        if (const std::optional<Locator> found = (*each)->map.find(key, hash)) return found;
    }
    const Result<std::optional<Locator>> stored = store_.find(key);
    if (!stored) {
        fault_ = stored.error();
        return std::nullopt;
    }
    return *stored;
}

std::string ShardFacts::record_text(RecordNumber record) const {
    return "shard " + std::to_string(shard_.value()) + " record " + std::to_string(record.value());
}

std::optional<std::span<const std::byte>> ShardFacts::read_event(const Locator& locator) {
    for (const OpenRecord* record : open_) {
        if (record->number() == locator.record) {
            return arena_.copy(record->body_bytes().subspan(locator.offset, locator.size));
        }
    }
    const Status status =
        past_.read_body(locator.record, locator.offset, locator.size, scratch_);
    if (!status) {
        fault_ = status.error();
        return std::nullopt;
    }
    return arena_.copy(ByteView(scratch_));
}

std::optional<Event> ShardFacts::decode(const Locator& locator) {
    const std::optional<std::span<const std::byte>> bytes = read_event(locator);
    if (!bytes) return std::nullopt;
    Result<Event> event = decode_event(*bytes, arena_);
    if (!event) {
        fault_ = event.error();
        return std::nullopt;
    }
    return *event;
}

// What is read back is verified, but where it stands was told by the shard store: that it is about
// what was asked is looked at as well.
std::nullopt_t ShardFacts::not_in(const Locator& locator, const char* what) {
    fault_ = Fault{FaultCode::corrupt, record_text(locator.record) + ": expected " + what +
                                           " in event " + std::to_string(locator.event.value())};
    return std::nullopt;
}

std::optional<PastCommand> ShardFacts::find_command(LedgerId ledger, CommandId id) {
    const std::optional<Locator> locator = locate({FactKind::command, ledger, id});
    if (!locator) return std::nullopt;
    std::optional<Event> event = decode(*locator);
    if (!event) return std::nullopt;
    if (const auto* transit = std::get_if<CommandInTransit>(&*event);
        transit && transit->command.id == id && transit->command.ledger == ledger) {
        return crossed(*transit, *locator);
    }
    const auto* decided = std::get_if<CommandDecided>(&*event);
    if (!decided || decided->command.ledger != ledger)
        return not_in(*locator, "the command's outcome");
    PastCommand past{.event = *decided,
                     .record = locator->record,
                     .number = locator->event,
                     .member = std::nullopt};
    if (past.event.command.id == id) return past;
    const Group* group = std::get_if<Group>(&past.event.command.body);
    for (std::size_t i = 0; group && i < group->members.size(); ++i) {
        if (group->members[i].id != id) continue;
        past.member = i;
        return past;
    }
    return not_in(*locator, "the command's outcome");
}

/// A command that was sent to another shard, with its outcome when it has one.
std::optional<PastCommand> ShardFacts::crossed(const CommandInTransit& sent,
                                               const Locator& locator) {
    const FactKey key{FactKind::answered, sent.command.ledger, sent.command.id};
    const std::optional<Locator> outcome = locate(key);
    if (fault_) return std::nullopt;
    if (!outcome) return in_transit(sent, locator);
    const std::optional<Event> event = decode(*outcome);
    if (!event) return std::nullopt;
    const auto* answered = std::get_if<CommandAnswered>(&*event);
    if (!answered || answered->ledger != key.ledger || answered->id != key.id ||
        answered->first_event != locator.event)
        return not_in(*outcome, "the outcome of a command that crossed");
    PastCommand past{.event = {},
                     .record = outcome->record,
                     .number = outcome->event,
                     .member = std::nullopt,
                     .answered = answered->by};
    past.event.command = sent.command;
    past.event.outcome = answered->outcome;
    past.event.changes = answered->changes;
    past.event.hold = answered->hold;
    past.event.entry = answered->entry;
    past.event.facts = answered->facts;
    past.event.moved = answered->moved;
    return past;
}

std::optional<HoldState> ShardFacts::find_closed_hold(LedgerId ledger, CommandId hold) {
    const std::optional<Locator> locator = locate({FactKind::closed_hold, ledger, hold});
    if (!locator) return std::nullopt;
    const std::optional<Event> event = decode(*locator);
    if (!event) return std::nullopt;
    std::optional<HoldState> found;
    if (const auto* expired = std::get_if<HoldExpired>(&*event)) found = expired->hold;
    if (const auto* decided = std::get_if<CommandDecided>(&*event)) found = decided->hold;
    if (const auto* transit = std::get_if<CommandInTransit>(&*event)) found = transit->hold;
    if (const auto* answered = std::get_if<CommandAnswered>(&*event)) found = answered->hold;
    if (!found || found->id != hold) return not_in(*locator, "the hold's end");
    return found;
}

std::optional<EntryState> ShardFacts::read_entry_state(CommandId entry, const Locator& locator) {
    const std::optional<Event> event = decode(locator);
    if (!event) return std::nullopt;
    std::optional<EntryState> found;
    if (const auto* decided = std::get_if<CommandDecided>(&*event)) found = decided->entry;
    if (const auto* transit = std::get_if<CommandInTransit>(&*event)) found = transit->entry;
    if (const auto* answered = std::get_if<CommandAnswered>(&*event)) found = answered->entry;
    if (!found || found->id != entry) return not_in(locator, "the entry's state");
    return found;
}

std::optional<EntryState> ShardFacts::find_entry_state(const EntryKey& entry) {
    const std::optional<Locator> locator = locate(state_key(entry));
    return locator ? read_entry_state(entry.id, *locator) : std::nullopt;
}

Amount ShardFacts::find_refunded(const EntryKey& entry, std::uint32_t posting) {
    const std::optional<Locator> locator = locate(refunded_key(entry, posting));
    if (!locator) return {};
    const std::optional<EntryState> state = read_entry_state(entry.id, *locator);
    if (!state) return {};
    for (const Refunded& each : state->refunded) {
        if (each.posting == posting) return each.amount;
    }
    not_in(*locator, "the posting's refunded sum");
    return {};
}

void ShardFacts::add_entry(const EntryKey& key, const EntryState& entry, const Locator& locator,
                           std::vector<AddedFact>& added) {
    put(state_key(key), locator, added);
    for (const Refunded& each : entry.refunded) put(refunded_key(key, each.posting), locator, added);
}

std::optional<StepFollowed> ShardFacts::find_followed_entry(LedgerId ledger, CommandId entry) {
    const std::optional<Locator> locator = locate({FactKind::followed_entry, ledger, entry});
    if (!locator) return std::nullopt;
    const std::optional<Event> event = decode(*locator);
    if (!event) return std::nullopt;
    const auto* followed = std::get_if<StepFollowed>(&*event);
    if (!followed || followed->step.command != entry) return not_in(*locator, "the followed entry");
    return *followed;
}

// --- Records ------------------------------------------------------------------------------------

void ShardFacts::put(const FactKey& key, const Locator& locator, std::vector<AddedFact>& added) {
    const std::uint64_t hash = fact_hash(key);
    Generation& newest = *generations_.back();
    filter_.insert(hash);
    newest.map.put(key, hash, locator, added.emplace_back());
    ++newest.open_facts;
}

void ShardFacts::add(const CommandDecided& event, const Locator& locator,
                     std::vector<AddedFact>& added) {
    const LedgerId ledger = event.command.ledger;
    put({FactKind::command, ledger, event.command.id}, locator, added);
    if (event.hold && closes(*event.hold))
        put({FactKind::closed_hold, ledger, event.hold->id}, locator, added);
    if (event.entry) add_entry({ledger, event.entry->id}, *event.entry, locator, added);
    if (event.members.empty() || is_accepted(event.outcome)) return;
    // The members of a failed group have had their outcome, unless they had one before.
    for (const Command& member : std::get<Group>(event.command.body).members) {
        const FactKey key{FactKind::command, ledger, member.id};
        if (!locate(key)) put(key, locator, added);
    }
}

void ShardFacts::add(const CommandInTransit& event, const Locator& locator,
                     std::vector<AddedFact>& added) {
    const LedgerId ledger = event.command.ledger;
    put({FactKind::command, ledger, event.command.id}, locator, added);
    if (event.hold && closes(*event.hold))
        put({FactKind::closed_hold, ledger, event.hold->id}, locator, added);
    // What is undone across shards came from the one that it is given back to.
    if (event.entry) add_entry({ledger, event.entry->id, event.to}, *event.entry, locator, added);
}

// Where the command itself stands is known already, and stays so.
void ShardFacts::add(const CommandAnswered& event, const Locator& locator,
                     std::vector<AddedFact>& added) {
    put({FactKind::answered, event.ledger, event.id}, locator, added);
    if (event.hold && closes(*event.hold))
        put({FactKind::closed_hold, event.ledger, event.hold->id}, locator, added);
    if (event.entry)
        add_entry({event.ledger, event.entry->id, event.by.shard}, *event.entry, locator, added);
}

void ShardFacts::add(const StepFollowed& event, const Locator& locator,
                     std::vector<AddedFact>& added) {
    if (makes_entry(event))
        put({FactKind::followed_entry, event.step.ledger, event.step.command}, locator, added);
}

void ShardFacts::add(const HoldExpired& event, const Locator& locator,
                     std::vector<AddedFact>& added) {
    put({FactKind::closed_hold, event.ledger, event.hold.id}, locator, added);
}

void ShardFacts::add_any(const Event& event, const Locator& locator,
                         std::vector<AddedFact>& added) {
    using namespace event_parts;
    std::visit(
        [&]<class E>(const E& e) {
            constexpr std::uint64_t kParts = kEventKind<E>.required | kEventKind<E>.optional;
            constexpr bool tells_facts = (kParts & (kOutcome | kHold | kEntry)) != 0;
            if constexpr (tells_facts || std::is_same_v<E, CommandDecided>)
                add(e, locator, added);
        },
        event);
}

ShardFacts::Generation& ShardFacts::generation_of(RecordNumber record) {
    for (const std::unique_ptr<Generation>& each : generations_) {
        if (!each->is_closed || record < each->end) return *each;
    }
    return *generations_.back();
}

void ShardFacts::undo(OpenRecord& record, std::size_t keep) {
    Generation& generation = generation_of(record.number());
    while (record.facts.size() > keep) {
        generation.map.undo(record.facts.back());
        --generation.open_facts;
        record.facts.pop_back();
    }
}

void ShardFacts::oldest_is_durable(const OpenRecord& record) {
    VOUCH_ASSERT(!open_.empty() && open_.front() == &record);
    open_.pop_front();
    Generation& generation = generation_of(record.number());
    generation.durable_facts += record.facts.size();
    generation.open_facts -= record.facts.size();
    generation.position = {record.number().next(), record.parts.digest};
}

void ShardFacts::add_durable(std::vector<AddedFact>& added, const StorePosition& position) {
    Generation& newest = *generations_.back();
    newest.durable_facts += added.size();
    newest.open_facts -= added.size();
    newest.position = position;
    added.clear();
}

// --- To the store -------------------------------------------------------------------------------

void ShardFacts::close_generation(RecordNumber end) {
    generations_.back()->is_closed = true;
    generations_.back()->end = end;
    if (spare_generations_.empty()) {
        generations_.push_back(std::make_unique<Generation>());
        return;
    }
    generations_.push_back(std::move(spare_generations_.back()));
    spare_generations_.pop_back();
}

Status ShardFacts::rotate() {
    if (write_is_done() && !write_status_) return write_status_;
    const Generation& newest = *generations_.back();
    if (newest.durable_facts + newest.open_facts >= generation_facts_) {
        if (generations_.size() == kGenerationsMax && writing_ != nullptr) {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [this] { return write_state_ != WriteState::busy; });
            lock.unlock();
            if (write_is_done() && !write_status_) return write_status_;
        }
        const RecordNumber end =
            open_.empty() ? newest.position.next_record : open_.back()->number().next();
        if (generations_.size() < kGenerationsMax) close_generation(end);
    }
    if (can_write_oldest()) start_write();
    return {};
}

/// Not while a record of it is in flight, also one without facts: that one still moves the
/// position, which the writing thread reads.
bool ShardFacts::can_write_oldest() const {
    const Generation& oldest = *generations_.front();
    return writing_ == nullptr && oldest.is_closed &&
           (open_.empty() || open_.front()->number() >= oldest.end);
}

Status ShardFacts::flush() {
    while (true) {
        if (writing_ != nullptr) {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [this] { return write_state_ != WriteState::busy; });
        }
        if (write_is_done() && !write_status_) return write_status_;
        // The next start takes them from the log.
        if (is_store_full_) return {};
        Generation& oldest = *generations_.front();
        if (oldest.open_facts != 0 || oldest.durable_facts == 0) return {};
        if (!oldest.is_closed) close_generation(oldest.position.next_record);
        start_write();
    }
}

void ShardFacts::start_write() {
    {
        const std::lock_guard lock(mutex_);
        writing_ = generations_.front().get();
        write_state_ = WriteState::busy;
    }
    wake_.notify_all();
}

/// Drops a generation that the store has taken over.
bool ShardFacts::write_is_done() {
    {
        const std::lock_guard lock(mutex_);
        if (write_state_ != WriteState::done) return false;
        write_state_ = WriteState::idle;
    }
    writing_ = nullptr;
    is_store_full_ = !write_status_ && write_status_.error().code == FaultCode::retriable;
    if (is_store_full_) {
        // They stay in memory until the store has room: the log, which stops first, bounds them.
        write_status_ = {};
        return true;
    }
    if (!write_status_) return true;
    Generation& written = *generations_.front();
    written.map.clear();
    written.durable_facts = 0;
    written.is_closed = false;
    spare_generations_.push_back(std::move(generations_.front()));
    generations_.pop_front();
    return true;
}

void ShardFacts::write_loop() {
    std::vector<FactEntry> facts;
    std::unique_lock lock(mutex_);
    while (true) {
        wake_.wait(lock, [this] { return stopping_ || write_state_ == WriteState::busy; });
        if (write_state_ != WriteState::busy) return;
        lock.unlock();
        // A copy, which the store may sort: the shard's thread goes on looking facts up here.
        facts = writing_->map.facts();
        Status status = store_.append(facts, writing_->position);
        lock.lock();
        write_status_ = status;
        write_state_ = WriteState::done;
        wake_.notify_all();
    }
}

std::size_t ShardFacts::recent() const {
    std::size_t total = 0;
    for (const std::unique_ptr<Generation>& each : generations_) total += each->map.size();
    return total;
}

}  // namespace vouch::command_handler
