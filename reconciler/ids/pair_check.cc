// A batch leaves two rows in the shard that sent it, and the same in the one that took it: Batch
// and BatchPlace, both of the id (from, to, number).
#include "reconciler/ids/pair_check.h"

#include "events/world/mutex.h"
#include "reconciler/reading/content_digest.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>

namespace vouch::reconciler {

namespace {

IdRow row_of(ShardId from, ShardId to, StepBatchNumber number, EventNumber event) {
    IdRow row;
    row.id_high = std::uint64_t{from.value()} << 32 | to.value();
    row.id_low = number.value();
    row.event = event.value();
    return row;
}

std::uint64_t hash_of(std::span<const std::byte> bytes) {
    WordHash hash;
    hash.add(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    return hash.value();
}

/// One side of a batch, read from its two rows.
struct PairSide {
    EventNumber event;
    std::optional<Batch> batch;
    std::optional<BatchPlace> place;

    bool is_whole() const { return batch && place; }
    std::string text() const {
        return "shard " + std::to_string(place->shard) + " record " +
               std::to_string(place->record) + " event " + std::to_string(event.value());
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

bool PairRows::is_doubted(std::uint64_t shard) const {
    return std::ranges::find(doubted_, ShardId(static_cast<std::uint32_t>(shard))) !=
           doubted_.end();
}

void PairRows::keep(const IdRow& batch, const Place& place) {
    rows_.add(batch);
    IdRow row = batch;
    row.say(IdRowKind::batch_place,
            BatchPlace{place.time, place.record.value(), place.shard.value()});
    rows_.add(row);
}

void PairRows::sent(const Place& place, const StepsSent& sent) {
    IdRow row = row_of(place.shard, sent.to, sent.number, place.event);
    row.say(IdRowKind::batch_sent,
            Batch{hash_of(sent.digest), hash_of(place.digest), place.record.value(), sent.count});
    keep(row, place);
}

void PairRows::taken(const Place& place, const StepsTaken& taken, std::uint32_t count,
                     Extent extent) {
    IdRow row = row_of(taken.from, place.shard, taken.number, place.event);
    row.say(IdRowKind::batch_taken, Batch{hash_of(taken.digest), hash_of(taken.record_digest),
                                          taken.record.value(), count, extent});
    keep(row, place);
}

/// `rows` are all of one batch. Returns how many of its steps are in flight.
std::uint64_t PairRows::check_batch(std::span<const IdRow* const> rows,
                                    const std::function<void(Finding)>& report) const {
    const std::uint64_t from = rows.front()->id_high >> 32;
    const std::uint64_t to = rows.front()->id_high & ~std::uint32_t{0};
    PairSide sent;
    PairSide taken;
    for (const IdRow* row : rows) {
        if (row->kind == IdRowKind::batch_place) continue;
        PairSide& side = row->kind == IdRowKind::batch_sent ? sent : taken;
        side.event = EventNumber(row->event);
        side.batch = row->as<Batch>();
    }
    for (const IdRow* row : rows) {
        if (row->kind != IdRowKind::batch_place) continue;
        const auto place = row->as<BatchPlace>();
        PairSide& side = place.shard == from ? sent : taken;
        if (side.batch && side.event.value() == row->event) side.place = place;
    }
    if (!taken.is_whole()) return sent.is_whole() && !is_doubted(to) ? sent.batch->count : 0;
    const auto tell = [&](const std::string& what) {
        Finding finding;
        finding.check = Check::step_pair;
        finding.shard = ShardId(taken.place->shard);
        finding.record = RecordNumber(taken.place->record);
        finding.event = taken.event;
        finding.message = "batch " + std::to_string(rows.front()->id_low) + " from shard " +
                          std::to_string(from) + ": " + what;
        if (sent.is_whole()) finding.message += "; sent by " + sent.text();
        report(finding);
    };
    if (!sent.is_whole()) {
        if (!is_doubted(from)) {
            tell("it was never sent; the sender's record " + std::to_string(taken.batch->record) +
                 " is missing or has no such batch");
        }
        return 0;
    }
    if (sent.batch->digest != taken.batch->digest) {
        tell("another digest was sent");
    } else if (sent.batch->record != taken.batch->record) {
        tell("it is said to come with record " + std::to_string(taken.batch->record));
    } else if (sent.batch->record_digest != taken.batch->record_digest) {
        tell("the record that it came with has another tag");
    } else if (!fits(sent.batch->count, taken.batch->count, taken.batch->extent)) {
        tell("of " + std::to_string(sent.batch->count) + " steps, " +
             std::to_string(taken.batch->count) + " were taken");
    } else if (sent.place->time > taken.place->time) {
        tell("it is taken before the time at which it was sent");
    }
    return sent.batch->count - std::min(sent.batch->count, taken.batch->count);
}

Result<std::uint64_t> PairRows::check(unsigned threads, Findings& findings) {
    std::atomic<std::uint64_t> in_flight = 0;
    Mutex mutex;
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
