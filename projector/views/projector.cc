#include "projector/views/projector.h"

#include "events/seal/mac.h"
#include "events/seal/record_verifier.h"
#include "projector/views/materialise.h"

#include <algorithm>
#include <string>
#include <utility>

namespace vouch::projector {
namespace {

Fault corrupt(ShardId shard, RecordNumber record, const std::string& what) {
    return {FaultCode::corrupt, "shard " + std::to_string(shard.value()) + " record " +
                                    std::to_string(record.value()) + ": " + what};
}

std::string expected(std::uint64_t wanted, std::uint64_t found) {
    return "expected " + std::to_string(wanted) + ", found " + std::to_string(found);
}

/// Checks that records follow each other, as the position after them moves on.
class RecordChecker {
public:
    RecordChecker(const Deployment& deployment, ShardId shard, const EpochKeys* keys)
        : verifier_(deployment, shard, keys) {}

    Result<RecordView> check(const StoredRecord& stored, const ViewPosition& before) {
        const RecordNumber number = before.next_record;
        if (stored.number != number) {
            return verifier_.corrupt(
                number, "log gave another: " + expected(number.value(), stored.number.value()));
        }
        Result<RecordView> record = verifier_.verify(number, stored.bytes);
        if (!record) return record;
        const std::string wrong = find_wrong(record->header, before);
        if (!wrong.empty()) return verifier_.corrupt(number, wrong);
        return record;
    }

    /// The record before a position, which must be the one that the position names.
    Status check_last(const StoredRecord& stored, const ViewPosition& position) {
        const RecordNumber last(position.next_record.value() - 1);
        const Result<RecordView> record = verifier_.verify(last, stored.bytes);
        if (!record) return record.error();
        if (record->digest == position.digest) return {};
        return verifier_.corrupt(last, "the view was made from another log: digest " +
                                           expected_found_hex(position.digest, record->digest) +
                                           "; where the log is the right one, move the view's "
                                           "directory aside, and it is made again");
    }

private:
    /// What in the header contradicts the records before; empty when nothing does.
    static std::string find_wrong(const RecordHeader& header, const ViewPosition& before) {
        if (header.first_event != before.next_event) {
            return "first event: " +
                   expected(before.next_event.value(), header.first_event.value());
        }
        if (!follows(header, before.digest)) {
            return "previous digest: " + expected_found_hex(before.digest, header.previous_digest);
        }
        if (header.record.value() > 0 && header.time < before.time) {
            return "earlier than the record before it";
        }
        return {};
    }

    RecordVerifier verifier_;
};

/// The first record that cannot be applied, and why.
struct Stop {
    RecordNumber record;
    Fault fault;
};

/// Records read ahead of what is applied.
struct Piece {
    std::vector<StoredRecord> records;
    std::size_t bytes = 0;
};

class LogProjector final : public Projector {
public:
    LogProjector(LogReader& log, const Deployment& deployment, ShardId shard, ViewStore& store,
                 const EpochKeys* keys, const ProjectorOptions& options)
        : log_(log),
          shard_(shard),
          store_(store),
          options_(options),
          checker_(deployment, shard, keys) {
        position_.digest = deployment.genesis_tag;
        if (store.position()) position_ = *store.position();
    }

    /// The view's last record must be the log's. Where the log does not give that one, the view
    /// goes no further: other shards' views are no worse for it.
    Status compare_with_log() {
        if (position_.next_record.value() == 0) return {};
        const RecordNumber last(position_.next_record.value() - 1);
        const Result<RecordNumber> end = log_.end(shard_);
        if (!end) return cannot_compare(end.error());
        if (*end < position_.next_record) {
            return corrupt(shard_, last, "applied to the view, but the log ends before it");
        }
        std::vector<StoredRecord> records;
        const Status read = log_.read_records(shard_, last, 1, records);
        if (!read) return cannot_compare(read.error());
        if (records.empty() || records.front().number != last) {
            return corrupt(shard_, last, "applied to the view, but the log does not give it");
        }
        return checker_.check_last(records.front(), position_);
    }

    Status compared() const override {
        if (not_compared_) return *not_compared_;
        return {};
    }

    Status catch_up(RecordNumber until) override {
        if (not_compared_) return *not_compared_;
        const Result<RecordNumber> end = log_.end(shard_);
        if (!end) return end.error();
        while (position_.next_record < std::min(until, *end)) {
            const Status applied = step(std::min(until, *end));
            if (!applied) return applied;
        }
        return {};
    }

