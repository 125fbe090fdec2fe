#pragma once

#include "events/bytes/wire.h"
#include "events/entries/arena.h"
#include "events/entries/codec.h"
#include "events/entries/command.h"
#include "events/entries/event_fields.h"
#include "events/entries/fields.h"
#include "events/money/text_ids.h"

#include <optional>
#include <span>
#include <string_view>

namespace vouch::wire {

/// The message of each command's body: how it is written, in canonical form, and how it is read.
/// Field numbers, ranges and limits: schemas/command.proto. One definition serves Writer, which
/// writes them, and Counter, which says how long they are. A group's, whose members are commands,
/// is in write_command.h and read_command.cc.

template <class Out, class IdType>
void write_id(Out& out, std::uint32_t high_field, IdType id) {
    out.fixed64(high_field, id.high());
    out.fixed64(high_field + 1, id.low());
}

/// The low half in `low_field`, the high half in `high_field`.
template <class Out>
void write_amount(Out& out, std::uint32_t low_field, std::uint32_t high_field, Amount amount) {
    out.varint(low_field, amount.low());
    out.varint(high_field, amount.high());
}

/// An amount whose presence counts: the presence of its low half.
template <class Out>
void write_optional_amount(Out& out, std::uint32_t low_field, std::uint32_t high_field,
                           const std::optional<Amount>& amount) {
    if (!amount) return;
    out.present_varint(low_field, amount->low());
    out.varint(high_field, amount->high());
}

template <class Out>
void write_limit(Out& out, std::uint32_t field, const Limit& limit) {
    out.message(field, [&] {
        out.varint(1, limit.is_unlimited() ? 1 : 0);
        if (!limit.is_unlimited()) write_amount(out, 2, 3, limit.below_zero());
    });
}

/// Where what a body borrows is kept, and what is wrong with it.
template <WireForm form>
struct BodyReading {
    bool refuse(std::string_view field, Outcome outcome = Outcome::malformed) const {
        report(fault, field, outcome);
        return false;
    }

