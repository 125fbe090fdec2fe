#include "events/seal/mac.h"

#include "events/bytes/sha256.h"
#include "tests/events/golden_file.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace vouch;
using vouch::test::from_hex;
using vouch::test::to_hex;

namespace {

using Bytes = std::vector<std::byte>;
using Pieces = std::vector<std::span<const std::byte>>;

/// HMAC pads a key with zeros to 64 bytes and hashes a longer one to 32, so nearly every key of the
/// vectors is a key of 32 bytes. Empty for the others.
std::optional<SecretKey> as_key(const Bytes& bytes) {
    if (bytes.size() > 64) return SecretKey(sha256(Pieces{bytes}));
    if (bytes.size() > 32) return std::nullopt;
    std::array<std::byte, 32> padded{};
    std::ranges::copy(bytes, padded.begin());
    return SecretKey(padded);
}

}  // namespace

TEST_CASE("mac: tags are those of RFC 4231") {
    const auto path = test::find_shared_data("vectors/rfc4231_hmac.json");
    if (!path) return;
    std::ifstream file(*path);
    unsigned checked = 0;
    const nlohmann::json vectors = nlohmann::json::parse(file);
    for (const nlohmann::json& one : vectors.at("cases")) {
        if (one.at("alg") != "HMAC-SHA-256") continue;
        CAPTURE(one.dump());
        const std::optional<SecretKey> key = as_key(from_hex(one.at("key_hex").get<std::string>()));
        REQUIRE(key.has_value());
        const Bytes data = from_hex(one.at("data_hex").get<std::string>());
        const Tag tag = Mac(*key).tag(Pieces{data});
        const auto size = one.at("tag_bytes").get<std::size_t>();
        CHECK(to_hex(std::span(tag).first(size)) == one.at("tag_hex").get<std::string>());
        ++checked;
    }
    CHECK(checked == 7);
}

TEST_CASE("mac: Wycheproof's valid tags are ours, its invalid ones are not") {
    const auto path = test::find_shared_data("vectors/wycheproof.tar.zst");
    if (!path) return;
    const test::TemporaryDirectory directory;
    const std::string unpack =
        "tar --zstd -xf '" + path->string() + "' -C '" + directory.path().string() + "'";
    if (std::system(unpack.c_str()) != 0) {
        std::fputs("skipped: cannot unpack the vectors (tar with zstd)\n", stderr);
        return;
    }
    std::ifstream file(directory.path() / "wycheproof/testvectors_v1/hmac_sha256_test.json");
    REQUIRE(file);
    unsigned valid = 0;
    unsigned invalid = 0;
    const nlohmann::json vectors = nlohmann::json::parse(file);
    for (const nlohmann::json& group : vectors.at("testGroups")) {
        for (const nlohmann::json& one : group.at("tests")) {
            CAPTURE(one.dump());
            const std::optional<SecretKey> key = as_key(from_hex(one.at("key").get<std::string>()));
            REQUIRE(key.has_value());
            const Bytes message = from_hex(one.at("msg").get<std::string>());
            const Bytes expected = from_hex(one.at("tag").get<std::string>());
            const Tag tag = Mac(*key).tag(Pieces{message});
            const bool is_valid = one.at("result") == "valid";
            CHECK(equal_tags(std::span(tag).first(expected.size()), expected) == is_valid);
            ++(is_valid ? valid : invalid);
        }
    }
    CHECK(valid > 50);
    CHECK(invalid > 50);
}

TEST_CASE("mac: each tag starts from the key again, however the bytes are cut") {
    std::array<std::byte, 32> secret{};
    secret[0] = std::byte{1};
    Mac mac{SecretKey(secret)};
    Bytes data(1000);
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::byte>(i * 31);
    const Tag whole = mac.tag(Pieces{data});
    for (std::size_t cut = 0; cut <= data.size(); cut += 37) {
        const std::span<const std::byte> all(data);
        CHECK(mac.tag(Pieces{all.first(cut), {}, all.subspan(cut)}) == whole);
    }
    CHECK(mac.tag({}) == Mac(SecretKey(secret)).tag(Pieces{{}}));
    CHECK(mac.tag(Pieces{data}) == whole);

    Mac moved = std::move(mac);
    CHECK(moved.tag(Pieces{data}) == whole);
    secret[31] = std::byte{1};
    CHECK(Mac(SecretKey(secret)).tag(Pieces{data}) != whole);
}

TEST_CASE("mac: a moved key takes its bytes with it, and they are wiped where it ends") {
    std::array<std::byte, 32> secret;
    secret.fill(std::byte{0x5a});
    std::optional<SecretKey> first(secret);
    const std::byte* const place = first->bytes().data();
    std::optional<SecretKey> second(std::move(*first));
    CHECK(second->bytes().data() == place);
    first.reset();
    CHECK(std::ranges::equal(second->bytes(), secret));
    const SecretKey copy = second->clone();
    CHECK(std::ranges::equal(copy.bytes(), secret));
    CHECK(copy.bytes().data() != place);
    second.reset();
    // What is free holds a pointer to the next that is.
    CHECK(std::count(place + sizeof(void*), place + secret.size(), std::byte{0x5a}) == 0);
}

TEST_CASE("mac: sha256 is SHA-256 of all pieces") {
    const auto digest = [](std::string_view a, std::string_view b) {
        return to_hex(sha256(Pieces{std::as_bytes(std::span(a)), std::as_bytes(std::span(b))}));
    };
    // FIPS 180-2, appendix B.
    CHECK(digest("ab", "c") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(digest("", "") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(digest("abcdbcdecdefdefgefghfghighijhijk", "ijkljklmklmnlmnomnopnopq") ==
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST_CASE("mac: tags are equal only when every bit is") {
    Tag tag;
    for (std::size_t i = 0; i < tag.size(); ++i) tag[i] = static_cast<std::byte>(i);
    CHECK(equal_tags(tag, tag));
    for (std::size_t bit = 0; bit < 8 * tag.size(); ++bit) {
        Tag other = tag;
        other[bit / 8] ^= std::byte{1} << (bit % 8);
        CHECK_FALSE(equal_tags(tag, other));
    }
    CHECK_FALSE(equal_tags(tag, std::span(tag).first(31)));
    CHECK(equal_tags({}, {}));
}

TEST_CASE("mac: messages show only the beginning of a tag") {
    CHECK(short_hex(from_hex("9f3c00ff11223344")) == "9f3c00ff…");
    CHECK(short_hex(from_hex("9f3c00ff")) == "9f3c00ff");
    CHECK(short_hex({}) == "");
}

TEST_CASE("mac: messages about two digests that begin alike say where they differ") {
    const auto digest = from_hex("9f3c00ff11223344");
    CHECK(expected_found_hex(digest, from_hex("07ab00ff11223344")) ==
          "expected 9f3c00ff…, found 07ab00ff…");
    CHECK(expected_found_hex(digest, from_hex("9f3c00ff11223345")) ==
          "expected 9f3c00ff…, found 9f3c00ff…, which differ from byte 7 on");
    CHECK(expected_found_hex(digest, from_hex("9f3c00ff1122")) ==
          "expected 9f3c00ff…, found 9f3c00ff…, which differ from byte 6 on");
}
