#include "tests/projector/crossing_maker.h"

#include "tests/projector/change_maker.h"

#include <array>
#include <set>

namespace vouch::test {

using Crossing = RandomBooks::Crossing;

class CrossingMaker : private ChangeMaker {
public:
    using ChangeMaker::ChangeMaker;

    void make() {
        switch (below(3)) {
            case 0:
                return send();
            case 1:
                return follow();
            default:
                return take_answer();
        }
    }

private:
    // --- Sending --------------------------------------------------------------------------------

    void send() {
        switch (below(4)) {
            case 0:
            case 1:
                return transfer();
            case 2:
                return below(2) == 0 ? hold() : capture();
            default:
                return go_back();
        }
    }

    std::optional<Crossing> between_picked() {
        const auto payer = pick();
        const auto payee = payer ? pick(payer, false) : payer;
        if (!payee) return std::nullopt;
        return crossing(*payer, *payee, amount());
    }
    Crossing crossing(std::size_t payer, std::size_t payee, Amount sent) {
        Crossing out;
        out.payer = payer;
        out.payee = payee;
        out.to = books_.accounts[payee].shard;
        out.from = writer_.shard();
        out.sent = sent;
        return out;
    }
    LedgerId ledger_of(const Crossing& of) const { return books_.accounts[of.payer].ledger; }
    AccountId id_of(std::size_t account) const { return books_.accounts[account].id; }

    void transfer() {
        auto found = between_picked();
        if (!found) return;
        Crossing& it = *found;
        const bool may_take_less = below(3) == 0;
        it.command =
            command(ledger_of(it), Transfer{id_of(it.payer), id_of(it.payee), it.sent,
                                            may_take_less ? Balancing::credit : Balancing::none});
        it.may_take_less = may_take_less;
        it.makes_entry = true;
        const std::size_t transit = transit_of(it);
        post(it.payer, Side::debit, it.sent, it.command.id);
        post(transit, Side::credit, it.sent, it.command.id);
        write_sent(it);
    }
    void hold() {
        auto found = between_picked();
        if (!found) return;
        Crossing& it = *found;
        it.is_hold = true;
        const std::uint64_t expires_in = number_.value() % 2 * 60'000'000;
        it.command = command(ledger_of(it), PlaceHold{id_of(it.payer), id_of(it.payee), it.sent,
                                                      Balancing::none, expires_in});
        const std::size_t transit = transit_of(it);
        RandomBooks::Hold placed;
        placed.payer = it.payer;
        placed.payee = it.payee;
        placed.placed = it.sent;
        placed.crossed = true;
        placed.in_transit = true;
        placed.last_event = number_;
        placed.state.id = it.command.id;
        placed.state.payer = books_.accounts[it.payer].number;
        placed.state.payee = books_.accounts[transit].number;
        placed.state.remaining = it.sent;
        placed.state.remote_payee = id_of(it.payee);
        if (expires_in > 0)
            placed.state.expires_at =
                Timestamp(books_.now_.value() + static_cast<std::int64_t>(expires_in));
        books_.holds.emplace(key(it.command), placed);
        add_held(it.payer, Side::debit, it.sent);
        add_held(transit, Side::credit, it.sent);
        write_sent(it, placed.state);
    }
    void capture() {
        for (auto& [key_of, held] : books_.holds) {
            if (!held.crossed || held.in_transit || !is_here(held.payer)) continue;
            if (held.state.status != HoldStatus::open || below(2) == 0) continue;
            const Amount left = held.state.remaining;
            const bool is_all = below(3) == 0;
            Crossing it = crossing(held.payer, *held.payee, is_all ? left : Amount(1));
            CaptureHold body{key_of.second, id_of(it.payer), it.sent, true, {}};
            if (is_all) body.amount.reset();
            it.command = command(key_of.first, body);
            it.makes_entry = true;
            it.hold = key_of.second;
            held.state.remaining = difference(left, it.sent);
            held.state.captured = sum(held.state.captured, it.sent);
            if (held.state.remaining.is_zero()) held.state.status = HoldStatus::captured;
            const std::size_t transit = transit_of(it);
            held.last_event = number_;
            post_held(it.payer, Side::debit, it.sent, it.command.id);
            post_held(transit, Side::credit, it.sent, it.command.id);
            return write_sent(it, held.state);
        }
    }
    /// Reverses or refunds what another shard led and this one took.
    void go_back() {
        for (auto& [key_of, entry] : books_.entries) {
            if (!entry.crossed || entry.in_transit || entry.is_back || entry.reversed) continue;
            const std::size_t payer = books_.index_of(key_of.first, entry.postings[1].account);
            if (!is_here(payer) || below(3) == 0) continue;
            const std::size_t payee = books_.index_of(key_of.first, entry.postings[0].account);
            const Amount left = difference(entry.postings[1].amount, entry.refunded[1]);
            const bool is_refund = below(2) == 0 || !entry.refunded[1].is_zero();
            if (left.is_zero()) continue;
            Crossing it = crossing(payer, payee, is_refund ? Amount(1) : left);
            if (is_refund) {
                it.command =
                    command(key_of.first, Refund{key_of.second, id_of(payer), it.sent, {}, {}, {}});
                for (Amount& refunded : entry.refunded) refunded = sum(refunded, it.sent);
            } else {
                it.command = command(key_of.first, Reverse{key_of.second, id_of(payer)});
                entry.reversed = true;
            }
            it.original = key_of;
            const std::size_t transit = transit_of(it);
            post(payer, Side::debit, it.sent, it.command.id);
            post(transit, Side::credit, it.sent, it.command.id);
            return write_sent(it);
        }
    }

