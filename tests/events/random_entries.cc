#include "tests/events/random_entries.h"

#include "events/entries/said_postings.h"
#include "events/money/text_ids.h"
#include "tests/support/named_ids.h"

#include <algorithm>

namespace vouch::test {
namespace {

constexpr std::size_t kGroupKind = 13;
constexpr std::size_t kClockKind = 14;
constexpr Outcome kRefusals[] = {Outcome::conflict, Outcome::account_not_found,
                                 Outcome::insufficient_funds, Outcome::group_failed};
constexpr std::string_view kCharacters[] = {"a", "Z", "0", ".", " ", "é", "元", "\U0001F4B6"};

/// Changes are of the accounts that the event's command names.
template <class E>
std::span<const Change> with_said_ids(std::span<Change> changes, const E& event) {
    wire::SaidAccounts accounts(event);
    for (Change& change : changes) {
        if (const auto said = accounts.next()) change.id = *said;
    }
    return changes;
}

}  // namespace

std::uint64_t RandomEntries::number(unsigned bits) {
    const unsigned width = static_cast<unsigned>(below(bits)) + 1;
    return random_() >> (64 - width);
}

Amount RandomEntries::amount() {
    return Amount::from_halves(below(8) == 0 ? number() : 0, number());
}

/// 1 to `size_max` bytes.
std::string_view RandomEntries::text(std::size_t size_max) {
    const std::size_t size = below(4) == 0 ? size_max : 1 + below(size_max);
    std::string made;
    while (made.size() < size) {
        const std::string_view next = coin() ? "x" : kCharacters[below(std::size(kCharacters))];
        made += made.size() + next.size() <= size ? next : "y";
    }
    return keep(std::move(made));
}

/// Often empty.
std::string_view RandomEntries::some_text(std::size_t size_max) {
    return below(3) == 0 ? text(size_max) : std::string_view();
}

Limit RandomEntries::limit() {
    switch (below(3)) {
        case 0:
            return Limit::unlimited();
        case 1:
            return Limit(amount());
    }
    return {};
}

Command RandomEntries::command() { return command(below(kCommandKinds.size())); }

Command RandomEntries::command(std::size_t kind) { return command(kind, ledger()); }

Command RandomEntries::command(std::size_t kind, LedgerId ledger) {
    Command made;
    made.id = id<CommandId>();
    if (below(4) == 0) {
        made.id_text = text(kLongTextMax);
        made.id = command_named(made.id_text);
    }
    made.ledger = ledger;
    made.body = body(kind, ledger);
    made.context = some_text(kLongTextMax);
    made.actor_id = some_text(kShortTextMax);
    made.actor_address = some_text(kShortTextMax);
    made.actor_device = some_text(kShortTextMax);
    made.module = some_text(kShortTextMax);
    made.ticket = some_text(kLongTextMax);
    made.channel = some_text(kShortTextMax);
    add_voucher(made);
    if (below(4) == 0) {
        const auto pairs = arena_.make<Metadata>(1 + below(kMetadataMax));
        for (std::size_t i = 0; i < pairs.size(); ++i) {
            pairs[i].key = keep("key" + std::to_string(i));
            pairs[i].value = some_text(kLongTextMax);
        }
        made.metadata = pairs;
    }
    if (below(4) == 0) made.expected_version = Version(below(3) == 0 ? 0 : number());
    if (below(4) == 0) made.expires_at = Timestamp(static_cast<std::int64_t>(number(63)));
    if (below(4) == 0) made.amount_decimals = Scale(static_cast<std::uint8_t>(below(19)));
    return made;
}

void RandomEntries::add_voucher(Command& made) {
    if (below(4) == 0) made.trace = {number(), number(), number(), std::uint8_t(number(8))};
    if (below(4) == 0) made.document_date = Day(1 + std::uint32_t(below(kDayMax.value())));
    if (below(4) == 0) made.kind = static_cast<VoucherKind>(1 + below(12));
    made.reason = some_text(kLongTextMax);
    if (below(4) == 0) {
        const auto pairs = arena_.make<Reference>(1 + below(kReferencesMax));
        for (std::size_t i = 0; i < pairs.size(); ++i) {
            pairs[i].type = static_cast<ReferenceType>(1 + below(6));
            pairs[i].value = keep("reference " + std::to_string(i));
        }
        made.references = pairs;
    }
    if (below(4) == 0) {
        const auto all = arena_.make<Attachment>(1 + below(kAttachmentsMax));
        for (Attachment& one : all) {
            std::ranges::copy(digest(), one.digest.begin());
            one.media_type = some_text(kShortTextMax);
            if (coin()) one.size = number(53);
        }
        made.attachments = all;
    }
}

CommandBody RandomEntries::body(std::size_t kind, LedgerId ledger) {
    const auto risk_class = [&] { return static_cast<std::uint8_t>(number(8)); };
    const auto block = [&] { return static_cast<Block>(1 + below(3)); };
    const auto maybe_amount = [&] { return coin() ? std::optional(amount()) : std::nullopt; };
    const auto position = [&] {
        return coin() ? std::optional(static_cast<std::uint32_t>(below(3))) : std::nullopt;
    };
    switch (kind) {
        case 0:
            return Transfer{id<AccountId>(), id<AccountId>(), amount(), balancing()};
        case 1:
            return PlaceHold{id<AccountId>(), id_or_none<AccountId>(), amount(), balancing(),
                             coin() ? 0 : number(53)};
        case 2:
            return CaptureHold{id<CommandId>(), id_or_none<AccountId>(), maybe_amount(), coin(),
                               id_or_none<AccountId>()};
        case 3:
            return ReleaseHold{id<CommandId>(), id_or_none<AccountId>()};
        case 4:
            return PostEntry{postings()};
        case 5:
            return open_account(ledger);
        case 6:
            return UpdateAccount{id<AccountId>(), coin() ? std::optional(limit()) : std::nullopt,
                                 coin() ? std::optional(risk_class()) : std::nullopt};
        case 7:
            return FreezeAccount{id<AccountId>(), block()};
        case 8:
            return UnfreezeAccount{id<AccountId>(), block()};
        case 9:
            return CloseAccount{id<AccountId>()};
        case 10:
            return ExtendHold{id<CommandId>(), id_or_none<AccountId>(), number(53) | 1};
        case 11:
            return Reverse{id<CommandId>(), id_or_none<AccountId>()};
        case 12:
            return Refund{id<CommandId>(), id_or_none<AccountId>(),
                          maybe_amount(),  id_or_none<AccountId>(),
                          position(),      position()};
        case kGroupKind:
            return Group{members(ledger)};
    }
    return SetClock{Timestamp(static_cast<std::int64_t>(number(63)))};
}

OpenAccount RandomEntries::open_account(LedgerId ledger) {
    OpenAccount made;
    made.account = id<AccountId>();
    if (coin()) {
        made.name = text(kNameMax);
        made.account = account_named(made.name, ledger);
    }
    made.asset = asset();
    made.account_class = static_cast<AccountClass>(1 + below(5));
    made.limit = limit();
    made.chart_code = some_text(kShortTextMax);
    made.owner = some_text(kShortTextMax);
    made.risk_class = coin() ? 0 : static_cast<std::uint8_t>(number(8));
    return made;
}

Asset RandomEntries::asset() {
    const std::string code = std::string("EURXYZ0123456789A").substr(0, 1 + below(17));
    return *Asset::make(code, Scale(static_cast<std::uint8_t>(below(19))));
}

std::span<const Posting> RandomEntries::postings() {
    const auto made = arena_.make<Posting>(2 + below(below(20) == 0 ? 200 : 5));
    for (Posting& posting : made) {
        posting = {id<AccountId>(), coin() ? Side::debit : Side::credit,
                   below(8) == 0 ? Amount() : amount()};
    }
    return made;
}

std::span<const Command> RandomEntries::members(LedgerId ledger) {
    const auto made = arena_.make<Command>(1 + below(4));
    for (Command& member : made) member = command(below(kGroupKind), ledger);
    return made;
}

Event RandomEntries::event() { return event(below(kEventKinds), below(kCommandKinds.size())); }

Event RandomEntries::event(std::size_t kind, std::size_t command_kind) {
    switch (kind) {
        case 0:
            return decided(command_kind);
        case 1:
            return ConflictSeen{command(command_kind), EventNumber(coin() ? 0 : number())};
        case 2:
            return unreadable();
        case 3:
            return TermStarted{Term(coin() ? 0 : number()), some_text(kShortTextMax),
                               some_text(kShortTextMax)};
        case 4:
            return EpochSealed{Epoch(number()), EventNumber(number()), EventNumber(number()),
                               digest()};
        case 5:
            return HoldExpired{ledger(), hold(), some_changes()};
    }
    return event_across(kind, command_kind);
}

Event RandomEntries::event_across(std::size_t kind, std::size_t command_kind) {
    switch (kind) {
        case 6:
            return in_transit(command_kind);
        case 7:
            return answered();
        case 8:
            return StepFollowed{step(below(4)),
                                step_outcome(),
                                some_changes(),
                                coin() ? std::optional(hold()) : std::nullopt,
                                coin() ? facts() : Facts(),
                                moved()};
        case 9:
            return TransitOpened{ledger(), shard(), shard(),
                                 asset(),  change(), coin() ? 0 : count()};
        case 10:
            return StepsTaken{shard(), StepBatchNumber(coin() ? 0 : number()), coin() ? 0 : count(),
                              count(), RecordNumber(coin() ? 0 : number()),    digest(),
                              digest(), coin() ? 0 : count(), coin()};
        case 11:
            return StepsSent{shard(), StepBatchNumber(coin() ? 0 : number()), count(), digest()};
        case 12:
            return StepRefused{Offset(coin() ? 0 : number()), coin() ? 0 : number(), digest()};
        case 13:
            return CommandForwarded{command(command_kind), shard()};
        case 14:
            return ForwardRepeated{command(command_kind), EventNumber(coin() ? 0 : number())};
    }
    return event_of_shard(kind);
}

Event RandomEntries::event_of_shard(std::size_t kind) {
    const std::string_view asked_by = text(kShortTextMax);
    switch (kind) {
        case 15:
            return Mark{};
        case 16: {
            const Offset from(coin() ? 0 : number());
            const Offset to(coin() ? 0 : number());
            return InputMoved{coin() ? InputKind::commands : InputKind::steps, from,
                              from == to ? to.next() : to, text(kLongTextMax), asked_by};
        }
        case 17:
            return ClockAccepted{Timestamp(static_cast<std::int64_t>(number(63))),
                                 Timestamp(static_cast<std::int64_t>(coin() ? 0 : number(63))),
                                 asked_by};
        case 18: {
            TailLost lost{RecordNumber(coin() ? 0 : number(60)), {}, {}, asked_by};
            if (coin()) return lost;
            lost.known_record = RecordNumber(lost.record.value() + (coin() ? 0 : number(60)));
            lost.known_digest = digest();
            return lost;
        }
    }
    const std::uint32_t from = count();
    return FormatRaised{from, from + count(), asked_by};
}

CommandInTransit RandomEntries::in_transit(std::size_t command_kind) {
    CommandInTransit made;
    made.command = command(command_kind);
    made.to = shard();
    made.changes = with_said_ids(some_changes(), made);
    if (coin()) made.hold = hold();
    if (coin()) made.entry = entry();
    made.moved = moved();
    return made;
}

CommandAnswered RandomEntries::answered() {
    CommandAnswered made;
    made.ledger = ledger();
    made.id = id<CommandId>();
    made.first_event = EventNumber(coin() ? 0 : number());
    made.by = {shard(), RecordNumber(coin() ? 0 : number())};
    made.outcome = coin() ? Outcome::posted : kRefusals[below(std::size(kRefusals))];
    made.changes = some_changes();
    if (below(3) == 0) made.hold = hold();
    if (below(3) == 0) made.entry = entry();
    if (coin()) made.facts = facts();
    made.moved = moved();
    return made;
}

Unreadable RandomEntries::unreadable() {
    Unreadable made;
    made.offset = Offset(number(60));
    made.length = coin() ? 0 : number();
    made.outcome = coin() ? Outcome::malformed : Outcome::too_large;
    if (coin()) {
        made.next_offset = Offset(made.offset.value() + count());
        if (coin()) made.digest = digest();
        return made;
    }
    if (coin()) made.member = static_cast<std::uint32_t>(below(300));
    made.digest = digest();
    made.field = some_text(kShortTextMax);
    return made;
}

Step RandomEntries::step() { return step(below(kStepKinds)); }

Step RandomEntries::step(std::size_t kind) {
    const StepKind made = step_kind(kind);
    if (std::holds_alternative<ForwardStep>(made)) return {{}, {}, made};
    Step step{ledger(), id<CommandId>(), made};
    if (is_followed(step)) step.id_text = some_text(kLongTextMax);
    return step;
}

StepKind RandomEntries::step_kind(std::size_t kind) {
    switch (kind) {
        case 0:
            return CreditStep{id<AccountId>(), id<AccountId>(), asset(), amount(), coin(), coin()};
        case 1:
            return HoldStep{id<AccountId>(), id<AccountId>(), asset(), amount(), coin()};
        case 2:
            return CaptureStep{id<CommandId>(), id<AccountId>(), coin() ? Amount() : amount(),
                               amount()};
        case 3:
            return ReleaseStep{id<CommandId>(), coin() ? Amount() : amount(), coin()};
        case 4:
            return AnswerStep{step_outcome(), coin() ? Amount() : amount(),
                              coin() ? facts() : Facts()};
    }
    return ForwardStep{command()};
}

Outcome RandomEntries::step_outcome() {
    constexpr Outcome kAccepted[] = {Outcome::posted, Outcome::held, Outcome::captured,
                                     Outcome::released};
    return coin() ? kAccepted[below(std::size(kAccepted))] : kRefusals[below(std::size(kRefusals))];
}

std::optional<Amount> RandomEntries::moved() {
    if (below(3) != 0) return std::nullopt;
    return Amount::from_halves(below(2), number() | 1);
}

std::span<Change> RandomEntries::some_changes() {
    const auto made = arena_.make<Change>(below(4));
    for (Change& one : made) one = change();
    return made;
}

CommandDecided RandomEntries::decided(std::size_t command_kind) {
    CommandDecided made;
    made.command = command(command_kind);
    const bool is_accepted = below(4) != 0;
    made.outcome =
        is_accepted ? static_cast<Outcome>(1 + below(14)) : kRefusals[below(std::size(kRefusals))];
    made.moved = moved();
    if (is_accepted) made.changes = changes(made);
    if (below(3) == 0) made.hold = hold();
    if (below(3) == 0) made.entry = entry();
    if (!is_accepted) made.facts = facts();
    if (below(3) == 0) made.group = id<CommandId>();
    if (const auto* group = std::get_if<Group>(&made.command.body)) {
        const auto outcomes = arena_.make<MemberOutcome>(group->members.size());
        for (MemberOutcome& member : outcomes) {
            member = {coin() ? Outcome::posted : Outcome::group_failed, coin()};
        }
        made.members = outcomes;
    }
    return made;
}

std::span<const Change> RandomEntries::changes(const CommandDecided& decided) {
    if (const auto* transfer = std::get_if<Transfer>(&decided.command.body)) {
        const auto made = arena_.make<Change>(2);
        for (Change& one : made) {
            one = change();
            one.amount = decided.moved.value_or(transfer->amount);
        }
        made[0].side = Side::debit;
        made[1].side = Side::credit;
        return with_said_ids(made, decided);
    }
    if (const auto* entry = std::get_if<PostEntry>(&decided.command.body)) {
        // A posting of zero changes nothing.
        const auto made = arena_.make<Change>(entry->postings.size());
        std::size_t count = 0;
        for (const Posting& posting : entry->postings) {
            if (posting.amount.is_zero()) continue;
            Change& one = made[count++];
            one = change();
            one.side = posting.side;
            one.amount = posting.amount;
        }
        return with_said_ids(made.first(count), decided);
    }
    return with_said_ids(some_changes(), decided);
}

Change RandomEntries::change() {
    Change made;
    made.account = AccountNumber(coin() ? 0 : static_cast<std::uint32_t>(number(32)));
    made.version = Version(number());
    made.totals = {amount(), amount(), coin() ? amount() : Amount(), coin() ? amount() : Amount()};
    made.limit = limit();
    made.state = {static_cast<Block>(below(4)), coin()};
    if (coin()) {
        made.side = coin() ? Side::debit : Side::credit;
        made.amount = amount();
    }
    if (coin()) made.id = id<AccountId>();
    return made;
}

HoldState RandomEntries::hold() {
    HoldState made;
    made.id = id<CommandId>();
    made.payer = AccountNumber(static_cast<std::uint32_t>(number(32)));
    if (coin()) made.payee = AccountNumber(static_cast<std::uint32_t>(number(31)));
    made.remaining = amount();
    made.captured = coin() ? amount() : Amount();
    made.expires_at = Timestamp(coin() ? 0 : static_cast<std::int64_t>(number(63)));
    made.status = static_cast<HoldStatus>(below(5));
    if (coin()) made.remote_payee = id<AccountId>();
    return made;
}

EntryState RandomEntries::entry() {
    const auto refunds = arena_.make<Refunded>(below(4));
    std::uint32_t posting = static_cast<std::uint32_t>(below(2));
    for (Refunded& one : refunds) {
        one = {posting, Amount::from_halves(below(2), number() | 1)};
        posting += 1 + static_cast<std::uint32_t>(below(200));
    }
    return {id<CommandId>(), coin(), refunds};
}

std::optional<AmountFact> RandomEntries::amount_fact() {
    if (coin()) return std::nullopt;
    return coin() ? AmountFact{true, {}} : AmountFact{false, coin() ? Amount() : amount()};
}

Facts RandomEntries::facts() {
    return {id_or_none<AccountId>(),
            amount_fact(),
            amount_fact(),
            amount_fact(),
            amount_fact(),
            coin() ? std::optional(Version(coin() ? 0 : number())) : std::nullopt};
}

std::span<const std::byte> RandomEntries::digest() {
    const auto made = arena_.make<std::byte>(32);
    for (std::byte& byte : made) byte = static_cast<std::byte>(below(256));
    return made;
}

}  // namespace vouch::test
