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
    message.set_format(3);
    message.set_deployment_high(1);
    message.set_chain_low(2);
    message.set_shards(4);
    message.set_placement("place/murmur2");
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
    CHECK(parsed->chain == made.deployment.chain);
    CHECK(parsed->shards == 7);
    CHECK(parsed->test_clock);
    CHECK(parsed->created_at == Timestamp(1'767'225'600'000'000));
    CHECK_FALSE(parsed->predecessor.has_value());
    CHECK_FALSE(parsed->kafka.has_value());
    CHECK(parsed->genesis_tag == made.deployment.genesis_tag);
}

TEST_CASE("deployment: what it follows and where its log is are read back") {
    Predecessor before;
    before.id = DeploymentId(5, 6);
    before.ends = {{RecordNumber(0), Digest{std::byte{1}}},
                   {RecordNumber(9), Digest{std::byte{2}}}};
    before.digest.fill(std::byte{3});
    const NewDeployment made = make_deployment(4, false, Timestamp(1),
                                               KafkaTopics{"pay", "a:1,b:2", 3, 2}, before);
    const Result<Deployment> parsed = parse_deployment(made.bytes);
    REQUIRE(parsed.has_value());
    REQUIRE(parsed->kafka.has_value());
    CHECK(parsed->kafka->name == "pay");
    CHECK(parsed->kafka->brokers == "a:1,b:2");
    CHECK(parsed->kafka->replicas == 3);
    CHECK(parsed->kafka->in_sync_min == 2);
    REQUIRE(parsed->predecessor.has_value());
    CHECK(parsed->predecessor->id == before.id);
    CHECK(parsed->predecessor->digest == before.digest);
    REQUIRE(parsed->predecessor->ends.size() == 2);
    CHECK(parsed->predecessor->ends[1].next_record == RecordNumber(9));
    CHECK(parsed->predecessor->ends[1].last_digest == before.ends[1].last_digest);
}

TEST_CASE("deployment: the largest one fits its bound") {
    Predecessor before;
    before.id = DeploymentId(UINT64_MAX, 1);
    for (std::uint32_t i = 0; i < kShardsMax; ++i)
        before.ends.push_back({RecordNumber(UINT64_MAX), Digest{}});
    const KafkaTopics topics{std::string(128, 'n'), std::string(1024, 'b'), 5, 3};
    const NewDeployment made =
        make_deployment(kShardsMax, true, Timestamp(INT64_MAX), topics, before);
    CHECK(made.bytes.size() <= kDeploymentBytesMax);
}

TEST_CASE("deployment: books of another program are named as such") {
    for (const auto& [format, message] :
         {std::pair(1U, "deployment: books of format 1, of an earlier program; this one reads "
                        "formats 2 and 3; open them with the program that made them"),
          std::pair(4U, "deployment: books of format 4, of a later program; this one reads "
                        "formats 2 and 3")}) {
        v1::Deployment other = valid_message();
        other.set_format(format);
        const Result<Deployment> parsed = parse(other.SerializeAsString());
        REQUIRE_FALSE(parsed.has_value());
        CHECK(parsed.error().code == FaultCode::configuration);
        CHECK(parsed.error().message == message);
    }
}

TEST_CASE("deployment: ids are new each time") {
    const Deployment a = make_deployment(1, false, Timestamp(1)).deployment;
    const Deployment b = make_deployment(1, false, Timestamp(1)).deployment;
    CHECK(a.id.is_usable());
    CHECK(a.id != b.id);
    CHECK(a.chain.high() != b.chain.high());
    CHECK(a.chain.low() != b.chain.low());
    CHECK(a.id != DeploymentId(a.chain.high(), a.chain.low()));
    CHECK(a.genesis_tag != b.genesis_tag);
}

TEST_CASE("deployment: stored bytes and genesis tag are those of the golden file") {
    const nlohmann::json golden = test::read_golden_json("seal.json");
    const Result<Deployment> parsed =
        parse_deployment(test::from_hex(golden.at("deployment").get<std::string>()));
    REQUIRE(parsed.has_value());
    CHECK(id_text(parsed->id) == "00112233445566778899aabbccddeeff");
    CHECK(id_text(parsed->chain) == "f0e1d2c3b4a5968778695a4b3c2d1e0f");
    CHECK(parsed->shards == 4);
    CHECK(parsed->test_clock);
    CHECK(parsed->created_at == Timestamp(1'767'225'600'000'000));
    REQUIRE(parsed->predecessor.has_value());
    CHECK(parsed->predecessor->ends.at(1).next_record == RecordNumber(9));
    REQUIRE(parsed->kafka.has_value());
    CHECK(parsed->kafka->name == "pay");
    CHECK(parsed->kafka->in_sync_min == 2);
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
        {"a later format", [](v1::Deployment& m) { m.set_format(4); }},
        {"no id", [](v1::Deployment& m) { m.set_deployment_high(0); }},
        {"no chain", [](v1::Deployment& m) { m.set_chain_low(0); }},
        {"no shards", [](v1::Deployment& m) { m.set_shards(0); }},
        {"too many shards", [](v1::Deployment& m) { m.set_shards(kShardsMax + 1); }},
        {"another placement", [](v1::Deployment& m) { m.set_placement("murmur2"); }},
        {"no placement", [](v1::Deployment& m) { m.clear_placement(); }},
        {"an unknown field",
         [](v1::Deployment& m) { m.GetReflection()->MutableUnknownFields(&m)->AddVarint(99, 1); }},
        {"a predecessor without id", [](v1::Deployment& m) { m.mutable_predecessor(); }},
        {"topics without name", [](v1::Deployment& m) { m.mutable_kafka()->set_brokers("a:1"); }},
        {"topics without brokers", [](v1::Deployment& m) { m.mutable_kafka()->set_name("pay"); }},
        {"an unknown field of its topics",
         [](v1::Deployment& m) {
             v1::KafkaTopics& topics = *m.mutable_kafka();
             topics.set_name("pay");
             topics.set_brokers("a:1");
             topics.set_replicas(1);
             topics.set_in_sync_min(1);
             topics.GetReflection()->MutableUnknownFields(&topics)->AddVarint(99, 1);
         }},
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
