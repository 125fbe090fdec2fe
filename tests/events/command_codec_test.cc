#include "events/bytes/wire.h"
#include "events/entries/codec.h"
#include "tests/events/entries_as_proto.h"
#include "tests/events/golden_file.h"
#include "tests/events/random_entries.h"
#include "tests/events/raw_message.h"
#include "tests/events/sample_entries.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace vouch::test {
namespace {

/// The decoded command as text, or the fault.
std::string decoded_command(std::string_view bytes) {
    Arena arena;
    Command command;
    const std::optional<CommandFault> fault = decode_command(as_bytes(bytes), arena, command);
    if (!fault) return as_text(command);
    return std::string(to_text(fault->outcome)) + " " + std::string(fault->field);
}

/// The fields of a message, each with its tag.
std::vector<std::string> fields_of(std::string_view message) {
    std::vector<std::string> fields;
    wire::Reader<false> in(reinterpret_cast<const std::byte*>(message.data()), message.size());
    while (!in.at_end()) {
        const std::byte* begin = in.position();
        std::uint64_t tag = 0;
        std::uint64_t value = 0;
        wire::Reader<false> content;
        const bool is_read = in.varint(tag) && ((tag & 7) == 0   ? in.varint(value)
                                                : (tag & 7) == 1 ? in.fixed64(value)
                                                                 : in.bytes(content));
        REQUIRE(is_read);
        fields.emplace_back(as_view({begin, in.position()}));
    }
    return fields;
}

std::string shuffled(std::string_view message, std::mt19937_64& random) {
    std::vector<std::string> fields = fields_of(message);
    std::ranges::shuffle(fields, random);
    std::string out;
    for (const std::string& field : fields) out += field;
    return out;
}

}  // namespace

TEST_CASE("command codec: every kind is what generated code writes, and is read back") {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        for (std::size_t kind = 0; kind < kCommandKinds.size(); ++kind) {
            CAPTURE(seed);
            CAPTURE(kind);
            RandomEntries random(seed);
            const Command command = random.command(kind);
            const std::string bytes = encoded(command);
            const v1::Command message = as_proto(command);
            REQUIRE(to_hex(bytes) == to_hex(message.SerializeAsString()));
            REQUIRE(bytes.size() == encoded_size(command));
            REQUIRE(decoded_command(bytes) == as_text(command));
        }
    }
}

TEST_CASE("command codec: generated code parses our batch, and we split generated batches") {
    RandomEntries random(17);
    std::vector<std::byte> batch;
    v1::CommandBatch expected;
    for (int i = 0; i < 100; ++i) {
        const Command command = random.command();
        append_to_batch(command, batch);
        *expected.add_commands() = as_proto(command);
    }
    CHECK(to_hex(as_view(batch)) == to_hex(expected.SerializeAsString()));
    std::vector<CommandBytes> members;
    REQUIRE(!split_batch(batch, members));
    REQUIRE(members.size() == 100);
    for (int i = 0; i < 100; ++i) {
        CHECK(to_hex(as_view(members[static_cast<std::size_t>(i)])) ==
              to_hex(expected.commands(i).SerializeAsString()));
    }
}

TEST_CASE("command codec: bytes are those of the golden file") {
    const nlohmann::json golden = read_golden_json("command_bytes.json");
    CHECK(golden.size() == sample_commands().size());
    for (const SampleCommand& sample : sample_commands()) {
        CAPTURE(sample.name);
        const std::string expected = golden.at(std::string(sample.name));
        CHECK(to_hex(encoded(sample.command)) == expected);
        const std::vector<std::byte> bytes = from_hex(expected);
        CHECK(decoded_command(as_view(bytes)) == as_text(sample.command));
    }
}

TEST_CASE("command codec: fields may stand in any order") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        for (const SampleCommand& sample : sample_commands()) {
            CAPTURE(sample.name);
            std::string expected = encoded(sample.command);
            std::string bytes = shuffled(expected, random);
            // Metadata, references and attachments are kept in the order in which they were sent.
            if (sample.command.metadata.size() + sample.command.references.size() > 0) {
                v1::Command message;
                REQUIRE(message.ParseFromString(bytes));
                expected = message.SerializeAsString();
            }
            CHECK(decoded_command(bytes) == decoded_command(expected));
        }
        const std::string transfer = encoded(sample_command("transfer"));
        const std::string content = transfer.substr(20);
        CHECK(decoded_command(transfer.substr(0, 18) + raw_message(4, shuffled(content, random))) ==
              decoded_command(transfer));
    }
}

