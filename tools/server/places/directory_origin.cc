#include "tools/server/places/directory_origin.h"

#include "command-handler/intake/time_text.h"
#include "events/read_number.h"
#include "events/seal/private_file.h"
#include "events/world/clock.h"
#include "tools/server/places/deployment_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <system_error>
#include <vector>

// origin = "vouch origin 1\n" ["restored\n"] ["born " NANOSECONDS "\n"] ["inode " NUMBER "\n"]
//          "at " PLACE "\n"
//          ("accepted " TIME " by " NAME ", from " PLACE "\n")*
// PLACE = HOST ":" PATH, or which topics, for people: control characters are "?"

namespace vouch::places {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kOriginTitle = "vouch origin 1";
/// Made from a backup: a copy whatever the file system says.
constexpr std::string_view kRestored = "restored";
constexpr std::string_view kBorn = "born ";
constexpr std::string_view kInode = "inode ";
constexpr std::string_view kAt = "at ";
constexpr std::string_view kAccepted = "accepted ";
/// The newest stay: of the longest paths they fit into a small file.
constexpr std::size_t kAcceptedMax = 8;
/// Of ZFS, which the kernel's headers do not know.
constexpr std::uint64_t kZfsMagic = 0x2fc12fc1;

struct Origin {
    bool is_restored = false;
    DirectoryTraits traits;
    std::string place;
    std::vector<std::string> accepted;  ///< whole lines, the oldest first
};

bool keeps_birth_times(std::uint64_t file_system) {
    constexpr std::array<std::uint64_t, 7> kThatDo = {
        EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,       BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC,
        TMPFS_MAGIC,      OVERLAYFS_SUPER_MAGIC, kZfsMagic};
    return std::ranges::find(kThatDo, file_system) != kThatDo.end();
}

/// Overlays, where containers live, give directories other numbers at each mount.
bool keeps_inodes(std::uint64_t file_system) {
    return keeps_birth_times(file_system) && file_system != OVERLAYFS_SUPER_MAGIC;
}

std::string place_text(const fs::path& directory) {
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
    std::error_code ignored;
    const fs::path path = fs::absolute(directory, ignored).lexically_normal();
    std::string text = std::string(host.data()) + ":" + path.string();
    std::ranges::replace_if(
        text, [](char c) { return (c >= '\0' && c < ' ') || c == '\x7f'; }, '?');
    return text;
}

std::string text_of(const Origin& origin) {
    std::string text = std::string(kOriginTitle) + "\n";
    if (origin.is_restored) text += std::string(kRestored) + "\n";
    if (origin.traits.born_ns)
        text += std::string(kBorn) + std::to_string(*origin.traits.born_ns) + "\n";
    if (origin.traits.inode)
        text += std::string(kInode) + std::to_string(*origin.traits.inode) + "\n";
    text += std::string(kAt) + origin.place + "\n";
    for (const std::string& line : origin.accepted) text += line + "\n";
    return text;
}

bool take_line(std::string_view line, Origin& origin) {
    const auto number = [line](std::string_view key, auto& into) {
        auto value = into.value_or(0);
        if (!read_number(line.substr(key.size()), value)) return false;
        into = value;
        return true;
    };
    if (line == kRestored) return origin.is_restored = true;
    if (line.starts_with(kBorn)) return number(kBorn, origin.traits.born_ns);
    if (line.starts_with(kInode)) return number(kInode, origin.traits.inode);
    if (line.starts_with(kAt)) origin.place = line.substr(kAt.size());
    if (line.starts_with(kAccepted)) origin.accepted.emplace_back(line);
    return line.starts_with(kAt) || line.starts_with(kAccepted);
}

std::optional<Origin> parse_origin(std::string_view text) {
    Origin origin;
    bool is_first = true;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        if (end == std::string_view::npos) return std::nullopt;
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end + 1);
        if (is_first ? line != kOriginTitle : !take_line(line, origin)) return std::nullopt;
        is_first = false;
    }
    if (origin.place.empty()) return std::nullopt;
    return origin;
}

/// Empty when there is none: in books of before, and in new ones.
Result<std::optional<Origin>> read_origin(const fs::path& directory) {
    const fs::path file = directory / kOriginFile;
    std::error_code error;
    if (!fs::exists(file, error)) return std::optional<Origin>();
    const Result<std::vector<std::byte>> bytes = read_small_file(file);
    if (!bytes) return bytes.error();
    std::string text;
    for (const std::byte byte : *bytes) text.push_back(static_cast<char>(byte));
    std::optional<Origin> origin = parse_origin(text);
    if (origin) return origin;
    return configuration(file.string() +
                         " is not what this program writes there; it stays as it is");
}

/// Of a directory that is a copy, what it was copied from; empty when it is none, or has its log on
/// brokers.
Result<std::optional<Origin>> find_original(const DataDirectory& data) {
    if (data.kafka()) return std::optional<Origin>();
    Result<std::optional<Origin>> noted = read_origin(data.directory());
    if (!noted || !*noted) return noted;
    if ((*noted)->is_restored) return noted;
    if (may_be_one((*noted)->traits, traits_of(data.directory()))) return std::optional<Origin>();
    return noted;
}

