// Stored bytes: a Deployment message (schemas/record.proto), written once and never again. The
// genesis tag is SHA-256("vouch/genesis/v1" 0x00 | those bytes), so every chain hangs on them.

#include "events/seal/deployment.h"

#include "events/bytes/sha256.h"
#include "events/check.h"
#include "events/world/random.h"
#include "record.pb.h"

#include <google/protobuf/unknown_field_set.h>

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace vouch {

namespace {

using namespace std::string_view_literals;

constexpr std::string_view kGenesisDomain = "vouch/genesis/v1\0"sv;
constexpr std::string_view kPlacement = "place/murmur2";

Digest genesis_tag(std::span<const std::byte> stored) {
    const std::array<std::span<const std::byte>, 2> pieces = {
        std::as_bytes(std::span(kGenesisDomain)), stored};
    return sha256(pieces);
}

struct IdHalves {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
};

IdHalves random_halves() {
    IdHalves halves;
    do {
        halves.high = random_number();
        halves.low = random_number();
    } while (!DeploymentId(halves.high, halves.low).is_usable());
    return halves;
}

Fault unfit(std::string_view what) {
    return {FaultCode::configuration, "deployment: " + std::string(what)};
}

bool has_unknown(const google::protobuf::Message& message) {
    return !message.GetReflection()->GetUnknownFields(message).empty();
}

bool has_unknown_fields(const v1::Deployment& message) {
    if (has_unknown(message) || has_unknown(message.predecessor()) || has_unknown(message.kafka()))
        return true;
    return std::ranges::any_of(message.predecessor().ends(),
                               [](const auto& end) { return has_unknown(end); });
}

Status check_format(std::uint32_t found) {
    if (found == 2 || found == kDeploymentFormat) return {};
    if (found == 0) return unfit("not the description of a deployment");
    const bool is_earlier = found < kDeploymentFormat;
    return unfit("books of format " + std::to_string(found) + ", of " +
                 (is_earlier ? "an earlier" : "a later") +
                 " program; this one reads formats 2 and " + std::to_string(kDeploymentFormat) +
                 (is_earlier ? "; open them with the program that made them" : ""));
}

/// Empty when the bytes are not a digest.
std::optional<Digest> digest_from(const std::string& bytes) {
    Digest digest;
    if (bytes.size() != digest.size()) return std::nullopt;
    std::ranges::copy(std::as_bytes(std::span(bytes)), digest.begin());
    return digest;
}

void put_digest(const Digest& digest, std::string& out) {
    out.assign(reinterpret_cast<const char*>(digest.data()), digest.size());
}

Result<Predecessor> read_predecessor(const v1::Predecessor& message) {
    Predecessor from;
    from.id = DeploymentId(message.deployment_high(), message.deployment_low());
    if (!from.id.is_usable()) return unfit("its predecessor's id is missing");
    if (message.ends_size() < 1 || message.ends_size() > static_cast<int>(kShardsMax))
        return unfit("its predecessor's ends are not those of 1 to 1024 shards");
    for (const v1::Predecessor::ShardEnd& each : message.ends()) {
        const std::optional<Digest> last = digest_from(each.last_digest());
        if (each.shard() != from.ends.size() || !last)
            return unfit("its predecessor's ends are not one for each shard, in order");
        from.ends.push_back({RecordNumber(each.next_record()), *last});
    }
    const std::optional<Digest> digest = digest_from(message.digest());
    if (!digest) return unfit("its predecessor's digest is not of 32 bytes");
    from.digest = *digest;
    return from;
}

Result<KafkaTopics> read_topics(const v1::KafkaTopics& message) {
    KafkaTopics topics{message.name(), message.brokers(), message.replicas(),
                       message.in_sync_min()};
    if (topics.name.empty()) return unfit("its topics have no name");
    if (topics.brokers.empty() || topics.brokers.size() > kBrokersBytesMax)
        return unfit("its brokers are not named in 1 to " + std::to_string(kBrokersBytesMax) +
                     " bytes");
    if (topics.in_sync_min == 0 || topics.in_sync_min > topics.replicas)
        return unfit("its topics have no replicas, or fewer than must be in sync");
    return topics;
}

}  // namespace

NewDeployment make_deployment(std::uint32_t shards, bool test_clock, Timestamp now,
                              std::optional<KafkaTopics> kafka,
                              std::optional<Predecessor> predecessor) {
    VOUCH_ASSERT(shards >= 1 && shards <= kShardsMax);
    const IdHalves id = random_halves();
    const IdHalves chain = random_halves();

    v1::Deployment message;
    message.set_format(kDeploymentFormat);
    message.set_deployment_high(id.high);
    message.set_deployment_low(id.low);
    message.set_chain_high(chain.high);
    message.set_chain_low(chain.low);
    message.set_shards(shards);
    message.set_test_clock(test_clock);
    message.set_placement(kPlacement.data(), kPlacement.size());
    message.set_created_at_us(now.value());
    if (predecessor) {
        v1::Predecessor& from = *message.mutable_predecessor();
        from.set_deployment_high(predecessor->id.high());
        from.set_deployment_low(predecessor->id.low());
        put_digest(predecessor->digest, *from.mutable_digest());
        for (const Predecessor::End& end : predecessor->ends) {
            v1::Predecessor::ShardEnd& each = *from.add_ends();
            each.set_shard(static_cast<std::uint32_t>(from.ends_size() - 1));
            each.set_next_record(end.next_record.value());
            put_digest(end.last_digest, *each.mutable_last_digest());
        }
    }
    if (kafka) {
        v1::KafkaTopics& topics = *message.mutable_kafka();
        topics.set_name(kafka->name);
        topics.set_brokers(kafka->brokers);
        topics.set_replicas(kafka->replicas);
        topics.set_in_sync_min(kafka->in_sync_min);
    }

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
    if (bytes.size() > kDeploymentBytesMax ||
        !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
        return unfit("not the description of a deployment");
    }
    if (Status format = check_format(message.format()); !format) return format.error();
    // What a later program added may change what the books mean.
    if (has_unknown_fields(message)) return unfit("has fields that this program does not know");

    Deployment deployment;
    deployment.id = DeploymentId(message.deployment_high(), message.deployment_low());
    deployment.chain = ChainId(message.chain_high(), message.chain_low());
    deployment.shards = message.shards();
    deployment.test_clock = message.test_clock();
    deployment.created_at = Timestamp(message.created_at_us());
    if (!deployment.id.is_usable()) return unfit("its id is missing");
    if (!deployment.chain.is_usable()) {
        return unfit("its chain's id is missing");
    }
    if (deployment.shards < 1 || deployment.shards > kShardsMax) {
        return unfit("expected 1 to " + std::to_string(kShardsMax) + " shards, found " +
                     std::to_string(deployment.shards));
    }
    if (message.placement() != kPlacement) {
        return unfit("expected accounts placed by " + std::string(kPlacement) +
                     ", found another way");
    }
    if (message.has_predecessor()) {
        Result<Predecessor> from = read_predecessor(message.predecessor());
        if (!from) return from.error();
        deployment.predecessor = std::move(*from);
    }
    if (message.has_kafka()) {
        Result<KafkaTopics> topics = read_topics(message.kafka());
        if (!topics) return topics.error();
        deployment.kafka = std::move(*topics);
    }
    deployment.genesis_tag = genesis_tag(bytes);
    return deployment;
}

}  // namespace vouch
