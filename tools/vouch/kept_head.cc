// A head is one JSON object a line, one for each shard; `record`, `digest` and `time` are left out
// for a shard without records:
//
//   {"kind":"head","deployment":"…","chain":"…","shard":0,"record":8,"digest":"…","time":"…",
//    "verified":true}
#include "tools/vouch/kept_head.h"

#include "command-handler/intake/time_text.h"
#include "events/bytes/hex.h"
#include "events/json_writer.h"
#include "events/seal/record_verifier.h"

#include <boost/json.hpp>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace vouch::cli {

namespace {

namespace json = boost::json;

/// Of a thousand shards it is a third of this.
constexpr std::uintmax_t kHeadBytesMax = std::uintmax_t{1} << 20;

Result<std::optional<ShardHead::Newest>> read_newest(LogReader& log, RecordVerifier& verifier,
                                                     ShardId shard) {
    const Result<RecordNumber> end = log.end(shard);
    if (!end) return end.error();
    if (end->value() == 0) return std::optional<ShardHead::Newest>();
    const RecordNumber number(end->value() - 1);
    std::vector<StoredRecord> stored;
    if (Status read = log.read_records(shard, number, 1, stored); !read) return read.error();
    if (stored.empty()) return verifier.corrupt(number, "missing before the end of the log");
    const Result<RecordView> record = verifier.verify(number, stored.front().bytes);
    if (!record) return record.error();
    return std::optional(ShardHead::Newest{number, record->digest, record->header.time});
}

std::optional<Digest> parse_digest(std::string_view text) {
    Digest digest{};
    if (text.size() != 2 * digest.size()) return std::nullopt;
    const auto value_of = [](char c) {
        if (c >= '0' && c <= '9') return c - '0';
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    };
    for (std::size_t i = 0; i < digest.size(); ++i) {
        const int high = value_of(text[2 * i]);
        const int low = value_of(text[2 * i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        digest[i] = static_cast<std::byte>(high * 16 + low);
    }
    return digest;
}

/// A line of a head, field by field; the first that is wrong is kept.
class HeadLine {
public:
    explicit HeadLine(const json::object& line) : line_(line) {}

    std::string text(std::string_view key) {
        const json::value* value = line_.if_contains(key);
        if (value != nullptr && value->is_string()) return std::string(value->as_string());
        return miss(key, "a text"), "";
    }
    std::uint64_t number(std::string_view key) {
        const json::value* value = line_.if_contains(key);
        json::error_code error;
        if (value != nullptr && value->is_number()) {
            const auto number = value->to_number<std::uint64_t>(error);
            if (!error) return number;
        }
        return miss(key, "a whole number"), 0;
    }
    Digest digest(std::string_view key) {
        const std::optional<Digest> digest = parse_digest(text(key));
        if (!digest) miss(key, "64 lower-case hexadecimal digits");
        return digest.value_or(Digest());
    }
    void expect(std::string_view key, const std::string& expected) {
        const json::value* const value = line_.if_contains(key);
        const bool is_text = value != nullptr && value->is_string();
        const std::string found(is_text ? value->as_string() : "");
        if (found != expected) miss(key, expected + (is_text ? ", found " + found : ""));
    }
    void miss(std::string_view key, const std::string& expected) {
        if (wrong_.empty()) wrong_ = std::string(key) + ": expected " + expected;
    }
    bool has(std::string_view key) const { return line_.contains(key); }
    const std::string& wrong() const { return wrong_; }

private:
    const json::object& line_;
    std::string wrong_;
};

struct KeptHead {
    explicit KeptHead(std::uint32_t shards) : has_line(shards) {}

    std::vector<reconciler::KeptRecord> records;
    std::vector<bool> has_line;  ///< by shard
};

/// What is wrong with the line; empty when nothing is.
std::string read_line(const std::string& text, const Deployment& deployment, KeptHead& kept) {
    json::error_code error;
    const json::value value = json::parse(text, error);
    if (error || !value.is_object()) return "expected a JSON object";
    HeadLine line(value.as_object());
    line.expect("kind", "head");
    line.expect("deployment", id_text(deployment.id));
    line.expect("chain", id_text(deployment.chain));
    const std::uint64_t shard = line.number("shard");
    if (shard >= deployment.shards)
        line.miss("shard", "less than " + std::to_string(deployment.shards));
    if (!line.wrong().empty()) return line.wrong();
    if (kept.has_line[shard]) line.miss("shard", "one line a shard, found a second one");
    kept.has_line[shard] = true;
    if (line.has("record") || line.has("digest")) {
        const RecordNumber record(line.number("record"));
        kept.records.push_back(
            {ShardId(static_cast<std::uint32_t>(shard)), record, line.digest("digest")});
    }
    return line.wrong();
}

}  // namespace

Result<std::vector<ShardHead>> read_heads(LogReader& log, const Deployment& deployment,
                                          const EpochKeys* keys) {
    std::vector<ShardHead> heads;
    for (std::uint32_t i = 0; i < deployment.shards; ++i) {
        RecordVerifier verifier(deployment, ShardId(i), keys);
        const auto newest = read_newest(log, verifier, ShardId(i));
        if (!newest) return newest.error();
        heads.push_back({ShardId(i), *newest});
    }
    return heads;
}

std::string to_json_lines(const Deployment& deployment, const std::vector<ShardHead>& heads,
                          bool is_verified) {
    std::string lines;
    for (const ShardHead& head : heads) {
        JsonWriter line;
        line.open_object().member("kind", "head").member("deployment", id_text(deployment.id));
        line.member("chain", id_text(deployment.chain)).member("shard", head.shard.value());
        if (head.newest) {
            line.member("record", head.newest->record.value())
                .member("digest", hex(head.newest->digest))
                .member("time", command_handler::time_text(head.newest->time));
        }
        lines += line.flag("verified", is_verified).close_object().take() + '\n';
    }
    return lines;
}

Result<std::vector<reconciler::KeptRecord>> read_kept_head(const std::filesystem::path& file,
                                                           const Deployment& deployment) {
    const auto wrong = [&](const std::string& what) {
        return Fault{FaultCode::configuration, file.string() + ": " + what};
    };
    std::error_code error;
    if (!std::filesystem::is_regular_file(file, error)) return wrong("is no file");
    if (std::filesystem::file_size(file, error) > kHeadBytesMax)
        return wrong("expected at most " + std::to_string(kHeadBytesMax) + " bytes");
    std::ifstream in(file);
    if (!in) return wrong("cannot be read");
    KeptHead kept(deployment.shards);
    std::size_t count = 0;
    for (std::string text; std::getline(in, text);) {
        ++count;
        const std::string fault = read_line(text, deployment, kept);
        if (!fault.empty()) return wrong("line " + std::to_string(count) + ": " + fault);
    }
    if (count == 0) return wrong("expected lines of vouch head --json, found none");
    const auto missing = std::ranges::find(kept.has_line, false);
    if (missing != kept.has_line.end()) {
        return wrong("expected a line for each shard, found none for shard " +
                     std::to_string(missing - kept.has_line.begin()));
    }
    if (kept.records.empty()) return wrong("expected a record of some shard, found none");
    return std::move(kept.records);
}

}  // namespace vouch::cli
