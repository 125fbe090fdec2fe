#include "reconciler/views/row_match.h"

#include "events/alternative.h"
#include "events/part_of.h"
#include "reconciler/reading/content_digest.h"

#include <algorithm>
#include <tuple>

namespace vouch::reconciler {

namespace {

std::uint64_t word(Timestamp time) { return static_cast<std::uint64_t>(time.value()); }
std::uint64_t word(const std::optional<ShardId>& shard) {
    return shard ? std::uint64_t{shard->value()} + 1 : 0;
}
std::uint64_t word(const std::optional<AccountNumber>& number) {
    return number ? std::uint64_t{number->value()} + 1 : 0;
}

void add(WordHash& hash, std::span<const Metadata> metadata) {
    hash.add(std::uint64_t{metadata.size()});
    for (const Metadata& pair : metadata) hash.add(pair.key), hash.add(pair.value);
}

/// Key and value of a row, each as numbers, or as a digest of all that is left.
struct Digester {
    IdRow& row;
    WordHash key{};
    WordHash value{};

    void name(LedgerId ledger, std::uint64_t high, std::uint64_t low) {
        row.ledger = ledger.value();
        row.id_high = high;
        row.id_low = low;
    }
    template <class Id>
    void name(LedgerId ledger, Id id) {
        name(ledger, id.high(), id.low());
    }
    void name(AccountNumber number) { name(LedgerId(), 0, number.value()); }

