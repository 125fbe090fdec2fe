#pragma once

#include "command-handler/core/shard_state.h"
#include "command-handler/shard/chain_head.h"
#include "command-handler/shard/step_peers.h"
#include "events/bytes/big_endian.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace vouch::command_handler {

/// The rows of a snapshot's chunks. Who reads one has seen that as much is left as it takes at
/// least.
inline constexpr std::uint8_t kSnapshotFormat = 5;
inline constexpr std::size_t kHeadBytes = 1 + 8 + 8 + 32 + 8 * 6 + 1 + 8 + 8;
inline constexpr std::size_t kAccountBytes = 16 + 4 + 1 + 16 + 64 + 16 + 8 + 4;
inline constexpr std::size_t kHoldBytes = 4 + 16 + 4 + 4 + 16 + 16 + 8 + 16;
inline constexpr std::size_t kCrossingBytes = 4 + 16 + 4 + 8 + 16 + 1 + 4 + 4 + 1 + 4;
inline constexpr std::size_t kPeerBytes = 4 + 8 + 32 + 8 + 4 + 32;
inline constexpr std::size_t kSeenEndBytes = 8 + 32;

/// Fields are as wide as their types, numbers big-endian.
class ChunkWriter {
public:
    explicit ChunkWriter(std::vector<std::byte>& out) : out_(out) {}
    template <class... Fields>
    void fields(const Fields&... fields) {
        (add(fields), ...);
    }
    void bytes(std::span<const std::byte> bytes) {
        out_.insert(out_.end(), bytes.begin(), bytes.end());
    }

private:
    template <class T>
    void add(const T& field) {
        if constexpr (requires { typename T::rep; }) {
            add(field.value());
        } else if constexpr (requires { field.high(); }) {
            fields(field.high(), field.low());
        } else if constexpr (requires { field.size(); }) {
            bytes(field);
        } else {
            const std::size_t begin = out_.size();
            out_.resize(begin + sizeof(T));
            put_big_endian(static_cast<std::uint64_t>(field), out_.data() + begin, sizeof(T));
        }
    }

    std::vector<std::byte>& out_;
};

class ChunkReader {
public:
    explicit ChunkReader(std::span<const std::byte> in) : in_(in) {}
    template <class... Fields>
    void fields(Fields&... fields) {
        ((fields = next<Fields>()), ...);
    }
    template <class T>
    T next() {
        if constexpr (requires { typename T::rep; }) {
            return T(next<typename T::rep>());
        } else if constexpr (requires(T field) { field.high(); }) {
            const auto high = next<std::uint64_t>();
            const auto low = next<std::uint64_t>();
            if constexpr (requires { T::from_halves(high, low); }) {
                return T::from_halves(high, low);
            } else {
                return T(high, low);
            }
        } else if constexpr (requires(T field) { field.size(); }) {
            T field;
            std::ranges::copy(take(field.size()), field.begin());
            return field;
        } else {
            return static_cast<T>(from_big_endian(take(sizeof(T))));
        }
    }
    std::span<const std::byte> take(std::size_t count) {
        const std::span<const std::byte> taken = in_.first(count);
        in_ = in_.subspan(count);
        return taken;
    }
    std::size_t left() const { return in_.size(); }

private:
    std::span<const std::byte> in_;
};

void write_head(ChunkWriter out, const ChainHead& head);
/// Behind the format.
ChainHead read_head(ChunkReader in);

void write_account(ChunkWriter out, const AccountRow& row, Asset asset,
                   const std::optional<TransitKey>& transit);
/// False when the row ends too early.
bool read_account(ChunkReader& in, ShardState& state);

void write_hold(ChunkWriter out, LedgerId ledger, const HoldState& hold);
std::pair<LedgerId, HoldState> read_hold(ChunkReader& in);

void write_crossing(ChunkWriter out, const CrossingKey& key, const Crossing& crossing);
/// False when the row ends too early.
bool read_crossing(ChunkReader& in, ShardState& state);

void write_peer(ChunkWriter out, ShardId shard, const StepPeer& peer);
/// False when it is of a shard that the deployment does not have.
bool read_peer(ChunkReader& in, StepPeers& peers);

}  // namespace vouch::command_handler
