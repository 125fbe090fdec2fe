#include "command-handler/shard/shard_recovery.h"

#include "command-handler/shard/log_replay.h"
#include "command-handler/shard/snapshot.h"
#include "events/log/set_aside.h"

#include <memory>
#include <utility>

namespace vouch::command_handler {

Status ShardRecovery::run() {
    const Status made = make_directories(*with_.options.files, with_.directory().string());
    if (!made) return Fault{FaultCode::storage, "shard directory: " + made.error().message};
    books_.head.last_digest = with_.deployment.genesis_tag;
    if (Status status = open_store(); !status) return status;
    if (Status status = open_snapshot(); !status) return status;
    if (Status status = check_kept_end(); !status) return status;
    LogReplay replay(with_, books_, exact_from_);
    if (Status status = replay.run(store_position_); !status)
        return stop_alone(status);
    knows_all_ = true;
    return {};
}

Status ShardRecovery::open_store() {
    const std::filesystem::path path = with_.directory() / "store";
    store_position_ = {RecordNumber(0), with_.deployment.genesis_tag};
    Result<std::optional<StorePosition>> loaded = load_store(path);
    if (!loaded && loaded.error().code == FaultCode::corrupt) {
        books_.facts.reset();
        books_.index.reset();
        books_.store.reset();
        if (Status moved = set_damaged_aside("store", loaded.error()); !moved) return moved;
        loaded = load_store(path);
    }
    if (!loaded) return loaded.error();
    if (*loaded) store_position_ = **loaded;
    return check_seen(store_position_.next_record, store_position_.digest, "the shard store");
}

Result<std::optional<StorePosition>> ShardRecovery::load_store(const std::filesystem::path& path) {
    Result<std::unique_ptr<ShardStore>> opened =
        with_.options.stores->open(path, with_.keys, with_.shard);
    if (!opened) return opened.error();
    books_.store = std::move(*opened);
    books_.index = std::make_unique<FactIndex>(*books_.store,
                                               with_.options.bounds.generation_facts);
    books_.facts = std::make_unique<ShardFacts>(with_.shard, *books_.index, books_.events);
    return books_.store->load([this](const FactKey& key) { books_.index->note_stored(key); });
}

Status ShardRecovery::open_snapshot() {
    if (!with_.options.snapshots) return {};
    const SecretKey key = with_.keys.local_key("snapshot", with_.shard);
    const Result<std::optional<LoadedSnapshot>> loaded =
        load_snapshot(with_.directory() / "snapshot", key, books_.state, books_.peers,
                      *with_.options.files);
    if (!loaded) return set_damaged_aside("snapshot", loaded.error());
    if (!*loaded) return {};
    books_.head = (*loaded)->head;
    exact_from_ = (*loaded)->seen_next;
    return check_seen((*loaded)->seen_next, (*loaded)->seen_digest, "the snapshot");
}

/// Where it tells more than what was believed so far: that much stands in the log, and in this one.
Status ShardRecovery::check_kept_end() {
    if (with_.ends == nullptr) return {};
    const std::optional<KeptEnd>& kept = with_.ends->found(with_.shard);
    if (!kept || kept->next_record <= books_.head.next_record) return {};
    return check_seen(kept->next_record, kept->digest, "the kept end");
}

/// What is kept beside the log was derived from it; when the log no longer has what it was derived
/// from, records have been cut or changed, and nobody may write on.
Status ShardRecovery::check_seen(RecordNumber next_record, const Digest& digest,
                                 const char* seen_by) {
    if (next_record.value() == 0) return {};
    const RecordNumber last(next_record.value() - 1);
    const Result<RecordNumber> end = with_.log.end(with_.shard);
    if (!end) return stop_alone(end.error());
    if (*end <= last) {
        return with_.corrupt(last, std::string(seen_by) +
                                       " has seen it, and the log ends at record " +
                                       std::to_string(end->value()) + ": records are missing");
    }
    const Result<Digest> stands = books_.past.digest_of(last);
    if (!stands) return stop_alone(stands.error());
    if (*stands == digest) return {};
    return with_.corrupt(last, "digest mismatch, " + std::string(seen_by) + " and the log: " +
                                   expected_found_hex(digest, *stands) +
                                   "; where the log is the right one, move store and snapshot in " +
                                   with_.directory().string() +
                                   " aside, and ends beside it, and they are made again");
}

/// What was damaged is evidence of what happened to it.
Status ShardRecovery::set_damaged_aside(const char* name, const Fault& fault) {
    const Result<SetAside> aside =
        vouch::set_aside(with_.directory() / name, "damaged", *with_.options.files);
    if (!aside) return aside.error();
    warnings_.push_back("shard " + std::to_string(with_.shard.value()) + ": " + fault.message +
                        "; set aside as " + aside->path.string() + ", " +
                        std::to_string(aside->kept) +
                        " of its kind are kept there, and built again from the log");
    return {};
}

/// Whoever asks whether an id is new needs all that this shard has seen: its store alone may have
/// followed the log to its end.
Status ShardRecovery::stop_alone(const Status& status) {
    if (status.error().code != FaultCode::corrupt) return status;
    stops_alone_ = true;
    const Result<RecordNumber> end = with_.log.end(with_.shard);
    knows_all_ = end && store_position_.next_record >= *end;
    if (knows_all_) return status;
    return Fault{FaultCode::corrupt,
                 status.error().message + "; which ids it has seen is not known"};
}

}  // namespace vouch::command_handler