    Status catch_up_to_end() override {
        if (not_compared_) return *not_compared_;
        const Result<RecordNumber> target = log_.end(shard_);
        if (!target) return target.error();
        while (position_.next_record < *target) {
            // Asked anew, so that the choice of how to write knows how much there is by now.
            const Result<RecordNumber> end = log_.end(shard_);
            if (!end) return end.error();
            const Status applied = step(*end);
            if (!applied) return applied;
        }
        return {};
    }

    RecordNumber next_record() const override { return position_.next_record; }

private:
    Status cannot_compare(const Fault& fault) {
        if (fault.code != FaultCode::corrupt) return fault;
        not_compared_ = fault;
        return {};
    }

    /// One write toward `until`.
    Status step(RecordNumber until) {
        if (!stopped_) {
            const Status written = write_one(until);
            if (written || written.error().code != FaultCode::corrupt) return written;
            stopped_ = Stop{reached_, written.error()};
        }
        // What stands before the record at fault is good: the view is to end exactly there, however
        // the records happened to be cut into writes, and also when there is no room for it yet.
        const RecordNumber last = std::min(until, stopped_->record);
        while (position_.next_record < last) {
            const Status before = write_one(last);
            if (!before) return before;
        }
        return last < stopped_->record ? Status() : Status(stopped_->fault);
    }

    /// After a fault `reached_` is the first record that was not accepted.
    Status write_one(RecordNumber until) {
        reached_ = position_.next_record;
        Piece piece;
        const Status read = read_piece(position_.next_record, piece);
        if (!read) return read;
        return bytes_behind(piece, until) >= options_.bulk_bytes_min ? write_bulk(piece, until)
                                                                     : write_batch(piece, until);
    }

    Status read_piece(RecordNumber from, Piece& piece) {
        piece.records.clear();
        piece.bytes = 0;
        const Status read =
            log_.read_records(shard_, from, options_.batch_bytes_max, piece.records);
        if (!read) return read;
        if (piece.records.empty())
            return corrupt(shard_, from, "missing in the log before its end");
        for (const StoredRecord& record : piece.records) piece.bytes += record.bytes.size();
        return {};
    }

    /// An estimate: the records to come are taken to be as large as those just read.
    std::size_t bytes_behind(const Piece& piece, RecordNumber until) const {
        const std::uint64_t records = until.value() - position_.next_record.value();
        return static_cast<std::size_t>(records * (piece.bytes / piece.records.size()));
    }

    Status write_batch(const Piece& piece, RecordNumber until) {
        if (Status room = store_.has_room(); !room) return room;
        const std::unique_ptr<ViewWrite> write = store_.start_batch();
        ViewPosition ahead = position_;
        const Status added = add(piece, until, *write, ahead);
        if (!added) return added;
        return commit(*write, ahead);
    }

    /// One load: records from `piece` on, until its memory is full.
    Status write_bulk(Piece& piece, RecordNumber until) {
        const Result<std::unique_ptr<ViewWrite>> write = store_.start_bulk();
        if (!write) return write.error();
        ViewPosition ahead = position_;
        while (true) {
            const Status added = add(piece, until, **write, ahead);
            if (!added) return added;
            if (ahead.next_record >= until) break;
            if ((*write)->bytes() >= options_.bulk_memory_bytes) break;
            const Status read = read_piece(ahead.next_record, piece);
            if (!read) return read;
        }
        return commit(**write, ahead);
    }

    Status add(const Piece& piece, RecordNumber until, ViewWrite& write, ViewPosition& ahead) {
        for (const StoredRecord& stored : piece.records) {
            if (ahead.next_record >= until) break;
            const Result<RecordView> record = checker_.check(stored, ahead);
            if (!record) return record.error();
            const Status added = materialiser_.add(*record, write);
            if (!added) return added;
            ahead.next_record = ahead.next_record.next();
            ahead.next_event = EventNumber(ahead.next_event.value() + record->header.event_count);
            ahead.time = record->header.time;
            ahead.digest = record->digest;
            reached_ = ahead.next_record;
        }
        return {};
    }

    Status commit(ViewWrite& write, const ViewPosition& ahead) {
        const Status committed = write.commit(ahead);
        if (committed) position_ = ahead;
        return committed;
    }

