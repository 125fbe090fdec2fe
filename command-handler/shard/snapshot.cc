#include "command-handler/shard/snapshot.h"

#include "events/bytes/big_endian.h"
#include "events/check.h"

#include <algorithm>
#include <limits>
#include <string>

// snapshot = chunk* end
// chunk    = length:4 kind:1 content            length counts kind and content; the first is a head,
//                                               the last a seen end
// end      = 0:4 tag:32
// head     = kind 1: format:1 next_record:8 next_event:8 last_digest:32 last_time:8 clock_accepted:8
//            term:8 epoch:8 epoch_first_event:8 epoch_first_time:8 epoch_has_record:1 next_command:8 next_step:8
// accounts = kind 2: rows of id:16 ledger:4 class:1 asset:16 totals:4x16 limit:16 version:8 block:1
//            closed:1 unlimited:1 transit:1 and, of a transit account, from:4 to:4; in order of
//            their numbers
// holds    = kind 3: rows of ledger:4 id:16 payer:4 payee+1:4 remaining:16 captured:16 expires_at:8
//            remote_payee:16
// followed = kind 4: rows of leader:4 and a hold
// crossings = kind 5: rows of ledger:4 id:16 to:4 event:8 amount:16 can_return:1 payer:4 transit:4
// names_payee:1
//            length:4 command
// peers    = kind 6: rows of shard:4 next_sent:8 last_sent:32 next_taken:8 steps_taken:4
// last_taken:32;
//            like the head exactly of where the snapshot begins
// seen end = kind 7: next_record:8 last_digest:32, as they were when the last chunk was copied
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

constexpr std::uint64_t kSnapshotFormat = 5;
constexpr std::size_t kAccountBytes = 16 + 4 + 1 + 16 + 64 + 16 + 8 + 4;
constexpr std::size_t kTransitBytes = 8;
constexpr std::size_t kHoldBytes = 4 + 16 + 4 + 4 + 16 + 16 + 8 + 16;
constexpr std::size_t kCrossingBytes = 4 + 16 + 4 + 8 + 16 + 1 + 4 + 4 + 1 + 4;
constexpr std::size_t kPeerBytes = 4 + 8 + 32 + 8 + 4 + 32;
constexpr std::size_t kHeadBytes = 1 + 8 + 8 + 32 + 8 * 6 + 1 + 8 + 8;
constexpr std::size_t kSeenEndBytes = 8 + 32;
constexpr std::size_t kEndBytes = 4 + 32;

class ChunkWriter {
public:
    explicit ChunkWriter(std::vector<std::byte>& out) : out_(out) {}
    void number(std::uint64_t value, int bytes) {
        for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
            out_.push_back(static_cast<std::byte>(value >> shift));
    }
    void amount(Amount amount) {
        number(amount.high(), 8);
        number(amount.low(), 8);
    }
    template <class Tag>
    void id(Id<Tag> id) {
        number(id.high(), 8);
        number(id.low(), 8);
    }
    void bytes(std::span<const std::byte> bytes) {
        out_.insert(out_.end(), bytes.begin(), bytes.end());
    }

private:
    std::vector<std::byte>& out_;
};

class ChunkReader {
public:
    explicit ChunkReader(std::span<const std::byte> in) : in_(in) {}
    std::uint64_t number(std::size_t bytes) {
        return from_big_endian(this->bytes(bytes));
    }
    Amount amount() {
        const std::uint64_t high = number(8);
        return Amount::from_halves(high, number(8));
    }
    template <class Tag>
    Id<Tag> id() {
        const std::uint64_t high = number(8);
        return Id<Tag>(high, number(8));
    }
    template <std::size_t kSize>
    void copy(std::array<std::byte, kSize>& out) {
        const std::span<const std::byte> taken = bytes(kSize);
        std::copy(taken.begin(), taken.end(), out.begin());
    }
    std::span<const std::byte> bytes(std::size_t count) {
        const std::span<const std::byte> taken = in_.first(count);
        in_ = in_.subspan(count);
        return taken;
    }
    std::size_t left() const { return in_.size(); }

private:
    std::span<const std::byte> in_;
};

void write_head(std::vector<std::byte>& chunk, const ChainHead& head) {
    ChunkWriter out(chunk);
    out.number(kSnapshotFormat, 1);
    out.number(head.next_record.value(), 8);
    out.number(head.next_event.value(), 8);
    out.bytes(head.last_digest);
    out.number(static_cast<std::uint64_t>(head.last_time.value()), 8);
    out.number(static_cast<std::uint64_t>(head.clock_accepted.value()), 8);
    out.number(head.term.value(), 8);
    out.number(head.epoch.value(), 8);
    out.number(head.epoch_first_event.value(), 8);
    out.number(static_cast<std::uint64_t>(head.epoch_first_time.value()), 8);
    out.number(head.epoch_has_record ? 1 : 0, 1);
    out.number(head.next_command.value(), 8);
    out.number(head.next_step.value(), 8);
}

