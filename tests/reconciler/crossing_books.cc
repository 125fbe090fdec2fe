#include "tests/reconciler/crossing_books.h"

#include "events/check.h"
#include "events/entries/codec.h"
#include "events/money/shard_of.h"
#include "events/seal/step_batch.h"
#include "tests/support/named_ids.h"

#include <algorithm>
#include <array>

namespace vouch::test {

namespace {

void add(Amount& amount, std::uint64_t more) { amount = *amount.plus(Amount(more)); }
void take_from(Amount& amount, std::uint64_t less) { amount = *amount.minus(Amount(less)); }

}  // namespace

CrossingBooks::CrossingBooks() : sealed_(make_sealed_deployment(2)), draft_(sealed_.deployment()) {}

CommandId CrossingBooks::command(std::string_view name) {
    return command_named(name);
}

AccountId CrossingBooks::account(ShardId shard, std::size_t n) {
    for (std::uint64_t i = 1;; ++i) {
        const AccountId id(7, i);
        if (shard_of(id, 2) == shard && n-- == 0) return id;
    }
}

void CrossingBooks::record(ShardId shard, const std::function<void()>& write) {
    at_ = shard;
    events_.clear();
    if (records(shard).empty()) events_.emplace_back(TermStarted{Term(0)});
    write();
    send_batch();
    order_.emplace_back(shard, records(shard).size());
    draft_.append(shard, events_);
}

Command CrossingBooks::make(std::string_view id, const CommandBody& body) {
    Command made;
    made.id = command(id);
    made.id_text = id;
    made.body = body;
    return made;
}

Change CrossingBooks::move(std::uint32_t number, const Move& move) {
    Row& row = here().rows[number];
    ++row.version;
    if (move.posts) add(row.totals.posted(*move.posts), move.posted);
    if (move.holds) add(row.totals.held(*move.holds), move.held);
    if (move.frees) take_from(row.totals.held(*move.frees), move.freed);
    Change change;
    change.account = AccountNumber(number);
    change.id = row.id;
    change.version = Version(row.version);
    change.totals = row.totals;
    change.limit = row.limit;
    change.state = row.state;
    change.side = move.posts;
    if (move.posts) change.amount = Amount(move.posted);
    return change;
}

Asset CrossingBooks::euro() { return *Asset::parse("EUR/2"); }

void CrossingBooks::open(std::string_view id, AccountId account, AccountClass account_class,
                         Limit limit, Asset asset) {
    OpenAccount body;
    body.account = account;
    body.asset = asset;
    body.account_class = account_class;
    body.limit = limit;
    const auto number = static_cast<std::uint32_t>(here().rows.size());
    here().numbers[account] = number;
    here().rows.push_back({account, {}, 0, limit, {}});
    CommandDecided decided;
    decided.command = make(id, body);
    decided.outcome = Outcome::opened;
    const std::array<Change, 1> changes{move(number, {})};
    decided.changes = draft_.arena().copy(std::span<const Change>(changes));
    events_.emplace_back(decided);
}

void CrossingBooks::freeze_credits(std::string_view id, AccountId account) {
    CommandDecided decided;
    decided.command = make(id, FreezeAccount{account, Block::credits});
    decided.outcome = Outcome::frozen;
    const std::uint32_t number = here().numbers[account];
    here().rows[number].state.block = Block::credits;
    const std::array<Change, 1> changes{move(number, {})};
    decided.changes = draft_.arena().copy(std::span<const Change>(changes));
    events_.emplace_back(decided);
}

std::uint32_t CrossingBooks::transit(bool leaves) {
    auto& numbers = leaves ? here().transit_to : here().transit_from;
    const auto known = numbers.find(other());
    if (known != numbers.end()) return known->second;
    return numbers[other()] = open_transit(leaves, 0);
}

void CrossingBooks::open_successor(bool is_used) {
    const std::uint32_t number = open_transit(true, 1);
    if (is_used) here().transit_to[other()] = number;
}

std::uint32_t CrossingBooks::open_transit(bool leaves, std::uint32_t successor) {
    const auto number = static_cast<std::uint32_t>(here().rows.size());
    here().rows.emplace_back();
    TransitOpened opened;
    opened.successor = successor;
    opened.from = leaves ? at_ : other();
    opened.to = leaves ? other() : at_;
    opened.asset = euro();
    opened.change = move(number, {});
    events_.emplace_back(opened);
    return number;
}

void CrossingBooks::send(const Step& step) { here().outbox.push_back(step); }

void CrossingBooks::depart(CommandInTransit event, const Crossed& crossed, const StepKind& step) {
    event.to = other();
    event.changes = draft_.arena().copy(event.changes);
    events_.emplace_back(event);
    here().crossings[event.command.id] = crossed;
    send(Step{event.command.ledger, event.command.id, step,
              steps_have_texts ? event.command.id_text : std::string_view()});
}

void CrossingBooks::transfer(std::string_view id, AccountId payer, AccountId payee,
                             std::uint64_t amount, Balancing balancing) {
    CommandInTransit event;
    event.command = make(id, Transfer{payer, payee, Amount(amount), balancing});
    const std::uint32_t transit = this->transit(true);
    const std::array<Change, 2> changes{
        move(here().numbers[payer], {.posts = Side::debit, .posted = amount}),
        move(transit, {.posts = Side::credit, .posted = amount})};
    event.changes = changes;
    const CreditStep step{payer, payee, euro(), Amount(amount), caps_credit(balancing), true};
    depart(event, {event.command, amount, payer, {}, {}, {}}, step);
}

void CrossingBooks::place(std::string_view id, AccountId payer, AccountId payee,
                          std::uint64_t amount, std::uint64_t expires_in_us) {
    PlaceHold body;
    body.debit = payer;
    body.credit = payee;
    body.amount = Amount(amount);
    body.expires_in_us = expires_in_us;
    CommandInTransit event;
    event.command = make(id, body);
    const std::uint32_t transit = this->transit(true);
    const std::array<Change, 2> changes{
        move(here().numbers[payer], {.holds = Side::debit, .held = amount}),
        move(transit, {.holds = Side::credit, .held = amount})};
    event.changes = changes;
    HoldState hold;
    hold.id = event.command.id;
    hold.payer = AccountNumber(here().numbers[payer]);
    hold.payee = AccountNumber(transit);
    hold.remaining = Amount(amount);
    hold.remote_payee = payee;
    if (expires_in_us != 0) {
        hold.expires_at = Timestamp(sealed_.deployment().created_at.value() +
                                    static_cast<std::int64_t>(expires_in_us));
    }
    event.hold = hold;
    here().holds[hold.id] = hold;
    here().hold_payers[hold.id] = payer;
    depart(event, {event.command, amount, payer, {}, hold, {}},
           HoldStep{payer, payee, euro(), Amount(amount)});
}

void CrossingBooks::place_without_payee(std::string_view id, AccountId payer,
                                        std::uint64_t amount) {
    PlaceHold body;
    body.debit = payer;
    body.amount = Amount(amount);
    CommandDecided decided;
    decided.command = make(id, body);
    decided.outcome = Outcome::held;
    const std::array<Change, 1> changes{
        move(here().numbers[payer], {.holds = Side::debit, .held = amount})};
    decided.changes = draft_.arena().copy(std::span<const Change>(changes));
    HoldState hold;
    hold.id = decided.command.id;
    hold.payer = AccountNumber(here().numbers[payer]);
    hold.remaining = Amount(amount);
    decided.hold = here().holds[hold.id] = hold;
    here().hold_payers[hold.id] = payer;
    events_.emplace_back(decided);
}

void CrossingBooks::capture(std::string_view id, std::string_view hold_name, std::uint64_t amount,
                            bool keep_rest) {
    HoldState& hold = here().holds[command(hold_name)];
    const AccountId payer = here().hold_payers[hold.id];
    const auto freed = keep_rest ? amount : static_cast<std::uint64_t>(hold.remaining.units());
    CommandInTransit event;
    event.command = make(id, CaptureHold{hold.id, payer, Amount(amount), keep_rest, {}});
    const std::array<Change, 2> changes{
        move(hold.payer.value(),
             {.posts = Side::debit, .frees = Side::debit, .posted = amount, .freed = freed}),
        move(hold.payee->value(),
             {.posts = Side::credit, .frees = Side::credit, .posted = amount, .freed = freed})};
    event.changes = changes;
    take_from(hold.remaining, freed);
    add(hold.captured, amount);
    if (hold.remaining.is_zero()) hold.status = HoldStatus::captured;
    event.hold = hold;
    depart(event, {event.command, amount, payer, {}, {}, {}},
           CaptureStep{hold.id, payer, Amount(amount), Amount(freed)});
}

void CrossingBooks::capture_toward(std::string_view id, std::string_view hold_name, AccountId payee,
                                   std::uint64_t amount, bool keep_rest) {
    HoldState& hold = here().holds[command(hold_name)];
    const AccountId payer = here().hold_payers[hold.id];
    CommandInTransit event;
    event.command = make(id, CaptureHold{hold.id, payer, Amount(amount), keep_rest, payee});
    const std::uint32_t transit = this->transit(true);
    const std::array<Change, 2> changes{
        move(hold.payer.value(),
             {.posts = Side::debit, .frees = Side::debit, .posted = amount, .freed = amount}),
        move(transit, {.posts = Side::credit, .posted = amount})};
    event.changes = changes;
    take_from(hold.remaining, amount);
    add(hold.captured, amount);
    event.hold = hold;
    depart(event, {event.command, amount, payer, {}, hold, {}},
           CreditStep{payer, payee, euro(), Amount(amount), false, true});
}

void CrossingBooks::release(std::string_view id, std::string_view hold_name) {
    HoldState& hold = here().holds[command(hold_name)];
    const AccountId payer = here().hold_payers[hold.id];
    const auto freed = static_cast<std::uint64_t>(hold.remaining.units());
    CommandInTransit event;
    event.command = make(id, ReleaseHold{hold.id, payer});
    const std::array<Change, 2> changes{
        move(hold.payer.value(), {.frees = Side::debit, .freed = freed}),
        move(hold.payee->value(), {.frees = Side::credit, .freed = freed})};
    event.changes = changes;
    hold.remaining = Amount();
    hold.status = HoldStatus::released;
    event.hold = hold;
    depart(event, {event.command, 0, payer, {}, {}, {}},
           ReleaseStep{hold.id, Amount(freed), false});
}

void CrossingBooks::give_back(std::string_view id, std::string_view entry, AccountId payee,
                              AccountId payer, std::uint64_t amount, std::uint64_t paid) {
    CommandInTransit event;
    EntryState mark;
    mark.id = command(entry);
    const std::uint64_t moved = amount == 0 ? paid : amount;
    if (amount == 0) {
        event.command = make(id, Reverse{mark.id, payee});
        mark.reversed = true;
    } else {
        Refund refund;
        refund.entry = mark.id;
        refund.account = payee;
        refund.amount = Amount(amount);
        event.command = make(id, refund);
        const std::array<Refunded, 2> sums{Refunded{0, Amount(amount)},
                                           Refunded{1, Amount(amount)}};
        mark.refunded = draft_.arena().copy(std::span<const Refunded>(sums));
    }
    event.entry = mark;
    const std::uint32_t transit = this->transit(true);
    const std::array<Change, 2> changes{
        move(here().numbers[payee], {.posts = Side::debit, .posted = moved}),
        move(transit, {.posts = Side::credit, .posted = moved})};
    event.changes = changes;
    depart(event, {event.command, moved, payee, {}, {}, mark.id},
           CreditStep{payee, payer, euro(), Amount(moved), false, false});
}

void CrossingBooks::refuse_refund(std::string_view id, std::string_view entry, AccountId payee,
                                  AccountId payer) {
    Refund refund;
    refund.entry = command(entry);
    refund.account = refund.from = payee;
    CommandDecided decided;
    decided.command = make(id, refund);
    decided.outcome = Outcome::asset_mismatch;
    decided.facts.account = payer;
    events_.emplace_back(decided);
}

void CrossingBooks::forward(std::string_view id, AccountId payer, AccountId payee,
                            std::uint64_t amount) {
    CommandForwarded event;
    event.command = make(id, Transfer{payer, payee, Amount(amount), Balancing::none});
    event.to = other();
    events_.emplace_back(event);
    Step step;
    step.kind = ForwardStep{event.command};
    send(step);
}

void CrossingBooks::send_batch() {
    Shard& shard = here();
    if (shard.outbox.empty()) return;
    Bytes bytes;
    for (const Step& step : shard.outbox) append_to_steps(step, bytes);
    const StepBatchNumber number(shard.next_batch++);
    shard.last_digest = step_batch_digest(at_, other(), number, shard.last_digest, bytes);
    Sent sent;
    sent.from = at_;
    sent.record = RecordNumber(records(at_).size());
    sent.says.to = other();
    sent.says.number = number;
    sent.says.count = static_cast<std::uint32_t>(shard.outbox.size());
    sent.says.digest = draft_.arena().copy(std::span<const std::byte>(shard.last_digest));
    events_.emplace_back(sent.says);
    sent.steps = std::move(shard.outbox);
    shard.outbox.clear();
    shards_[other().value()].inbox.push_back(std::move(sent));
}

void CrossingBooks::take(std::size_t steps_max) {
    Sent& batch = here().inbox.front();
    const std::size_t end = std::min(batch.steps.size(), batch.taken + steps_max);
    StepsTaken taken;
    taken.from = batch.from;
    taken.number = batch.says.number;
    taken.first = static_cast<std::uint32_t>(batch.taken);
    taken.count = static_cast<std::uint32_t>(end - batch.taken);
    taken.record = batch.record;
    taken.record_digest = draft_.arena().make<std::byte>(sizeof(Tag));
    taken.digest = batch.says.digest;
    events_.emplace_back(taken);
    for (; batch.taken < end; ++batch.taken) {
        const Step& step = batch.steps[batch.taken];
        if (std::holds_alternative<AnswerStep>(step.kind)) {
            answer(step, batch);
        } else if (const auto* forward = std::get_if<ForwardStep>(&step.kind)) {
            const auto& body = std::get<Transfer>(forward->command.body);
            CommandDecided decided;
            decided.command = forward->command;
            decided.outcome = Outcome::posted;
            const auto amount = static_cast<std::uint64_t>(body.amount.units());
            const std::array<Change, 2> changes{
                move(here().numbers[body.debit], {.posts = Side::debit, .posted = amount}),
                move(here().numbers[body.credit], {.posts = Side::credit, .posted = amount})};
            decided.changes = draft_.arena().copy(std::span<const Change>(changes));
            events_.emplace_back(decided);
        } else {
            follow(step);
        }
    }
    if (batch.taken == batch.steps.size()) here().inbox.pop_front();
}

void CrossingBooks::follow(const Step& step) {
    StepFollowed event;
    event.step = step;
    AnswerStep answer;
    std::vector<Change> changes;
    const auto* credit = std::get_if<CreditStep>(&step.kind);
    const auto* place = std::get_if<HoldStep>(&step.kind);
    const auto* capture = std::get_if<CaptureStep>(&step.kind);
    const auto* release = std::get_if<ReleaseStep>(&step.kind);
    const auto refusal = refusals_.find(step.command);
    const CommandId held = capture ? capture->hold : release ? release->hold : CommandId();
    const auto hold = here().followed.find(held);
    if (!held.is_zero() && hold == here().followed.end()) {
        event.outcome = Outcome::hold_not_found;
    } else if (refusal != refusals_.end()) {
        event.outcome = refusal->second;
        event.facts.account = credit ? credit->payee : place->payee;
        if (const auto known = here().numbers.find(event.facts.account);
            known != here().numbers.end()) {
            // All accounts that refuse here are unlimited, with nothing held.
            event.facts.available = event.facts.limit = AmountFact{true, {}};
            event.facts.held = AmountFact{};
            event.facts.version = Version(here().rows[known->second].version);
        }
    } else if (credit) {
        auto amount = static_cast<std::uint64_t>(credit->amount.units());
        if (const auto less = takes_.find(step.command); less != takes_.end()) {
            amount = less->second;
            event.moved = Amount(amount);
        }
        const std::uint32_t transit = this->transit(false);
        changes = {move(transit, {.posts = Side::debit, .posted = amount}),
                   move(here().numbers[credit->payee], {.posts = Side::credit, .posted = amount})};
        event.outcome = Outcome::posted;
        answer.amount = Amount(amount);
    } else if (place) {
        const auto amount = static_cast<std::uint64_t>(place->amount.units());
        const std::uint32_t transit = this->transit(false);
        changes = {move(transit, {.holds = Side::debit, .held = amount}),
                   move(here().numbers[place->payee], {.holds = Side::credit, .held = amount})};
        HoldState state;
        state.id = step.command;
        state.payer = AccountNumber(transit);
        state.payee = AccountNumber(here().numbers[place->payee]);
        state.remaining = place->amount;
        event.hold = here().followed[state.id] = state;
        event.outcome = Outcome::held;
        answer.amount = place->amount;
    } else {
        HoldState& state = hold->second;
        const auto freed =
            static_cast<std::uint64_t>((capture ? capture->freed : release->freed).units());
        Move from{.frees = Side::debit, .freed = freed};
        Move to{.frees = Side::credit, .freed = freed};
        take_from(state.remaining, freed);
        event.outcome = Outcome::released;
        if (capture) {
            from.posts = Side::debit;
            to.posts = Side::credit;
            from.posted = to.posted = static_cast<std::uint64_t>(capture->amount.units());
            add(state.captured, from.posted);
            answer.amount = capture->amount;
            event.outcome = Outcome::captured;
            if (state.remaining.is_zero()) state.status = HoldStatus::captured;
        } else {
            state.status = HoldStatus::released;
        }
        changes = {move(state.payer.value(), from), move(state.payee->value(), to)};
        event.hold = state;
        if (state.status != HoldStatus::open) here().followed.erase(hold);
    }
    event.changes = draft_.arena().copy(std::span<const Change>(changes));
    events_.emplace_back(event);
    if (release && release->expired) return;
    answer.outcome = event.outcome;
    answer.facts = event.facts;
    send(Step{step.ledger, step.command, answer});
}

void CrossingBooks::answer(const Step& step, const Sent& batch) {
    const auto& said = std::get<AnswerStep>(step.kind);
    const Crossed crossed = here().crossings.at(step.command);
    here().crossings.erase(step.command);
    CommandAnswered decided;
    decided.ledger = crossed.command.ledger;
    decided.id = crossed.command.id;
    decided.by = {batch.from, batch.record};
    decided.facts = said.facts;
    std::vector<Change> changes;
    const CommandBody& body = crossed.command.body;
    const auto* transfer = std::get_if<Transfer>(&body);
    const auto* capture = std::get_if<CaptureHold>(&body);
    const bool accepted = is_accepted(said.outcome);
    const auto taken = static_cast<std::uint64_t>(said.amount.units());
    decided.outcome = said.outcome;
    if (accepted && std::holds_alternative<Reverse>(body)) decided.outcome = Outcome::reversed;
    if (accepted && std::holds_alternative<Refund>(body)) decided.outcome = Outcome::refunded;
    if (accepted && capture) decided.outcome = Outcome::captured;
    const auto back = [&](std::uint64_t amount) {
        changes = {move(here().transit_to[other()], {.posts = Side::debit, .posted = amount}),
                   move(here().numbers[crossed.payer], {.posts = Side::credit, .posted = amount})};
    };
    if (std::holds_alternative<PlaceHold>(body) && !accepted) {
        HoldState& hold = here().holds[step.command];
        const auto freed = static_cast<std::uint64_t>(hold.remaining.units());
        if (freed != 0) {
            changes = {move(hold.payer.value(), {.frees = Side::debit, .freed = freed}),
                       move(hold.payee->value(), {.frees = Side::credit, .freed = freed})};
        }
        hold.remaining = Amount();
        hold.status = HoldStatus::refused;
        decided.hold = hold;
    } else if (capture && crossed.hold) {
        HoldState& hold = here().holds[capture->hold];
        const bool is_open = hold.status == HoldStatus::open;
        const auto rest = static_cast<std::uint64_t>(hold.remaining.units());
        if (accepted && is_open) {
            if (!capture->keep_rest && rest != 0) {
                changes = {move(hold.payer.value(), {.frees = Side::debit, .freed = rest})};
                hold.remaining = Amount();
            }
            if (hold.remaining.is_zero()) {
                hold.status = HoldStatus::captured;
                decided.hold = hold;
            }
        } else if (!accepted) {
            Move payer{.posts = Side::credit, .posted = crossed.amount};
            if (is_open) {
                payer.holds = Side::debit;
                payer.held = crossed.amount;
                add(hold.remaining, crossed.amount);
            }
            take_from(hold.captured, crossed.amount);
            decided.hold = hold;
            changes = {
                move(here().transit_to[other()], {.posts = Side::debit, .posted = crossed.amount}),
                move(hold.payer.value(), payer)};
        }
    } else if (transfer && accepted && taken != crossed.amount) {
        decided.moved = said.amount;
        back(crossed.amount - taken);
    } else if (!accepted && crossed.amount != 0) {
        back(crossed.amount);
        if (capture) {
            HoldState& hold = here().holds[capture->hold];
            take_from(hold.captured, crossed.amount);
            decided.hold = hold;
        }
        if (!crossed.entry.is_zero()) {
            decided.entry = EntryState{crossed.entry, false, {}};
            static constexpr std::array<Refunded, 2> kNothing{Refunded{0, {}}, Refunded{1, {}}};
            if (std::holds_alternative<Refund>(body)) decided.entry->refunded = kNothing;
        }
    }
    decided.changes = draft_.arena().copy(std::span<const Change>(changes));
    events_.emplace_back(decided);
}

RecordList CrossingBooks::seal(bool keeps_tags) {
    RecordList list(2);
    std::array<std::vector<Tag>, 2> tags;
    std::array<std::uint64_t, 2> numbers{};
    std::array<std::map<CommandId, EventNumber>, 2> sent;
    for (const auto& [shard, position] : order_) {
        // Tests take records out at the end of a shard alone.
        if (position >= records(shard).size()) continue;
        const std::size_t i = shard.value();
        DraftRecord& record = records(shard)[position];
        for (std::size_t n = 0; n < record.events.size(); ++n) {
            Event& event = record.events[n];
            if (const auto* out = std::get_if<CommandInTransit>(&event))
                sent[i][out->command.id] = EventNumber(numbers[i] + n);
            // Without what a test says instead.
            if (auto* answered = std::get_if<CommandAnswered>(&event);
                answered != nullptr && answered->first_event == EventNumber())
                answered->first_event = sent[i][answered->id];
            auto* taken = std::get_if<StepsTaken>(&event);
            if (taken == nullptr || keeps_tags) continue;
            const auto& sender = tags[taken->from.value()];
            if (taken->record.value() < sender.size()) {
                taken->record_digest =
                    draft_.arena().copy(std::span<const std::byte>(sender[taken->record.value()]));
            }
        }
        RecordHeader header = record.header;
        header.record = RecordNumber(position);
        header.first_event = EventNumber(numbers[i]);
        header.event_count = static_cast<std::uint32_t>(record.events.size());
        header.previous_digest =
            position == 0 ? sealed_.deployment().genesis_tag : tags[i][position - 1];
        const Bytes bytes = seal_bytes(sealed_.keys.record_key(shard, header.epoch), header,
                                       encode_body(record.events));
        const Result<RecordView> view = parse_record(bytes);
        VOUCH_ASSERT(view.has_value());
        tags[i].push_back(view->digest);
        list.shard(shard).push_back(bytes);
        numbers[i] += record.events.size();
    }
    return list;
}

reconciler::ReplayReport CrossingBooks::replay(RecordList& records,
                                               const SealedDeployment& sealed) {
    reconciler::ReplayOptions options;
    options.keys = &sealed.keys;
    options.threads = 1;
    options.id_memory_bytes = 1u << 20;
    Result<reconciler::ReplayReport> report =
        reconciler::replay(records, sealed.deployment(), options);
    VOUCH_ASSERT(report.has_value());
    return std::move(*report);
}

reconciler::ReplayReport CrossingBooks::replay() {
    RecordList list = seal();
    return replay(list, sealed_);
}

}  // namespace vouch::test
