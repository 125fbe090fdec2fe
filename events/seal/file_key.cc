#include "events/seal/file_key.h"

#include "events/bytes/big_endian.h"
#include "events/seal/secret_bytes.h"
#include "events/world/random.h"

#include <algorithm>
#include <span>
#include <string_view>

namespace vouch {

namespace {

using namespace std::string_view_literals;

constexpr std::string_view kFileDomain = "vouch/sealed-file/v1\0"sv;

}  // namespace

/// From the kernel: files are made on RocksDB's threads, and OpenSSL's generator would leave its
/// state on each.
FileSalt make_file_salt() {
    FileSalt salt;
    const auto half = std::ranges::copy(big_endian(random_number()), salt.begin());
    std::ranges::copy(big_endian(random_number()), half.out);
    return salt;
}

SecretKey file_key(const SecretKey& store_key, const FileSalt& salt) {
    const std::array<std::span<const std::byte>, 2> pieces = {
        std::as_bytes(std::span(kFileDomain)), salt};
    Tag tag = Mac(store_key).tag(pieces);
    SecretKey key(tag);
    wipe(tag.data(), tag.size());
    return key;
}

}  // namespace vouch
