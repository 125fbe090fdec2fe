#pragma once

#include "command-handler/core/execute.h"
#include "command-handler/core/execute_step.h"
#include "command-handler/shard/answer_delivery.h"
#include "command-handler/shard/record_answers.h"
#include "command-handler/shard/record_writer.h"
#include "command-handler/shard/shard_books.h"
#include "command-handler/shard/shard_environment.h"
#include "events/entries/event.h"

namespace vouch::command_handler {

/// Writes what became of commands as answers of the open record. The shard's thread.
class AnswerWriter {
public:
    /// All of them outlive it.
    AnswerWriter(const ShardEnvironment& with, const ShardBooks& books, RecordWriter& writer,
                 const AnswerDelivery& delivery)
        : with_(with), books_(books), writer_(writer), delivery_(delivery) {}

    void answer(const MemberPlace& place, const Execution& execution,
                const CommandDecided& decided);
    /// Of a command of an earlier record: who waits for it is known once this record is durable.
    void settle(const StepExecution& execution);

private:
    void answer_decided(const MemberPlace& place, const Execution& execution,
                        const CommandDecided& decided);
    void answer_in_transit(const MemberPlace& place, Answer told, LedgerId ledger);

    const ShardEnvironment& with_;
    const ShardBooks& books_;
    RecordWriter& writer_;
    const AnswerDelivery& delivery_;
};

}  // namespace vouch::command_handler