/// Behind the format.
ChainHead read_head(ChunkReader in) {
    ChainHead head;
    head.next_record = RecordNumber(in.number(8));
    head.next_event = EventNumber(in.number(8));
    in.copy(head.last_digest);
    head.last_time = Timestamp(static_cast<std::int64_t>(in.number(8)));
    head.clock_accepted = Timestamp(static_cast<std::int64_t>(in.number(8)));
    head.term = Term(in.number(8));
    head.epoch = Epoch(in.number(8));
    head.epoch_first_event = EventNumber(in.number(8));
    head.epoch_first_time = Timestamp(static_cast<std::int64_t>(in.number(8)));
    head.epoch_has_record = in.number(1) != 0;
    head.next_command = Offset(in.number(8));
    head.next_step = Offset(in.number(8));
    return head;
}

void write_account(std::vector<std::byte>& chunk, const AccountRow& row, Asset asset,
                   const std::optional<TransitKey>& transit) {
    ChunkWriter out(chunk);
    const AccountStanding& standing = row.standing;
    out.id(row.id);
    out.number(row.ledger.value(), 4);
    out.number(static_cast<std::uint64_t>(row.account_class), 1);
    out.number(asset.high(), 8);
    out.number(asset.low(), 8);
    out.amount(standing.totals.debits_posted);
    out.amount(standing.totals.credits_posted);
    out.amount(standing.totals.debits_held);
    out.amount(standing.totals.credits_held);
    out.amount(standing.limit_below_zero);
    out.number(standing.version.value(), 8);
    out.number(static_cast<std::uint64_t>(standing.block), 1);
    out.number(standing.closed ? 1 : 0, 1);
    out.number(standing.unlimited ? 1 : 0, 1);
    out.number(transit ? 1 : 0, 1);
    if (!transit) return;
    out.number(transit->from.value(), 4);
    out.number(transit->to.value(), 4);
}

/// False when the row ends too early.
bool read_account(ChunkReader& in, ShardState& state) {
    AccountRow row;
    row.id = in.id<AccountIdTag>();
    row.ledger = LedgerId(static_cast<std::uint32_t>(in.number(4)));
    row.account_class = static_cast<AccountClass>(in.number(1));
    const std::uint64_t asset_high = in.number(8);
    const Asset asset = Asset::from_halves(asset_high, in.number(8));
    AccountStanding& standing = row.standing;
    standing.totals.debits_posted = in.amount();
    standing.totals.credits_posted = in.amount();
    standing.totals.debits_held = in.amount();
    standing.totals.credits_held = in.amount();
    standing.limit_below_zero = in.amount();
    standing.version = Version(in.number(8));
    standing.block = static_cast<Block>(in.number(1));
    standing.closed = in.number(1) != 0;
    standing.unlimited = in.number(1) != 0;
    if (in.number(1) == 0) {
        state.tables().open_account(row, asset);
        return true;
    }
    if (in.left() < kTransitBytes) return false;
    TransitKey key{row.ledger, {}, {}, asset};
    key.from = ShardId(static_cast<std::uint32_t>(in.number(4)));
    key.to = ShardId(static_cast<std::uint32_t>(in.number(4)));
    state.tables().open_transit(row, key);
    return true;
}

void write_hold(std::vector<std::byte>& chunk, LedgerId ledger, const HoldState& hold) {
    ChunkWriter out(chunk);
    out.number(ledger.value(), 4);
    out.id(hold.id);
    out.number(hold.payer.value(), 4);
    out.number(hold.payee ? std::uint64_t{hold.payee->value()} + 1 : 0, 4);
    out.amount(hold.remaining);
    out.amount(hold.captured);
    out.number(static_cast<std::uint64_t>(hold.expires_at.value()), 8);
    out.id(hold.remote_payee);
}

std::pair<LedgerId, HoldState> read_hold(ChunkReader& in) {
    const LedgerId ledger(static_cast<std::uint32_t>(in.number(4)));
    HoldState hold;
    hold.id = in.id<CommandIdTag>();
    hold.payer = AccountNumber(static_cast<std::uint32_t>(in.number(4)));
    const std::uint64_t payee = in.number(4);
    if (payee != 0) hold.payee = AccountNumber(static_cast<std::uint32_t>(payee - 1));
    hold.remaining = in.amount();
    hold.captured = in.amount();
    hold.expires_at = Timestamp(static_cast<std::int64_t>(in.number(8)));
    hold.remote_payee = in.id<AccountIdTag>();
    return {ledger, hold};
}

