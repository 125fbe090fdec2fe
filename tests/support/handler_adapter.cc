#include "tests/support/handler_adapter.h"

#include "command-handler/shard/handler.h"
#include "events/entries/codec.h"
#include "events/log/simulated/simulated_log.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "events/seal/record.h"
#include "tests/specs/spec.h"
#include "tests/support/temporary_directory.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <iterator>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace vouch::test {

namespace {

using command_handler::Answer;
using command_handler::AnswerSink;
using command_handler::Handler;

constexpr ShardId kShard{0};
/// Commands sent as one batch of the log: small, so that repeats cross batches too.
constexpr std::size_t kPieceCommands = 5;
// Small, so that a few hundred commands meet several epochs, snapshots and generations of facts.
constexpr std::uint64_t kEpochEvents = 70;
constexpr std::uint64_t kSnapshotEvents = 60;
constexpr std::size_t kGenerationFacts = 40;
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
    kept.told.outcome = answer.outcome;
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
    void answered(ShardId, Offset batch, std::size_t first,
                  std::span<const Answer> answers) override {
        const std::lock_guard lock(mutex_);
        std::vector<KeptAnswer>& kept = by_batch_[batch];
        if (kept.size() != first) fault_ = "a piece of the answers is missing";
        std::transform(answers.begin(), answers.end(), std::back_inserter(kept), keep);
        changed_.notify_all();
    }

    void stopped(ShardId, const Fault& fault) override {
        const std::lock_guard lock(mutex_);
        fault_ = "stopped: " + fault.message;
        changed_.notify_all();
    }

    std::vector<KeptAnswer> fetch(Offset batch, std::size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return !fault_.empty() || by_batch_[batch].size() >= count; });
        if (!fault_.empty()) throw std::runtime_error(fault_);
        return std::move(by_batch_.extract(batch).mapped());
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<Offset, std::vector<KeptAnswer>> by_batch_;
    std::string fault_;
};

class HandlerLedger final : public Ledger {
public:
    HandlerLedger()
        : deployment_(make_deployment(1, false, Timestamp(kSpecStartUs)).deployment),
          keys_(test_root(), deployment_),
          previous_tag_(deployment_.genesis_tag) {
        start(true);
    }

    ~HandlerLedger() override {
        if (handler_) static_cast<void>(handler_->stop());
    }

    std::vector<Told> play(std::span<const OwnedCommand> batch, Timestamp now) override {
        if (now > clock_.now() && !clock_.set(now)) throw std::runtime_error("clock goes back");
        std::vector<std::pair<Offset, std::size_t>> sent;
        for (std::size_t at = 0; at < batch.size(); at += kPieceCommands) {
            const auto piece = batch.subspan(at, std::min(kPieceCommands, batch.size() - at));
            Bytes bytes;
            for (const OwnedCommand& command : piece) append_to_batch(command.view(), bytes);
            sent.emplace_back(must(log_.produce(kShard, std::move(bytes))), piece.size());
        }
        std::vector<Told> told;
        for (const auto& [offset, count] : sent) {
            for (const KeptAnswer& answer : answers_.fetch(offset, count)) {
                check_place(answer);
                told.push_back(answer.told);
            }
        }
        read_log();
        return told;
    }

    std::vector<model::Effect> take_effects() override { return fold_.take_effects(); }
    BooksView books() const override { return fold_.books(); }

    void restart() override {
        must(handler_->stop());
        handler_.reset();
        ++restarts_;
        if (restarts_ % 3 == 0) directory_ = std::make_unique<TemporaryDirectory>();
        start(restarts_ % 3 != 1);
    }

private:
    void start(bool snapshots) {
        command_handler::HandlerOptions options;
        options.directory = directory_->path();
        options.snapshots = snapshots;
        options.bounds.epoch_events = kEpochEvents;
        options.bounds.snapshot_events = kSnapshotEvents;
        options.bounds.generation_facts = kGenerationFacts;
        handler_ = must(Handler::start(log_, deployment_, keys_, clock_, answers_, options));
    }

    /// Of a repeat, the record and event are those of the first time.
    void check_place(const KeptAnswer& answer) {
        if (answer.id.is_zero() || answer.told.outcome == Outcome::conflict) return;
        const auto [first, is_new] =
            places_.emplace(std::pair{answer.id, answer.told.outcome}, answer.event);
        if (!is_new && answer.told.repeated && first->second != answer.event) {
            throw std::runtime_error("a repeat names another event than the first time");
        }
    }

    void read_log() {
        std::vector<StoredRecord> records;
        while (next_record_ < must(log_.end(kShard))) {
            records.clear();
            must(log_.read_records(kShard, next_record_, kReadBytesMax, records));
            for (const StoredRecord& record : records) read_record(record);
        }
    }

    void read_record(const StoredRecord& stored) {
        const RecordView record = must(parse_record(stored.bytes));
        Mac mac(keys_.record_key(kShard, record.header.epoch));
        const bool is_sealed = record_tag(mac, record.header_bytes, record.body) == record.tag;
        if (!is_sealed || record.header.previous_tag != previous_tag_) {
            throw std::runtime_error("record does not verify");
        }
        if (record.header.time < time_) throw std::runtime_error("record time goes back");
        time_ = record.header.time;
        previous_tag_ = record.tag;
        next_record_ = stored.number.next();
        EventReader reader(record.body);
        for (auto event = must(reader.next()); event; event = must(reader.next())) {
            arena_.clear();
            fold_.add(must(decode_event(*event, arena_)));
        }
    }

    SimulatedLog log_{1};
    ManualClock clock_{Timestamp(kSpecStartUs)};
    Deployment deployment_;
    EpochKeys keys_;
    std::unique_ptr<TemporaryDirectory> directory_ = std::make_unique<TemporaryDirectory>();
    KeptAnswers answers_;
    std::unique_ptr<Handler> handler_;
    std::size_t restarts_ = 0;

    RecordNumber next_record_;
    Tag previous_tag_;
    Timestamp time_;
    Arena arena_;
    EventFold fold_;
    std::map<std::pair<CommandId, Outcome>, EventNumber> places_;
};

}  // namespace

std::unique_ptr<Ledger> make_handler_ledger() { return std::make_unique<HandlerLedger>(); }

}  // namespace vouch::test
