// Commands as they were sent, against what records say that they have read.
#include "events/bytes/sha256.h"
#include "events/entries/codec.h"
#include "events/seal/mac.h"
#include "events/seal/record.h"
#include "reconciler/ids/sent_check.h"
#include "reconciler/replay/replay.h"
#include "reconciler/verdict/verdict.h"
#include "tests/reconciler/played_log.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace vouch;
using namespace vouch::test;
using reconciler::ReplayReport;

/// A list of batches, of which those before an offset are gone; it ends behind the last.
class ListedCommands final : public SentCommands {
public:
    ListedCommands(const std::vector<InputBatch>& all, Offset first) : all_(all), first_(first) {}

    Result<Offset> first() override { return first_; }
    Result<std::optional<InputBatch>> next(Offset from, Offset until) override {
        if (all_.empty() || all_.back().next() < until) return Fault{FaultCode::corrupt, "it ends"};
        for (const InputBatch& batch : all_) {
            if (batch.offset < first_ || batch.next() <= from) continue;
            if (batch.offset >= until) break;
            return std::optional(batch);
        }
        return std::optional<InputBatch>();
    }

private:
    const std::vector<InputBatch>& all_;
    const Offset first_;
};

/// Records beside what was sent.
class LogWithInputs final : public LogReader {
public:
    LogWithInputs(RecordList& records, const SentLists& sent, Offset first = {})
        : records_(records), sent_(sent), first_(first) {}

    std::uint32_t shard_count() const override { return records_.shard_count(); }
    Result<RecordNumber> end(ShardId shard) override { return records_.end(shard); }
    Status read_records(ShardId shard, RecordNumber from, std::size_t bytes_max,
                        std::vector<StoredRecord>& out) override {
        return records_.read_records(shard, from, bytes_max, out);
    }
    Status read_range(ShardId shard, RecordNumber record, std::size_t offset, std::size_t size,
                      Bytes& out) override {
        return records_.read_range(shard, record, offset, size, out);
    }
    std::unique_ptr<SentCommands> sent_commands(ShardId shard) override {
        return std::make_unique<ListedCommands>(sent_[shard.value()], first_);
    }

private:
    RecordList& records_;
    const SentLists& sent_;
    const Offset first_;
};

struct Played {
    explicit Played(std::uint32_t shards, std::uint64_t seed = 7)
        : sealed(make_sealed_deployment(shards)),
          records(make_busy_log(sealed, seed, 300, &sent)) {}

    ReplayReport replay(Offset first = {}) {
        LogWithInputs log(records, sent, first);
        reconciler::ReplayOptions options;
        options.keys = &sealed.keys;
        options.threads = 1;
        options.inputs = true;
        Result<ReplayReport> report = reconciler::replay(log, sealed.deployment(), options);
        REQUIRE(report);
        return std::move(*report);
    }
    /// The commands that were sent as the `position`-th batch, which can be read.
    std::vector<CommandBytes> members(std::size_t position) const {
        std::vector<CommandBytes> found;
        REQUIRE(!split_batch(sent[0][position].payload, found));
        return found;
    }
    void append(std::size_t position, const Command& command) {
        Bytes longer = sent[0][position].payload;  // the command may borrow from what is there
        append_to_batch(command, longer);
        sent[0][position].payload = std::move(longer);
    }

    SealedDeployment sealed;
    SentLists sent;  // before the records, whose making fills it
    RecordList records;
};

bool has_word(const std::vector<reconciler::Verdict::Part>& parts, std::string_view word) {
    return std::ranges::any_of(parts, [&](const auto& part) { return part.word == word; });
}

TEST_CASE("sent commands: each has its event, wherever it was sent and however often") {
    for (const std::uint32_t shards : {1U, 3U}) {
        for (std::uint64_t seed = 1; seed <= 4; ++seed) {
            CAPTURE(shards);
            CAPTURE(seed);
            Played played(shards, seed);
            const ReplayReport report = played.replay();
            CHECK(text_of_findings(report) == "");
            CHECK(has_word(reconciler::verdict_of(report).checked, "inputs"));
            CHECK(report.shards[0].sent->checked >= played.sent[0].size());
        }
    }
}