    void write_sent(Crossing& it, const std::optional<HoldState>& held = {}) {
        CommandInTransit event;
        event.command = it.command;
        event.to = it.to;
        event.changes = changes_;
        event.hold = held;
        std::array<Refunded, 2> parts;
        event.entry = state_of_original(it, parts);
        if (!says_amount(it)) event.moved = it.sent;
        writer_.add(Event(event));
        RandomBooks::Seen seen = seen_now(Outcome::malformed, it.command);
        seen.in_transit = true;
        seen.sent_event = number_;
        books_.seen.emplace(key(it.command), seen);
        if (!it.is_hold) {
            RandomBooks::Entry& entry = keep_entry(it.command, 1,
                                                   {{id_of(it.payer), Side::debit, it.sent},
                                                    {id_of(it.payee), Side::credit, it.sent}});
            entry.crossed = true;
            entry.in_transit = true;
            entry.is_back = it.original.has_value();
        }
        it.sent_record = writer_.record();
        start_next();
        books_.crossings.push_back(it);
    }
    static bool says_amount(const Crossing& it) {
        const auto* capture = std::get_if<CaptureHold>(&it.command.body);
        return !std::holds_alternative<Reverse>(it.command.body) &&
               (capture == nullptr || capture->amount.has_value());
    }
    /// As it is in the books now.
    std::optional<EntryState> state_of_original(const Crossing& it,
                                                std::array<Refunded, 2>& parts) {
        if (!it.original) return std::nullopt;
        const RandomBooks::Entry& entry = books_.entries.at(*it.original);
        EntryState state{it.original->second, entry.reversed, {}};
        if (std::holds_alternative<Reverse>(it.command.body)) return state;
        parts = {Refunded{0, entry.refunded[0]}, Refunded{1, entry.refunded[1]}};
        state.refunded = parts;
        return state;
    }

    // --- Following ------------------------------------------------------------------------------

    bool is_sealed(ShardId shard, RecordNumber record) const {
        return record < books_.writers_[shard.value()]->record();
    }
    void take_steps(ShardId from, RecordNumber record) {
        StepsTaken taken;
        taken.from = from;
        taken.number = StepBatchNumber(books_.batches_++);
        taken.count = 1;
        taken.record = record;
        const std::array<std::byte, 32> digest{};
        taken.record_digest = digest;
        taken.digest = digest;
        writer_.add(Event(taken));
        start_next();
    }

