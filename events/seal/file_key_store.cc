// The key file, 120 bytes:
//
//   key-file  = header ciphertext tag
//   header    = "VOUCHKEY"            8 bytes
//             | format                4 bytes big-endian: 1
//             | deployment id        16 bytes
//             | salt                 32 bytes, random
//             | nonce                12 bytes, random
//   ciphertext, tag = AES-256-GCM(K, nonce, root key of 32 bytes, additional data: header): 32, 16
//   bytes K         = scrypt(passphrase, salt, N = 2^15, r = 8, p = 1), 32 bytes
//
// The format fixes the cost of scrypt, so that nobody who can write the file chooses how much
// memory its reader takes. Salt and nonce are new whenever the file is written. Golden:
// tests/golden/key_file.json.

#include "events/bytes/big_endian.h"
#include "events/check.h"
#include "events/seal/key_store.h"
#include "events/seal/private_file.h"
#include "events/seal/secret_bytes.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace vouch {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMagic = "VOUCHKEY";
constexpr std::uint32_t kFormat = 1;

constexpr std::size_t kFormatAt = 8;
constexpr std::size_t kDeploymentAt = 12;
constexpr std::size_t kSaltAt = 28;
constexpr std::size_t kSaltSize = 32;
constexpr std::size_t kNonceAt = 60;
constexpr std::size_t kNonceSize = 12;
constexpr std::size_t kHeaderSize = 72;
constexpr std::size_t kKeySize = 32;
constexpr std::size_t kTagAt = kHeaderSize + kKeySize;
constexpr std::size_t kTagSize = 16;
constexpr std::size_t kFileSize = kTagAt + kTagSize;

constexpr std::uint64_t kScryptN = 1U << 15;
constexpr std::uint64_t kScryptR = 8;
constexpr std::uint64_t kScryptP = 1;
// It takes 128 * N * r bytes, 32 MiB, and some; OpenSSL's own bound is just below that.
constexpr std::uint64_t kScryptMemoryMax = 64ULL * 1024 * 1024;

constexpr std::size_t kPassphraseFileMax = 4096;
constexpr std::size_t kPassphraseBytesRandom = 32;

using KeyFile = std::array<std::byte, kFileSize>;

unsigned char* raw(std::byte* bytes) { return reinterpret_cast<unsigned char*>(bytes); }
const unsigned char* raw(const std::byte* bytes) {
    return reinterpret_cast<const unsigned char*>(bytes);
}

Fault unfit(const fs::path& file, std::string_view what) {
    return {FaultCode::configuration, file.string() + ": " + std::string(what)};
}

/// For keys and passphrases: from the generator that OpenSSL keeps for what stays secret. Without
/// randomness there are no keys, and nobody could do anything about it: asserted.
void fill_random(std::span<std::byte> bytes) {
    VOUCH_ASSERT(RAND_priv_bytes(raw(bytes.data()), static_cast<int>(bytes.size())) == 1);
}

Result<SecretKey> stretch(const SecretBytes& passphrase, std::span<const std::byte> salt) {
    std::array<std::byte, kKeySize> bytes;
    const int done =
        EVP_PBE_scrypt(reinterpret_cast<const char*>(passphrase.data()), passphrase.size(),
                       raw(salt.data()), salt.size(), kScryptN, kScryptR, kScryptP,
                       kScryptMemoryMax, raw(bytes.data()), bytes.size());
    if (done != 1)
        return Fault{FaultCode::retriable, "key file: out of memory for scrypt (32 MiB)"};
    SecretKey key(bytes);
    wipe(bytes.data(), bytes.size());
    return key;
}

struct FreeCipherContext {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeCipherContext>;

/// Encrypts `root` into `file`, whose header is complete.
void encrypt(KeyFile& file, const SecretKey& key, const SecretKey& root) {
    const CipherContext context(EVP_CIPHER_CTX_new());
    VOUCH_ASSERT(context != nullptr);
    int size = 0;
    VOUCH_ASSERT(EVP_EncryptInit_ex2(context.get(), EVP_aes_256_gcm(), raw(key.bytes().data()),
                                     raw(file.data() + kNonceAt), nullptr) == 1);
    VOUCH_ASSERT(EVP_EncryptUpdate(context.get(), nullptr, &size, raw(file.data()), kHeaderSize) ==
                 1);
    VOUCH_ASSERT(EVP_EncryptUpdate(context.get(), raw(file.data() + kHeaderSize), &size,
                                   raw(root.bytes().data()), kKeySize) == 1);
    VOUCH_ASSERT(EVP_EncryptFinal_ex(context.get(), raw(file.data() + kTagAt), &size) == 1);
    VOUCH_ASSERT(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize,
                                     raw(file.data() + kTagAt)) == 1);
}