TEST_CASE("sent commands: what is sent over and over is held against its event once") {
    const SealedDeployment sealed = make_sealed_deployment(1);
    constexpr std::uint64_t kBatches = 50, kTimes = 200;
    std::vector<InputBatch> sent(kBatches);
    for (std::uint64_t i = 0; i < kBatches; ++i) {
        sent[i].offset = Offset(i);
        Command command;
        command.id = CommandId(7, 7);
        command.body = Transfer{AccountId(1, 1), AccountId(2, 2), Amount(10)};
        for (std::uint64_t j = 0; j < kTimes; ++j) append_to_batch(command, sent[i].payload);
        command.id = CommandId(8, i + 1);
        append_to_batch(command, sent[i].payload);
    }
    const reconciler::ContentDigest content;
    reconciler::IdRows rows({}, std::size_t{64} << 20);
    reconciler::SentCheck check(std::make_unique<ListedCommands>(sent, Offset(0)),
                                sealed.deployment(), ShardId(0), content, rows);
    reconciler::PreparedRecord record;
    record.header.next_command = Offset(kBatches);
    check.take({}, record, EventNumber(1), true);
    CHECK(check.checked().checked == kBatches);
    std::size_t left = 0;
    REQUIRE(rows.finish(1, [&](std::span<reconciler::IdRow> some) { left += some.size(); }));
    // One of each id, and now and then one more where another one has taken the place.
    CHECK(left >= kBatches + 1);
    CHECK(left < 2 * kBatches);
}

constexpr std::size_t kSomewhere = 5;

