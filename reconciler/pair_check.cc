// A batch leaves these rows in the shard that sent it, and the same in the one that took it:
//
//   batch_sent, batch_taken: id (from, to, number), event; `position` hash of the digest, `amount`
//                            hash of the record's tag and the sender's record, `first` count,
//                            extent as `outcome`
//   batch_place: the same id and event; `position` the time of the own record, `amount_low` its
//                            number, `first` the own shard
#include "reconciler/pair_check.h"

#include "reconciler/content_digest.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>

namespace vouch::reconciler {

namespace {

IdRow row_of(IdRowKind kind, ShardId from, ShardId to, StepBatchNumber number, EventNumber event) {
    IdRow row;
    row.kind = kind;
    row.id_high = std::uint64_t{from.value()} << 32 | to.value();
    row.id_low = number.value();
    row.event = event.value();
    return row;
}

/// One side of a batch, read from its two rows.
struct PairSide {
    const IdRow* batch = nullptr;
    const IdRow* place = nullptr;

    PairRows::Extent extent() const { return static_cast<PairRows::Extent>(batch->outcome); }
    Timestamp time() const { return Timestamp(static_cast<std::int64_t>(place->position)); }
    std::string text() const {
        return "shard " + std::to_string(place->first) + " record " +
               std::to_string(place->amount_low) + " event " + std::to_string(batch->event);
    }
};

bool fits(std::uint32_t sent, std::uint32_t taken, PairRows::Extent extent) {
    switch (extent) {
        case PairRows::Extent::whole:
            return sent == taken;
        case PairRows::Extent::part:
            return sent > taken;
        case PairRows::Extent::unknown:
            return true;
    }
    return false;
}

}  // namespace

std::uint64_t PairRows::hash_of(std::span<const std::byte> bytes) {
    WordHash hash;
    hash.add(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    return hash.value();
}

bool PairRows::is_doubted(std::uint64_t shard) const {
    return std::ranges::find(doubted_, ShardId(static_cast<std::uint32_t>(shard))) !=
           doubted_.end();
}

void PairRows::sent(const Place& place, const StepsSent& sent) {
    IdRow row = row_of(IdRowKind::batch_sent, place.shard, sent.to, sent.number, place.event);
    row.position = hash_of(sent.digest);
    row.amount_high = hash_of(place.digest);
    row.amount_low = place.record.value();
    row.first = sent.count;
    rows_.add(row);
    row.kind = IdRowKind::batch_place;
    row.position = static_cast<std::uint64_t>(place.time.value());
    row.amount_low = place.record.value();
    row.first = place.shard.value();
    rows_.add(row);
}

void PairRows::taken(const Place& place, const StepsTaken& taken, std::uint32_t count,
                     Extent extent) {
    IdRow row = row_of(IdRowKind::batch_taken, taken.from, place.shard, taken.number, place.event);
    row.position = hash_of(taken.digest);
    row.amount_high = hash_of(taken.record_digest);
    row.amount_low = taken.record.value();
    row.first = count;
    row.outcome = static_cast<std::uint8_t>(extent);
    rows_.add(row);
    row.kind = IdRowKind::batch_place;
    row.position = static_cast<std::uint64_t>(place.time.value());
    row.amount_low = place.record.value();
    row.first = place.shard.value();
    rows_.add(row);
}

/// `rows` are all of one batch. Returns how many of its steps are in flight.
std::uint64_t PairRows::check_batch(std::span<const IdRow* const> rows,
                                    const std::function<void(Finding)>& report) const {
    const std::uint64_t from = rows.front()->id_high >> 32;
    const std::uint64_t to = rows.front()->id_high & ~std::uint32_t{0};
    PairSide sent;
    PairSide taken;
    for (const IdRow* row : rows) {
        if (row->kind == IdRowKind::batch_sent) sent.batch = row;
        if (row->kind == IdRowKind::batch_taken) taken.batch = row;
    }
    for (const IdRow* row : rows) {
        if (row->kind != IdRowKind::batch_place) continue;
        PairSide& side = row->first == from ? sent : taken;
        if (side.batch != nullptr && side.batch->event == row->event) side.place = row;
    }
    const bool is_sent = sent.batch != nullptr && sent.place != nullptr;
    const bool is_taken = taken.batch != nullptr && taken.place != nullptr;
    if (!is_taken) return is_sent && !is_doubted(to) ? sent.batch->first : 0;
    const auto tell = [&](const std::string& what) {
        Finding finding;
        finding.check = Check::step_pair;
        finding.shard = ShardId(taken.place->first);
        finding.record = RecordNumber(taken.place->amount_low);
        finding.event = EventNumber(taken.batch->event);
        finding.message = "batch " + std::to_string(taken.batch->id_low) + " from shard " +
                          std::to_string(from) + ": " + what;
        if (is_sent) finding.message += "; sent by " + sent.text();
        report(finding);
    };
    if (!is_sent) {
        if (!is_doubted(from)) {
            tell("it was never sent; the sender's record " +
                 std::to_string(taken.batch->amount_low) + " is missing or has no such batch");
        }
        return 0;
    }
    if (sent.batch->position != taken.batch->position) {
        tell("another digest was sent");
    } else if (sent.batch->amount_low != taken.batch->amount_low) {
        tell("it is said to come with record " + std::to_string(taken.batch->amount_low));
    } else if (sent.batch->amount_high != taken.batch->amount_high) {
        tell("the record that it came with has another tag");
    } else if (!fits(sent.batch->first, taken.batch->first, taken.extent())) {
        tell("of " + std::to_string(sent.batch->first) + " steps, " +
             std::to_string(taken.batch->first) + " were taken");
    } else if (sent.time() > taken.time()) {
        tell("it is taken before the time at which it was sent");
    }
    return sent.batch->first - std::min(sent.batch->first, taken.batch->first);
}

Result<std::uint64_t> PairRows::check(unsigned threads, Findings& findings) {
    std::atomic<std::uint64_t> in_flight = 0;
    std::mutex mutex;
    const auto report = [&](Finding finding) {
        const std::lock_guard lock(mutex);
        findings.add(std::move(finding));
    };
    const Status status = rows_.finish(threads, [&](std::span<IdRow> rows) {
        std::ranges::sort(rows, [](const IdRow& a, const IdRow& b) {
            return std::tie(a.id_high, a.id_low, a.event) < std::tie(b.id_high, b.id_low, b.event);
        });
        std::vector<const IdRow*> batch;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            batch.push_back(&rows[i]);
            const bool is_last = i + 1 == rows.size() || rows[i + 1].id_high != rows[i].id_high ||
                                 rows[i + 1].id_low != rows[i].id_low;
            if (!is_last) continue;
            in_flight += check_batch(batch, report);
            batch.clear();
        }
    });
    if (!status) return status.error();
    return in_flight.load();
}

}  // namespace vouch::reconciler
