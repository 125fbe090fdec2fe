#pragma once

#include "events/result.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "tools/server/places/kafka_place.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace vouch::places {

/// Where the books are and what they are expected to be.
struct DataOptions {
    std::filesystem::path directory;
    /// Empty: the environment's or the default place (passphrase_file).
    std::filesystem::path passphrase_file;
    bool create = false;
    /// Given: the log is on these topics, and the directory holds only what is this machine's.
    /// Books know it from their creation on: then it may be left out, or name other brokers.
    std::optional<KafkaPlace> kafka;
    /// What must be true of the books; of new ones: what they shall be.
    std::optional<std::uint32_t> shards;
    bool test_clock = false;
    /// The operator who accepts an implausible clock (docs/time.md); empty: nobody does.
    std::string accept_clock;
};

/// A deployment in one directory of mode 0700:
///
///     deployment      what it is (a Deployment message); written last, so its absence tells of a
///                     creation that was interrupted. While topics are made, which name it from
///                     then on, it is called deployment.unfinished; `create` goes on with that
///     creation        while it is made: what is to be cleared when its maker is killed
///     keys            the root key, encrypted; its passphrase lies outside the directory
///     log/            the log: the truth; not where it is on Kafka, as `deployment` says
///     instance        on Kafka: its name among the directories of the deployment
///     origin          not on Kafka: what tells this directory from a copy of it
///     shards/<p>/     the command handler's own: facts and snapshots, rebuilt from the log
///     shards/ends     where the shards' durable records end; not on Kafka
///     views/<p>/      the projector's, rebuilt from the log
///
/// What was made from a backup of books on Kafka has its log in files, under the same `deployment`,
/// on whose bytes all keys hang. By `log` or `origin` it is known not to be on Kafka any more.
class DataDirectory {
public:
    /// Opens, or makes when `options.create` says so and there is none. `configuration`, with a
    /// sentence, for a directory that is none, is half made, is of another format, or is not what
    /// the options say; nothing is changed then.
    static Result<DataDirectory> open(const DataOptions& options);

    /// With topics only where the log is on them.
    const Deployment& deployment() const { return deployment_; }
    /// As stored.
    const std::vector<std::byte>& deployment_bytes() const { return deployment_bytes_; }
    /// Where the log is, unless it is in the directory.
    const std::optional<KafkaPlace>& kafka() const { return kafka_; }
    /// True when `open` made it.
    bool is_new() const { return is_new_; }

    /// The name that this directory has among those of its deployment: made once, at random, and
    /// kept in it. A copy of a directory has the name of the original.
    Result<std::string> instance() const;

    const std::filesystem::path& directory() const { return directory_; }
    std::filesystem::path log() const { return directory_ / "log"; }
    std::filesystem::path shards() const { return directory_ / "shards"; }
    std::filesystem::path views() const { return directory_ / "views"; }
    std::filesystem::path instance_file() const { return directory_ / "instance"; }
    std::filesystem::path key_file() const { return directory_ / "keys"; }
    const std::filesystem::path& passphrase_file() const { return passphrase_file_; }

    /// Reads the keys. `configuration` when passphrase or key file do not fit.
    Result<EpochKeys> keys() const;

private:
    DataDirectory() = default;

    static Result<DataDirectory> make(const DataOptions& options);
    static Result<DataDirectory> load(const DataOptions& options, std::string_view file);
    static Result<DataDirectory> finish(const DataOptions& options);

    std::filesystem::path directory_;
    std::filesystem::path passphrase_file_;
    Deployment deployment_;
    std::vector<std::byte> deployment_bytes_;
    std::optional<KafkaPlace> kafka_;
    bool is_new_ = false;
};

/// Whether its making has ended: nothing is made any more then, whatever `create` says.
bool has_books(const std::filesystem::path& directory);

/// Whether a file lies, or would lie, in a directory or below it. Every file of a data directory is
/// the books' own: one more there may keep them from opening.
bool is_below(const std::filesystem::path& file, const std::filesystem::path& directory);

}  // namespace vouch::places
