#include "command-handler/shard/shard_facts.h"

#include "command-handler/shard/record_sink.h"
#include "events/entries/codec.h"
#include "tests/command-handler/handler_rig.h"

#include <doctest/doctest.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace vouch;
using namespace vouch::command_handler;
using namespace vouch::test;

/// A store in memory whose appends wait to be allowed, and fail on request.
class GatedStore final : public ShardStore {
public:
    Result<std::optional<StorePosition>> load(const std::function<void(const FactKey&)>&) override {
        return std::optional<StorePosition>();
    }
    Result<std::optional<Locator>> find(const FactKey& key) override {
        const std::lock_guard lock(mutex_);
        if (fail_find) return Fault{FaultCode::storage, "no reading"};
        for (const FactEntry& each : kept_) {
            if (each.key == key) return std::optional<Locator>(each.locator);
        }
        return std::optional<Locator>();
    }
    Status append(std::vector<FactEntry>& facts, const StorePosition& position) override {
        std::unique_lock lock(mutex_);
        const StorePosition begun = position;
        const std::size_t count = facts.size();
        waiting_ = true;
        changed_.notify_all();
        changed_.wait(lock, [this] { return allowed_ > 0; });
        --allowed_;
        waiting_ = false;
        is_steady_ = is_steady_ && begun.next_record == position.next_record &&
                     begun.digest == position.digest && count == facts.size();
        positions_.push_back(position.next_record);
        if (fail_append) return Fault{FaultCode::storage, "no writing"};
        kept_.insert(kept_.begin(), facts.rbegin(), facts.rend());
        return {};
    }

    /// So many more appends need not wait.
    void allow(std::size_t appends) {
        const std::lock_guard lock(mutex_);
        allowed_ += appends;
        changed_.notify_all();
    }
    void open_gate() { allow(kForEver); }
    void await_append() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return waiting_; });
    }
    /// Nothing that an append was given changed under it.
    bool is_steady() {
        const std::lock_guard lock(mutex_);
        return is_steady_;
    }
    std::vector<RecordNumber> positions() {
        const std::lock_guard lock(mutex_);
        return positions_;
    }

    bool fail_find = false;
    bool fail_append = false;

private:
    static constexpr std::size_t kForEver = 1'000'000;

    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<FactEntry> kept_;
    std::vector<RecordNumber> positions_;
    std::size_t allowed_ = 0;
    bool waiting_ = false;
    bool is_steady_ = true;
};

/// A store that answers once, with what it is given, and then can no longer be read.
class MisleadingStore final : public ShardStore {
public:
    Result<std::optional<StorePosition>> load(const std::function<void(const FactKey&)>&) override {
        return std::optional<StorePosition>();
    }
    Result<std::optional<Locator>> find(const FactKey&) override {
        if (!answer) return Fault{FaultCode::storage, "no reading"};
        return std::exchange(answer, std::nullopt);
    }
    Status append(std::vector<FactEntry>&, const StorePosition&) override { return {}; }

    std::optional<Locator> answer;
};

/// Records as the loop makes them, one call a step.
class Recorder {
public:
    Recorder(ShardStore& store, std::size_t generation_facts)
        : index(store, generation_facts) {
        head_.last_digest = deployment.genesis_tag;
        REQUIRE(log.acquire(kShard0, Term(0)).has_value());
    }

