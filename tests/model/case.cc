#include "tests/model/case.h"

#include "events/money/shard_of.h"

#include <algorithm>
#include <map>
#include <variant>

namespace vouch::model {

namespace {

template <class Map, class Id>
auto* find_in(const Map& map, LedgerId ledger, Id id) {
    const auto found = map.find({ledger, id});
    return found == map.end() ? nullptr : &found->second;
}

AmountFact fact(const Integer& value) {
    if (value < 0) return AmountFact{};
    // A bound of 2^128 or more bounds nothing.
    if (value >> 128 != 0) return AmountFact{true, Amount()};
    return AmountFact{false, to_amount(value)};
}

struct Deciding {
    AccountId operator()(const Transfer& b) const { return b.debit; }
    AccountId operator()(const PlaceHold& b) const { return b.debit; }
    AccountId operator()(const PostEntry& b) const {
        for (const Posting& posting : b.postings) {
            if (posting.side == Side::debit) return posting.account;
        }
        return {};
    }
    AccountId operator()(const Group& b) const {
        return b.members.empty() ? AccountId() : deciding_account_of(b.members.front());
    }
    AccountId operator()(const SetClock&) const { return {}; }
    template <class Body>
    AccountId operator()(const Body& b) const {
        return b.account;
    }
};

}  // namespace

AccountId deciding_account_of(const Command& command) {
    return std::visit(Deciding{}, command.body);
}

Case::Case(const Books& books, const Command& command, Timestamp now, std::uint32_t shards,
           ShardId shard)
    : books_(books), command_(command), now_(now), shards_(shards), shard_(shard) {
    std::visit([this](const auto& body) { look_at(body); }, command.body);
}

bool Case::is_here(AccountId account) const {
    return shards_ == 1 || shard_of(account, shards_) == shard_;
}

const Account* Case::find(AccountId account) const {
    return find_in(books_.accounts, command_.ledger, account);
}

void Case::name(AccountId account) {
    if (account.is_zero()) return;
    named_.push_back(account);
    touch(account);
}

void Case::touch(AccountId account) {
    if (std::find(touched_.begin(), touched_.end(), account) == touched_.end())
        touched_.push_back(account);
}

void Case::look_at(const OpenAccount& body) { opens_ = body.account; }
void Case::look_at(const UpdateAccount& body) { name(body.account); }
void Case::look_at(const FreezeAccount& body) { name(body.account); }
void Case::look_at(const UnfreezeAccount& body) { name(body.account); }
void Case::look_at(const CloseAccount& body) { name(body.account); }
void Case::look_at(const Group&) {}
void Case::look_at(const SetClock&) {}

void Case::look_at(const Transfer& body) {
    name(body.debit);
    name(body.credit);
    debit_ = body.debit;
    credit_ = body.credit;
    given_amounts_ = {body.amount};
    newly_debited_ = {body.debit};
    newly_credited_ = {body.credit};
}

void Case::look_at(const PostEntry& body) {
    for (const Posting& posting : body.postings) {
        name(posting.account);
        given_amounts_.push_back(posting.amount);
        (posting.side == Side::debit ? newly_debited_ : newly_credited_).push_back(posting.account);
    }
}

void Case::look_at(const PlaceHold& body) {
    name(body.debit);
    name(body.credit);
    debit_ = body.debit;
    if (!body.credit.is_zero()) credit_ = body.credit;
    given_amounts_ = {body.amount};
    newly_debited_ = {body.debit};
    if (credit_) newly_credited_ = {*credit_};
}

void Case::find_hold(CommandId id, AccountId account) {
    needs_hold_ = true;
    lacks_account_ = account.is_zero();
    name(account);
    debit_ = account;
    hold_ = find_in(books_.holds, command_.ledger, id);
    if (hold_ != nullptr && account != hold_->payer) wrong_ = account;
}

void Case::look_at(const CaptureHold& body) {
    find_hold(body.hold, body.account);
    name(body.credit);
    if (body.amount) given_amounts_ = {*body.amount};
    const bool hold_has_payee = hold_ != nullptr && hold_->payee;
    if (hold_ != nullptr && !hold_has_payee && body.credit.is_zero()) lacks_account_ = true;
    if (hold_has_payee && !body.credit.is_zero() && body.credit != *hold_->payee && !wrong_) {
        wrong_ = body.credit;
    }
    if (!body.credit.is_zero()) credit_ = body.credit;
    if (hold_has_payee && !credit_) credit_ = hold_->payee;
    if (credit_) touch(*credit_);
    // Room on a payee of the hold's own was reserved when the hold was placed.
    if (credit_ && !hold_has_payee) newly_credited_ = {*credit_};
}

void Case::look_at(const ReleaseHold& body) { find_hold(body.hold, body.account); }

void Case::look_at(const ExtendHold& body) { find_hold(body.hold, body.account); }

void Case::look_at(const Reverse& body) {
    needs_entry_ = true;
    lacks_account_ = body.account.is_zero();
    name(body.account);
    // The account that the new entry debits first, as the command says, also of an unknown entry.
    newly_debited_ = {body.account};
    entry_ = find_in(books_.entries, command_.ledger, body.entry);
    if (entry_ == nullptr) return;
    const auto first_credit =
        std::find_if(entry_->postings.begin(), entry_->postings.end(),
                     [](const EntryPosting& p) { return p.side == Side::credit; });
    if (first_credit->account != body.account) wrong_ = body.account;
    for (const EntryPosting& p : entry_->postings) {
        if (p.side == Side::credit) newly_debited_.push_back(p.account);
    }
    for (const EntryPosting& p : entry_->postings) {
        if (p.side == Side::debit) newly_credited_.push_back(p.account);
    }
    for (AccountId account : newly_debited_) touch(account);
    for (AccountId account : newly_credited_) touch(account);
}

std::optional<Case::Pair> Case::find_refunded(const Refund& body) const {
    const std::vector<EntryPosting>& postings = entry_->postings;
    if (body.debit_posting.has_value() != body.credit_posting.has_value()) return std::nullopt;
    if (body.debit_posting) {
        const std::size_t debit = *body.debit_posting;
        const std::size_t credit = *body.credit_posting;
        if (debit >= postings.size() || credit >= postings.size()) return std::nullopt;
        if (postings[debit].side != Side::debit || postings[credit].side != Side::credit)
            return std::nullopt;
        const Account* debited = find(postings[debit].account);
        const Account* credited = find(postings[credit].account);
        if (debited == nullptr || credited == nullptr || debited->asset != credited->asset)
            return std::nullopt;
        return Pair{debit, credit};
    }
    if (postings.size() != 2) return std::nullopt;
    return postings[0].side == Side::debit ? Pair{0, 1} : Pair{1, 0};
}

void Case::look_at(const Refund& body) {
    needs_entry_ = true;
    lacks_account_ = body.account.is_zero();
    name(body.account);
    name(body.from);
    if (body.amount) given_amounts_ = {*body.amount};
    if (!body.from.is_zero() && body.account != body.from) wrong_ = body.account;
    debit_ = body.from.is_zero() ? body.account : body.from;
    newly_debited_ = {*debit_};
    entry_ = find_in(books_.entries, command_.ledger, body.entry);
    if (entry_ != nullptr) refunded_ = find_refunded(body);
    if (!refunded_) return;
    if (body.from.is_zero() && entry_->postings[refunded_->second].account != body.account) {
        wrong_ = body.account;
    }
    credit_ = entry_->postings[refunded_->first].account;
    touch(*credit_);
    newly_credited_ = {*credit_};
}

// --- Refusals ---------------------------------------------------------------------------------

std::optional<Refusal> Case::refusal_before_posting() const {
    if (command_.expires_at.value() != 0 && now_ >= command_.expires_at) {
        return Refusal{Outcome::command_expired, {}};
    }
    if (lacks_account_) return Refusal{Outcome::account_missing, {}};
    if (auto refusal = refusal_by_accounts()) return refusal;
    if (auto refusal = refusal_by_assets()) return refusal;
    if (moves_nothing()) return Refusal{Outcome::zero_amount, {}};
    if (is_unbalanced()) return Refusal{Outcome::unbalanced, {}};
    if (auto refusal = refusal_by_state()) return refusal;
    if (auto refusal = refusal_by_hold()) return refusal;
    if (auto refusal = refusal_by_entry()) return refusal;
    return refusal_of_closing();
}

std::optional<Refusal> Case::refusal_by_accounts() const {
    for (AccountId account : named_) {
        if (is_here(account) && find(account) == nullptr) {
            return Refusal{Outcome::account_not_found, facts_of(account)};
        }
    }
    if (opens_ && find(*opens_) != nullptr)
        return Refusal{Outcome::account_exists, facts_of(*opens_)};
    if (wrong_) return Refusal{Outcome::wrong_account, facts_of(*wrong_)};
    if (debit_ && credit_ && *debit_ == *credit_)
        return Refusal{Outcome::same_account, facts_of(*debit_)};
    return std::nullopt;
}

std::optional<Refusal> Case::refusal_by_assets() const {
    if (command_.amount_decimals) {
        for (AccountId account : touched_) {
            const Account* row = find(account);
            if (row != nullptr && row->asset.scale() != *command_.amount_decimals) {
                return Refusal{Outcome::asset_mismatch, facts_of(account)};
            }
        }
        const auto* open = std::get_if<OpenAccount>(&command_.body);
        if (open != nullptr && open->asset.scale() != *command_.amount_decimals) {
            return Refusal{Outcome::asset_mismatch, facts_of(open->account)};
        }
    }
    const Account* debit = debit_ ? find(*debit_) : nullptr;
    const Account* credit = credit_ ? find(*credit_) : nullptr;
    if (debit != nullptr && credit != nullptr && debit->asset != credit->asset) {
        return Refusal{Outcome::asset_mismatch, facts_of(*credit_)};
    }
    return std::nullopt;
}

bool Case::moves_nothing() const {
    const auto* entry = std::get_if<PostEntry>(&command_.body);
    if (entry == nullptr) {
        return std::any_of(given_amounts_.begin(), given_amounts_.end(),
                           [](Amount amount) { return amount.is_zero(); });
    }
    // By side: the greatest leg, if there is any.
    std::map<Side, Integer> greatest;
    for (const Posting& p : entry->postings) {
        Integer& most = greatest[p.side];
        if (to_integer(p.amount) > most) most = to_integer(p.amount);
    }
    return std::any_of(greatest.begin(), greatest.end(),
                       [](const auto& side) { return side.second == 0; });
}

bool Case::is_unbalanced() const {
    const auto* entry = std::get_if<PostEntry>(&command_.body);
    if (entry == nullptr || named_on_another_shard()) return false;
    std::map<Asset, Integer> difference;
    for (const Posting& posting : entry->postings) {
        Integer& sum = difference[find(posting.account)->asset];
        sum +=
            posting.side == Side::debit ? to_integer(posting.amount) : -to_integer(posting.amount);
    }
    return std::any_of(difference.begin(), difference.end(),
                       [](const auto& asset) { return asset.second != 0; });
}

std::optional<Refusal> Case::refusal_by_state() const {
    for (AccountId account : touched_) {
        const Account* row = find(account);
        if (row != nullptr && row->state.closed)
            return Refusal{Outcome::account_closed, facts_of(account)};
    }
    // A capture debits nothing anew: its funds were set aside before any freeze.
    if (!std::holds_alternative<CaptureHold>(command_.body)) {
        for (AccountId account : newly_debited_) {
            const Account* row = find(account);
            if (row != nullptr && blocks(row->state.block, Side::debit)) {
                return Refusal{Outcome::debits_frozen, facts_of(account)};
            }
        }
    }
    for (AccountId account : newly_credited_) {
        const Account* row = find(account);
        if (row != nullptr && blocks(row->state.block, Side::credit)) {
            return Refusal{Outcome::credits_frozen, facts_of(account)};
        }
    }
    const AccountId deciding = deciding_account_of(command_);
    if (command_.expected_version && !deciding.is_zero() && is_here(deciding)) {
        const Account* row = find(deciding);
        // An account that is only being opened is at version 0.
        const std::uint64_t version = row == nullptr ? 0 : row->version;
        if (version != command_.expected_version->value()) {
            return Refusal{Outcome::version_mismatch, facts_of(deciding)};
        }
    }
    return std::nullopt;
}

std::optional<Refusal> Case::refusal_by_hold() const {
    if (!needs_hold_) return std::nullopt;
    if (hold_ == nullptr) return Refusal{Outcome::hold_not_found, {}};
    switch (hold_->status) {
        case HoldStatus::open:
            break;
        case HoldStatus::captured:
        case HoldStatus::released:
            return Refusal{Outcome::hold_closed, {}};
        case HoldStatus::expired:
            return Refusal{Outcome::hold_expired, {}};
        case HoldStatus::refused:
            return Refusal{Outcome::hold_not_found, {}};
    }
    if (amount() <= hold_->remaining) return std::nullopt;
    Facts facts;
    facts.remaining = fact(hold_->remaining);
    return Refusal{Outcome::exceeds_hold, facts};
}

std::optional<Refusal> Case::refusal_by_entry() const {
    if (!needs_entry_) return std::nullopt;
    const bool is_refund = std::holds_alternative<Refund>(command_.body);
    if (entry_ == nullptr || (is_refund && !refunded_))
        return Refusal{Outcome::entry_not_found, {}};
    if (entry_->reversed) return Refusal{Outcome::already_reversed, {}};
    if (!is_refund) {
        for (const EntryPosting& posting : entry_->postings) {
            if (posting.refunded > 0) return Refusal{Outcome::already_refunded, {}};
        }
        return std::nullopt;
    }
    if (amount() > left_to_refund() || left_to_refund() == 0) {
        Facts facts;
        facts.remaining = fact(left_to_refund());
        return Refusal{Outcome::refund_exceeds_payment, facts};
    }
    return std::nullopt;
}

std::optional<Refusal> Case::refusal_of_closing() const {
    const auto* close = std::get_if<CloseAccount>(&command_.body);
    const Account* account = close == nullptr ? nullptr : find(close->account);
    if (account == nullptr) return std::nullopt;
    if (account->debits.posted != account->credits.posted) {
        return Refusal{Outcome::not_zero, facts_of(close->account)};
    }
    if (account->debits.held != 0 || account->credits.held != 0) {
        return Refusal{Outcome::in_use, facts_of(close->account)};
    }
    return std::nullopt;
}

std::optional<AccountId> Case::named_on_another_shard() const {
    if (opens_ && !is_here(*opens_)) return opens_;
    for (AccountId account : named_) {
        if (!is_here(account)) return account;
    }
    return std::nullopt;
}

Facts Case::facts_of(AccountId account) const {
    Facts facts;
    facts.account = account;
    const Account* row = find(account);
    if (row == nullptr) return facts;
    const std::optional<Integer> available = row->available();
    facts.available = available ? fact(*available) : AmountFact{true, Amount()};
    facts.limit = row->limit ? fact(*row->limit) : AmountFact{true, Amount()};
    facts.held = fact(row->on(row->lowering()).held);
    facts.version = Version(row->version);
    return facts;
}

// --- Effects ----------------------------------------------------------------------------------

Integer Case::capped(Integer amount, Balancing balancing) const {
    const auto cap = [&](std::optional<AccountId> id, Side side) {
        const Account* account = id ? find(*id) : nullptr;
        if (account == nullptr || account->lowering() != side) return;
        const std::optional<Integer> available = account->available();
        if (available) amount = std::min(amount, *available);
    };
    if (caps_debit(balancing)) cap(debit_, Side::debit);
    if (caps_credit(balancing)) cap(credit_, Side::credit);
    return amount;
}

Integer Case::left_to_refund() const {
    const EntryPosting& debit = entry_->postings[refunded_->first];
    const EntryPosting& credit = entry_->postings[refunded_->second];
    return std::min(Integer(debit.amount - debit.refunded),
                    Integer(credit.amount - credit.refunded));
}

Integer Case::amount() const {
    if (const auto* transfer = std::get_if<Transfer>(&command_.body)) {
        return capped(to_integer(transfer->amount), transfer->balancing);
    }
    if (const auto* place = std::get_if<PlaceHold>(&command_.body)) {
        return capped(to_integer(place->amount), place->balancing);
    }
    if (const auto* capture = std::get_if<CaptureHold>(&command_.body)) {
        return capture->amount ? to_integer(*capture->amount) : hold_->remaining;
    }
    if (const auto* refund = std::get_if<Refund>(&command_.body)) {
        return refund->amount ? to_integer(*refund->amount) : left_to_refund();
    }
    return 0;
}

bool Case::says_amount() const {
    if (std::holds_alternative<PostEntry>(command_.body)) return true;
    return given_amounts_.size() == 1 && to_integer(given_amounts_.front()) == amount();
}

Integer Case::released_rest() const {
    const auto* capture = std::get_if<CaptureHold>(&command_.body);
    if (capture == nullptr) return hold_->remaining;
    return capture->keep_rest ? Integer(0) : Integer(hold_->remaining - amount());
}

std::optional<Refusal> Case::refusal_of_balancing() const {
    Balancing balancing = Balancing::none;
    if (const auto* transfer = std::get_if<Transfer>(&command_.body))
        balancing = transfer->balancing;
    if (const auto* place = std::get_if<PlaceHold>(&command_.body)) balancing = place->balancing;
    if (balancing == Balancing::none || amount() != 0) return std::nullopt;
    // Named is the first account that lets nothing through, whether it caps or not.
    const bool debit_has_nothing =
        capped(to_integer(given_amounts_.front()), Balancing::debit) == 0;
    return Refusal{Outcome::insufficient_funds, facts_of(debit_has_nothing ? *debit_ : *credit_)};
}

std::vector<Leg> Case::legs() const {
    std::vector<Leg> legs;
    const auto add = [&](AccountId account, Side side, const Integer& posted, const Integer& held) {
        if (is_here(account)) legs.push_back({account, side, posted, held});
    };
    if (std::holds_alternative<Transfer>(command_.body) ||
        std::holds_alternative<Refund>(command_.body)) {
        add(*debit_, Side::debit, amount(), 0);
        add(*credit_, Side::credit, amount(), 0);
    } else if (const auto* entry = std::get_if<PostEntry>(&command_.body)) {
        for (const Posting& p : entry->postings) {
            if (!p.amount.is_zero()) add(p.account, p.side, to_integer(p.amount), 0);
        }
    } else if (std::holds_alternative<PlaceHold>(command_.body)) {
        add(*debit_, Side::debit, 0, amount());
        if (credit_) add(*credit_, Side::credit, 0, amount());
    } else if (std::holds_alternative<CaptureHold>(command_.body)) {
        const Integer gone = amount() + released_rest();
        add(hold_->payer, Side::debit, amount(), -gone);
        add(*credit_, Side::credit, amount(), hold_->payee ? Integer(-gone) : Integer(0));
    } else if (std::holds_alternative<ReleaseHold>(command_.body)) {
        add(hold_->payer, Side::debit, 0, -hold_->remaining);
        if (hold_->payee) add(*hold_->payee, Side::credit, 0, -hold_->remaining);
    } else if (std::holds_alternative<Reverse>(command_.body)) {
        for (const EntryPosting& p : entry_->postings) {
            if (p.side == Side::credit) add(p.account, Side::debit, p.amount, 0);
        }
        for (const EntryPosting& p : entry_->postings) {
            if (p.side == Side::debit) add(p.account, Side::credit, p.amount, 0);
        }
    }
    return legs;
}

}  // namespace vouch::model
