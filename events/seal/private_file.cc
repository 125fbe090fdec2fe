#include "events/seal/private_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <string>
#include <string_view>
#include <system_error>

namespace vouch {

namespace {

namespace fs = std::filesystem;

constexpr mode_t kOwnerOnly = S_IRUSR | S_IWUSR;

class FileDescriptor {
public:
    explicit FileDescriptor(int number) : number_(number) {}
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    ~FileDescriptor() {
        if (number_ >= 0) ::close(number_);
    }

    bool is_open() const { return number_ >= 0; }
    int number() const { return number_; }

private:
    int number_;
};

/// A fault that says which step failed on which file, with the system's reason.
Fault failed(FaultCode code, std::string_view step, const fs::path& file, int error) {
    return {code, file.string() + ": " + std::string(step) + ": " +
                      std::error_code(error, std::generic_category()).message()};
}

fs::path directory_of(const fs::path& file) {
    return file.has_parent_path() ? file.parent_path() : fs::path(".");
}

Status write_all(int descriptor, std::span<const std::byte> contents, const fs::path& file) {
    while (!contents.empty()) {
        const ssize_t written = ::write(descriptor, contents.data(), contents.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return failed(FaultCode::storage, "cannot write", file, errno);
        contents = contents.subspan(static_cast<std::size_t>(written));
    }
    return {};
}

/// A new name is durable only when its directory is.
Status sync_directory(const fs::path& directory) {
    const FileDescriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!opened.is_open() || ::fsync(opened.number()) != 0) {
        return failed(FaultCode::storage, "cannot sync the directory", directory, errno);
    }
    return {};
}

/// A file under a name of its own beside `file`, complete and synced; removed again unless `keep`.
class TemporaryFile {
public:
    explicit TemporaryFile(const fs::path& file) : name_(file.string() + ".XXXXXX") {}
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile() {
        if (exists_) ::unlink(name_.c_str());
    }

    Status write(std::span<const std::byte> contents) {
        const FileDescriptor opened(::mkostemp(name_.data(), O_CLOEXEC));
        if (!opened.is_open()) return failed(FaultCode::storage, "cannot create", name_, errno);
        exists_ = true;
        // mkostemp's mode is subject to the umask, which may even take from the owner.
        if (::fchmod(opened.number(), kOwnerOnly) != 0) {
            return failed(FaultCode::storage, "cannot set the mode", name_, errno);
        }
        if (Status written = write_all(opened.number(), contents, name_); !written) return written;
        if (::fsync(opened.number()) != 0)
            return failed(FaultCode::storage, "cannot sync", name_, errno);
        return {};
    }

    const std::string& name() const { return name_; }
    /// It has been renamed.
    void forget() { exists_ = false; }

private:
    std::string name_;
    bool exists_ = false;
};

std::string octal(mode_t mode) {
    std::array<char, 8> text;
    std::snprintf(text.data(), text.size(), "%04o", static_cast<unsigned>(mode & 07777));
    return text.data();
}

}  // namespace

Result<SecretBytes> read_private_file(const fs::path& file, std::size_t size_max) {
    // Without blocking: a FIFO of this name would otherwise hold the program up before it is
    // refused.
    const FileDescriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!opened.is_open()) return failed(FaultCode::configuration, "cannot open", file, errno);
    struct stat status {};
    if (::fstat(opened.number(), &status) != 0)
        return failed(FaultCode::storage, "cannot look at", file, errno);
    if (!S_ISREG(status.st_mode)) {
        return Fault{FaultCode::configuration, file.string() + ": not a regular file"};
    }
    if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return Fault{FaultCode::configuration,
                     file.string() + ": expected to be its owner's alone (mode 0600), found mode " +
                         octal(status.st_mode)};
    }

    // One byte more than may be there, so that a longer file shows.
    SecretBytes contents(size_max + 1);
    std::size_t size = 0;
    while (size < contents.size()) {
        const ssize_t count =
            ::read(opened.number(), contents.data() + size, contents.size() - size);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return failed(FaultCode::storage, "cannot read", file, errno);
        if (count == 0) break;
        size += static_cast<std::size_t>(count);
    }
    if (size > size_max) {
        return Fault{FaultCode::configuration, file.string() + ": expected at most " +
                                                   std::to_string(size_max) + " bytes, found more"};
    }
    contents.resize(size);
    return contents;
}

Result<bool> create_private_file(const fs::path& file, std::span<const std::byte> contents) {
    TemporaryFile temporary(file);
    if (Status written = temporary.write(contents); !written) return written.error();
    // A link, unlike a rename, never replaces: of two programs that create at once, one is told so.
    if (::link(temporary.name().c_str(), file.c_str()) != 0) {
        if (errno == EEXIST) return false;
        return failed(FaultCode::storage, "cannot create", file, errno);
    }
    if (Status synced = sync_directory(directory_of(file)); !synced) return synced.error();
    return true;
}

Status replace_private_file(const fs::path& file, std::span<const std::byte> contents) {
    TemporaryFile temporary(file);
    if (Status written = temporary.write(contents); !written) return written;
    if (::rename(temporary.name().c_str(), file.c_str()) != 0) {
        return failed(FaultCode::storage, "cannot replace", file, errno);
    }
    temporary.forget();
    return sync_directory(directory_of(file));
}

Status create_private_directories(const fs::path& directory) {
    std::error_code error;
    if (directory.empty() || fs::is_directory(directory, error)) return {};
    if (Status made = create_private_directories(directory.parent_path()); !made) return made;
    if (::mkdir(directory.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
        return failed(FaultCode::configuration, "cannot create the directory", directory, errno);
    }
    return sync_directory(directory_of(directory));
}

}  // namespace vouch
