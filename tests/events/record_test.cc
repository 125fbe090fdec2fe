#include "events/seal/record.h"

#include "events/seal/epoch_keys.h"
#include "record.pb.h"
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

Bytes hex_member(const nlohmann::json& golden, const char* name) {
    return from_hex(golden.at(name).get<std::string>());
}

Mac mac_of(std::byte value) {
    std::array<std::byte, 32> bytes;
    bytes.fill(value);
    return Mac(SecretKey(bytes));
}

RecordHeader some_header() {
    RecordHeader header;
    header.deployment = DeploymentId(1, 2);
    header.chain = ChainId(3, 4);
    header.event_count = 1;
    header.previous_digest.fill(std::byte{0x77});
    return header;
}

Bytes join(const SealedParts& parts, std::span<const std::byte> body) {
    Bytes record = parts.prefix;
    record.insert(record.end(), body.begin(), body.end());
    return record;
}

Bytes bytes_of(const std::string& text) {
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

/// True when whoever has the key believes the bytes.
bool is_believed(std::span<const std::byte> bytes, Mac& mac) {
    const Result<RecordView> view = parse_record(bytes);
    if (!view) {
        CHECK(view.error().code == FaultCode::corrupt);
        return false;
    }
    return equal_tags(record_tag(mac, view->digest), view->tag) && has_body_of_table(*view);
}

std::string field(char tag, const std::string& value) {
    std::string length;
    std::size_t rest = value.size();
    for (; rest >= 0x80; rest >>= 7) length.push_back(static_cast<char>(rest | 0x80));
    length.push_back(static_cast<char>(rest));
    return tag + length + value;
}

v1::RecordHeader valid_header() {
    v1::RecordHeader header;
    header.set_format(3);
    header.set_event_count(1);
    header.set_previous_digest(std::string(32, 'p'));
    return header;
}

}  // namespace

