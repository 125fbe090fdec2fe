// Stored bytes: a Deployment message (schemas/record.proto), written once and never again. The
// genesis tag is SHA-256("vouch/genesis/v1" 0x00 | those bytes), so every chain hangs on them.

#include "events/seal/deployment.h"

#include "events/check.h"
#include "record.pb.h"

#include <google/protobuf/unknown_field_set.h>
#include <openssl/rand.h>

#include <array>
#include <climits>
#include <span>
#include <string_view>

namespace vouch {

namespace {

using namespace std::string_view_literals;

constexpr std::string_view kGenesisDomain = "vouch/genesis/v1\0"sv;
constexpr std::string_view kShardHash = "place/murmur2";

Digest genesis_tag(std::span<const std::byte> stored) {
    const std::array<std::span<const std::byte>, 2> pieces = {
        std::as_bytes(std::span(kGenesisDomain)), stored};
    return sha256(pieces);
}

struct Halves {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
};

/// Without randomness there are no ids and no keys, and nobody could do anything about it:
/// asserted.
Halves random_halves() {
    Halves halves;
    do {
        std::array<unsigned char, sizeof(Halves)> bytes;
        VOUCH_ASSERT(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1);
        for (std::size_t i = 0; i < 8; ++i) {
            halves.high = (halves.high << 8) | bytes[i];
            halves.low = (halves.low << 8) | bytes[i + 8];
        }
    } while (!DeploymentId(halves.high, halves.low).is_usable());
    return halves;
}

Fault unfit(std::string_view what) {
    return {FaultCode::configuration, "deployment: " + std::string(what)};
}

}  // namespace

NewDeployment make_deployment(std::uint32_t shards, bool test_clock, Timestamp now) {
    VOUCH_ASSERT(shards >= 1 && shards <= kShardsMax);
    const Halves id = random_halves();
    const Halves chain = random_halves();

    v1::Deployment message;
    message.set_format(kDeploymentFormat);
    message.set_deployment_high(id.high);
    message.set_deployment_low(id.low);
    message.set_chain_high(chain.high);
    message.set_chain_low(chain.low);
    message.set_shards(shards);
    message.set_test_clock(test_clock);
    message.set_shard_hash(kShardHash.data(), kShardHash.size());
    message.set_created_at_us(now.value());

    NewDeployment made;
    made.bytes.resize(message.ByteSizeLong());
    VOUCH_ASSERT(message.SerializeToArray(made.bytes.data(), static_cast<int>(made.bytes.size())));

    Result<Deployment> parsed = parse_deployment(made.bytes);
    VOUCH_ASSERT(parsed.has_value());
    made.deployment = *parsed;
    return made;
}

Result<Deployment> parse_deployment(std::span<const std::byte> bytes) {
    v1::Deployment message;
    if (bytes.size() > INT_MAX ||
        !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
        return unfit("not the description of a deployment");
    }
    if (message.format() != kDeploymentFormat) {
        return unfit("expected format " + std::to_string(kDeploymentFormat) + ", found " +
                     std::to_string(message.format()));
    }
    // What a later program added may change what the books mean.
    if (!message.GetReflection()->GetUnknownFields(message).empty())
        return unfit("has fields that this program does not know");

    Deployment deployment;
    deployment.id = DeploymentId(message.deployment_high(), message.deployment_low());
    deployment.chain_high = message.chain_high();
    deployment.chain_low = message.chain_low();
    deployment.shards = message.shards();
    deployment.test_clock = message.test_clock();
    deployment.created_at = Timestamp(message.created_at_us());
    if (!deployment.id.is_usable()) return unfit("its id is missing");
    if (!DeploymentId(deployment.chain_high, deployment.chain_low).is_usable()) {
        return unfit("its chain's id is missing");
    }
    if (deployment.shards < 1 || deployment.shards > kShardsMax) {
        return unfit("expected 1 to " + std::to_string(kShardsMax) + " shards, found " +
                     std::to_string(deployment.shards));
    }
    if (message.shard_hash() != kShardHash) {
        return unfit("expected accounts spread by " + std::string(kShardHash) +
                     ", found another way");
    }
    deployment.genesis_tag = genesis_tag(bytes);
    return deployment;
}

}  // namespace vouch
