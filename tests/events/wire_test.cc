#include "events/bytes/wire.h"

#include <doctest/doctest.h>
#include <google/protobuf/io/coded_stream.h>

#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace vouch::wire {
namespace {

/// Numbers at and around every power of two.
std::vector<std::uint64_t> edges() {
    std::vector<std::uint64_t> numbers{0, ~std::uint64_t{0}, 0x0123456789abcdef};
    for (unsigned bit = 0; bit < 64; ++bit) {
        const std::uint64_t power = std::uint64_t{1} << bit;
        numbers.insert(numbers.end(),
                       {power - 1, power, power + 1, power | 0x2aaaaaaaaaaaaaaa >> (63 - bit)});
    }
    return numbers;
}

/// A varint as Protobuf writes it.
std::vector<std::byte> protobuf_varint(std::uint64_t value) {
    std::array<std::uint8_t, kVarintMax> buffer;
    const std::uint8_t* end =
        google::protobuf::io::CodedOutputStream::WriteVarint64ToArray(value, buffer.data());
    std::vector<std::byte> bytes;
    for (const std::uint8_t* p = buffer.data(); p != end; ++p) bytes.push_back(std::byte{*p});
    return bytes;
}

/// In memory of exactly this size, so that a sanitizer sees a load beyond it.
struct Exactly {
    explicit Exactly(std::span<const std::byte> bytes) : copy(bytes.begin(), bytes.end()) {
        copy.shrink_to_fit();
    }
    const std::byte* begin() const { return copy.data(); }
    const std::byte* end() const { return copy.data() + copy.size(); }
    std::vector<std::byte> copy;
};

}  // namespace

TEST_CASE("wire: a varint is what Protobuf writes, and is read back wherever it stands") {
    for (const std::uint64_t value : edges()) {
        CAPTURE(value);
        const std::vector<std::byte> expected = protobuf_varint(value);
        CHECK(varint_size(value) == expected.size());

        std::array<std::byte, 1 + kVarintMax + kWriterSlack> buffer{};
        Writer writer(buffer.data());
        writer.present_varint(1, value);
        CHECK(std::vector(buffer.data() + 1, writer.at()) == expected);

        // Nothing behind it, and any number of bytes behind it that belong to other messages.
        for (std::size_t behind = 0; behind <= 9; ++behind) {
            std::vector<std::byte> bytes = expected;
            bytes.insert(bytes.end(), behind, std::byte{0xff});
            const Exactly exact(bytes);
            const Varint read =
                read_varint(exact.begin(), exact.begin() + expected.size(), exact.end());
            CHECK(read.size == expected.size());
            CHECK(read.value == value);
            CHECK(is_minimal(read));
        }
    }
}

TEST_CASE("wire: a varint that does not end in its message is none") {
    for (const std::uint64_t value : edges()) {
        const std::vector<std::byte> bytes = protobuf_varint(value);
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            CAPTURE(value);
            CAPTURE(size);
            const Exactly cut({bytes.data(), size});
            CHECK(read_varint(cut.begin(), cut.end(), cut.end()).size == 0);
            const Exactly whole(bytes);
            CHECK(read_varint(whole.begin(), whole.begin() + size, whole.end()).size == 0);
        }
    }
}

TEST_CASE("wire: varints of more than 10 bytes or 64 bits are none") {
    struct Row {
        std::vector<std::uint8_t> bytes;
        bool is_read;
    };
    const Row rows[] = {
        {{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}, true},
        {{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, true},
        {{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02}, false},
        {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, false},
        {{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.bytes.size());
        CAPTURE(row.bytes.back());
        const Exactly exact(std::as_bytes(std::span(row.bytes)));
        CHECK((read_varint(exact.begin(), exact.end(), exact.end()).size != 0) == row.is_read);
    }
}

TEST_CASE("wire: only the minimal reader refuses a varint that is longer than it need be") {
    for (std::size_t padding = 1; padding < kVarintMax; ++padding) {
        CAPTURE(padding);
        std::vector<std::byte> bytes(padding, std::byte{0x80});
        bytes.front() = std::byte{0x85};
        bytes.push_back(std::byte{0x00});
        std::uint64_t value = 0;
        CHECK(Reader<false>(bytes.data(), bytes.size()).varint(value));
        CHECK(value == 5);
        CHECK_FALSE(Reader<true>(bytes.data(), bytes.size()).varint(value));
        CHECK_FALSE(Reader<true>(bytes.data(), bytes.size()).short_varint(value));
    }
}

TEST_CASE("wire: a length beyond the message is refused and moves nothing") {
    const std::vector<std::byte> bytes{std::byte{3}, std::byte{1}, std::byte{2}};
    Reader<false> in(bytes.data(), bytes.size());
    Reader<false> content;
    CHECK_FALSE(in.bytes(content));
    CHECK(in.position() == bytes.data());
}

TEST_CASE("wire: messages of every length get the shortest length, and Counter agrees") {
    for (const std::size_t size :
         std::vector<std::size_t>{0, 1, 126, 127, 128, 129, 300, 16'383, 16'384, 70'000}) {
        CAPTURE(size);
        const std::string content(size, 'x');
        std::vector<std::byte> buffer(size + 20);
        const auto fill = [&](auto& out) { out.message(20, [&] { out.text(2, content); }); };
        Writer writer(buffer.data());
        fill(writer);
        Counter counter;
        fill(counter);
        const auto written = static_cast<std::size_t>(writer.at() - buffer.data());
        CHECK(counter.size() == written);

        Reader<true> in(buffer.data(), written);
        std::uint64_t tag = 0;
        Reader<true> message;
        REQUIRE(in.varint(tag));
        CHECK(tag == bytes_tag(20));
        REQUIRE(in.bytes(message));
        CHECK(in.at_end());
        if (size == 0) {
            CHECK(message.at_end());
            continue;
        }
        Reader<true> text;
        REQUIRE(message.varint(tag));
        CHECK(tag == bytes_tag(2));
        REQUIRE(message.bytes(text));
        CHECK(text.text() == content);
        CHECK(message.at_end());
    }
}

}  // namespace vouch::wire
