// What each key is derived from (HMAC-SHA256 under the root; G: the genesis digest, 32 bytes;
// numbers big-endian). Records and archives: schemas/record.proto; steps: step.proto.
//
//   record key    "vouch/epoch-key/v2" 0x00   | G | shard, 4 bytes | epoch, 8 bytes
//   step key      "vouch/step-key/v2" 0x00    | G | sending shard, 4 bytes
//   archive key   "vouch/archive-key/v2" 0x00 | G
//   local key     "vouch/" purpose "/v2" 0x00 | G | shard, 4 bytes
//   commitment    SHA-256("vouch/key-commitment/v1" 0x00 | record key)

#include "events/seal/epoch_keys.h"

#include "events/bytes/big_endian.h"
#include "events/bytes/sha256.h"
#include "events/check.h"
#include "events/seal/secret_bytes.h"

#include <array>
#include <span>
#include <string>
#include <utility>

namespace vouch {

namespace {

using namespace std::string_view_literals;

constexpr std::string_view kRecordDomain = "vouch/epoch-key/v2\0"sv;
constexpr std::string_view kStepDomain = "vouch/step-key/v2\0"sv;
constexpr std::string_view kArchiveDomain = "vouch/archive-key/v2\0"sv;
constexpr std::string_view kCommitmentDomain = "vouch/key-commitment/v1\0"sv;

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

/// HMAC(root, pieces) as a key.
SecretKey derive(const SecretKey& root, std::span<const std::span<const std::byte>> pieces) {
    Tag tag = Mac(root).tag(pieces);
    SecretKey key(tag);
    wipe(tag.data(), tag.size());
    return key;
}

}  // namespace

EpochKeys::EpochKeys(SecretKey root, const Deployment& deployment)
    : root_(std::move(root)), genesis_(deployment.genesis_tag) {}

EpochKeys::EpochKeys(SecretKey root, const Digest& genesis)
    : root_(std::move(root)), genesis_(genesis) {}

EpochKeys EpochKeys::clone() const { return EpochKeys(root_.clone(), genesis_); }

SecretKey EpochKeys::record_key(ShardId shard, Epoch epoch) const {
    const auto shard_bytes = big_endian(shard.value());
    const auto epoch_bytes = big_endian(epoch.value());
    const std::array<std::span<const std::byte>, 4> pieces = {bytes_of(kRecordDomain), genesis_,
                                                              shard_bytes, epoch_bytes};
    return derive(root_, pieces);
}

SecretKey EpochKeys::step_key(ShardId from) const {
    const auto shard_bytes = big_endian(from.value());
    const std::array<std::span<const std::byte>, 3> pieces = {bytes_of(kStepDomain), genesis_,
                                                              shard_bytes};
    return derive(root_, pieces);
}

SecretKey EpochKeys::archive_key() const {
    const std::array<std::span<const std::byte>, 2> pieces = {bytes_of(kArchiveDomain), genesis_};
    return derive(root_, pieces);
}

SecretKey EpochKeys::local_key(std::string_view purpose, ShardId shard) const {
    // A purpose of these names, or one that ends the domain early, could be another key's input.
    VOUCH_ASSERT(!purpose.empty() && purpose.find('\0') == std::string_view::npos);
    VOUCH_ASSERT(purpose != "epoch-key" && purpose != "step-key" && purpose != "archive-key");
    const std::string domain = "vouch/" + std::string(purpose) + "/v2" + '\0';
    const auto shard_bytes = big_endian(shard.value());
    const std::array<std::span<const std::byte>, 3> pieces = {bytes_of(domain), genesis_,
                                                              shard_bytes};
    return derive(root_, pieces);
}

Digest EpochKeys::commitment(ShardId shard, Epoch epoch) const {
    const SecretKey key = record_key(shard, epoch);
    const std::array<std::span<const std::byte>, 2> pieces = {bytes_of(kCommitmentDomain),
                                                              key.bytes()};
    return sha256(pieces);
}

}  // namespace vouch
