#include "events/seal/step_batch.h"

#include "events/entries/codec.h"
#include "events/seal/epoch_keys.h"
#include "step.pb.h"
#include "tests/events/golden_file.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

using namespace vouch;
using vouch::test::from_hex;
using vouch::test::to_hex;

namespace {

using Bytes = std::vector<std::byte>;

Mac mac_of(std::byte value) {
    std::array<std::byte, 32> bytes;
    bytes.fill(value);
    return Mac(SecretKey(bytes));
}

std::array<std::byte, 32> hex_of_32(const nlohmann::json& golden, const char* name) {
    const Bytes bytes = from_hex(golden.at(name).get<std::string>());
    std::array<std::byte, 32> out{};
    REQUIRE(bytes.size() == out.size());
    std::ranges::copy(bytes, out.begin());
    return out;
}

Bytes bytes_of(const std::string& text) {
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

StepBatchHeader some_header() {
    StepBatchHeader header;
    header.deployment = DeploymentId(1, 2);
    header.chain = ChainId(3, 4);
    header.to = ShardId(1);
    header.count = 1;
    header.record_digest.fill(std::byte{0x77});
    header.previous_digest.fill(std::byte{0x78});
    return header;
}

bool is_same(const StepBatchHeader& a, const StepBatchHeader& b) {
    return a.deployment == b.deployment && a.chain == b.chain && a.from == b.from && a.to == b.to &&
           a.number == b.number && a.count == b.count && a.record == b.record &&
           a.record_digest == b.record_digest && a.time == b.time &&
           a.previous_digest == b.previous_digest;
}

/// True when whoever has the key believes the bytes.
bool is_believed(std::span<const std::byte> bytes, Mac& mac) {
    const Bytes exact(bytes.begin(), bytes.end());
    const Result<StepBatchView> view = parse_step_batch(exact);
    if (!view) {
        CHECK(view.error().code == FaultCode::corrupt);
        return false;
    }
    return equal_tags(step_batch_tag(mac, view->content), view->tag);
}

v1::StepBatchContent valid_content() {
    v1::StepBatchContent content;
    content.set_format(1);
    content.set_count(1);
    content.set_record_digest(std::string(32, 'r'));
    content.set_previous_digest(std::string(32, 'p'));
    content.set_steps("steps");
    return content;
}

std::string field(char tag, const std::string& value) {
    std::string length;
    std::size_t rest = value.size();
    for (; rest >= 0x80; rest >>= 7) length.push_back(static_cast<char>(rest | 0x80));
    length.push_back(static_cast<char>(rest));
    return tag + length + value;
}

/// The field at fault; "read" when there is none.
std::string verdict(const std::string& batch) {
    const Bytes exact = bytes_of(batch);
    const Result<StepBatchView> view = parse_step_batch(exact);
    if (view) return "read";
    CHECK(view.error().code == FaultCode::corrupt);
    const std::string& message = view.error().message;
    const std::size_t from = message.find('\'') + 1;
    return message.substr(from, message.rfind('\'') - from);
}

}  // namespace

TEST_CASE("step batch: bytes, tags and digests are those of the golden file") {
    const nlohmann::json golden = test::read_golden_json("steps.json");
    Mac mac{SecretKey(hex_of_32(golden, "step_key"))};
    Digest previous{};
    for (const nlohmann::json& expected : golden.at("batches")) {
        const Bytes stored = from_hex(expected.at("bytes").get<std::string>());
        const Bytes steps = from_hex(expected.at("steps").get<std::string>());
        StepBatchHeader header;
        header.deployment = DeploymentId(0x0011223344556677, 0x8899aabbccddeeff);
        header.chain = ChainId(0xf0e1d2c3b4a59687, 0x78695a4b3c2d1e0f);
        header.from = ShardId(golden.at("from").get<std::uint32_t>());
        header.to = ShardId(golden.at("to").get<std::uint32_t>());
        header.number = StepBatchNumber(expected.at("number").get<std::uint64_t>());
        header.count = expected.at("count").get<std::uint32_t>();
        header.record = RecordNumber(expected.at("record").get<std::uint64_t>());
        header.record_digest = hex_of_32(expected, "record_digest");
        header.time = Timestamp(golden.at("time_us").get<std::int64_t>());
        header.previous_digest = hex_of_32(expected, "previous_digest");
        CHECK(header.previous_digest == previous);

        const Result<StepBatchView> view = parse_step_batch(stored);
        REQUIRE(view.has_value());
        CHECK(is_same(view->header, header));
        CHECK(to_hex(view->content) == expected.at("content").get<std::string>());
        CHECK(std::ranges::equal(view->steps, steps));
        CHECK(to_hex(view->tag) == expected.at("tag").get<std::string>());
        CHECK(step_batch_tag(mac, view->content) == view->tag);
        CHECK(to_hex(seal_step_batch(mac, header, steps)) ==
              expected.at("bytes").get<std::string>());
        previous = step_batch_digest(header.from, header.to, header.number, previous, steps);
        CHECK(to_hex(previous) == expected.at("digest").get<std::string>());
    }
}

TEST_CASE("step batch: the golden file's steps are the values that they stand for") {
    const nlohmann::json golden = test::read_golden_json("steps.json");
    const Bytes bytes = from_hex(golden.at("batches").at(0).at("steps").get<std::string>());
    const auto twice = [](char letter) {
        std::uint64_t half = 0;
        for (int i = 0; i < 8; ++i) half = half << 8 | static_cast<std::uint64_t>(letter);
        return half;
    };
    const AccountId payer(twice('p'), twice('p'));
    const AccountId payee(twice('q'), twice('q'));
    Facts facts;
    facts.account = payee;
    facts.available = AmountFact{false, Amount(9)};
    const StepKind kinds[] = {
        CreditStep{payer, payee, *Asset::make("EUR", Scale(2)), Amount(1250), false, true},
        ReleaseStep{CommandId(twice('h'), twice('h')), Amount(400), true},
        AnswerStep{Outcome::insufficient_funds, Amount(), facts}};
    Bytes written;
    for (const StepKind& kind : kinds) {
        append_to_steps({LedgerId(7), CommandId(twice('c'), twice('c')), kind}, written);
    }
    CHECK(to_hex(written) == to_hex(bytes));
}

TEST_CASE("step batch: a sealed batch is a StepBatch message") {
    Mac mac = mac_of(std::byte{1});
    for (const std::size_t size : {1U, 127U, 128U, 16'383U, 16'384U, 262'144U, 400'000U}) {
        const Bytes steps(size, std::byte{0x42});
        const Bytes batch = seal_step_batch(mac, some_header(), steps);
        v1::StepBatch message;
        REQUIRE(message.ParseFromArray(batch.data(), static_cast<int>(batch.size())));
        v1::StepBatchContent content;
        REQUIRE(content.ParseFromString(message.content()));
        CHECK(content.steps().size() == size);
        CHECK(content.SerializeAsString() == message.content());
        CHECK(message.SerializeAsString().size() == batch.size());
        CHECK(is_believed(batch, mac));
    }
}

TEST_CASE("step batch: the extremes of every header field are kept") {
    StepBatchHeader largest = some_header();
    largest.deployment = DeploymentId(UINT64_MAX, UINT64_MAX);
    largest.chain = ChainId(UINT64_MAX, UINT64_MAX);
    largest.from = largest.to = ShardId(UINT32_MAX);
    largest.number = StepBatchNumber(UINT64_MAX);
    largest.count = UINT32_MAX;
    largest.record = RecordNumber(UINT64_MAX);
    largest.time = Timestamp(INT64_MAX);
    StepBatchHeader smallest;
    smallest.count = 1;
    Mac mac = mac_of(std::byte{1});
    for (const StepBatchHeader& header : {largest, smallest}) {
        const Bytes batch = seal_step_batch(mac, header, Bytes(1));
        const Result<StepBatchView> view = parse_step_batch(batch);
        REQUIRE(view.has_value());
        CHECK(is_same(view->header, header));
    }
}

TEST_CASE("step batch: no flipped bit is believed, nor a part, nor more, nor another key") {
    Mac mac = mac_of(std::byte{1});
    Mac other = mac_of(std::byte{2});
    const Bytes batch = seal_step_batch(mac, some_header(), Bytes(200, std::byte{0x42}));
    REQUIRE(is_believed(batch, mac));
    CHECK_FALSE(is_believed(batch, other));
    for (std::size_t bit = 0; bit < 8 * batch.size(); ++bit) {
        Bytes changed = batch;
        changed[bit / 8] ^= std::byte{1} << (bit % 8);
        CAPTURE(bit);
        CHECK_FALSE(is_believed(changed, mac));
    }
    for (std::size_t size = 0; size < batch.size(); ++size) {
        CAPTURE(size);
        CHECK_FALSE(is_believed(std::span(batch).first(size), mac));
    }
    Bytes longer = batch;
    longer.push_back(std::byte{0});
    CHECK_FALSE(is_believed(longer, mac));
    longer = batch;
    longer.insert(longer.end(), batch.begin(), batch.end());
    CHECK_FALSE(is_believed(longer, mac));
}

TEST_CASE("step batch: its digest is of the pair, the number, the chain and the steps alone") {
    const Bytes steps(40, std::byte{0x42});
    const Digest zero{};
    const Digest digest =
        step_batch_digest(ShardId(1), ShardId(2), StepBatchNumber(3), zero, steps);
    Digest other = zero;
    other[31] = std::byte{1};
    CHECK(step_batch_digest(ShardId(2), ShardId(1), StepBatchNumber(3), zero, steps) != digest);
    CHECK(step_batch_digest(ShardId(1), ShardId(2), StepBatchNumber(4), zero, steps) != digest);
    CHECK(step_batch_digest(ShardId(1), ShardId(2), StepBatchNumber(3), other, steps) != digest);
    CHECK(step_batch_digest(ShardId(1), ShardId(2), StepBatchNumber(3), zero,
                            std::span(steps).subspan(1)) != digest);
}

TEST_CASE("step batch: one sealed batch has one stored form") {
    const std::string c = field('\x0a', valid_content().SerializeAsString());
    const std::string t = field('\x12', std::string(32, 't'));
    REQUIRE(verdict(c + t) == "read");
    struct Row {
        std::string bytes;
        std::string_view field;
    };
    const Row rows[] = {
        {"", "tag"},
        {c, "tag"},
        {t, "record_digest"},
        {t + c, "content"},
        {c + c + t, "content"},
        {c + t + t, "tag"},
        {c + t + field('\x1a', "x"), "batch"},
        {field('\x1a', "x") + c + t, "batch"},
        {c + field('\x12', std::string(31, 't')), "tag"},
        {c + field('\x12', std::string(33, 't')), "tag"},
        {field('\x0a', "") + t, "record_digest"},
        {c + std::string("\x12\xa0\x00", 3) + std::string(32, 't'), ""},
        {std::string("\x8a\x00", 2) + c.substr(1) + t, ""},
        {c + t + std::string("\0", 1), "batch"},
    };
    for (std::size_t i = 0; i < std::size(rows); ++i) {
        CAPTURE(i);
        CHECK(verdict(rows[i].bytes) == rows[i].field);
    }
}

TEST_CASE("step batch: content that is not whole, or not in its one form, is corrupt") {
    const auto verdict_of = [](const std::string& content) {
        return verdict(field('\x0a', content) + field('\x12', std::string(32, 't')));
    };
    struct Row {
        std::function<void(v1::StepBatchContent&)> spoil;
        std::string_view field;
    };
    const Row rows[] = {
        {[](v1::StepBatchContent& c) { c.set_format(0); }, "format"},
        {[](v1::StepBatchContent& c) { c.set_format(2); }, "format"},
        {[](v1::StepBatchContent& c) { c.set_count(0); }, "count"},
        {[](v1::StepBatchContent& c) { c.clear_record_digest(); }, "record_digest"},
        {[](v1::StepBatchContent& c) { c.mutable_record_digest()->push_back('x'); }, "record_digest"},
        {[](v1::StepBatchContent& c) { c.set_time_us(-1); }, "time_us"},
        {[](v1::StepBatchContent& c) { c.clear_previous_digest(); }, "previous_digest"},
        {[](v1::StepBatchContent& c) { c.mutable_previous_digest()->pop_back(); },
         "previous_digest"},
        {[](v1::StepBatchContent& c) { c.clear_steps(); }, "steps"},
        {[](v1::StepBatchContent& c) {
             c.GetReflection()->MutableUnknownFields(&c)->AddVarint(99, 1);
         },
         "content"},
    };
    const std::string valid = valid_content().SerializeAsString();
    REQUIRE(verdict_of(valid) == "read");
    for (std::size_t i = 0; i < std::size(rows); ++i) {
        CAPTURE(i);
        v1::StepBatchContent content = valid_content();
        rows[i].spoil(content);
        CHECK(verdict_of(content.SerializeAsString()) == rows[i].field);
    }
    // Zeros that need not be said, varints longer than they need be, and another order.
    const std::string steps = field('\x72', "steps");
    const std::string rest = valid.substr(2, valid.size() - 2 - steps.size());
    REQUIRE(valid == "\x08\x01" + rest + steps);
    CHECK(verdict_of("\x08\x01" + std::string("\x30\x00", 2) + rest + steps) == "from");
    CHECK(verdict_of(std::string("\x08\x81\x00", 3) + rest + steps) == "");
    CHECK(verdict_of(rest + "\x08\x01" + steps) == "format");
    CHECK(verdict_of("\x08\x01" + steps + rest) == "count");
    CHECK(verdict_of(valid + steps) == "steps");
    CHECK(verdict_of("") == "record_digest");
}
