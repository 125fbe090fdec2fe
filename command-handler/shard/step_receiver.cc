#include "command-handler/shard/step_receiver.h"

#include "command-handler/core/event_room.h"
#include "command-handler/core/execute_step.h"
#include "events/bytes/sha256.h"
#include "events/check.h"
#include "events/entries/codec.h"
#include "events/entries/step_parts.h"
#include "events/world/notice.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <span>
#include <variant>

namespace vouch::command_handler {
namespace {

/// Steps whose memory is brought nearer together.
constexpr std::uint32_t kStepsAhead = 32;
/// Batches that the answers to one batch of steps make at most: it has 256 KiB and 2,048 steps at
/// most, and an answer is hardly longer than its step.
constexpr std::size_t kAnswerBatchesMax = 4;

}  // namespace

// A record is never earlier than those whose steps it takes. What does not fit goes on in the next
// one, also when that is written by the shard's next writer.
Status StepReceiver::take(const StepBatchView& batch, const Digest& digest, std::uint32_t first,
                       bool rebuilt) {
    const StepBatchHeader& header = batch.header;
    arena_.clear();
    if (Status status = read_list(batch); !status) return status;
    while (first < header.count) {
        if (Status status = writer_.open_not_before(header.time); !status) return status;
        const std::uint32_t count = count_fitting(first);
        if (count == 0) {
            if (Status status = writer_.close(); !status) return status;
            continue;
        }
        const StepsTaken taken{.from = header.from,
                               .number = header.number,
                               .first = first,
                               .count = count,
                               .record = header.record,
                               .record_digest = header.record_digest,
                               .digest = digest,
                               .left = header.count - first - count,
                               .rebuilt = rebuilt};
        writer_.sink().append(Event(taken));
        const bool follows = books_.peers.apply(taken, writer_.record().peers_before);
        VOUCH_ASSERT(follows);
        if (Status status = execute(header, first, count); !status) return status;
        first += count;
    }
    return {};
}

// Whoever can write to the log could send many of these: people hear of the 1st, 2nd, 4th, 8th…
Status StepReceiver::refuse(const StepInput& input) {
    if (std::has_single_bit(++refused_)) {
        tell({Severity::alarm, "steps_refused",
              "shard " + std::to_string(with_.shard.value()) + ": steps at offset " +
                  std::to_string(input.offset.value()) + " are no other shard's; refused, " +
                  std::to_string(refused_) + " so far",
              with_.shard});
    }
    if (Status status = writer_.open_with_room(RecordSink::kStepsTakenBytesMax, 0); !status)
        return status;
    const ByteView bytes = input.payload;
    const Digest digest = sha256({&bytes, 1});
    writer_.sink().append(Event(StepRefused{input.offset, bytes.size(), digest}));
    return {};
}

Fault StepReceiver::corrupt(const StepBatchHeader& header, const std::string& what) const {
    return {FaultCode::corrupt, "shard " + std::to_string(with_.shard.value()) +
                                    ": steps of shard " + std::to_string(header.from.value()) +
                                    ", batch " + std::to_string(header.number.value()) + ": " +
                                    what};
}

Status StepReceiver::read_list(const StepBatchView& batch) {
    steps_.clear();
    StepReader reader(batch.steps);
    while (true) {
        const Result<std::optional<Step>> step = reader.next(arena_);
        if (!step) return corrupt(batch.header, step.error().message);
        if (!*step) break;
        steps_.push_back(**step);
    }
    if (steps_.size() == batch.header.count) return {};
    return corrupt(batch.header, "expected " + std::to_string(batch.header.count) +
                                     " steps, found " + std::to_string(steps_.size()));
}

// Steps take less than their bounds, so a record takes several parts of a batch, as long as they
// are worth a part. Zero only when the open record has events already: an empty one takes any step,
// since it has room for any command.
std::uint32_t StepReceiver::count_fitting(std::uint32_t first) {
    std::size_t bytes = RecordSink::kStepsTakenBytesMax;
    std::size_t batches = kAnswerBatchesMax;
    std::uint32_t count = 0;
    for (std::size_t i = first; i < steps_.size(); ++i, ++count) {
        bytes += step_events_bytes_max(steps_[i]);
        if (std::holds_alternative<ForwardStep>(steps_[i].kind)) ++batches;
        if (!writer_.sink().has_room_for(bytes, batches)) break;
    }
    if (writer_.record().event_count == 0) return std::max<std::uint32_t>(count, 1);
    const std::size_t worth_a_part = std::min<std::size_t>(kStepsAhead, steps_.size() - first);
    return count < worth_a_part ? 0 : count;
}

// As with commands: what steps touch is fetched for some at once, then they are executed.
Status StepReceiver::execute(const StepBatchHeader& header, std::uint32_t first,
                          std::uint32_t count) {
    const StepOrigin origin{header.from, header.record};
    ShardFacts& facts = *books_.facts;
    const AccountTable& accounts = books_.state.accounts();
    const std::span<const Step> steps = std::span<const Step>(steps_).subspan(first, count);
    for (std::size_t begin = 0; begin < steps.size(); begin += kStepsAhead) {
        const auto some =
            steps.subspan(begin, std::min<std::size_t>(kStepsAhead, steps.size() - begin));
        for (const Step& step : some) {
            books_.index->prefetch(fact_hash({FactKind::command, step.ledger, step.command}));
            accounts.prefetch_index(step.ledger, payee_of(step.kind));
        }
        for (const Step& step : some) accounts.prefetch_row(step.ledger, payee_of(step.kind));
        const Arena::Mark decoded = arena_.mark();
        for (const Step& step : some) {
            facts.forget_answers();
            const Result<StepExecution> execution =
                execute_step(books_.state, facts, origin, step, writer_.record().time,
                             writer_.sink(), arena_);
            if (facts.fault()) return *facts.fault();
            if (!execution) return corrupt(header, execution.error().message);
            if (execution->kind == StepExecution::Kind::answered) answers_.settle(*execution);
            arena_.rewind(decoded);
        }
    }
    return {};
}

}  // namespace vouch::command_handler
