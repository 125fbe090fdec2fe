#pragma once

#include "events/log/kafka/options.h"
#include "events/result.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace vouch::cli {

/// Where a deployment's topics are, as given on the command line or kept in its data directory.
struct KafkaPlace {
    std::string bootstrap;  ///< HOST:PORT[,HOST:PORT…]
    /// Of the deployment; [a-z0-9.-]{1,128}, beginning and ending in a letter or digit.
    std::string name;
    KafkaReplication replication;

    KafkaLogOptions log_options(std::uint32_t shard_count) const;
};

/// `configuration` for a name that topics cannot have or a replication that no cluster can keep.
Status check_place(const KafkaPlace& place);

/// The file `kafka` of a data directory. Empty when the directory's log is its own.
Result<std::optional<KafkaPlace>> read_place(const std::filesystem::path& file);
Status write_place(const std::filesystem::path& file, const KafkaPlace& place);

}  // namespace vouch::cli
