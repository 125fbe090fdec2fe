#pragma once

#include "command-handler/shard/answer_writer.h"
#include "command-handler/shard/command_decider.h"
#include "command-handler/shard/command_input.h"
#include "command-handler/shard/isolated_inputs.h"
#include "command-handler/shard/mark_schedule.h"
#include "command-handler/shard/record_writer.h"
#include "command-handler/shard/shard_books.h"
#include "command-handler/shard/shard_environment.h"
#include "command-handler/shard/step_intake.h"
#include "command-handler/shard/step_rebuild.h"
#include "command-handler/shard/step_receiver.h"
#include "command-handler/shard/step_senders.h"
#include "events/log/log.h"
#include "events/result.h"

#include <atomic>
#include <cstdint>
#include <optional>

namespace vouch::command_handler {

/// What a shard takes in: other shards' steps and commands, read a round at a time and worked off
/// into records. The shard's thread.
class ShardInputs {
public:
    /// All of them outlive it.
    ShardInputs(const ShardEnvironment& with, ShardBooks& books, RecordWriter& writer,
                AnswerWriter& answers, MarkSchedule& marks);

    /// Once the books are rebuilt, before anything is taken.
    Status open();
    void read_from(const InputPosition& next);

    /// A round of both.
    Status read();
    bool has_any();
    /// Takes what was read, and of commands as many as may cross.
    Status work_off();

    /// Where each is read on; no offset where nothing is taken now.
    InputPosition next_read() const;
    /// When to look again though nothing comes; empty: no need.
    std::optional<std::int64_t> look_again_us() const;

    /// From now on nothing is built again, and what was read from topics and is not decided is left
    /// there for the next start: who waits for it has had the server's drain. Any thread, as
    /// what follows.
    void stop() { is_stopping_ = true; }
    bool is_stopping() const { return is_stopping_; }
    bool leaves_rest() const { return is_stopping_ && with_.deployment.kafka; }
    IsolatedInputs isolated() const { return decider_.isolated(); }

private:
    bool takes_commands() const;
    Status decide_commands();

    const ShardEnvironment& with_;
    ShardBooks& books_;
    RecordWriter& writer_;
    CommandInput commands_;
    CommandDecider decider_;
    StepSenders senders_;
    StepReceiver receiver_;
    StepIntake steps_;
    StepRebuild rebuild_;
    std::atomic<bool> is_stopping_{false};
};

}  // namespace vouch::command_handler
