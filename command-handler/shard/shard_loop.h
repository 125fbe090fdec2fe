#pragma once

#include "command-handler/core/decide.h"
#include "command-handler/core/shard_state.h"
#include "command-handler/shard/chain_head.h"
#include "command-handler/shard/death_notes.h"
#include "command-handler/shard/handler.h"
#include "command-handler/shard/kept_ends.h"
#include "command-handler/shard/mark_schedule.h"
#include "command-handler/shard/open_record.h"
#include "command-handler/shard/plausible_clock.h"
#include "command-handler/shard/record_sink.h"
#include "command-handler/shard/sender_replay.h"
#include "command-handler/shard/sent_steps.h"
#include "command-handler/shard/shard_facts.h"
#include "command-handler/shard/shard_store.h"
#include "command-handler/shard/snapshot.h"
#include "command-handler/shard/step_cuts.h"
#include "command-handler/shard/step_peers.h"
#include "command-handler/shard/step_sender.h"
#include "command-handler/shard/waiters.h"
#include "events/entries/arena.h"
#include "events/entries/codec.h"
#include "events/log/verified_reader.h"
#include "events/seal/record_verifier.h"

#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

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
    /// What the shards of this process have sent each other; null: nobody watches.
    SentSteps* sent = nullptr;
    /// Between which of them nothing goes on; null likewise.
    StepCuts* cuts = nullptr;
    /// Where their durable records end; null: nobody keeps it.
    KeptEnds* ends = nullptr;
};

/// One shard's writer: takes other shards' steps and commands, decides, seals, commits, answers.
/// While a record is on its way to disk the next ones are decided; when a commit fails, all that
/// was decided since is taken back. Everything but `ask` and `stop` on one thread.
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

    /// Runs `question` on the shard's thread between two records. Any thread. False, and it will
    /// not run, when the shard has stopped.
    bool ask(std::function<void(ShardLoop&)> question);
    /// Ends `run` after what was read is decided and durable. Any thread.
    void stop();

    const ShardState& state() const { return state_; }
    /// Where the next record goes on, the ones in flight counted.
    const ChainHead& head() const { return head_; }
    const StepPeers& peers() const { return peers_; }
    ShardFacts& facts() { return *facts_; }
    /// False when the fact is surely not known here. Any thread, once started.
    bool may_know(const FactKey& key) const { return !knows_all_ || facts_->may_know(key); }
    /// Any thread.
    IsolatedInputs isolated() const { return {isolated_count_, Offset(isolated_last_)}; }
    /// Of a start that failed: this shard's records are to blame, and nothing that the others share.
    bool stops_alone() const { return stops_alone_; }
    /// What a repeat of a command that has its outcome is told beyond it.
    std::optional<AnswerDetails> details_of(const PastCommand& past) const;
    const std::vector<std::string>& warnings() const { return warnings_; }

    /// Records between decision and disk, at most; beyond that the loop waits for the disk.
    static constexpr std::size_t kRecordsInFlightMax = 4;
    /// Commands decoded ahead, so that what they touch is on its way to the cache.
    static constexpr std::size_t kCommandsAhead = 32;

