#include "reconciler/shard_fold.h"

#include "events/entries/codec.h"

#include <utility>

namespace vouch::reconciler {

ShardFold::ShardFold(const Deployment& deployment, ShardId shard, const ContentDigest& content,
                     const Sinks& sinks, bool keeps_history)
    : has_test_clock_(deployment.test_clock),
      content_(content),
      sinks_(sinks),
      keeps_history_(keeps_history) {
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
    is_believed_ = believed;
    is_clean_ = true;
    in_head_ = true;
    commands_ = 0;
    const std::span<const std::uint32_t> items =
        std::span(chunk.items).subspan(record.first_item, record.item_count);
    for (std::size_t i = 0; i < items.size(); ++i, event_ = event_.next()) {
        if (i + kAhead < items.size() && (items[i + kAhead] & Chunk::kIsTransfer) != 0) {
            const PlainTransfer& ahead = chunk.transfers[items[i + kAhead] & ~Chunk::kIsTransfer];
            books_.accounts.prefetch(ahead.debit.number);
            books_.accounts.prefetch(ahead.credit.number);
        }
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
    end_group();
    return is_clean_;
}

void ShardFold::fold_transfer(const PreparedRecord& record, const PlainTransfer& plain) {
    if (in_head_) end_head();
    if (!members_.empty()) end_group();
    ++commands_;
    if (!take_plain(plain)) {
        // Whatever does not fit is looked at again as a whole, slowly, by the rules for all
        // commands.
        arena_.clear();
        const Result<Event> event =
            decode_event(record.body.subspan(plain.body_offset, plain.body_size), arena_);
        VOUCH_ASSERT(event.has_value());
        --commands_;
        fold_command(std::get<CommandDecided>(*event), plain.content);
        return;
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
        const std::optional<Amount> posted = account.totals.posted(side).plus(plain.amount);
        if (!posted || !posted->plus(account.totals.held(side))) return false;
        const Side other = opposite(side);
        if (leg.totals.posted(side) != *posted ||
            leg.totals.posted(other) != account.totals.posted(other))
            return false;
        if (leg.totals.held(side) != account.totals.held(side)) return false;
        if (leg.totals.held(other) != account.totals.held(other)) return false;
        return account.normal() == side ||
               is_within_limit(leg.totals, account.normal(), account.limit);
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
        history = history_digest(history, event_, change);
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
            if (fold.in_head_) fold.end_head();
            fold.fold_command(decided, prepared.content);
        }
        void operator()(const ConflictSeen& conflict) const {
            if (fold.in_head_) fold.end_head();
            fold.end_group();
            ++fold.commands_;
            fold.fold_conflict(conflict, prepared.content);
        }
        void operator()(const Unreadable& unreadable) const {
            if (fold.in_head_) fold.end_head();
            fold.end_group();
            ++fold.commands_;
            if (unreadable.outcome != Outcome::malformed &&
                unreadable.outcome != Outcome::too_large) {
                fold.report(Check::wrong_outcome, "what is unreadable is malformed or too large");
            }
        }
        void operator()(const TermStarted&) const {
            if (!is_first)
                fold.report(Check::event_order, "a term starts only with a record's first event");
        }
        void operator()(const EpochSealed&) const {
            fold.end_group();
            if (!is_last) fold.report(Check::event_order, "a seal is its record's last event");
        }
        void operator()(const HoldExpired& expired) const {
            fold.end_group();
            if (!fold.in_head_)
                fold.report(Check::event_order,
                            "holds expire at the head of a record, before any command");
            fold.fold_expiry(expired);
        }
    };
    const Fold fold{*this, prepared, is_first, is_last};
    const auto fold_kind = [&](const auto& event) {
        if constexpr (requires { fold(event); }) {
            fold(event);
        } else {
            if (in_head_) end_head();
            end_group();
            report(Check::event_order, "events across shards are not checked yet");
        }
    };
    std::visit(fold_kind, prepared.event);
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
        adopt_hold(key.ledger, expired.hold);
    }
    IdRow row = row_of(IdRowKind::hold_ended, key.ledger, key.id);
    row.outcome = static_cast<std::uint8_t>(HoldStatus::expired);
    keep(row);
}

void ShardFold::fold_conflict(const ConflictSeen& conflict, std::uint64_t content) {
    IdRow row = row_of(IdRowKind::conflict, conflict.command.ledger, conflict.command.id);
    row.position = content;
    row.set_amount(Amount(conflict.first_event.value()));
    keep(row);
}

}  // namespace vouch::reconciler