    Status rotate() {
        const RecordNumber next = head_.next_record;
        return recent().rotate(next, records_.empty() ? next : records_.front()->number());
    }
    Status begin() {
        if (Status status = rotate(); !status) return status;
        records_.push_back(std::make_unique<OpenRecord>());
        records_.back()->begin(head_, Timestamp(kStart_us));
        events.begin_record(*records_.back());
        sink_.emplace(*records_.back(), facts, recent());
        return {};
    }
    void add(const Command& command, Outcome outcome = Outcome::insufficient_funds) {
        CommandDecided decided;
        decided.command = command;
        decided.outcome = outcome;
        sink_->append(decided);
    }
    void add_refund(std::uint64_t id, std::uint64_t entry, std::span<const Refunded> refunded) {
        CommandDecided decided;
        decided.command = refund(id, entry, 2, 1);
        decided.outcome = Outcome::refunded;
        decided.entry = EntryState{command_id(entry), false, refunded};
        Change change;
        change.version = Version(2);
        change.side = Side::debit;
        change.amount = Amount(1);
        changes_ = {change, change};
        changes_[1].side = Side::credit;
        decided.changes = changes_;
        sink_->append(decided);
    }
    void add_failed_group(std::uint64_t id, const std::vector<Command>& members,
                          const std::vector<MemberOutcome>& outcomes) {
        CommandDecided decided;
        decided.command = group(id, members);
        decided.outcome = Outcome::group_failed;
        decided.members = outcomes;
        sink_->append(decided);
    }
    void add_conflict(const Command& command) {
        sink_->append(ConflictSeen{command, EventNumber(0)});
    }
    void close() {
        OpenRecord& record = *records_.back();
        RecordHeader header;
        header.deployment = deployment.id;
        header.chain = deployment.chain;
        header.previous_digest = head_.last_digest;
        header.record = head_.next_record;
        header.first_event = head_.next_event;
        header.event_count = record.event_count;
        record.parts = seal_record(mac_, header, record.body_bytes());
        head_.next_record = head_.next_record.next();
        head_.next_event = record.next_event();
        head_.last_digest = record.parts.digest;
    }
    void oldest_is_durable() {
        OpenRecord& record = *records_.front();
        record.pieces = {record.parts.prefix, record.body_bytes()};
        REQUIRE(log.commit(kShard0, Term(0), {record.number(), record.pieces, {}}).has_value());
        events.drop_oldest_record(record);
        recent().oldest_is_durable(record.facts.size(),
                                   {record.number().next(), record.parts.digest});
        records_.pop_front();
    }
    void take_newest_back() {
        OpenRecord& record = *records_.back();
        recent().undo(record.number(), record.facts, 0);
        events.drop_newest_record();
        head_ = record.before;
        records_.pop_back();
    }
    /// Of the first event of the newest record.
    Locator first_event() const {
        const OpenRecord& record = *records_.back();
        const auto event = EventReader(record.body_bytes()).next();
        REQUIRE((event && *event));
        return {.record = record.number(),
                .event = record.before.next_event,
                .offset = static_cast<std::uint32_t>((*event)->data() - record.body.get()),
                .size = static_cast<std::uint32_t>((*event)->size())};
    }
    std::size_t in_flight() const { return records_.size(); }
    const ChainHead& head() const { return head_; }

    /// Where the command's outcome stands, or "new", or the fault.
    std::string find(std::uint64_t id) {
        facts.forget_answers();
        const std::optional<PastCommand> past = facts.find_command(LedgerId(0), command_id(id));
        if (facts.fault()) return facts.fault()->message;
        if (!past) return "new";
        REQUIRE(past->command().id == command_id(id));
        return std::to_string(past->record.value()) + "/" + std::to_string(past->number.value()) +
               " " + std::string(to_text(past->outcome())) +
               (past->member ? " member " + std::to_string(*past->member) : "");
    }
    /// What was refunded of the entry's posting 0, or 0.
    std::uint64_t refunded(std::uint64_t entry) {
        facts.forget_answers();
        return facts.find_refunded({LedgerId(0), command_id(entry)}, 0).low();
    }

    Deployment deployment = make_deployment(1, false, Timestamp(1)).deployment;
    EpochKeys keys = make_test_keys(deployment);
    SimulatedLog log{1};
    VerifiedReader reader{log, deployment, kShard0, keys};
    PastEvents events{reader};
    FactIndex index;
    ShardFacts facts{kShard0, index, events};

