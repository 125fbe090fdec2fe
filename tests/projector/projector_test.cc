#include "projector/views/projector.h"

#include "events/entries/codec.h"
#include "tests/projector/random_books.h"
#include "tests/projector/views.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

using namespace vouch;
using namespace vouch::projector;
using test::always_batch;
using test::always_bulk;
using test::MemoryLog;
using test::OpenView;
using test::RandomBooks;
using test::RecordWriter;
using test::random_books;
using test::rows_of;
using test::TestDeployment;

namespace {

std::size_t count_kind(const std::map<std::string, std::string>& rows, const std::string& kind) {
    std::size_t count = 0;
    for (const auto& [key, value] : rows)
        if (key.starts_with(kind)) ++count;
    return count;
}

/// Copies the records of a log, for a test to spoil.
MemoryLog copy_of(RandomBooks& books) {
    MemoryLog log(1);
    log.records(ShardId(0)) = books.log.records(ShardId(0));
    return log;
}

/// A store whose disk is full for its second batch.
class FullOnce final : public ViewStore {
public:
    explicit FullOnce(ViewStore& store) : store_(store) {}

    const std::optional<ViewPosition>& position() const override { return store_.position(); }
    Status has_room() override {
        if (++asked_ == 2) return Fault{FaultCode::retriable, "the disk is full"};
        return store_.has_room();
    }
    std::unique_ptr<ViewWrite> start_batch() override { return store_.start_batch(); }
    Result<std::unique_ptr<ViewWrite>> start_bulk() override { return store_.start_bulk(); }
    std::optional<Fault> damage() const override { return store_.damage(); }
    Result<std::unique_ptr<ViewSnapshot>> snapshot() override { return store_.snapshot(); }

private:
    ViewStore& store_;
    int asked_ = 0;
};

/// No other record refers to it.
void flip_in_tag(Bytes& record) {
    const Tag tag = parse_record(record)->tag;
    *std::search(record.begin(), record.end(), tag.begin(), tag.end()) ^= std::byte{1};
}

}  // namespace

