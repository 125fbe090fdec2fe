#include "reconciler/derive.h"

#include "reconciler/derivation.h"

#include "events/money/wide_sum.h"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

// What does not depend on amounts: who is named, in which state, and in which order it is asked.

namespace vouch::reconciler {

namespace {

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

}  // namespace

CommandId hold_of(const CommandBody& body) {
    if (const auto* capture = std::get_if<CaptureHold>(&body)) return capture->hold;
    if (const auto* release = std::get_if<ReleaseHold>(&body)) return release->hold;
    if (const auto* extend = std::get_if<ExtendHold>(&body)) return extend->hold;
    return {};
}

CommandId entry_of(const CommandBody& body) {
    if (const auto* reverse = std::get_if<Reverse>(&body)) return reverse->entry;
    if (const auto* refund = std::get_if<Refund>(&body)) return refund->entry;
    return {};
}

bool is_reversal(const CommandBody& body) {
    return std::holds_alternative<Reverse>(body) || std::holds_alternative<Refund>(body);
}

std::optional<Amount> amount_asked(const CommandBody& body) {
    if (const auto* transfer = std::get_if<Transfer>(&body)) return transfer->amount;
    if (const auto* place = std::get_if<PlaceHold>(&body)) return place->amount;
    if (const auto* capture = std::get_if<CaptureHold>(&body)) return capture->amount;
    if (const auto* refund = std::get_if<Refund>(&body)) return refund->amount;
    return std::nullopt;
}

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
        // A side with a leg of zero needs one of more.
        for (const Side side : {Side::debit, Side::credit}) {
            std::size_t legs_of_zero = 0;
            std::size_t other_legs = 0;
            for (const Posting& p : entry->postings) {
                if (p.side == side) ++(p.amount.is_zero() ? legs_of_zero : other_legs);
            }
            if (legs_of_zero != 0 && other_legs == 0) is_zero = true;
        }
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

Derived derive(const Books& books, const Command& command, Timestamp time, bool alone) {
    return Derivation(books, command, time, alone).whole();
}

Derived derive_before_past(const Books& books, const Command& command, Timestamp time) {
    return Derivation(books, command, time, true).before_past();
}

Timestamp expiry_of(Timestamp time, std::uint64_t expires_in_us) {
    constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();
    const auto span = static_cast<std::int64_t>(std::min(expires_in_us, kExpiresInMax));
    return Timestamp(time.value() > kLast - span ? kLast : time.value() + span);
}

}  // namespace vouch::reconciler
