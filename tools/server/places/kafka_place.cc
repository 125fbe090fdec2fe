#include "tools/server/places/kafka_place.h"

#include "events/money/text_ids.h"

#include <algorithm>
#include <string_view>

namespace vouch::places {

namespace {

constexpr std::size_t kNameMax = 128;

Fault unfit(std::string message) { return {FaultCode::configuration, std::move(message)}; }

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool is_name(std::string_view name) {
    if (name.empty() || name.size() > kNameMax) return false;
    if (!is_letter_or_digit(name.front()) || !is_letter_or_digit(name.back())) return false;
    return std::all_of(name.begin(), name.end(),
                       [](char c) { return is_letter_or_digit(c) || c == '.' || c == '-'; });
}

}  // namespace

KafkaLogOptions KafkaPlace::log_options(std::uint32_t shard_count) const {
    KafkaLogOptions options;
    options.bootstrap = bootstrap;
    options.name = name;
    options.shard_count = shard_count;
    options.replication = replication;
    options.transaction_ms_max = std::int64_t{longest_transaction_s} * 1'000;
    return options;
}

Status check_place(const KafkaPlace& place) {
    if (place.bootstrap.empty()) return unfit("kafka: expected HOST:PORT, found nothing");
    if (place.bootstrap.size() > kBrokersBytesMax) {
        return unfit("kafka: expected brokers in at most " + std::to_string(kBrokersBytesMax) +
                     " bytes, found " + std::to_string(place.bootstrap.size()));
    }
    if (!is_name(place.name)) {
        return unfit(
            "name: expected 1 to 128 of a-z, 0-9, dot and hyphen, beginning and ending in a letter "
            "or digit, found '" +
            place.name + "'");
    }
    if (place.replication.in_sync_min == 0 ||
        place.replication.in_sync_min > place.replication.replicas) {
        return unfit(
            "replicas: expected at least as many as must be in sync, and one of them, found " +
            std::to_string(place.replication.replicas) + " with " +
            std::to_string(place.replication.in_sync_min) + " in sync");
    }
    return {};
}

KafkaPlace place_of(const KafkaTopics& topics) {
    return {topics.brokers, topics.name, {topics.replicas, topics.in_sync_min}};
}

KafkaTopics topics_at(const KafkaPlace& place) {
    return {place.name, place.bootstrap, place.replication.replicas,
            place.replication.in_sync_min};
}

}  // namespace vouch::places