TEST_CASE("projector: batches and bulk loads give the same rows, of every kind of event") {
    const auto books = random_books(11, 6'000);
    CHECK(books->kinds == 0xf'ffff);
    const test::TemporaryDirectory directory;
    OpenView batches(directory.path() / "batches", books->log, books->deployment, always_batch());
    REQUIRE(batches.projector->catch_up_to_end());
    OpenView loads(directory.path() / "loads", books->log, books->deployment, always_bulk(20'000));
    REQUIRE(loads.projector->catch_up_to_end());
    OpenView load(directory.path() / "load", books->log, books->deployment, always_bulk());
    REQUIRE(load.projector->catch_up_to_end());

    const auto rows = rows_of(*batches.store);
    CHECK(rows == rows_of(*loads.store));
    CHECK(rows == rows_of(*load.store));
    CHECK(batches.store->position() == loads.store->position());
    CHECK(batches.projector->next_record() == *books->log.end(ShardId(0)));

    CHECK(count_kind(rows, "01") == 1);
    CHECK(count_kind(rows, "10") == books->history.size());
    CHECK(count_kind(rows, "31") == books->accounts.size());
    CHECK(count_kind(rows, "32") == books->accounts.size());
    CHECK(count_kind(rows, "34") == books->holds.size());
    CHECK(count_kind(rows, "81") == books->log.records(ShardId(0)).size());
    for (const std::string kind : {"20", "30", "33", "35", "36", "37", "80"}) {
        CAPTURE(kind);
        CHECK(count_kind(rows, kind) > 0);
    }
}

TEST_CASE("projector: stops at the record asked for, and goes on from it") {
    const auto books = random_books(12, 500);
    const test::TemporaryDirectory directory;
    for (const bool in_bulk : {false, true}) {
        OpenView view(directory.path() / std::to_string(in_bulk), books->log, books->deployment,
                      in_bulk ? always_bulk() : always_batch());
        REQUIRE(view.projector->catch_up(RecordNumber(3)));
        CHECK(view.projector->next_record() == RecordNumber(3));
        CHECK(view.store->position()->next_record == RecordNumber(3));
        REQUIRE(view.projector->catch_up(RecordNumber(2)));
        CHECK(view.projector->next_record() == RecordNumber(3));
        REQUIRE(view.projector->catch_up(RecordNumber(1'000'000)));
        CHECK(view.projector->next_record() == *books->log.end(ShardId(0)));
    }
}

TEST_CASE("projector: an edited log stops it before the record, whichever way it writes") {
    const auto books = random_books(13, 400);
    const std::size_t bad = 5;
    using Records = std::vector<Bytes>;
    struct Edit {
        const char* name;
        std::function<void(Records&)> make;
        std::size_t found_at;
        const char* message;
    };
    const std::vector<Edit> edits = {
        {"one bit of an event", [&](Records& r) { r[bad][r[bad].size() / 2] ^= std::byte{1}; }, bad,
         "its body is not the one it names"},
        {"one bit of the last byte", [&](Records& r) { r[bad].back() ^= std::byte{1}; }, bad,
         "its body is not the one it names"},
        {"one bit of the tag", [&](Records& r) { flip_in_tag(r[bad]); }, bad, "tag"},
        {"dropped", [&](Records& r) { r.erase(r.begin() + bad); }, bad, "record number"},
        {"repeated", [&](Records& r) { r.insert(r.begin() + bad, r[bad - 1]); }, bad,
         "record number"},
        {"two swapped", [&](Records& r) { std::swap(r[bad], r[bad + 1]); }, bad, "record number"},
        {"cut short", [&](Records& r) { r[bad].resize(r[bad].size() - 1); }, bad, ""},
        {"emptied", [&](Records& r) { r[bad].clear(); }, bad, ""},
    };
    // Nobody is told it.
    const std::string right_tag =
        short_hex(parse_record(books->log.records(ShardId(0))[bad])->tag);
    for (const Edit& edit : edits) {
        for (const bool in_bulk : {false, true}) {
            CAPTURE(edit.name);
            CAPTURE(in_bulk);
            MemoryLog log = copy_of(*books);
            edit.make(log.records(ShardId(0)));
            const test::TemporaryDirectory directory;
            OpenView view(directory.path(), log, books->deployment,
                          in_bulk ? always_bulk() : always_batch());
            const Status caught_up = view.projector->catch_up_to_end();
            REQUIRE_FALSE(caught_up);
            CHECK(caught_up.error().code == FaultCode::corrupt);
            CHECK(caught_up.error().message.find("shard 0 record " +
                                                 std::to_string(edit.found_at)) == 0);
            CHECK(caught_up.error().message.find(edit.message) != std::string::npos);
            if (std::string(edit.name) == "one bit of the tag")
                CHECK(caught_up.error().message.find(right_tag) == std::string::npos);
            CHECK(view.store->position()->next_record == RecordNumber(edit.found_at));
            // It stays stopped, also when the log looks right again.
            log.records(ShardId(0)) = books->log.records(ShardId(0));
            CHECK_FALSE(view.projector->catch_up_to_end());

            OpenView clean(directory.path() / "clean", log, books->deployment, always_batch());
            REQUIRE(clean.projector->catch_up(RecordNumber(edit.found_at)));
            CHECK(rows_of(*view.store) == rows_of(*clean.store));
        }
    }
}

TEST_CASE("projector: no room before the record at fault is waited for, and the fault stays") {
    const auto books = random_books(13, 400);
    const RecordNumber bad(5);
    MemoryLog log = copy_of(*books);
    log.records(ShardId(0))[bad.value()].back() ^= std::byte{1};
    const test::TemporaryDirectory directory;
    OpenView view(directory.path(), log, books->deployment, always_batch());
    FullOnce store(*view.store);
    const auto projector = Projector::start(log, books->deployment.deployment, ShardId(0), store,
                                            books->deployment.keys.get(), {});
    REQUIRE(projector);
    const auto code = [&] { return (*projector)->catch_up_to_end().error().code; };
    CHECK(code() == FaultCode::retriable);
    CHECK((*projector)->next_record() == RecordNumber(0));
    // As far as it is asked, and no fault before it is there.
    CHECK((*projector)->catch_up(RecordNumber(2)));
    CHECK((*projector)->next_record() == RecordNumber(2));
    CHECK(code() == FaultCode::corrupt);
    CHECK((*projector)->next_record() == bad);
    CHECK(code() == FaultCode::corrupt);
}

TEST_CASE("projector: rightly sealed records that contradict each other stop it too") {
    struct Wrong {
        const char* name;
        std::function<void(RecordHeader&)> make;
        const char* message;
    };
    const std::vector<Wrong> wrongs = {
        {"shard", [](RecordHeader& h) { h.shard = ShardId(1); }, "of another shard"},
        {"record", [](RecordHeader& h) { h.record = RecordNumber(5); }, "record number"},
        {"event", [](RecordHeader& h) { h.first_event = EventNumber(9); }, "first event"},
        {"count high", [](RecordHeader& h) { ++h.event_count; }, "fewer events"},
        {"count low", [](RecordHeader& h) { --h.event_count; }, "more events"},
        {"time", [](RecordHeader& h) { h.term = Term(2); }, "earlier"},
        {"tag", [](RecordHeader& h) { h.previous_digest[0] ^= std::byte{1}; }, "previous digest"},
        {"deployment", [](RecordHeader& h) { h.deployment = DeploymentId(8, 8); },
         "another deployment"},
        {"chain", [](RecordHeader& h) { h.chain = ChainId(h.chain.high() + 1, 0); }, "chain"},
    };
    for (const Wrong& wrong : wrongs) {
        for (const bool in_bulk : {false, true}) {
            CAPTURE(wrong.name);
            MemoryLog log(2);
            const TestDeployment deployment(2);
            RecordWriter writer(log, deployment, ShardId(0));
            writer.seal(Timestamp(100));
            writer.seal(Timestamp(100));
            writer.add(Event(TermStarted{Term(2)}));
            writer.add(Event(TermStarted{Term(3)}));
            wrong.make(writer.header());
            const bool is_time = std::string(wrong.name) == "time";
            // Sealed where it is read, whatever its header says.
            const ShardId claimed = writer.header().shard;
            writer.seal(Timestamp(is_time ? 99 : 101));
            if (claimed != ShardId(0))
                log.records(ShardId(0)).push_back(log.records(claimed).back());

            const test::TemporaryDirectory directory;
            OpenView view(directory.path(), log, deployment,
                          in_bulk ? always_bulk() : always_batch());
            const Status caught_up = view.projector->catch_up_to_end();
            REQUIRE_FALSE(caught_up);
            CHECK(caught_up.error().code == FaultCode::corrupt);
            CHECK(caught_up.error().message.find("shard 0 record 2") == 0);
            CHECK(caught_up.error().message.find(wrong.message) != std::string::npos);
            CHECK(view.projector->next_record() == RecordNumber(2));
        }
    }
}

TEST_CASE("projector: a view of another log, or of one cut short, is refused at the start") {
    const auto books = random_books(14, 300);
    const auto other = random_books(15, 300);
    const test::TemporaryDirectory directory;
    {
        OpenView view(directory.path(), books->log, books->deployment, always_batch());
        REQUIRE(view.projector->catch_up(RecordNumber(8)));
    }
    auto store = rocks_view_stores().open(directory.path(), test::view_key());
    REQUIRE(store);
    const auto start = [&](LogReader& log) {
        return Projector::start(log, books->deployment.deployment, ShardId(0), **store,
                                books->deployment.keys.get());
    };
    const auto forked = start(other->log);
    REQUIRE_FALSE(forked);
    CHECK(forked.error().code == FaultCode::corrupt);
    CHECK(forked.error().message.find("shard 0 record 7") == 0);

    MemoryLog log = copy_of(*books);
    log.records(ShardId(0)).resize(7);
    const auto cut = start(log);
    REQUIRE_FALSE(cut);
    CHECK(cut.error().code == FaultCode::corrupt);
    CHECK(cut.error().message.find("shard 0 record 7") == 0);

    log.records(ShardId(0)).push_back(books->log.records(ShardId(0))[7]);
    CHECK(start(log));
}

TEST_CASE("projector: without keys a forged record passes, with keys it does not") {
    const auto books = random_books(16, 200);
    MemoryLog log = copy_of(*books);
    flip_in_tag(log.records(ShardId(0)).back());
    const test::TemporaryDirectory directory;
    for (const bool has_keys : {false, true}) {
        auto store = rocks_view_stores().open(directory.path() / std::to_string(has_keys),
                                              test::view_key());
        REQUIRE(store);
        auto projector = Projector::start(log, books->deployment.deployment, ShardId(0), **store,
                                          has_keys ? books->deployment.keys.get() : nullptr);
        REQUIRE(projector);
        CHECK((*projector)->catch_up_to_end().has_value() == !has_keys);
    }
}

TEST_CASE("view store: a directory that is open already is refused") {
    const test::TemporaryDirectory directory;
    auto first = rocks_view_stores().open(directory.path(), test::view_key());
    REQUIRE(first);
    const auto second = rocks_view_stores().open(directory.path(), test::view_key());
    REQUIRE_FALSE(second);
    CHECK(second.error().code == FaultCode::configuration);
}

TEST_CASE("view store: a snapshot stays as it was while the view goes on") {
    const auto books = random_books(17, 600);
    const test::TemporaryDirectory directory;
    for (const bool in_bulk : {false, true}) {
        OpenView view(directory.path() / std::to_string(in_bulk), books->log, books->deployment,
                      in_bulk ? always_bulk(1) : always_batch());
        REQUIRE(view.projector->catch_up(RecordNumber(10)));
        const auto snapshot = view.store->snapshot();
        REQUIRE(snapshot);
        const auto rows_before = rows_of(*view.store);
        REQUIRE(view.projector->catch_up_to_end());
        CHECK((*snapshot)->position()->next_record == RecordNumber(10));
        std::map<std::string, std::string> rows;
        const auto cursor = (*snapshot)->cursor();
        for (cursor->seek(position_key().view()); cursor->is_valid(); cursor->next()) {
            rows.emplace(test::hex(cursor->key()), test::hex(cursor->value()));
        }
        CHECK(rows == rows_before);
        Bytes value;
        REQUIRE((*snapshot)->get(position_key().view(), value));
        CHECK(decode_position(value) == (*snapshot)->position());
    }
}

TEST_CASE("projector: views that are damaged one soon after the other are all set aside") {
    const auto books = random_books(14, 50);
    const test::TemporaryDirectory directory;
    for (const std::size_t damaged : {0U, 1U, 1U}) {
        const auto views = ShardViews::open(books->log, books->deployment.deployment,
                                            *books->deployment.keys, directory.path(),
                                            rocks_view_stores());
        REQUIRE_MESSAGE(views, (views ? "" : views.error().message));
        CHECK((*views)->warnings().size() == damaged);
        std::ofstream(directory.path() / "0" / "damage") << "a flipped bit";
    }
}
