#include "projector/queries/pending.h"

#include "projector/queries/books.h"
#include "projector/queries/due_holds.h"
#include "projector/queries/entry_answer.h"
#include "projector/queries/go_on.h"
#include "projector/queries/shard_readers.h"
#include "projector/queries/ways_out.h"
#include "projector/views/row_key.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <utility>
#include <variant>

// What is in transit stands on the transit account that it left through. A shard takes the steps of
// another one in their order, and answers in that order: what has no answer is the newest of what
// left there, and behind the first that has one nothing is looked for. A release of a hold that has
// nothing left changes no account and is not told: no money waits for it.

namespace vouch::projector {
namespace {

/// Something that is pending, before its details are read.
struct Listed {
    PendingPlace place;
    ShardId to;  ///< which shard it waits for; a hold that is due, for its own
};

/// Of one shard, what a page may show.
class ShardPending {
public:
    ShardPending(ShardReader& shard, const PendingQuery& query, Timestamp now,
                 const std::atomic<bool>* ending)
        : shard_(shard), query_(query), now_(now), ending_(ending) {}

    Status add_crossings(const WayOut& out) {
        if (!is_asked(out.to, way_on_between(query_.at_work, shard_.shard(), out.to))) return {};
        const std::unique_ptr<RowCursor> history = shard_.cursor();
        EventWalk walk = shard_.walk();
        const Result<ShardReader::Cut> cut = shard_.cut({});
        if (!cut) return cut.error();
        for (std::uint64_t end = cut->end.value(); end > 0;) {
            if (Status on = go_on(ending_); !on) return on;
            history->seek_at_or_before(
                history_key(out.number, EventNumber(end - 1), 0xffff).view());
            if (Status status = history->status(); !status) return status;
            if (!history->is_valid()) break;
            const std::optional<HistoryKey> key = decode_history_key(history->key());
            if (!key || key->account != out.number) break;
            end = key->event.value();
            if (Status sought = walk.seek(key->event); !sought) return sought;
            if (const Result<bool> read = walk.next(); !read) return read.error();
            const auto* sent = std::get_if<CommandInTransit>(&walk.event());
            if (sent == nullptr) continue;  // an answer, or a hold's end
            const Result<std::optional<EventNumber>> newest =
                shard_.find_command(sent->command.ledger, sent->command.id);
            if (!newest) return newest.error();
            if (*newest != key->event) break;
            add({{.since = walk.recorded().time,
                  .shard = shard_.shard(),
                  .within = {key->event.value(), 0, 0}},
                 out.to});
        }
        return {};
    }

    Status add_due() {
        if (!is_asked(shard_.shard(), way_on_of_due(query_.at_work, shard_.shard()))) return {};
        const std::size_t crossings = found_.size();
        Status read;
        const auto add_hold = [&](const HoldExpiryKey& key, const HoldRow& hold) {
            if (query_.ledger && key.ledger != *query_.ledger) return true;
            const Result<bool> crosses = is_in_transit(key, hold.event);
            if (!crosses) read = crosses.error();
            if (!crosses || *crosses) return crosses.has_value();
            add({{.since = key.expires_at,
                  .shard = shard_.shard(),
                  .is_due = true,
                  .within = {key.ledger.value(), key.id.high(), key.id.low()}},
                 shard_.shard()});
            // They come in their order: what lies behind the page is not wanted.
            return found_.size() <= crossings + query_.rows_max;
        };
        const Timestamp first = query_.after ? query_.after->since : Timestamp(0);
        const Status visited = visit_due(shard_, first, now_, add_hold);
        return visited ? read : visited;
    }

    std::vector<Listed> take() { return std::move(found_); }

private:
    bool is_asked(ShardId to, const WayOn& way_on) const {
        const bool is_either =
            !query_.shard || *query_.shard == shard_.shard() || *query_.shard == to;
        return is_either && (!query_.reason || *query_.reason == way_on.reason);
    }

    /// A hold whose placing has no answer yet is listed as that, also when its end has come.
    Result<bool> is_in_transit(const HoldExpiryKey& key, EventNumber newest) {
        EventWalk walk = shard_.walk();
        if (Status sought = walk.seek(newest); !sought) return sought.error();
        const Result<bool> next = walk.next();
        if (!next) return next.error();
        if (!*next) return shard_.corrupt("a hold's newest event is not there");
        const auto* sent = std::get_if<CommandInTransit>(&walk.event());
        if (sent == nullptr || sent->command.id != key.id) return false;
        const Result<std::optional<EventNumber>> known = shard_.find_command(key.ledger, key.id);
        if (!known) return known.error();
        return *known == newest;
    }

    void add(const Listed& found) {
        const auto age = static_cast<std::uint64_t>(now_.value() - found.place.since.value());
        const bool is_behind = !query_.after || found.place > *query_.after;
        if (is_behind && age >= query_.older_than_us) found_.push_back(found);
    }

