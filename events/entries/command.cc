#include "events/entries/command.h"

#include <algorithm>
#include <functional>
#include <type_traits>

namespace vouch {
namespace {

/// The same in any order, of values that do not repeat.
template <class T, class Projection = std::identity>
bool same_set(std::span<const T> a, std::span<const T> b, Projection of = {}) {
    if (a.size() != b.size()) return false;
    return std::ranges::all_of(
        a, [&](const T& one) { return std::ranges::find(b, std::invoke(of, one), of) != b.end(); });
}

bool same_body(const Transfer& a, const Transfer& b) {
    return a.debit == b.debit && a.credit == b.credit && a.amount == b.amount &&
           a.balancing == b.balancing;
}

bool same_body(const PlaceHold& a, const PlaceHold& b) {
    return a.debit == b.debit && a.credit == b.credit && a.amount == b.amount &&
           a.balancing == b.balancing && a.expires_in_us == b.expires_in_us;
}

bool same_body(const CaptureHold& a, const CaptureHold& b) {
    return a.hold == b.hold && a.amount == b.amount && a.keep_rest == b.keep_rest &&
           a.credit == b.credit;
}

bool same_body(const ReleaseHold& a, const ReleaseHold& b) { return a.hold == b.hold; }

bool same_body(const PostEntry& a, const PostEntry& b) {
    return std::ranges::equal(a.postings, b.postings);
}

bool same_body(const OpenAccount& a, const OpenAccount& b) {
    return a.account == b.account && a.name == b.name && a.asset == b.asset &&
           a.account_class == b.account_class && a.limit == b.limit &&
           a.chart_code == b.chart_code && a.owner == b.owner && a.risk_class == b.risk_class;
}

bool same_body(const UpdateAccount& a, const UpdateAccount& b) {
    return a.account == b.account && a.limit == b.limit && a.risk_class == b.risk_class;
}

bool same_body(const FreezeAccount& a, const FreezeAccount& b) {
    return a.account == b.account && a.block == b.block;
}

bool same_body(const UnfreezeAccount& a, const UnfreezeAccount& b) {
    return a.account == b.account && a.block == b.block;
}

bool same_body(const CloseAccount& a, const CloseAccount& b) { return a.account == b.account; }

bool same_body(const ExtendHold& a, const ExtendHold& b) {
    return a.hold == b.hold && a.expires_in_us == b.expires_in_us;
}

bool same_body(const Reverse& a, const Reverse& b) { return a.entry == b.entry; }

bool same_body(const Refund& a, const Refund& b) {
    return a.entry == b.entry && a.amount == b.amount && a.from == b.from &&
           a.debit_posting == b.debit_posting && a.credit_posting == b.credit_posting;
}

bool same_body(const Group& a, const Group& b) {
    return std::ranges::equal(a.members, b.members, [](const Command& x, const Command& y) {
        return x.id == y.id && same_content(x, y);
    });
}

bool same_body(const SetClock& a, const SetClock& b) { return a.time == b.time; }

AccountId first_debit(std::span<const Posting> postings) {
    const auto found = std::ranges::find(postings, Side::debit, &Posting::side);
    return found == postings.end() ? AccountId{} : found->account;
}

struct KindName {
    std::string_view operator()(const Transfer&) const { return "transfer"; }
    std::string_view operator()(const PlaceHold&) const { return "place_hold"; }
    std::string_view operator()(const CaptureHold&) const { return "capture_hold"; }
    std::string_view operator()(const ReleaseHold&) const { return "release_hold"; }
    std::string_view operator()(const PostEntry&) const { return "post_entry"; }
    std::string_view operator()(const OpenAccount&) const { return "open_account"; }
    std::string_view operator()(const UpdateAccount&) const { return "update_account"; }
    std::string_view operator()(const FreezeAccount&) const { return "freeze_account"; }
    std::string_view operator()(const UnfreezeAccount&) const { return "unfreeze_account"; }
    std::string_view operator()(const CloseAccount&) const { return "close_account"; }
    std::string_view operator()(const ExtendHold&) const { return "extend_hold"; }
    std::string_view operator()(const Reverse&) const { return "reverse"; }
    std::string_view operator()(const Refund&) const { return "refund"; }
    std::string_view operator()(const Group&) const { return "group"; }
    std::string_view operator()(const SetClock&) const { return "set_clock"; }
};

struct DecidingAccount {
    AccountId operator()(const Transfer& body) const { return body.debit; }
    AccountId operator()(const PlaceHold& body) const { return body.debit; }
    AccountId operator()(const PostEntry& body) const { return first_debit(body.postings); }
    AccountId operator()(const Group& body) const {
        return body.members.empty() ? AccountId{} : deciding_account(body.members.front());
    }
    AccountId operator()(const SetClock&) const { return {}; }
    template <class Body>
    AccountId operator()(const Body& body) const {
        return body.account;
    }
};

}  // namespace

std::string_view kind_name(const CommandBody& body) { return std::visit(KindName{}, body); }

AccountId deciding_account(const Command& command) {
    return std::visit(DecidingAccount{}, command.body);
}

bool same_content(const Command& a, const Command& b) {
    if (a.ledger != b.ledger || a.body.index() != b.body.index() || a.context != b.context ||
        a.actor_id != b.actor_id || a.module != b.module || a.channel != b.channel ||
        a.kind != b.kind || a.reason != b.reason || a.document_date != b.document_date ||
        a.expected_version != b.expected_version || !same_set(a.metadata, b.metadata) ||
        !same_set(a.references, b.references) ||
        !same_set(a.attachments, b.attachments, &Attachment::digest)) {
        return false;
    }
    return std::visit(
        [&](const auto& body) {
            using Body = std::remove_cvref_t<decltype(body)>;
            return same_body(body, *std::get_if<Body>(&b.body));
        },
        a.body);
}

std::size_t posting_count(const CommandBody& body) {
    if (const auto* entry = std::get_if<PostEntry>(&body)) return entry->postings.size();
    const bool is_pair =
        std::holds_alternative<Transfer>(body) || std::holds_alternative<CaptureHold>(body) ||
        std::holds_alternative<Reverse>(body) || std::holds_alternative<Refund>(body);
    return is_pair ? 2 : 0;
}

}  // namespace vouch
