#include "command-handler/shard/handler.h"
#include "events/log/embedded/embedded_log.h"
#include "events/log/scrub.h"
#include "events/log/verified_reader.h"
#include "events/seal/record.h"
#include "tests/command-handler/handler_rig.h"
#include "tests/command-handler/record_on_disk.h"
#include "tests/support/manual_clock.h"
#include "tests/support/wrapped_log.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What a handler reads back from the files of its log while it runs: every way to read, every part
// of a record, every way to change it. What was changed is found by the read that meets it, stops
// the shard, and moves nothing.

namespace {

using namespace vouch;
using namespace vouch::command_handler;
using namespace vouch::test;
namespace fs = std::filesystem;

enum class Region { header, table, tag, body, all };
enum class Act { flip, other_record, zeros };

constexpr std::uint64_t kOldHold = 20'000;
constexpr std::uint64_t kOldEntry = 30'000;
constexpr std::uint64_t kOldTransfer = 10'000;

/// Books on an embedded log in a directory, and records whose bodies have several blocks.
class FileBooks {
public:
    FileBooks() {
        options_.directory = directory_.path() / "shards";
        open_log();
        start();
        std::vector<Command> opening{open_cash(1)};
        for (std::uint64_t i = 1; i <= 3; ++i) opening.push_back(open_account(1 + i, i));
        opening.push_back(transfer(9, 0, 1, 1'000'000));
        // So that versions and totals have as many bytes in the one record as in the other.
        for (std::uint64_t i = 0; i < 140; ++i) opening.push_back(transfer(100 + i, 1, 2, 150));
        play(opening);
        // Two records that are alike in every length.
        target_ = play_old(0);
        twin_ = play_old(1);
    }
    ~FileBooks() { handler_.reset(); }

    void start() {
        answers_.forget();
        auto started = Handler::start(*log_, deployment_, keys_, clock_, answers_, options_);
        REQUIRE_MESSAGE(started, started.error().message);
        handler_ = std::move(*started);
    }
    void stop() {
        REQUIRE(handler_->stop().has_value());
        handler_.reset();
    }
    /// Why the log, closed, does not open again.
    std::string reopen_fault() {
        log_.reset();
        const auto opened = EmbeddedLog::open({.directory = (directory_.path() / "log").string(),
                                               .shard_count = 1,
                                               .create = false});
        REQUIRE_FALSE(opened.has_value());
        return opened.error().message;
    }
    /// After it has stopped by itself.
    void forget_handler() { handler_.reset(); }
    Fault start_fault() {
        answers_.forget();
        const auto started =
            Handler::start(*log_, deployment_, keys_, clock_, answers_, options_);
        if (!started) return started.error();
        REQUIRE((*started)->stopped().size() == 1);
        return (*started)->stopped().front().fault;
    }
    Status check_genesis_of(const Deployment& deployment) {
        return check_genesis(*log_, deployment, keys_);
    }
    const Deployment& deployment() const { return deployment_; }

    std::vector<Answered> play(const std::vector<Command>& commands) {
        const Result<Offset> offset = log_->produce(kShard0, batch_of(commands));
        REQUIRE(offset.has_value());
        return answers_.wait(kShard0, *offset, commands.size());
    }

    Bytes stored(RecordNumber record) {
        std::vector<StoredRecord> records;
        REQUIRE(log_->read_records(kShard0, record, 1, records).has_value());
        return records.front().bytes;
    }
    PlaceOnDisk find(const Bytes& record) const {
        return find_on_disk(directory_.path() / "log", record);
    }

    Scrub scrub(Scrub::Report report) { return scrub(std::move(report), *log_); }
    Scrub scrub(Scrub::Report report, LogReader& log) {
        return {log, deployment_, keys_, std::move(report)};
    }
    Log& log() { return *log_; }
    std::unique_ptr<BackgroundScrub> scrub_in_background(Scrub::Report report) {
        return std::make_unique<BackgroundScrub>(*log_, deployment_, keys_, std::move(report));
    }
    RecordNumber target() const { return target_; }
    RecordNumber twin() const { return twin_; }
    RecordNumber end() { return *log_->end(kShard0); }
    Handler& handler() { return *handler_; }
    AnswerBook& answers() { return answers_; }

private:
    void open_log() {
        auto opened = EmbeddedLog::open({.directory = (directory_.path() / "log").string(),
                                         .shard_count = 1,
                                         .segment_bytes = std::uint64_t{1} << 20,
                                         .prepare_in_background = false});
        REQUIRE_MESSAGE(opened, opened.error().message);
        log_ = std::move(*opened);
    }

