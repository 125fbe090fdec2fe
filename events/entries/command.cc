#include "events/entries/command.h"

#include "events/part_of.h"

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

/// Every field is content, but the account that a hold or entry is found by.
template <class Body>
    requires(!requires(const Body& body) { body.hold; } &&
             !requires(const Body& body) { body.entry; })
bool same_body(const Body& a, const Body& b) {
    return a == b;
}

bool same_body(const CaptureHold& a, const CaptureHold& b) {
    return a.hold == b.hold && a.amount == b.amount && a.keep_rest == b.keep_rest &&
           a.credit == b.credit;
}

bool same_body(const ReleaseHold& a, const ReleaseHold& b) { return a.hold == b.hold; }

bool same_body(const PostEntry& a, const PostEntry& b) {
    return std::ranges::equal(a.postings, b.postings);
}

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

AccountId first_debit(std::span<const Posting> postings) {
    const auto found = std::ranges::find(postings, Side::debit, &Posting::side);
    return found == postings.end() ? AccountId{} : found->account;
}

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

std::string_view kind_name(const CommandBody& body) { return kind_of(body).word; }

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

std::optional<Amount> amount_asked(const CommandBody& body) {
    return part_of(body, std::optional<Amount>(),
                   [](const auto& kind) -> decltype(kind.amount) { return kind.amount; });
}

std::size_t posting_count(const CommandBody& body) {
    if (const auto* entry = std::get_if<PostEntry>(&body)) return entry->postings.size();
    return makes_postings(kind_of(body).makes) ? 2 : 0;
}

}  // namespace vouch