void write_crossing(std::vector<std::byte>& chunk, const CrossingKey& key,
                    const Crossing& crossing) {
    ChunkWriter out(chunk);
    out.number(key.ledger.value(), 4);
    out.id(key.id);
    out.number(crossing.to.value(), 4);
    out.number(crossing.event.value(), 8);
    out.amount(crossing.amount);
    out.number(crossing.can_return ? 1 : 0, 1);
    out.number(crossing.payer.value(), 4);
    out.number(crossing.transit.value(), 4);
    out.number(crossing.names_payee ? 1 : 0, 1);
    out.number(crossing.command.size(), 4);
    out.bytes(crossing.command);
}

/// False when the row ends too early.
bool read_crossing(ChunkReader& in, ShardState& state) {
    CrossingKey key;
    key.ledger = LedgerId(static_cast<std::uint32_t>(in.number(4)));
    key.id = in.id<CommandIdTag>();
    Crossing crossing;
    crossing.to = ShardId(static_cast<std::uint32_t>(in.number(4)));
    crossing.event = EventNumber(in.number(8));
    crossing.amount = in.amount();
    crossing.can_return = in.number(1) != 0;
    crossing.payer = AccountNumber(static_cast<std::uint32_t>(in.number(4)));
    crossing.transit = AccountNumber(static_cast<std::uint32_t>(in.number(4)));
    crossing.names_payee = in.number(1) != 0;
    const std::uint64_t length = in.number(4);
    if (length > in.left()) return false;
    const std::span<const std::byte> command = in.bytes(length);
    crossing.command.assign(command.begin(), command.end());
    state.tables().crossings.add(key, std::move(crossing));
    return true;
}

void write_peer(std::vector<std::byte>& chunk, ShardId shard, const StepPeer& peer) {
    ChunkWriter out(chunk);
    out.number(shard.value(), 4);
    out.number(peer.next_sent.value(), 8);
    out.bytes(peer.last_sent);
    out.number(peer.next_taken.value(), 8);
    out.number(peer.steps_taken, 4);
    out.bytes(peer.last_taken);
}

/// False when it is of a shard that the deployment does not have.
bool read_peer(ChunkReader& in, StepPeers& peers) {
    const ShardId shard(static_cast<std::uint32_t>(in.number(4)));
    StepPeer peer;
    peer.next_sent = StepBatchNumber(in.number(8));
    in.copy(peer.last_sent);
    peer.next_taken = StepBatchNumber(in.number(8));
    peer.steps_taken = static_cast<std::uint32_t>(in.number(4));
    in.copy(peer.last_taken);
    if (shard.value() >= peers.shard_count()) return false;
    peers.load(shard, peer);
    return true;
}

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
    write_head(chunk, head);
    if (Status status = writer->write_chunk(chunk); !status) return status.error();
    chunk = begin_chunk(Kind::peers);
    for (ShardId shard(0); shard.value() < peers.shard_count(); shard = shard.next()) {
        if (peers.of(shard) != StepPeer{}) write_peer(chunk, shard, peers.of(shard));
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
    ChunkWriter(chunk).number(head.next_record.value(), 8);
    ChunkWriter(chunk).bytes(head.last_digest);
    if (Status status = write_chunk(chunk); !status) return status.error();
    return true;
}

bool SnapshotWriter::copy_accounts(const ShardState& state, std::vector<std::byte>& chunk) {
    const AccountTable& accounts = state.accounts();
    chunk.reserve(chunk.size() + kChunkRows * kAccountBytes);
    for (std::size_t i = 0; i < kChunkRows && next_ < accounts.size(); ++i, ++next_) {
        const AccountRow& row = accounts.row(AccountNumber(next_));
        write_account(chunk, row, accounts.asset(row), transit_key_of(state, row, next_));
    }
    return next_ == accounts.size();
}

bool SnapshotWriter::copy_holds(const ShardState& state, std::vector<std::byte>& chunk) {
    const HoldTable& holds = state.holds();
    for (std::size_t i = 0; i < kChunkRows && next_ < holds.places_end(); ++i) {
        if (const HoldTable::Placed* placed = holds.at(next_++))
            write_hold(chunk, placed->ledger, placed->hold);
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
            ChunkWriter(chunk).number(leader_.value(), 4);
            write_hold(chunk, placed->ledger, placed->hold);
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
        if (key != nullptr && crossing.event < first_event_) write_crossing(chunk, *key, crossing);
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
        const auto length = static_cast<std::size_t>(ChunkReader(file.subspan(at)).number(4));
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
                if (rows.left() != kHeadBytes || rows.number(1) != kSnapshotFormat) {
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
                    const ShardId leader(static_cast<std::uint32_t>(rows.number(4)));
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
                loaded = LoadedSnapshot{.head = *head, .seen_next = RecordNumber(rows.number(8))};
                rows.copy(loaded->seen_digest);
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
    if (head.number(1) != static_cast<std::uint64_t>(Kind::head) ||
        head.number(1) != kSnapshotFormat ||
        seen.number(1) != static_cast<std::uint64_t>(Kind::seen_end))
        return std::nullopt;
    return RecordNumber(seen.number(8));
}

}  // namespace vouch::command_handler