    RecentFacts& recent() { return index.recent(); }

private:
    ChainHead head_;
    Mac mac_{keys.record_key(kShard0, Epoch(0))};
    std::deque<std::unique_ptr<OpenRecord>> records_;
    std::optional<RecordSink> sink_;
    std::vector<Change> changes_;
};

std::unique_ptr<ShardStore> open_store(const TemporaryDirectory& directory, const EpochKeys& keys) {
    auto store = rocks_shard_stores().open(directory.path() / "0" / "store", keys, kShard0);
    REQUIRE(store.has_value());
    REQUIRE((*store)->load([](const FactKey&) {}).has_value());
    return std::move(*store);
}

constexpr std::size_t kNeverFull = 1'000'000;

}  // namespace

TEST_CASE("shard facts: a store that misleads and then fails is a fault, and nothing else") {
    MisleadingStore store;
    Recorder recorder(store, kNeverFull);
    REQUIRE(recorder.begin().has_value());
    const Refunded other{1, Amount(5)};
    recorder.add_refund(1, 9, {&other, 1});
    // The event tells of the entry's posting 1, and is said to tell of its posting 0.
    store.answer = recorder.first_event();
    recorder.index.note_stored({FactKind::refunded, LedgerId(0), command_id(9), 0});
    CHECK(recorder.refunded(9) == 0);
    REQUIRE(recorder.facts.fault().has_value());
    CHECK(recorder.facts.fault()->code == FaultCode::corrupt);
}

TEST_CASE("shard facts: a fact is known before it is durable, after, and from the store") {
    const TemporaryDirectory directory;
    const Deployment deployment = make_deployment(1, false, Timestamp(1)).deployment;
    const EpochKeys keys = make_test_keys(deployment);
    const auto store = open_store(directory, keys);
    Recorder recorder(*store, kNeverFull);
    CHECK(recorder.find(1) == "new");
    REQUIRE(recorder.begin());
    recorder.add(transfer(1, 1, 2, 3));
    CHECK(recorder.find(1) == "0/0 insufficient_funds");
    recorder.add(transfer(2, 1, 2, 3), Outcome::account_not_found);
    recorder.close();
    REQUIRE(recorder.begin());
    recorder.add(transfer(3, 1, 2, 3));
    recorder.close();
    for (int step = 0; step < 3; ++step) {
        CAPTURE(step);
        CHECK(recorder.find(1) == "0/0 insufficient_funds");
        CHECK(recorder.find(2) == "0/1 account_not_found");
        CHECK(recorder.find(3) == "1/2 insufficient_funds");
        CHECK(recorder.find(4) == "new");
        if (step < 2) recorder.oldest_is_durable();
    }
    CHECK(recorder.recent().size() == 3);
    REQUIRE(recorder.recent().flush());
    CHECK(recorder.recent().size() == 0);
    CHECK(recorder.find(1) == "0/0 insufficient_funds");
    CHECK(recorder.find(3) == "1/2 insufficient_funds");
    CHECK(recorder.find(4) == "new");
    const auto loaded = store->load([](const FactKey&) {});
    CHECK((*loaded)->next_record == RecordNumber(2));
    CHECK((*loaded)->digest == recorder.head().last_digest);

    FactIndex index(*store, kNeverFull);
    ShardFacts again(kShard0, index, recorder.events);
    CHECK_FALSE(index.may_know({FactKind::command, LedgerId(0), command_id(3)}));
    REQUIRE(store->load([&](const FactKey& key) { index.note_stored(key); }).has_value());
    const auto past = again.find_command(LedgerId(0), command_id(3));
    REQUIRE(past.has_value());
    CHECK(past->record == RecordNumber(1));
    CHECK_FALSE(again.find_command(LedgerId(1), command_id(3)));
    CHECK_FALSE(again.fault());
}

