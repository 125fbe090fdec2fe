#include "command-handler/shard/snapshot.h"

#include "command-handler/shard/snapshot_rows.h"

#include "tests/command-handler/handler_rig.h"
#include "tests/support/file_places.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <filesystem>
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

}  // namespace

// Fields are as wide as their types: one that grows would change the format unnoticed.
TEST_CASE("snapshot: rows have the widths of format 5") {
    const auto width = [](const auto& write) {
        std::vector<std::byte> out;
        write(ChunkWriter(out));
        return out.size();
    };
    const TransitKey transit{LedgerId(1), ShardId(0), ShardId(2), Asset{}};
    CHECK(width([](ChunkWriter out) { write_head(out, sample_head()); }) == kHeadBytes);
    CHECK(width([](ChunkWriter out) { write_account(out, row(1), Asset{}, std::nullopt); }) ==
          kAccountBytes);
    CHECK(width([&](ChunkWriter out) { write_account(out, row(1), Asset{}, transit); }) ==
          kAccountBytes + 8);
    CHECK(width([](ChunkWriter out) { write_hold(out, LedgerId(1), HoldState{}); }) == kHoldBytes);
    CHECK(width([](ChunkWriter out) { write_crossing(out, CrossingKey{}, Crossing{}); }) ==
          kCrossingBytes);
    CHECK(width([](ChunkWriter out) { write_peer(out, ShardId(1), StepPeer{}); }) == kPeerBytes);
    CHECK(kSnapshotFormat == 5);
}

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

TEST_CASE(
    "snapshot: any byte changed, cut off or added makes it none" *
    doctest::test_suite("same-threads")) {
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
