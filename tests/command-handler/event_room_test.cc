#include "command-handler/core/event_room.h"
#include "events/entries/codec.h"
#include "events/entries/event_bounds.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// The events that take the most bytes, against the room that is kept for them. That no command of
// any kind exceeds its room in any state, the core adapter checks in every test that plays on it.

namespace {

using namespace vouch;
using namespace vouch::command_handler;

constexpr std::uint64_t kWide = ~std::uint64_t{0};
const AccountId kAccount(kWide, kWide - 1);
const CommandId kCommand(kWide, kWide - 2);
constexpr std::uint32_t kPosting = kPostingsMax - 1;

std::size_t size_of(const Event& event) {
    std::vector<std::byte> bytes(encoded_event_max(event));
    return static_cast<std::size_t>(append_event(event, bytes.data()) - bytes.data());
}

Change wide_change(std::optional<Side> side, AccountId id = kAccount) {
    Change change;
    change.id = id;
    change.account = AccountNumber(~std::uint32_t{0});
    change.version = Version(kWide);
    change.totals = {Amount::max(), Amount::max(), Amount::max(), Amount::max()};
    change.limit = Limit(Amount::max());
    change.state = {Block::both, true};
    change.side = side;
    if (side) change.amount = Amount::max();
    return change;
}

const std::vector<Change> kPosted{wide_change(Side::debit), wide_change(Side::credit)};
/// Toward another shard and from one, over a transit account, which has no id.
const std::vector<Change> kSent{wide_change(Side::debit), wide_change(Side::credit, {})};
const std::vector<Change> kTaken{wide_change(Side::debit, {}), wide_change(Side::credit)};
const std::vector<Change> kHeldOut{wide_change({}), wide_change({}, {})};
const std::vector<Change> kHeldIn{wide_change({}, {}), wide_change({})};
const std::vector<Change> kUnposted{wide_change({}), wide_change({})};

HoldState wide_hold() {
    HoldState hold;
    hold.id = kCommand;
    hold.payer = hold.payee.emplace(~std::uint32_t{0} - 1);
    hold.remaining = hold.captured = Amount::max();
    hold.expires_at = Timestamp(-1);
    hold.status = HoldStatus::refused;
    hold.remote_payee = kAccount;
    return hold;
}

const std::vector<Refunded> kSums{{kPosting - 1, Amount::max()}, {kPosting, Amount::max()}};

Facts wide_facts() {
    Facts facts;
    facts.account = kAccount;
    facts.available = facts.limit = facts.held = facts.remaining =
        AmountFact{false, Amount::max()};
    facts.version = Version(kWide);
    return facts;
}

Command wide_command(const CommandBody& body) {
    Command command;
    command.id = kCommand;
    command.body = body;
    return command;
}

std::size_t wide_opening() {
    TransitOpened opened;
    opened.ledger = LedgerId(~std::uint32_t{0});
    opened.from = opened.to = ShardId(~std::uint32_t{0});
    opened.asset = *Asset::make("ABCDEFGHIJKLMNOPQ", Scale(18));
    opened.change = wide_change({}, {});
    opened.successor = ~std::uint32_t{0};
    return size_of(opened);
}

/// At most the room, and hardly less.
void check_room(const std::string& what, std::size_t taken, std::size_t room) {
    CAPTURE(what);
    CHECK(taken <= room);
    CHECK(taken * 100 >= room * 95);
}

std::size_t room_of(const Command& command) {
    return command_events_bytes_max(command.body, encoded_size(command));
}

CaptureHold capture_all() {
    CaptureHold capture;
    capture.hold = kCommand;
    capture.account = capture.credit = kAccount;
    return capture;
}

PlaceHold place_all() {
    PlaceHold place;
    place.debit = place.credit = kAccount;
    place.amount = Amount::max();
    return place;
}

Refund refund_all() {
    Refund refund;
    refund.entry = kCommand;
    refund.account = refund.from = kAccount;
    return refund;
}

CommandInTransit in_transit(const Command& command, const std::vector<Change>& changes) {
    CommandInTransit event;
    event.command = command;
    event.to = ShardId(~std::uint32_t{0});
    event.changes = changes;
    return event;
}

}  // namespace

