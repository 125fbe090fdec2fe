#include "command-handler/shard/snapshot.h"

#include "command-handler/shard/seen_end.h"
#include "command-handler/shard/shard_loop.h"
#include "tests/command-handler/handler_rig.h"
#include "tests/support/file_places.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <random>
#include <span>
#include <sstream>
#include <string>
#include <vector>

namespace {

using namespace vouch;
using namespace vouch::command_handler;
using namespace vouch::test;
namespace fs = std::filesystem;

std::string render(const ChainHead& head) {
    std::ostringstream out;
    out << head.next_record.value() << " " << head.next_event.value() << " "
        << short_hex(head.last_digest) << " " << head.last_time.value() << " " << head.term.value()
        << " " << head.epoch.value() << " " << head.epoch_first_event.value() << " "
        << head.epoch_first_time.value() << " " << head.epoch_has_record << " "
        << head.next_command.value() << " " << head.next_step.value();
    return out.str();
}

ChainHead sample_head() {
    ChainHead head;
    head.next_record = RecordNumber(0x0102030405060708);
    head.next_event = EventNumber(0x1112131415161718);
    for (std::size_t i = 0; i < head.last_digest.size(); ++i)
        head.last_digest[i] = static_cast<std::byte>(i + 1);
    head.last_time = Timestamp(kStart_us);
    head.term = Term(7);
    head.epoch = Epoch(8);
    head.epoch_first_event = EventNumber(9);
    head.epoch_first_time = Timestamp(kStart_us - 5);
    head.epoch_has_record = true;
    head.next_command = Offset(0x2122232425262728);
    head.next_step = Offset(0x3132333435363738);
    return head;
}

constexpr std::uint32_t kShards = 3;

StepPeers sample_peers() {
    StepPeers peers(kShards);
    StepPeer peer;
    peer.next_sent = StepBatchNumber(0x4142434445464748);
    peer.last_sent.fill(std::byte{7});
    peer.next_taken = StepBatchNumber(0x5152535455565758);
    peer.steps_taken = 0x61626364;
    peer.last_taken.fill(std::byte{8});
    peers.load(ShardId(2), peer);
    return peers;
}

/// Of a transit account that has money on it.
AccountRow transit_row() {
    AccountRow row;
    row.account_class = AccountClass::liability;
    row.standing.totals.credits_posted = Amount(77);
    row.standing.version = Version(9);
    row.standing.unlimited = true;
    return row;
}

AccountRow row(std::uint64_t number) {
    AccountRow row;
    row.id = account_id(number);
    row.ledger = LedgerId(static_cast<std::uint32_t>(number % 3));
    row.account_class = static_cast<AccountClass>(1 + number % 5);
    AccountStanding& standing = row.standing;
    standing.totals = {Amount::from_halves(number, 1), Amount(number * 2), Amount(3),
                       Amount::from_halves(4, number)};
    standing.limit_below_zero = number % 2 == 0 ? Amount(number) : Amount::max();
    standing.version = Version(number + 1);
    standing.block = static_cast<Block>(number % 4);
    standing.closed = number % 7 == 0;
    standing.unlimited = number % 5 == 0;
    return row;
}

void fill(ShardState& state, std::uint64_t accounts, std::uint64_t holds) {
    const Asset assets[] = {*Asset::make("EUR", Scale(2)), *Asset::make("JPY", Scale(0)),
                            *Asset::make("X1", Scale(18))};
    for (std::uint64_t i = 0; i < accounts; ++i) state.tables().open_account(row(i), assets[i % 3]);
    for (std::uint64_t i = 0; i < holds; ++i) {
        HoldState hold;
        hold.id = command_id(i);
        hold.payer = AccountNumber(static_cast<std::uint32_t>(i % accounts));
        if (i % 2 == 0) hold.payee = AccountNumber(static_cast<std::uint32_t>((i + 1) % accounts));
        hold.remaining = Amount::from_halves(i, 5);
        hold.captured = Amount(i);
        hold.expires_at = Timestamp(static_cast<std::int64_t>(i % 3) * 1'000'000);
        if (i % 4 == 0) hold.remote_payee = account_id(i);
        state.tables().holds.put(LedgerId(static_cast<std::uint32_t>(i % 3)), hold);
        if (i % 5 == 0) state.tables().followed_holds[1 + i % 2].put(LedgerId(0), hold);
    }
    if (accounts == 0) return;
    const AccountNumber transit = state.accounts().next();
    state.tables().open_transit(transit_row(), {LedgerId(0), ShardId(0), ShardId(2), assets[0]});
    for (std::uint64_t i = 0; i < holds; ++i) {
        Crossing crossing;
        crossing.to = ShardId(2);
        crossing.amount = Amount(i);
        crossing.can_return = i % 3 != 0;
        if (crossing.can_return)
            crossing.payer = AccountNumber(static_cast<std::uint32_t>(i % accounts));
        if (crossing.can_return) crossing.transit = transit;
        crossing.names_payee = i % 7 == 0;
        crossing.command.assign(i % 50, static_cast<std::byte>(i));
        state.tables().crossings.add({LedgerId(1), command_id(i)}, std::move(crossing));
    }
}

/// Events of a state of which a copy is being made.
class ChangesMeanwhile {
public:
    ChangesMeanwhile(ShardState& state, EventNumber first) : state_(state), next_(first) {}

