#include "tests/tools/harmed_books.h"

#include "events/entries/codec.h"
#include "events/entries/voucher.h"
#include "events/log/embedded/embedded_log.h"
#include "events/seal/record.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <fstream>

namespace vouch::test {

namespace fs = std::filesystem;
using nlohmann::json;

const std::string kOpenCashAndAlice =
    "{\"id\":\"o1\",\"open_account\":{\"account\":\"cash\",\"asset\":\"EUR/"
    "2\",\"class\":\"asset\",\"limit\":\"unlimited\"}}\n"
    "{\"id\":\"o2\",\"open_account\":{\"account\":\"alice\",\"asset\":\"EUR/"
    "2\",\"class\":\"liability\"}}\n";

std::string transfer(int number, const std::string& amount) {
    return "{\"id\":\"t" + std::to_string(number) +
           "\",\"transfer\":{\"debit\":\"cash\",\"credit\":\"alice\",\"amount\":\"" + amount +
           "\"}}\n";
}

// In one piece: a segment has 64 MiB.
FileBytes read_file(const fs::path& file) {
    std::ifstream in(file, std::ios::binary | std::ios::ate);
    if (!in) return {};
    FileBytes bytes(static_cast<std::size_t>(in.tellg()));
    in.seekg(0);
    REQUIRE(in.read(bytes.data(), static_cast<std::streamsize>(bytes.size())));
    return bytes;
}

void write_file(const fs::path& file, const FileBytes& bytes) {
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

fs::path segment(const Program& program) { return program.books() / "log" / "00000000.segment"; }

std::size_t last_block(const FileBytes& bytes) {
    static const FileBytes kZeros(4096);
    REQUIRE(bytes.size() % kZeros.size() == 0);
    std::size_t at = bytes.size();
    do {
        REQUIRE(at > 0);
        at -= kZeros.size();
    } while (std::memcmp(bytes.data() + at, kZeros.data(), kZeros.size()) == 0);
    return at;
}

fs::path kept_ends(const Program& program) { return program.books() / "shards" / "ends"; }

std::string balance(const Program& program) {
    const ProgramResult result =
        program.run({"balance", "alice", "--data", program.books().string(), "--json"});
    REQUIRE_MESSAGE(result.exit == 0, result.err);
    return json::parse(result.out)["balance"];
}

ProgramResult recover(const Program& program, const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"recover", "--data", program.books().string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return program.run(arguments);
}

std::string named_loss(const ProgramResult& looked) {
    constexpr std::string_view kOption = "--accept-loss ";
    const std::size_t option = looked.err.find(std::string(kOption) + "0:");
    REQUIRE_MESSAGE(option != std::string::npos, looked.err);
    const std::size_t from = option + kOption.size();
    return looked.err.substr(from, looked.err.find(' ', from) - from);
}

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

namespace {

/// A shard's records, as they are stored.
std::vector<StoredRecord> stored_records(const Program& program, ShardId shard) {
    auto log = EmbeddedLogReader::open({.directory = (program.books() / "log").string()});
    REQUIRE_MESSAGE(log, log.error().message);
    if (shard.value() >= (*log)->shard_count()) return {};
    std::vector<StoredRecord> records;
    REQUIRE((*log)->read_records(shard, RecordNumber(0), ~std::size_t{0}, records));
    return records;
}

template <class With>
void for_each_event(const std::vector<StoredRecord>& records, With with) {
    for (const StoredRecord& record : records) {
        const Result<RecordView> view = parse_record(record.bytes);
        REQUIRE(view);
        EventReader reader(view->body);
        Arena arena;
        while (true) {
            const auto bytes = reader.next();
            REQUIRE(bytes);
            if (!*bytes) break;
            const Result<Event> event = decode_event(**bytes, arena);
            REQUIRE(event);
            with(*event);
        }
    }
}

/// Whether a shard rested for a moment, and wrote a mark.
bool has_mark(const Program& program) {
    bool found = false;
    for (ShardId shard(0);; shard = shard.next()) {
        const std::vector<StoredRecord> records = stored_records(program, shard);
        if (records.empty()) return found;
        for_each_event(records, [&](const Event& event) {
            found = found || std::holds_alternative<Mark>(event);
        });
    }
}

/// Opens accounts and makes so many transfers.
std::string lines_of(int transfers) {
    std::string lines = kOpenCashAndAlice;
    for (int i = 0; i < transfers; ++i) lines += transfer(i);
    return lines;
}

void try_to_acknowledge_and_kill(const Program& program, const std::string& lines,
                                 const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"submit",   "-",
                                          "--data",   program.books().string(),
                                          "--create", "--one-at-a-time"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    RunningProgram running(program, arguments);
    running.write(lines);
    for (std::ptrdiff_t left = std::ranges::count(lines, '\n'); left > 0; --left)
        REQUIRE(json::parse(running.read_line())["accepted"] == true);
    running.kill();
    running.wait();
}

}  // namespace

// On a busy machine it may rest before it is killed: then there are other records than those asked
// for.
void acknowledge_and_kill(const Program& program, int transfers,
                          const std::vector<std::string>& more) {
    constexpr int kTriesMax = 100;
    const std::string lines = lines_of(transfers);
    for (int i = 0; i < kTriesMax; ++i) {
        fs::remove_all(program.books());
        try_to_acknowledge_and_kill(program, lines, more);
        fs::remove(kept_ends(program));
        if (!has_mark(program)) return;
    }
    FAIL("killed too late, again and again");
}

void record_one_by_one(const Program& program, int transfers) {
    REQUIRE(program.submit(lines_of(transfers), {"--create", "--one-at-a-time"}).exit == 0);
}

std::size_t count_records(const Program& program) {
    return stored_records(program, ShardId(0)).size();
}

std::string newest_record(const Program& program) {
    const std::vector<StoredRecord> records = stored_records(program, ShardId(0));
    const Result<RecordView> view = parse_record(records.back().bytes);
    REQUIRE(view);
    return std::to_string(records.back().number.value()) + " " + digest_text(view->digest);
}

std::string told_loss(const Program& program) {
    std::string text = "no loss";
    for_each_event(stored_records(program, ShardId(0)), [&](const Event& event) {
        const auto* const lost = std::get_if<TailLost>(&event);
        if (lost == nullptr) return;
        text = std::to_string(lost->record.value());
        if (!lost->known_record) return;
        Digest digest{};
        std::copy(lost->known_digest.begin(), lost->known_digest.end(), digest.begin());
        text += " known " + std::to_string(lost->known_record->value()) + " " + digest_text(digest);
    });
    return text;
}

}  // namespace vouch::test