TEST_CASE("shard facts: generations go to the store under load, and every fact stays known") {
    const TemporaryDirectory directory;
    const Deployment deployment = make_deployment(1, false, Timestamp(1)).deployment;
    const EpochKeys keys = make_test_keys(deployment);
    const auto store = open_store(directory, keys);
    constexpr std::size_t kGenerationFacts = 10;
    constexpr std::uint64_t kRecords = 120;
    constexpr std::uint64_t kFactsARecord = 7;
    Recorder recorder(*store, kGenerationFacts);
    for (std::uint64_t record = 0; record < kRecords; ++record) {
        REQUIRE(recorder.begin());
        for (std::uint64_t i = 0; i < kFactsARecord; ++i)
            recorder.add(transfer(record * kFactsARecord + i, 1, 2, 3));
        recorder.close();
        while (recorder.in_flight() > record % 4) recorder.oldest_is_durable();
        const std::uint64_t newest = record * kFactsARecord;
        REQUIRE(recorder.find(newest) ==
                std::to_string(record) + "/" + std::to_string(newest) + " insufficient_funds");
        REQUIRE(recorder.find(newest / 2).ends_with("insufficient_funds"));
        REQUIRE(recorder.find(newest + kFactsARecord) == "new");
    }
    // Three generations, and what came while the store was behind.
    CHECK(recorder.recent().size() < kRecords * kFactsARecord);
    while (recorder.in_flight() > 0) recorder.oldest_is_durable();
    REQUIRE(recorder.recent().flush());
    CHECK(recorder.recent().size() == 0);
    std::set<FactKey> shown;
    const auto loaded = store->load([&](const FactKey& key) { shown.insert(key); });
    REQUIRE_MESSAGE(loaded, loaded.error().message);
    CHECK(shown.size() == kRecords * kFactsARecord);
    CHECK((*loaded)->next_record == RecordNumber(kRecords));
    for (std::uint64_t id = 0; id < kRecords * kFactsARecord; ++id) {
        REQUIRE(recorder.find(id) == std::to_string(id / kFactsARecord) + "/" + std::to_string(id) +
                                         " insufficient_funds");
    }
}

TEST_CASE("shard facts: records are taken back newest first, across generations") {
    GatedStore store;
    store.open_gate();
    Recorder recorder(store, 2);
    const std::vector<Refunded> first{{0, Amount(10)}};
    const std::vector<Refunded> second{{0, Amount(20)}};
    const std::vector<Refunded> third{{0, Amount(30)}};
    REQUIRE(recorder.begin());
    recorder.add_refund(1, 100, first);
    recorder.close();
    recorder.oldest_is_durable();
    // Every record from here closes the generation before it while it is in flight.
    REQUIRE(recorder.begin());
    recorder.add_refund(2, 100, second);
    recorder.add(transfer(3, 1, 2, 3));
    recorder.close();
    REQUIRE(recorder.begin());
    recorder.add_refund(4, 100, third);
    recorder.add(transfer(5, 1, 2, 3));
    recorder.close();
    REQUIRE(recorder.begin());
    recorder.add(transfer(6, 1, 2, 3));
    CHECK(recorder.refunded(100) == 30);
    CHECK(recorder.find(6) == "3/5 insufficient_funds");
    recorder.take_newest_back();
    CHECK(recorder.find(6) == "new");
    CHECK(recorder.refunded(100) == 30);
    recorder.take_newest_back();
    CHECK(recorder.refunded(100) == 20);
    CHECK(recorder.find(5) == "new");
    CHECK(recorder.find(3) == "1/2 insufficient_funds");
    recorder.take_newest_back();
    CHECK(recorder.refunded(100) == 10);
    CHECK(recorder.find(3) == "new");
    CHECK(recorder.find(2) == "new");
    CHECK(recorder.find(1) == "0/0 refunded");
}