/// Empty when the key is not the file's, or any of its bytes has changed.
std::optional<SecretKey> decrypt(const KeyFile& file, const SecretKey& key) {
    const CipherContext context(EVP_CIPHER_CTX_new());
    VOUCH_ASSERT(context != nullptr);
    int size = 0;
    VOUCH_ASSERT(EVP_DecryptInit_ex2(context.get(), EVP_aes_256_gcm(), raw(key.bytes().data()),
                                     raw(file.data() + kNonceAt), nullptr) == 1);
    VOUCH_ASSERT(EVP_DecryptUpdate(context.get(), nullptr, &size, raw(file.data()), kHeaderSize) ==
                 1);
    std::array<std::byte, kKeySize> root;
    VOUCH_ASSERT(EVP_DecryptUpdate(context.get(), raw(root.data()), &size,
                                   raw(file.data() + kHeaderSize), kKeySize) == 1);
    std::array<std::byte, kTagSize> tag;
    std::copy_n(file.begin() + kTagAt, kTagSize, tag.begin());
    VOUCH_ASSERT(
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagSize, raw(tag.data())) == 1);
    std::array<std::byte, kTagSize> nothing_more;
    std::optional<SecretKey> opened;
    if (EVP_DecryptFinal_ex(context.get(), raw(nothing_more.data()), &size) == 1)
        opened.emplace(root);
    wipe(root.data(), root.size());
    return opened;
}

Result<KeyFile> seal_root(const SecretKey& root, const IdBytes& deployment,
                          const SecretBytes& passphrase) {
    KeyFile file{};
    std::ranges::copy(std::as_bytes(std::span(kMagic)), file.begin());
    std::ranges::copy(big_endian(kFormat), file.begin() + kFormatAt);
    std::ranges::copy(deployment, file.begin() + kDeploymentAt);
    fill_random(std::span(file).subspan(kSaltAt, kSaltSize + kNonceSize));

    const Result<SecretKey> key = stretch(passphrase, std::span(file).subspan(kSaltAt, kSaltSize));
    if (!key) return key.error();
    encrypt(file, *key, root);
    return file;
}

/// The bytes of a key file of a known format; its contents are not authenticated yet.
Result<KeyFile> read_key_file(const fs::path& path, Files& files) {
    const Result<SecretBytes> contents = read_private_file(path, kFileSize, files);
    if (!contents) return contents.error();
    KeyFile file;
    if (contents->size() != file.size()) return unfit(path, "not a key file");
    std::ranges::copy(*contents, file.begin());
    if (!std::ranges::equal(std::as_bytes(std::span(kMagic)),
                            std::span(file).first(kMagic.size()))) {
        return unfit(path, "not a key file");
    }
    if (!std::ranges::equal(big_endian(kFormat), std::span(file).subspan(kFormatAt, 4))) {
        return unfit(path, "a key file of a format that this program does not know");
    }
    return file;
}

IdBytes deployment_of(const KeyFile& file) {
    IdBytes bytes;
    std::copy_n(file.begin() + kDeploymentAt, bytes.size(), bytes.begin());
    return bytes;
}

Result<KeyFile> read_key_file_of(const DeploymentId& deployment, const fs::path& path,
                                 Files& files) {
    Result<KeyFile> file = read_key_file(path, files);
    if (file && deployment_of(*file) != id_bytes(deployment))
        return unfit(path, "the key file of another deployment");
    return file;
}

Result<SecretKey> open_root(const fs::path& path, const KeyFile& file,
                            const SecretBytes& passphrase) {
    const Result<SecretKey> key = stretch(passphrase, std::span(file).subspan(kSaltAt, kSaltSize));
    if (!key) return key.error();
    std::optional<SecretKey> root = decrypt(file, *key);
    if (!root) return unfit(path, "wrong passphrase, or the file is damaged");
    return std::move(*root);
}

/// Whoever copies or backs up the data directory must not have both: refused when the passphrase
/// file is anywhere below the key file's directory.
Status check_apart(const fs::path& key_file, const fs::path& passphrase_file) {
    std::error_code error;
    const fs::path directory =
        fs::weakly_canonical(fs::absolute(key_file, error).parent_path(), error);
    if (error) return unfit(key_file, error.message());
    const fs::path passphrase = fs::weakly_canonical(fs::absolute(passphrase_file, error), error);
    if (error) return unfit(passphrase_file, error.message());
    const fs::path relative = passphrase.lexically_relative(directory);
    if (relative.empty() || *relative.begin() == "..") return {};
    return unfit(passphrase_file, "the passphrase file must lie outside the data directory");
}

