#include "events/seal/set_digest.h"

#include "events/check.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace vouch {
namespace {

__extension__ typedef unsigned __int128 Sum;

constexpr std::size_t kBlock = 16;
// Rows encrypted by one call: enough to keep the cipher's pipeline full, small enough for the
// cache.
constexpr std::size_t kRowsAtOnce = 256;

struct CipherFree {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

}  // namespace

struct SetDigest::State {
    std::unique_ptr<EVP_CIPHER_CTX, CipherFree> cipher{EVP_CIPHER_CTX_new()};
    Sum sum = 0;
    std::vector<unsigned char> blocks;
};

SetDigest::SetDigest(const SecretKey& key) : state_(std::make_unique<State>()) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(key.bytes().data());
    VOUCH_ASSERT(state_->cipher != nullptr);
    VOUCH_ASSERT(
        EVP_EncryptInit_ex(state_->cipher.get(), EVP_aes_256_ecb(), nullptr, bytes, nullptr) == 1);
    EVP_CIPHER_CTX_set_padding(state_->cipher.get(), 0);
}

SetDigest::SetDigest(SetDigest&&) noexcept = default;
SetDigest& SetDigest::operator=(SetDigest&&) noexcept = default;
SetDigest::~SetDigest() = default;

void SetDigest::add(std::span<const Row> rows) { sum(rows, true); }
void SetDigest::remove(std::span<const Row> rows) { sum(rows, false); }

// CBC over the three blocks of each row, many rows side by side. All rows have one length, for
// which CBC-MAC is a sound MAC.
void SetDigest::sum(std::span<const Row> rows, bool add) {
    std::vector<unsigned char>& blocks = state_->blocks;
    for (std::size_t start = 0; start < rows.size(); start += kRowsAtOnce) {
        const std::span<const Row> some =
            rows.subspan(start, std::min(kRowsAtOnce, rows.size() - start));
        blocks.assign(some.size() * kBlock, 0);
        for (std::size_t part = 0; part < kRowBytes / kBlock; ++part) {
            for (std::size_t i = 0; i < some.size(); ++i) {
                for (std::size_t k = 0; k < kBlock; ++k) {
                    blocks[i * kBlock + k] ^=
                        static_cast<unsigned char>(some[i][part * kBlock + k]);
                }
            }
            int written = 0;
            const int size = static_cast<int>(blocks.size());
            VOUCH_ASSERT(EVP_EncryptUpdate(state_->cipher.get(), blocks.data(), &written,
                                           blocks.data(), size) == 1);
            VOUCH_ASSERT(written == size);
        }
        for (std::size_t i = 0; i < some.size(); ++i) {
            Sum row = 0;
            std::memcpy(&row, blocks.data() + i * kBlock, kBlock);
            state_->sum += add ? row : Sum{0} - row;
        }
    }
}

std::array<std::byte, 16> SetDigest::value() const {
    std::array<std::byte, 16> bytes;
    std::memcpy(bytes.data(), &state_->sum, bytes.size());
    return bytes;
}

void SetDigest::restore(std::span<const std::byte, 16> value) {
    std::memcpy(&state_->sum, value.data(), value.size());
}

}  // namespace vouch
