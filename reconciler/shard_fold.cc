#include "reconciler/shard_fold.h"

#include "events/entries/codec.h"
#include "reconciler/limit_rule.h"

#include <utility>

namespace vouch::reconciler {

namespace {

/// The step that a command came with, if it was forwarded.
Step forward_of(const Command& command) {
    Step step;
    step.kind = ForwardStep{command};
    return step;
}

}  // namespace

ShardFold::ShardFold(const Deployment& deployment, ShardId shard, const ContentDigest& content,
                     const Sinks& sinks, bool keeps_history)
    : has_test_clock_(deployment.test_clock),
      content_(content),
      sinks_(sinks),
      keeps_history_(keeps_history),
      steps_(shard, deployment.shards, sinks.pairs,
             [this](Check check, const PairRows::Place& place, const std::string& message) {
                 is_clean_ = false;
                 sinks_.findings.add({check, place.shard, place.record, place.event, message});
             }) {
    books_.shard = shard;
    books_.shards = deployment.shards;
}

void ShardFold::report(Check check, const std::string& message) {
    is_clean_ = false;
    sinks_.findings.add({check, books_.shard, record_, event_, message});
}

IdRow ShardFold::row_of(IdRowKind kind, LedgerId ledger, CommandId id) const {
    IdRow row;
    row.id_high = id.high();
    row.id_low = id.low();
    row.event = event_.value();
    row.ledger = ledger.value();
    row.kind = kind;
    return row;
}

bool ShardFold::fold(const Chunk& chunk, const PreparedRecord& record, EventNumber first_event,
                     bool believed) {
    // Far enough ahead that a row is there when its transfer comes, near enough that it is still
    // there.
    constexpr std::size_t kAhead = 8;
    record_ = record.position;
    time_ = record.header.time;
    event_ = first_event;
    next_command_ = record.header.next_command;
    is_believed_ = believed;
    is_clean_ = true;
    in_head_ = true;
    phase_ = Phase::term;
    commands_ = 0;
    last_sent_.reset();
    steps_.begin_record({books_.shard, record_, first_event, time_, record.digest}, believed);
    const std::span<const std::uint32_t> items =
        std::span(chunk.items).subspan(record.first_item, record.item_count);
    for (std::size_t i = 0; i < items.size(); ++i, event_ = event_.next()) {
        if (i + kAhead < items.size() && (items[i + kAhead] & Chunk::kIsTransfer) != 0) {
            const PlainTransfer& ahead = chunk.transfers[items[i + kAhead] & ~Chunk::kIsTransfer];
            books_.accounts.prefetch(ahead.debit.number);
            books_.accounts.prefetch(ahead.credit.number);
        }
        steps_.at(event_);
        change_ = 0;
        if ((items[i] & Chunk::kIsTransfer) != 0) {
            fold_transfer(record, chunk.transfers[items[i] & ~Chunk::kIsTransfer]);
        } else {
            fold_event(*chunk.events[items[i]], i == 0, record.is_whole && i + 1 == items.size());
        }
    }
    if (!record.is_whole) {
        report(Check::canonical, record.fault);
        members_.clear();
        return false;
    }
    if (!items.empty()) event_ = EventNumber(event_.value() - 1);
    steps_.at(event_);
    check_transit_used({});
    end_group();
    steps_.end_record();
    return is_clean_;
}

void ShardFold::fold_transfer(const PreparedRecord& record, const PlainTransfer& plain) {
    // What is the first of its phase, or a forwarded command, is looked at as a whole, too.
    const bool is_plain = phase_ == Phase::commands && members_.empty() && !steps_.is_taking();
    if (is_plain) ++commands_;
    if (!is_plain || !take_plain(plain)) {
        // Whatever does not fit is looked at again as a whole, slowly, by the rules for all
        // commands.
        arena_.clear();
        const Result<Event> event =
            decode_event(record.body.subspan(plain.body_offset, plain.body_size), arena_);
        VOUCH_ASSERT(event.has_value());
        if (is_plain) --commands_;
        const auto& decided = std::get<CommandDecided>(*event);
        begin_command(&decided);
        return fold_command(decided, plain.content);
    }
    ++accepted_;
    if (!is_believed_) return;
    IdRow row = row_of(IdRowKind::decided, plain.ledger, plain.id);
    row.position = plain.content;
    row.outcome = static_cast<std::uint8_t>(Outcome::posted);
    row.flags = IdRow::kIsEntry | IdRow::kIsPair;
    row.first = plain.debit.number.value();
    row.second = plain.credit.number.value();
    row.set_amount(plain.amount);
    sinks_.ids.add(row);
    if (sinks_.all_ids == nullptr) return;
    row.first = books_.shard.value();
    row.position = record_.value();
    sinks_.all_ids->add(row);
}

/// Takes a transfer over when everything that it claims follows; false, and nothing is changed,
/// otherwise.
bool ShardFold::take_plain(const PlainTransfer& plain) {
    AccountTable& accounts = books_.accounts;
    if (plain.debit.number == plain.credit.number || plain.amount.is_zero()) return false;
    if (plain.debit.number.value() >= accounts.size() ||
        plain.credit.number.value() >= accounts.size())
        return false;
    Account& debit = accounts.at(plain.debit.number);
    Account& credit = accounts.at(plain.credit.number);
    if (debit.asset != credit.asset || (plain.decimals && debit.asset.scale() != *plain.decimals))
        return false;
    const auto fits = [&](const Account& account, const PlainTransfer::Leg& leg, Side side) {
        if (!books_.is_sure(account) || account.id != leg.id || account.ledger != plain.ledger)
            return false;
        if (account.state.closed || blocks(account.state.block, side)) return false;
        if (leg.version != account.version.next() || leg.state != account.state ||
            leg.limit != account.limit)
            return false;
        if (books_.crossings.has_unanswered() &&
            books_.crossings.unanswered(leg.number) != WideSum())
            return false;
        const std::optional<Amount> posted = account.totals.posted(side).plus(plain.amount);
        if (!posted || !posted->plus(account.totals.held(side))) return false;
        const Side other = opposite(side);
        if (leg.totals.posted(side) != *posted ||
            leg.totals.posted(other) != account.totals.posted(other))
            return false;
        if (leg.totals.held(side) != account.totals.held(side)) return false;
        if (leg.totals.held(other) != account.totals.held(other)) return false;
        return account.normal() == side ||
               keeps_limit(leg.totals, account.normal(), account.limit);
    };
    if (!fits(debit, plain.debit, Side::debit) || !fits(credit, plain.credit, Side::credit))
        return false;
    for (const auto& [account, leg, side] :
         {std::tuple<Account&, const PlainTransfer::Leg&, Side>(debit, plain.debit, Side::debit),
          std::tuple<Account&, const PlainTransfer::Leg&, Side>(credit, plain.credit,
                                                                Side::credit)}) {
        account.totals = leg.totals;
        account.version = leg.version;
        if (!keeps_history_) continue;
        const Change change{leg.number, leg.version, leg.totals,  leg.limit,
                            leg.state,  side,        plain.amount};
        std::uint64_t& history = history_[leg.number.value()];
        history = history_digest(history, event_, side == Side::debit ? 0 : 1, change);
    }
    return true;
}

void ShardFold::fold_event(const PreparedEvent& prepared, bool is_first, bool is_last) {
    struct Fold {
        ShardFold& fold;
        const PreparedEvent& prepared;
        bool is_first;
        bool is_last;

        void operator()(const CommandDecided& decided) const {
            fold.begin_command(&decided);
            fold.fold_command(decided, prepared.content);
        }
        void operator()(const CommandAnswered& answered) const {
            fold.enter(Phase::steps);
            fold.fold_answered(answered);
        }
        void operator()(const CommandInTransit& sent) const {
            fold.begin_command(nullptr);
            fold.end_group();
            ++fold.commands_;
            fold.steps_.took(forward_of(sent.command));
            fold.fold_in_transit(sent, prepared.content);
        }
        void operator()(const ConflictSeen& conflict) const {
            fold.begin_command(nullptr);
            fold.end_group();
            ++fold.commands_;
            fold.steps_.took(forward_of(conflict.command));
            fold.fold_reference(IdRowKind::conflict, conflict.command, conflict.first_event,
                                prepared.content);
        }
        void operator()(const ForwardRepeated& repeated) const {
            if (!fold.steps_.is_taking())
                fold.report(Check::wrong_steps, "a repeat of a command that was not forwarded");
            fold.begin_command(nullptr);
            fold.end_group();
            fold.steps_.took(forward_of(repeated.command));
            fold.fold_reference(IdRowKind::forward_repeated, repeated.command, repeated.first_event,
                                prepared.content);
        }
        void operator()(const CommandForwarded& forwarded) const {
            fold.enter(Phase::commands);
            fold.end_group();
            ++fold.commands_;
            fold.fold_forwarded(forwarded);
        }
        void operator()(const Unreadable& unreadable) const {
            fold.enter(Phase::commands);
            fold.end_group();
            ++fold.commands_;
            fold.fold_unreadable(unreadable);
        }
        void operator()(const TermStarted&) const {
            if (!is_first)
                fold.report(Check::event_order, "a term starts only with a record's first event");
        }
        void operator()(const EpochSealed&) const {
            fold.enter(Phase::seal);
            fold.end_group();
            if (!is_last) fold.report(Check::event_order, "a seal is its record's last event");
        }
        void operator()(const HoldExpired& expired) const {
            fold.enter(Phase::expiries);
            fold.end_group();
            fold.fold_expiry(expired);
        }
        void operator()(const TransitOpened& opened) const {
            fold.end_group();
            fold.fold_transit_opened(opened);
        }
        void operator()(const StepFollowed& followed) const {
            fold.enter(Phase::steps);
            fold.fold_followed(followed);
        }
        void operator()(const StepsTaken& taken) const {
            fold.enter(Phase::steps);
            fold.end_group();
            fold.steps_.take(taken);
        }
        void operator()(const StepRefused&) const {
            fold.steps_.end_taking();
            fold.enter(Phase::steps);
            fold.end_group();
        }
        void operator()(const StepsSent& sent) const {
            fold.enter(Phase::sent);
            fold.end_group();
            fold.check_sent_order(sent);
            fold.steps_.sent(sent);
        }
        void operator()(const Mark&) const { fold.fold_mark(is_first); }
        // What they say is held against the records before: chain_check.cc.
        void operator()(const InputMoved&) const { fold.enter(Phase::acts); }
        void operator()(const ClockAccepted&) const { fold.enter(Phase::acts); }
        void operator()(const TailLost&) const { fold.enter(Phase::acts); }
        void operator()(const FormatRaised&) const { fold.enter(Phase::acts); }
    };
    if (!std::holds_alternative<CommandInTransit>(prepared.event) &&
        !std::holds_alternative<StepFollowed>(prepared.event)) {
        check_transit_used({});
    }
    std::visit(Fold{*this, prepared, is_first, is_last}, prepared.event);
}

/// Each kind of event has its place in a record; nothing is due any more before the first step or
/// command.
void ShardFold::enter(Phase phase) {
    if (phase > Phase::steps) steps_.end_taking();
    if (phase < phase_) {
        report(Check::event_order, phase == Phase::expiries
                                       ? "holds expire at the head of a record, before any command"
                                       : "events are not in the order that a record has");
    } else {
        phase_ = phase;
    }
    const bool begins = phase == Phase::steps || phase == Phase::commands;
    if (begins && in_head_) end_head();
}

void ShardFold::fold_unreadable(const Unreadable& unreadable) {
    if (unreadable.outcome != Outcome::malformed && unreadable.outcome != Outcome::too_large)
        report(Check::wrong_outcome, "what is unreadable is malformed or too large");
    // A batch may span records, and only the last of them goes on behind it.
    if (unreadable.next_offset.value_or(unreadable.offset) > next_command_)
        report(Check::input_offset, "unreadable beyond the record's own position");
    if (unreadable.field == "isolated") {
        ++isolated_;
        isolated_last_ = unreadable.offset;
    }
}

/// It stands alone (but for a seal), and nothing is due.
void ShardFold::fold_mark(bool is_first) {
    if (!is_first) return report(Check::event_order, "a mark stands alone in its record");
    enter(Phase::commands);
    phase_ = Phase::seal;
}

/// A command that another shard forwarded is one of the steps taken.
void ShardFold::begin_command(const CommandDecided* decided) {
    enter(steps_.is_taking() ? Phase::steps : Phase::commands);
    if (decided == nullptr || !decided->group.is_zero()) return;
    steps_.took(forward_of(decided->command));
}

void ShardFold::check_sent_order(const StepsSent& sent) {
    const std::pair key(sent.to, sent.number);
    if (last_sent_ && key <= *last_sent_)
        report(Check::event_order, "batches sent stand by receiving shard and number");
    last_sent_ = key;
}

void ShardFold::check_decides_here(const Command& command) {
    const AccountId decides = deciding_account(command);
    if (decides.is_zero() || books_.is_here(decides)) return;
    report(Check::wrong_shard,
           "the command is decided on shard " + std::to_string(books_.home_of(decides).value()));
}

void ShardFold::fold_forwarded(const CommandForwarded& forwarded) {
    const AccountId decides = deciding_account(forwarded.command);
    if (decides.is_zero() || books_.is_here(decides)) {
        report(Check::wrong_shard, "forwarded, but it is decided here");
    } else if (books_.home_of(decides) != forwarded.to) {
        report(Check::wrong_shard, "forwarded to another shard than that which decides it");
    }
    steps_.follow(forwarded.to, forward_of(forwarded.command));
}

/// Before the first command nothing is due any more. A record without commands may leave holds to
/// the next one, when it has no room for all.
void ShardFold::end_head() {
    in_head_ = false;
    while (const HoldKey* due = books_.holds.next_due(time_)) {
        const HoldKey key = *due;
        if (books_.is_sure(*books_.holds.find(key))) {
            report(Check::hold_not_expired, "hold " + id_text(key.id) + " is due and not expired");
        }
        books_.holds.erase(key);
    }
}

void ShardFold::fold_expiry(const HoldExpired& expired) {
    const HoldKey key{expired.ledger, expired.hold.id};
    const OpenHold* open = books_.holds.find(key);
    const bool is_unsure = books_.was_broken() && (open == nullptr || !books_.is_sure(*open));
    std::optional<Amount> freed;
    if (is_unsure) {
        adopt_all(expired.changes);
        adopt_hold(key.ledger, expired.hold);
    } else if (open == nullptr || open->state.expires_at.value() == 0 ||
               open->state.expires_at > time_) {
        report(Check::wrong_hold, "hold " + id_text(key.id) + " expires, but is not due");
        adopt_all(expired.changes);
        adopt_hold(key.ledger, expired.hold);
    } else {
        const HoldKey* due = books_.holds.next_due(time_);
        // Unsure ones may have ended in what could not be read, and then do not stand before this
        // one.
        if (*due != key && books_.is_sure(*books_.holds.find(*due))) {
            report(Check::hold_not_expired,
                   "hold " + id_text(key.id) + " expires before hold " + id_text(due->id));
        }
        HoldState after = open->state;
        const std::vector<Leg> legs = release_legs(after, after.remaining);
        after.remaining = Amount();
        after.status = HoldStatus::expired;
        check_changes(expired.changes, legs);
        check_hold(expired.hold, after);
        freed = open->state.remaining;
        adopt_hold(key.ledger, expired.hold);
    }
    send_expiry(expired, freed);
    IdRow row = row_of(IdRowKind::hold_ended, key.ledger, key.id);
    row.outcome = static_cast<std::uint8_t>(HoldStatus::expired);
    keep(row);
}

/// The payee's shard frees what the hold had left.
void ShardFold::send_expiry(const HoldExpired& expired, std::optional<Amount> freed) {
    if (expired.hold.remote_payee.is_zero()) return;
    const ShardId to = books_.home_of(expired.hold.remote_payee);
    if (!freed) return steps_.follow(to, std::nullopt);
    if (Transit* transit = transit_of(expired.ledger, to, expired.hold.payer))
        transit->freed.add(*freed);
    ReleaseStep release;
    release.hold = expired.hold.id;
    release.freed = *freed;
    release.expired = true;
    steps_.follow(to, Step{expired.ledger, expired.hold.id, release});
}

void ShardFold::fold_reference(IdRowKind kind, const Command& command, EventNumber first,
                               std::uint64_t content) {
    check_decides_here(command);
    IdRow row = row_of(kind, command.ledger, command.id);
    row.position = content;
    row.set_amount(Amount(first.value()));
    keep(row);
}

void ShardFold::keep_seen(const Command& command) {
    // Setting the clock goes to every shard.
    if (sinks_.all_ids == nullptr || !is_believed_) return;
    if (std::holds_alternative<SetClock>(command.body)) return;
    IdRow row = row_of(IdRowKind::decided, command.ledger, command.id);
    row.first = books_.shard.value();
    row.position = record_.value();
    sinks_.all_ids->add(row);
}

}  // namespace vouch::reconciler
