#include "tests/command-handler/log_fold.h"

#include "events/entries/codec.h"
#include "events/seal/record.h"

#include <algorithm>
#include <sstream>

namespace vouch::test {
namespace {

std::string text(Amount amount) { return to_text(amount, Scale(0)); }

std::string text(const Totals& totals) {
    return text(totals.debits_posted) + "/" + text(totals.credits_posted) + " held " +
           text(totals.debits_held) + "/" + text(totals.credits_held);
}

std::string text(const HoldState& hold) {
    return id_text(hold.id) + " payer " + std::to_string(hold.payer.value()) + " payee " +
           (hold.payee ? std::to_string(hold.payee->value()) : "-") + " remaining " +
           text(hold.remaining) + " captured " + text(hold.captured) + " expires " +
           std::to_string(hold.expires_at.value()) + " " + std::string(to_text(hold.status)) +
           (hold.remote_payee.is_zero() ? "" : " remote " + id_text(hold.remote_payee));
}

}  // namespace

void LogFold::read(LogReader& log) {
    if (next_record_.value() == 0) last_digest_ = deployment_.genesis_tag;
    std::vector<StoredRecord> stored;
    const Status status = log.read_records(shard_, next_record_, ~std::size_t{0}, stored);
    if (!status) faults.push_back(status.error().message);
    for (const StoredRecord& each : stored) read_record(each);
}

void LogFold::read_record(const StoredRecord& stored) {
    const std::string where = "record " + std::to_string(stored.number.value()) + ": ";
    const Result<RecordView> view = parse_record(stored.bytes);
    if (!view) {
        faults.push_back(where + view.error().message);
        return;
    }
    const RecordHeader& header = view->header;
    Mac mac(keys_.record_key(shard_, header.epoch));
    if (!equal_tags(record_tag(mac, view->digest), view->tag) || !has_body_of_table(*view))
        faults.push_back(where + "tag");
    if (!equal_tags(header.previous_digest, last_digest_)) faults.push_back(where + "previous digest");
    if (header.record != next_record_) faults.push_back(where + "number");
    if (header.first_event != next_event_) faults.push_back(where + "first event");
    if (header.shard != shard_ || header.deployment != deployment_.id)
        faults.push_back(where + "foreign");
    Record record{header.time, header.term, header.epoch, stored.bytes.size(), {}, {}};
    EventReader reader(view->body);
    Arena arena;
    while (true) {
        const auto bytes = reader.next();
        if (!bytes || !*bytes) break;
        const Result<Event> event = decode_event(**bytes, arena);
        if (!event) {
            faults.push_back(where + event.error().message);
            break;
        }
        record.events.push_back(take(*event, header.record, next_event_));
        next_event_ = next_event_.next();
    }
    if (record.events.size() != header.event_count) faults.push_back(where + "event count");
    const bool is_mark = !record.events.empty() && record.events.front() == "mark";
    record.next_command = header.next_command;
    (is_mark ? marks : records).push_back(std::move(record));
    last_digest_ = view->digest;
    next_record_ = header.record.next();
}

std::string LogFold::take(const Event& event, RecordNumber record, EventNumber number) {
    if (const auto* decided = std::get_if<CommandDecided>(&event)) {
        take_outcome(*decided, record, number);
        if (const auto* opened = std::get_if<OpenAccount>(&decided->command.body);
            opened && is_accepted(decided->outcome)) {
            accounts.push_back({opened->account, decided->command.ledger, {}});
        }
        take_changes(decided->changes);
        if (decided->hold) holds[{decided->command.ledger, decided->hold->id}] = *decided->hold;
        return std::string(to_text(decided->outcome)) + " " +
               std::to_string(decided->command.id.low() - 1);
    }
    if (const auto* expired = std::get_if<HoldExpired>(&event)) {
        take_changes(expired->changes);
        holds[{expired->ledger, expired->hold.id}] = expired->hold;
        return "expired " + std::to_string(expired->hold.id.low() - 1);
    }
    if (const auto* unreadable = std::get_if<Unreadable>(&event)) {
        if (unreadable->next_offset) {
            return "unreadable " + std::to_string(unreadable->offset.value()) + " to " +
                   std::to_string(unreadable->next_offset->value());
        }
        const std::string which =
            unreadable->member ? std::to_string(*unreadable->member) : "batch";
        return "unreadable " + which + " " + std::string(to_text(unreadable->outcome));
    }
    if (std::holds_alternative<ConflictSeen>(event)) return "conflict";
    if (std::holds_alternative<TermStarted>(event)) return "term";
    if (std::holds_alternative<EpochSealed>(event)) return "sealed";
    if (std::holds_alternative<Mark>(event)) return "mark";
    if (std::holds_alternative<ClockAccepted>(event)) return "clock_accepted";
    return take_of_steps(event, record, number);
}

std::string LogFold::take_of_steps(const Event& event, RecordNumber record, EventNumber number) {
    const auto id = [](CommandId command) { return std::to_string(command.low() - 1); };
    if (const auto* transit = std::get_if<CommandInTransit>(&event)) {
        take_transit(*transit, number);
        return "in_transit " + id(transit->command.id);
    }
    if (const auto* answered = std::get_if<CommandAnswered>(&event))
        return take_answer(*answered, record, number);
    if (const auto* followed = std::get_if<StepFollowed>(&event)) {
        take_changes(followed->changes);
        return "followed " + std::string(to_text(followed->outcome)) + " " +
               id(followed->step.command);
    }
    if (const auto* opened = std::get_if<TransitOpened>(&event)) {
        accounts.push_back({AccountId(), opened->ledger, {}});
        take_changes({&opened->change, 1});
        return "transit_opened";
    }
    if (const auto* taken = std::get_if<StepsTaken>(&event)) {
        steps_taken[taken->from] += taken->count;
        return "taken " + std::to_string(taken->from.value()) + " " +
               std::to_string(taken->number.value()) + " " + std::to_string(taken->first) + "+" +
               std::to_string(taken->count) + (taken->rebuilt ? " rebuilt" : "");
    }
    if (const auto* sent = std::get_if<StepsSent>(&event)) {
        steps_sent[sent->to] += sent->count;
        return "sent " + std::to_string(sent->to.value()) + " " +
               std::to_string(sent->number.value()) + " " + std::to_string(sent->count);
    }
    if (const auto* forwarded = std::get_if<CommandForwarded>(&event)) {
        return "forwarded " + id(forwarded->command.id);
    }
    if (const auto* repeated = std::get_if<ForwardRepeated>(&event)) {
        return "forward_repeated " + id(repeated->command.id);
    }
    return "steps_refused";
}

std::string LogFold::take_answer(const CommandAnswered& event, RecordNumber record,
                                 EventNumber number) {
    const std::pair key{event.ledger, event.id};
    const auto sent = in_transit.find(key);
    if (sent == in_transit.end() || sent->second != event.first_event)
        faults.push_back("an answer without transit for " + id_text(event.id));
    if (sent != in_transit.end()) in_transit.erase(sent);
    if (!outcomes.insert({key, {event.outcome, record, number}}).second)
        faults.push_back("second outcome of " + id_text(event.id));
    take_changes(event.changes);
    if (event.hold) holds[{event.ledger, event.hold->id}] = *event.hold;
    return std::string(to_text(event.outcome)) + " " + std::to_string(event.id.low() - 1);
}

void LogFold::take_transit(const CommandInTransit& event, EventNumber number) {
    const std::pair key{event.command.ledger, event.command.id};
    if (!in_transit.emplace(key, number).second || outcomes.contains(key)) {
        faults.push_back("second transit of " + id_text(event.command.id));
    }
    take_changes(event.changes);
    if (event.hold) holds[{event.command.ledger, event.hold->id}] = *event.hold;
}

std::size_t LogFold::count(std::string_view event) const {
    return static_cast<std::size_t>(
        std::count_if(records.begin(), records.end(), [&](const Record& record) {
            return std::find(record.events.begin(), record.events.end(), event) !=
                   record.events.end();
        }));
}

void LogFold::take_outcome(const CommandDecided& decided, RecordNumber record, EventNumber number) {
    const auto add = [&](CommandId id, Outcome outcome, bool may_be_known) {
        const bool is_new =
            outcomes.insert({{decided.command.ledger, id}, {outcome, record, number}}).second;
        if (!is_new && !may_be_known) faults.push_back("second outcome of " + id_text(id));
    };
    if (in_transit.contains({decided.command.ledger, decided.command.id}))
        faults.push_back("in transit, and decided at once: " + id_text(decided.command.id));
    add(decided.command.id, decided.outcome, false);
    if (is_accepted(decided.outcome) || decided.members.empty()) return;
    const std::span<const Command> members = std::get<Group>(decided.command.body).members;
    for (std::size_t i = 0; i < members.size(); ++i)
        add(members[i].id, decided.members[i].outcome, true);
}

void LogFold::take_changes(std::span<const Change> changes) {
    for (const Change& change : changes) {
        if (change.account.value() >= accounts.size()) {
            faults.push_back("change of an account that is not open");
            return;
        }
        Change& newest = accounts[change.account.value()].newest;
        if (change.version != newest.version.next()) {
            faults.push_back("account " + std::to_string(change.account.value()) + ": version " +
                             std::to_string(change.version.value()) + " after " +
                             std::to_string(newest.version.value()));
        }
        newest = change;
    }
}

const LogFold::Decided* LogFold::find(std::uint64_t command, LedgerId ledger) const {
    const auto place = outcomes.find({ledger, command_id(command)});
    return place == outcomes.end() ? nullptr : &place->second;
}

const Change* LogFold::account(std::uint64_t number) const {
    for (const Account& each : accounts) {
        if (each.id == account_id(number)) return &each.newest;
    }
    return nullptr;
}

std::string LogFold::books() const {
    std::ostringstream out;
    for (const Account& each : accounts) {
        out << id_text(each.id) << " v" << each.newest.version.value() << " "
            << text(each.newest.totals) << " " << to_text(each.newest.state) << " "
            << to_text(each.newest.state.block) << "\n";
    }
    for (const auto& [key, hold] : holds) out << text(hold) << "\n";
    return out.str();
}

namespace {

/// How an account is found again; what could come back to it.
std::string text_of_transit(const command_handler::ShardState& state, AccountNumber number) {
    const command_handler::AccountRow& row = state.accounts().row(number);
    const std::string unanswered = " unanswered " + text(state.crossings().unanswered(number));
    if (const auto key = state.transits().key_of(number)) {
        return " transit " + std::to_string(key->from.value()) + "-" +
               std::to_string(key->to.value()) +
               (state.transits().find(*key) == number ? "" : " NOT FOUND") + unanswered;
    }
    return (state.accounts().find(row.ledger, row.id) == number.value() ? "" : " NOT FOUND") +
           unanswered;
}

}  // namespace

std::string render(const command_handler::ShardState& state) {
    std::ostringstream out;
    const command_handler::AccountTable& accounts = state.accounts();
    for (std::uint32_t i = 0; i < accounts.size(); ++i) {
        const command_handler::AccountRow& row = accounts.row(AccountNumber(i));
        const command_handler::AccountStanding& standing = row.standing;
        out << i << " " << id_text(row.id) << " ledger " << row.ledger.value() << " "
            << to_text(row.account_class) << " " << accounts.asset(row).text() << " v"
            << standing.version.value() << " " << text(standing.totals) << " limit "
            << (standing.unlimited ? "none" : text(standing.limit_below_zero)) << " "
            << to_text(standing.block) << (standing.closed ? " closed" : "")
            << text_of_transit(state, AccountNumber(i)) << "\n";
    }
    for (const auto& [key, hold] : state.holds().sorted())
        out << key.ledger.value() << " " << text(hold) << "\n";
    for (std::uint32_t leader = 0; leader < state.shard_count(); ++leader) {
        for (const auto& [key, hold] : state.followed_holds(ShardId(leader)).sorted())
            out << "followed " << leader << " " << key.ledger.value() << " " << text(hold) << "\n";
    }
    for (const auto& [key, crossing] : state.crossings().sorted()) {
        out << "crossing " << key.ledger.value() << " " << id_text(key.id) << " to "
            << crossing->to.value() << " " << text(crossing->amount) << " " << crossing->can_return
            << " " << crossing->payer.value() << " " << crossing->transit.value() << " "
            << crossing->names_payee << " " << crossing->command.size() << "\n";
    }
    return out.str();
}

}  // namespace vouch::test
