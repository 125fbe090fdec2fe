#pragma once

#include "events/check.h"
#include "tests/projector/random_books.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vouch::test {

inline Amount sum(Amount a, Amount b) { return *a.plus(b); }
inline Amount difference(Amount a, Amount b) { return *a.minus(b); }

/// What every maker of events does: picks accounts, changes them, and notes the changes for one
/// event and for the books.
class ChangeMaker {
public:
    ChangeMaker(RandomBooks& books, RecordWriter& writer)
        : books_(books), writer_(writer), number_(writer.next_event()) {}

protected:
    std::uint64_t below(std::uint64_t n) { return books_.below(n); }
    /// Sometimes more than 64 bits.
    Amount amount() {
        return below(20) == 0 ? Amount::from_halves(1 + below(9), below(1000))
                              : Amount(1 + below(100'000));
    }

    bool is_here(std::size_t account) const {
        return books_.accounts[account].shard == writer_.shard();
    }
    /// A random account of this shard, or of another one, of the asset and ledger of `like` if
    /// given, and not that one.
    std::optional<std::size_t> pick(std::optional<std::size_t> like = {}, bool here = true) {
        for (int attempt = 0; attempt < 200 && !books_.accounts.empty(); ++attempt) {
            const std::size_t i = below(books_.accounts.size());
            const RandomBooks::Account& account = books_.accounts[i];
            if (is_here(i) != here || account.newest.state.closed || account.transit) continue;
            if (!like) return i;
            const RandomBooks::Account& other = books_.accounts[*like];
            if (i != *like && account.asset == other.asset && account.ledger == other.ledger)
                return i;
        }
        return std::nullopt;
    }

    template <class Body>
    Command command(LedgerId ledger, const Body& body) {
        Command out;
        out.id = books_.new_id();
        out.ledger = ledger;
        out.body = body;
        if (below(3) == 0) out.context = "order-\"\\7";
        if (below(4) == 0) out.actor_id = "ops-7";
        return out;
    }
    template <class Body>
    CommandDecided decided(LedgerId ledger, Outcome outcome, const Body& body) {
        CommandDecided event;
        event.command = command(ledger, body);
        event.outcome = outcome;
        return event;
    }

    /// Changes an account: totals by `posted` or `held`, version, history.
    Change& change(std::size_t account, std::optional<Side> posted = {}, Amount amount = {},
                   CommandId entry = {}) {
        RandomBooks::Account& of = books_.accounts[account];
        of.newest.version = of.newest.version.next();
        of.newest.side = posted;
        of.newest.amount = posted ? amount : Amount();
        if (posted)
            of.newest.totals.posted(*posted) = sum(of.newest.totals.posted(*posted), amount);
        touched_.push_back({account, entry});
        return of.newest;
    }
    /// Takes the changed accounts into the event's list. To be called when they are as they stay.
    void note() {
        const auto& [account, entry] = touched_.back();
        const Change& newest = books_.accounts[account].newest;
        const auto index = static_cast<std::uint16_t>(changes_.size());
        changes_.push_back(newest);
        books_.history.push_back(
            {account, newest, entry, number_, index, writer_.record(), books_.now_});
    }
    void post(std::size_t account, Side side, Amount amount, CommandId entry) {
        change(account, side, amount, entry);
        note();
    }
    void add_held(std::size_t account, Side side, Amount amount) {
        Amount& held = change(account).totals.held(side);
        held = sum(held, amount);
        note();
    }
    void take_held(std::size_t account, Side side, Amount amount) {
        Amount& held = change(account).totals.held(side);
        held = difference(held, amount);
        note();
    }
    /// Posts what was held.
    void post_held(std::size_t account, Side side, Amount amount, CommandId entry) {
        Amount& held = change(account, side, amount, entry).totals.held(side);
        held = difference(held, amount);
        note();
    }

    /// After an event was written: the next one starts.
    void start_next() {
        number_ = writer_.next_event();
        changes_.clear();
        touched_.clear();
    }
    RandomBooks::Seen seen_now(Outcome outcome, const Command& of) const {
        RandomBooks::Seen seen;
        seen.outcome = outcome;
        seen.shard = writer_.shard();
        seen.record = writer_.record();
        seen.event = number_;
        seen.time = books_.now_;
        seen.context = of.context;
        return seen;
    }
    RandomBooks::Seen& write(CommandDecided& event) {
        event.changes = changes_;
        writer_.add(event);
        const RandomBooks::Seen seen = seen_now(event.outcome, event.command);
        start_next();
        return books_.seen.emplace(key(event.command), seen).first->second;
    }
    static RandomBooks::Key key(const Command& command) { return {command.ledger, command.id}; }
    RandomBooks::Entry& keep_entry(const Command& command, std::size_t debits,
                                   std::vector<Posting> postings) {
        RandomBooks::Entry entry;
        entry.shard = writer_.shard();
        entry.debits = debits;
        entry.refunded.resize(postings.size());
        entry.postings = std::move(postings);
        return books_.entries.emplace(key(command), std::move(entry)).first->second;
    }

    RandomBooks& books_;
    RecordWriter& writer_;
    EventNumber number_;
    std::vector<std::pair<std::size_t, CommandId>> touched_;  // account, entry
    std::vector<Change> changes_;
};

}  // namespace vouch::test
