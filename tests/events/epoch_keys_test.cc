#include "events/seal/epoch_keys.h"

#include "tests/events/golden_file.h"

#include <doctest/doctest.h>

#include <array>
#include <set>
#include <string>

using namespace vouch;
using vouch::test::from_hex;
using vouch::test::to_hex;

namespace {

SecretKey key_of(std::byte value) {
    std::array<std::byte, 32> bytes;
    bytes.fill(value);
    return SecretKey(bytes);
}

}  // namespace

TEST_CASE("epoch keys: every key is the one of the published formula") {
    const nlohmann::json golden = test::read_golden_json("seal.json");
    const Result<Deployment> deployment =
        parse_deployment(from_hex(golden.at("deployment").get<std::string>()));
    REQUIRE(deployment.has_value());
    const std::vector<std::byte> root = from_hex(golden.at("root").get<std::string>());
    const EpochKeys keys(SecretKey{std::span(root).first<32>()}, *deployment);
    const ShardId shard(golden.at("shard").get<std::uint32_t>());
    const Epoch epoch(golden.at("epoch").get<std::uint64_t>());

    CHECK(to_hex(keys.record_key(shard, epoch).bytes()) ==
          golden.at("record_key").get<std::string>());
    CHECK(to_hex(keys.commitment(shard, epoch)) == golden.at("key_commitment").get<std::string>());
    CHECK(to_hex(keys.archive_key().bytes()) == golden.at("archive_key").get<std::string>());
    CHECK(to_hex(keys.local_key("snapshot", shard).bytes()) ==
          golden.at("snapshot_key").get<std::string>());

    const nlohmann::json steps = test::read_golden_json("steps.json");
    REQUIRE(steps.at("root") == golden.at("root"));
    CHECK(to_hex(keys.step_key(ShardId(steps.at("from").get<std::uint32_t>())).bytes()) ==
          steps.at("step_key").get<std::string>());
}

TEST_CASE("epoch keys: no two uses share a key") {
    const Deployment a = make_deployment(4, false, Timestamp(1)).deployment;
    const Deployment b = make_deployment(4, false, Timestamp(1)).deployment;
    // The same ids, but another byte in the file: no key is the same.
    Deployment a_edited = a;
    a_edited.genesis_tag[31] ^= std::byte{1};

    std::set<std::string> seen;
    const auto add = [&seen](const SecretKey& key) {
        CHECK(seen.insert(to_hex(key.bytes())).second);
    };
    for (const Deployment& deployment : {a, b, a_edited}) {
        for (const std::byte root : {std::byte{1}, std::byte{2}}) {
            const EpochKeys keys(key_of(root), deployment);
            add(keys.archive_key());
            for (std::uint32_t shard = 0; shard < 3; ++shard) {
                for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
                    add(keys.record_key(ShardId(shard), Epoch(epoch)));
                }
                add(keys.step_key(ShardId(shard)));
                add(keys.local_key("snapshot", ShardId(shard)));
                add(keys.local_key("shard-store", ShardId(shard)));
            }
        }
    }
    CHECK(seen.size() == 3 * 2 * (1 + 3 * 6));
}
