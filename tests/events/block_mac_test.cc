#include "events/seal/block_mac.h"

#include "events/seal/file_key.h"

#include <doctest/doctest.h>

#include <array>
#include <span>
#include <string>
#include <vector>

namespace {

using namespace vouch;

std::string hex(std::span<const std::byte> bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const std::byte each : bytes) {
        text += kDigits[std::to_integer<unsigned>(each) >> 4];
        text += kDigits[std::to_integer<unsigned>(each) & 0xf];
    }
    return text;
}

}  // namespace

TEST_CASE("block mac: AES-256-GMAC, as the standard's first test case has it") {
    // NIST's GCM specification, case 13: zero key, zero nonce, nothing to authenticate.
    BlockMac mac{SecretKey()};
    CHECK(hex(mac.tag(0, {})) == "530f8afbc74536b9a963b4f1c4cb738b");
}

TEST_CASE("block mac: a block in pieces has the tag of the whole, and each number its own") {
    std::array<std::byte, 32> bytes;
    bytes.fill(std::byte{7});
    BlockMac mac{SecretKey(bytes)};
    const std::vector<std::byte> block(5000, std::byte{0x42});
    const BlockTag whole = mac.tag(3, block);
    mac.begin(3);
    for (std::size_t at = 0; at < block.size(); at += 1234)
        mac.add(std::span(block).subspan(at, std::min<std::size_t>(1234, block.size() - at)));
    CHECK(mac.finish() == whole);
    CHECK(mac.tag(4, block) != whole);
}

TEST_CASE("file key: follows from the store's key and the salt") {
    const FileSalt salt = make_file_salt();
    CHECK(salt != make_file_salt());
    CHECK(equal_tags(file_key(SecretKey(), salt).bytes(), file_key(SecretKey(), salt).bytes()));
    CHECK_FALSE(equal_tags(file_key(SecretKey(), salt).bytes(),
                           file_key(SecretKey(), FileSalt{}).bytes()));
}
