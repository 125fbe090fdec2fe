#include "events/seal/mac.h"

#include "events/bytes/hex.h"
#include "events/check.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <new>

// Every call of OpenSSL here can fail only for want of memory, or because the library lacks
// SHA-256: nothing that a caller could act on. So they are asserted.

namespace vouch {

namespace {

/// Fetched once: a fetch walks the providers under a lock, and costs more than a short MAC.
EVP_MAC* hmac() {
    static EVP_MAC* const algorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    VOUCH_ASSERT(algorithm != nullptr);
    return algorithm;
}

const unsigned char* data_of(std::span<const std::byte> bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}

}  // namespace

std::span<const std::byte, SecretKey::kBytes> SecretKey::bytes() const {
    VOUCH_ASSERT(bytes_.size() == kBytes);
    return std::span<const std::byte, kBytes>(bytes_);
}

struct Mac::State {
    struct Free {
        void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
    };
    std::unique_ptr<EVP_MAC_CTX, Free> context;
};

Mac::Mac(const SecretKey& key) : state_(std::make_unique<State>()) {
    state_->context.reset(EVP_MAC_CTX_new(hmac()));
    if (state_->context == nullptr) throw std::bad_alloc();
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    // With right arguments it fails for want of memory alone.
    if (EVP_MAC_init(state_->context.get(), data_of(key.bytes()), key.bytes().size(),
                     parameters) != 1)
        throw std::bad_alloc();
}

Mac::Mac(Mac&&) noexcept = default;
Mac& Mac::operator=(Mac&&) noexcept = default;
Mac::~Mac() = default;

Tag Mac::tag(std::span<const std::span<const std::byte>> pieces) {
    EVP_MAC_CTX* const context = state_->context.get();
    // Without a key, init goes back to the keyed state that the context keeps. A duplicate of the
    // context per tag does the same at more than twice the fixed cost.
    VOUCH_ASSERT(EVP_MAC_init(context, nullptr, 0, nullptr) == 1);
    for (const std::span<const std::byte> piece : pieces) {
        VOUCH_ASSERT(EVP_MAC_update(context, data_of(piece), piece.size()) == 1);
    }
    Tag tag;
    std::size_t size = 0;
    VOUCH_ASSERT(EVP_MAC_final(context, reinterpret_cast<unsigned char*>(tag.data()), &size,
                               tag.size()) == 1);
    VOUCH_ASSERT(size == tag.size());
    return tag;
}

bool equal_tags(std::span<const std::byte> a, std::span<const std::byte> b) {
    // Lengths are no secret.
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string short_hex(std::span<const std::byte> bytes) {
    constexpr std::size_t kBytesShown = 4;
    std::string text = hex(bytes.first(std::min(bytes.size(), kBytesShown)));
    if (bytes.size() > kBytesShown) text += "…";
    return text;
}

std::string expected_found_hex(std::span<const std::byte> expected,
                               std::span<const std::byte> found) {
    std::string text = "expected " + short_hex(expected) + ", found " + short_hex(found);
    if (short_hex(expected) != short_hex(found)) return text;
    const auto differing =
        std::mismatch(expected.begin(), expected.end(), found.begin(), found.end()).first;
    return text + ", which differ from byte " + std::to_string(differing - expected.begin()) +
           " on";
}

}  // namespace vouch
