#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "command-handler/core/decide.h"
#include "command-handler/core/shard_state.h"
#include "command-handler/shard/chain_head.h"
#include "command-handler/shard/handler.h"
#include "command-handler/shard/open_record.h"
#include "command-handler/shard/record_sink.h"
#include "command-handler/shard/shard_facts.h"
#include "command-handler/shard/shard_store.h"
#include "command-handler/shard/snapshot.h"
#include "events/entries/arena.h"
#include "events/entries/codec.h"

namespace vouch::command_handler {

/// What a shard works with; all of it outlives the loop.
struct ShardSurroundings {
    ShardId shard;
    Log& log;
    const Deployment& deployment;
    const EpochKeys& keys;
    Clock& clock;
    AnswerSink& sink;
    HandlerOptions options;
};

/// One shard's writer: takes commands, decides, seals, commits, answers. While a record is on its way
/// to disk the next ones are decided; when a commit fails, all that was decided since is taken back.
/// Everything but `ask` and `stop` on one thread.
class ShardLoop {
public:
    explicit ShardLoop(const ShardSurroundings& surroundings);
    ~ShardLoop();

    /// Rebuilds the shard's state (start.cc), takes over and commits the first record of its term.
    Status start();
    /// Works until `stop` or a fault.
    Status run();

    /// The shard has stopped: questions still asked are answered, later ones refused.
    void refuse_questions();

    /// Runs `question` on the shard's thread between two records. Any thread. False, and it will not
    /// run, when the shard has stopped.
    bool ask(std::function<void(ShardLoop&)> question);
    /// Ends `run` after what was read is decided and durable. Any thread.
    void stop();

    const ShardState& state() const { return state_; }
    /// Where the next record goes on, the ones in flight counted.
    const ChainHead& head() const { return head_; }
    ShardFacts& facts() { return *facts_; }
    const std::vector<std::string>& warnings() const { return warnings_; }

    /// Records between decision and disk, at most; beyond that the loop waits for the disk.
    static constexpr std::size_t kRecordsInFlightMax = 4;
    /// Commands decoded ahead, so that what they touch is on its way to the cache.
    static constexpr std::size_t kCommandsAhead = 32;
    /// A writer does not start, and a running one warns, when its clock is this far behind the chain.
    static constexpr std::int64_t kClockBehindMax_us = 5'000'000;

private:
    // --- start.cc
    std::filesystem::path directory() const;
    Fault corrupt(RecordNumber record, const std::string& what) const;
    Status open_store();
    Status open_snapshot();
    Status check_tag(RecordNumber next_record, const Tag& tag, const char* seen_by);
    Status replay_log();
    Status read_facts(RecordNumber from, RecordNumber end);
    Status replay_record(const StoredRecord& stored);
    Status replay_events(const RecordView& record, bool apply, bool take_facts);
    bool follows_state(const Event& event) const;
    Status take_over();

    // --- One round of the loop
    Status complete_durable(bool wait);
    Status give_up(const Status& status);
    void answer_questions();
    bool is_due() const;
    void wait();
    Status finish();

    // --- Deciding
    /// A command decoded ahead of its decision.
    struct Ahead {
        CommandDecided decided;
        std::optional<CommandFault> fault;
        std::uint64_t hash = 0;
    };
    Status decide_batches(std::vector<InputBatch>& batches);
    Status decide_batch(const InputBatch& batch);
    Status decide_some(const InputBatch& batch, std::size_t first, std::size_t count);
    Status decide_one(const InputBatch& batch, std::size_t member, Ahead& ahead);
    Status set_clock(const InputBatch& batch, std::size_t member, Ahead& ahead);
    void refuse_unreadable(const InputBatch& batch, std::optional<std::size_t> member, CommandBytes bytes,
                           const CommandFault& fault);

    // --- Answers
    void deliver(OpenRecord& record);
    void give_answers_to_newest(OpenRecord& record);
    void answer(const InputBatch& batch, std::size_t member, Answer told, std::optional<AnswerDetails> details);
    void answer_execution(const InputBatch& batch, std::size_t member, const Execution& execution,
                          const CommandDecided& decided);
    std::optional<AnswerDetails> details_of(const CommandDecided& decided) const;

    // --- Records
    Timestamp now() const;
    void warn_of_clock();
    Status begin_record(Timestamp at);
    /// Begins a record if none is open; expires what is due, in records of its own while they fill up.
    Status open_record(std::optional<Timestamp> at = std::nullopt);
    bool must_seal() const;
    Mac& mac_of(Epoch epoch);
    Status close_record();
    Status commit_open_record();
    void drop_open_record();
    void take_back_all();

    // --- snapshot: in chunks, between records
    Status continue_snapshot();
    void begin_snapshot();
    void report_snapshot(const Status& status) const;
    void abandon_snapshot();

    ShardSurroundings with_;
    ShardState state_;
    std::unique_ptr<ShardStore> store_;
    std::unique_ptr<ShardFacts> facts_;
    ChainHead head_;
    std::optional<Mac> mac_;
    Epoch mac_epoch_;

    std::deque<std::unique_ptr<OpenRecord>> in_flight_;  // oldest first
    std::vector<std::unique_ptr<OpenRecord>> spare_;
    std::unique_ptr<OpenRecord> open_;  // being built
    std::optional<RecordSink> sink_;

    Offset next_read_;
    Offset consumed_;  // first offset that is not wholly decided
    std::vector<CommandBytes> members_;
    std::array<Ahead, kCommandsAhead> ahead_;
    Arena arena_;

    std::mutex questions_mutex_;
    std::vector<std::function<void(ShardLoop&)>> questions_;
    bool accepts_questions_ = true;
    std::atomic<bool> stopping_{false};
    bool warned_of_clock_ = false;
    std::vector<std::string> warnings_;

    StorePosition store_position_;
    bool from_snapshot_ = false;
    bool ended_epoch_ = false;  // by the record just replayed

    std::unique_ptr<SnapshotWriter> snapshot_;
    EventNumber snapshot_event_;      // where the newest snapshot, or this run, began
    RecordNumber snapshot_covers_;    // first record that the copy holds nothing of
    bool snapshot_is_copied_ = false;
    bool snapshot_is_publishing_ = false;
    std::future<Status> publishing_;  // declared after the writer that it works on
};

}  // namespace vouch::command_handler
