#include "tests/projector/event_maker.h"

#include "events/check.h"
#include "events/money/shard_of.h"
#include "tests/projector/change_maker.h"
#include "tests/projector/crossing_maker.h"

#include <array>

namespace vouch::test {
namespace {

constexpr std::size_t kAccountsFirst = 12;
constexpr std::size_t kAccountsMax = 60;

}  // namespace

/// One event of one shard: its changes, and what they mean for the books.
class EventMaker : private ChangeMaker {
public:
    using ChangeMaker::ChangeMaker;

    void make() {
        if (opened() < kAccountsFirst) return open();
        if (books_.writers_.size() > 1 && below(4) == 0) return make_crossing(books_, writer_);
        using Make = void (EventMaker::*)();
        static constexpr std::array<Make, 20> kMakes = {
            &EventMaker::open,     &EventMaker::transfer, &EventMaker::transfer,
            &EventMaker::transfer, &EventMaker::transfer, &EventMaker::transfer,
            &EventMaker::entry,    &EventMaker::hold,     &EventMaker::hold,
            &EventMaker::capture,  &EventMaker::end_hold, &EventMaker::extend,
            &EventMaker::expire,   &EventMaker::state,    &EventMaker::update,
            &EventMaker::refuse,   &EventMaker::group,    &EventMaker::failed_group,
            &EventMaker::go_back,  &EventMaker::other};
        const std::size_t choice = books_.below(kMakes.size());
        (this->*kMakes[choice])();
        books_.kinds |= std::uint64_t{1} << choice;
    }

private:
    std::size_t opened() const {
        return static_cast<std::size_t>(
            std::count_if(books_.accounts.begin(), books_.accounts.end(),
                          [](const auto& account) { return !account.transit.has_value(); }));
    }
    void open() {
        if (opened() >= kAccountsMax) return transfer();
        RandomBooks::Account account = books_.invent_account();
        // Where an account lives follows from its id, as in any deployment.
        const auto shards = static_cast<std::uint32_t>(books_.writers_.size());
        if (shard_of(account.id, shards) != writer_.shard()) return;
        account.shard = writer_.shard();
        account.number = AccountNumber(books_.next_number_[account.shard.value()]++);
        account.newest.account = account.number;
        account.newest.id = account.id;
        account.opened_event = number_;
        OpenAccount body{
            account.id,           account.name,       account.asset, account.account_class,
            account.newest.limit, account.chart_code, account.owner, account.risk_class};
        CommandDecided event = decided(account.ledger, Outcome::opened, body);
        const Metadata metadata[] = {{"segment", "retail"}};
        if (below(2) == 0) {
            event.command.metadata = metadata;
            account.metadata = {{"segment", "retail"}};
        }
        books_.accounts.push_back(account);
        change(books_.accounts.size() - 1);
        note();
        write(event);
    }

    void transfer() {
        const auto debit = pick();
        const auto credit = debit ? pick(debit) : debit;
        if (!credit) return;
        transfer_between(*debit, *credit, {});
    }
    CommandId transfer_between(std::size_t debit, std::size_t credit, CommandId group) {
        const Amount asked = amount();
        CommandDecided event =
            decided(books_.accounts[debit].ledger, Outcome::posted,
                    Transfer{books_.accounts[debit].id, books_.accounts[credit].id, asked,
                             Balancing::none});
        Amount moved = asked;
        if (asked > Amount(1) && below(5) == 0) {
            std::get_if<Transfer>(&event.command.body)->balancing = Balancing::debit;
            moved = difference(asked, Amount(1));
            event.moved = moved;
        }
        event.group = group;
        const CommandId id = event.command.id;
        post(debit, Side::debit, moved, id);
        post(credit, Side::credit, moved, id);
        keep_entry(event.command, 1,
                   {{books_.accounts[debit].id, Side::debit, moved},
                    {books_.accounts[credit].id, Side::credit, moved}});
        RandomBooks::Seen& seen = write(event);
        if (!group.is_zero()) seen.group = group;
        return id;
    }
    void entry() {
        const auto debit = pick();
        const auto credit = debit ? pick(debit) : debit;
        if (!credit) return;
        const Amount part = amount();
        const Amount rest = amount();
        // The debit account twice: two changes of it in one event.
        const std::vector<Posting> postings = {
            {books_.accounts[*debit].id, Side::debit, part},
            {books_.accounts[*debit].id, Side::debit, rest},
            {books_.accounts[*credit].id, Side::credit, sum(part, rest)}};
        CommandDecided event =
            decided(books_.accounts[*debit].ledger, Outcome::posted, PostEntry{postings});
        const Metadata metadata[] = {{"k", "v"}, {"quote\"", "line\nbreak"}};
        event.command.metadata = metadata;
        event.command.kind = VoucherKind::settlement;
        post(*debit, Side::debit, part, event.command.id);
        post(*debit, Side::debit, rest, event.command.id);
        post(*credit, Side::credit, sum(part, rest), event.command.id);
        keep_entry(event.command, 2, postings);
        write(event);
    }