    /// Steps of a shard are taken in their order: behind one that is passed over, all others are.
    class InOrder {
    public:
        bool is_next(ShardId sender) const { return passed_.count(sender) == 0; }
        void pass_over(ShardId sender) { passed_.insert(sender); }

    private:
        std::set<ShardId> passed_;
    };

    void follow() {
        InOrder steps;
        for (Crossing& it : books_.crossings) {
            if (it.stage != Crossing::Stage::sent || it.to != writer_.shard()) continue;
            if (!steps.is_next(it.from)) continue;
            if (!is_sealed(it.from, it.sent_record) || below(3) == 0) {
                steps.pass_over(it.from);
                continue;
            }
            take_steps(it.from, it.sent_record);
            const bool is_refused = below(4) == 0 && it.hold.is_zero();
            const bool is_less = it.may_take_less && it.sent > Amount(1) && below(2) == 0;
            it.taken = is_refused ? Amount() : is_less ? difference(it.sent, Amount(1)) : it.sent;
            it.answer = is_refused           ? Outcome::credits_frozen
                        : it.is_hold         ? Outcome::held
                        : !it.hold.is_zero() ? Outcome::captured
                                             : Outcome::posted;
            if (!is_refused) post_followed(it);
            write_followed(it);
            it.stage = Crossing::Stage::followed;
            it.followed_record = writer_.record();
            start_next();
            return;
        }
    }
    void post_followed(const Crossing& it) {
        const std::size_t transit = transit_of(it);
        const std::pair<std::size_t, Side> sides[] = {{transit, Side::debit},
                                                      {it.payee, Side::credit}};
        for (const auto& [account, side] : sides) {
            if (it.is_hold)
                add_held(account, side, it.taken);
            else if (!it.hold.is_zero())
                post_held(account, side, it.taken, it.command.id);
            else
                post(account, side, it.taken, it.command.id);
        }
    }
    void write_followed(const Crossing& it) {
        const Asset asset = books_.accounts[it.payer].asset;
        StepFollowed event;
        event.step.ledger = it.command.ledger;
        event.step.command = it.command.id;
        if (it.is_hold) {
            event.step.kind = HoldStep{id_of(it.payer), id_of(it.payee), asset, it.sent};
        } else if (!it.hold.is_zero()) {
            event.step.kind = CaptureStep{it.hold, id_of(it.payer), it.sent, it.sent};
        } else {
            event.step.kind = CreditStep{id_of(it.payer), id_of(it.payee),  asset,
                                         it.sent,         it.may_take_less, it.makes_entry};
        }
        event.outcome = it.answer;
        event.changes = changes_;
        if (is_accepted(it.answer) && it.taken < it.sent) event.moved = it.taken;
        const bool has_hold = is_accepted(it.answer) && (it.is_hold || !it.hold.is_zero());
        if (has_hold) {
            // What this shard keeps of it; nothing here reads it.
            HoldState held;
            held.id = it.is_hold ? it.command.id : it.hold;
            held.payer = changes_[0].account;
            held.payee = changes_[1].account;
            held.remaining = it.taken;
            event.hold = held;
        }
        if (!is_accepted(it.answer)) event.facts.account = id_of(it.payee);
        writer_.add(Event(event));
    }

    // --- Answers --------------------------------------------------------------------------------

