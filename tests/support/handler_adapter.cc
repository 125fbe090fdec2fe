#include "tests/support/handler_adapter.h"

#include "command-handler/shard/handler.h"
#include "events/entries/codec.h"
#include "events/money/shard_of.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "events/seal/record.h"
#include "tests/specs/spec.h"
#include "tests/support/manual_clock.h"
#include "tests/support/simulated_log.h"
#include "tests/support/temporary_directory.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <deque>
#include <iterator>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace vouch::test {

namespace {

using command_handler::Answer;
using command_handler::AnswerSink;
using command_handler::Handler;

/// Commands sent as one batch of the log: small, so that repeats cross batches too.
constexpr std::size_t kPieceCommands = 5;
// Small, so that a few hundred commands meet several epochs, snapshots and generations of facts.
constexpr std::uint64_t kEpochEvents = 70;
constexpr std::uint64_t kSnapshotEvents = 60;
constexpr std::size_t kGenerationFacts = 40;
/// Which records there are depends on nobody's speed.
constexpr std::int64_t kNoMarks_us = std::int64_t{1} << 50;
constexpr std::size_t kReadBytesMax = std::size_t{1} << 24;

template <class T>
T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message);
    return std::move(*result);
}

void must(const Status& status) {
    if (!status) throw std::runtime_error(status.error().message);
}

SecretKey test_root() {
    std::array<std::byte, 32> bytes;
    bytes.fill(std::byte{0x5a});
    return SecretKey(bytes);
}

/// An answer with what it tells, which the handler keeps only during the call.
struct KeptAnswer {
    CommandId id;
    EventNumber event;
    Told told;
};

KeptAnswer keep(const Answer& answer) {
    KeptAnswer kept{answer.id, answer.event, {}};
    if (answer.in_transit) {
        kept.told.stage = Told::Stage::in_transit;
    } else {
        kept.told.outcome = answer.outcome;
    }
    kept.told.repeated = answer.repeated;
    if (answer.details == nullptr) return kept;
    kept.told.facts = answer.details->facts;
    kept.told.moved = answer.details->moved;
    kept.told.members = answer.details->members;
    return kept;
}

/// Keeps answers until the test fetches them. Answers come on the shard's thread.
class KeptAnswers final : public AnswerSink {
public:
    void answered(ShardId shard, Offset batch, std::size_t first,
                  std::span<const Answer> answers) override {
        const std::lock_guard lock(mutex_);
        std::vector<KeptAnswer>& kept = by_batch_[{shard, batch}];
        if (kept.size() < first) fault_ = "a piece of the answers is missing";
        for (const Answer& answer : answers) take(kept, first++, answer);
        changed_.notify_all();
    }

    void stopped(ShardId, const Fault& fault, command_handler::FaultScope) override {
        const std::lock_guard lock(mutex_);
        fault_ = "stopped: " + fault.message;
        changed_.notify_all();
    }

    /// Of commands that are decided where they were sent: their outcomes. Of others the first
    /// answers.
    std::vector<KeptAnswer> fetch(ShardId shard, Offset batch, std::size_t count, bool outcomes) {
        const Key key{shard, batch};
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] {
            return !fault_.empty() || (by_batch_[key].size() >= count &&
                                       (!outcomes || in_transit(by_batch_[key]) == 0));
        });
        if (!fault_.empty()) throw std::runtime_error(fault_);
        return std::move(by_batch_.extract(key).mapped());
    }

private:
    using Key = std::pair<ShardId, Offset>;

    /// A second answer takes the place of a first that told of a transit.
    void take(std::vector<KeptAnswer>& kept, std::size_t member, const Answer& answer) {
        if (member == kept.size()) {
            kept.push_back(keep(answer));
            return;
        }
        if (kept[member].told.stage != Told::Stage::in_transit) fault_ = "answered twice";
        kept[member] = keep(answer);
    }

    static std::ptrdiff_t in_transit(const std::vector<KeptAnswer>& kept) {
        return std::count_if(kept.begin(), kept.end(), [](const KeptAnswer& each) {
            return each.told.stage == Told::Stage::in_transit;
        });
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<Key, std::vector<KeptAnswer>> by_batch_;
    std::string fault_;
};