private:
    // --- start.cc
    std::filesystem::path directory() const;
    Fault corrupt(RecordNumber record, const std::string& what) const;
    Status set_damaged_aside(const char* name, const Fault& fault);
    Status open_store();
    Result<std::optional<StorePosition>> load_store(const std::filesystem::path& path);
    Status open_snapshot();
    Status check_kept_end();
    Status check_seen(RecordNumber next_record, const Digest& digest, const char* seen_by);
    Status replay_log();
    Status stop_alone(const Status& status);
    Status read_facts(RecordNumber from, RecordNumber end);
    Status replay_record(const StoredRecord& stored);
    Status replay_events(const RecordView& record, bool apply, bool take_facts);
    bool follows_state(const Event& event) const;
    bool apply_to_peers(const Event& event);
    Status find_inputs();
    Status take_over();
    Result<bool> believe_clock();

    // --- One round of the loop
    Status read_input();
    void pass_over_marks();
    void count_unrecorded();
    bool takes_commands() const;
    bool has_input() const;
    Status work_off_input();
    Status complete_durable(bool wait);
    Status give_up(const Status& status);
    void answer_questions();
    bool is_due();
    bool is_mark_due(bool is_idle) const;
    void wait();
    Status finish();

    // --- Deciding
    /// A command decoded ahead of its decision.
    struct Ahead {
        CommandDecided decided;
        std::optional<CommandFault> fault;
        std::uint64_t hash = 0;
    };
    Status decide_batch(const InputBatch& batch);
    Status decide_some(const InputBatch& batch, std::size_t first, std::size_t count);
    Status decide_one(const InputBatch& batch, std::size_t member, Ahead& ahead);
    Status set_clock(const InputBatch& batch, std::size_t member, Ahead& ahead);
    Status skip_unreadable(const InputBatch& range);
    /// Empty unless the process died on the input too often.
    std::optional<CommandFault> set_aside(Offset batch, std::optional<std::size_t> member,
                                          CommandBytes bytes) const;
    void refuse_unreadable(const InputBatch& batch, std::optional<std::size_t> member,
                           CommandBytes bytes, const CommandFault& fault);

    // --- Other shards' steps (steps.cc)
    Status take_step_batches();
    Status take_step_input(const StepInput& input);
    Status take_awaiting(StepSender& sender, RecordNumber end);
    Status take_step_batch(const StepInput& input, const StepBatchView& batch,
                           const Digest& digest);
    bool is_authentic(const StepBatchView& batch);
    Result<bool> is_in_chain(const StepBatchHeader& header);
    Status await_record(const StepInput& input, const StepBatchHeader& header);
    bool has_awaited_record() const;
    Offset first_held(Offset otherwise) const;
    Status refuse_steps(const StepInput& input);
    Status read_step_list(const StepBatchView& batch);
    Status take_steps(const StepBatchView& batch, const Digest& digest, std::uint32_t first,
                      bool rebuilt);
    Status hold_back(ShardId from, Offset offset, const Fault& fault);
    std::chrono::microseconds read_again_after() const;
    void read_steps_again();
    Status pass_over(ShardId from);
    std::optional<ShardId> rebuilt_sender() const;
    Status continue_rebuild();
    Status take_rebuilt(const Bytes& built);
    Result<AccountId> payer_of(LedgerId ledger, CommandId entry);
    void look_for_late_steps();
    std::optional<std::int64_t> steps_wait_us() const;
    std::uint32_t count_fitting(std::uint32_t first) const;
    Status execute_steps(const StepBatchHeader& header, std::uint32_t first, std::uint32_t count);
    Status stop_before(const StepBatchHeader& header, const std::string& what);
    Fault corrupt_steps(const StepBatchHeader& header, const std::string& what) const;
    void settle(const StepExecution& execution);

    // --- Answers
    void deliver(OpenRecord& record);
    void deliver_outcomes(const OpenRecord& record);
    void give_answers_to_newest(OpenRecord& record);
    Answer& add_answer(const InputBatch& batch, std::size_t member);
    void tell(Answer& answer, AnswerDetails&& details);
    void answer(const InputBatch& batch, std::size_t member, const Answer& told,
                std::optional<AnswerDetails> details);
    void answer_decided(const InputBatch& batch, std::size_t member, const Execution& execution,
                        const CommandDecided& decided);
    void answer_execution(const InputBatch& batch, std::size_t member, const Execution& execution,
                          const CommandDecided& decided);
    void answer_in_transit(const InputBatch& batch, std::size_t member, Answer told,
                           LedgerId ledger);
    bool is_cut_from(ShardId other) const;
    std::size_t count_waiters() const;
    void forget_cut_waiters();
    bool is_cut_off(LedgerId ledger, CommandId command) const;
    std::optional<AnswerDetails> details_of(const CommandDecided& decided) const;
    std::optional<Asset> asset_decided_in(const CommandDecided& decided) const;

    // --- Records (records.cc)
    Timestamp now();
    void warn_of_clock();
    void keep_clock();
    /// A record that says nothing but up to where the shard is complete; or holds that expired.
    Status write_mark();
    Status begin_record(Timestamp at);
    /// Begins a record if none is open; expires what is due, in records of its own while they fill
    /// up.
    Status open_record(std::optional<Timestamp> at = std::nullopt);
    bool must_seal() const;
    Mac& mac_of(Epoch epoch);
    Mac& step_mac_of(ShardId from);
    void announce_steps();
    void seal_steps();
    Status close_record();
    Status commit_open_record();
    void drop_open_record();
    void take_back_open();
    void take_back_all();

    // --- snapshot: in chunks, between records
    Status continue_snapshot();
    void begin_snapshot();
    void report_snapshot(const Status& status) const;
    void abandon_snapshot();

    ShardSurroundings with_;
    PlausibleClock clock_;
    ClockLook kept_look_;
    MarkSchedule marks_;
    ShardState state_;
    std::unique_ptr<ShardStore> store_;
    std::unique_ptr<ShardFacts> facts_;
    ChainHead head_;
    RecordVerifier verifier_;
    VerifiedReader past_;
    std::optional<Mac> mac_;
    Epoch mac_epoch_;
    StepPeers peers_;
    std::vector<std::optional<Mac>> step_macs_;  // by sending shard, this one too

    std::deque<std::unique_ptr<OpenRecord>> in_flight_;  // oldest first
    std::vector<std::unique_ptr<OpenRecord>> spare_;
    std::unique_ptr<OpenRecord> open_;  // being built
    std::optional<RecordSink> sink_;

    Offset next_read_;
    Offset consumed_;  // first offset that is not wholly decided
    Offset next_step_read_;
    Offset consumed_step_;  // first offset of steps that is not wholly taken
    std::vector<InputBatch> commands_read_;
    std::size_t next_command_batch_ = 0;  // in commands_read_
    std::vector<StepInput> steps_read_;
    bool is_awaited_known_ = false;  // as of this round
    std::vector<Step> steps_;  // of the batch being taken
    std::uint64_t refused_step_batches_ = 0;
    /// While batches have to be built again: the records of their sender.
    std::unique_ptr<SenderReplay> replay_;
    std::vector<StepSender> senders_;  // by shard
    Offset next_foreign_;              // as StepSender::next, of what no shard has sealed
    struct LateSteps {
        StepBatchNumber next;
        std::optional<std::chrono::steady_clock::time_point> since{};
    };
    std::vector<LateSteps> late_steps_;  // by sending shard
    Waiters waiters_;
    std::size_t cuts_seen_ = 0;
    std::vector<Answer> second_answers_;
    std::vector<CommandBytes> members_;
    DeathNotes deaths_;
    std::atomic<std::uint64_t> isolated_count_{0};
    std::atomic<std::uint64_t> isolated_last_{0};
    std::array<Ahead, kCommandsAhead> ahead_;
    Arena arena_;

    std::mutex questions_mutex_;
    std::vector<std::function<void(ShardLoop&)>> questions_;
    bool accepts_questions_ = true;
    std::atomic<bool> stopping_{false};
    bool warned_of_clock_ = false;
    bool warned_of_leap_ = false;
    std::vector<std::string> warnings_;

    StorePosition store_position_;
    bool from_snapshot_ = false;
    bool knows_all_ = false;    // the filter has the facts of every record
    bool stops_alone_ = false;
    bool ended_epoch_ = false;  // by the record just replayed

    std::unique_ptr<SnapshotWriter> snapshot_;
    EventNumber snapshot_event_;    // where the newest snapshot, or this run, began
    RecordNumber snapshot_covers_;  // first record that the copy holds nothing of
    bool snapshot_is_copied_ = false;
    bool snapshot_is_publishing_ = false;
    std::future<Status> publishing_;  // declared after the writer that it works on
};

}  // namespace vouch::command_handler