Result<SecretBytes> read_passphrase(const fs::path& key_file, const fs::path& passphrase_file,
                                    Files& files) {
    if (Status apart = check_apart(key_file, passphrase_file); !apart) return apart.error();
    Result<SecretBytes> contents = read_private_file(passphrase_file, kPassphraseFileMax, files);
    if (!contents) return contents.error();
    SecretBytes& line = *contents;
    line.erase(std::ranges::find(line, std::byte{'\n'}), line.end());
    if (!line.empty() && line.back() == std::byte{'\r'}) line.pop_back();
    if (line.empty()) return unfit(passphrase_file, "its first line, the passphrase, is empty");
    return contents;
}

/// 64 random hex digits and a line end.
SecretBytes make_passphrase_line() {
    constexpr std::string_view kDigits = "0123456789abcdef";
    SecretBytes random(kPassphraseBytesRandom);
    fill_random(random);
    SecretBytes line;
    for (const std::byte byte : random) {
        line.push_back(static_cast<std::byte>(kDigits[std::to_integer<std::size_t>(byte >> 4)]));
        line.push_back(
            static_cast<std::byte>(kDigits[std::to_integer<std::size_t>(byte & std::byte{0x0f})]));
    }
    line.push_back(std::byte{'\n'});
    return line;
}

/// A passphrase that is durable before anything is encrypted under it.
Result<SecretBytes> read_or_make_passphrase(const fs::path& key_file,
                                            const fs::path& passphrase_file, Files& files) {
    if (Status apart = check_apart(key_file, passphrase_file); !apart) return apart.error();
    if (!is_there(files, passphrase_file.string())) {
        const fs::path directory = passphrase_file.parent_path();
        if (Status made = create_private_directories(directory, files); !made) return made.error();
        const Result<bool> created =
            create_private_file(passphrase_file, make_passphrase_line(), files);
        // One that another program made in the meantime is as good.
        if (!created) return created.error();
    }
    Result<SecretBytes> passphrase = read_passphrase(key_file, passphrase_file, files);
    if (!passphrase) return passphrase;
    // What is sealed under one that was read wrongly never opens again.
    const Result<SecretBytes> again = read_passphrase(key_file, passphrase_file, files);
    if (!again) return again.error();
    if (*again == *passphrase) return passphrase;
    return Fault{FaultCode::storage, passphrase_file.string() +
                                         ": read twice, and it was not the same; nothing was "
                                         "sealed under it: try again"};
}

}  // namespace

FileKeyStore::FileKeyStore(fs::path file, fs::path passphrase_file, Files& files)
    : file_(std::move(file)), passphrase_file_(std::move(passphrase_file)), files_(&files) {}

Status FileKeyStore::create(const DeploymentId& deployment) {
    constexpr std::string_view kExists = "there is a key file already";
    if (is_there(*files_, file_.string())) return unfit(file_, kExists);
    const Result<SecretBytes> passphrase =
        read_or_make_passphrase(file_, passphrase_file_, *files_);
    if (!passphrase) return passphrase.error();

    std::array<std::byte, kKeySize> random;
    fill_random(random);
    const SecretKey root(random);
    wipe(random.data(), random.size());

    const Result<KeyFile> sealed = seal_root(root, id_bytes(deployment), *passphrase);
    if (!sealed) return sealed.error();
    const Result<bool> created = create_private_file(file_, *sealed, *files_);
    if (!created) return created.error();
    if (!*created) return unfit(file_, kExists);
    return {};
}

Result<SecretKey> FileKeyStore::root(const DeploymentId& deployment) {
    const Result<KeyFile> file = read_key_file_of(deployment, file_, *files_);
    if (!file) return file.error();
    const Result<SecretBytes> passphrase = read_passphrase(file_, passphrase_file_, *files_);
    if (!passphrase) return passphrase.error();
    return open_root(file_, *file, *passphrase);
}

Status FileKeyStore::check_of(const DeploymentId& deployment) const {
    const Result<KeyFile> file = read_key_file_of(deployment, file_, *files_);
    if (!file) return file.error();
    return {};
}

Status FileKeyStore::change_passphrase(const fs::path& new_passphrase_file) {
    const Result<KeyFile> file = read_key_file(file_, *files_);
    if (!file) return file.error();
    const Result<SecretBytes> old_passphrase = read_passphrase(file_, passphrase_file_, *files_);
    if (!old_passphrase) return old_passphrase.error();
    const Result<SecretKey> root = open_root(file_, *file, *old_passphrase);
    if (!root) return root.error();

    const Result<SecretBytes> passphrase =
        read_or_make_passphrase(file_, new_passphrase_file, *files_);
    if (!passphrase) return passphrase.error();
    const Result<KeyFile> sealed = seal_root(*root, deployment_of(*file), *passphrase);
    if (!sealed) return sealed.error();
    if (Status replaced = replace_private_file(file_, *sealed, *files_); !replaced) return replaced;
    passphrase_file_ = new_passphrase_file;
    return {};
}

}  // namespace vouch
