#include "tests/events/sample_entries.h"
#include "tests/support/named_ids.h"

#include <algorithm>
#include <array>
#include <stdexcept>

namespace vouch::test {
namespace {

constexpr CommandId kId{0x1000000000000001, 0x2000000000000002};
constexpr AccountId kAlice{0x3000000000000003, 0x4000000000000004};
constexpr AccountId kShop{0x5000000000000005, 0x6000000000000006};
constexpr AccountId kFees{0x7000000000000007, 0x8000000000000008};
constexpr CommandId kOther{0x9000000000000009, 0xa00000000000000a};
constexpr Amount kBig = Amount::from_halves(1, 5);
constexpr Timestamp kNoon{1767268800000000};  // 2026-01-01T12:00:00Z

Command command_of(CommandBody body, CommandId id = kId) {
    Command command;
    command.id = id;
    command.body = body;
    return command;
}

/// SHA-256 of "digest".
std::span<const std::byte> sample_digest() {
    static constexpr std::array<std::uint8_t, 32> kDigest{
        0x0b, 0xf4, 0x74, 0x89, 0x63, 0x63, 0x50, 0x5e, 0x5e, 0xa5, 0xe5,
        0xd6, 0xac, 0xe8, 0xeb, 0xfb, 0x13, 0xa7, 0x60, 0xa4, 0x09, 0xb1,
        0xfb, 0x46, 0x7d, 0x42, 0x8f, 0xc7, 0x16, 0xf9, 0xf2, 0x84};
    return std::as_bytes(std::span(kDigest));
}

Command full_transfer() {
    static constexpr std::array kMetadata{Metadata{"k", "v"}, Metadata{"empty", ""}};
    static constexpr std::array kReferences{Reference{ReferenceType::order, "o-1"},
                                            Reference{ReferenceType::statement, "2026/001"}};
    static const std::array kAttachments = [] {
        Attachment full{{}, "application/pdf", 12'345};
        std::ranges::copy(sample_digest(), full.digest.begin());
        Attachment bare;
        bare.digest.fill(std::byte{0xff});
        return std::array{full, bare};
    }();
    Command command = command_of(Transfer{kAlice, kShop, Amount(1000), Balancing::none});
    command.ledger = LedgerId(7);
    command.context = "order-7";
    command.actor_id = "ops-7";
    command.actor_address = "10.0.0.1";
    command.actor_device = "pos";
    command.module = "checkout";
    command.ticket = "ticket-1";
    command.expected_version = Version(0);
    command.expires_at = kNoon;
    command.amount_decimals = Scale(2);
    command.metadata = kMetadata;
    command.channel = "web";
    command.trace = {0x4bf92f3577b34da6, 0xa3ce929d0e0e4736, 0x00f067aa0ba902b7, 1};
    command.document_date = Day(20454);  // 2026-01-01
    command.kind = VoucherKind::settlement;
    command.references = kReferences;
    command.reason = "weekly settlement";
    command.attachments = kAttachments;
    return command;
}

Command as_text_id(std::string_view text) {
    Command command = command_of(Transfer{kAlice, kShop, Amount(1000), Balancing::none},
                                 command_named(text));
    command.id_text = text;
    return command;
}

Command named_account() {
    Command command = command_of(OpenAccount{account_named("alice", LedgerId(7)), "alice",
                                             *Asset::make("EUR", Scale(2)), AccountClass::liability,
                                             Limit(kBig), "2010.03", "subject-1", 255});
    command.ledger = LedgerId(7);
    return command;
}

Change debited() {
    Change change;
    change.account = AccountNumber(1);
    change.version = Version(3);
    change.totals = {Amount(1000), Amount(5000), Amount(400), Amount()};
    return change;
}

Change credited() {
    Change change;
    change.account = AccountNumber(0);
    change.version = Version(9);
    change.totals = {kBig, Amount(1000), Amount(), Amount(400)};
    change.limit = Limit::unlimited();
    change.state = {Block::credits, true};
    return change;
}

Change posted(Change change, Side side, Amount amount) {
    change.side = side;
    change.amount = amount;
    return change;
}

Change of_account(Change change, AccountId id) {
    change.id = id;
    return change;
}

HoldState open_hold() {
    return {kOther, AccountNumber(1), AccountNumber(0), Amount(400), Amount(100),
            kNoon,  HoldStatus::open};
}

CommandDecided decided(std::string_view command, Outcome outcome,
                       std::span<const Change> changes = {}) {
    CommandDecided event;
    event.command = sample_command(command);
    event.outcome = outcome;
    event.changes = changes;
    return event;
}

std::vector<SampleCommand> make_commands() {
    static constexpr std::array kPostings{Posting{kShop, Side::debit, Amount(500)},
                                          Posting{kFees, Side::credit, Amount(3)},
                                          Posting{kAlice, Side::credit, Amount(497)}};
    const Transfer transfer{kAlice, kShop, Amount(1000), Balancing::none};
    static const std::array kMembers{
        command_of(transfer, kOther),
        command_of(CloseAccount{kAlice}, CommandId(kFees.high(), kFees.low()))};
    const Asset yen = *Asset::make("JPY", Scale(0));
    return {
        {"transfer", command_of(transfer)},
        {"transfer_full", full_transfer()},
        {"transfer_as_text", as_text_id("t1")},
        {"transfer_balancing", command_of(Transfer{kAlice, kShop, kBig, Balancing::both})},
        {"place_hold",
         command_of(PlaceHold{kAlice, kShop, Amount(400), Balancing::debit, 60'000'000})},
        {"capture_hold", command_of(CaptureHold{kOther, kAlice, Amount(300), true, kShop})},
        {"capture_hold_big",
         command_of(CaptureHold{kOther, {}, Amount::from_halves(1, 0), false, {}})},
        {"release_hold", command_of(ReleaseHold{kOther, kAlice})},
        {"post_entry", command_of(PostEntry{kPostings})},
        {"open_account", named_account()},
        {"open_account_unlimited",
         command_of(
             OpenAccount{kAlice, {}, yen, AccountClass::asset, Limit::unlimited(), {}, {}, 0})},
        {"update_account", command_of(UpdateAccount{kAlice, Limit{}, std::uint8_t{0}})},
        {"freeze_account", command_of(FreezeAccount{kAlice, Block::debits})},
        {"unfreeze_account", command_of(UnfreezeAccount{kAlice, Block::both})},
        {"close_account", command_of(CloseAccount{kAlice})},
        {"extend_hold", command_of(ExtendHold{kOther, kAlice, 300'000'000})},
        {"reverse", command_of(Reverse{kOther, kShop})},
        {"refund", command_of(Refund{kOther, kShop, Amount(200), kFees, 0, 1})},
        {"group", command_of(Group{kMembers})},
        {"set_clock", command_of(SetClock{kNoon})},
    };
}

CommandDecided transfer_refused() {
    CommandDecided event = decided("transfer", Outcome::insufficient_funds);
    event.facts = {kAlice,       AmountFact{false, Amount(600)},
                   AmountFact{}, AmountFact{false, kBig},
                   std::nullopt, Version(3)};
    return event;
}

CommandDecided refund_decided() {
    static constexpr std::array kRefunds{Refunded{0, Amount(200)}, Refunded{1, kBig}};
    CommandDecided event = decided("refund", Outcome::refunded);
    event.entry = EntryState{kOther, false, kRefunds};
    return event;
}

CommandDecided group_decided() {
    static constexpr std::array kOutcomes{MemberOutcome{Outcome::insufficient_funds, false},
                                          MemberOutcome{Outcome::group_failed, true}};
    CommandDecided event = decided("group", Outcome::group_failed);
    event.members = kOutcomes;
    return event;
}

/// Of what moved `amount`; a transit account has no id.
template <class Amounts>
auto changes_between(AccountId debit, AccountId credit, Amounts amount) {
    return std::array{posted(of_account(debited(), debit), Side::debit, amount),
                      posted(of_account(credited(), credit), Side::credit, amount)};
}

/// Of what set aside or freed something.
auto held_between(AccountId debit, AccountId credit) {
    return std::array{of_account(debited(), debit), of_account(credited(), credit)};
}

std::vector<SampleEvent> make_decided() {
    static const auto kChanges = changes_between(kAlice, kShop, Amount(1000));
    static const auto kMoved = changes_between(kAlice, kShop, Amount(77));
    static const std::array kEntry{
        posted(of_account(debited(), kShop), Side::debit, Amount(500)),
        posted(of_account(credited(), kFees), Side::credit, Amount(3)),
        posted(of_account(debited(), kAlice), Side::credit, Amount(497))};
    static const auto kHeld = held_between(kAlice, kShop);
    static const std::array kCaptured = [] {
        Change payer;
        payer.account = AccountNumber(1);
        payer.version = Version(3);
        payer.totals.debits_posted = Amount(300);
        payer.id = kAlice;
        Change payee;
        payee.version = Version(4);
        payee.totals.credits_posted = Amount(300);
        payee.id = kShop;
        return std::array{posted(payer, Side::debit, Amount(300)),
                          posted(payee, Side::credit, kBig)};
    }();
    static const std::array kOpened = [] {
        Change change;
        change.version = Version(1);
        change.limit = Limit(kBig);
        change.id = std::get<OpenAccount>(named_account().body).account;
        return std::array{change};
    }();

    CommandDecided moved = decided("transfer_balancing", Outcome::posted, kMoved);
    moved.moved = Amount(77);
    CommandDecided in_group = decided("transfer_full", Outcome::posted, kChanges);
    in_group.group = kOther;
    CommandDecided held = decided("place_hold", Outcome::held, kHeld);
    held.hold = open_hold();
    CommandDecided captured = decided("capture_hold", Outcome::captured, kCaptured);
    captured.hold = open_hold();
    CommandDecided exceeds = decided("capture_hold", Outcome::exceeds_hold);
    exceeds.facts.remaining = AmountFact{false, Amount(100)};
    CommandDecided reversed = decided("reverse", Outcome::reversed);
    reversed.entry = EntryState{kOther, true, {}};
    return {
        {"transfer", decided("transfer", Outcome::posted, kChanges)},
        {"transfer_moved", moved},
        {"transfer_in_group", in_group},
        {"transfer_refused", transfer_refused()},
        {"post_entry", decided("post_entry", Outcome::posted, kEntry)},
        {"place_hold", held},
        {"capture_hold", captured},
        {"capture_hold_refused", exceeds},
        {"open_account", decided("open_account", Outcome::opened, kOpened)},
        {"refund", refund_decided()},
        {"reverse", reversed},
        {"group", group_decided()},
    };
}

HoldState remote_hold(HoldStatus status) {
    HoldState hold = open_hold();
    hold.status = status;
    hold.remote_payee = kShop;
    return hold;
}

Step step_of(StepKind kind) { return {LedgerId(7), kId, kind}; }

CreditStep sample_credit() {
    return {kAlice, kShop, *Asset::make("EUR", Scale(2)), kBig, true, true};
}

/// What commands lead to on the shard that leads.
std::vector<SampleEvent> make_leading() {
    static const auto kChanges = changes_between(kAlice, {}, Amount(77));
    static const auto kRefunded = changes_between(kShop, {}, Amount(77));
    static const auto kNotRefunded = changes_between({}, kShop, Amount(77));
    static const auto kHeld = held_between(kAlice, {});
    static const auto kBack = changes_between({}, kAlice, Amount(23));
    static constexpr std::array kRefunds{Refunded{1, Amount(200)}};

    CommandInTransit sent{sample_command("transfer_balancing"), ShardId(300), kChanges, {}, {}, {}};
    sent.moved = Amount(77);
    CommandInTransit held{sample_command("place_hold"), ShardId(0), kHeld, {}, {}, {}};
    held.hold = remote_hold(HoldStatus::open);
    CommandInTransit refund{sample_command("refund"), ShardId(1), kRefunded, {}, {}, {}};
    refund.entry = EntryState{kOther, false, kRefunds};
    const CommandInTransit released{sample_command("release_hold"),    ShardId(1), {},
                                    remote_hold(HoldStatus::released), {},         {}};

    CommandAnswered taken;
    taken.id = kId;
    taken.outcome = Outcome::posted;
    CommandAnswered partly = taken;
    partly.ledger = LedgerId(7);
    partly.first_event = EventNumber(70'000);
    partly.by = {ShardId(300), RecordNumber(812)};
    partly.changes = kBack;
    partly.moved = Amount(54);
    CommandAnswered refused = taken;
    refused.first_event = EventNumber(17);
    refused.by = {ShardId(1), RecordNumber(7)};
    refused.outcome = Outcome::account_closed;
    refused.changes = kBack;
    refused.facts.account = kShop;
    CommandAnswered not_placed = refused;
    not_placed.outcome = Outcome::credits_frozen;
    not_placed.changes = kHeld;
    not_placed.facts = {};
    not_placed.hold = remote_hold(HoldStatus::refused);
    CommandAnswered not_refunded = refused;
    not_refunded.changes = kNotRefunded;
    not_refunded.facts = {};
    not_refunded.entry = EntryState{kOther, false, kRefunds};
    return {
        {"transfer_in_transit", sent},       {"hold_in_transit", held},
        {"refund_in_transit", refund},       {"release_in_transit", released},
        {"transfer_answered", taken},        {"transfer_answered_partly", partly},
        {"transfer_answered_back", refused}, {"hold_answered_back", not_placed},
        {"refund_answered_back", not_refunded},
    };
}

/// What steps lead to on the shard that follows.
std::vector<SampleEvent> make_following() {
    static const auto kChanges = changes_between({}, kShop, kBig);
    static const auto kHeld = held_between({}, kShop);
    StepFollowed credit{step_of(sample_credit()), Outcome::posted, kChanges, {}, {}, {}};
    credit.moved = kBig;
    StepFollowed named = credit;
    named.step.id_text = "order 1";
    StepFollowed refused{step_of(sample_credit()), Outcome::account_not_found, {}, {}, {}, {}};
    refused.facts.account = kShop;
    const StepFollowed held{
        step_of(HoldStep{kAlice, kShop, *Asset::make("JPY", Scale(0)), Amount(400), false}),
        Outcome::held,
        kHeld,
        open_hold(),
        {},
        {}};
    StepFollowed held_less = held;
    std::get<HoldStep>(held_less.step.kind).may_take_less = true;
    held_less.moved = Amount(300);
    const StepFollowed captured{step_of(CaptureStep{kOther, kAlice, Amount(300), kBig}),
                                Outcome::captured,
                                kChanges,
                                open_hold(),
                                {},
                                {}};
    const StepFollowed released{
        step_of(ReleaseStep{kOther, Amount(400), false}), Outcome::released, kHeld, {}, {}, {}};
    const StepFollowed expired{
        step_of(ReleaseStep{kOther, Amount(), true}), Outcome::hold_not_found, {}, {}, {}, {}};
    return {
        {"credit_followed", credit},
        {"credit_followed_named", named},
        {"credit_refused", refused},    {"hold_followed", held},
        {"hold_followed_less", held_less},
        {"capture_followed", captured}, {"release_followed", released}, {"expiry_refused", expired},
    };
}

std::vector<SampleEvent> make_between_shards() {
    Change opened;
    opened.account = AccountNumber(5);
    opened.version = Version(1);
    opened.limit = Limit::unlimited();
    const TransitOpened transit{LedgerId(7), ShardId(0), ShardId(3), *Asset::make("EUR", Scale(2)),
                                opened};
    TransitOpened successor = transit;
    successor.successor = 2;
    const StepsTaken taken{ShardId(300),    StepBatchNumber(9), 1, 2048, RecordNumber(70'000),
                           sample_digest(), sample_digest()};
    StepsTaken rebuilt = taken;
    rebuilt.left = 3;
    rebuilt.rebuilt = true;
    return {
        {"transit_opened", transit},
        {"transit_opened_successor", successor},
        {"steps_taken", taken},
        {"steps_taken_rebuilt", rebuilt},
        {"steps_sent", StepsSent{ShardId(1), StepBatchNumber(0), 1, sample_digest()}},
        {"step_refused", StepRefused{Offset(42), 70'000, sample_digest()}},
        {"command_forwarded", CommandForwarded{sample_command("transfer_full"), ShardId(300)}},
        {"forward_repeated", ForwardRepeated{sample_command("group"), EventNumber(17)}},
    };
}

/// What the shard itself says, about its log and its input.
std::vector<SampleEvent> make_own() {
    const Timestamp noon(1'767'268'800'000'000);
    return {
        {"mark", Mark{}},
        {"input_moved", InputMoved{InputKind::commands, Offset(0), Offset(812),
                                   "trimmed before it was read", "ops-7"}},
        {"input_moved_back",
         InputMoved{InputKind::steps, Offset(70'000), Offset(0), "topic recreated", "ops-7"}},
        {"clock_accepted", ClockAccepted{noon, Timestamp(300), "ops-7"}},
        {"tail_lost", TailLost{RecordNumber(0), {}, {}, "ops-7"}},
        {"tail_lost_known",
         TailLost{RecordNumber(812), RecordNumber(900), sample_digest(), "ops-7"}},
        {"format_raised", FormatRaised{1, 2, "ops-7"}},
    };
}

std::vector<SampleEvent> make_events() {
    static const auto digest = sample_digest();
    static const std::array kExpired{of_account(debited(), kAlice)};
    std::vector<SampleEvent> events = make_decided();
    events.push_back({"conflict_seen", ConflictSeen{sample_command("transfer"), EventNumber(17)}});
    events.push_back({"unreadable", Unreadable{Offset(42), 0, 70'000, digest, Outcome::malformed,
                                               "transfer.amount"}});
    events.push_back(
        {"unreadable_batch", Unreadable{Offset(0), {}, 3, digest, Outcome::malformed, {}}});
    Unreadable range;
    range.offset = Offset(42);
    range.outcome = Outcome::too_large;
    range.next_offset = Offset(44);
    events.push_back({"unreadable_range", range});
    range.length = 70'000;
    range.digest = digest;
    events.push_back({"unreadable_range_known", range});
    events.push_back({"term_started", TermStarted{Term(1)}});
    events.push_back({"term_started_named", TermStarted{Term(300), "node-7", "0.1.0"}});
    events.push_back(
        {"epoch_sealed", EpochSealed{Epoch(1), EventNumber(100), EventNumber(900), digest}});
    events.push_back({"hold_expired", HoldExpired{LedgerId(7), open_hold(), kExpired}});
    for (const auto& more : {make_leading(), make_following(), make_between_shards(), make_own()}) {
        events.insert(events.end(), more.begin(), more.end());
    }
    return events;
}

}  // namespace

const std::vector<SampleCommand>& sample_commands() {
    static const std::vector<SampleCommand> commands = make_commands();
    return commands;
}

const std::vector<SampleEvent>& sample_events() {
    static const std::vector<SampleEvent> events = make_events();
    return events;
}

const Command& sample_command(std::string_view name) {
    const auto& all = sample_commands();
    const auto found = std::ranges::find(all, name, &SampleCommand::name);
    if (found == all.end()) throw std::logic_error("no sample command of that name");
    return found->command;
}

}  // namespace vouch::test