    /// Holds and crossings that `fill` made: of both ends, which are copied first and last.
    void apply_some(std::uint64_t step, std::uint64_t holds) {
        for (const std::uint64_t one : {10 * step + 1, holds / 2 + 10 * step, holds - 10 * step}) {
            extend(one - 1, step % 2 == 0 ? 0 : 9'000'000);
            extend(one - 2, 1 + static_cast<std::int64_t>(step));
            HoldState released;
            released.status = HoldStatus::released;
            put(one - 3, released, ReleaseHold{});
            HoldState placed;
            placed.expires_at = Timestamp(2'000'000);
            put(holds + one, placed, PlaceHold{});
            answer(one - 1);
            depart(holds + one, open(1'000 + 2 * one));
        }
    }
    void replay(ShardState& other) const {
        for (const auto& [number, event] : events_) other.apply(event, number, true);
    }

private:
    template <class E>
    void apply(E event) {
        events_.emplace_back(next_, std::move(event));
        state_.apply(events_.back().second, next_);
        next_ = next_.next();
    }
    static LedgerId ledger_of(std::uint64_t id) {
        return LedgerId(static_cast<std::uint32_t>(id % 3));
    }
    void put(std::uint64_t id, HoldState hold, CommandBody body) {
        hold.id = command_id(id);
        CommandDecided event;
        event.command.ledger = ledger_of(id);
        event.command.body = std::move(body);
        event.hold = hold;
        apply(std::move(event));
    }
    void extend(std::uint64_t id, std::int64_t expires_us) {
        const HoldState* open = state_.holds().find({ledger_of(id), command_id(id)});
        if (open == nullptr) return;
        HoldState later = *open;
        later.expires_at = Timestamp(expires_us);
        put(id, later, ExtendHold{});
    }
    void answer(std::uint64_t id) {
        CommandAnswered event;
        event.ledger = LedgerId(1);
        event.id = command_id(id);
        apply(event);
    }
    static Change change(AccountNumber account, Version version,
                         std::optional<Side> side = std::nullopt, Amount amount = {}) {
        Change change;
        change.account = account;
        change.version = version;
        change.side = side;
        change.amount = amount;
        return change;
    }
    AccountNumber open(std::uint64_t id) {
        OpenAccount opening;
        opening.account = account_id(id);
        opening.asset = *Asset::make("EUR", Scale(2));
        const AccountNumber number = state_.accounts().next();
        CommandDecided event;
        event.command.body = opening;
        event.changes = kept({change(number, Version(1))});
        apply(std::move(event));
        return number;
    }
    void depart(std::uint64_t id, AccountNumber payer) {
        CommandInTransit event;
        event.command.id = command_id(id);
        event.command.body = Transfer{};
        event.to = ShardId(2);
        const AccountNumber transit(9);  // the first behind those of `fill`
        const Version version = state_.accounts().row(transit).standing.version;
        const Amount amount(id);
        event.changes = kept({change(payer, Version(2), Side::debit, amount),
                              change(transit, version.next(), Side::credit, amount)});
        apply(std::move(event));
    }
    std::span<const Change> kept(std::vector<Change> changes) {
        return changes_.emplace_back(std::move(changes));
    }

    ShardState& state_;
    EventNumber next_;
    std::deque<std::vector<Change>> changes_;
    std::vector<std::pair<EventNumber, Event>> events_;
};

SecretKey test_key(std::uint8_t fill = 1) {
    std::array<std::byte, 32> bytes{};
    bytes.fill(static_cast<std::byte>(fill));
    return SecretKey(bytes);
}

bool exists(Files& files, const fs::path& path) {
    return File::find(files, path.string())->has_value();
}

std::size_t write(const fs::path& path, const ChainHead& head, const ShardState& state,
                  Files& files) {
    auto writer = SnapshotWriter::begin(path, test_key(), head, sample_peers(), files);
    REQUIRE_MESSAGE(writer, writer.error().message);
    std::size_t chunks = 0;
    for (bool copied = false; !copied; ++chunks) {
        const Result<bool> more = (*writer)->copy_some(state, head);
        REQUIRE(more.has_value());
        copied = *more;
        CHECK_FALSE(exists(files, path));
    }
    const Status published = (*writer)->publish();
    REQUIRE_MESSAGE(published, published.error().message);
    return chunks;
}

std::string text_of(Files& files, const fs::path& path) {
    const auto bytes = read_file(files, path.string());
    REQUIRE(bytes);
    REQUIRE(bytes->has_value());
    return {reinterpret_cast<const char*>((*bytes)->data()), (*bytes)->size()};
}

void write_file(Files& files, const fs::path& path, const std::string& bytes) {
    // A file cut to nothing and written again is synced by some file systems.
    (void)files.remove(path.string());
    const Result<File> file = File::make(files, path.string());
    REQUIRE(file);
    REQUIRE(file->write(std::as_bytes(std::span(bytes)), 0));
}

/// The head, "none" or the fault; what must not have touched the state is required not to have.
std::string load(const fs::path& path, const SecretKey& key, Files& files) {
    ShardState state(ShardId(0), kShards);
    StepPeers peers(kShards);
    const Result<std::optional<LoadedSnapshot>> loaded =
        load_snapshot(path, key, state, peers, files);
    if (loaded && *loaded) return render((*loaded)->head);
    REQUIRE(state.accounts().size() == 0);
    REQUIRE(state.holds().size() == 0);
    if (loaded) return "none";
    REQUIRE(loaded.error().code == FaultCode::corrupt);
    return loaded.error().message;
}

const std::string kEdited = "snapshot: not what was written";

/// A shard without its thread, started from what `directory` holds and the rig's log, or another.
struct Started {
    Started(HandlerRig& rig, const fs::path& directory, Log* log = nullptr)
        : options{rig.options},
          loop(environment(rig, directory, log != nullptr ? *log : rig.log)),
          status(loop.start()) {}

    ShardEnvironment environment(HandlerRig& rig, const fs::path& directory, Log& log) {
        options.directory = directory;
        return {kShard0, log, rig.deployment, rig.keys, rig.clock, rig.answers, options};
    }

    HandlerOptions options;
    ShardLoop loop;
    Status status;
};

}  // namespace

TEST_CASE("snapshot: what is loaded is what was written, over one chunk and several") {
    on_both([](const FilePlace& place) {
        Files& files = place.files;
        const fs::path path = place / "snapshot";
        struct Row {
            std::uint64_t accounts, holds;
            std::size_t chunks;
        };
        for (const Row& each :
             {Row{0, 0, 4}, Row{1, 0, 4}, Row{30, 60, 4}, Row{SnapshotWriter::kChunkRows - 1, 3, 4},
              Row{2 * SnapshotWriter::kChunkRows + 1, 500, 6},
              Row{9, 3 * SnapshotWriter::kChunkRows, 8}}) {
            CAPTURE(each.accounts);
            (void)files.remove(path.string());
            ShardState state(ShardId(0), kShards);
            fill(state, each.accounts, each.holds);
            CHECK(write(path, sample_head(), state, files) == each.chunks);
            ShardState loaded(ShardId(0), kShards);
            StepPeers peers(kShards);
            const auto read = load_snapshot(path, test_key(), loaded, peers, files);
            REQUIRE(read.has_value());
            REQUIRE(read->has_value());
            CHECK(render((*read)->head) == render(sample_head()));
            CHECK((*read)->seen_next == sample_head().next_record);
            CHECK((*read)->seen_digest == sample_head().last_digest);
            CHECK(peek_snapshot(path, files) == sample_head().next_record);
            CHECK((test::render(loaded) == test::render(state)));
            const std::optional<Due> due = loaded.holds().next_due();
            CHECK(due == state.holds().next_due());
            const StepPeers expected = sample_peers();
            for (std::uint32_t i = 0; i < kShards; ++i)
                CHECK((peers.of(ShardId(i)) == expected.of(ShardId(i))));
        }
    });
}

TEST_CASE("snapshot: what changes between its steps is put right by the events") {
    const TemporaryDirectory directory;
    const fs::path path = directory.path() / "snapshot";
    constexpr std::uint64_t kHolds = 3 * SnapshotWriter::kChunkRows;
    ShardState state(ShardId(0), kShards);
    fill(state, 9, kHolds);
    for (std::uint64_t i = 100; i < kHolds; i += 1'000) {
        HoldState closed;
        closed.id = command_id(i);
        closed.status = HoldStatus::released;
        state.tables().holds.put(LedgerId(static_cast<std::uint32_t>(i % 3)), closed);
    }
    ChangesMeanwhile meanwhile(state, sample_head().next_event);
    auto writer = SnapshotWriter::begin(path, test_key(), sample_head(), sample_peers());
    REQUIRE(writer.has_value());
    std::uint64_t step = 0;
    for (bool copied = false; !copied; ++step) {
        const Result<bool> more = (*writer)->copy_some(state, sample_head());
        REQUIRE(more.has_value());
        copied = *more;
        meanwhile.apply_some(step, kHolds);
    }
    CHECK(step > 7);
    REQUIRE((*writer)->publish());

    ShardState loaded(ShardId(0), kShards);
    StepPeers peers(kShards);
    REQUIRE(load_snapshot(path, test_key(), loaded, peers));
    CHECK((test::render(loaded) != test::render(state)));
    meanwhile.replay(loaded);
    CHECK((test::render(loaded) == test::render(state)));
    CHECK(loaded.holds().next_due() == state.holds().next_due());
}

TEST_CASE("snapshot: any byte changed, cut off or added makes it none") {
    on_both([](const FilePlace& place) {
        Files& files = place.files;
        const fs::path path = place / "snapshot";
        ShardState state(ShardId(0), kShards);
        fill(state, 3, 2);
        write(path, sample_head(), state, files);
        const std::string right = text_of(files, path);
        CHECK(load(path, test_key(), files) == render(sample_head()));
        std::vector<std::size_t> passed;
        for (std::size_t at = 0; at < right.size(); ++at) {
            for (const char bit : {char{1}, static_cast<char>(128)}) {
                std::string wrong = right;
                wrong[at] = static_cast<char>(wrong[at] ^ bit);
                write_file(files, path, wrong);
                if (load(path, test_key(), files) != kEdited) passed.push_back(at);
            }
            write_file(files, path, right.substr(0, at));
            if (load(path, test_key(), files) != kEdited) passed.push_back(at);
        }
        CHECK(passed == std::vector<std::size_t>{});
        write_file(files, path, right + std::string(1, '\0'));
        CHECK(load(path, test_key(), files) == kEdited);
        write_file(files, path, right + right);
        CHECK(load(path, test_key(), files) == kEdited);
        // Chunks that are right each, in another number.
        const std::size_t head_chunk = 4 + (static_cast<unsigned char>(right[3]));
        write_file(files, path, right.substr(0, head_chunk) + right);
        CHECK(load(path, test_key(), files) == kEdited);
        write_file(files, path, right);
        CHECK(load(path, test_key(2), files) == kEdited);
        (void)files.remove(path.string());
        CHECK(load(path, test_key(), files) == "none");
    });
}

TEST_CASE("snapshot: one that is not finished leaves the one before in its place") {
    on_both([](const FilePlace& place) {
        Files& files = place.files;
        const fs::path path = place / "snapshot";
        ShardState state(ShardId(0), kShards);
        fill(state, 3, 2);
        write(path, sample_head(), state, files);
        const std::string before = text_of(files, path);
        {
            ChainHead later = sample_head();
            later.term = Term(99);
            auto writer = SnapshotWriter::begin(path, test_key(), later, sample_peers(), files);
            REQUIRE(writer.has_value());
            REQUIRE((*writer)->copy_some(state, later).has_value());
        }
        CHECK(text_of(files, path) == before);
        CHECK(!exists(files, path.string() + ".unfinished"));
        CHECK_FALSE(SnapshotWriter::begin(place / "nowhere/snapshot", test_key(), sample_head(),
                                          sample_peers(), files));
    });
}

TEST_CASE("snapshot: written while commands go on, it leads to the state that a replay leads to") {
    HandlerRig rig;
    rig.options.bounds.snapshot_events = 300;
    const fs::path written = rig.options.directory / "0" / "snapshot";
    rig.start();
    std::uint64_t accounts = 3 * SnapshotWriter::kChunkRows;
    rig.open_accounts(accounts, 100);
    std::mt19937_64 random(4711);
    std::uint64_t next_id = 1;
    std::vector<std::string> copies;
    constexpr std::size_t kCopies = 6;
    constexpr int kRoundsMax = 5'000;
    for (int round = 0; round < kRoundsMax && copies.size() < kCopies; ++round) {
        std::vector<Command> commands;
        for (int i = 0; i < 40; ++i) {
            const std::uint64_t id = next_id++;
            const std::uint64_t a = 1 + random() % accounts;
            const std::uint64_t b = 1 + random() % 50;
            switch (random() % 6) {
                case 0:
                    for (int opened = 0; opened < 5; ++opened) {
                        commands.push_back(open_account(
                            10'000'000 + 10 * id + static_cast<std::uint64_t>(opened), ++accounts));
                    }
                    break;
                case 1:
                    commands.push_back(
                        place_hold(id, b, a, 1 + random() % 20, random() % 2 == 0 ? 0 : 3'000'000));
                    break;
                case 2:
                    commands.push_back(capture(id, id - 1 - random() % 30, b, 1 + random() % 10,
                                               random() % 2 == 0));
                    break;
                case 3:
                    commands.push_back(random() % 2 == 0 ? freeze(id, b, Block::credits)
                                                         : unfreeze(id, b, Block::credits));
                    break;
                default:
                    commands.push_back(transfer(id, b, a, random() % 100));
            }
        }
        rig.clock.advance(200'000);
        rig.play(commands);
        if (fs::exists(written)) {
            const std::string bytes = text_of(system_files(), written);
            if (copies.empty() || copies.back() != bytes) copies.push_back(bytes);
        }
    }
    REQUIRE(copies.size() == kCopies);
    rig.crash();
    // Where the log has lost a record that a copy has something of, the copy is not begun from.
    for (const std::string& copy : copies) {
        const fs::path with = rig.directory.path() / "cut";
        fs::create_directories(with / "0");
        write_file(system_files(), with / "0" / "snapshot", copy);
        const std::optional<RecordNumber> seen_next = peek_snapshot(with / "0" / "snapshot");
        REQUIRE(seen_next);
        const RecordNumber last(seen_next->value() - 1);
        const std::unique_ptr<SimulatedLog> log = copy_below(rig.log, last);
        CHECK(seen_beyond(with, rig.keys, kShard0, 1, last)->next_record == *seen_next);
        CHECK_FALSE(seen_beyond(with, rig.keys, kShard0, 1, *seen_next));
        Started loaded(rig, with, log.get());
        REQUIRE_FALSE(loaded.status);
        CHECK(loaded.status.error().message.find("records are missing") != std::string::npos);
    }

    const fs::path without = rig.directory.path() / "without";
    Started replayed(rig, without);
    REQUIRE_MESSAGE(replayed.status, replayed.status.error().message);
    const std::string expected = test::render(replayed.loop.books().state);
    CHECK(expected.find("NOT FOUND") == std::string::npos);
    for (std::size_t i = 0; i < copies.size(); ++i) {
        CAPTURE(i);
        const fs::path with = rig.directory.path() / ("with" + std::to_string(i));
        fs::create_directories(with / "0");
        write_file(system_files(), with / "0" / "snapshot", copies[i]);
        Started loaded(rig, with);
        REQUIRE_MESSAGE(loaded.status, loaded.status.error().message);
        CHECK(loaded.loop.warnings().empty());
        CHECK((test::render(loaded.loop.books().state) == expected));
        // A start adds nothing but its term.
        CHECK(loaded.loop.books().head.next_record.value() ==
              replayed.loop.books().head.next_record.value() + 1 + i);
    }
}

TEST_CASE("snapshot: a handler whose snapshot was edited warns, and has the same state") {
    HandlerRig rig;
    rig.start();
    rig.open_accounts(20, 500);
    rig.play({place_hold(1, 1, 2, 100), place_hold(2, 3, 4, 100), transfer(3, 5, 6, 20),
              freeze(4, 7, Block::both)});
    rig.stop();
    const fs::path path = rig.options.directory / "0" / "snapshot";
    const std::string right = text_of(system_files(), path);
    REQUIRE_FALSE(right.empty());
    const std::string state = [&] {
        Started started(rig, rig.options.directory);
        REQUIRE(started.status.has_value());
        CHECK(started.loop.warnings().empty());
        return test::render(started.loop.books().state);
    }();
    std::size_t kept = 0;
    for (const std::size_t at : {std::size_t{4}, right.size() / 2, right.size() - 1}) {
        CAPTURE(at);
        std::string wrong = right;
        wrong[at] = static_cast<char>(wrong[at] ^ 16);
        write_file(system_files(), path, wrong);
        Started started(rig, rig.options.directory);
        REQUIRE(started.status.has_value());
        REQUIRE(started.loop.warnings().size() == 1);
        const std::string warning = started.loop.warnings()[0];
        const std::string begin = "shard 0: snapshot: not what was written; set aside as ";
        REQUIRE(warning.starts_with(begin + path.string() + ".damaged-"));
        ++kept;
        CHECK(warning.ends_with(", " + std::to_string(kept) +
                                " of its kind are kept there, and built again from the log"));
        const std::string aside = warning.substr(begin.size(), warning.find(',') - begin.size());
        CHECK(text_of(system_files(), aside) == wrong);
        CHECK_FALSE(fs::exists(path));
        CHECK((test::render(started.loop.books().state) == state));
    }
}

TEST_CASE("snapshot: one that has seen what the log no longer has stops the start") {
    HandlerRig rig;
    rig.start();
    rig.open_accounts(2, 500);
    rig.stop();
    SimulatedLog shorter(1);
    ShardEnvironment with{kShard0,   shorter,     rig.deployment, rig.keys,
                           rig.clock, rig.answers, rig.options};
    ShardLoop loop(with);
    const Status status = loop.start();
    REQUIRE_FALSE(status);
    CHECK(status.error().code == FaultCode::corrupt);
    CHECK(status.error().message.find("records are missing") != std::string::npos);
}

TEST_CASE("snapshot: a record of another course of the same books, before it, stops the start") {
    HandlerRig rig;
    rig.start();
    rig.open_accounts(2, 500);
    rig.stop();
    const RecordNumber forked = *rig.log.end(kShard0);
    const std::unique_ptr<SimulatedLog> other = copy_below(rig.log, forked);
    LogFold fold(rig.deployment, rig.keys);
    fold.read(rig.log);
    for (Offset next(0); next < fold.marks.back().next_command; next = next.next())
        REQUIRE(other->produce(kShard0, {}).has_value());
    const auto go_on = [&](SimulatedLog& log, std::uint64_t id) {
        rig.options.directory = rig.directory.path() / std::to_string(id);
        rig.answers.forget();
        auto handler =
            Handler::start(log, rig.deployment, rig.keys, rig.clock, rig.answers, rig.options);
        REQUIRE(handler.has_value());
        const Command command = transfer(id, 1, 2, 7);
        rig.answers.wait(kShard0, *log.produce(kShard0, batch_of({&command, 1})), 1);
        REQUIRE((*handler)->stop().has_value());
    };
    go_on(rig.log, 1);
    go_on(*other, 2);
    const fs::path with = rig.directory.path() / "1";
    fs::remove_all(with / "0" / "store");
    {
        Started same(rig, with);
        REQUIRE_MESSAGE(same.status, same.status.error().message);
    }
    fs::remove_all(with / "0" / "store");
    // Of the same keys, number, term and epoch, and as long.
    const RecordNumber decided(forked.value() + 1);
    std::vector<StoredRecord> records;
    REQUIRE(other->read_records(kShard0, decided, 1, records).has_value());
    rig.log.tamper(kShard0, decided, records.at(0).bytes);
    Started started(rig, with);
    REQUIRE_FALSE(started.status);
    CHECK(started.status.error().message.find("predecessor") != std::string::npos);
}