TEST_CASE("command codec: explicit zeros are zeros, and long varints are numbers") {
    const std::string id = raw_id(1, 0, 5);
    const std::string accounts = raw_id(1, 0, 6) + raw_id(3, 7, 0);
    struct Row {
        std::string bytes;
        std::string same;
    };
    const std::string plain = id + raw_message(4, accounts);
    const std::string three = id + raw_message(4, accounts + raw_number(5, 3));
    const std::string padded_three = std::string("\x28\x83\x80\x80\x80\x80\x80\x80\x80\x80", 10);
    const Row rows[] = {
        {id + raw_message(4, accounts + raw_number(5, 0) + raw_number(6, 0) + raw_number(7, 0)),
         plain},
        {plain + raw_number(3, 0) + raw_number(14, 0) + raw_message(9, "") + raw_message(10, ""),
         plain},
        {plain + raw_message(10, raw_message(1, "")) + raw_message(28, ""), plain},
        {id + raw_message(4, accounts + padded_three + std::string(1, '\0')), three},
        {id + raw_message(4, accounts + std::string("\xa8\x00\x03", 3)), three},
    };
    for (const Row& row : rows) {
        CAPTURE(to_hex(row.bytes));
        CHECK(decoded_command(row.bytes) == decoded_command(row.same));
        CHECK(decoded_command(row.same).find("transfer") != std::string::npos);
        CHECK(decoded_command(row.same).find("malformed") == std::string::npos);
    }
}

TEST_CASE("command codec: a transfer takes at most 110 bytes of its batch") {
    // Ids in full, a thousand billion units, and a reference of 40 bytes.
    Command command;
    command.id = CommandId(~0ULL, 1);
    command.body = Transfer{{~0ULL, 2}, {~0ULL, 3}, Amount(1'000'000'000'000), Balancing::none};
    std::vector<std::byte> plain;
    append_to_batch(command, plain);
    CHECK(plain.size() == 65);
    const std::string context(40, 'x');
    command.context = context;
    std::vector<std::byte> batch;
    append_to_batch(command, batch);
    CHECK(batch.size() <= 110);
}

TEST_CASE("command codec: a decoder may be used again after a fault") {
    Arena arena;
    Command command;
    const std::string full = encoded(sample_command("transfer_full"));
    const std::string plain = encoded(sample_command("transfer"));
    REQUIRE(!decode_command(as_bytes(full), arena, command));
    REQUIRE(decode_command(as_bytes(full).first(full.size() - 1), arena, command));
    REQUIRE(!decode_command(as_bytes(plain), arena, command));
    CHECK(as_text(command) == as_text(sample_command("transfer")));
}

TEST_CASE("split_batch: what is no CommandBatch is refused") {
    std::vector<CommandBytes> members;
    const std::string one = raw_message(1, "x");
    CHECK(!split_batch(as_bytes(""), members));
    CHECK(members.empty());
    CHECK(!split_batch(as_bytes(one + raw_message(1, "")), members));
    CHECK(members.size() == 2);
    CHECK(split_batch(as_bytes(raw_message(2, "x")), members));
    CHECK(split_batch(as_bytes(raw_number(1, 1)), members));
    CHECK(split_batch(as_bytes(one + "\x0a"), members));
    CHECK(split_batch(as_bytes(one + "\x0a\x02x"), members));

    const auto field = [&](const std::string& batch) {
        const std::optional<CommandFault> fault = split_batch(as_bytes(batch), members);
        return fault ? std::string(fault->field) : "none";
    };
    CHECK(field(raw_message(3, "x")) == "");
    CHECK(field(one + raw_message(2, raw_message(1, "key"))) ==
          "authorisation: not supported yet");

    std::string many;
    for (std::size_t i = 0; i < kBatchCommandsMax; ++i) many += one;
    CHECK(!split_batch(as_bytes(many), members));
    CHECK(members.size() == kBatchCommandsMax);
    CHECK(split_batch(as_bytes(many + one), members));

    // 3 bytes of length and 1 of tag.
    const std::string largest = raw_message(1, std::string(kBatchBytesMax - 4, 'x'));
    CHECK(largest.size() == kBatchBytesMax);
    CHECK(!split_batch(as_bytes(largest), members));
    CHECK(
        split_batch(as_bytes(raw_message(1, std::string(kBatchBytesMax - 3, 'x'))), members));
}

}  // namespace vouch::test
