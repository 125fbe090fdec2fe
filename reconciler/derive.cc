#include "reconciler/derive.h"

#include "reconciler/wide_sum.h"

#include <algorithm>
#include <limits>
#include <map>
#include <vector>

namespace vouch::reconciler {

namespace {

/// An account that a command is about, in the order in which refusals look.
struct Named {
    AccountId id;
    bool is_here = false;
    const Account* account = nullptr;
    AccountNumber number;
    std::optional<Side> blockable;  ///< newly debited, credited, held on or toward
};

/// One command on its way through the table of refusals, row by row.
class Derivation {
public:
    Derivation(const Books& books, const Command& command, Timestamp time, bool alone)
        : books_(books), command_(command), time_(time), alone_(alone) {}

    Derived before_past();
    Derived whole();

private:
    using Answer = std::optional<Refusal>;

    void name(AccountId id, std::optional<Side> blockable);
    void name(AccountNumber number, std::optional<Side> blockable);
    void name_all();
    Answer expired() const;
    Answer missing() const;
    Answer not_found() const;
    Answer exists() const;
    Answer wrong_account() const;
    Answer same_account() const;
    Answer asset_mismatch() const;
    Answer zero_amount() const;
    Answer unbalanced() const;
    Answer closed_or_frozen() const;
    Answer version_mismatch() const;
    Answer hold_status() const;
    Answer not_closable() const;
    Answer over_limit();
    Answer over_limit_crossing() const;
    AccountId payee_elsewhere() const;
    Answer elsewhere();

    Amount cap(const Named& named, Side side) const;
    Answer over_limit_moving(Balancing balancing, Amount asked);
    Answer over_limit_entry(const PostEntry& entry);
    Answer over_limit_capture(const CaptureHold& capture);
    bool is_unsure() const;

    Facts facts(const Named& named) const {
        if (named.account != nullptr) return facts_of(books_, named.number);
        Facts told;
        told.account = named.id;
        return told;
    }
    template <class Body>
    const Body* body() const {
        return std::get_if<Body>(&command_.body);
    }

    const Books& books_;
    const Command& command_;
    Timestamp time_;
    bool alone_;
    std::vector<Named> named_;
    const OpenHold* hold_ = nullptr;
    Amount moved_;
    std::optional<ShardId> crosses_;
};

Refusal refusal(Outcome outcome, const Facts& facts = {}) { return {outcome, facts}; }

void Derivation::name(AccountId id, std::optional<Side> blockable) {
    Named named;
    named.id = id;
    named.is_here = books_.is_here(id);
    named.blockable = blockable;
    if (named.is_here) {
        if (const auto number = books_.accounts.find(command_.ledger, id)) {
            named.number = *number;
            named.account = &books_.accounts.at(*number);
        }
    }
    named_.push_back(named);
}

void Derivation::name(AccountNumber number, std::optional<Side> blockable) {
    const Account* account = books_.accounts.known(number);
    if (account == nullptr) return;
    named_.push_back({account->id, true, account, number, blockable});
}

/// The hold that a command refers to; zero for other commands.
CommandId hold_of(const CommandBody& body) {
    if (const auto* capture = std::get_if<CaptureHold>(&body)) return capture->hold;
    if (const auto* release = std::get_if<ReleaseHold>(&body)) return release->hold;
    if (const auto* extend = std::get_if<ExtendHold>(&body)) return extend->hold;
    return {};
}

struct NameAccounts {
    std::vector<std::pair<AccountId, std::optional<Side>>> accounts;

