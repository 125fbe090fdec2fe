#pragma once

#include "command-handler/core/execute.h"
#include "command-handler/shard/answer_writer.h"
#include "command-handler/shard/death_notes.h"
#include "command-handler/shard/isolated_inputs.h"
#include "command-handler/shard/mark_schedule.h"
#include "command-handler/shard/record_writer.h"
#include "command-handler/shard/shard_books.h"
#include "command-handler/shard/shard_environment.h"
#include "events/entries/arena.h"
#include "events/entries/codec.h"
#include "events/log/log.h"
#include "events/result.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace vouch::command_handler {

/// Decides a shard's batches of commands, in records as they have room, and sets aside what kills
/// the process again and again. The shard's thread.
class CommandDecider {
public:
    /// All of them outlive it.
    CommandDecider(const ShardEnvironment& with, ShardBooks& books, RecordWriter& writer,
                   AnswerWriter& answers, MarkSchedule& marks)
        : with_(with), books_(books), writer_(writer), answers_(answers), marks_(marks) {}

    /// Reads on what inputs earlier processes died. Once, before anything is decided.
    Status open(Offset next_command);

    /// The whole batch, or a fault: the shard must stop.
    Status decide(const InputBatch& batch);

    /// Any thread.
    IsolatedInputs isolated() const { return {isolated_count_, Offset(isolated_last_)}; }

private:
    /// Commands decoded ahead, so that what they touch is on its way to the cache.
    static constexpr std::size_t kCommandsAhead = 32;
    /// A command decoded ahead of its decision.
    struct Ahead {
        CommandDecided decided;
        std::optional<CommandFault> fault;
        std::uint64_t hash = 0;
    };

    Status decide_some(const InputBatch& batch, std::size_t first, std::size_t count);
    Status decide_one(const InputBatch& batch, std::size_t member, Ahead& ahead);
    Status set_clock(const InputBatch& batch, std::size_t member, Ahead& ahead);
    Status skip_unreadable(const InputBatch& range);
    /// Empty unless the process died on the input too often.
    std::optional<CommandFault> set_aside(Offset batch, std::optional<std::size_t> member,
                                          CommandBytes bytes) const;
    void refuse_unreadable(const InputBatch& batch, std::optional<std::size_t> member,
                           CommandBytes bytes, const CommandFault& fault);

    const ShardEnvironment& with_;
    ShardBooks& books_;
    RecordWriter& writer_;
    AnswerWriter& answers_;
    MarkSchedule& marks_;
    DeathNotes deaths_;
    std::vector<CommandBytes> members_;  // of the batch being decided
    std::array<Ahead, kCommandsAhead> ahead_;
    Arena arena_;
    std::atomic<std::uint64_t> isolated_count_{0};
    std::atomic<std::uint64_t> isolated_last_{0};
};

}  // namespace vouch::command_handler