/// The golden record as it is read, of one format; its tags hold under the golden key.
RecordHeader check_read(const nlohmann::json& golden) {
    const Result<Deployment> deployment = parse_deployment(hex_member(golden, "deployment"));
    REQUIRE(deployment.has_value());
    const Bytes key = hex_member(golden, "record_key");
    Mac mac{SecretKey(std::span(key).first<32>())};
    const Bytes stored = hex_member(golden, "record");

    const Result<RecordView> view = parse_record(stored);
    REQUIRE(view.has_value());
    const RecordHeader& header = view->header;
    CHECK(header.deployment == deployment->id);
    CHECK(header.chain == deployment->chain);
    CHECK(header.shard == ShardId(3));
    CHECK(header.record == RecordNumber(812));
    CHECK(header.first_event == EventNumber(70'000));
    CHECK(header.event_count == 17);
    CHECK(header.time == Timestamp(1'767'225'600'000'001));
    CHECK(header.epoch == Epoch(5));
    CHECK(header.term == Term(9));
    CHECK(header.next_command == Offset(4242));
    CHECK(header.next_step == Offset(0));
    CHECK(std::ranges::equal(view->body, hex_member(golden, "body")));
    CHECK(view->table.empty());
    CHECK(to_hex(view->digest) == golden.at("digest").get<std::string>());
    CHECK(to_hex(view->tag) == golden.at("tag").get<std::string>());
    CHECK(record_tag(mac, view->digest) == view->tag);
    for (const char* const name : {"record", "stepped_record", "long_record"})
        CHECK(is_believed(hex_member(golden, name), mac));
    return header;
}

TEST_CASE("record: bytes and tag are those of the golden file") {
    const nlohmann::json golden = test::read_golden_json("seal.json");
    const RecordHeader header = check_read(golden);
    const Bytes key = hex_member(golden, "record_key");
    Mac mac{SecretKey(std::span(key).first<32>())};
    const Bytes body = hex_member(golden, "body");
    const SealedParts parts = seal_record(mac, header, body);
    CHECK(to_hex(join(parts, body)) == golden.at("record").get<std::string>());

    // The same header before a body of five blocks.
    const Bytes long_body = hex_member(golden, "long_body");
    CHECK(join(seal_record(mac, header, long_body), long_body) ==
          hex_member(golden, "long_record"));

    // The same record of a shard that has taken steps.
    RecordHeader stepped = header;
    stepped.next_step = Offset(777);
    const std::string expected = golden.at("stepped_record").get<std::string>();
    CHECK(to_hex(join(seal_record(mac, stepped, body), body)) == expected);
    const Bytes stored_stepped = from_hex(expected);
    const Result<RecordView> read = parse_record(stored_stepped);
    REQUIRE(read.has_value());
    CHECK(read->header.next_step == Offset(777));
}

TEST_CASE("record: a sealed record is a SealedRecord message") {
    Mac mac = mac_of(std::byte{1});
    for (const std::size_t size : {1U, 127U, 128U, 2048U, 2049U, 4096U, 16'385U, 900'000U}) {
        const Bytes body(size, std::byte{0x42});
        const SealedParts parts = seal_record(mac, some_header(), body);
        const Bytes record = join(parts, body);
        v1::SealedRecord message;
        REQUIRE(message.ParseFromArray(record.data(), static_cast<int>(record.size())));
        CHECK(message.body().size() == size);
        CHECK(message.table().size() == (size > 2048 ? (size + 2047) / 2048 * 32 : 0));
        CHECK(message.SerializeAsString().size() == record.size());
        CHECK(bytes_of(message.tag()) == Bytes(parts.tag.begin(), parts.tag.end()));
        CHECK(is_believed(record, mac));
    }
}

TEST_CASE("record: the extremes of every header field are kept") {
    RecordHeader header = some_header();
    header.shard = ShardId(UINT32_MAX);
    header.record = RecordNumber(UINT64_MAX);
    header.first_event = EventNumber(UINT64_MAX);
    header.event_count = UINT32_MAX;
    header.time = Timestamp(INT64_MAX);
    header.epoch = Epoch(UINT64_MAX);
    header.term = Term(UINT64_MAX);
    header.next_command = Offset(UINT64_MAX);
    header.next_step = Offset(UINT64_MAX);
    Mac mac = mac_of(std::byte{1});
    const Bytes body(1, std::byte{0x42});
    const Bytes record = join(seal_record(mac, header, body), body);
    const Result<RecordView> view = parse_record(record);
    REQUIRE(view.has_value());
    CHECK(view->header.shard == header.shard);
    CHECK(view->header.record == header.record);
    CHECK(view->header.first_event == header.first_event);
    CHECK(view->header.event_count == header.event_count);
    CHECK(view->header.time == header.time);
    CHECK(view->header.epoch == header.epoch);
    CHECK(view->header.term == header.term);
    CHECK(view->header.next_command == header.next_command);
    CHECK(view->header.next_step == header.next_step);
    CHECK(view->header.previous_digest == header.previous_digest);
    CHECK(parse_front(record).has_value());
}

TEST_CASE("record: no flipped bit is believed") {
    Mac mac = mac_of(std::byte{1});
    for (const std::size_t size : {200U, 4100U}) {
        const Bytes body(size, std::byte{0x42});
        const Bytes record = join(seal_record(mac, some_header(), body), body);
        REQUIRE(is_believed(record, mac));
        // Each bit of the front and of the body's ends; its middle is alike.
        const std::size_t front = record.size() - size;
        for (std::size_t bit = 0; bit < 8 * record.size(); ++bit) {
            const std::size_t at = bit / 8;
            if (at > front + 64 && at < front + 4080) continue;
            Bytes changed = record;
            changed[at] ^= std::byte{1} << (bit % 8);
            CAPTURE(bit);
            CHECK_FALSE(is_believed(changed, mac));
        }
    }
}

TEST_CASE("record: one of format 2 is read, by its blocks of 4,096 bytes") {
    const nlohmann::json golden = test::read_golden_json("seal_2.json");
    (void)check_read(golden);
    const Bytes key = hex_member(golden, "record_key");
    Mac mac{SecretKey(std::span(key).first<32>())};
    const Bytes stored = hex_member(golden, "long_record");
    const Result<RecordFront> front = parse_front(std::span(stored).first(512));
    REQUIRE(front.has_value());
    CHECK(front->block == 4096);
    CHECK(front->table.size() == 3);
    CHECK(front->digest == parse_record(stored)->digest);
    for (std::size_t bit = 0; bit < 8 * stored.size(); bit += 7) {
        Bytes changed = stored;
        changed[bit / 8] ^= std::byte{1} << (bit % 8);
        CAPTURE(bit);
        CHECK_FALSE(is_believed(changed, mac));
    }
}

TEST_CASE("record: a front says the same as the whole record, from its first bytes") {
    Mac mac = mac_of(std::byte{1});
    for (const std::size_t size : {1U, 2048U, 2049U, 900'000U, 4U << 20}) {
        CAPTURE(size);
        const Bytes body(size, std::byte{0x42});
        const Bytes record = join(seal_record(mac, some_header(), body), body);
        const auto start = std::span(record).first(std::min(record.size(), kRecordFrontMax));
        const Result<RecordFront> front = parse_front(start);
        const Result<RecordView> view = parse_record(record);
        REQUIRE(front.has_value());
        REQUIRE(view.has_value());
        CHECK(front->digest == view->digest);
        CHECK(front->tag == view->tag);
        CHECK(front->body_size == size);
        CHECK(front->body_offset == record.size() - size);
        CHECK(front->table.size() == (size + kRecordBlock - 1) / kRecordBlock);
    }
}

TEST_CASE("record: a table left out, or written where it is not due, is refused") {
    Mac mac = mac_of(std::byte{1});
    const std::string header = valid_header().SerializeAsString();
    const std::string h = field('\x0a', header);
    const std::string t = field('\x1a', std::string(32, 't'));
    const auto table = [](std::size_t blocks) {
        return field('\x22', std::string(32 * blocks, 'd'));
    };
    const std::string one = field('\x2a', std::string(2048, 'b'));
    const std::string two = field('\x2a', std::string(2049, 'b'));
    CHECK(parse_record(bytes_of(h + t + one)).has_value());
    CHECK(parse_record(bytes_of(h + t + table(2) + two)).has_value());
    for (const std::string& wrong :
         {h + t + table(1) + one, h + t + table(0) + one, h + t + two, h + t + table(1) + two,
          h + t + table(3) + two, h + t + field('\x22', std::string(63, 'd')) + two}) {
        const Result<RecordView> view = parse_record(bytes_of(wrong));
        REQUIRE_FALSE(view.has_value());
        CHECK(view.error().code == FaultCode::corrupt);
        CHECK_FALSE(parse_front(bytes_of(wrong)).has_value());
    }
    const std::string empty = field('\x2a', "");
    CHECK_FALSE(parse_record(bytes_of(h + t + empty)).has_value());
}

TEST_CASE("record: a record of the first program is named as such") {
    v1::RecordHeader header = valid_header();
    header.set_format(1);
    const std::string record = field('\x0a', header.SerializeAsString()) + field('\x12', "body") +
                               field('\x1a', std::string(32, 't'));
    const Result<RecordView> view = parse_record(bytes_of(record));
    REQUIRE_FALSE(view.has_value());
    CHECK(view.error().message ==
          "record: expected format 2 or 3, found 1, of an earlier program");
}

TEST_CASE("record: neither a part nor more than a record is one") {
    Mac mac = mac_of(std::byte{1});
    const Bytes body(200, std::byte{0x42});
    const Bytes record = join(seal_record(mac, some_header(), body), body);
    for (std::size_t size = 0; size < record.size(); ++size) {
        CAPTURE(size);
        CHECK_FALSE(parse_record(std::span(record).first(size)).has_value());
    }
    Bytes longer = record;
    longer.push_back(std::byte{0});
    CHECK_FALSE(parse_record(longer).has_value());
    longer = record;
    longer.insert(longer.end(), record.begin(), record.end());
    CHECK_FALSE(parse_record(longer).has_value());
}

TEST_CASE("record: another key is not believed") {
    Mac mac = mac_of(std::byte{1});
    Mac other = mac_of(std::byte{2});
    const Bytes body(40, std::byte{0x42});
    const Bytes record = join(seal_record(mac, some_header(), body), body);
    CHECK(is_believed(record, mac));
    CHECK_FALSE(is_believed(record, other));
}

TEST_CASE("record: one sealed record has one stored form") {
    const std::string header = valid_header().SerializeAsString();
    const std::string h = field('\x0a', header);
    const std::string t = field('\x1a', std::string(32, 't'));
    const std::string b = field('\x2a', "body");
    REQUIRE(parse_record(bytes_of(h + t + b)).has_value());

    const auto with_length = [](char tag, const std::string& length, const std::string& value) {
        return tag + length + value;
    };
    struct Row {
        std::string_view what;
        std::string bytes;
    };
    const Row rows[] = {
        {"empty", ""},
        {"no body", h + t},
        {"no header", t + b},
        {"no tag", h + b},
        {"tag before header", t + h + b},
        {"body before tag", h + b + t},
        {"header twice", h + h + t + b},
        {"tag twice", h + t + t + b},
        {"body twice", h + t + b + b},
        {"another field before", field('\x32', "x") + h + t + b},
        {"another field between", h + field('\x32', "x") + t + b},
        {"another field after", h + t + b + field('\x32', "x")},
        {"short tag", h + field('\x1a', std::string(31, 't')) + b},
        {"long tag", h + field('\x1a', std::string(33, 't')) + b},
        {"length of two bytes that fits one",
         h + t + with_length('\x2a', std::string("\x84\x00", 2), "body")},
        {"length of five bytes that fits one",
         h + t + with_length('\x2a', std::string("\x84\x80\x80\x80\x00", 5), "body")},
        {"length of six bytes",
         h + t + with_length('\x2a', std::string("\x84\x80\x80\x80\x80\x00", 6), "body")},
        {"length past 32 bits", h + t + with_length('\x2a', "\xff\xff\xff\xff\x7f", "body")},
        {"length past the end", h + t + with_length('\x2a', "\x7f", "body")},
        {"length without end", h + t + "\x2a\xff"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        const Result<RecordView> view = parse_record(bytes_of(row.bytes));
        REQUIRE_FALSE(view.has_value());
        CHECK(view.error().code == FaultCode::corrupt);
    }
}

TEST_CASE("record: a header that this program cannot understand is corrupt") {
    struct Row {
        std::string_view what;
        std::function<void(v1::RecordHeader&)> spoil;
    };
    const Row rows[] = {
        {"no format", [](v1::RecordHeader& h) { h.set_format(0); }},
        {"a later format", [](v1::RecordHeader& h) { h.set_format(4); }},
        {"no events", [](v1::RecordHeader& h) { h.set_event_count(0); }},
        {"no previous digest", [](v1::RecordHeader& h) { h.clear_previous_digest(); }},
        {"a long previous digest",
         [](v1::RecordHeader& h) { h.set_previous_digest(std::string(33, 'p')); }},
        {"an unknown field",
         [](v1::RecordHeader& h) {
             h.GetReflection()->MutableUnknownFields(&h)->AddVarint(99, 1);
         }},
    };
    const auto parse = [](const std::string& header) {
        return parse_record(bytes_of(field('\x0a', header) +
                                     field('\x1a', std::string(32, 't')) + field('\x2a', "body")));
    };
    REQUIRE(parse(valid_header().SerializeAsString()).has_value());
    for (const Row& row : rows) {
        v1::RecordHeader header = valid_header();
        row.spoil(header);
        CAPTURE(row.what);
        const Result<RecordView> view = parse(header.SerializeAsString());
        REQUIRE_FALSE(view.has_value());
        CHECK(view.error().code == FaultCode::corrupt);
    }
    CHECK_FALSE(parse("no message").has_value());
}
