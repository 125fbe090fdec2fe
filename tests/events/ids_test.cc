#include "events/money/ids.h"

#include "events/bytes/utf8.h"
#include "events/money/look_alike.h"
#include "events/money/shard_of.h"
#include "events/money/text_ids.h"
#include "tests/events/golden_file.h"
#include "tests/support/shared_data.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

using namespace vouch;

namespace {

std::string read(const std::optional<TextId>& id, std::string_view text = "") {
    if (!id) return "none";
    if (is_look_alike(text)) return id_text(id->high, id->low) + " look-alike";
    return id_text(id->high, id->low) + (id->is_name ? " name" : " spelled");
}

std::vector<std::string> split(const std::string& line, char separator) {
    std::vector<std::string> parts;
    std::istringstream input(line);
    for (std::string part; std::getline(input, part, separator);) parts.push_back(part);
    return parts;
}

std::string encode_utf8(std::uint32_t point) {
    const auto byte = [](std::uint32_t value) {
        return static_cast<char>(static_cast<unsigned char>(value));
    };
    if (point < 0x80) return {byte(point)};
    if (point < 0x800) return {byte(0xc0 | point >> 6), byte(0x80 | (point & 0x3f))};
    if (point < 0x10000) {
        return {byte(0xe0 | point >> 12), byte(0x80 | (point >> 6 & 0x3f)),
                byte(0x80 | (point & 0x3f))};
    }
    return {byte(0xf0 | point >> 18), byte(0x80 | (point >> 12 & 0x3f)),
            byte(0x80 | (point >> 6 & 0x3f)), byte(0x80 | (point & 0x3f))};
}

/// How many of all texts of `size` bytes are well-formed. At most 3, or it takes too long.
std::uint64_t count_well_formed(std::size_t size) {
    std::uint64_t count = 0;
    std::string text(size, '\0');
    const std::uint32_t end = 1U << (8 * size);
    for (std::uint32_t bits = 0; bits < end; ++bits) {
        for (std::size_t i = 0; i < size; ++i) {
            text[i] = static_cast<char>(static_cast<unsigned char>(bits >> (8 * i)));
        }
        count += is_utf8(text) ? 1U : 0U;
    }
    return count;
}

}  // namespace

TEST_CASE("ids: text gives the published ids and partitions") {
    std::ifstream file(VOUCH_SCHEMAS "/ids.txt");
    unsigned rows = 0;
    for (std::string line; std::getline(file, line);) {
        if (line.empty() || line.front() == '#') continue;
        const std::vector<std::string> columns = split(line, '\t');
        const bool is_account = columns[0] == "account";
        REQUIRE(columns.size() == (is_account ? 9 : 5));
        const std::string& text = columns[2];
        CAPTURE(line);
        const std::optional<TextId> id =
            is_account
                ? parse_account_id(text,
                                   LedgerId(static_cast<std::uint32_t>(std::stoul(columns[1]))))
                : parse_command_id(text);
        CHECK(read(id, text) == columns[3] + ' ' + columns[4]);
        ++rows;
        if (!is_account || !id) continue;
        const AccountId account(id->high, id->low);
        CHECK(test::to_hex(place_bytes(account)) == columns[5]);
        std::size_t column = 6;
        for (const std::uint32_t shards : {1U, 4U, 16U}) {
            CHECK(std::to_string(shard_of(account, shards).value()) == columns[column++]);
        }
    }
    CHECK(rows > 100);
}

TEST_CASE("ids: what can be no id is refused") {
    const std::string_view refused[] = {
        "",
        "00000000000000000000000000000000",
        "ffffffffffffffffffffffffffffffff",
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
        "00000000000000000000000000",
        "7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
        "\xff",
        "caf\xc3",
    };
    for (const std::string_view text : refused) {
        CAPTURE(text);
        CHECK(read(parse_account_id(text, LedgerId(0))) == "none");
        CHECK(read(parse_command_id(text)) == "none");
    }
    CHECK(parse_command_id(std::string(255, 'x')).has_value());
    CHECK_FALSE(parse_command_id(std::string(256, 'x')).has_value());
}

TEST_CASE("ids: bytes and text begin with the top byte") {
    const AccountId id(0x0011223344556677, 0x8899aabbccddeeff);
    CHECK(id_text(id) == "00112233445566778899aabbccddeeff");
    CHECK(test::to_hex(id_bytes(id)) == "00112233445566778899aabbccddeeff");
    CHECK(AccountId().is_zero());
    CHECK_FALSE(AccountId().is_usable());
    CHECK_FALSE(AccountId(~0ULL, ~0ULL).is_usable());
    CHECK(AccountId(~0ULL, ~0ULL - 1).is_usable());
    CHECK(AccountId(0, 1) < AccountId(1, 0));
}