    Arena& arena;
    CommandFault& fault;
};

template <class Out>
void write_body(Out& out, const OpenAccount& body) {
    write_id(out, 1, body.account);
    out.text(3, body.name);
    out.text(4, body.asset.code());
    out.varint(5, body.asset.scale().value());
    out.varint(6, static_cast<std::uint64_t>(body.account_class));
    if (body.limit != Limit{}) write_limit(out, 7, body.limit);
    out.text(8, body.chart_code);
    out.text(9, body.owner);
    out.varint(10, body.risk_class);
}

template <WireForm form>
bool read_body(BodyReading<form>& with, Reader<form == WireForm::canonical> in, OpenAccount& out) {
    std::string_view asset_code;
    Scale scale;
    if (!read_message<form>(
            in, with.fault, "open_account", required_id<1>("open_account.account", out.account),
            text<3>("open_account.name", out.name, kNameMax),
            text<4>("open_account.asset_code", asset_code, Asset::kCodeMax),
            number<5>("open_account.asset_scale", scale, kScaleMax.value()),
            required_choice<6>("open_account.account_class", out.account_class,
                               AccountClass::expense),
            message<7>("open_account.limit",
                       [&](auto content) {
                           return read_nonzero_limit<form>(content, out.limit, with.fault);
                       }),
            text<8>("open_account.chart_code", out.chart_code, kShortTextMax),
            text<9>("open_account.owner", out.owner, kShortTextMax),
            number<10>("open_account.risk_class", out.risk_class))) {
        return false;
    }
    const std::optional<Asset> asset = Asset::make(asset_code, scale);
    if (!asset) return with.refuse("open_account.asset_code");
    out.asset = *asset;
    return true;
}

template <class Out>
void write_body(Out& out, const UpdateAccount& body) {
    write_id(out, 1, body.account);
    if (body.limit) write_limit(out, 3, *body.limit);
    if (body.risk_class) out.present_varint(4, *body.risk_class);
}

template <WireForm form>
bool read_body(BodyReading<form>& with, Reader<form == WireForm::canonical> in,
               UpdateAccount& out) {
    return read_message<form>(
        in, with.fault, "update_account", required_id<1>("update_account.account", out.account),
        message<3>(
            "update_account.limit",
            [&](auto content) {
                return read_limit<form>(content, out.limit.emplace(), with.fault);
            }),
        optional_number<4>("update_account.risk_class", out.risk_class));
}

template <class Out, class Body>
    requires kIsOneOf<Body, FreezeAccount, UnfreezeAccount>
void write_body(Out& out, const Body& body) {
    write_id(out, 1, body.account);
    out.varint(3, static_cast<std::uint64_t>(body.block));
}

template <WireForm form>
bool read_body(BodyReading<form>& with, Reader<form == WireForm::canonical> in,
               FreezeAccount& out) {
    return read_message<form>(
        in, with.fault, "freeze_account", required_id<1>("freeze_account.account", out.account),
        required_choice<3>("freeze_account.block", out.block, Block::both));
}

template <WireForm form>
bool read_body(BodyReading<form>& with, Reader<form == WireForm::canonical> in,
               UnfreezeAccount& out) {
    return read_message<form>(
        in, with.fault, "unfreeze_account", required_id<1>("unfreeze_account.account", out.account),
        required_choice<3>("unfreeze_account.block", out.block, Block::both));
}

template <class Out>
void write_body(Out& out, const CloseAccount& body) {
    write_id(out, 1, body.account);
}

template <WireForm form>
bool read_body(BodyReading<form>& with, Reader<form == WireForm::canonical> in, CloseAccount& out) {
    return read_message<form>(in, with.fault, "close_account",
                              required_id<1>("close_account.account", out.account));
}

template <class Out>
void write_body(Out& out, const Transfer& body) {
    write_id(out, 1, body.debit);
    write_id(out, 3, body.credit);
    write_amount(out, 5, 6, body.amount);
    out.varint(7, static_cast<std::uint64_t>(body.balancing));
}

template <WireForm form>
[[gnu::always_inline]] inline bool read_body(BodyReading<form>& with,
                                             Reader<form == WireForm::canonical> in,
                                             Transfer& out) {
    return read_message<form>(
        in, with.fault, "transfer", required_id<1>("transfer.debit", out.debit),
        required_id<3>("transfer.credit", out.credit), amount<5>("transfer.amount", out.amount),
        choice<7>("transfer.balancing", out.balancing, Balancing::both));
}

template <class Out>
void write_body(Out& out, const PostEntry& body) {
    for (const Posting& posting : body.postings) {
        out.message(1, [&] {
            write_id(out, 1, posting.account);
            out.varint(3, static_cast<std::uint64_t>(posting.side));
            write_amount(out, 4, 5, posting.amount);
        });
    }
}

template <WireForm form>
bool read_posting(BodyReading<form>& with, Reader<form == WireForm::canonical> in, Posting& out) {
    return read_message<form>(
        in, with.fault, "post_entry.postings",
        required_id<1>("post_entry.postings.account", out.account),
        required_choice<3>("post_entry.postings.side", out.side, Side::credit),
        amount<4>("post_entry.postings.amount", out.amount));
}

template <WireForm form>
bool read_body(BodyReading<form>& with, Reader<form == WireForm::canonical> in, PostEntry& out) {
    std::span<Posting> postings;
    std::size_t count = 0;
    const auto begin = [&](std::size_t all) {
        if (all > kPostingsMax) return with.refuse("post_entry.postings", Outcome::too_large);
        postings = with.arena.template make<Posting>(all);
        return true;
    };
    if (!read_message<form>(in, with.fault, "post_entry",
                            repeated<1>("post_entry.postings", begin,
                                        [&](auto content) {
                                            return read_posting(with, content, postings[count++]);
                                        }),
                            unsupported<2, 3>("post_entry.leads: not supported yet"))) {
        return false;
    }
    out.postings = postings;
    return count >= 2 || with.refuse("post_entry.postings");
}

template <class Out>
void write_body(Out& out, const PlaceHold& body) {
    write_id(out, 1, body.debit);
    write_id(out, 3, body.credit);
    write_amount(out, 5, 6, body.amount);
    out.varint(7, static_cast<std::uint64_t>(body.balancing));
    out.varint(8, body.expires_in_us);
}

template <WireForm form>
bool read_body(BodyReading<form>& with, Reader<form == WireForm::canonical> in, PlaceHold& out) {
    return read_message<form>(
        in, with.fault, "place_hold", required_id<1>("place_hold.debit", out.debit),
        optional_id<3>("place_hold.credit", out.credit),
        amount<5>("place_hold.amount", out.amount),
        choice<7>("place_hold.balancing", out.balancing, Balancing::both),
        number<8>("place_hold.expires_in_us", out.expires_in_us, kExpiresInMax));
}

template <class Out>
void write_body(Out& out, const CaptureHold& body) {
    write_id(out, 1, body.hold);
    write_id(out, 3, body.account);
    write_optional_amount(out, 5, 6, body.amount);
    out.varint(7, body.keep_rest ? 1 : 0);
    write_id(out, 8, body.credit);
}

template <WireForm form>
bool read_body(BodyReading<form>& with, Reader<form == WireForm::canonical> in, CaptureHold& out) {
    return read_message<form>(in, with.fault, "capture_hold",
                              required_id<1>("capture_hold.hold", out.hold),
                              optional_id<3>("capture_hold.account", out.account),
                              amount<5>("capture_hold.amount", out.amount),
                              number<7>("capture_hold.keep_rest", out.keep_rest),
                              optional_id<8>("capture_hold.credit", out.credit));
}

template <class Out>
void write_body(Out& out, const ReleaseHold& body) {
    write_id(out, 1, body.hold);
    write_id(out, 3, body.account);
}

template <WireForm form>
bool read_body(BodyReading<form>& with, Reader<form == WireForm::canonical> in, ReleaseHold& out) {
    return read_message<form>(in, with.fault, "release_hold",
                              required_id<1>("release_hold.hold", out.hold),
                              optional_id<3>("release_hold.account", out.account));
}

template <class Out>
void write_body(Out& out, const ExtendHold& body) {
    write_id(out, 1, body.hold);
    write_id(out, 3, body.account);
    out.varint(5, body.expires_in_us);
}

template <WireForm form>
bool read_body(BodyReading<form>& with, Reader<form == WireForm::canonical> in, ExtendHold& out) {
    return read_message<form>(
               in, with.fault, "extend_hold", required_id<1>("extend_hold.hold", out.hold),
               optional_id<3>("extend_hold.account", out.account),
               number<5>("extend_hold.expires_in_us", out.expires_in_us, kExpiresInMax)) &&
           (out.expires_in_us != 0 || with.refuse("extend_hold.expires_in_us"));
}

template <class Out>
void write_body(Out& out, const Reverse& body) {
    write_id(out, 1, body.entry);
    write_id(out, 3, body.account);
}

template <WireForm form>
bool read_body(BodyReading<form>& with, Reader<form == WireForm::canonical> in, Reverse& out) {
    return read_message<form>(in, with.fault, "reverse", required_id<1>("reverse.entry", out.entry),
                              optional_id<3>("reverse.account", out.account),
                              unsupported<5, 6>("reverse.entry_account: not supported yet"));
}

template <class Out>
void write_body(Out& out, const Refund& body) {
    write_id(out, 1, body.entry);
    write_id(out, 3, body.account);
    write_optional_amount(out, 5, 6, body.amount);
    write_id(out, 7, body.from);
    if (body.debit_posting) out.present_varint(9, *body.debit_posting);
    if (body.credit_posting) out.present_varint(10, *body.credit_posting);
}

template <WireForm form>
bool read_body(BodyReading<form>& with, Reader<form == WireForm::canonical> in, Refund& out) {
    return read_message<form>(in, with.fault, "refund", required_id<1>("refund.entry", out.entry),
                              optional_id<3>("refund.account", out.account),
                              amount<5>("refund.amount", out.amount),
                              optional_id<7>("refund.from", out.from),
                              optional_number<9>("refund.debit_posting", out.debit_posting),
                              optional_number<10>("refund.credit_posting", out.credit_posting),
                              unsupported<11, 12>("refund.entry_account: not supported yet"));
}

template <class Out>
void write_body(Out& out, const SetClock& body) {
    out.varint(1, static_cast<std::uint64_t>(body.time.value()));
}

template <WireForm form>
bool read_body(BodyReading<form>& with, Reader<form == WireForm::canonical> in, SetClock& out) {
    return read_message<form>(in, with.fault, "set_clock",
                              number<1>("set_clock.time_us", out.time));
}

}  // namespace vouch::wire