TEST_CASE("shard facts: a generation is not written while a record of it is in flight") {
    GatedStore store;
    Recorder recorder(store, 2);
    // Three generations are full and none can be written, so that the last one takes more than its
    // number.
    for (std::uint64_t record = 0; record < RecentFacts::kGenerationsMax; ++record) {
        REQUIRE(recorder.begin());
        recorder.add(transfer(2 * record, 1, 2, 3));
        recorder.add(transfer(2 * record + 1, 1, 2, 3));
        recorder.close();
    }
    // Conflicts make no facts, but their record moves the position.
    REQUIRE(recorder.begin());
    recorder.add_conflict(transfer(1, 1, 2, 4));
    recorder.close();
    for (std::uint64_t record = 0; record < RecentFacts::kGenerationsMax; ++record)
        recorder.oldest_is_durable();
    store.allow(RecentFacts::kGenerationsMax - 1);
    while (recorder.recent().size() > 2) {
        REQUIRE(recorder.rotate());
        std::this_thread::yield();
    }
    recorder.oldest_is_durable();
    store.open_gate();
    REQUIRE(recorder.recent().flush());
    CHECK(store.is_steady());
    CHECK(store.positions() == std::vector{RecordNumber(1), RecordNumber(2), RecordNumber(4)});
    CHECK(recorder.find(1) == "0/1 insufficient_funds");
    CHECK(recorder.find(5) == "2/5 insufficient_funds");
}

TEST_CASE("shard facts: a slow store holds the shard up only when three generations are full") {
    GatedStore store;
    Recorder recorder(store, 2);
    for (std::uint64_t record = 0; record < RecentFacts::kGenerationsMax; ++record) {
        REQUIRE(recorder.begin());
        recorder.add(transfer(2 * record, 1, 2, 3));
        recorder.add(transfer(2 * record + 1, 1, 2, 3));
        recorder.close();
        recorder.oldest_is_durable();
    }
    store.await_append();
    CHECK(recorder.recent().size() == 2 * RecentFacts::kGenerationsMax);
    store.open_gate();
    REQUIRE(recorder.begin());  // waits for the append
    CHECK(recorder.recent().size() < 2 * RecentFacts::kGenerationsMax);
    for (std::uint64_t id = 0; id < 2 * RecentFacts::kGenerationsMax; ++id) {
        CHECK(recorder.find(id) ==
              std::to_string(id / 2) + "/" + std::to_string(id) + " insufficient_funds");
    }
}

TEST_CASE("shard facts: what the store cannot write or read is a fault") {
    GatedStore store;
    store.open_gate();
    Recorder recorder(store, 1);
    REQUIRE(recorder.begin());
    recorder.add(transfer(1, 1, 2, 3));
    recorder.close();
    recorder.oldest_is_durable();
    SUBCASE("writing") {
        store.fail_append = true;
        const Status flushed = recorder.recent().flush();
        REQUIRE_FALSE(flushed);
        CHECK(flushed.error().message == "no writing");
        CHECK(recorder.find(1) == "0/0 insufficient_funds");
    }
    SUBCASE("reading") {
        REQUIRE(recorder.recent().flush());
        store.fail_find = true;
        CHECK(recorder.find(1) == "no reading");
    }
}

TEST_CASE(
    "shard facts: members of a failed group have had their outcome, unless they had one before") {
    GatedStore store;
    store.open_gate();
    Recorder recorder(store, kNeverFull);
    REQUIRE(recorder.begin());
    recorder.add(transfer(11, 1, 2, 3));
    recorder.add_failed_group(
        12, {transfer(10, 1, 2, 3), transfer(11, 1, 2, 3)},
        {{Outcome::group_failed, false}, {Outcome::insufficient_funds, false}});
    CHECK(recorder.find(10) == "0/1 group_failed member 0");
    CHECK(recorder.find(11) == "0/0 insufficient_funds");
    CHECK(recorder.find(12) == "0/1 group_failed");
    recorder.close();
    recorder.oldest_is_durable();
    REQUIRE(recorder.recent().flush());
    CHECK(recorder.find(10) == "0/1 group_failed member 0");
    CHECK(recorder.find(11) == "0/0 insufficient_funds");
}
