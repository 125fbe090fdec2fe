// The file holds four lines, in this order: bootstrap=, name=, replicas=, in_sync_min=.
#include "tools/vouch/kafka_place.h"

#include "events/seal/private_file.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <span>
#include <string_view>
#include <system_error>

namespace vouch::cli {

namespace {

constexpr std::size_t kNameMax = 128;
constexpr std::size_t kFields = 4;

Fault configuration(std::string message) { return {FaultCode::configuration, std::move(message)}; }

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool is_name(std::string_view name) {
    if (name.empty() || name.size() > kNameMax) return false;
    if (!is_letter_or_digit(name.front()) || !is_letter_or_digit(name.back())) return false;
    return std::all_of(name.begin(), name.end(),
                       [](char c) { return is_letter_or_digit(c) || c == '.' || c == '-'; });
}

std::optional<std::uint32_t> number_in(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace

KafkaLogOptions KafkaPlace::log_options(std::uint32_t shard_count) const {
    KafkaLogOptions options;
    options.bootstrap = bootstrap;
    options.name = name;
    options.shard_count = shard_count;
    options.replication = replication;
    return options;
}

Status check_place(const KafkaPlace& place) {
    if (place.bootstrap.empty()) return configuration("kafka: expected HOST:PORT, found nothing");
    if (!is_name(place.name)) {
        return configuration(
            "name: expected 1 to 128 of a-z, 0-9, dot and hyphen, beginning and ending in a letter "
            "or digit, found '" +
            place.name + "'");
    }
    if (place.replication.in_sync_min == 0 ||
        place.replication.in_sync_min > place.replication.replicas) {
        return configuration(
            "replicas: expected at least as many as must be in sync, and one of them, found " +
            std::to_string(place.replication.replicas) + " with " +
            std::to_string(place.replication.in_sync_min) + " in sync");
    }
    return {};
}

Result<std::optional<KafkaPlace>> read_place(const std::filesystem::path& file) {
    std::error_code error;
    if (!std::filesystem::exists(file, error)) return std::optional<KafkaPlace>();
    std::ifstream in(file);
    constexpr std::array<std::string_view, kFields> kKeys = {
        "bootstrap=", "name=", "replicas=", "in_sync_min="};
    std::array<std::string, kFields> values;
    for (std::size_t i = 0; i < kFields; ++i) {
        std::string line;
        if (!std::getline(in, line) || !line.starts_with(kKeys[i])) {
            return configuration(file.string() + ": expected a line that begins with " +
                                 std::string(kKeys[i]));
        }
        values[i] = line.substr(kKeys[i].size());
    }
    const std::optional<std::uint32_t> replicas = number_in(values[2]);
    const std::optional<std::uint32_t> in_sync_min = number_in(values[3]);
    if (!replicas || !in_sync_min)
        return configuration(file.string() + ": expected numbers of replicas");
    KafkaPlace place{values[0], values[1], {*replicas, *in_sync_min}};
    if (Status checked = check_place(place); !checked)
        return configuration(file.string() + ": " + checked.error().message);
    return std::optional<KafkaPlace>(std::move(place));
}

Status write_place(const std::filesystem::path& file, const KafkaPlace& place) {
    const std::string text = "bootstrap=" + place.bootstrap + "\nname=" + place.name +
                             "\nreplicas=" + std::to_string(place.replication.replicas) +
                             "\nin_sync_min=" + std::to_string(place.replication.in_sync_min) +
                             "\n";
    return replace_private_file(file, std::as_bytes(std::span(text)));
}

}  // namespace vouch::cli