    /// A hold that is placed and released, an entry, and transfers around them.
    RecordNumber play_old(std::uint64_t nth) {
        std::vector<Command> commands;
        for (std::uint64_t i = 0; i < 40; ++i)
            commands.push_back(transfer(kOldTransfer + 1'000 * nth + i, 1, 2, 100));
        commands.push_back(place_hold(kOldHold + 10 * nth, 1, 2, 100));
        commands.push_back(release(kOldHold + 10 * nth + 1, kOldHold + 10 * nth, 1));
        commands.push_back(transfer(kOldEntry + 10 * nth, 1, 2, 500));
        for (std::uint64_t i = 40; i < 80; ++i)
            commands.push_back(transfer(kOldTransfer + 1'000 * nth + i, 1, 2, 100));
        const std::vector<Answered> told = play(commands);
        for (const Answered& each : told) REQUIRE(is_accepted(each.outcome));
        REQUIRE(told.front().record == told.back().record);
        return told.front().record;
    }

    TemporaryDirectory directory_;
    Deployment deployment_ = make_deployment(1, false, Timestamp(kStart_us)).deployment;
    EpochKeys keys_ = make_test_keys(deployment_);
    ManualClock clock_{Timestamp(kStart_us)};
    HandlerOptions options_;
    std::unique_ptr<EmbeddedLog> log_;
    AnswerBook answers_;
    std::unique_ptr<Handler> handler_;
    RecordNumber target_;
    RecordNumber twin_;
};

struct Path {
    std::string_view name;
    /// Makes the handler read the target record.
    std::function<void(FileBooks&)> read;
};

const std::vector<Path>& paths() {
    static const std::vector<Path> all = {
        {"repeat", [](FileBooks& b) { b.play({transfer(kOldTransfer + 79, 1, 2, 100)}); }},
        {"conflict", [](FileBooks& b) { b.play({transfer(kOldTransfer + 79, 1, 2, 101)}); }},
        {"reverse", [](FileBooks& b) { b.play({reverse(50'000, kOldEntry, 2)}); }},
        {"refund", [](FileBooks& b) { b.play({refund(50'001, kOldEntry, 2, 10)}); }},
        {"closed hold", [](FileBooks& b) { b.play({capture(50'002, kOldHold, 1, 10)}); }},
        {"look-up of a hold",
         [](FileBooks& b) { (void)b.handler().find_hold(LedgerId(0), command_id(kOldHold)); }},
        {"look-up of an entry",
         [](FileBooks& b) { (void)b.handler().find_entry(LedgerId(0), command_id(kOldEntry)); }},
    };
    return all;
}

struct Part {
    std::size_t at = 0;
    std::size_t size = 0;
};

/// Where a part of a stored record is.
Part part_of(const Bytes& record, Region region) {
    const Result<RecordView> view = parse_record(record);
    REQUIRE(view.has_value());
    const auto at = [&](ByteView part) {
        return Part{static_cast<std::size_t>(part.data() - record.data()), part.size()};
    };
    const auto found =
        std::search(record.begin(), record.end(), view->tag.begin(), view->tag.end());
    const auto tag = static_cast<std::size_t>(found - record.begin());
    switch (region) {
        case Region::header:
            return {0, tag - 2};
        case Region::table:
            return at(view->table);
        case Region::tag:
            return {tag, view->tag.size()};
        case Region::body:
            return at(view->body);
        case Region::all:
            return {0, record.size()};
    }
    return {};
}

/// The record's bytes with one part changed.
Bytes changed(const Bytes& right, const Bytes& twin, Region region, Act act) {
    const Part part = part_of(right, region);
    REQUIRE(part.size > 0);
    Bytes wrong = right;
    switch (act) {
        case Act::flip:
            // In every block, so that whichever is read meets it.
            for (std::size_t at = part.at; at < part.at + part.size; at += 16)
                wrong[at] ^= std::byte{1};
            break;
        case Act::other_record:
            std::copy_n(twin.begin() + static_cast<std::ptrdiff_t>(part.at), part.size,
                        wrong.begin() + static_cast<std::ptrdiff_t>(part.at));
            break;
        case Act::zeros:
            std::fill_n(wrong.begin() + static_cast<std::ptrdiff_t>(part.at), part.size,
                        std::byte{0});
            break;
    }
    REQUIRE(wrong != right);
    return wrong;
}

}  // namespace

TEST_CASE(
    "verified reads: what was changed in the log's files is found by the read that meets it" *
    doctest::test_suite("same-threads")) {
    FileBooks books;
    const Bytes right = books.stored(books.target());
    const Bytes twin = books.stored(books.twin());
    REQUIRE(right.size() == twin.size());
    const PlaceOnDisk place = books.find(right);
    bool from_snapshot = false;
    SUBCASE("after a start that read the log") {}
    SUBCASE("after a start from a snapshot") {
        from_snapshot = true;
        books.stop();
        books.start();
    }
    const std::string named = "shard 0 record " + std::to_string(books.target().value()) + ":";
    for (const Path& path : paths()) {
        for (const Region region :
             {Region::header, Region::table, Region::tag, Region::body, Region::all}) {
            for (const Act act : {Act::flip, Act::other_record, Act::zeros}) {
                CAPTURE(path.name);
                CAPTURE(static_cast<int>(region));
                CAPTURE(static_cast<int>(act));
                const Bytes wrong = changed(right, twin, region, act);
                overwrite_on_disk(place, wrong);
                const RecordNumber end = books.end();
                path.read(books);
                const Fault fault = books.answers().wait_until_stopped(kShard0);
                CHECK(fault.code == FaultCode::corrupt);
                CHECK(fault.message.find(named) == 0);
                CHECK(books.end() == end);
                books.forget_handler();
                // A start believes its snapshot, and reads the record no more than before.
                if (!from_snapshot) CHECK(books.start_fault().message.find(named) == 0);
                overwrite_on_disk(place, right);
                books.start();
            }
        }
    }
    for (const Path& path : paths()) {
        CAPTURE(path.name);
        path.read(books);
        CHECK_FALSE(books.answers().has_stopped(kShard0));
    }
    books.stop();
}

TEST_CASE("verified reads: a look-up that cannot be read is a fault, not unknown") {
    FileBooks books;
    const Bytes right = books.stored(books.target());
    overwrite_on_disk(books.find(right),
                      changed(right, books.stored(books.twin()), Region::body, Act::flip));
    const std::string named = "shard 0 record " + std::to_string(books.target().value()) + ":";
    const LedgerId ledger(0);
    const Command repeat = transfer(kOldTransfer + 79, 1, 2, 100);
    CHECK_FALSE(books.handler().find_hold(ledger, command_id(1)).unknown);
    std::optional<StoppedShard> unknown;
    const auto look = [&](const auto& look_up) {
        CHECK_FALSE(look_up);
        unknown = look_up.unknown;
    };
    SUBCASE("a hold") { look(books.handler().find_hold(ledger, command_id(kOldHold))); }
    SUBCASE("an entry") { look(books.handler().find_entry(ledger, command_id(kOldEntry))); }
    SUBCASE("a command") { look(books.handler().find_command(repeat, std::nullopt)); }
    SUBCASE("what a shard knows that has stopped of it") {
        books.play({repeat});
        books.answers().wait_until_stopped(kShard0);
        look(books.handler().find_hold(ledger, command_id(kOldHold)));
    }
    REQUIRE(unknown);
    CHECK(unknown->shard == kShard0);
    CHECK(unknown->fault.code == FaultCode::corrupt);
    CHECK(unknown->fault.message.find(named) == 0);
    books.answers().wait_until_stopped(kShard0);
}

TEST_CASE("verified reads: a start reads what stands before the body of the last record") {
    FileBooks books;
    books.stop();
    const RecordNumber last(books.end().value() - 1);
    const Bytes right = books.stored(last);
    const PlaceOnDisk place = books.find(right);
    for (const Region region : {Region::header, Region::tag}) {
        for (const Act act : {Act::flip, Act::zeros}) {
            CAPTURE(static_cast<int>(region));
            overwrite_on_disk(place, changed(right, right, region, act));
            const Fault fault = books.start_fault();
            CHECK(fault.code == FaultCode::corrupt);
            CHECK(fault.message.find("shard 0 record " + std::to_string(last.value())) == 0);
        }
    }
    overwrite_on_disk(place, right);
    books.start();
    books.stop();
}

TEST_CASE("verified reads: one record proves the deployment, and no record another one") {
    FileBooks books;
    books.stop();
    CHECK(books.check_genesis_of(books.deployment()));
    Deployment other = books.deployment();
    other.genesis_tag[0] ^= std::byte{1};
    const Bytes first = books.stored(RecordNumber(0));
    const Bytes last = books.stored(RecordNumber(books.end().value() - 1));
    overwrite_on_disk(books.find(first), changed(first, first, Region::tag, Act::flip));
    CHECK(books.check_genesis_of(books.deployment()));
    overwrite_on_disk(books.find(last), changed(last, last, Region::tag, Act::flip));
    const Status unproven = books.check_genesis_of(books.deployment());
    REQUIRE_FALSE(unproven);
    CHECK(unproven.error().message.find("shard 0 record 0") == 0);
    const Status foreign = books.check_genesis_of(other);
    REQUIRE_FALSE(foreign);
    CHECK(foreign.error().message.find("the file `deployment` is not the one") != std::string::npos);
}

TEST_CASE("verified reads: a segment that is removed is read on until something is written into it") {
    FileBooks books;
    fs::remove(books.find(books.stored(books.target())).file);
    for (const Path& path : paths()) {
        CAPTURE(path.name);
        path.read(books);
        if (books.answers().has_stopped(kShard0)) break;
    }
    CHECK(books.answers().has_stopped(kShard0));
    books.forget_handler();
    CHECK(books.reopen_fault().find("is gone") != std::string::npos);
}

TEST_CASE("scrub: a changed record is told once, with number and place, until it is put back") {
    FileBooks books;
    std::vector<std::string> told;
    Scrub scrub = books.scrub([&](const RottenRecord& rotten) { told.push_back(rotten.text()); });
    const auto round = [&] {
        told.clear();
        for (const std::uint64_t done = scrub.rounds(); scrub.rounds() == done;)
            REQUIRE(scrub.step().has_value());
        return told.size();
    };
    const std::string named = "shard 0 record " + std::to_string(books.target().value()) + ":";
    const Bytes right = books.stored(books.target());
    const Bytes twin = books.stored(books.twin());
    const PlaceOnDisk place = books.find(right);
    CHECK(round() == 0);
    for (const Region region : {Region::header, Region::table, Region::tag, Region::body}) {
        for (const Act act : {Act::flip, Act::other_record, Act::zeros}) {
            CAPTURE(static_cast<int>(region));
            CAPTURE(static_cast<int>(act));
            overwrite_on_disk(place, changed(right, twin, region, act));
            REQUIRE(round() == 1);
            CHECK(told[0].starts_with(named));
            CHECK_FALSE(scrub.rotten()[0].is_unread);
            CHECK(told[0].ends_with(place.file.string() + " at byte " + std::to_string(place.at)));
            CHECK(round() == 0);
            REQUIRE(scrub.rotten().size() == 1);
            CHECK(scrub.rotten()[0].record == books.target());
            overwrite_on_disk(place, right);
            CHECK(round() == 0);
            CHECK(scrub.rotten().empty());
        }
    }
    books.stop();
}

TEST_CASE("scrub: a record that the disk does not give for a moment is not called changed") {
    /// Fails each read while it is told to.
    class FailingLog final : public WrappedLog {
    public:
        using WrappedLog::WrappedLog;
        Status read_records(ShardId shard, RecordNumber from, std::size_t bytes_max,
                            std::vector<StoredRecord>& out) override {
            if (fails) return Fault{FaultCode::storage, "pread: Input/output error"};
            return WrappedLog::read_records(shard, from, bytes_max, out);
        }
        bool fails = true;
    };
    FileBooks books;
    FailingLog log(books.log());
    std::vector<RottenRecord> told;
    Scrub scrub = books.scrub([&](const RottenRecord& rotten) { told.push_back(rotten); }, log);
    REQUIRE(scrub.step().has_value());
    REQUIRE(told.size() == 1);
    CHECK(told[0].is_unread);
    CHECK(told[0].text().starts_with("shard 0 record 0: pread: Input/output error; it lies in "));
    log.fails = false;
    for (const std::uint64_t done = scrub.rounds(); scrub.rounds() < done + 2;)
        REQUIRE(scrub.step().has_value());
    CHECK(scrub.rotten().empty());
    CHECK(told.size() == 1);
    books.stop();
}

TEST_CASE("scrub: beside a writer, in a thread of its own, it comes to what has changed") {
    FileBooks books;
    const Bytes right = books.stored(books.target());
    overwrite_on_disk(books.find(right),
                      changed(right, books.stored(books.twin()), Region::body, Act::flip));
    std::promise<RecordNumber> found;
    {
        const auto scrub = books.scrub_in_background(
            [&](const RottenRecord& rotten) { found.set_value(rotten.record); });
        CHECK(found.get_future().get() == books.target());
    }
    CHECK_FALSE(books.answers().has_stopped(kShard0));
    books.stop();
}