/// Whoever runs the books shall read what root has written for him. Where that fails, his start
/// says so. Of what somebody has put in its place meanwhile nothing is given away.
void give_to_owner_of(const fs::path& directory) {
    const int file = ::open((directory / kOriginFile).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0) return;
    struct stat owner {};
    struct stat found {};
    const bool is_ours = ::stat(directory.c_str(), &owner) == 0 && ::fstat(file, &found) == 0 &&
                         found.st_uid == ::geteuid() && found.st_nlink == 1;
    [[maybe_unused]] const bool is_given =
        is_ours && ::fchown(file, owner.st_uid, owner.st_gid) == 0;
    ::close(file);
}

Status write_origin(const fs::path& directory, Origin origin) {
    // The first file that is written may give the directory another birth: on an overlay it comes
    // from the layer below.
    constexpr int kTriesMax = 2;
    for (int i = 0; i < kTriesMax; ++i) {
        origin.traits = traits_of(directory);
        const std::string text = text_of(origin);
        if (Status written =
                replace_private_file(directory / kOriginFile, std::as_bytes(std::span(text)));
            !written)
            return written;
        if (origin.traits == traits_of(directory)) break;
    }
    give_to_owner_of(directory);
    return {};
}

}  // namespace

DirectoryTraits traits_of(const fs::path& directory) {
    DirectoryTraits traits;
    struct statx found {};
    struct statfs system {};
    if (::statfs(directory.c_str(), &system) != 0) return traits;
    if (::statx(AT_FDCWD, directory.c_str(), 0, STATX_INO | STATX_BTIME, &found) != 0)
        return traits;
    const auto type = static_cast<std::uint64_t>(static_cast<std::uint32_t>(system.f_type));
    if (keeps_inodes(type) && (found.stx_mask & STATX_INO) != 0) traits.inode = found.stx_ino;
    // Who makes a whole file system from a tree leaves them at zero.
    const bool is_born = (found.stx_mask & STATX_BTIME) != 0 && found.stx_btime.tv_sec > 0;
    if (keeps_birth_times(type) && is_born) {
        const auto seconds = static_cast<std::uint64_t>(found.stx_btime.tv_sec);
        traits.born_ns = seconds * 1'000'000'000 + found.stx_btime.tv_nsec;
    }
    return traits;
}

bool may_be_one(const DirectoryTraits& noted, const DirectoryTraits& found) {
    if (noted.born_ns && found.born_ns) return *noted.born_ns == *found.born_ns;
    if (noted.inode && found.inode) return *noted.inode == *found.inode;
    return true;
}

Status check_is_original(const DataDirectory& data) {
    const Result<std::optional<Origin>> original = find_original(data);
    // Rather is a copy not found than a restart refused; note_origin says why.
    if (!original || !*original) return {};
    const std::string name = data.directory().string();
    return configuration(
        name + ": these books were copied or moved here, from " + (*original)->place +
        ". Where both are written, each gives out the same record numbers for other commands. "
        "Nothing was changed; questions, replay and export go on. When the original is gone, or "
        "nobody will write to it again: vouch recover --data " +
        name + " --accept-copy --by NAME");
}

Status note_restored(const DataDirectory& original, const fs::path& copy) {
    std::string place = place_text(original.directory());
    if (const auto& topics = original.kafka())
        place = "the topics of " + topics->name + " at " + topics->bootstrap;
    // Of a backup's note nothing but that is believed: nobody has sealed it.
    const Result<std::optional<Origin>> noted = read_origin(original.directory());
    if (noted && *noted && (*noted)->is_restored) place = (*noted)->place;
    const std::string text = text_of(
        {.is_restored = true, .traits = {}, .place = std::move(place), .accepted = {}});
    return replace_private_file(copy / kOriginFile, std::as_bytes(std::span(text)));
}

bool is_restored(const fs::path& directory) {
    const Result<std::optional<Origin>> noted = read_origin(directory);
    return noted && *noted && (*noted)->is_restored;
}

Status note_origin(const DataDirectory& data) {
    if (data.kafka()) return {};
    const Result<std::optional<Origin>> noted = read_origin(data.directory());
    if (!noted) return noted.error();
    if (*noted) return {};
    return write_origin(data.directory(),
                        {.is_restored = false,
                         .traits = {},
                         .place = place_text(data.directory()),
                         .accepted = {}});
}

Result<bool> accept_copy(const DataDirectory& data, const std::string& asked_by) {
    Result<std::optional<Origin>> original = find_original(data);
    if (!original) return original.error();
    if (!*original) return false;
    Origin origin = std::move(**original);
    origin.accepted.push_back(std::string(kAccepted) +
                              command_handler::time_text(SystemClock().now()) + " by " + asked_by +
                              ", from " + origin.place);
    if (origin.accepted.size() > kAcceptedMax) origin.accepted.erase(origin.accepted.begin());
    origin.is_restored = false;
    origin.place = place_text(data.directory());
    if (Status written = write_origin(data.directory(), std::move(origin)); !written)
        return written.error();
    return true;
}

}  // namespace vouch::places
