#include "events/seal/private_file.h"

#include "events/world/random.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <system_error>

namespace vouch {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kOwnerOnly = 0600;
constexpr std::int64_t kOfOthers = 0077;

/// A fault that says which step failed on which file, with the system's reason.
Fault failed(FaultCode code, std::string_view step, const fs::path& file, int error) {
    return {code, file.string() + ": " + std::string(step) + ": " +
                      std::error_code(error, std::generic_category()).message()};
}

/// A file under a name of its own beside `file`, complete and synced; removed again unless it was
/// given the name of `file`.
class TemporaryFile {
public:
    TemporaryFile(const fs::path& file, Files& files)
        : files_(files), name_(file.string() + "." + std::to_string(random_number())) {}
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile() {
        if (exists_) (void)files_.remove(name_);
    }

    Status write(std::span<const std::byte> contents) {
        const CallResult opened = files_.open(name_, O_RDWR | O_CREAT | O_EXCL, kOwnerOnly);
        if (!opened) return failed(FaultCode::storage, "cannot create", name_, opened.error);
        exists_ = true;
        const auto descriptor = static_cast<int>(opened.value);
        const File file(files_, descriptor, name_);
        // The umask may even take from the owner.
        const CallResult owned = files_.set_mode(descriptor, kOwnerOnly);
        if (!owned) return failed(FaultCode::storage, "cannot set the mode", name_, owned.error);
        if (Status written = file.write(contents, 0); !written) return written;
        if (Status synced = file.fsync(); !synced) return synced;
        // Keys that were written wrongly would lock their owner out.
        SecretBytes found(contents.size());
        if (Status read = file.read(found, 0); !read) return read;
        if (std::ranges::equal(found, contents)) return {};
        return Fault{FaultCode::storage,
                     name_ + ": what is read back is not what was written: the disk or the memory "
                             "of this machine fails"};
    }

    const std::string& name() const { return name_; }
    /// It has been renamed.
    void forget() { exists_ = false; }

private:
    Files& files_;
    std::string name_;
    bool exists_ = false;
};

std::string octal(std::int64_t mode) {
    std::array<char, 8> text;
    std::snprintf(text.data(), text.size(), "%04o", static_cast<unsigned>(mode));
    return text.data();
}

}  // namespace

Result<SecretBytes> read_private_file(const fs::path& path, std::size_t size_max, Files& files) {
    const CallResult opened = files.open(path.string(), O_RDONLY, 0);
    if (!opened) return failed(FaultCode::configuration, "cannot open", path, opened.error);
    const auto descriptor = static_cast<int>(opened.value);
    const File file(files, descriptor, path.string());
    const CallResult size = files.size(descriptor);
    if (size.error == EISDIR)
        return Fault{FaultCode::configuration, path.string() + ": not a regular file"};
    if (!size) return failed(FaultCode::storage, "cannot look at", path, size.error);
    const CallResult mode = files.mode(descriptor);
    if (!mode) return failed(FaultCode::storage, "cannot look at", path, mode.error);
    if ((mode.value & kOfOthers) != 0) {
        return Fault{FaultCode::configuration,
                     path.string() + ": expected to be its owner's alone (mode 0600), found mode " +
                         octal(mode.value)};
    }
    if (static_cast<std::uint64_t>(size.value) > size_max) {
        return Fault{FaultCode::configuration, path.string() + ": expected at most " +
                                                   std::to_string(size_max) + " bytes, found more"};
    }
    SecretBytes contents(static_cast<std::size_t>(size.value));
    if (Status read = file.read(contents, 0); !read) return read.error();
    return contents;
}

Result<bool> create_private_file(const fs::path& file, std::span<const std::byte> contents,
                                 Files& files) {
    TemporaryFile temporary(file, files);
    if (Status written = temporary.write(contents); !written) return written.error();
    // A link, unlike a rename, never replaces: of two programs that create at once, one is told so.
    const CallResult linked = files.link(temporary.name(), file.string());
    if (linked.error == EEXIST) return false;
    if (!linked) return failed(FaultCode::storage, "cannot create", file, linked.error);
    if (Status synced = sync_directory(files, directory_of(file.string())); !synced) {
        // Who is told that there is none makes another one.
        (void)files.remove(file.string());
        return synced.error();
    }
    return true;
}

Status replace_private_file(const fs::path& file, std::span<const std::byte> contents,
                            Files& files) {
    TemporaryFile temporary(file, files);
    if (Status written = temporary.write(contents); !written) return written;
    const CallResult renamed = files.rename(temporary.name(), file.string());
    if (!renamed) return failed(FaultCode::storage, "cannot replace", file, renamed.error);
    temporary.forget();
    return sync_directory(files, directory_of(file.string()));
}

Status create_private_directories(const fs::path& directory, Files& files) {
    std::string path = directory.string();
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    if (path.empty()) return {};
    if (File::open(files, path, O_RDONLY | O_DIRECTORY)) return {};
    Status made = make_directories(files, path);
    if (!made) return Fault{FaultCode::configuration, made.error().message};
    return made;
}

}  // namespace vouch