/// A shard's log as a reader of it knows it: its chain verified, its events folded.
class ReadShard {
public:
    ReadShard(ShardId shard, const Deployment& deployment, const EpochKeys& keys)
        : shard_(shard), keys_(keys), previous_digest_(deployment.genesis_tag) {}

    void read(LogReader& log) {
        std::vector<StoredRecord> records;
        while (next_record_ < must(log.end(shard_))) {
            records.clear();
            must(log.read_records(shard_, next_record_, kReadBytesMax, records));
            for (const StoredRecord& record : records) read_record(record);
        }
    }

    RecordNumber next_record() const { return next_record_; }
    EventFold& fold() { return fold_; }
    const EventFold& fold() const { return fold_; }

private:
    void read_record(const StoredRecord& stored) {
        const RecordView record = must(parse_record(stored.bytes));
        Mac mac(keys_.record_key(shard_, record.header.epoch));
        const bool is_sealed =
            record_tag(mac, record.digest) == record.tag && has_body_of_table(record);
        if (!is_sealed || record.header.previous_digest != previous_digest_) {
            throw std::runtime_error("record does not verify");
        }
        if (record.header.time < time_) throw std::runtime_error("record time goes back");
        time_ = record.header.time;
        previous_digest_ = record.digest;
        next_record_ = stored.number.next();
        EventReader reader(record.body);
        for (auto event = must(reader.next()); event; event = must(reader.next())) {
            arena_.clear();
            fold_.add(must(decode_event(*event, arena_)));
        }
    }

    ShardId shard_;
    const EpochKeys& keys_;
    RecordNumber next_record_;
    Tag previous_digest_;
    Timestamp time_;
    Arena arena_;
    EventFold fold_;
};

class HandlerLedger final : public Ledger {
public:
    explicit HandlerLedger(std::uint32_t shards)
        : log_(shards),
          deployment_(make_deployment(shards, false, Timestamp(kSpecStartUs)).deployment),
          keys_(test_root(), deployment_) {
        for (std::uint32_t i = 0; i < shards; ++i)
            read_.emplace_back(ShardId(i), deployment_, keys_);
        start(true);
    }

    ~HandlerLedger() override {
        if (handler_) static_cast<void>(handler_->stop());
    }

    std::vector<Told> play(std::span<const OwnedCommand> batch, Timestamp now) override {
        if (now > clock_.now() && !clock_.set(now)) throw std::runtime_error("clock goes back");
        std::vector<Told> told = deployment_.shards == 1 ? play_pieces(batch) : play_singly(batch);
        for (ReadShard& shard : read_) shard.read(log_);
        return told;
    }

    std::vector<model::Effect> take_effects() override {
        std::vector<model::Effect> all;
        for (ReadShard& shard : read_) {
            std::vector<model::Effect> some = shard.fold().take_effects();
            std::move(some.begin(), some.end(), std::back_inserter(all));
        }
        return all;
    }

    BooksView books() const override {
        BooksView all;
        for (const ReadShard& shard : read_) {
            const BooksView& some = shard.fold().books();
            all.accounts.insert(some.accounts.begin(), some.accounts.end());
            all.holds.insert(some.holds.begin(), some.holds.end());
        }
        return all;
    }

    void restart() override {
        must(handler_->stop());
        handler_.reset();
        ++restarts_;
        if (restarts_ % 3 == 0) directory_ = std::make_unique<TemporaryDirectory>();
        start(restarts_ % 3 != 1);
    }

    void enter_at(std::optional<ShardId> shard) override { entrance_ = shard; }

private:
    void start(bool snapshots) {
        command_handler::HandlerOptions options;
        options.directory = directory_->path();
        options.snapshots = snapshots;
        options.bounds.epoch_events = kEpochEvents;
        options.bounds.snapshot_events = kSnapshotEvents;
        options.bounds.generation_facts = kGenerationFacts;
        options.bounds.mark_after_us = kNoMarks_us;
        handler_ = must(Handler::start(log_, deployment_, keys_, clock_, answers_, options));
    }

