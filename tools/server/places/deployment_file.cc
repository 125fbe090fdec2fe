#include "tools/server/places/deployment_file.h"

#include "events/log/embedded/embedded_log.h"
#include "events/seal/deployment.h"
#include "events/world/files.h"

#include <fcntl.h>

#include <cstdint>
#include <memory>
#include <system_error>

namespace vouch::places {

namespace fs = std::filesystem;

Result<std::vector<std::byte>> read_small_file(const fs::path& file) {
    std::error_code unknown;
    if (fs::is_directory(file, unknown))
        return configuration(file.string() +
                             " is a directory, expected a file; put that back from a copy");
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

namespace {

/// Whether there is nothing in it but what stands beside a log's first segment while that is made.
bool is_begun_log(const fs::path& log) {
    std::error_code error;
    fs::directory_iterator each(log, error);
    for (; !error && each != fs::directory_iterator(); each.increment(error)) {
        const fs::path name = each->path().filename();
        if (name != "lock" && name != "00000000.segment.new") return false;
    }
    return !error;
}

}  // namespace

bool may_hold_records(const fs::path& log) {
    std::error_code error;
    if (!fs::exists(log, error) && !error) return false;
    if (is_begun_log(log)) return false;
    const Result<std::unique_ptr<EmbeddedLogReader>> reader =
        EmbeddedLogReader::open({.directory = log.string()});
    if (!reader || (*reader)->torn_bytes() > 0) return true;
    for (std::uint32_t shard = 0; shard < (*reader)->shard_count(); ++shard) {
        const Result<RecordNumber> end = (*reader)->end(ShardId(shard));
        if (!end || end->value() > 0) return true;
    }
    return false;
}

Fault without_deployment(const fs::path& directory) {
    const std::string name = directory.string();
    if (name.ends_with(kUnfinishedSuffix)) {
        return configuration(name +
                             ": a backup or restore was cut off here; remove it and do that again");
    }
    std::error_code error;
    if (!fs::exists(directory / "log", error)) {
        return configuration(name +
                             ": the file deployment is missing: either these books are half made, "
                             "or their records are on Kafka's topics; put it back from a copy of "
                             "this directory, or create books in another one");
    }
    if (may_hold_records(directory / "log")) {
        return configuration(
            name +
            ": the file deployment is missing, and log/ holds records; put it "
            "back from a copy of this directory, and keep what is here: nothing was "
            "changed");
    }
    return configuration(name +
                         " is half made: its creation was interrupted before anything was "
                         "recorded; create the books in another directory");
}

}  // namespace vouch::places
