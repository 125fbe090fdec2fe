#include "command-handler/shard/step_peers.h"

namespace vouch::command_handler {

// Digests chain: the one of a batch covers the one before it. So it is enough to keep the newest.
Digest digest_of(const StepBatchView& batch) {
    const StepBatchHeader& header = batch.header;
    return step_batch_digest(header.from, header.to, header.number, header.previous_digest,
                             batch.steps);
}

StepBatchPlace StepPeers::place(const StepBatchHeader& header, const Digest& digest) const {
    using Kind = StepBatchPlace::Kind;
    const StepPeer& peer = of(header.from);
    const std::uint64_t next = peer.next_taken.value();
    if (header.number.value() > next) return {Kind::missing};
    if (header.number.value() == next) {
        const bool follows = peer.steps_taken == 0 ? header.previous_digest == peer.last_taken
                                                   : digest == peer.last_taken;
        if (!follows || peer.steps_taken >= header.count) return {Kind::forked};
        return {Kind::next, peer.steps_taken};
    }
    const bool is_newest = header.number.value() + 1 == next && peer.steps_taken == 0;
    return {is_newest && digest != peer.last_taken ? Kind::forked : Kind::known};
}

bool StepPeers::apply(const StepsSent& event, std::vector<StepPeerBefore>& before) {
    if (event.to.value() >= peers_.size()) return false;
    StepPeer& peer = peers_[event.to.value()];
    if (event.number != peer.next_sent) return false;
    before.push_back({event.to, peer});
    peer.next_sent = event.number.next();
    peer.last_sent = digest_from(event.digest);
    return true;
}

bool StepPeers::apply(const StepsTaken& event, std::vector<StepPeerBefore>& before) {
    if (event.from.value() >= peers_.size()) return false;
    StepPeer& peer = peers_[event.from.value()];
    const Digest digest = digest_from(event.digest);
    if (event.number != peer.next_taken || event.first != peer.steps_taken) return false;
    if (peer.steps_taken != 0 && digest != peer.last_taken) return false;
    before.push_back({event.from, peer});
    peer.last_taken = digest;
    if (event.left == 0) {
        peer.next_taken = event.number.next();
        peer.steps_taken = 0;
    } else {
        peer.steps_taken = event.first + event.count;
    }
    return true;
}

void StepPeers::undo(std::vector<StepPeerBefore>& before) {
    for (; !before.empty(); before.pop_back())
        peers_[before.back().shard.value()] = before.back().peer;
}

}  // namespace vouch::command_handler
