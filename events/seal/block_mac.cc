#include "events/seal/block_mac.h"

#include "events/bytes/big_endian.h"
#include "events/check.h"

#include <openssl/evp.h>

#include <algorithm>
#include <climits>
#include <new>

namespace vouch {

namespace {

constexpr std::size_t kNonceBytes = 12;

const unsigned char* chars(const std::byte* bytes) {
    return reinterpret_cast<const unsigned char*>(bytes);
}

}  // namespace

struct BlockMac::State {
    struct Free {
        void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
    };
    std::unique_ptr<EVP_CIPHER_CTX, Free> cipher{EVP_CIPHER_CTX_new()};
};

BlockMac::BlockMac(const SecretKey& key) : state_(std::make_unique<State>()) {
    // With right arguments it fails for want of memory alone.
    if (state_->cipher == nullptr ||
        EVP_EncryptInit_ex(state_->cipher.get(), EVP_aes_256_gcm(), nullptr,
                           chars(key.bytes().data()), nullptr) != 1)
        throw std::bad_alloc();
}

BlockMac::BlockMac(BlockMac&&) noexcept = default;
BlockMac& BlockMac::operator=(BlockMac&&) noexcept = default;
BlockMac::~BlockMac() = default;

void BlockMac::begin(std::uint64_t number) {
    std::array<std::byte, kNonceBytes> nonce{};
    std::ranges::copy(big_endian(number), nonce.end() - sizeof(number));
    VOUCH_ASSERT(EVP_EncryptInit_ex(state_->cipher.get(), nullptr, nullptr, nullptr,
                                    chars(nonce.data())) == 1);
}

// Authenticated without being encrypted: additional data of an empty message.
void BlockMac::add(std::span<const std::byte> piece) {
    VOUCH_ASSERT(piece.size() <= INT_MAX);
    int size = 0;
    VOUCH_ASSERT(EVP_EncryptUpdate(state_->cipher.get(), nullptr, &size, chars(piece.data()),
                                   static_cast<int>(piece.size())) == 1);
}

BlockTag BlockMac::finish() {
    BlockTag tag;
    unsigned char none = 0;
    int size = 0;
    VOUCH_ASSERT(EVP_EncryptFinal_ex(state_->cipher.get(), &none, &size) == 1);
    VOUCH_ASSERT(EVP_CIPHER_CTX_ctrl(state_->cipher.get(), EVP_CTRL_AEAD_GET_TAG,
                                     static_cast<int>(tag.size()), tag.data()) == 1);
    return tag;
}

BlockTag BlockMac::tag(std::uint64_t number, std::span<const std::byte> block) {
    begin(number);
    add(block);
    return finish();
}

}  // namespace vouch
