#pragma once

#include "events/result.h"
#include "events/seal/deployment.h"
#include "events/seal/mac.h"
#include "events/world/files.h"

#include <filesystem>
#include <string>

namespace vouch {

/// Where a deployment's root key is kept.
class KeyStore {
public:
    virtual ~KeyStore() = default;
    /// The root key of `deployment`. `configuration` when this is another deployment's store.
    virtual Result<SecretKey> root(const DeploymentId& deployment) = 0;
};

/// The root key in a file, encrypted with AES-256-GCM under scrypt of a passphrase (format at the
/// top of file_key_store.cc; mode 0600). The passphrase is the first line of another file, which
/// must not be readable by group or others and must lie outside the data directory.
class FileKeyStore final : public KeyStore {
public:
    FileKeyStore(std::filesystem::path file, std::filesystem::path passphrase_file,
                 Files& files = system_files());

    /// Makes a new random root for `deployment`; makes the passphrase file with a random
    /// passphrase when it does not exist. `configuration` when the key file exists.
    Status create(const DeploymentId& deployment);
    /// `configuration`: no such file, unsafe mode, wrong passphrase, damaged, or another
    /// deployment's.
    Result<SecretKey> root(const DeploymentId& deployment) override;
    /// `configuration` when it is none of `deployment`. Asks for no passphrase, and proves nothing.
    Status check_of(const DeploymentId& deployment) const;
    /// Encrypts the same root under the passphrase of another file (made when it does not exist),
    /// replacing the key file atomically. This store then reads the new passphrase file.
    Status change_passphrase(const std::filesystem::path& new_passphrase_file);

private:
    std::filesystem::path file_;
    std::filesystem::path passphrase_file_;
    Files* files_;
};

}  // namespace vouch