TEST_CASE("event room: commands that cross at their widest fill it") {
    const auto check = [](const char* what, const CommandInTransit& event) {
        check_room(what, wide_opening() + size_of(event), room_of(event.command));
    };
    CommandInTransit transfer = in_transit(
        wide_command(Transfer{kAccount, kAccount, Amount::max(), Balancing::both}), kSent);
    transfer.moved = Amount::max();
    check("transfer", transfer);

    CommandInTransit place = in_transit(
        wide_command(place_all()),
        kHeldOut);
    place.moved = Amount::max();
    place.hold = wide_hold();
    check("place_hold", place);

    CommandInTransit capture = in_transit(
        wide_command(capture_all()), kSent);
    capture.moved = Amount::max();
    capture.hold = wide_hold();
    check("capture_hold", capture);

    CommandInTransit release =
        in_transit(wide_command(ReleaseHold{kCommand, kAccount}), kHeldOut);
    release.hold = wide_hold();
    check("release_hold", release);

    CommandInTransit refund = in_transit(
        wide_command(refund_all()), kSent);
    refund.moved = Amount::max();
    refund.entry = EntryState{kCommand, true, kSums};
    check("refund", refund);
}

TEST_CASE("event room: commands of one shard at their widest fill it") {
    const auto check = [](const char* what, const CommandDecided& event) {
        check_room(what, size_of(event), room_of(event.command));
    };
    CommandDecided entry;
    const std::vector<Posting> postings(kPostingsMax,
                                        Posting{kAccount, Side::debit, Amount::max()});
    const std::vector<Change> posted(kPostingsMax, wide_change(Side::debit));
    entry.command = wide_command(PostEntry{postings});
    entry.outcome = Outcome::posted;
    entry.changes = posted;
    check("post_entry", entry);

    CommandDecided reverse;
    reverse.command = wide_command(Reverse{kCommand, kAccount});
    reverse.outcome = Outcome::reversed;
    reverse.changes = posted;
    reverse.entry = EntryState{kCommand, true, kSums};
    check("reverse", reverse);

    CommandDecided freeze;
    freeze.command = wide_command(FreezeAccount{kAccount, Block::both});
    freeze.outcome = Outcome::frozen;
    freeze.changes = std::span<const Change>(kUnposted).first(1);
    check("freeze_account", freeze);

    CommandDecided refused;
    refused.outcome = Outcome::account_closed;
    refused.facts = wide_facts();
    ExtendHold extend;
    extend.hold = kCommand;
    extend.account = kAccount;
    refused.command = wide_command(extend);
    check("extend_hold, refused", refused);
}

TEST_CASE("event room: commands that change one account, or the clock, at their widest fill it") {
    const auto check = [](const char* what, Outcome outcome, const CommandBody& body) {
        CommandDecided event;
        event.command = wide_command(body);
        event.outcome = outcome;
        event.changes = std::span<const Change>(kUnposted).first(1);
        check_room(what, size_of(event), room_of(event.command));
    };
    OpenAccount open;  // its words stand in the command alone
    open.account = kAccount;
    open.asset = *Asset::make("ABCDEFGHIJKLMNOPQ", Scale(18));
    open.account_class = AccountClass::liability;
    open.limit = Limit(Amount::max());
    check("open_account", Outcome::opened, open);
    check("update_account", Outcome::updated,
          UpdateAccount{kAccount, Limit(Amount::max()), std::uint8_t{255}});
    check("unfreeze_account", Outcome::unfrozen, UnfreezeAccount{kAccount, Block::both});
    check("close_account", Outcome::closed, CloseAccount{kAccount});

    CommandDecided clock;
    clock.command = wide_command(SetClock{Timestamp(-1)});
    clock.outcome = Outcome::account_closed;
    clock.facts = wide_facts();
    check_room("set_clock, refused", size_of(clock), room_of(clock.command));
}

