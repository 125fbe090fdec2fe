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

/// Calls `visit(rows)` for each id with its rows, as they were added, which is how they lie.
/// `has_question(row)`: whether an id of this row alone is visited too.
template <class HasQuestion, class Visit>
void visit_ids(std::span<const IdRow> rows, const HasQuestion& has_question, const Visit& visit) {
    constexpr std::uint32_t kNone = ~std::uint32_t{0};
    const std::size_t mask = std::bit_ceil(rows.size() * 2) - 1;
    std::vector<std::uint32_t> first(mask + 1, kNone);  // a table of ids: the first row of each
    std::vector<std::uint32_t> next(rows.size(), kNone);
    std::vector<bool> has_earlier(rows.size());
    for (auto i = static_cast<std::uint32_t>(rows.size()); i-- > 0;) {
        const IdRow& row = rows[i];
        std::size_t slot =
            keyed_hash(HashKey::of_process(), row.ledger, row.id_high, row.id_low) & mask;
        while (first[slot] != kNone && !same_key(rows[first[slot]], row)) slot = (slot + 1) & mask;
        next[i] = first[slot];
        if (next[i] != kNone) has_earlier[next[i]] = true;
        first[slot] = i;
    }
    std::vector<const IdRow*> together;
    for (std::uint32_t i = 0; i < rows.size(); ++i) {
        if (has_earlier[i] || (next[i] == kNone && !has_question(rows[i]))) continue;
        together.clear();
        for (std::uint32_t row = i; row != kNone; row = next[row]) together.push_back(&rows[row]);
        visit(std::span(together));
    }
}

}  // namespace

void IdCheck::check(std::span<const IdRow> rows, const Report& report) const {
    // Nearly every id has one row, its outcome: nothing can be wrong with it unless a view is
    // compared.
    const auto has_question = [this](const IdRow& row) {
        return row.kind != IdRowKind::decided || viewed_;
    };
    visit_ids(rows, has_question, [&](std::span<const IdRow*> of_id) {
        std::ranges::sort(of_id, [](const IdRow* a, const IdRow* b) {
            return std::tie(a->event, a->kind, a) < std::tie(b->event, b->kind, b);
        });
        IdHistory(breaks_, viewed_, report, expect_).check(of_id);
    });
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

void check_shards_of_ids(std::span<const IdRow> rows,
                         const std::function<void(Finding)>& report) {
    const auto has_question = [](const IdRow&) { return false; };
    visit_ids(rows, has_question, [&](std::span<const IdRow*> of_id) {
        check_seen_once(of_id, report);
        check_payee(of_id, report);
    });
}

}  // namespace vouch::reconciler
