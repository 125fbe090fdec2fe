#include "projector/queries/hold_answer.h"

#include "events/part_of.h"
#include "projector/queries/books.h"
#include "projector/queries/shard_readers.h"

#include <utility>
#include <variant>

namespace vouch::projector {

std::string_view HoldAnswer::shown_status() const { return is_due ? "due" : to_text(status); }

bool HoldAnswer::expires() const {
    constexpr Timestamp kLastTime(253'402'300'799'999'999);  // 9999-12-31T23:59:59.999999Z
    return expires_at != Timestamp(0) && expires_at <= kLastTime;
}

Result<std::optional<HoldAnswer>> hold_on(const ShardReaders& shards, ShardReader& shard,
                                          LedgerId ledger, CommandId id) {
    const Result<std::optional<HoldRow>> row = shard.find_hold(ledger, id);
    if (!row) return row.error();
    if (!*row) return std::optional<HoldAnswer>();
    const HoldState& hold = (*row)->hold;
    const Result<std::unique_ptr<FoundEvent>> placed = find_event_on(shard, ledger, id);
    if (!placed) return placed.error();
    const Command* command = *placed ? (*placed)->command() : nullptr;
    const auto* asked = command == nullptr ? nullptr : std::get_if<PlaceHold>(&command->body);
    if (asked == nullptr) return shard.corrupt("a hold that no command placed");
    const Event& event = (*placed)->event();

    HoldAnswer out;
    out.id = id;
    out.id_text = command->id_text;
    out.ledger = ledger;
    out.in_transit = std::holds_alternative<CommandInTransit>(event);
    const auto moved = part_of(event, std::optional<Amount>(),
                               [](const auto& each) -> decltype(each.moved) { return each.moved; });
    out.amount = moved.value_or(asked->amount);
    out.remaining = hold.remaining;
    out.captured = hold.captured;
    out.status = hold.status;
    out.expires_at = hold.expires_at;
    out.placed = (*placed)->recorded;
    out.last_event = (*row)->event;
    out.as_of = shard.as_of();
    const Result<const AccountInfo*> payer = shard.account(hold.payer);
    if (!payer) return payer.error();
    out.payer = (*payer)->shown();
    out.asset = (*payer)->asset;
    if (!hold.remote_payee.is_zero()) {
        out.payee = shards.shown(ledger, hold.remote_payee);
    } else if (hold.payee) {
        const Result<const AccountInfo*> payee = shard.account(*hold.payee);
        if (!payee) return payee.error();
        out.payee = (*payee)->shown();
    }
    return std::optional(std::move(out));
}

Result<std::optional<HoldAnswer>> Books::hold(LedgerId ledger, CommandId id) {
    for (const auto& shard : *shards_) {
        Result<std::optional<HoldAnswer>> found = hold_on(*shards_, *shard, ledger, id);
        if (!found) return found.error();
        if (!*found) continue;
        HoldAnswer& out = **found;
        out.is_due = out.status == HoldStatus::open && out.expires_at.value() != 0 &&
                     out.expires_at <= due_by(*shard, {});
        Result<std::vector<RecordedAt>> others = other_events(ledger, id, shard->shard());
        if (!others) return others.error();
        out.others = *std::move(others);
        return found;
    }
    return std::optional<HoldAnswer>();
}

}  // namespace vouch::projector
