#pragma once

#include <filesystem>
#include <string>

#include "events/result.h"
#include "events/seal/deployment.h"
#include "events/seal/mac.h"

namespace vouch {

/// Where a deployment's root key is kept.
class KeyStore {
public:
    virtual ~KeyStore() = default;
    virtual Result<SecretKey> root() = 0;
};

/// The root key in a file, encrypted with AES-256-GCM under scrypt of a passphrase (format at the
/// top of file_key_store.cc; mode 0600). The passphrase is the first line of another file, which
/// must not be readable by group or others and must lie outside the data directory.
class FileKeyStore final : public KeyStore {
public:
    FileKeyStore(std::filesystem::path file, std::filesystem::path passphrase_file);

    /// Makes a new random root for `deployment`; makes the passphrase file with a random
    /// passphrase when it does not exist. `configuration` when the key file exists.
    Status create(const DeploymentId& deployment);
    /// `configuration`: no such file, unsafe mode, wrong passphrase, damaged, or another deployment's.
    Result<SecretKey> root() override;
    /// Encrypts the same root under the passphrase of another file, replacing the key file atomically.
    Status change_passphrase(const std::filesystem::path& new_passphrase_file);

private:
    std::filesystem::path file_;
    std::filesystem::path passphrase_file_;
};

}  // namespace vouch
