// Loaded before a test (LD_PRELOAD), and so before the programs that it runs: a passphrase becomes
// a key by one round of HMAC. scrypt is slow on purpose: it was half of what the tests of the
// program cost.

#include <openssl/evp.h>

#include <cstdint>

extern "C" int EVP_PBE_scrypt(const char* pass, std::size_t pass_size, const unsigned char* salt,
                              std::size_t salt_size, std::uint64_t, std::uint64_t, std::uint64_t,
                              std::uint64_t, unsigned char* key, std::size_t key_size) {
    return PKCS5_PBKDF2_HMAC(pass, static_cast<int>(pass_size), salt, static_cast<int>(salt_size),
                             1, EVP_sha256(), static_cast<int>(key_size), key);
}
