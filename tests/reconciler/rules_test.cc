// Records that break exactly one rule, sealed with the right keys: what a holder of the keys could
// do.
#include "tests/reconciler/rule_rows.h"
#include "tests/reconciler/small_books.h"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

namespace {

using namespace vouch;
using namespace vouch::test;
using reconciler::Check;

Amount more(Amount amount) { return *amount.plus(Amount(1)); }

TEST_CASE("rules: the books that the rows below break are clean") {
    SmallBooks books;
    const reconciler::ReplayReport report = books.replay();
    CHECK(text_of_findings(report) == "");
    CHECK(report.shards[0].accounts == 5);
    CHECK(report.shards[0].open_holds == 1);
    CHECK(report.trial_balance.lines().size() == 1);
}

TEST_CASE("rules: every claimed field of an account's row must follow from the row before") {
    check_rows({
        {"debits posted",
         [](SmallBooks& b) {
             auto& c = b.change(b.decided("t2"), 0);
             c.totals.debits_posted = more(c.totals.debits_posted);
         },
         Check::wrong_change},
        {"credits posted",
         [](SmallBooks& b) {
             auto& c = b.change(b.decided("t2"), 1);
             c.totals.credits_posted = more(c.totals.credits_posted);
         },
         Check::wrong_change},
        {"debits held",
         [](SmallBooks& b) {
             auto& c = b.change(b.decided("t2"), 0);
             c.totals.debits_held = more(c.totals.debits_held);
         },
         Check::wrong_change},
        {"credits held",
         [](SmallBooks& b) {
             auto& c = b.change(b.decided("t2"), 1);
             c.totals.credits_held = more(c.totals.credits_held);
         },
         Check::wrong_change},
        {"version",
         [](SmallBooks& b) {
             auto& c = b.change(b.decided("t2"), 0);
             c.version = c.version.next();
         },
         Check::wrong_change},
        {"limit", [](SmallBooks& b) { b.change(b.decided("t2"), 0).limit = Limit(Amount(7)); },
         Check::wrong_change},
        {"block", [](SmallBooks& b) { b.change(b.decided("t2"), 0).state.block = Block::credits; },
         Check::wrong_change},
        {"closed", [](SmallBooks& b) { b.change(b.decided("t2"), 1).state.closed = true; },
         Check::wrong_change},
        {"another account",
         [](SmallBooks& b) { b.change(b.decided("t2"), 1).account = AccountNumber(3); },
         Check::wrong_account},
        {"no account",
         [](SmallBooks& b) { b.change(b.decided("t2"), 1).account = AccountNumber(99); },
         Check::wrong_account},
        {"the amount of the command",
         [](SmallBooks& b) {
             std::get<Transfer>(b.decided("t12").command.body).amount = Amount(5);
             b.change(b.decided("t12"), 0).amount = Amount(5);
             b.change(b.decided("t12"), 1).amount = Amount(5);
         },
         Check::wrong_change},
        {"opening with money",
         [](SmallBooks& b) {
             b.change(b.decided("o5"), 0).totals.debits_posted = Amount(1);
             b.change(b.decided("o5"), 0).totals.credits_posted = Amount(1);
         },
         Check::wrong_change},
        {"opening out of number",
         [](SmallBooks& b) { b.change(b.decided("o5"), 0).account = AccountNumber(9); },
         Check::account_number, Check::wrong_account},
        {"a freeze that blocks more",
         [](SmallBooks& b) { b.change(b.decided("z1"), 0).state.block = Block::both; },
         Check::wrong_change},
        {"a limit that was not asked",
         [](SmallBooks& b) { b.change(b.decided("u1"), 0).limit = Limit::unlimited(); },
         Check::wrong_change},
        {"a close that does not",
         [](SmallBooks& b) { b.change(b.decided("k1"), 0).state.closed = false; },
         Check::wrong_change},
        {"a posting of an entry",
         [](SmallBooks& b) {
             auto& c = b.change(b.decided("e1"), 2);
             c.totals.credits_posted = more(c.totals.credits_posted);
         },
         Check::wrong_change},
        {"a hold that expires",
         [](SmallBooks& b) {
             auto& e = b.first<HoldExpired>();
             auto c = b.draft().arena().copy(e.changes);
             c[0].totals.debits_held = Amount(1);
             e.changes = c;
         },
         Check::wrong_change},
    });
}

TEST_CASE(
    "rules: an outcome must follow from what stands before, and a refusal's facts must be true") {
    const auto refuse = [](SmallBooks& b, std::string_view name, Outcome outcome) {
        CommandDecided& event = b.decided(name);
        event.outcome = outcome;
        event.changes = {};
        event.hold.reset();
        event.entry.reset();
        event.moved.reset();
    };
    check_rows({
        {"short, but is not", [&](SmallBooks& b) { refuse(b, "t12", Outcome::insufficient_funds); },
         Check::wrong_outcome},
        {"frozen, but is not", [&](SmallBooks& b) { refuse(b, "t12", Outcome::debits_frozen); },
         Check::wrong_outcome},
        {"not found, but is", [&](SmallBooks& b) { refuse(b, "t12", Outcome::account_not_found); },
         Check::wrong_outcome},
        {"hold not found, but is open",
         [&](SmallBooks& b) { refuse(b, "c1", Outcome::hold_not_found); }, Check::wrong_outcome},
        {"hold closed, but never placed",
         [](SmallBooks& b) {
             std::get<CaptureHold>(b.decided("c2").command.body).hold = command_of("none");
         },
         Check::wrong_outcome},
        {"hold not found, but closed",
         [&](SmallBooks& b) { b.decided("c2").outcome = Outcome::hold_not_found; },
         Check::wrong_outcome},
        {"hold expired, but released",
         [&](SmallBooks& b) { b.decided("c2").outcome = Outcome::hold_expired; },
         Check::wrong_outcome},
        {"entry not found, but is",
         [&](SmallBooks& b) { b.decided("v2").outcome = Outcome::entry_not_found; },
         Check::wrong_outcome},
        {"reversed, but refunded",
         [&](SmallBooks& b) { b.decided("v2").outcome = Outcome::already_reversed; },
         Check::wrong_outcome},
        {"a lower refusal than the first",
         [&](SmallBooks& b) { b.decided("t9").outcome = Outcome::insufficient_funds; },
         Check::wrong_outcome},
        {"facts: available",
         [](SmallBooks& b) {
             b.decided("t8").facts.available = AmountFact{false, Amount(1)};
         },
         Check::wrong_facts},
        {"facts: version", [](SmallBooks& b) { b.decided("t8").facts.version = Version(999); },
         Check::wrong_facts},
        {"facts: held", [](SmallBooks& b) { b.decided("t8").facts.held.reset(); },
         Check::wrong_facts},
        {"facts: account",
         [](SmallBooks& b) { b.decided("t8").facts.account = account_of("fees"); },
         Check::wrong_facts},
        {"expired, but accepted",
         [](SmallBooks& b) { b.decided("t12").command.expires_at = Timestamp(1); },
         Check::wrong_outcome},
        {"another version expected",
         [](SmallBooks& b) { b.decided("t12").command.expected_version = Version(777); },
         Check::wrong_outcome},
        {"decimals of another asset",
         [](SmallBooks& b) { b.decided("t12").command.amount_decimals = Scale(3); },
         Check::wrong_outcome},
        {"more than there is",
         [](SmallBooks& b) {
             CommandDecided& event = b.decided("t11");
             std::get<Transfer>(event.command.body) = {account_of("fees"), account_of("alice"),
                                                       Amount(100), Balancing::none};
         },
         Check::wrong_outcome},
        {"an account that nobody opened",
         [](SmallBooks& b) {
             std::get<Transfer>(b.decided("t12").command.body).debit = account_of("nobody");
         },
         Check::wrong_outcome},
        {"an unbalanced entry",
         [](SmallBooks& b) {
             CommandDecided& event = b.decided("e1");
             auto postings =
                 b.draft().arena().copy(std::get<PostEntry>(event.command.body).postings);
             postings[0].amount = more(postings[0].amount);
             std::get<PostEntry>(event.command.body).postings = postings;
             b.change(event, 0).amount = postings[0].amount;
         },
         Check::wrong_outcome},
        {"a close of what is not zero",
         [](SmallBooks& b) {
             std::get<CloseAccount>(b.decided("k1").command.body).account = account_of("shop");
         },
         Check::wrong_outcome},
    });
}

TEST_CASE("rules: holds are placed, captured, extended, released and expired as they say") {
    check_rows({
        {"placed with more", [](SmallBooks& b) { b.decided("h3").hold->remaining = Amount(401); },
         Check::wrong_hold},
        {"placed until another time",
         [](SmallBooks& b) {
             b.decided("h1").hold->expires_at = b.decided("h1").hold->expires_at.next();
         },
         Check::wrong_hold},
        {"placed toward another",
         [](SmallBooks& b) { b.decided("h1").hold->payee = AccountNumber(3); }, Check::wrong_hold},
        {"captured so far", [](SmallBooks& b) { b.decided("c1").hold->captured = Amount(1); },
         Check::wrong_hold},
        {"captured wholly",
         [](SmallBooks& b) { b.decided("c1").hold->status = HoldStatus::captured; },
         Check::wrong_hold},
        {"extended less", [](SmallBooks& b) { b.decided("x1").hold->expires_at = Timestamp(1); },
         Check::wrong_hold},
        {"released with a rest", [](SmallBooks& b) { b.decided("r1").hold->remaining = Amount(1); },
         Check::wrong_hold},
        {"expiry left out",
         [](SmallBooks& b) {
             b.first<HoldExpired>();
             b.remove_found();
         },
         Check::hold_not_expired, Check::wrong_change},
        {"expired before its time",
         [](SmallBooks& b) {
             HoldExpired early = b.first<HoldExpired>();
             early.hold = *b.decided("x1").hold;
             early.hold.remaining = Amount();
             early.hold.status = HoldStatus::expired;
             early.changes = {};
             b.decided("k1");
             b.insert_before_found(early);
         },
         Check::wrong_hold, Check::event_order},
    });
}

TEST_CASE("rules: a reversal mirrors its entry once, a refund gives back no more than was paid") {
    check_rows({
        {"refunded sums",
         [](SmallBooks& b) {
             auto& e = *b.decided("f1").entry;
             auto r = b.draft().arena().copy(e.refunded);
             r[0].amount = Amount(1);
             e.refunded = r;
         },
         Check::wrong_entry},
        {"refund of more than was paid",
         [](SmallBooks& b) {
             CommandDecided& second = b.decided("v2");
             std::get<Reverse>(second.command.body).entry = command_of("none");
             second.outcome = Outcome::entry_not_found;
             CommandDecided& refund = b.decided("f1");
             std::get<Refund>(refund.command.body).entry = refund.entry->id = command_of("t3");
         },
         Check::wrong_entry},
        {"refund says it is reversed",
         [](SmallBooks& b) { b.decided("f1").entry->reversed = true; }, Check::wrong_entry},
        {"refund without its state",
         [](SmallBooks& b) { b.decided("f1").entry->id = command_of("t1"); }, Check::wrong_entry},
        {"reversal without its state",
         [](SmallBooks& b) { b.decided("v1").entry->reversed = false; }, Check::wrong_entry},
        {"reversal names another account",
         [](SmallBooks& b) {
             std::get<Reverse>(b.decided("v1").command.body).account = account_of("fees");
         },
         Check::wrong_account},
        {"reversal of what never was",
         [](SmallBooks& b) {
             std::get<Reverse>(b.decided("v1").command.body).entry = command_of("none");
             b.decided("v1").entry->id = command_of("none");
         },
         Check::wrong_entry},
        {"reversal of a reversal",
         [](SmallBooks& b) {
             std::get<Reverse>(b.decided("v1").command.body).entry = command_of("f1");
             b.decided("v1").entry->id = command_of("f1");
         },
         Check::wrong_entry},
    });
}

/// The shop before `v2`: as a refusal before told it, and since then it has a limit and a hold.
Facts facts_of_shop(SmallBooks& books) {
    Facts facts = books.decided("t8").facts;
    facts.limit = AmountFact{false, Amount(500)};
    facts.available->amount = *facts.available->amount.plus(Amount(500));
    facts.version = facts.version->next().next();
    return facts;
}

/// `v2` as a reversal of `t3`, which nobody undid, that is refused; or as its refund of `amount`.
CommandDecided& refuse_undoing(SmallBooks& books, Outcome outcome,
                               std::optional<Amount> refunded = {}) {
    const Facts facts = facts_of_shop(books);
    CommandDecided& decided = books.decided("v2");
    if (refunded) {
        Refund refund;
        refund.entry = command_of("t3");
        refund.account = account_of("shop");
        refund.amount = refunded;
        decided.command.body = refund;
    } else {
        std::get<Reverse>(decided.command.body).entry = command_of("t3");
    }
    decided.outcome = outcome;
    decided.facts = facts;
    return decided;
}

TEST_CASE("rules: a reversal or refund is refused only for what can refuse it, and does") {
    std::vector<RuleRow> rows;
    // Outcomes of other commands, and amounts that are not too much.
    for (const Outcome outcome :
         {Outcome::in_use, Outcome::not_zero, Outcome::unbalanced, Outcome::hold_closed,
          Outcome::refund_exceeds_payment, Outcome::same_account, Outcome::group_failed,
          Outcome::unanswered, Outcome::insufficient_funds, Outcome::amount_overflow,
          Outcome::asset_mismatch, Outcome::wrong_account, Outcome::not_supported_across_shards}) {
        rows.push_back({"a reversal",
                        [=](SmallBooks& b) { refuse_undoing(b, outcome); },
                        Check::wrong_outcome});
    }
    for (const Outcome outcome :
         {Outcome::in_use, Outcome::exceeds_hold, Outcome::already_refunded, Outcome::same_account,
          Outcome::insufficient_funds, Outcome::amount_overflow, Outcome::asset_mismatch,
          Outcome::zero_amount}) {
        rows.push_back({"a refund",
                        [=](SmallBooks& b) { refuse_undoing(b, outcome, Amount(99)); },
                        Check::wrong_outcome});
    }
    rows.push_back({"a refusal of an account without it",
                    [](SmallBooks& b) {
                        refuse_undoing(b, Outcome::insufficient_funds).facts = {};
                    },
                    Check::wrong_facts});
    check_rows(rows);
}

TEST_CASE("rules: ids have one outcome each, and what refers to them refers to it") {
    check_rows({
        {"an id again", [](SmallBooks& b) { b.decided("t12").command.id = command_of("t2"); },
         Check::id_twice},
        {"conflict names another event",
         [](SmallBooks& b) {
             auto& c = b.conflict("t1");
             c.first_event = c.first_event.next();
         },
         Check::wrong_reference},
        {"conflict with the same content",
         [](SmallBooks& b) {
             const Command same = b.decided("t1").command;
             b.conflict("t1").command = same;
         },
         Check::wrong_reference},
        {"conflict with nothing",
         [](SmallBooks& b) { b.conflict("t1").command.id = command_of("none"); },
         Check::wrong_reference},
    });
}

TEST_CASE("rules: a group's members stand directly before it, or none at all") {
    check_rows({
        {"a member is missing",
         [](SmallBooks& b) {
             b.decided("t5");
             b.remove_found();
             b.decided("g1");
         },
         Check::wrong_group},
        {"the group is missing",
         [](SmallBooks& b) {
             b.decided("g1");
             b.remove_found();
             b.decided("t5");
         },
         Check::wrong_group},
        {"a member of another group",
         [](SmallBooks& b) {
             b.decided("t5").group = command_of("g2");
             b.decided("g1");
         },
         Check::wrong_group},
        {"a member with other content",
         [](SmallBooks& b) { b.decided("t4").command.context = "other"; }, Check::wrong_group},
        {"a member that was accepted, in a group that failed",
         [](SmallBooks& b) {
             auto& g = b.decided("g2");
             auto m = b.draft().arena().copy(g.members);
             m[0].outcome = Outcome::posted;
             g.members = m;
         },
         Check::wrong_group},
        {"two that were refused",
         [](SmallBooks& b) {
             auto& g = b.decided("g2");
             auto m = b.draft().arena().copy(g.members);
             m[0].outcome = Outcome::zero_amount;
             g.members = m;
         },
         Check::wrong_group},
        {"a first member refused without a reason",
         [](SmallBooks& b) {
             auto& g = b.decided("g2");
             auto m = b.draft().arena().copy(g.members);
             m[0].outcome = Outcome::insufficient_funds;
             m[1].outcome = Outcome::group_failed;
             g.members = m;
         },
         Check::wrong_outcome},
        {"expired, but done",
         [](SmallBooks& b) { b.decided("g1").command.expires_at = Timestamp(1); },
         Check::wrong_outcome},
        {"another version expected",
         [](SmallBooks& b) { b.decided("g1").command.expected_version = Version(777); },
         Check::wrong_outcome},
    });
}

}  // namespace
