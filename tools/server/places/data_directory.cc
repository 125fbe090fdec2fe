#include "tools/server/places/data_directory.h"

#include "events/log/disk_room.h"
#include "events/log/kafka/kafka_log.h"
#include "events/seal/key_store.h"
#include "events/seal/private_file.h"
#include "events/world/clock.h"
#include "tools/server/places/books_witnesses.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <iterator>
#include <span>
#include <system_error>
#include <utility>

namespace vouch::places {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDeploymentFile = "deployment";
/// The same, while its topics are being made: it may be on them already, and its keys are here.
constexpr std::string_view kUnfinishedFile = "deployment.unfinished";
constexpr std::string_view kInstanceFile = "instance";
/// Between random accounts three of four transfers then cross; more is for more machines.
constexpr std::uint32_t kShardsOnKafka = 4;

Fault configuration(std::string message) { return {FaultCode::configuration, std::move(message)}; }

std::string shard_words(std::uint32_t shards) {
    return std::to_string(shards) + (shards == 1 ? " shard" : " shards");
}

Result<std::vector<std::byte>> read_bytes(const fs::path& file) {
    const Result<File> in = File::open(system_files(), file.string(), O_RDONLY);
    if (!in) return in.error();
    const Result<std::uint64_t> size = in->size();
    if (!size) return size.error();
    if (*size > kDeploymentBytesMax) {
        return configuration(file.string() + ": expected at most " +
                             std::to_string(kDeploymentBytesMax) + " bytes, found " +
                             std::to_string(*size));
    }
    std::vector<std::byte> bytes(*size);
    if (Status read = in->read(bytes, 0); !read) return read.error();
    return bytes;
}

bool is_empty_directory(const fs::path& directory) {
    std::error_code error;
    const fs::directory_iterator entries(directory, error);
    return !error && entries == fs::directory_iterator();
}

/// Whoever opens a pipe waits for its other end, for ever.
Status check_no_pipes(const fs::path& directory) {
    std::error_code error;
    for (fs::recursive_directory_iterator each(directory, error);
         !error && each != fs::recursive_directory_iterator(); each.increment(error)) {
        std::error_code unknown;
        if (fs::is_fifo(each->status(unknown)))
            return configuration(each->path().string() +
                                 " is a pipe, expected a file; put that back from a copy, or move the "
                                 "pipe aside");
    }
    return {};
}

/// Whether a log may hold records: only one that is read to its end without any does not.
bool may_hold_records(const fs::path& log) {
    std::error_code error;
    if (!fs::exists(log, error)) return false;
    if (is_empty_directory(log)) return false;
    const Result<std::unique_ptr<EmbeddedLogReader>> reader =
        EmbeddedLogReader::open({.directory = log.string()});
    if (!reader || (*reader)->torn_bytes() > 0) return true;
    for (std::uint32_t shard = 0; shard < (*reader)->shard_count(); ++shard) {
        const Result<RecordNumber> end = (*reader)->end(ShardId(shard));
        if (!end || end->value() > 0) return true;
    }
    return false;
}

/// Books without the file that says what they are: lost, or never finished.
Fault without_deployment(const fs::path& directory) {
    const std::string name = directory.string();
    std::error_code error;
    if (!fs::exists(directory / "log", error)) {
        return configuration(name +
                             ": the file deployment is missing: either these books are half made, "
                             "or their records are on Kafka's topics; put it back from a copy of "
                             "this directory, or create books in another one");
    }
    if (may_hold_records(directory / "log")) {
        return configuration(name +
                             ": the file deployment is missing, and log/ holds records; put it back "
                             "from a copy of this directory, and keep what is here: nothing was "
                             "changed");
    }
    return configuration(name +
                         " is half made: its creation was interrupted before anything was "
                         "recorded; create the books in another directory");
}

/// Who has seen more of a shard than can be read; looks twice, since a writer may go on meanwhile.
Result<std::optional<LogWitness>> seen_beyond_end(LogReader& log, ShardId shard,
                                                  LogWitnesses& witnesses) {
    const Result<RecordNumber> end = log.end(shard);
    if (!end) return end.error();
    std::optional<LogWitness> witness = witnesses.seen_beyond(shard, *end);
    if (!witness) return witness;
    const Result<RecordNumber> now = log.end(shard);
    if (!now) return now.error();
    if (witness->next_record <= *now) witness.reset();
    return witness;
}

std::string missing_text(std::size_t shard, const LogWitness& witness) {
    return witness.who + " has seen shard " + std::to_string(shard) + " up to record " +
           std::to_string(witness.next_record.value() - 1) + ": records are missing";
}

/// A log that others have seen more of has lost records, on a broker as in files.
Status check_witnesses(LogReader& log, LogWitnesses& witnesses) {
    for (std::uint32_t i = 0; i < log.shard_count(); ++i) {
        const auto witness = seen_beyond_end(log, ShardId(i), witnesses);
        if (!witness) return witness.error();
        if (*witness) return Fault{FaultCode::corrupt, missing_text(i, **witness)};
    }
    return {};
}

/// What an operator does about a log that may have lost something.
Fault with_ways_on(Fault fault) {
    if (fault.code == FaultCode::corrupt) {
        fault.message +=
            ". Nothing was changed. vouch recover says what is lost, where bytes have to be put back, "
            "and whether a loss can be accepted";
    }
    if (fault.code == FaultCode::configuration && fault.message.ends_with(" is gone")) {
        fault.message +=
            ", and with it every record; nothing was made. Put it back from a copy, and keep what "
            "is here; new books are made in another directory, under a name of their own";
    }
    return fault;
}

/// Before anything is made: books that cannot hold a record are not begun.
Status check_room_for_books(const DataOptions& options) {
    const std::uint64_t needed = options.kafka ? kLogReserveBytes
                                               : kLogReserveBytes + EmbeddedLogOptions().segment_bytes;
    return check_room(system_files(), options.directory.string(), needed);
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

/// Nobody else's, as deployments' ids are random.
std::string own_passphrase_name(const DeploymentId& deployment) {
    return id_text(deployment) + ".passphrase";
}

/// Takes away what a creation has made, unless it came to its end. What was there before stays, and
/// so do directories that somebody else has put something into.
class Creation {
public:
    Creation() = default;
    Creation(const Creation&) = delete;
    Creation& operator=(const Creation&) = delete;
    ~Creation() {
        std::error_code ignored;
        for (auto each = made_.rbegin(); each != made_.rend(); ++each) {
            if (each->with_contents) {
                fs::remove_all(each->path, ignored);
            } else {
                fs::remove(each->path, ignored);
            }
        }
    }

    /// Before a file or directory is made, with what is missing above it.
    void will_make(const fs::path& path) {
        std::error_code error;
        std::vector<fs::path> missing;
        for (fs::path each = fs::absolute(path, error); !fs::exists(each, error) && !error;
             each = each.parent_path())
            missing.push_back(each);
        for (auto each = missing.rbegin(); each != missing.rend(); ++each)
            made_.push_back({.path = *each, .with_contents = false});
    }
    /// Nobody else makes anything there.
    void made_folder(const fs::path& path) {
        made_.push_back({.path = path, .with_contents = true});
    }
    void finish() { made_.clear(); }

private:
    struct Made {
        fs::path path;
        bool with_contents = false;
    };
    std::vector<Made> made_;  ///< in the order of making
};

}  // namespace

Result<fs::path> passphrase_file(const fs::path& given, const DeploymentId& deployment) {
    if (!given.empty()) return given;
    const auto variable = [](const char* name) -> fs::path {
        const char* const value = std::getenv(name);
        return value == nullptr ? "" : value;
    };
    if (const fs::path file = variable("VOUCH_PASSPHRASE_FILE"); !file.empty()) return file;
    fs::path config = variable("XDG_CONFIG_HOME");
    if (config.empty()) {
        const fs::path home = variable("HOME");
        if (home.empty()) {
            return configuration(
                "no place for the passphrase: set VOUCH_PASSPHRASE_FILE, or give "
                "--passphrase-file");
        }
        config = home / ".config";
    }
    return config / "vouch" / own_passphrase_name(deployment);
}

bool has_books(const fs::path& directory) {
    std::error_code error;
    return fs::exists(directory / kDeploymentFile, error);
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
    const bool is_free = !fs::exists(status) || is_empty_directory(options.directory);
    if (is_free && options.create) return make(options);
    if (is_free) {
        return configuration(name + ": no books there, " +
                             (fs::exists(status) ? "the directory is empty"
                                                 : "there is no such directory") +
                             ". If there should be, mend the path. --create, of vouch submit and vouch "
                             "serve, finds no books: it makes NEW, EMPTY ones");
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
    Result<std::vector<std::byte>> bytes = read_bytes(options.directory / file);
    if (!bytes) return bytes.error();
    Result<Deployment> deployment = parse_deployment(*bytes);
    if (!deployment)
        return configuration(options.directory.string() + ": " + deployment.error().message);
    data.deployment_bytes_ = std::move(*bytes);
    data.deployment_ = *deployment;
    if (Status agrees = check_agrees(options, data.deployment_); !agrees) return agrees.error();
    if (deployment->kafka) data.kafka_ = place_of(*deployment->kafka);
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

    Creation creation;
    std::error_code error;
    // A file that somebody named may be that of other books, too; the default one is these books' own.
    const bool is_own = data.passphrase_file_.filename() == own_passphrase_name(data.deployment_.id);
    creation.will_make(is_own ? data.passphrase_file_
                              : fs::absolute(data.passphrase_file_, error).parent_path());
    creation.will_make(data.directory_);
    if (Status directory = create_private_directories(data.directory_); !directory)
        return directory.error();
    // An empty directory may have been there with another mode.
    if (::chmod(data.directory_.c_str(), S_IRWXU) != 0) {
        const std::string reason = std::generic_category().message(errno);
        return configuration(data.directory_.string() + ": cannot be made private: " + reason);
    }
    if (Status keys =
            FileKeyStore(data.key_file(), data.passphrase_file_).create(data.deployment_.id);
        !keys) {
        return keys.error();
    }
    // Whoever has made the key file makes the rest.
    for (const fs::path& mine : {data.key_file(), data.log(), data.directory_ / kUnfinishedFile,
                                 data.directory_ / kInstanceFile, data.shards(), data.views()})
        creation.made_folder(mine);
    for (const fs::path& folder : {data.shards(), data.views()}) {
        if (Status folder_made = create_private_directories(folder); !folder_made)
            return folder_made.error();
    }
    Status log = data.kafka_ ? data.make_on_kafka() : data.make_embedded();
    // Topics that name these books, or may do so, are found again by `finish`.
    if (log || fs::exists(data.directory_ / kUnfinishedFile, error)) creation.finish();
    if (!log) return log.error();
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
    if (Status made = data->finish_on_kafka(); !made) return made.error();
    return data;
}

Result<EpochKeys> DataDirectory::keys() const {
    std::error_code error;
    if (!fs::exists(key_file(), error) && !error) {
        return configuration(key_file().string() +
                             ": the key file is missing, and no other one fits what it has sealed: put it "
                             "back from a copy of this directory");
    }
    if (!fs::exists(passphrase_file_, error) && !error) {
        return configuration(passphrase_file_.string() +
                             ": the passphrase of the keys is not there; name the file that holds it with "
                             "--passphrase-file or in VOUCH_PASSPHRASE_FILE");
    }
    Result<SecretKey> root = FileKeyStore(key_file(), passphrase_file_).root(deployment_.id);
    if (!root && root.error().message.ends_with("of another deployment")) {
        return configuration(root.error().message + " than the file deployment beside it says: put "
                             "back whichever of the two was exchanged");
    }
    if (!root) return root.error();
    return EpochKeys(std::move(*root), deployment_);
}

Status DataDirectory::write_deployment(std::string_view file) const {
    const Result<bool> written = create_private_file(directory_ / file, deployment_bytes_);
    if (!written) return written.error();
    if (*written) return {};
    return configuration(directory_.string() + ": another process made books there just now");
}

Status DataDirectory::make_embedded() {
    const Result<std::unique_ptr<EmbeddedLog>> log = EmbeddedLog::open(
        {.directory = this->log().string(), .shard_count = deployment_.shards});
    if (!log) return log.error();
    return write_deployment(kDeploymentFile);
}

// The topics name this deployment from some moment of their making on, and nobody else has its
// keys: what was begun has to be found again.
Status DataDirectory::make_on_kafka() {
    if (Status begun = write_deployment(kUnfinishedFile); !begun) return begun;
    return finish_on_kafka();
}

// Whoever made the topics first has made the deployment, with keys of his own.
Status DataDirectory::finish_on_kafka() const {
    const Result<Bytes> made =
        KafkaLog::create(kafka_->log_options(deployment_.shards), deployment_bytes_);
    if (!made) return made.error();
    std::error_code ignored;
    if (*made != deployment_bytes_) {
        fs::remove(directory_ / kUnfinishedFile, ignored);
        return configuration("the topics of " + kafka_->name +
                             " hold another deployment already; its keys and its data directory "
                             "are where it was created");
    }
    if (Status written = write_deployment(kDeploymentFile); !written) return written;
    fs::remove(directory_ / kUnfinishedFile, ignored);
    return {};
}

Status DataDirectory::check_topics() const {
    const Result<Bytes> found = KafkaLog::read_deployment(kafka_->log_options(deployment_.shards));
    if (!found) return found.error();
    if (*found == deployment_bytes_) return {};
    return configuration("the topics of " + kafka_->name + " hold another deployment than " +
                         directory_.string());
}

Result<std::string> DataDirectory::instance() const {
    const fs::path file = directory_ / kInstanceFile;
    std::error_code error;
    if (!fs::exists(file, error)) {
        const NewDeployment random = make_deployment(1, false, Timestamp());
        const std::string name = id_text(random.deployment.id);
        const Result<bool> written = create_private_file(file, std::as_bytes(std::span(name)));
        if (!written) return written.error();
    }
    const Result<std::vector<std::byte>> bytes = read_bytes(file);
    if (!bytes) return bytes.error();
    std::string name;
    for (const std::byte byte : *bytes) name.push_back(static_cast<char>(byte));
    const bool is_name = !name.empty() && name.size() <= 64 &&
                         name.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLM"
                                                "NOPQRSTUVWXYZ-") == std::string::npos;
    if (is_name) return name;
    return configuration(file.string() + ": expected 1 to 64 letters, digits or dashes; put it back "
                                         "from a copy, or move it aside, and a new name is made");
}

KafkaLogOptions DataDirectory::kafka_options(const EpochKeys* keys) const {
    KafkaLogOptions options = kafka_->log_options(deployment_.shards);
    options.judge = std::make_shared<RecordJudge>(
        deployment_, keys ? std::optional(keys->clone()) : std::nullopt);
    return options;
}

Result<std::unique_ptr<Log>> DataDirectory::open_log(const EpochKeys& keys,
                                                     std::string* torn) const {
    BooksWitnesses witnesses(shards(), views(), keys, deployment_.shards);
    if (kafka_) {
        if (Status same = check_topics(); !same) return same.error();
        KafkaLogOptions options = kafka_options(&keys);
        options.cache_directory = directory_;
        Result<std::string> name = instance();
        if (!name) return name.error();
        options.instance = std::move(*name);
        Result<std::unique_ptr<KafkaLog>> opened = KafkaLog::open(options);
        if (!opened) return opened.error();
        if (Status whole = check_witnesses(**opened, witnesses); !whole) return whole.error();
        return std::unique_ptr<Log>(std::move(*opened));
    }
    Result<std::unique_ptr<EmbeddedLog>> opened = EmbeddedLog::open({.directory = log().string(),
                                                                     .shard_count = deployment_.shards,
                                                                     .create = false,
                                                                     .witnesses = &witnesses});
    if (!opened) return with_ways_on(opened.error());
    (*opened)->stop_waiting();
    const EmbeddedLogReport& report = (*opened)->report();
    if (torn != nullptr && report.torn_bytes > 0) {
        *torn = std::to_string(report.torn_bytes) + " bytes at " + report.torn_at + ", kept in";
        for (const std::string& file : report.kept_in) *torn += " " + file;
    }
    return std::unique_ptr<Log>(std::move(*opened));
}

Fault DataDirectory::with_next_step(Fault fault) const {
    if (fault.code == FaultCode::corrupt && !is_on_kafka()) {
        fault.message += "; vouch recover --data " + directory_.string() +
                         " reads the whole log and says what is wrong where, and what to do";
    }
    return fault;
}

Result<std::vector<std::optional<LogWitness>>> DataDirectory::seen_beyond(
    LogReader& log, const EpochKeys* keys) const {
    std::unique_ptr<LogWitnesses> witnesses;
    if (keys != nullptr)
        witnesses = std::make_unique<BooksWitnesses>(shards(), views(), *keys, deployment_.shards);
    else
        witnesses = std::make_unique<SnapshotClaims>(shards());
    std::vector<std::optional<LogWitness>> seen;
    for (std::uint32_t i = 0; i < log.shard_count(); ++i) {
        Result<std::optional<LogWitness>> witness = seen_beyond_end(log, ShardId(i), *witnesses);
        if (!witness) return witness.error();
        seen.push_back(std::move(*witness));
    }
    return seen;
}

Result<std::optional<std::string>> DataDirectory::unreadable_end(LogReader& log,
                                                                 const EpochKeys& keys) const {
    const std::string way_on = "; vouch recover --data " + directory_.string() + " says what to do";
    Result<std::optional<std::string>> left = log.unreadable_end();
    if (!left) return left.error();
    if (*left) return std::optional("the log's end cannot be read: " + **left + way_on);
    const auto seen = seen_beyond(log, &keys);
    if (!seen) return seen.error();
    for (std::size_t shard = 0; shard < seen->size(); ++shard) {
        if (const auto& witness = (*seen)[shard])
            return std::optional("the log's end cannot be read: " + missing_text(shard, *witness) +
                                 way_on);
    }
    return std::optional<std::string>();
}

Result<std::unique_ptr<LogReader>> DataDirectory::read_log(const EpochKeys* keys) const {
    if (kafka_) {
        if (Status same = check_topics(); !same) return same.error();
        Result<std::unique_ptr<KafkaLogReader>> opened =
            KafkaLogReader::open(kafka_options(keys));
        if (!opened) return opened.error();
        return std::unique_ptr<LogReader>(std::move(*opened));
    }
    std::error_code error;
    if (!fs::exists(log(), error) || is_empty_directory(log())) {
        return with_ways_on({FaultCode::configuration, "the log in " + log().string() + " is gone"});
    }
    Result<std::unique_ptr<EmbeddedLogReader>> opened =
        EmbeddedLogReader::open({.directory = log().string(), .shard_count = deployment_.shards});
    if (!opened) return with_ways_on(opened.error());
    return std::unique_ptr<LogReader>(std::move(*opened));
}

}  // namespace vouch::places