TEST_CASE("sent commands: what was read and left no event of its content is found with its place") {
    struct Row {
        std::string_view what;
        std::function<void(Played&, Arena&)> change;
        std::string_view message;
    };
    const Row rows[] = {
        {"one that nobody decided",
         [](Played& played, Arena& arena) {
             Command command;
             REQUIRE(!decode_command(played.members(kSomewhere)[0], arena, command));
             command.id = CommandId(7, 7);
             command.id_text = {};
             played.append(kSomewhere, command);
         },
         "has no event"},
        {"one that was decided otherwise",
         [](Played& played, Arena& arena) {
             Command command;
             REQUIRE(!decode_command(played.members(kSomewhere)[0], arena, command));
             command.context = "another";
             played.append(kSomewhere, command);
         },
         "is answered by events of other content only"},
        {"a malformed one",
         [](Played& played, Arena&) {
             Bytes& payload = played.sent[0][kSomewhere].payload;
             payload.insert(payload.end(), {std::byte{0x0a}, std::byte{1}, std::byte{0xff}});
         },
         "is malformed, and no event says so"},
        {"no batch at all",
         [](Played& played, Arena&) {
             played.sent[0][kSomewhere].payload = Bytes(9, std::byte{0xff});
         },
         "is no batch, and no event says so"},
        {"what cannot be inflated",
         [](Played& played, Arena&) {
             InputBatch& batch = played.sent[0][kSomewhere];
             batch.payload.clear();
             batch.unreadable_until = batch.offset.next();
         },
         "cannot be inflated, and no event says so"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        Played played(1);
        Arena arena;
        row.change(played, arena);
        const ReplayReport report = played.replay();
        const std::string text = text_of_findings(report);
        REQUIRE_MESSAGE(report.findings.count() == 1, text);
        const reconciler::Finding& found = report.findings.kept()[0];
        CHECK(found.check == reconciler::Check::dropped_command);
        CHECK(text.find(row.message) != std::string::npos);
        CHECK(to_text(report).find("has its event") == std::string::npos);
        CHECK(text.find("offset " + std::to_string(played.sent[0][kSomewhere].offset.value())) !=
              std::string::npos);
        // The record is the one that says it has read the batch.
        REQUIRE(found.record);
        const auto next_of = [&](std::uint64_t record) {
            return parse_record(played.records.shard(ShardId(0))[record])->header.next_command;
        };
        const Offset offset = played.sent[0][kSomewhere].offset;
        CHECK(next_of(found.record->value()) > offset);
        CHECK(next_of(found.record->value() - 1) <= offset);
        // Without being asked nobody looks.
        CHECK(text_of_findings(replay_list(played.records, played.sealed)) == "");
    }
}

TEST_CASE("sent commands: an event that calls a command unreadable does not answer it") {
    Played played(1);
    LogDraft draft = LogDraft::read(played.records, played.sealed.deployment());
    Unreadable* unreadable = nullptr;
    for (DraftRecord& record : draft.shard(ShardId(0))) {
        for (Event& event : record.events) {
            if (unreadable == nullptr) unreadable = std::get_if<Unreadable>(&event);
        }
    }
    REQUIRE(unreadable != nullptr);
    Bytes& payload =
        std::ranges::find(played.sent[0], unreadable->offset, &InputBatch::offset)->payload;
    // Of bytes that can be read, with their digest: no batch is an empty one.
    const auto refuse = [&](std::string_view field, const Command* command) {
        payload = {};
        CommandBytes refused{};
        std::vector<CommandBytes> members;
        if (command != nullptr) {
            append_to_batch(*command, payload);
            REQUIRE(!split_batch(payload, members));
            refused = members[0];
            unreadable->member = 0;
        }
        const Digest digest = sha256({&refused, 1});
        const auto kept = draft.arena().make<std::byte>(digest.size());
        std::ranges::copy(digest, kept.begin());
        unreadable->digest = kept;
        unreadable->length = refused.size();
        unreadable->field = field;
        played.records = draft.seal(played.sealed.keys);
        return text_of_findings(played.replay());
    };
    Arena arena;
    Command transfer;
    REQUIRE(!decode_command(played.members(0)[0], arena, transfer));
    Command clock;
    clock.ledger = LedgerId(1);
    clock.id = CommandId(7, 7);
    clock.body = SetClock{Timestamp(1)};
    struct Row {
        std::string_view field;
        const Command* command;
        bool is_found;
    };
    const Row rows[] = {
        {"", nullptr, true},
        {"set_clock", nullptr, true},
        {"isolated", nullptr, false},  // the process had died on it
        {"", &transfer, true},
        {"set_clock", &transfer, true},
        {"isolated", &transfer, false},
        {"", &clock, true},
        {"set_clock", &clock, false},  // there is no test clock
    };
    for (const Row& row : rows) {
        CAPTURE(row.field);
        const std::string text = refuse(row.field, row.command);
        CAPTURE(text);
        CHECK((text.find("is recorded as unreadable, and can be read") != std::string::npos) ==
              row.is_found);
        CHECK((text == "") != row.is_found);
    }
}

TEST_CASE("sent commands: what is gone could not be checked, which is no finding") {
    Played played(1);
    const Offset first = played.sent[0][kSomewhere].offset;
    Arena arena;
    Command command;
    REQUIRE(!decode_command(played.members(0)[0], arena, command));
    command.id = CommandId(7, 7);
    command.id_text = {};
    played.append(0, command);
    const ReplayReport report = played.replay(first);
    CHECK(text_of_findings(report) == "");
    CHECK(report.shards[0].sent->unchecked == first.value());
    CHECK(has_word(reconciler::verdict_of(report).unchecked, "inputs"));
    CHECK(to_text(report).find(std::to_string(first.value()) + " of ") != std::string::npos);
}

TEST_CASE("sent commands: what records that are not right have read could not be checked") {
    Played played(1);
    std::vector<Bytes>& records = played.records.shard(ShardId(0));
    const std::size_t lost = records.size() / 2;
    records[lost].back() ^= std::byte{1};
    // One that nobody decided is found before that record, and not behind it.
    const Offset last_before = parse_record(records[lost - 1])->header.next_command;
    Arena arena;
    Command command;
    REQUIRE(!decode_command(played.members(0)[0], arena, command));
    command.id_text = {};
    command.id = CommandId(7, 7);
    played.append(0, command);
    const auto has_dropped = [](const ReplayReport& report) {
        return text_of_findings(report).find("dropped_command") != std::string::npos;
    };
    CHECK(has_dropped(played.replay()));
    played.sent[0][0].payload = Bytes();
    command.id = CommandId(7, 8);
    REQUIRE(played.sent[0].back().offset > last_before);
    played.append(played.sent[0].size() - 1, command);
    const ReplayReport report = played.replay();
    CHECK(!has_dropped(report));
    CHECK(report.shards[0].sent->unchecked > 0);
    CHECK(has_word(reconciler::verdict_of(report).unchecked, "inputs"));
    // Nor what the very last had read, which nobody knows.
    Played cut(1);
    cut.records.shard(ShardId(0)).back().back() ^= std::byte{1};
    CHECK(has_word(reconciler::verdict_of(cut.replay()).unchecked, "inputs"));
}

/// Moves the input late in the log, and what stands behind that with it. Returns from where.
Offset move_input(Played& played, std::function<Offset(Offset)> to_of) {
    LogDraft draft = LogDraft::read(played.records, played.sealed.deployment());
    std::vector<DraftRecord>& records = draft.shard(ShardId(0));
    std::size_t moved = records.size() * 3 / 4;
    const auto next_of = [&](std::size_t i) { return records[i].header.next_command; };
    while (next_of(moved) == next_of(moved - 1)) ++moved;
    const Offset place = next_of(moved - 1);
    const Offset to = to_of(place);
    const auto move = [&](Offset& offset) {
        if (offset >= place) offset = Offset(offset.value() - place.value() + to.value());
    };
    // Seals name events by their numbers.
    bool is_epoch_of_act = true;
    for (std::size_t i = moved; i < records.size(); ++i) {
        move(records[i].header.next_command);
        for (Event& event : records[i].events) {
            if (auto* unreadable = std::get_if<Unreadable>(&event)) move(unreadable->offset);
        }
        auto* seal = std::get_if<EpochSealed>(&records[i].events.back());
        if (seal == nullptr) continue;
        seal->last_event = seal->last_event.next();
        if (!std::exchange(is_epoch_of_act, false)) seal->first_event = seal->first_event.next();
    }
    const bool begins_term = std::holds_alternative<TermStarted>(records[moved].events[0]);
    const InputMoved act{InputKind::commands, place, to, "why", "alice"};
    records[moved].events.insert(records[moved].events.begin() + (begins_term ? 1 : 0), act);
    played.records = draft.seal(played.sealed.keys);
    for (InputBatch& batch : played.sent[0]) move(batch.offset);
    return place;
}

/// Appends a command that nobody decided; how many are found then.
std::int64_t find_dropped(Played& played, std::size_t batch, std::uint64_t unchecked) {
    Arena arena;
    Command command;
    REQUIRE(!decode_command(played.members(batch)[0], arena, command));
    command.id_text = {};
    command.id = CommandId(7, batch);
    played.append(batch, command);
    const ReplayReport report = played.replay();
    INFO(text_of_findings(report));
    CHECK(report.shards[0].sent->unchecked == unchecked);
    CHECK(has_word(reconciler::verdict_of(report).unchecked, "inputs"));
    return std::ranges::count(report.findings.kept(), reconciler::Check::dropped_command,
                              &reconciler::Finding::check);
}

TEST_CASE("sent commands: what was read before the input was moved may be of another topic") {
    Played played(1);
    const Offset place = move_input(played, [](Offset from) { return Offset(from.value() + 9); });
    // What it was moved over was not read either.
    CHECK(find_dropped(played, 0, place.value() + 9) == 0);
    CHECK(find_dropped(played, played.sent[0].size() - 1, place.value() + 9) == 1);
}

TEST_CASE("sent commands: of a topic that was made again all is read that is there") {
    Played played(1);
    std::vector<InputBatch>& sent = played.sent[0];
    const Offset place = move_input(played, [&](Offset from) {
        std::erase_if(sent, [&](const InputBatch& each) { return each.offset < from; });
        return Offset();
    });
    // It does not reach up to where the old one was read.
    REQUIRE(sent.back().next() < place);
    const ReplayReport report = played.replay();
    CHECK(text_of_findings(report) == "");
    CHECK(report.shards[0].sent->fault == "");
    CHECK(report.shards[0].sent->unchecked == place.value());
    CHECK(report.shards[0].sent->checked == sent.back().next().value());
    CHECK(find_dropped(played, 0, place.value()) == 1);
}

TEST_CASE("sent commands: where nobody keeps them, they could not be checked") {
    Played played(1);
    const auto report = replay_list(played.records, played.sealed,
                                    [](reconciler::ReplayOptions& with) { with.inputs = true; });
    CHECK(has_word(reconciler::verdict_of(report).unchecked, "inputs"));
    CHECK(!report.shards[0].sent);
}

}  // namespace