    void hold() {
        const auto payer = pick();
        auto payee = payer ? pick(payer) : payer;
        if (!payer) return;
        if (below(3) == 0) payee.reset();
        RandomBooks::Hold hold;
        hold.payer = *payer;
        hold.payee = payee;
        hold.placed = amount();
        PlaceHold body;
        body.debit = books_.accounts[*payer].id;
        if (payee) body.credit = books_.accounts[*payee].id;
        body.amount = hold.placed;
        body.expires_in_us = below(2) * 60'000'000;
        CommandDecided event = decided(books_.accounts[*payer].ledger, Outcome::held, body);
        hold.state.id = event.command.id;
        hold.state.payer = books_.accounts[*payer].number;
        if (payee) hold.state.payee = books_.accounts[*payee].number;
        hold.state.remaining = hold.placed;
        if (body.expires_in_us > 0)
            hold.state.expires_at = Timestamp(books_.now_.value() + 60'000'000);
        hold.last_event = number_;
        add_held(*payer, Side::debit, hold.placed);
        if (payee) add_held(*payee, Side::credit, hold.placed);
        event.hold = hold.state;
        books_.holds.emplace(key(event.command), hold);
        write(event);
    }

    /// An open hold of this shard.
    std::map<RandomBooks::Key, RandomBooks::Hold>::iterator pick_hold() {
        for (auto at = books_.holds.begin(); at != books_.holds.end(); ++at) {
            const RandomBooks::Hold& hold = at->second;
            const bool is_open = hold.state.status == HoldStatus::open && !hold.crossed;
            if (is_open && is_here(hold.payer) && below(3) == 0) return at;
        }
        return books_.holds.end();
    }
    void capture() {
        const auto found = pick_hold();
        if (found == books_.holds.end() || !found->second.payee) return;
        RandomBooks::Hold& hold = found->second;
        const Amount left = hold.state.remaining;
        const Amount part =
            below(3) == 0 ? left : Amount(1 + below(left.high() > 0 ? 1'000 : left.low()));
        CaptureHold body{found->first.second, books_.accounts[hold.payer].id, part, true, {}};
        CommandDecided event = decided(found->first.first, Outcome::captured, body);
        hold.state.remaining = difference(hold.state.remaining, part);
        hold.state.captured = sum(hold.state.captured, part);
        if (hold.state.remaining.is_zero()) hold.state.status = HoldStatus::captured;
        hold.last_event = number_;
        const std::pair<std::size_t, Side> sides[] = {{hold.payer, Side::debit},
                                                      {*hold.payee, Side::credit}};
        for (const auto& [account, side] : sides) {
            Change& newest = change(account, side, part, event.command.id);
            newest.totals.held(side) = difference(newest.totals.held(side), part);
            note();
        }
        event.hold = hold.state;
        keep_entry(event.command, 1,
                   {{books_.accounts[hold.payer].id, Side::debit, part},
                    {books_.accounts[*hold.payee].id, Side::credit, part}});
        write(event);
    }
    void free_held(RandomBooks::Hold& hold, HoldStatus status) {
        take_held(hold.payer, Side::debit, hold.state.remaining);
        if (hold.payee) take_held(*hold.payee, Side::credit, hold.state.remaining);
        hold.state.remaining = Amount();
        hold.state.status = status;
        hold.last_event = number_;
    }
    void end_hold() {
        const auto found = pick_hold();
        if (found == books_.holds.end()) return;
        RandomBooks::Hold& hold = found->second;
        CommandDecided event =
            decided(found->first.first, Outcome::released,
                    ReleaseHold{found->first.second, books_.accounts[hold.payer].id});
        free_held(hold, HoldStatus::released);
        event.hold = hold.state;
        write(event);
    }
    void extend() {
        const auto found = pick_hold();
        if (found == books_.holds.end()) return;
        RandomBooks::Hold& hold = found->second;
        CommandDecided event =
            decided(found->first.first, Outcome::extended,
                    ExtendHold{found->first.second, books_.accounts[hold.payer].id, 90'000'000});
        hold.state.expires_at = Timestamp(books_.now_.value() + 90'000'000);
        hold.last_event = number_;
        event.hold = hold.state;
        write(event);
    }
    void expire() {
        const auto found = pick_hold();
        if (found == books_.holds.end()) return;
        free_held(found->second, HoldStatus::expired);
        writer_.add(Event(HoldExpired{found->first.first, found->second.state, changes_}));
    }

    void state() {
        const auto account = pick();
        if (!account) return;
        const AccountId id = books_.accounts[*account].id;
        const LedgerId ledger = books_.accounts[*account].ledger;
        const bool is_frozen = books_.accounts[*account].newest.state.block != Block::none;
        CommandDecided event =
            is_frozen ? decided(ledger, Outcome::unfrozen, UnfreezeAccount{id, Block::both})
                      : decided(ledger, Outcome::frozen, FreezeAccount{id, Block::debits});
        change(*account).state.block = is_frozen ? Block::none : Block::debits;
        note();
        write(event);
    }
    void update() {
        const auto found = pick();
        if (!found) return;
        RandomBooks::Account& account = books_.accounts[*found];
        UpdateAccount body;
        body.account = account.id;
        const Metadata metadata[] = {{"tier", "gold"}};
        CommandDecided event = decided(account.ledger, Outcome::updated, body);
        auto& asked = *std::get_if<UpdateAccount>(&event.command.body);
        if (below(2) == 0) {
            asked.risk_class = static_cast<std::uint8_t>(below(256));
            account.risk_class = *asked.risk_class;
        } else {
            event.command.metadata = metadata;
            account.metadata = {{"tier", "gold"}};
        }
        asked.limit = Limit(Amount(below(1000)));
        change(*found).limit = *asked.limit;
        note();
        write(event);
    }
    void refuse() {
        const auto debit = pick();
        const auto credit = debit ? pick(debit) : debit;
        if (!credit) return;
        CommandDecided event =
            decided(books_.accounts[*debit].ledger, Outcome::insufficient_funds,
                    Transfer{books_.accounts[*debit].id, books_.accounts[*credit].id, amount(),
                             Balancing::none});
        event.facts.account = books_.accounts[*debit].id;
        event.facts.available = AmountFact{false, Amount(below(1000))};
        event.facts.version = books_.accounts[*debit].newest.version;
        const std::optional<AmountFact> available = event.facts.available;
        write(event).available = available;
    }

    void group() {
        const auto debit = pick();
        const auto credit = debit ? pick(debit) : debit;
        if (!credit) return;
        const CommandId id = books_.new_id();
        const CommandId member = transfer_between(*debit, *credit, id);
        // The member as the group carries it, and one more that was accepted before.
        const RandomBooks::Account& payer = books_.accounts[*debit];
        Command members[2];
        members[0].id = member;
        members[1].id = books_.new_id();
        for (const auto& [key, seen] : books_.seen) {
            if (key.first == payer.ledger && seen.shard == payer.shard &&
                is_accepted(seen.outcome) && below(9) == 0)
                members[1].id = key.second;
        }
        for (Command& one : members) {
            one.ledger = payer.ledger;
            one.body = Transfer{payer.id, books_.accounts[*credit].id, Amount(1), Balancing::none};
        }
        CommandDecided event = decided(payer.ledger, Outcome::done, Group{members});
        event.command.id = id;
        const MemberOutcome outcomes[] = {{Outcome::posted, false}, {Outcome::posted, true}};
        event.members = outcomes;
        write(event);
    }
    void failed_group() {
        const auto debit = pick();
        const auto credit = debit ? pick(debit) : debit;
        if (!credit) return;
        const RandomBooks::Account& payer = books_.accounts[*debit];
        Command members[3];
        for (Command& member : members) {
            member.id = books_.new_id();
            member.ledger = payer.ledger;
            member.body =
                Transfer{payer.id, books_.accounts[*credit].id, amount(), Balancing::none};
        }
        // The last may be one that had its outcome long ago: that outcome stays.
        for (const auto& [key, seen] : books_.seen) {
            if (key.first == payer.ledger && seen.shard == payer.shard && below(9) == 0)
                members[2].id = key.second;
        }
        CommandDecided event = decided(payer.ledger, Outcome::group_failed, Group{members});
        const MemberOutcome outcomes[] = {{Outcome::group_failed, false},
                                          {Outcome::insufficient_funds, false},
                                          {Outcome::group_failed, false}};
        event.members = outcomes;
        event.facts.account = payer.id;
        event.facts.available = AmountFact{false, Amount(5)};
        const std::optional<AmountFact> available = event.facts.available;
        RandomBooks::Seen seen = write(event);
        books_.seen.at(key(event.command)).available = available;
        seen.group = event.command.id;
        for (std::size_t i = 0; i < 3; ++i) {
            seen.outcome = outcomes[i].outcome;
            seen.available = i == 1 ? available : std::nullopt;
            books_.seen.emplace(key(members[i]), seen);  // keeps what an id had before
        }
    }

    /// Reverses an entry, or refunds part of one.
    void go_back() {
        for (auto& [key_of, entry] : books_.entries) {
            if (entry.shard != writer_.shard() || entry.crossed) continue;
            if (entry.reversed || below(4) != 0) continue;
            const std::vector<Posting> postings = entry.postings;
            const bool is_simple = entry.debits == 1 && postings.size() == 2;
            const bool was_refunded = !entry.refunded[0].is_zero();
            if (is_simple && entry.refunded[0] < postings[0].amount && below(2) == 0) {
                return refund(key_of, entry);
            }
            if (!was_refunded) return reverse(key_of, entry);
        }
    }
    void refund(const RandomBooks::Key& of, RandomBooks::Entry& entry) {
        const Amount part(1);
        const AccountId payee = entry.postings[1].account;
        CommandDecided event =
            decided(of.first, Outcome::refunded, Refund{of.second, payee, part, {}, {}, {}});
        for (Amount& refunded : entry.refunded) refunded = sum(refunded, part);
        const Refunded parts[] = {{0, entry.refunded[0]}, {1, entry.refunded[1]}};
        event.entry = EntryState{of.second, false, parts};
        post(books_.index_of(of.first, payee), Side::debit, part, event.command.id);
        post(books_.index_of(of.first, entry.postings[0].account), Side::credit, part,
             event.command.id);
        write(event);
    }
    void reverse(const RandomBooks::Key& of, RandomBooks::Entry& entry) {
        CommandDecided event = decided(of.first, Outcome::reversed,
                                       Reverse{of.second, entry.postings[entry.debits].account});
        entry.reversed = true;
        event.entry = EntryState{of.second, true, {}};
        for (std::size_t i = 0; i < entry.postings.size(); ++i) {
            const Posting& posting = entry.postings[(i + entry.debits) % entry.postings.size()];
            post(books_.index_of(of.first, posting.account), opposite(posting.side), posting.amount,
                 event.command.id);
        }
        write(event);
    }

    /// What changes nothing: a conflict, bytes that are no command, the end of an epoch.
    void other() {
        const std::array<std::byte, 32> digest{};
        switch (below(3)) {
            case 0: {
                if (books_.seen.empty()) return;
                auto known = books_.seen.begin();
                std::advance(known, static_cast<std::ptrdiff_t>(below(books_.seen.size())));
                if (known->second.shard != writer_.shard()) return;
                ConflictSeen conflict;
                conflict.command.id = known->first.second;
                conflict.command.ledger = known->first.first;
                conflict.command.body = CloseAccount{AccountId(1, 2)};
                conflict.first_event = known->second.event;
                writer_.add(Event(conflict));
                return;
            }
            case 1:
                writer_.add(Event(Unreadable{Offset(below(99)), 3, 17, digest, Outcome::malformed,
                                             "transfer.amount"}));
                return;
            default:
                writer_.add(
                    Event(EpochSealed{writer_.header().epoch, EventNumber(0), number_, digest}));
                writer_.seal(books_.now_);
                writer_.next_epoch();
                return;
        }
    }
};

void make_event(RandomBooks& books, RecordWriter& writer) { EventMaker(books, writer).make(); }

}  // namespace vouch::test