    std::vector<Told> play_pieces(std::span<const OwnedCommand> batch) {
        constexpr ShardId kOnly{0};
        std::vector<std::pair<Offset, std::size_t>> sent;
        for (std::size_t at = 0; at < batch.size(); at += kPieceCommands) {
            const auto piece = batch.subspan(at, std::min(kPieceCommands, batch.size() - at));
            Bytes bytes;
            for (const OwnedCommand& command : piece) append_to_batch(command.view(), bytes);
            sent.emplace_back(must(log_.produce(kOnly, std::move(bytes))), piece.size());
        }
        std::vector<Told> told;
        for (const auto& [offset, count] : sent) {
            for (const KeptAnswer& answer : answers_.fetch(kOnly, offset, count, true)) {
                check_place(kOnly, answer);
                told.push_back(answer.told);
            }
        }
        return told;
    }

    // Between shards nothing orders commands but that one is final before the next is sent.
    std::vector<Told> play_singly(std::span<const OwnedCommand> batch) {
        std::vector<Told> told;
        settle();
        for (const OwnedCommand& command : batch) {
            told.push_back(play_one(command.view()));
            settle();
        }
        return told;
    }

    Told play_one(const Command& command) {
        const AccountId decides = deciding_account(command);
        const ShardId home = decides.is_zero() ? ShardId(0) : shard_of(decides, deployment_.shards);
        const ShardId shard = entrance_.value_or(home);
        const bool is_forwarded = shard != home && !decides.is_zero();
        Bytes bytes;
        append_to_batch(command, bytes);
        const Offset offset = must(log_.produce(shard, std::move(bytes)));
        KeptAnswer answer = answers_.fetch(shard, offset, 1, !is_forwarded).front();
        if (is_forwarded && answer.told.stage == Told::Stage::in_transit) {
            answer.told.stage = Told::Stage::forwarded;
        } else {
            check_place(shard, answer);
        }
        return answer.told;
    }

    // Holds expire and steps are taken by shards that nobody waits for. Of two questions a shard
    // answers the second after it has worked off what was there at the first; what it then writes
    // may be there for another shard.
    void settle() {
        while (true) {
            const std::vector<RecordNumber> before = ends();
            for (std::uint32_t i = 0; i < deployment_.shards; ++i) {
                for (int question = 0; question < 2; ++question) {
                    static_cast<void>(handler_->find_account(LedgerId(0), on_shard(ShardId(i))));
                }
            }
            if (ends() == before) return;
        }
    }

    std::vector<RecordNumber> ends() {
        std::vector<RecordNumber> all;
        for (std::uint32_t i = 0; i < deployment_.shards; ++i)
            all.push_back(must(log_.end(ShardId(i))));
        return all;
    }

    /// An id that belongs to the shard.
    AccountId on_shard(ShardId shard) const {
        std::uint64_t low = 1;
        while (shard_of(AccountId(1, low), deployment_.shards) != shard) ++low;
        return AccountId(1, low);
    }

    /// Of a repeat, the record and event are those of the first time.
    void check_place(ShardId shard, const KeptAnswer& answer) {
        if (answer.id.is_zero() || answer.told.outcome == Outcome::conflict) return;
        const auto [first, is_new] =
            places_.emplace(std::tuple{shard, answer.id, answer.told.outcome}, answer.event);
        if (!is_new && answer.told.repeated && first->second != answer.event) {
            throw std::runtime_error("a repeat names another event than the first time");
        }
    }

    SimulatedLog log_;
    ManualClock clock_{Timestamp(kSpecStartUs)};
    Deployment deployment_;
    EpochKeys keys_;
    std::unique_ptr<TemporaryDirectory> directory_ = std::make_unique<TemporaryDirectory>();
    KeptAnswers answers_;
    std::unique_ptr<Handler> handler_;
    std::size_t restarts_ = 0;
    std::optional<ShardId> entrance_;
    std::deque<ReadShard> read_;
    std::map<std::tuple<ShardId, CommandId, Outcome>, EventNumber> places_;
};

}  // namespace

std::unique_ptr<Ledger> make_handler_ledger(std::uint32_t shards) {
    return std::make_unique<HandlerLedger>(shards);
}

}  // namespace vouch::test
