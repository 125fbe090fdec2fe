#include "tools/server/places/new_books.h"

#include "events/log/disk_room.h"
#include "events/log/embedded/embedded_log.h"
#include "events/log/kafka/kafka_log.h"
#include "events/seal/key_store.h"
#include "events/seal/private_file.h"
#include "tools/server/places/creation_note.h"
#include "tools/server/places/deployment_file.h"
#include "tools/server/places/passphrase_file.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace vouch::places {

namespace fs = std::filesystem;

namespace {

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

Status write_deployment(const DataDirectory& data, std::string_view file) {
    const Result<bool> written =
        create_private_file(data.directory() / file, data.deployment_bytes());
    if (!written) return written.error();
    if (*written) return {};
    return configuration(data.directory().string() + ": another process made books there just now");
}

Status make_embedded(const DataDirectory& data) {
    const Result<std::unique_ptr<EmbeddedLog>> log = EmbeddedLog::open(
        {.directory = data.log().string(), .shard_count = data.deployment().shards});
    if (!log) return log.error();
    return write_deployment(data, kDeploymentFile);
}

// The topics name this deployment from some moment of their making on, and nobody else has its
// keys: what was begun has to be found again.
Status make_on_kafka(const DataDirectory& data) {
    if (Status begun = write_deployment(data, kUnfinishedFile); !begun) return begun;
    return finish_books(data);
}

}  // namespace

Status check_room_for_books(const DataOptions& options) {
    std::uint64_t needed_bytes = kLogReserveBytes;
    if (!options.kafka) needed_bytes += EmbeddedLogOptions().segment_bytes;
    return check_room(system_files(), options.directory.string(), needed_bytes);
}

Status make_books(const DataDirectory& data) {
    Creation creation;
    std::error_code error;
    // A file that somebody named may be that of other books, too; the default one is their own.
    const bool is_own =
        data.passphrase_file().filename() == own_passphrase_name(data.deployment().id);
    creation.will_make(is_own ? data.passphrase_file()
                              : fs::absolute(data.passphrase_file(), error).parent_path());
    creation.will_make(data.directory());
    if (Status directory = create_private_directories(data.directory()); !directory)
        return directory;
    // An empty directory may have been there with another mode.
    if (::chmod(data.directory().c_str(), S_IRWXU) != 0) {
        const std::string reason = std::generic_category().message(errno);
        return configuration(data.directory().string() + ": cannot be made private: " + reason);
    }
    std::optional<CreationNote> note;
    if (is_own) {
        Result<CreationNote> begun = CreationNote::begin(data.directory(), data.passphrase_file());
        if (!begun) return begun.error();
        note.emplace(std::move(*begun));
    }
    if (Status keys =
            FileKeyStore(data.key_file(), data.passphrase_file()).create(data.deployment().id);
        !keys) {
        return keys;
    }
    // Whoever has made the key file makes the rest.
    for (const fs::path& mine : {data.key_file(), data.log(), data.directory() / kUnfinishedFile,
                                 data.instance_file(), data.shards(), data.views()})
        creation.made_folder(mine);
    for (const fs::path& folder : {data.shards(), data.views()}) {
        if (Status folder_made = create_private_directories(folder); !folder_made)
            return folder_made;
    }
    Status log = data.kafka() ? make_on_kafka(data) : make_embedded(data);
    // Topics that name these books, or may do so, are found again by finish_books.
    if (log || fs::exists(data.directory() / kUnfinishedFile, error)) creation.finish();
    return log;
}

// Whoever made the topics first has made the deployment, with keys of his own.
Status finish_books(const DataDirectory& data) {
    const KafkaLogOptions options = data.kafka()->log_options(data.deployment().shards);
    const Result<Bytes> made = KafkaLog::create(options, data.deployment_bytes());
    if (!made) return made.error();
    std::error_code ignored;
    if (*made != data.deployment_bytes()) {
        fs::remove(data.directory() / kUnfinishedFile, ignored);
        return configuration("the topics of " + data.kafka()->name +
                             " hold another deployment already; its keys and its data directory "
                             "are where it was created");
    }
    if (Status written = write_deployment(data, kDeploymentFile); !written) return written;
    fs::remove(data.directory() / kUnfinishedFile, ignored);
    return {};
}

}  // namespace vouch::places
