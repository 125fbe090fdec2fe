#include "reconciler/ids/id_check.h"

#include "reconciler/ids/id_history.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <tuple>

namespace vouch::reconciler {

void Breaks::add(EventNumber event) {
    if (!events_.empty() && events_.back() >= event.value()) return;
    if (events_.size() == kBreaksMax) {
        events_.push_back(std::numeric_limits<std::uint64_t>::max());
        return;
    }
    events_.push_back(event.value());
}

bool Breaks::any(std::uint64_t after, std::uint64_t until) const {
    if (events_.empty()) return false;
    if (events_.size() > kBreaksMax && until > events_[kBreaksMax - 1]) return true;
    const auto place = std::ranges::upper_bound(events_, after);
    return place != events_.end() && *place <= until;
}

namespace {

bool same_key(const IdRow& a, const IdRow& b) {
    return a.id_low == b.id_low && a.id_high == b.id_high && a.ledger == b.ledger;
}

/// Marks the rows whose id has more than one row, by a table of the partition's ids.
void mark_shared(std::span<IdRow> rows) {
    const std::size_t mask = std::bit_ceil(rows.size() * 2) - 1;
    std::vector<std::uint32_t> slots(mask + 1);
    for (std::uint32_t i = 0; i < rows.size(); ++i) {
        IdRow& row = rows[i];
        row.is_shared = false;
        std::size_t slot =
            keyed_hash(HashKey::of_process(), row.ledger, row.id_high, row.id_low) & mask;
        while (slots[slot] != 0 && !same_key(rows[slots[slot] - 1], row)) slot = (slot + 1) & mask;
        if (slots[slot] == 0) {
            slots[slot] = i + 1;
        } else {
            rows[slots[slot] - 1].is_shared = row.is_shared = true;
        }
    }
}

}  // namespace

void IdCheck::check(std::span<IdRow> rows, const Report& report) const {
    mark_shared(rows);
    // Nearly every id has one row, its outcome: nothing can be wrong with it unless a view is
    // compared.
    std::vector<const IdRow*> open;
    for (const IdRow& row : rows) {
        if (row.is_shared || row.kind != IdRowKind::decided || viewed_) open.push_back(&row);
    }
    // Of one event and kind as they were added, which is how they lie.
    std::ranges::sort(open, [](const IdRow* a, const IdRow* b) {
        return std::tie(a->ledger, a->id_high, a->id_low, a->event, a->kind, a) <
               std::tie(b->ledger, b->id_high, b->id_low, b->event, b->kind, b);
    });
    for (std::size_t begin = 0; begin < open.size();) {
        std::size_t end = begin + 1;
        while (end < open.size() && same_key(*open[begin], *open[end])) ++end;
        IdHistory(breaks_, viewed_, report, expect_)
            .check(std::span(open).subspan(begin, end - begin));
        begin = end;
    }
}

namespace {

Finding finding_at(Check check, const IdRow& row, std::uint32_t shard, std::uint64_t record) {
    Finding finding;
    finding.check = check;
    finding.shard = ShardId(shard);
    finding.record = RecordNumber(record);
    finding.event = EventNumber(row.event);
    return finding;
}

void check_seen_once(std::span<const IdRow* const> rows,
                     const std::function<void(Finding)>& report) {
    const IdRow* before = nullptr;
    for (const IdRow* row : rows) {
        if (row->kind != IdRowKind::seen) continue;
        const auto seen = row->as<SeenBy>();
        const auto first = before != nullptr ? before->as<SeenBy>() : seen;
        if (first.shard != seen.shard) {
            Finding finding = finding_at(Check::id_on_shards, *row, seen.shard, seen.record);
            finding.message = "id " + id_text(row->id_high, row->id_low) + " is of shard " +
                              std::to_string(first.shard) + " record " +
                              std::to_string(first.record) + " event " +
                              std::to_string(before->event) + " too";
            report(finding);
        }
        before = row;
    }
}

/// What is given back goes to who had paid.
void check_payee(std::span<const IdRow* const> rows, const std::function<void(Finding)>& report) {
    const auto find = [&](IdRowKind kind) {
        const auto place =
            std::ranges::find_if(rows, [&](const IdRow* row) { return row->kind == kind; });
        return place == rows.end() ? nullptr : *place;
    };
    const IdRow* sent = find(IdRowKind::payee_expected);
    const IdRow* credit = find(IdRowKind::payee_credited);
    if (sent == nullptr || credit == nullptr) return;
    const auto expected = sent->as<Payee>();
    const auto credited = credit->as<Payee>();
    if (expected.account == credited.account) return;
    Finding finding =
        finding_at(Check::wrong_account, *credit, credited.shard, credited.record);
    finding.message = "id " + id_text(credit->id_high, credit->id_low) +
                      " gives back to another account than had paid; sent by shard " +
                      std::to_string(expected.shard) + " event " + std::to_string(sent->event);
    report(finding);
}

}  // namespace

void check_shards_of_ids(std::span<IdRow> rows, const std::function<void(Finding)>& report) {
    mark_shared(rows);
    std::vector<const IdRow*> shared;
    for (const IdRow& row : rows) {
        if (row.is_shared) shared.push_back(&row);
    }
    // Of one id as they were added: shard by shard.
    std::ranges::sort(shared, [](const IdRow* a, const IdRow* b) {
        return std::tie(a->ledger, a->id_high, a->id_low, a) <
               std::tie(b->ledger, b->id_high, b->id_low, b);
    });
    for (std::size_t begin = 0; begin < shared.size();) {
        std::size_t end = begin + 1;
        while (end < shared.size() && same_key(*shared[begin], *shared[end])) ++end;
        const std::span<const IdRow* const> id = std::span(shared).subspan(begin, end - begin);
        check_seen_once(id, report);
        check_payee(id, report);
        begin = end;
    }
}

}  // namespace vouch::reconciler
