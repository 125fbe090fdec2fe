#include "command-handler/shard/snapshot_rows.h"

// The content of each kind of chunk. All numbers are big-endian.
//
// head      = kind 1: format:1 next_record:8 next_event:8 last_digest:32 last_time:8
//             clock_accepted:8 term:8 epoch:8 epoch_first_event:8 epoch_first_time:8
//             epoch_has_record:1 next_command:8 next_step:8
// accounts  = kind 2: rows of id:16 ledger:4 class:1 asset:16 totals:4x16 limit:16 version:8
//             block:1 closed:1 unlimited:1 transit:1 and, of a transit account, from:4 to:4; in
//             order of their numbers
// holds     = kind 3: rows of ledger:4 id:16 payer:4 payee+1:4 remaining:16 captured:16
//             expires_at:8 remote_payee:16
// followed  = kind 4: rows of leader:4 and a hold
// crossings = kind 5: rows of ledger:4 id:16 to:4 event:8 amount:16 can_return:1 payer:4 transit:4
//             names_payee:1 length:4 command
// peers     = kind 6: rows of shard:4 next_sent:8 last_sent:32 next_taken:8 steps_taken:4
//             last_taken:32; like the head exactly of where the snapshot begins
// seen end  = kind 7: next_record:8 last_digest:32, as they were when the last chunk was copied

namespace vouch::command_handler {
namespace {

constexpr std::size_t kTransitBytes = 8;

// The fields of each row, which `io` writes or reads.

template <class Io, class Head>
void head_fields(Io& io, Head& head) {
    io.fields(head.next_record, head.next_event, head.last_digest, head.last_time,
              head.clock_accepted, head.term, head.epoch, head.epoch_first_event,
              head.epoch_first_time, head.epoch_has_record, head.next_command, head.next_step);
}

template <class Io, class Row, class ItsAsset>
void account_fields(Io& io, Row& row, ItsAsset& asset) {
    auto& standing = row.standing;
    io.fields(row.id, row.ledger, row.account_class, asset, standing.totals.debits_posted,
              standing.totals.credits_posted, standing.totals.debits_held,
              standing.totals.credits_held, standing.limit_below_zero, standing.version,
              standing.block, standing.closed, standing.unlimited);
}

template <class Io, class Ledger, class Hold>
void hold_fields(Io& io, Ledger& ledger, Hold& hold, std::uint32_t& payee_plus_one) {
    io.fields(ledger, hold.id, hold.payer, payee_plus_one, hold.remaining, hold.captured,
              hold.expires_at, hold.remote_payee);
}

/// But for the command.
template <class Io, class Key, class ItsCrossing>
void crossing_fields(Io& io, Key& key, ItsCrossing& crossing) {
    io.fields(key.ledger, key.id, crossing.to, crossing.event, crossing.amount,
              crossing.can_return, crossing.payer, crossing.transit, crossing.names_payee);
}

template <class Io, class Peer>
void peer_fields(Io& io, Peer& peer) {
    io.fields(peer.next_sent, peer.last_sent, peer.next_taken, peer.steps_taken, peer.last_taken);
}

}  // namespace

void write_head(ChunkWriter out, const ChainHead& head) {
    out.fields(kSnapshotFormat);
    head_fields(out, head);
}

ChainHead read_head(ChunkReader in) {
    ChainHead head;
    head_fields(in, head);
    return head;
}

void write_account(ChunkWriter out, const AccountRow& row, Asset asset,
                   const std::optional<TransitKey>& transit) {
    account_fields(out, row, asset);
    out.fields(transit.has_value());
    if (transit) out.fields(transit->from, transit->to);
}

bool read_account(ChunkReader& in, ShardState& state) {
    AccountRow row;
    Asset asset;
    account_fields(in, row, asset);
    if (!in.next<bool>()) {
        state.tables().open_account(row, asset);
        return true;
    }
    if (in.left() < kTransitBytes) return false;
    TransitKey key{row.ledger, {}, {}, asset};
    in.fields(key.from, key.to);
    state.tables().open_transit(row, key);
    return true;
}

void write_hold(ChunkWriter out, LedgerId ledger, const HoldState& hold) {
    std::uint32_t payee = hold.payee ? hold.payee->value() + 1 : 0;
    hold_fields(out, ledger, hold, payee);
}

std::pair<LedgerId, HoldState> read_hold(ChunkReader& in) {
    LedgerId ledger;
    HoldState hold;
    std::uint32_t payee = 0;
    hold_fields(in, ledger, hold, payee);
    if (payee != 0) hold.payee = AccountNumber(payee - 1);
    return {ledger, hold};
}

void write_crossing(ChunkWriter out, const CrossingKey& key, const Crossing& crossing) {
    crossing_fields(out, key, crossing);
    out.fields(static_cast<std::uint32_t>(crossing.command.size()));
    out.bytes(crossing.command);
}

bool read_crossing(ChunkReader& in, ShardState& state) {
    CrossingKey key;
    Crossing crossing;
    crossing_fields(in, key, crossing);
    const auto length = in.next<std::uint32_t>();
    if (length > in.left()) return false;
    const std::span<const std::byte> command = in.take(length);
    crossing.command.assign(command.begin(), command.end());
    state.tables().crossings.add(key, std::move(crossing));
    return true;
}

void write_peer(ChunkWriter out, ShardId shard, const StepPeer& peer) {
    out.fields(shard);
    peer_fields(out, peer);
}

bool read_peer(ChunkReader& in, StepPeers& peers) {
    const auto shard = in.next<ShardId>();
    StepPeer peer;
    peer_fields(in, peer);
    if (shard.value() >= peers.shard_count()) return false;
    peers.load(shard, peer);
    return true;
}

}  // namespace vouch::command_handler
