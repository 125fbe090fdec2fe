#include "events/seal/deployment.h"

#include "record.pb.h"
#include "tests/events/golden_file.h"

#include <doctest/doctest.h>
#include <google/protobuf/stubs/logging.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

using namespace vouch;

namespace {

v1::Deployment valid_message() {
    v1::Deployment message;
    message.set_format(1);
    message.set_deployment_high(1);
    message.set_chain_low(2);
    message.set_shards(4);
    message.set_shard_hash("place/murmur2");
    return message;
}

Result<Deployment> parse(const std::string& bytes) {
    return parse_deployment(std::as_bytes(std::span(bytes)));
}

}  // namespace

TEST_CASE("deployment: a new one is read back from its bytes as it is") {
    const NewDeployment made = make_deployment(7, true, Timestamp(1'767'225'600'000'000));
    const Result<Deployment> parsed = parse_deployment(made.bytes);
    REQUIRE(parsed.has_value());
    CHECK(parsed->id == made.deployment.id);
    CHECK(parsed->chain_high == made.deployment.chain_high);
    CHECK(parsed->chain_low == made.deployment.chain_low);
    CHECK(parsed->shards == 7);
    CHECK(parsed->test_clock);
    CHECK(parsed->created_at == Timestamp(1'767'225'600'000'000));
    CHECK(parsed->genesis_tag == made.deployment.genesis_tag);
}

TEST_CASE("deployment: ids are new each time") {
    const Deployment a = make_deployment(1, false, Timestamp(1)).deployment;
    const Deployment b = make_deployment(1, false, Timestamp(1)).deployment;
    CHECK(a.id.is_usable());
    CHECK(a.id != b.id);
    CHECK(a.chain_high != b.chain_high);
    CHECK(a.chain_low != b.chain_low);
    CHECK(a.id != DeploymentId(a.chain_high, a.chain_low));
    CHECK(a.genesis_tag != b.genesis_tag);
}

TEST_CASE("deployment: stored bytes and genesis tag are those of the golden file") {
    const nlohmann::json golden = test::read_golden_json("seal.json");
    const Result<Deployment> parsed =
        parse_deployment(test::from_hex(golden.at("deployment").get<std::string>()));
    REQUIRE(parsed.has_value());
    CHECK(id_text(parsed->id) == "00112233445566778899aabbccddeeff");
    CHECK(id_text(parsed->chain_high, parsed->chain_low) == "f0e1d2c3b4a5968778695a4b3c2d1e0f");
    CHECK(parsed->shards == 4);
    CHECK(parsed->test_clock);
    CHECK(parsed->created_at == Timestamp(1'767'225'600'000'000));
    CHECK(test::to_hex(parsed->genesis_tag) == golden.at("genesis_tag").get<std::string>());
}

TEST_CASE("deployment: what this program cannot run is refused") {
    REQUIRE(parse(valid_message().SerializeAsString()).has_value());
    struct Row {
        std::string_view what;
        std::function<void(v1::Deployment&)> spoil;
    };
    const Row rows[] = {
        {"no format", [](v1::Deployment& m) { m.set_format(0); }},
        {"a later format", [](v1::Deployment& m) { m.set_format(2); }},
        {"no id", [](v1::Deployment& m) { m.set_deployment_high(0); }},
        {"no chain", [](v1::Deployment& m) { m.set_chain_low(0); }},
        {"no shards", [](v1::Deployment& m) { m.set_shards(0); }},
        {"too many shards", [](v1::Deployment& m) { m.set_shards(kShardsMax + 1); }},
        {"another hash", [](v1::Deployment& m) { m.set_shard_hash("murmur2"); }},
        {"no hash", [](v1::Deployment& m) { m.clear_shard_hash(); }},
        {"an unknown field",
         [](v1::Deployment& m) { m.GetReflection()->MutableUnknownFields(&m)->AddVarint(99, 1); }},
    };
    for (const Row& row : rows) {
        v1::Deployment message = valid_message();
        row.spoil(message);
        CAPTURE(row.what);
        const Result<Deployment> parsed = parse(message.SerializeAsString());
        REQUIRE_FALSE(parsed.has_value());
        CHECK(parsed.error().code == FaultCode::configuration);
    }
    CHECK_FALSE(parse("").has_value());
    CHECK_FALSE(parse("no message").has_value());
    v1::Deployment most = valid_message();
    most.set_shards(kShardsMax);
    CHECK(parse(most.SerializeAsString()).has_value());
}

TEST_CASE("deployment: any changed byte changes the genesis tag or is refused") {
    const google::protobuf::LogSilencer no_complaints_about_utf8;
    const NewDeployment made = make_deployment(4, false, Timestamp(1'767'225'600'000'000));
    for (std::size_t bit = 0; bit < 8 * made.bytes.size(); ++bit) {
        std::vector<std::byte> changed = made.bytes;
        changed[bit / 8] ^= std::byte{1} << (bit % 8);
        const Result<Deployment> parsed = parse_deployment(changed);
        CAPTURE(bit);
        if (parsed) CHECK(parsed->genesis_tag != made.deployment.genesis_tag);
    }
}