    void add(AccountId id, std::optional<Side> side = std::nullopt) {
        if (!id.is_zero()) accounts.emplace_back(id, side);
    }
    void operator()(const Transfer& c) { add(c.debit, Side::debit), add(c.credit, Side::credit); }
    void operator()(const PlaceHold& c) { add(c.debit, Side::debit), add(c.credit, Side::credit); }
    void operator()(const CaptureHold& c) { add(c.account), add(c.credit, Side::credit); }
    void operator()(const ReleaseHold& c) { add(c.account); }
    void operator()(const ExtendHold& c) { add(c.account); }
    void operator()(const PostEntry& c) {
        for (const Posting& posting : c.postings) add(posting.account, posting.side);
    }
    void operator()(const OpenAccount& c) { add(c.account); }
    void operator()(const UpdateAccount& c) { add(c.account); }
    void operator()(const FreezeAccount& c) { add(c.account); }
    void operator()(const UnfreezeAccount& c) { add(c.account); }
    void operator()(const CloseAccount& c) { add(c.account); }
    void operator()(const Reverse& c) { add(c.account, Side::debit); }
    void operator()(const Refund& c) { add(c.account, Side::debit), add(c.from, Side::debit); }
    void operator()(const Group&) {}
    void operator()(const SetClock&) {}
};

void Derivation::name_all() {
    NameAccounts names;
    std::visit(names, command_.body);
    for (const auto& [id, side] : names.accounts) name(id, side);
    hold_ = books_.holds.find({command_.ledger, hold_of(command_.body)});
    if (hold_ == nullptr || body<CaptureHold>() == nullptr || !hold_->state.payee) return;
    // The hold's own payee is not newly credited, also where the capture names it again.
    if (named_.size() > 1) {
        named_[1].blockable.reset();
    } else {
        name(*hold_->state.payee, std::nullopt);
    }
}

bool Derivation::is_unsure() const {
    if (!books_.was_broken()) return false;
    for (const Named& named : named_) {
        if (named.is_here && (named.account == nullptr || !books_.is_sure(*named.account)))
            return true;
    }
    if (hold_of(command_.body).is_zero()) return false;
    return hold_ == nullptr || !books_.is_sure(*hold_);
}

Derivation::Answer Derivation::expired() const {
    if (command_.expires_at.value() == 0 || time_ < command_.expires_at) return {};
    return refusal(Outcome::command_expired);
}

Derivation::Answer Derivation::missing() const {
    const bool needs_account =
        !hold_of(command_.body).is_zero() || body<Reverse>() || body<Refund>();
    if (needs_account && deciding_account(command_).is_zero())
        return refusal(Outcome::account_missing);
    const auto* capture = body<CaptureHold>();
    if (capture && hold_ && !hold_->state.payee && capture->credit.is_zero())
        return refusal(Outcome::account_missing);
    return {};
}

Derivation::Answer Derivation::not_found() const {
    if (body<OpenAccount>()) return {};
    for (const Named& named : named_) {
        if (named.is_here && named.account == nullptr)
            return refusal(Outcome::account_not_found, facts(named));
    }
    return {};
}

Derivation::Answer Derivation::exists() const {
    if (!body<OpenAccount>() || named_[0].account == nullptr) return {};
    return refusal(Outcome::account_exists, facts(named_[0]));
}

Derivation::Answer Derivation::wrong_account() const {
    if (hold_ == nullptr) return {};
    if (named_[0].account && named_[0].number != hold_->state.payer) {
        return refusal(Outcome::wrong_account, facts(named_[0]));
    }
    const auto* capture = body<CaptureHold>();
    if (!capture || capture->credit.is_zero() || !hold_->state.payee) return {};
    const Named& credit = named_[1];
    const AccountId remote = hold_->state.remote_payee;
    if (!remote.is_zero() ? credit.id == remote
                          : credit.account && credit.number == *hold_->state.payee)
        return {};
    return refusal(Outcome::wrong_account, facts(credit));
}

Derivation::Answer Derivation::same_account() const {
    const bool is_pair = body<Transfer>() || body<PlaceHold>() || body<CaptureHold>();
    if (!is_pair || named_.size() < 2 || named_[0].id != named_[1].id) return {};
    return refusal(Outcome::same_account, facts(named_[0]));
}

Derivation::Answer Derivation::asset_mismatch() const {
    if (command_.amount_decimals) {
        if (const auto* open = body<OpenAccount>();
            open && open->asset.scale() != *command_.amount_decimals) {
            return refusal(Outcome::asset_mismatch, facts(named_[0]));
        }
        for (const Named& named : named_) {
            if (named.account && named.account->asset.scale() != *command_.amount_decimals) {
                return refusal(Outcome::asset_mismatch, facts(named));
            }
        }
    }
    const bool is_pair = body<Transfer>() || body<PlaceHold>() || body<CaptureHold>();
    if (!is_pair || named_.size() < 2 || !named_[0].account || !named_[1].account) return {};
    if (named_[0].account->asset == named_[1].account->asset) return {};
    return refusal(Outcome::asset_mismatch, facts(named_[1]));
}

Derivation::Answer Derivation::zero_amount() const {
    bool is_zero = false;
    if (const auto* transfer = body<Transfer>()) is_zero = transfer->amount.is_zero();
    if (const auto* place = body<PlaceHold>()) is_zero = place->amount.is_zero();
    if (const auto* capture = body<CaptureHold>())
        is_zero = capture->amount && capture->amount->is_zero();
    if (const auto* entry = body<PostEntry>()) {
        is_zero = std::ranges::any_of(entry->postings,
                                      [](const Posting& p) { return p.amount.is_zero(); });
    }
    if (!is_zero) return {};
    return refusal(Outcome::zero_amount);
}

Derivation::Answer Derivation::unbalanced() const {
    const auto* entry = body<PostEntry>();
    if (!entry) return {};
    if (std::ranges::any_of(named_, [](const Named& named) { return !named.is_here; })) return {};
    std::map<Asset, std::pair<WideSum, WideSum>> sums;
    for (std::size_t i = 0; i < named_.size(); ++i) {
        auto& [debits, credits] = sums[named_[i].account->asset];
        (entry->postings[i].side == Side::debit ? debits : credits).add(entry->postings[i].amount);
    }
    for (const auto& [asset, both] : sums) {
        if (both.first != both.second) return refusal(Outcome::unbalanced);
    }
    return {};
}

Derivation::Answer Derivation::closed_or_frozen() const {
    for (const Named& named : named_) {
        if (named.account && named.account->state.closed)
            return refusal(Outcome::account_closed, facts(named));
    }
    for (const Side side : {Side::debit, Side::credit}) {
        for (const Named& named : named_) {
            if (!named.account || named.blockable != side ||
                !blocks(named.account->state.block, side))
                continue;
            return refusal(side == Side::debit ? Outcome::debits_frozen : Outcome::credits_frozen,
                           facts(named));
        }
    }
    return {};
}

Derivation::Answer Derivation::version_mismatch() const {
    if (!command_.expected_version || named_.empty()) return {};
    const AccountId decides = deciding_account(command_);
    const auto found = std::ranges::find(named_, decides, &Named::id);
    if (found == named_.end() || !found->is_here) return {};
    // An account that is not open yet has version 0.
    const Version version = found->account ? found->account->version : Version(0);
    if (version == *command_.expected_version) return {};
    return refusal(Outcome::version_mismatch, facts(*found));
}

Derivation::Answer Derivation::hold_status() const {
    if (hold_of(command_.body).is_zero()) return {};
    if (hold_ == nullptr) return refusal(Outcome::hold_not_found);
    const auto* capture = body<CaptureHold>();
    if (!capture) return {};
    // One that names its payee on another shard may leave a hold open with nothing in it.
    const bool exceeds = capture->amount ? *capture->amount > hold_->state.remaining
                                         : hold_->state.remaining.is_zero();
    if (!exceeds) return {};
    Facts told;
    told.remaining = AmountFact{false, hold_->state.remaining};
    return refusal(Outcome::exceeds_hold, told);
}

Derivation::Answer Derivation::not_closable() const {
    if (!body<CloseAccount>() || !named_[0].account) return {};
    const Totals& totals = named_[0].account->totals;
    if (totals.debits_posted != totals.credits_posted)
        return refusal(Outcome::not_zero, facts(named_[0]));
    const bool is_unanswered = books_.crossings.unanswered(named_[0].number) != WideSum();
    if (totals.debits_held.is_zero() && totals.credits_held.is_zero() && !is_unanswered) return {};
    return refusal(Outcome::in_use, facts(named_[0]));
}

/// posted + held on the side that lowers the account <= posted on its normal side + limit.
bool is_within(const WideSum& lowering, Amount normal_posted, const Limit& limit) {
    if (limit.is_unlimited()) return true;
    WideSum bound(normal_posted);
    bound.add(limit.below_zero());
    return lowering <= bound;
}

WideSum side_sum(const Totals& totals, Side side) {
    WideSum sum(totals.posted(side));
    sum.add(totals.held(side));
    return sum;
}

/// What `side` of the account may still take: all of it where that raises the account, or nothing
/// caps it.
Amount Derivation::cap(const Named& named, Side side) const {
    if (!named.account || named.account->normal() == side) return Amount::max();
    return available(guarded_totals(books_, named.number), named.account->normal(),
                     named.account->limit)
        .value_or(Amount::max());
}

Derivation::Answer Derivation::over_limit_moving(Balancing balancing, Amount asked) {
    moved_ = asked;
    const Amount debit_cap = cap(named_[0], Side::debit);
    const Amount credit_cap = named_.size() > 1 ? cap(named_[1], Side::credit) : Amount::max();
    if (caps_debit(balancing)) moved_ = std::min(moved_, debit_cap);
    if (caps_credit(balancing)) moved_ = std::min(moved_, credit_cap);
    // When nothing can be moved, a cap is zero, and so below the one unit that would be the least.
    const Amount least = std::max(moved_, Amount(1));
    if (debit_cap < least) return refusal(Outcome::insufficient_funds, facts(named_[0]));
    if (credit_cap < least) return refusal(Outcome::insufficient_funds, facts(named_[1]));
    for (std::size_t i = 0; i < named_.size(); ++i) {
        if (!named_[i].account) continue;
        const Side side = i == 0 ? Side::debit : Side::credit;
        if (!has_room(books_, named_[i].number, side, WideSum(moved_)))
            return refusal(Outcome::amount_overflow, facts(named_[i]));
    }
    return {};
}

Derivation::Answer Derivation::over_limit_entry(const PostEntry& entry) {
    struct After {
        WideSum debits_posted;
        WideSum credits_posted;
    };
    std::map<AccountNumber, After> after;
    for (std::size_t i = 0; i < named_.size(); ++i) {
        if (!named_[i].account) continue;
        const auto [place, is_new] = after.try_emplace(named_[i].number);
        if (is_new) {
            place->second.debits_posted = WideSum(named_[i].account->totals.debits_posted);
            place->second.credits_posted = WideSum(named_[i].account->totals.credits_posted);
        }
        const Posting& posting = entry.postings[i];
        (posting.side == Side::debit ? place->second.debits_posted : place->second.credits_posted)
            .add(posting.amount);
    }
    for (const Named& named : named_) {
        if (!named.account || named.account->limit.is_unlimited()) continue;
        const After& sums = after.at(named.number);
        const bool is_debit_normal = named.account->normal() == Side::debit;
        WideSum lowering = is_debit_normal ? sums.credits_posted : sums.debits_posted;
        lowering.add(
            guarded_totals(books_, named.number).held(opposite(named.account->normal())));
        WideSum bound = is_debit_normal ? sums.debits_posted : sums.credits_posted;
        bound.add(named.account->limit.below_zero());
        if (lowering > bound) return refusal(Outcome::insufficient_funds, facts(named));
    }
    for (const Named& named : named_) {
        if (!named.account) continue;
        WideSum debits = after.at(named.number).debits_posted;
        WideSum credits = after.at(named.number).credits_posted;
        debits.add(named.account->totals.debits_held);
        credits.add(named.account->totals.credits_held);
        credits.add(books_.crossings.unanswered(named.number));
        if (!debits.fits_amount() || !credits.fits_amount())
            return refusal(Outcome::amount_overflow, facts(named));
    }
    return {};
}

/// A capture needs room only on a payee that it names: all else was set aside when the hold was
/// placed.
Derivation::Answer Derivation::over_limit_capture(const CaptureHold& capture) {
    if (hold_ == nullptr) return {};
    moved_ = capture.amount.value_or(hold_->state.remaining);
    if (hold_->state.payee || named_.size() < 2 || !named_[1].account) return {};
    if (cap(named_[1], Side::credit) < moved_)
        return refusal(Outcome::insufficient_funds, facts(named_[1]));
    if (!has_room(books_, named_[1].number, Side::credit, WideSum(moved_)))
        return refusal(Outcome::amount_overflow, facts(named_[1]));
    return {};
}

Derivation::Answer Derivation::over_limit() {
    if (const auto* transfer = body<Transfer>())
        return over_limit_moving(transfer->balancing, transfer->amount);
    if (const auto* place = body<PlaceHold>())
        return over_limit_moving(place->balancing, place->amount);
    if (const auto* entry = body<PostEntry>()) return over_limit_entry(*entry);
    if (const auto* capture = body<CaptureHold>()) return over_limit_capture(*capture);
    const auto* update = body<UpdateAccount>();
    if (!update || !update->limit || !named_[0].account) return {};
    const Account& account = *named_[0].account;
    const WideSum lowering =
        side_sum(guarded_totals(books_, named_[0].number), opposite(account.normal()));
    if (is_within(lowering, account.totals.posted(account.normal()), *update->limit)) return {};
    return refusal(Outcome::insufficient_funds, facts(named_[0]));
}

/// The account of another shard that is credited, when all else is here; zero when there is none.
AccountId Derivation::payee_elsewhere() const {
    const auto there = [this](AccountId id) {
        return id.is_zero() || books_.is_here(id) ? AccountId() : id;
    };
    if (const auto* transfer = body<Transfer>()) return there(transfer->credit);
    if (const auto* place = body<PlaceHold>()) return there(place->credit);
    const bool takes = body<CaptureHold>() || body<ReleaseHold>();
    if (hold_ == nullptr || !takes) return {};
    if (hold_->state.payee) return hold_->state.remote_payee;
    const auto* capture = body<CaptureHold>();
    return capture != nullptr ? there(capture->credit) : AccountId();
}

Derivation::Answer Derivation::elsewhere() {
    if (!named_.empty() && named_.front().is_here) {
        const AccountId payee = payee_elsewhere();
        const auto* place = body<PlaceHold>();
        const bool can_cross = alone_ && !(place != nullptr && caps_credit(place->balancing));
        if (!payee.is_zero() && can_cross) {
            crosses_ = books_.home_of(payee);
            return over_limit_crossing();
        }
        if (!payee.is_zero()) {
            Facts told;
            told.account = payee;
            return refusal(Outcome::not_supported_across_shards, told);
        }
    }
    for (const Named& named : named_) {
        if (!named.is_here) return refusal(Outcome::not_supported_across_shards, facts(named));
    }
    return {};
}

/// What could come back must have room on the payer, and what goes away on the transit account.
Derivation::Answer Derivation::over_limit_crossing() const {
    const Named& payer = named_.front();
    const bool may_return = body<Transfer>() || body<CaptureHold>();
    if (may_return && !has_room(books_, payer.number, Side::credit, WideSum(moved_)))
        return refusal(Outcome::amount_overflow, facts(payer));
    // What is captured or released of a hold toward the other shard is on the transit account.
    const bool is_new = body<Transfer>() || body<PlaceHold>() || !hold_->state.payee;
    if (!is_new || body<ReleaseHold>()) return {};
    const TransitKey key{command_.ledger, books_.shard, *crosses_, payer.account->asset};
    const Transit* transit = books_.crossings.find_transit(key);
    if (transit == nullptr || has_room(books_, transit->account, Side::credit, WideSum(moved_)))
        return {};
    return refusal(Outcome::amount_overflow, facts(payer));
}

Derived Derivation::before_past() {
    name_all();
    Derived derived;
    derived.is_sure = !is_unsure();
    if (!derived.is_sure) return derived;
    for (const auto step : {&Derivation::expired, &Derivation::missing, &Derivation::not_found}) {
        if ((derived.refusal = (this->*step)())) return derived;
    }
    return derived;
}

Derived Derivation::whole() {
    Derived derived = before_past();
    if (!derived.is_sure || derived.refusal) return derived;
    for (const auto step :
         {&Derivation::exists, &Derivation::wrong_account, &Derivation::same_account,
          &Derivation::asset_mismatch, &Derivation::zero_amount, &Derivation::unbalanced,
          &Derivation::closed_or_frozen, &Derivation::version_mismatch, &Derivation::hold_status,
          &Derivation::not_closable}) {
        if ((derived.refusal = (this->*step)())) return derived;
    }
    derived.refusal = over_limit();
    if (!derived.refusal) derived.refusal = elsewhere();
    derived.moved = moved_;
    if (!derived.refusal) derived.crosses = crosses_;
    return derived;
}

}  // namespace

bool has_room(const Books& books, AccountNumber number, Side side, const WideSum& amount) {
    WideSum sum = side_sum(books.accounts.at(number).totals, side);
    sum.add(amount);
    if (side == Side::credit) sum.add(books.crossings.unanswered(number));
    return sum.fits_amount();
}

Derived derive(const Books& books, const Command& command, Timestamp time, bool alone) {
    return Derivation(books, command, time, alone).whole();
}

Derived derive_before_past(const Books& books, const Command& command, Timestamp time) {
    return Derivation(books, command, time, true).before_past();
}

Totals guarded_totals(const Books& books, AccountNumber number) {
    Totals totals = books.accounts.at(number).totals;
    WideSum held(totals.credits_held);
    held.add(books.crossings.unanswered(number));
    totals.credits_held = held.fits_amount() ? Amount::from_halves(
                                                   static_cast<std::uint64_t>(held.low() >> 64),
                                                   static_cast<std::uint64_t>(held.low()))
                                             : Amount::max();
    return totals;
}

Facts facts_of(const Books& books, AccountNumber number) {
    const Account& account = books.accounts.at(number);
    Facts facts;
    facts.account = account.id;
    const std::optional<Amount> left =
        available(guarded_totals(books, number), account.normal(), account.limit);
    facts.available = AmountFact{!left, left.value_or(Amount())};
    facts.limit = AmountFact{account.limit.is_unlimited(), account.limit.below_zero()};
    facts.held = AmountFact{false, account.totals.held(opposite(account.normal()))};
    facts.version = account.version;
    return facts;
}

Facts facts_of(const Books& books, LedgerId ledger, AccountId id) {
    if (const auto number = books.accounts.find(ledger, id))
        return facts_of(books, *number);
    Facts facts;
    facts.account = id;
    return facts;
}

std::string describe_difference(const Facts& expected, const Facts& found) {
    const auto text_of = [](const std::optional<AmountFact>& fact) {
        if (!fact) return std::string("nothing");
        return fact->unlimited ? std::string("unlimited") : vouch::to_text(fact->amount, Scale(0));
    };
    const auto differ = [&](const char* field, const auto& a, const auto& b) {
        return std::string(field) + ", expected " + text_of(a) + " found " + text_of(b);
    };
    if (expected.account != found.account) return "another account";
    if (expected.available != found.available)
        return differ("available", expected.available, found.available);
    if (expected.limit != found.limit) return differ("limit", expected.limit, found.limit);
    if (expected.held != found.held) return differ("held", expected.held, found.held);
    if (expected.remaining != found.remaining)
        return differ("remaining", expected.remaining, found.remaining);
    return "version";
}

Timestamp expiry_of(Timestamp time, std::uint64_t expires_in_us) {
    constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();
    const auto span = static_cast<std::int64_t>(std::min(expires_in_us, kExpiresInMax));
    return Timestamp(time.value() > kLast - span ? kLast : time.value() + span);
}

}  // namespace vouch::reconciler