    void take_answer() {
        InOrder steps;
        for (Crossing& it : books_.crossings) {
            if (it.stage != Crossing::Stage::followed || it.from != writer_.shard()) continue;
            if (!steps.is_next(it.to)) continue;
            if (!is_sealed(it.to, it.followed_record) || below(3) == 0) {
                steps.pass_over(it.to);
                continue;
            }
            take_steps(it.to, it.followed_record);
            finish(it);
            it.stage = Crossing::Stage::done;
            return;
        }
    }
    void finish(const Crossing& it) {
        const bool is_taken = is_accepted(it.answer);
        CommandAnswered event;
        event.ledger = it.command.ledger;
        event.id = it.command.id;
        event.first_event = *books_.seen.at(key(it.command)).sent_event;
        event.outcome = is_taken ? accepted_outcome(it) : it.answer;
        event.by = {it.to, it.followed_record};
        if (is_taken && (it.taken < it.sent || !says_amount(it))) event.moved = it.taken;
        if (!is_taken) event.facts.account = id_of(it.payee);
        if (it.is_hold) {
            answer_hold(it, is_taken, event);
        } else {
            answer_entry(it, is_taken);
        }
        std::array<Refunded, 2> parts;
        if (!is_taken) event.entry = state_of_original(it, parts);
        event.changes = changes_;
        writer_.add(Event(event));
        RandomBooks::Seen& seen = books_.seen.at(key(it.command));
        const std::optional<EventNumber> sent_event = seen.sent_event;
        seen = seen_now(event.outcome, it.command);
        seen.sent_event = sent_event;
        start_next();
    }
    static Outcome accepted_outcome(const Crossing& it) {
        if (std::holds_alternative<Reverse>(it.command.body)) return Outcome::reversed;
        if (std::holds_alternative<Refund>(it.command.body)) return Outcome::refunded;
        return it.answer;
    }
    void answer_hold(const Crossing& it, bool is_taken, CommandAnswered& event) {
        RandomBooks::Hold& held = books_.holds.at(key(it.command));
        held.in_transit = false;
        if (is_taken) return;
        take_held(it.payer, Side::debit, held.state.remaining);
        take_held(transit_of(it), Side::credit, held.state.remaining);
        held.state.remaining = Amount();
        held.state.status = HoldStatus::refused;
        held.last_event = number_;
        event.hold = held.state;
    }
    void answer_entry(const Crossing& it, bool is_taken) {
        const Amount back = difference(it.sent, it.taken);
        if (!back.is_zero()) {
            post(transit_of(it), Side::debit, back, it.command.id);
            post(it.payer, Side::credit, back, it.command.id);
        }
        if (is_taken) {
            RandomBooks::Entry& entry = books_.entries.at(key(it.command));
            entry.in_transit = false;
            for (Posting& posting : entry.postings) posting.amount = it.taken;
            return;
        }
        books_.entries.erase(key(it.command));
        if (!it.original) return;
        RandomBooks::Entry& original = books_.entries.at(*it.original);
        if (std::holds_alternative<Reverse>(it.command.body)) {
            original.reversed = false;
        } else {
            for (Amount& refunded : original.refunded) refunded = difference(refunded, it.sent);
        }
    }

    // --- Transit accounts -----------------------------------------------------------------------

    /// This shard's account of money on that way; opened by an event of its own when there is none.
    std::size_t transit_of(const Crossing& it) {
        const RandomBooks::Account& like = books_.accounts[it.payer];
        for (std::size_t i = 0; i < books_.accounts.size(); ++i) {
            const RandomBooks::Account& account = books_.accounts[i];
            const bool is_it = account.transit == std::pair(it.from, it.to) && is_here(i) &&
                               account.ledger == like.ledger && account.asset == like.asset;
            if (is_it) return i;
        }
        RandomBooks::Account account;
        account.ledger = like.ledger;
        account.asset = like.asset;
        account.shard = writer_.shard();
        account.number = AccountNumber(books_.next_number_[account.shard.value()]++);
        account.account_class = AccountClass::liability;
        account.transit = std::pair(it.from, it.to);
        account.opened_event = number_;
        account.newest.account = account.number;
        account.newest.limit = Limit::unlimited();
        books_.accounts.push_back(account);
        change(books_.accounts.size() - 1);
        note();
        writer_.add(
            Event(TransitOpened{account.ledger, it.from, it.to, account.asset, changes_[0]}));
        start_next();
        return books_.accounts.size() - 1;
    }
};

void make_crossing(RandomBooks& books, RecordWriter& writer) {
    CrossingMaker(books, writer).make();
}

}  // namespace vouch::test