TEST_CASE("event room: what stays on one shard takes no more than what crosses") {
    const auto check = [](Outcome outcome, const CommandBody& body,
                          const std::vector<Change>& changes, const std::optional<HoldState>& hold,
                          std::optional<Amount> moved) {
        CAPTURE(outcome);
        CommandDecided event;
        event.command = wide_command(body);
        event.outcome = outcome;
        event.changes = changes;
        event.hold = hold;
        event.moved = moved;
        CHECK(size_of(event) <= room_of(event.command));
    };
    check(Outcome::posted, Transfer{kAccount, kAccount, Amount::max(), Balancing::both}, kPosted,
          {}, Amount::max());
    check(Outcome::held, place_all(), kUnposted, wide_hold(), Amount::max());
    check(Outcome::captured, capture_all(), kPosted, wide_hold(), Amount::max());
    check(Outcome::released, ReleaseHold{kCommand, kAccount}, kUnposted, wide_hold(), {});
}

TEST_CASE("event room: a group of the most captures fills it") {
    constexpr std::size_t kMembers = kPostingsMax / 2;
    std::vector<Command> members;
    std::size_t taken = 0;
    for (std::size_t i = 0; i < kMembers; ++i) {
        CommandDecided member;
        member.command = wide_command(capture_all());
        member.command.id = CommandId(kWide, i + 1);
        member.outcome = Outcome::captured;
        member.changes = kPosted;
        member.hold = wide_hold();
        member.group = kCommand;
        member.moved = Amount::max();
        members.push_back(member.command);
        taken += size_of(member);
    }
    CommandDecided group;
    group.command = wide_command(Group{members});
    group.outcome = Outcome::done;
    const std::vector<MemberOutcome> outcomes(kMembers, MemberOutcome{Outcome::captured, true});
    group.members = outcomes;
    check_room("group", taken + size_of(group), room_of(group.command));
}

TEST_CASE("event room: steps and answers at their widest fill it") {
    const Asset asset = *Asset::make("ABCDEFGHIJKLMNOPQ", Scale(18));
    const auto check = [&](const char* what, const StepKind& kind,
                           const std::vector<Change>& changes, bool opens, bool holds) {
        StepFollowed event;
        const std::string text(kLongTextMax, 't');
        event.step = {LedgerId(~std::uint32_t{0}), kCommand, kind, text};
        event.outcome = Outcome::posted;
        event.changes = changes;
        if (holds) event.hold = wide_hold();
        if (!holds) event.moved = Amount::max();
        check_room(what, size_of(event) + (opens ? wide_opening() : 0),
                   step_events_bytes_max(event.step));
    };
    check("credit", CreditStep{kAccount, kAccount, asset, Amount::max(), true, true}, kTaken,
          true, false);
    HoldStep place;
    place.payer = place.payee = kAccount;
    place.asset = asset;
    place.amount = Amount::max();
    check("hold", place, kHeldIn, true, true);
    check("capture", CaptureStep{kCommand, kAccount, Amount::max(), Amount::max()}, kTaken, false,
          true);
    check("release", ReleaseStep{kCommand, Amount::max(), true}, kHeldIn, false, true);

    CommandAnswered answered;
    answered.ledger = LedgerId(~std::uint32_t{0});
    answered.id = kCommand;
    answered.first_event = EventNumber(kWide);
    answered.by = {ShardId(~std::uint32_t{0}), RecordNumber(kWide)};
    answered.outcome = Outcome::account_closed;
    answered.changes = kTaken;
    answered.hold = wide_hold();
    answered.facts = wide_facts();
    check_room("capture_hold, refused by the other shard", size_of(answered),
               step_events_bytes_max({answered.ledger, kCommand, AnswerStep{}}));
}

TEST_CASE("event room: what could not be read is told within it") {
    Unreadable event;
    event.offset = Offset(kWide);
    event.member = ~std::uint32_t{0} - 1;
    event.length = kWide;
    const std::vector<std::byte> digest(32, std::byte{1});
    event.digest = digest;
    event.outcome = Outcome::malformed;
    const std::string field(bounds::kFieldName, 'f');
    event.field = field;
    check_room("unreadable", size_of(event), bounds::kUnreadable);
}
