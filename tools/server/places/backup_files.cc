#include "tools/server/places/backup_files.h"

#include "events/bytes/bytes.h"
#include "events/bytes/hex.h"
#include "events/bytes/sha256.h"
#include "events/world/files.h"
#include "tools/server/places/deployment_file.h"
#include "tools/server/places/directory_origin.h"

#include <fcntl.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <system_error>

namespace vouch::places {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kSumsBytesMax = std::size_t{16} << 20;
/// Segments are the longest: 64 MiB.
constexpr std::uint64_t kFileBytesMax = std::uint64_t{1} << 30;
constexpr std::size_t kNameBytesMax = 256;

Result<Bytes> read_all(const fs::path& file, std::uint64_t size_max) {
    const Result<File> opened = File::open(system_files(), file.string(), O_RDONLY);
    if (!opened) return opened.error();
    const Result<std::uint64_t> size = opened->size();
    if (!size) return size.error();
    if (*size > size_max) {
        return Fault{FaultCode::corrupt, file.string() + " has " + std::to_string(*size) +
                                             " bytes, expected at most " +
                                             std::to_string(size_max)};
    }
    Bytes bytes(*size);
    if (Status read = opened->read(bytes, 0); !read) return read.error();
    return bytes;
}

/// By the name of a file in a backup.
using Sums = std::map<std::string, std::string>;

/// Of all files but that of the sums.
Result<Sums> find_sums(const fs::path& folder) {
    Sums sums;
    std::error_code ignored;
    for (const fs::directory_entry& each : fs::recursive_directory_iterator(folder, ignored)) {
        const std::string name = each.path().lexically_relative(folder).string();
        if (!each.is_regular_file(ignored) || name == kSumsFile) continue;
        const Result<Bytes> bytes = read_all(each.path(), kFileBytesMax);
        if (!bytes) return bytes.error();
        const ByteView whole = *bytes;
        sums[name] = hex(sha256({&whole, 1}));
    }
    return sums;
}

/// `corrupt` for what is no such line.
Result<Sums> read_sums(const fs::path& file) {
    constexpr std::size_t kSumSize = 64;
    constexpr std::string_view kBetween = "  ";
    const Result<Bytes> bytes = read_all(file, kSumsBytesMax);
    if (!bytes) return bytes.error();
    std::string_view lines(reinterpret_cast<const char*>(bytes->data()), bytes->size());
    Sums sums;
    while (!lines.empty()) {
        const std::string_view line = lines.substr(0, lines.find('\n'));
        const std::string_view sum = line.substr(0, kSumSize);
        const bool is_sum =
            line.size() > kSumSize + kBetween.size() && line.size() < kSumSize + kNameBytesMax &&
            sum.find_first_not_of("0123456789abcdef") == sum.npos &&
            line.substr(kSumSize, kBetween.size()) == kBetween;
        if (!is_sum) {
            return Fault{FaultCode::corrupt,
                         file.string() + " line " + std::to_string(sums.size() + 1) +
                             ": expected a sum and a file's name, as sha256sum writes them"};
        }
        sums[std::string(line.substr(kSumSize + kBetween.size()))] = sum;
        lines.remove_prefix(std::min(lines.size(), line.size() + 1));
    }
    return sums;
}

}  // namespace

Result<std::string> sums_of(const fs::path& folder) {
    const Result<Sums> sums = find_sums(folder);
    if (!sums) return sums.error();
    std::string lines;
    for (const auto& [name, sum] : *sums) lines += sum + "  " + name + "\n";
    return lines;
}

Status check_sums(const fs::path& folder) {
    const fs::path file = folder / kSumsFile;
    std::error_code error;
    if (!fs::exists(file, error)) {
        return configuration(folder.string() + ": expected a backup, found no " +
                             std::string(kSumsFile) +
                             "; one that did not come to its end has none, either");
    }
    const Result<Sums> expected = read_sums(file);
    if (!expected) return expected.error();
    const Result<Sums> found = find_sums(folder);
    if (!found) return found.error();
    const auto wrong = [&](const std::string& name, const char* what) {
        return Fault{FaultCode::corrupt, (folder / name).string() + " " + what};
    };
    for (const std::string_view name :
         {std::string_view(kDeploymentFile), kKeysFile, kOriginFile}) {
        if (!found->contains(std::string(name)))
            return wrong(std::string(name), "is missing, which each backup has");
    }
    for (const auto& [name, sum] : *expected) {
        const auto there = found->find(name);
        if (there == found->end()) return wrong(name, "is missing, and was backed up");
        if (there->second != sum) return wrong(name, "is not what was backed up");
    }
    for (const auto& [name, sum] : *found) {
        if (!expected->contains(name))
            return wrong(name, "was not backed up; a backup stays as it is, move the file away");
    }
    return {};
}

Status check_no_backup(const fs::path& directory) {
    std::error_code error;
    if (!fs::exists(directory / kSumsFile, error) || !is_restored(directory)) return {};
    return configuration(directory.string() +
                         " is a backup, which stays as it is; vouch restore makes books from it");
}

Status check_backup_whole(const fs::path& directory) {
    if (check_no_backup(directory)) return {};
    const Result<Sums> sums = read_sums(directory / kSumsFile);
    if (!sums) return sums.error();
    std::error_code error;
    for (const auto& [name, sum] : *sums) {
        if (fs::exists(directory / name, error)) continue;
        return Fault{FaultCode::corrupt,
                     (directory / name).string() +
                         " is missing, and was backed up: this copy of a backup "
                         "is not whole"};
    }
    return {};
}

}  // namespace vouch::places
