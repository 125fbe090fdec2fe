#include "command-handler/shard/snapshot.h"

#include "command-handler/shard/snapshot_rows.h"
#include "events/check.h"

#include <algorithm>
#include <limits>

// snapshot = chunk* end
// chunk    = length:4 kind:1 content            length counts kind and content; the first chunk is
//                                               a head, the last a seen end
// end      = 0:4 tag:32
// content  = rows, all but the head's and the seen end's any number: snapshot_rows.cc
//
// All numbers are big-endian. The tag runs over the chunks: tag 0 is zero, and tag n+1 is
// HMAC-SHA256(tag n | length | kind | content).

namespace vouch::command_handler {
namespace {

enum class Kind : std::uint8_t {
    head = 1,
    accounts = 2,
    holds = 3,
    followed = 4,
    crossings = 5,
    peers = 6,
    seen_end = 7
};

constexpr std::size_t kEndBytes = 4 + 32;

/// Whatever kept it from being written: the shard goes on without.
Fault unwritten(const Status& failed) {
    return {FaultCode::storage, "snapshot: " + failed.error().message};
}

/// Only an account without id can be a transit account, which spares the others the look-up.
std::optional<TransitKey> transit_key_of(const ShardState& state, const AccountRow& row,
                                         std::uint32_t number) {
    if (!row.id.is_zero()) return std::nullopt;
    return state.transits().key_of(AccountNumber(number));
}

std::vector<std::byte> begin_chunk(Kind kind) {
    std::vector<std::byte> chunk(4);
    chunk.push_back(static_cast<std::byte>(kind));
    return chunk;
}

}  // namespace

SnapshotWriter::SnapshotWriter(std::filesystem::path path, const SecretKey& key, Files& files)
    : files_(files), path_(std::move(path)), mac_(key) {}

SnapshotWriter::~SnapshotWriter() {
    if (file_) (void)files_.remove(file_->path());
}

Result<std::unique_ptr<SnapshotWriter>> SnapshotWriter::begin(const std::filesystem::path& path,
                                                              const SecretKey& key,
                                                              const ChainHead& head,
                                                              const StepPeers& peers,
                                                              Files& files) {
    std::unique_ptr<SnapshotWriter> writer(new SnapshotWriter(path, key, files));
    writer->first_event_ = head.next_event;
    Result<File> file = File::make(files, path.string() + ".unfinished");
    if (!file) return unwritten(file.error());
    writer->file_ = std::move(*file);
    std::vector<std::byte> chunk = begin_chunk(Kind::head);
    write_head(ChunkWriter(chunk), head);
    if (Status status = writer->write_chunk(chunk); !status) return status.error();
    chunk = begin_chunk(Kind::peers);
    for (ShardId shard(0); shard.value() < peers.shard_count(); shard = shard.next()) {
        if (peers.of(shard) != StepPeer{}) write_peer(ChunkWriter(chunk), shard, peers.of(shard));
    }
    if (Status status = writer->write_chunk(chunk); !status) return status.error();
    return writer;
}

Status SnapshotWriter::write_chunk(std::vector<std::byte>& chunk) {
    const std::size_t length = chunk.size() - 4;
    VOUCH_ASSERT(length <= std::numeric_limits<std::uint32_t>::max());
    for (std::size_t i = 0; i < 4; ++i) chunk[i] = static_cast<std::byte>(length >> (24 - 8 * i));
    const std::array<std::span<const std::byte>, 2> pieces{running_, chunk};
    running_ = mac_.tag(pieces);
    return write(chunk);
}

Status SnapshotWriter::write(std::span<const std::byte> bytes) {
    if (Status written = file_->write(bytes, size_); !written) return unwritten(written);
    size_ += bytes.size();
    return {};
}

Result<bool> SnapshotWriter::copy_some(const ShardState& state, const ChainHead& head) {
    struct Part {
        Kind kind;
        bool (SnapshotWriter::*copy)(const ShardState&, std::vector<std::byte>&);
    };
    constexpr std::array<Part, 4> kParts = {{{Kind::accounts, &SnapshotWriter::copy_accounts},
                                             {Kind::holds, &SnapshotWriter::copy_holds},
                                             {Kind::followed, &SnapshotWriter::copy_followed_holds},
                                             {Kind::crossings, &SnapshotWriter::copy_crossings}}};
    const Part& part = kParts[part_];
    std::vector<std::byte> chunk = begin_chunk(part.kind);
    if ((this->*part.copy)(state, chunk)) {
        ++part_;
        next_ = 0;
    }
    if (Status status = write_chunk(chunk); !status) return status.error();
    if (part_ < kParts.size()) return false;
    chunk = begin_chunk(Kind::seen_end);
    ChunkWriter(chunk).fields(head.next_record, head.last_digest);
    if (Status status = write_chunk(chunk); !status) return status.error();
    return true;
}

bool SnapshotWriter::copy_accounts(const ShardState& state, std::vector<std::byte>& chunk) {
    const AccountTable& accounts = state.accounts();
    chunk.reserve(chunk.size() + kChunkRows * kAccountBytes);
    for (std::size_t i = 0; i < kChunkRows && next_ < accounts.size(); ++i, ++next_) {
        const AccountRow& row = accounts.row(AccountNumber(next_));
        write_account(ChunkWriter(chunk), row, accounts.asset(row),
                      transit_key_of(state, row, next_));
    }
    return next_ == accounts.size();
}

bool SnapshotWriter::copy_holds(const ShardState& state, std::vector<std::byte>& chunk) {
    const HoldTable& holds = state.holds();
    for (std::size_t i = 0; i < kChunkRows && next_ < holds.places_end(); ++i) {
        if (const HoldTable::Placed* placed = holds.at(next_++))
            write_hold(ChunkWriter(chunk), placed->ledger, placed->hold);
    }
    return next_ == holds.places_end();
}

bool SnapshotWriter::copy_followed_holds(const ShardState& state, std::vector<std::byte>& chunk) {
    for (std::size_t i = 0; i < kChunkRows && leader_.value() < state.shard_count(); ++i) {
        const HoldTable& holds = state.followed_holds(leader_);
        if (next_ == holds.places_end()) {
            leader_ = leader_.next();
            next_ = 0;
        } else if (const HoldTable::Placed* placed = holds.at(next_++)) {
            ChunkWriter(chunk).fields(leader_);
            write_hold(ChunkWriter(chunk), placed->ledger, placed->hold);
        }
    }
    return leader_.value() == state.shard_count();
}

// What began later may be of accounts that were opened after theirs were copied: its event follows.
bool SnapshotWriter::copy_crossings(const ShardState& state, std::vector<std::byte>& chunk) {
    const CrossingTable& crossings = state.crossings();
    for (std::size_t i = 0; i < kChunkRows && chunk.size() < kChunkBytes &&
                            next_ < crossings.places_end();
         ++i, ++next_) {
        const CrossingKey* key = crossings.key_at(next_);
        const Crossing& crossing = crossings.at(next_);
        if (key != nullptr && crossing.event < first_event_)
            write_crossing(ChunkWriter(chunk), *key, crossing);
    }
    return next_ == crossings.places_end();
}

Status SnapshotWriter::publish() {
    std::array<std::byte, kEndBytes> end{};
    std::copy(running_.begin(), running_.end(), end.begin() + 4);
    if (Status written = write(end); !written) return written;
    if (Status synced = file_->fsync(); !synced) return unwritten(synced);
    if (Status named = file_->rename(path_.string()); !named) return unwritten(named);
    file_.reset();
    return sync_directory(files_, directory_of(path_.string()));
}

namespace {

/// Checks lengths and the running tag over all chunks; gives them without their lengths.
std::optional<std::vector<std::span<const std::byte>>> authentic_chunks(
    std::span<const std::byte> file, Mac& mac) {
    std::vector<std::span<const std::byte>> chunks;
    Tag running{};
    for (std::size_t at = 0; at + 4 <= file.size();) {
        const std::size_t length = from_big_endian(file.subspan(at, 4));
        if (length == 0) {
            const std::span<const std::byte> tag = file.subspan(at + 4);
            if (tag.size() != running.size() || !equal_tags(tag, running)) return std::nullopt;
            return chunks;
        }
        if (length > file.size() - at - 4) return std::nullopt;
        const std::array<std::span<const std::byte>, 2> pieces{running,
                                                               file.subspan(at, 4 + length)};
        running = mac.tag(pieces);
        chunks.push_back(file.subspan(at + 4, length));
        at += 4 + length;
    }
    return std::nullopt;
}

}  // namespace

Result<std::optional<LoadedSnapshot>> load_snapshot(const std::filesystem::path& path,
                                                    const SecretKey& key, ShardState& state,
                                                    StepPeers& peers, Files& files) {
    const auto file = read_file(files, path.string());
    if (!file)
        return Fault{FaultCode::corrupt, "snapshot: cannot be read: " + file.error().message};
    if (!*file) return std::optional<LoadedSnapshot>();
    Mac mac(key);
    const auto chunks = authentic_chunks(**file, mac);
    const Fault edited{FaultCode::corrupt, "snapshot: not what was written"};
    if (!chunks || chunks->empty()) return edited;
    std::optional<ChainHead> head;
    std::optional<LoadedSnapshot> loaded;
    for (const std::span<const std::byte> chunk : *chunks) {
        ChunkReader rows(chunk.subspan(1));
        switch (static_cast<Kind>(chunk[0])) {
            case Kind::head:
                if (rows.left() != kHeadBytes || rows.next<std::uint8_t>() != kSnapshotFormat) {
                    return Fault{FaultCode::corrupt, "snapshot: of another format"};
                }
                head = read_head(rows);
                break;
            case Kind::accounts:
                while (rows.left() >= kAccountBytes) {
                    if (!read_account(rows, state)) return edited;
                }
                break;
            case Kind::holds:
                while (rows.left() >= kHoldBytes) {
                    const auto& [ledger, hold] = read_hold(rows);
                    state.tables().holds.put(ledger, hold);
                }
                break;
            case Kind::followed:
                while (rows.left() >= 4 + kHoldBytes) {
                    const auto leader = rows.next<ShardId>();
                    const auto& [ledger, hold] = read_hold(rows);
                    if (leader.value() >= peers.shard_count()) return edited;
                    state.tables().followed_holds[leader.value()].put(ledger, hold);
                }
                break;
            case Kind::crossings:
                while (rows.left() >= kCrossingBytes) {
                    if (!read_crossing(rows, state)) return edited;
                }
                break;
            case Kind::peers:
                while (rows.left() >= kPeerBytes) {
                    if (!read_peer(rows, peers)) return edited;
                }
                break;
            case Kind::seen_end:
                if (!head || rows.left() != kSeenEndBytes) return edited;
                loaded = LoadedSnapshot{.head = *head, .seen_next = rows.next<RecordNumber>()};
                rows.fields(loaded->seen_digest);
                break;
        }
    }
    if (!loaded) return edited;
    return loaded;
}

std::optional<RecordNumber> peek_snapshot(const std::filesystem::path& path, Files& files) {
    std::array<std::byte, 4 + 1 + 1> start{};
    std::array<std::byte, 1 + kSeenEndBytes + kEndBytes> end{};
    const Result<std::optional<File>> file = File::find(files, path.string());
    if (!file || !*file) return std::nullopt;
    const Result<std::uint64_t> size = (*file)->size();
    if (!size || *size < end.size()) return std::nullopt;
    if (!(*file)->read(start, 0) || !(*file)->read(end, *size - end.size())) return std::nullopt;
    ChunkReader head(std::span<const std::byte>(start).subspan(4));
    ChunkReader seen(end);
    if (head.next<Kind>() != Kind::head || head.next<std::uint8_t>() != kSnapshotFormat ||
        seen.next<Kind>() != Kind::seen_end)
        return std::nullopt;
    return seen.next<RecordNumber>();
}

}  // namespace vouch::command_handler