    LogReader& log_;
    ShardId shard_;
    ViewStore& store_;
    ProjectorOptions options_;
    RecordChecker checker_;
    Materialiser materialiser_;
    ViewPosition position_;  // committed
    RecordNumber reached_;
    std::optional<Stop> stopped_;
    std::optional<Fault> not_compared_;  ///< why the log does not give the view's last record
};

}  // namespace

Result<std::unique_ptr<Projector>> Projector::start(LogReader& log, const Deployment& deployment,
                                                    ShardId shard, ViewStore& store,
                                                    const EpochKeys* keys,
                                                    const ProjectorOptions& options) {
    auto projector = std::make_unique<LogProjector>(log, deployment, shard, store, keys, options);
    const Status same = projector->compare_with_log();
    if (!same) return same.error();
    return std::unique_ptr<Projector>(std::move(projector));
}

SecretKey view_key(const EpochKeys& keys, ShardId shard) {
    return keys.local_key("view-files", shard);
}

Result<std::unique_ptr<ShardViews>> ShardViews::open(LogReader& log, const Deployment& deployment,
                                                     const EpochKeys& keys,
                                                     const std::filesystem::path& directory,
                                                     ViewStores& stores,
                                                     const ProjectorOptions& options) {
    auto views = std::make_unique<ShardViews>();
    for (std::uint32_t number = 0; number < log.shard_count(); ++number) {
        const ShardId shard(number);
        const std::filesystem::path place = directory / std::to_string(number);
        Result<Opened> opened = open_shard(log, deployment, shard, keys, place, stores, options);
        if (opened && opened->damage) {
            const std::string what = *opened->damage;
            opened->shard = {};
            const Result<SetAside> aside = stores.set_aside(place);
            if (!aside) return aside.error();
            views->warnings_.push_back("ALARM: the view of shard " + std::to_string(number) +
                                       " was damaged (" + what + "); it is kept as " +
                                       aside->path.string() + ", and made again from the log");
            opened = open_shard(log, deployment, shard, keys, place, stores, options);
            if (opened && opened->damage) return Fault{FaultCode::corrupt, *opened->damage};
        }
        if (!opened) return opened.error();
        views->stores_.push_back(opened->shard.store.get());
        views->shards_.push_back(std::move(opened->shard));
    }
    return views;
}

Result<ShardViews::Opened> ShardViews::open_shard(LogReader& log, const Deployment& deployment,
                                                  ShardId shard, const EpochKeys& keys,
                                                  const std::filesystem::path& directory,
                                                  ViewStores& stores,
                                                  const ProjectorOptions& options) {
    Opened opened;
    Result<std::unique_ptr<ViewStore>> store =
        stores.open(directory, view_key(keys, shard),
                    ViewStoreOptions::of_one_of(log.shard_count()));
    if (!store && store.error().code == FaultCode::corrupt) {
        opened.damage = store.error().message;
        return opened;
    }
    if (!store) return store.error();
    opened.shard.store = *std::move(store);
    // Also of a view that goes: what it has seen of the log is looked at first.
    Result<std::unique_ptr<Projector>> projector =
        Projector::start(log, deployment, shard, *opened.shard.store, &keys, options);
    if (!projector) return projector.error();
    opened.shard.projector = *std::move(projector);
    opened.damage = stores.noted_damage(directory);
    return opened;
}

Result<std::unique_ptr<ShardViews>> ShardViews::open_to_read(
    std::uint32_t shard_count, const EpochKeys& keys, const std::filesystem::path& directory,
    ViewStores& stores) {
    auto views = std::make_unique<ShardViews>();
    for (std::uint32_t number = 0; number < shard_count; ++number) {
        Result<std::unique_ptr<ViewStore>> store = stores.open_to_read(
            directory / std::to_string(number), view_key(keys, ShardId(number)),
            ViewStoreOptions::of_one_of(shard_count));
        if (!store) return store.error();
        views->stores_.push_back(store->get());
        views->shards_.push_back({*std::move(store), nullptr});
    }
    return views;
}

Status ShardViews::catch_up_to_end() {
    for (const Shard& shard : shards_) {
        const Status caught_up = shard.projector->catch_up_to_end();
        if (!caught_up) return caught_up;
    }
    return {};
}

}  // namespace vouch::projector
