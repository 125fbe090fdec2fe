#include "tools/server/places/data_directory.h"

#include "events/seal/key_store.h"
#include "events/seal/private_file.h"
#include "events/world/clock.h"
#include "tools/server/places/creation_note.h"
#include "tools/server/places/deployment_file.h"
#include "tools/server/places/directory_origin.h"
#include "tools/server/places/new_books.h"
#include "tools/server/places/passphrase_file.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <system_error>
#include <utility>

namespace vouch::places {

namespace {

namespace fs = std::filesystem;

/// Between random accounts three of four transfers then cross; more is for more machines.
constexpr std::uint32_t kShardsOnKafka = 4;

std::string shard_words(std::uint32_t shards) {
    return std::to_string(shards) + (shards == 1 ? " shard" : " shards");
}

/// Whoever opens a pipe waits for its other end, for ever.
Status check_no_pipes(const fs::path& directory) {
    std::error_code error;
    for (fs::recursive_directory_iterator each(directory, error);
         !error && each != fs::recursive_directory_iterator(); each.increment(error)) {
        std::error_code unknown;
        if (fs::is_fifo(each->status(unknown)))
            return configuration(each->path().string() +
                                 " is a pipe, expected a file; put that back from a copy, or move "
                                 "the pipe aside");
    }
    return {};
}

/// Whatever `deployment` says: no directory on Kafka has either.
bool has_log_in_files(const fs::path& directory) {
    std::error_code error;
    return fs::exists(directory / "log", error) || fs::exists(directory / kOriginFile, error);
}

Status check_agrees(const DataOptions& options, const Deployment& deployment) {
    const std::string name = options.directory.string();
    if (options.shards && *options.shards != deployment.shards) {
        return configuration(name + " was made with " + shard_words(deployment.shards) +
                             ", not with " + shard_words(*options.shards) +
                             "; the number never changes");
    }
    if (options.test_clock && !deployment.test_clock) {
        return configuration(name + " was made without a test clock");
    }
    return {};
}

}  // namespace

bool has_books(const fs::path& directory) {
    std::error_code error;
    return fs::exists(directory / kDeploymentFile, error);
}

bool is_below(const fs::path& file, const fs::path& directory) {
    // What is not there yet stays relative otherwise; and where `..` leads out of it, what comes
    // behind may be there, and a link.
    const auto whole = [](const fs::path& path) {
        std::error_code error;
        return fs::weakly_canonical(fs::weakly_canonical(fs::absolute(path, error), error), error);
    };
    const fs::path inner = whole(file);
    const fs::path outer = whole(directory);
    return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first ==
           outer.end();
}

Result<DataDirectory> DataDirectory::open(const DataOptions& options) {
    std::error_code error;
    if (has_books(options.directory)) return load(options, kDeploymentFile);
    if (fs::exists(options.directory / kUnfinishedFile, error)) return finish(options);
    const fs::file_status status = fs::status(options.directory, error);
    const std::string name = options.directory.string();
    if (fs::exists(status) && !fs::is_directory(status))
        return configuration(name + " is no directory");
    if (fs::exists(status) && ::access(name.c_str(), R_OK | X_OK) != 0)
        return Fault{FaultCode::storage, name + ": " + std::generic_category().message(errno)};
    if (options.create && was_creation_cut(options.directory)) {
        if (Status cleared = clear_creation(options.directory); !cleared) return cleared.error();
    }
    const bool is_free = !fs::exists(status) || is_empty_directory(options.directory);
    if (is_free && options.create) return make(options);
    if (is_free) {
        return configuration(name + ": no books there, " +
                             (fs::exists(status) ? "the directory is empty"
                                                 : "there is no such directory") +
                             ". If there should be, mend the path. --create, of vouch submit and "
                             "vouch serve, finds no books: it makes NEW, EMPTY ones");
    }
    if (was_creation_cut(options.directory)) {
        return configuration(name +
                             ": the creation of these books was interrupted; --create begins anew");
    }
    if (fs::exists(options.directory / "keys", error) ||
        fs::exists(options.directory / "log", error)) {
        return without_deployment(options.directory);
    }
    return configuration(name +
                         " is no data directory of vouch, and not empty; nothing was changed");
}

Result<DataDirectory> DataDirectory::load(const DataOptions& options, std::string_view file) {
    if (Status files = check_no_pipes(options.directory); !files) return files.error();
    DataDirectory data;
    data.directory_ = options.directory;
    Result<std::vector<std::byte>> bytes = read_small_file(options.directory / file);
    if (!bytes) return bytes.error();
    Result<Deployment> deployment = parse_deployment(*bytes);
    if (!deployment)
        return configuration(options.directory.string() + ": " + deployment.error().message);
    data.deployment_bytes_ = std::move(*bytes);
    data.deployment_ = *deployment;
    if (Status agrees = check_agrees(options, data.deployment_); !agrees) return agrees.error();
    if (has_log_in_files(options.directory)) data.deployment_.kafka.reset();
    if (data.deployment_.kafka) data.kafka_ = place_of(*data.deployment_.kafka);
    if (options.kafka) {
        if (!data.kafka_ || data.kafka_->name != options.kafka->name) {
            return configuration(
                options.directory.string() + " has its log " +
                (data.kafka_ ? "on the topics of " + data.kafka_->name : std::string("in itself")) +
                ", not on those of " + options.kafka->name);
        }
        data.kafka_->bootstrap = options.kafka->bootstrap;
        data.kafka_->longest_transaction_s = options.kafka->longest_transaction_s;
    }
    Result<fs::path> passphrase =
        places::passphrase_file(options.passphrase_file, data.deployment_.id);
    if (!passphrase) return passphrase.error();
    data.passphrase_file_ = *passphrase;
    return data;
}

Result<DataDirectory> DataDirectory::make(const DataOptions& options) {
    if (options.kafka) {
        if (Status place = check_place(*options.kafka); !place) return place.error();
    }
    const std::uint32_t shards = options.shards.value_or(options.kafka ? kShardsOnKafka : 1);
    if (shards == 0 || shards > kShardsMax) {
        return configuration("a deployment has 1 to " + std::to_string(kShardsMax) +
                             " shards, not " + std::to_string(shards));
    }
    if (Status room = check_room_for_books(options); !room) return room.error();
    const std::optional<KafkaTopics> topics =
        options.kafka ? std::optional(topics_at(*options.kafka)) : std::nullopt;
    NewDeployment made =
        make_deployment(shards, options.test_clock, SystemClock().now(), topics);
    DataDirectory data;
    data.is_new_ = true;
    data.directory_ = options.directory;
    data.kafka_ = options.kafka;
    data.deployment_ = made.deployment;
    data.deployment_bytes_ = std::move(made.bytes);
    Result<fs::path> passphrase =
        places::passphrase_file(options.passphrase_file, data.deployment_.id);
    if (!passphrase) return passphrase.error();
    data.passphrase_file_ = *passphrase;
    if (Status made_books = make_books(data); !made_books) return made_books.error();
    return data;
}

Result<DataDirectory> DataDirectory::finish(const DataOptions& options) {
    if (!options.create) {
        return configuration(options.directory.string() +
                             ": the creation of these books was interrupted; --create finishes it");
    }
    Result<DataDirectory> data = load(options, kUnfinishedFile);
    if (!data) return data.error();
    data->is_new_ = true;
    if (Status made = finish_books(*data); !made) return made.error();
    return data;
}

Result<std::string> DataDirectory::instance() const {
    const fs::path file = instance_file();
    std::error_code error;
    if (!fs::exists(file, error)) {
        const NewDeployment random = make_deployment(1, false, Timestamp());
        const std::string name = id_text(random.deployment.id);
        const Result<bool> written = create_private_file(file, std::as_bytes(std::span(name)));
        if (!written) return written.error();
    }
    const Result<std::vector<std::byte>> bytes = read_small_file(file);
    if (!bytes) return bytes.error();
    std::string name;
    for (const std::byte byte : *bytes) name.push_back(static_cast<char>(byte));
    const bool is_name = !name.empty() && name.size() <= 64 &&
                         name.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLM"
                                                "NOPQRSTUVWXYZ-") == std::string::npos;
    if (is_name) return name;
    return configuration(
        file.string() +
        ": expected 1 to 64 letters, digits or dashes; put it back from a copy, or "
        "move it aside, and a new name is made");
}

Result<EpochKeys> DataDirectory::keys() const {
    std::error_code error;
    if (!fs::exists(key_file(), error) && !error) {
        return configuration(key_file().string() +
                             ": the key file is missing, and no other one fits what it has sealed: "
                             "put it back from a copy of this directory");
    }
    if (!fs::exists(passphrase_file_, error) && !error) {
        return configuration(passphrase_file_.string() +
                             ": the passphrase of the keys is not there; name the file that holds "
                             "it with --passphrase-file or in VOUCH_PASSPHRASE_FILE");
    }
    Result<SecretKey> root = FileKeyStore(key_file(), passphrase_file_).root(deployment_.id);
    if (!root && root.error().message.ends_with("of another deployment")) {
        return configuration(root.error().message + " than the file deployment beside it says: put "
                             "back whichever of the two was exchanged");
    }
    if (!root) return root.error();
    return EpochKeys(std::move(*root), deployment_);
}

}  // namespace vouch::places
