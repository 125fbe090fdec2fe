#include "tests/reconciler/small_books.h"

#include "events/check.h"
#include "events/entries/said_postings.h"
#include "tests/support/named_ids.h"

namespace vouch::test {

namespace {

constexpr std::int64_t kSecond = 1'000'000;

Amount cents(std::uint64_t amount) { return Amount(amount); }

OwnedCommand command(std::string_view id, const CommandBody& body) {
    OwnedCommand command;
    command.head.id = command_of(id);
    command.head.body = body;
    return command;
}
OwnedCommand open(std::string_view id, std::string_view account, AccountClass account_class,
                  Limit limit = {}) {
    OpenAccount body;
    body.account = account_of(account);
    body.asset = *Asset::parse("EUR/2");
    body.account_class = account_class;
    body.limit = limit;
    OwnedCommand opening = command(id, body);
    opening.account_name = account;
    return opening;
}
OwnedCommand transfer(std::string_view id, std::string_view debit, std::string_view credit,
                      std::uint64_t amount) {
    return command(id,
                   Transfer{account_of(debit), account_of(credit), cents(amount), Balancing::none});
}
OwnedCommand hold(std::string_view id, std::string_view debit, std::string_view credit,
                  std::uint64_t amount, std::uint64_t seconds) {
    PlaceHold body;
    body.debit = account_of(debit);
    if (!credit.empty()) body.credit = account_of(credit);
    body.amount = cents(amount);
    body.expires_in_us = seconds * kSecond;
    return command(id, body);
}
OwnedCommand capture(std::string_view id, std::string_view hold, std::uint64_t amount) {
    return command(id, CaptureHold{command_of(hold), account_of("alice"), cents(amount), true, {}});
}
OwnedCommand group(std::string_view id, std::vector<OwnedCommand> members) {
    OwnedCommand group = command(id, Group{});
    group.members = std::move(members);
    return group;
}

class Script {
public:
    Script& then(std::vector<OwnedCommand> commands, std::int64_t after_seconds = 1) {
        ScenarioBatch batch;
        batch.after_us = after_seconds * kSecond;
        batch.commands = std::move(commands);
        scenario_.batches.push_back(std::move(batch));
        return *this;
    }
    Script& then(const OwnedCommand& one, std::int64_t after_seconds = 1) {
        return then(std::vector<OwnedCommand>{one}, after_seconds);
    }
    Script& restart() {
        restart_next_ = scenario_.batches.size();
        return *this;
    }
    Scenario finish() {
        if (restart_next_) scenario_.batches[*restart_next_].restart_first = true;
        return scenario_;
    }

private:
    Scenario scenario_;
    std::optional<std::size_t> restart_next_;
};

Scenario small_scenario() {
    OwnedCommand entry = command("e1", PostEntry{});
    entry.postings = {{account_of("alice"), Side::debit, cents(600)},
                      {account_of("shop"), Side::credit, cents(400)},
                      {account_of("fees"), Side::credit, cents(200)}};
    OwnedCommand conflicting = transfer("t1", "cash", "alice", 1);
    UpdateAccount update;
    update.account = account_of("shop");
    update.limit = Limit(cents(500));
    Refund refund;
    refund.entry = command_of("t2");
    refund.account = account_of("shop");
    refund.amount = cents(300);
    constexpr std::int64_t kEpochSeconds = 600;
    return Script()
        .then({open("o1", "cash", AccountClass::asset, Limit::unlimited()),
               open("o2", "alice", AccountClass::liability),
               open("o3", "shop", AccountClass::liability),
               open("o4", "fees", AccountClass::income)})
        .then(transfer("t1", "cash", "alice", 10'000))
        .then(transfer("t2", "alice", "shop", 1'000))
        .then(hold("h1", "alice", "shop", 2'000, 60))
        .then(capture("c1", "h1", 500))
        .then(hold("h2", "alice", "", 300, 5))
        .then(transfer("t3", "alice", "shop", 100), 10)
        .then(command("r1", ReleaseHold{command_of("h1"), account_of("alice")}))
        .then(entry)
        .then(command("f1", refund))
        .then(command("v1", Reverse{command_of("e1"), account_of("shop")}))
        .then(group("g1",
                    {transfer("t4", "alice", "shop", 100), transfer("t5", "shop", "alice", 200)}))
        .then(group(
            "g2", {transfer("t6", "alice", "shop", 100), transfer("t7", "shop", "alice", 999'999)}))
        .then(conflicting)
        .then(transfer("t8", "shop", "alice", 999'999))
        .then(command("z1", FreezeAccount{account_of("alice"), Block::debits}))
        .then(transfer("t9", "alice", "shop", 100))
        .then(command("z2", UnfreezeAccount{account_of("alice"), Block::debits}))
        .then(command("u1", update))
        .then(hold("h3", "alice", "shop", 400, 3'600))
        .then(command("x1", ExtendHold{command_of("h3"), account_of("alice"), 7'200 * kSecond}))
        .then({open("o5", "old", AccountClass::liability),
               command("k1", CloseAccount{account_of("old")})})
        .then(capture("c2", "h1", 100))
        .then(command("v2", Reverse{command_of("t2"), account_of("shop")}))
        .then(transfer("t10", "cash", "alice", 100), kEpochSeconds)
        .then(transfer("t11", "cash", "alice", 100))
        .restart()
        .then(transfer("t12", "cash", "alice", 100))
        .finish();
}

/// The command whose id tells `event`; null for events of no command.
const Command* command_in(const Event& event) {
    if (const auto* decided = std::get_if<CommandDecided>(&event)) return &decided->command;
    if (const auto* conflict = std::get_if<ConflictSeen>(&event)) return &conflict->command;
    return nullptr;
}

LogDraft draft_of(const SealedDeployment& sealed) {
    RecordList played = play_scenario(sealed, small_scenario());
    return LogDraft::read(played, sealed.deployment());
}

}  // namespace

AccountId account_of(std::string_view name) { return account_named(name); }

CommandId command_of(std::string_view name) { return command_named(name); }

SmallBooks::SmallBooks() : sealed_(make_sealed_deployment()), draft_(draft_of(sealed_)) {}

template <class Kind>
Kind& SmallBooks::find(std::string_view name) {
    for (record_ = 0; record_ < records().size(); ++record_) {
        for (event_ = 0; event_ < records()[record_].events.size(); ++event_) {
            Event& event = records()[record_].events[event_];
            const Command* command = command_in(event);
            if (!name.empty() && (command == nullptr || command->id != command_of(name))) continue;
            if (Kind* kind = std::get_if<Kind>(&event)) return *kind;
        }
    }
    VOUCH_ASSERT(false);
}

template CommandDecided& SmallBooks::find<CommandDecided>(std::string_view);
template ConflictSeen& SmallBooks::find<ConflictSeen>(std::string_view);
template TermStarted& SmallBooks::find<TermStarted>(std::string_view);
template EpochSealed& SmallBooks::find<EpochSealed>(std::string_view);
template HoldExpired& SmallBooks::find<HoldExpired>(std::string_view);

Change& SmallBooks::change(CommandDecided& event, std::size_t position) {
    const std::span<Change> changes = draft_.arena().copy(event.changes);
    event.changes = changes;
    return changes[position];
}

void SmallBooks::remove_found() {
    std::vector<Event>& events = records()[record_].events;
    events.erase(events.begin() + static_cast<std::ptrdiff_t>(event_));
    // An expiry may have had a record to itself: the one that follows then takes its number.
    if (events.empty()) records().erase(records().begin() + static_cast<std::ptrdiff_t>(record_));
    move_seals(-1);
}

/// Seals behind the event looked up last tell of as many events more or fewer.
void SmallBooks::move_seals(int by) {
    for (std::size_t i = record_; i < records().size(); ++i) {
        auto* seal = std::get_if<EpochSealed>(&records()[i].events.back());
        if (seal != nullptr)
            seal->last_event =
                EventNumber(seal->last_event.value() + static_cast<std::uint64_t>(by));
    }
}

void SmallBooks::insert_before_found(const Event& event) {
    std::vector<Event>& events = records()[record_].events;
    events.insert(events.begin() + static_cast<std::ptrdiff_t>(event_), event);
    move_seals(1);
}

/// An account that the command itself names is not told with its change: what is made of the
/// command is what is read of the change.
void SmallBooks::name_accounts() {
    for (DraftRecord& record : records()) {
        for (Event& event : record.events) {
            auto* decided = std::get_if<CommandDecided>(&event);
            if (decided == nullptr) continue;
            wire::SaidAccounts accounts(*decided);
            for (std::size_t i = 0; i < decided->changes.size(); ++i) {
                if (const auto said = accounts.next()) change(*decided, i).id = *said;
            }
        }
    }
}

reconciler::ReplayReport SmallBooks::replay(const LogDraft::Sealing& sealing) {
    name_accounts();
    RecordList sealed = draft_.seal(sealed_.keys, sealing);
    return replay_list(sealed, sealed_);
}

}  // namespace vouch::test