TEST_CASE("ids: murmur2 and partitions are Java's") {
    const auto path = test::find_shared_data("vectors/kafka_murmur2.json");
    if (!path) return;
    std::ifstream file(*path);
    const nlohmann::json vectors = nlohmann::json::parse(file);
    REQUIRE(vectors.at("cases").size() >= 9);
    for (const nlohmann::json& one : vectors.at("cases")) {
        const auto key = one.at("key").get<std::string>();
        CAPTURE(key);
        const auto bytes = std::as_bytes(std::span(key));
        const std::uint32_t hash = murmur2(bytes.data(), bytes.size());
        CHECK(hash == std::stoul(one.at("murmur2_u32_hex").get<std::string>(), nullptr, 16));
        for (const auto& [partitions, expected] : one.at("partition_of").items()) {
            CHECK((hash & 0x7fffffff) % std::stoul(partitions) == expected.get<std::uint32_t>());
        }
    }
}

TEST_CASE("ids: accounts of one place share a shard, whatever their ledger's others do") {
    const auto id_of = [](std::string_view text, std::uint32_t ledger = 0) {
        const std::optional<TextId> id = parse_account_id(text, LedgerId(ledger));
        return AccountId(id->high, id->low);
    };
    const AccountId cash = id_of("u-17~cash");
    CHECK(place_bytes(cash) == place_bytes(id_of("u-17~pending")));
    CHECK(place_bytes(cash) == place_bytes(id_of("u-17~")));
    CHECK(place_bytes(cash) == place_bytes(id_of("u-17~cash~old")));
    CHECK(place_bytes(cash) != place_bytes(id_of("u-17~cash", 1)));
    CHECK(place_bytes(cash) != place_bytes(id_of("u-18~cash")));
    CHECK(place_bytes(cash) != place_bytes(id_of("u-17")));
    CHECK(cash.high() != id_of("u-17~pending").high());
    // A command's text has no place.
    CHECK((parse_command_id("u-17~a")->low & 0xffffffff) !=
          (parse_command_id("u-17~b")->low & 0xffffffff));
}

TEST_CASE("ids: an account's shard follows from its last 4 bytes") {
    // Hashes by a separate implementation, over the bytes cc dd ee ff, and over four bytes 0x80,
    // where a signed byte would show.
    constexpr std::uint32_t kAscendingHash = 0x8d2dd3c1;
    constexpr std::uint32_t kHighBitsHash = 0xfa4e6e04;
    const AccountId ascending(0x0011223344556677, 0x8899aabbccddeeff);
    const AccountId high_bits(0x8080808080808080, 0x8080808080808080);
    CHECK(murmur2(place_bytes(ascending).data(), 4) == kAscendingHash);
    CHECK(murmur2(place_bytes(high_bits).data(), 4) == kHighBitsHash);
    for (const std::uint32_t shards : {1U, 3U, 4U, 1024U}) {
        CHECK(shard_of(ascending, shards) == ShardId((kAscendingHash & 0x7fffffff) % shards));
        CHECK(shard_of(high_bits, shards) == ShardId((kHighBitsHash & 0x7fffffff) % shards));
    }
}

TEST_CASE("ids: UTF-8 is told apart from what is none") {
    struct Row {
        std::string_view text;
        bool expected;
    };
    const Row rows[] = {
        {"", true},
        {"plain text of more than eight bytes", true},
        {std::string_view("\0", 1), true},
        {"12345678\xc3\xa9", true},
        {"1234567\xc3\xa9", true},
        {"\xf4\x8f\xbf\xbf", true},
        {"12345678\xc3", false},
        {"1234567\xc3", false},
        {"\x80", false},
        {"\xc0\x80", false},
        {"\xc1\xbf", false},
        {"\xe0\x9f\xbf", false},
        {"\xed\xa0\x80", false},
        {"\xed\xbf\xbf", false},
        {"\xf0\x8f\xbf\xbf", false},
        {"\xf4\x90\x80\x80", false},
        {"\xf5\x80\x80\x80", false},
        {"\xf0\x90\x80", false},
        {"\xf0\x90\x80x", false},
        {"\xf0\x90x\x80", false},
        {"\xff", false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        CHECK(is_utf8(row.text) == row.expected);
    }
}

TEST_CASE("ids: UTF-8 is exactly the encodings of all code points but surrogates") {
    for (std::uint32_t point = 0; point <= 0x10ffff + 0x1000; ++point) {
        const bool is_surrogate = point >= 0xd800 && point <= 0xdfff;
        const bool expected = !is_surrogate && point <= 0x10ffff;
        if (is_utf8(encode_utf8(point)) != expected) FAIL("code point " << point);
    }
    // All of them are accepted; that the number of texts accepted is theirs means that nothing else
    // is.
    constexpr std::uint64_t kOne = 0x80;
    constexpr std::uint64_t kTwo = 0x800 - 0x80;
    constexpr std::uint64_t kThree = 0x10000 - 0x800 - 0x800;
    CHECK(count_well_formed(1) == kOne);
    CHECK(count_well_formed(2) == kOne * kOne + kTwo);
    CHECK(count_well_formed(3) == kOne * kOne * kOne + 2 * kOne * kTwo + kThree);
}