    void operator()(const ViewAccount& r) {
        name(r.number);
        value.add(std::uint64_t{r.ledger.value()});
        value.add(r.id.high()), value.add(r.id.low());
        value.add(r.asset.high()), value.add(r.asset.low());
        value.add(static_cast<std::uint64_t>(r.account_class) << 8 | r.risk_class);
        value.add(r.name), value.add(r.chart_code), value.add(r.owner);
        add(value, r.metadata);
        value.add(r.transit ? word(std::optional(r.transit->from)) : 0);
        value.add(r.transit ? word(std::optional(r.transit->to)) : 0);
        value.add(r.event.value()), value.add(r.record.value()), value.add(word(r.time));
    }
    void operator()(const ViewAccountId& r) {
        name(r.ledger, r.id);
        value.add(std::uint64_t{r.number.value()});
    }
    void operator()(const ViewOwner& r) {
        name(r.ledger, 0, r.number.value());
        key.add(r.owner);
    }
    void operator()(const ViewRiskClass& r) {
        name(r.number);
        value.add(std::uint64_t{r.risk_class});
    }
    void operator()(const ViewMetadata& r) {
        name(r.number);
        add(value, r.metadata);
    }
    void operator()(const ViewHold& r) {
        name(r.ledger, r.hold.id);
        value.add(word(std::optional(r.hold.payer))), value.add(word(r.hold.payee));
        value.add(r.hold.remaining), value.add(r.hold.captured);
        value.add(word(r.hold.expires_at));
        value.add(static_cast<std::uint64_t>(r.hold.status));
        value.add(r.hold.remote_payee.high()), value.add(r.hold.remote_payee.low());
        value.add(r.event.value());
    }
    void operator()(const ViewHoldExpiry& r) {
        name(r.ledger, r.id);
        key.add(word(r.expires_at));
    }
    void operator()(const ViewEntry& r) {
        name(r.ledger, r.id);
        key.add(word(r.leader));
        value.add(std::uint64_t{r.reversed}), value.add(r.event.value());
    }
    void operator()(const ViewRefunded& r) {
        name(r.ledger, r.id);
        key.add(word(r.leader)), key.add(std::uint64_t{r.refunded.posting});
        value.add(r.refunded.amount);
    }
    void operator()(const ViewContext& r) { name(r.ledger, 0, r.event.value()); }
    template <class Row>
        requires kIsOneOf<Row, ViewFailedMember, ViewConflict>
    void operator()(const Row& r) {
        name(r.ledger, r.id);
        key.add(r.event.value());
    }
};

template <class Row>
constexpr std::uint8_t kIndex = kAlternative<Row, ViewRow>;

/// What a row is about, without names.
std::string text_of(const IdRow& row) {
    const auto account = [&] { return " of account " + std::to_string(row.id_low); };
    const auto id = [&] { return " " + id_text(row.id_high, row.id_low); };
    switch (row.as<RowDigest>().about) {
        case kIndex<ViewAccount>:
            return "opening" + account();
        case kIndex<ViewAccountId>:
            return "number of account" + id();
        case kIndex<ViewOwner>:
            return "owner" + account();
        case kIndex<ViewRiskClass>:
            return "risk class" + account();
        case kIndex<ViewMetadata>:
            return "metadata" + account();
        case kIndex<ViewHold>:
            return "hold" + id();
        case kIndex<ViewHoldExpiry>:
            return "expiry of hold" + id();
        case kIndex<ViewEntry>:
            return "state of entry" + id();
        case kIndex<ViewRefunded>:
            return "refunded of entry" + id();
        case kIndex<ViewContext>:
            return "context of event " + std::to_string(row.id_low);
        case kIndex<ViewConflict>:
            return "conflict of command" + id();
        default:
            return "failed member" + id();
    }
}

auto key_of(const IdRow& row) {
    const auto said = row.as<RowDigest>();
    return std::tuple(said.about, row.ledger, row.id_high, row.id_low, said.key);
}

}  // namespace

IdRow row_digest(IdRowKind kind, const ViewRow& view, EventNumber event) {
    IdRow row;
    Digester digester{row};
    std::visit(digester, view);
    const auto* context = std::get_if<ViewContext>(&view);
    const std::uint64_t key =
        context != nullptr ? text_digest(context->context) : digester.key.value();
    row.say(kind, RowDigest{key, digester.value.value(), static_cast<std::uint8_t>(view.index())});
    row.event = event.value();
    return row;
}

EventNumber event_of(const ViewRow& view) {
    return part_of(view, EventNumber(),
                   [](const auto& row) -> decltype(row.event) { return row.event; });
}

IdRow context_row(LedgerId ledger, std::uint64_t digest, EventNumber event) {
    IdRow row;
    row.ledger = ledger.value();
    row.id_low = row.event = event.value();
    row.say(IdRowKind::row_expected,
            RowDigest{digest, WordHash().value(), kIndex<ViewContext>});
    return row;
}

void RowMatch::check(std::span<IdRow> rows, const Report& report) const {
    std::ranges::sort(rows, [](const IdRow& a, const IdRow& b) {
        return std::tuple_cat(key_of(a), std::tie(a.kind, a.event)) <
               std::tuple_cat(key_of(b), std::tie(b.kind, b.event));
    });
    for (std::size_t begin = 0; begin < rows.size();) {
        std::size_t end = begin + 1;
        while (end < rows.size() && key_of(rows[begin]) == key_of(rows[end])) ++end;
        check_key(rows.subspan(begin, end - begin), report);
        begin = end;
    }
}

/// Those expected stand first, by event.
void RowMatch::check_key(std::span<const IdRow> rows, const Report& report) const {
    const auto found = std::ranges::find(rows, IdRowKind::row_found, &IdRow::kind);
    if (found == rows.begin()) {
        if (breaks_.any_until(viewed_.value())) return;
        std::optional<EventNumber> event;
        if (found->event != 0) event = EventNumber(found->event);
        return report(event,
                      text_of(*found) + ": nothing in the log leads to this row of the view");
    }
    const IdRow& expected = *std::prev(found);
    const EventNumber event(expected.event);
    const std::string led_to = "what event " + std::to_string(expected.event) + " led to";
    if (found == rows.end()) {
        return report(event, text_of(expected) + ": no row in the view, expected " + led_to);
    }
    if (found->as<RowDigest>().value == expected.as<RowDigest>().value) return;
    if (breaks_.any(expected.event, viewed_.value())) return;
    report(event, text_of(expected) + ": the view's row differs, expected " + led_to);
}

}  // namespace vouch::reconciler
