#pragma once

#include "command-handler/shard/answer_delivery.h"
#include "command-handler/shard/answer_writer.h"
#include "command-handler/shard/isolated_inputs.h"
#include "command-handler/shard/mark_schedule.h"
#include "command-handler/shard/record_clock.h"
#include "command-handler/shard/record_writer.h"
#include "command-handler/shard/shard_books.h"
#include "command-handler/shard/shard_environment.h"
#include "command-handler/shard/shard_inputs.h"
#include "command-handler/shard/shard_questions.h"
#include "command-handler/shard/shard_recovery.h"
#include "command-handler/shard/snapshot_schedule.h"
#include "events/log/log.h"
#include "events/result.h"

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vouch::command_handler {

/// One shard's writer: takes other shards' steps and commands, decides, seals, commits, answers.
/// While a record is on its way to disk the next ones are decided; when a commit fails, all that
/// was decided since is taken back. Everything but `ask` and `stop` on one thread.
class ShardLoop {
public:
    explicit ShardLoop(const ShardEnvironment& environment);

    /// Rebuilds the shard's books, takes over and commits the first record of its term.
    Status start();
    /// Works until `stop` or a fault.
    Status run();

    /// The shard has stopped: questions still asked are answered, later ones refused.
    void refuse_questions();

    /// Runs `question` on the shard's thread between two records. Any thread. False, and it will
    /// not run, when the shard has stopped.
    bool ask(ShardQuestions::Question question);
    /// Ends `run` after what was read is decided and durable; topics keep what is not decided. Any
    /// thread.
    void stop();

    /// On the shard's thread, or while none runs it.
    const ShardBooks& books() const { return books_; }
    /// False when the fact is surely not known here. Any thread, once started.
    bool may_know(const FactKey& key) const {
        return !recovery_.knows_all() || books_.index->may_know(key);
    }
    /// Any thread.
    IsolatedInputs isolated() const { return inputs_.isolated(); }
    /// Any thread.
    bool has_clock_leapt() const { return clock_.has_leapt(); }
    /// As of the last record or look. Any thread.
    std::uint64_t in_transit() const { return in_transit_.load(std::memory_order_relaxed); }
    /// Of a start that failed: this shard's records are to blame, and nothing that the others
    /// share.
    bool stops_alone() const { return recovery_.stops_alone(); }
    const std::vector<std::string>& warnings() const { return recovery_.warnings(); }

private:
    Status work_off();
    Status give_up(const Status& status);
    void answer_questions();
    bool is_due();
    bool is_mark_due(bool is_idle) const;
    void wait();
    Status write_mark();
    Status finish();

    ShardEnvironment with_;
    ShardBooks books_;
    RecordClock clock_;
    MarkSchedule marks_;
    SnapshotSchedule snapshots_;
    AnswerDelivery delivery_;
    RecordWriter writer_;
    AnswerWriter answers_;
    ShardInputs inputs_;
    ShardQuestions questions_;
    ShardRecovery recovery_;
    std::atomic<std::uint64_t> in_transit_{0};
};

}  // namespace vouch::command_handler
