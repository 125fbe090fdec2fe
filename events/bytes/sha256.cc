#include "events/bytes/sha256.h"

#include "events/check.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <memory>
#include <new>

// Every call of OpenSSL here can fail only for want of memory, or because the library lacks
// SHA-256: nothing that a caller could act on. So they are asserted.

namespace vouch {
namespace {

/// OpenSSL would clean up when the process begins to end, while RocksDB's threads still verify the
/// blocks that they read, and what it then keeps for each thread would never be freed. Without that
/// a thread's own part goes with the thread, and the rest with the process. Before anything else is
/// asked of OpenSSL, which then knows only the first answer; here, because nothing of ours uses
/// OpenSSL without a digest.
[[maybe_unused]] const int kStaysStarted = OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr);

const EVP_MD* sha256_algorithm() {
    static EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    VOUCH_ASSERT(algorithm != nullptr);
    return algorithm;
}

struct FreeDigestContext {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

}  // namespace

Digest sha256(std::span<const std::span<const std::byte>> pieces) {
    // One context a thread: its allocation would be a third of a short digest's cost.
    thread_local const std::unique_ptr<EVP_MD_CTX, FreeDigestContext> context(EVP_MD_CTX_new());
    if (context == nullptr || EVP_DigestInit_ex2(context.get(), sha256_algorithm(), nullptr) != 1)
        throw std::bad_alloc();
    for (const std::span<const std::byte> piece : pieces) {
        VOUCH_ASSERT(EVP_DigestUpdate(context.get(), piece.data(), piece.size()) == 1);
    }
    Digest digest;
    unsigned size = 0;
    VOUCH_ASSERT(EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(digest.data()),
                                    &size) == 1);
    VOUCH_ASSERT(size == digest.size());
    return digest;
}

}  // namespace vouch