    ShardReader& shard_;
    const PendingQuery& query_;
    Timestamp now_;
    const std::atomic<bool>* ending_;  ///< may be null
    std::vector<Listed> found_;
};

Result<PendingRow> row_of_crossing(const ShardReaders& shards, const Listed& found) {
    ShardReader& shard = shards.at(found.place.shard);
    const EventNumber event(found.place.within[0]);
    EventWalk walk = shard.walk();
    if (Status sought = walk.seek(event); !sought) return sought.error();
    if (const Result<bool> read = walk.next(); !read) return read.error();
    const auto* sent = std::get_if<CommandInTransit>(&walk.event());
    if (sent == nullptr || sent->changes.empty())
        return shard.corrupt("a command in transit that took from nobody");
    const Command& command = sent->command;
    const Change& payer = sent->changes.front();
    const Result<const AccountInfo*> account = shard.account(payer.account);
    if (!account) return account.error();
    PendingRow row;
    row.payer = (*account)->shown();
    row.asset = (*account)->asset;
    row.amount = payer.amount;
    if (!payer.side) {
        // A hold that is placed or released: what is held is more, or less, than before.
        const Result<std::optional<Change>> before = shard.newest_change(payer.account, event);
        if (!before) return before.error();
        const Amount held = *before ? (*before)->totals.debits_held : Amount();
        const auto& [less, more] = std::minmax(held, payer.totals.debits_held);
        row.amount = more.minus(less).value_or(Amount());
    }
    const Result<AccountId> payee = payee_across(shards, command, shard, sent->to);
    if (!payee) return payee.error();
    if (!payee->is_zero()) row.payee = shards.shown(command.ledger, *payee);
    row.ledger = command.ledger;
    row.id = shown_id(command.id, command.id_text);
    row.command = kind_name(command.body);
    row.recorded = walk.recorded();
    row.waits_for = sent->to;
    return row;
}

Result<PendingRow> row_of_due(const ShardReaders& shards, const Listed& found) {
    ShardReader& shard = shards.at(found.place.shard);
    const LedgerId ledger(static_cast<std::uint32_t>(found.place.within[0]));
    const CommandId id(found.place.within[1], found.place.within[2]);
    const Result<std::optional<HoldAnswer>> hold = hold_on(shards, shard, ledger, id);
    if (!hold) return hold.error();
    if (!*hold) return shard.corrupt("a hold that expires is not there");
    PendingRow row;
    row.ledger = ledger;
    row.id = shown_id(id, (*hold)->id_text);
    row.command = kCommandKind<PlaceHold>.word;
    row.payer = (*hold)->payer;
    row.payee = (*hold)->payee;
    row.asset = (*hold)->asset;
    row.amount = (*hold)->remaining;
    row.recorded = (*hold)->placed;
    return row;
}

}  // namespace

std::string PendingPlace::text() const {
    std::string out = std::to_string(since.value()) + "." + std::to_string(shard.value()) + "." +
                      std::to_string(is_due ? 1 : 0);
    for (const std::uint64_t each : within) out += "." + std::to_string(each);
    return out;
}

std::optional<PendingPlace> PendingPlace::parse(std::string_view text) {
    const char* at = text.data();
    const char* const end = at + text.size();
    const auto read = [&](auto& number, bool is_first = false) {
        if (!is_first && (at == end || *at++ != '.')) return false;
        const std::from_chars_result result = std::from_chars(at, end, number);
        at = result.ptr;
        return result.ec == std::errc();
    };
    std::int64_t since = 0;
    std::uint32_t shard = 0;
    std::uint8_t is_due = 0;
    PendingPlace out;
    const bool is_place = read(since, true) && read(shard) && read(is_due) && is_due <= 1 &&
                          std::ranges::all_of(out.within, [&](auto& each) { return read(each); });
    if (!is_place || at != end) return std::nullopt;
    out.since = Timestamp(since);
    out.shard = ShardId(shard);
    out.is_due = is_due == 1;
    return out;
}

Result<PendingPage> Books::pending(const PendingQuery& query) {
    PendingPage page;
    page.not_covered = query.at_work.views_stopped;
    const auto leave_out = [&](ShardId shard, const Fault& fault) {
        const bool is_told = std::ranges::find(page.not_covered, shard, &ShardFinding::shard) !=
                             page.not_covered.end();
        if (!is_told) page.not_covered.push_back({shard, fault.message});
    };
    std::vector<Listed> all;
    WaysOut read_now;
    WaysOut& ways_out = ways_out_ ? *ways_out_ : read_now;
    for (const auto& shard : *shards_) {
        ShardPending pending(*shard, query, due_by(*shard, {}), ending_);
        const auto read = [&]() -> Status {
            // One shard alone sends nothing.
            Result<std::span<const WayOut>> out = shards_->has(ShardId(1))
                                                      ? ways_out.of(*shard, ending_)
                                                      : std::span<const WayOut>();
            if (!out) return out.error();
            for (const WayOut& each : *out) {
                if (query.ledger && each.ledger != *query.ledger) continue;
                if (Status added = pending.add_crossings(each); !added) return added;
            }
            return pending.add_due();
        };
        const Status status = read();
        if (!status && status.error().code == FaultCode::retriable) return status.error();
        if (!status) leave_out(shard->shard(), status.error());
        std::ranges::move(pending.take(), std::back_inserter(all));
    }
    std::ranges::sort(all, {}, &Listed::place);
    if (all.size() > query.rows_max) {
        all.resize(query.rows_max);
        if (!all.empty()) page.next = all.back().place;
    }
    for (const Listed& found : all) {
        if (Status on = go_on(ending_); !on) return on.error();
        Result<PendingRow> row = found.place.is_due ? row_of_due(*shards_, found)
                                                    : row_of_crossing(*shards_, found);
        if (!row) {
            leave_out(found.place.shard, row.error());
            continue;
        }
        row->place = found.place;
        row->way_on = found.place.is_due
                          ? way_on_of_due(query.at_work, found.place.shard)
                          : way_on_between(query.at_work, found.place.shard, found.to);
        page.rows.push_back(*std::move(row));
    }
    return page;
}

}  // namespace vouch::projector
