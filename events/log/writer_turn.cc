#include "events/log/writer_turn.h"

namespace vouch {

std::string record_name(ShardId shard, RecordNumber record) {
    return "shard " + std::to_string(shard.value()) + " record " + std::to_string(record.value());
}

Status WriterTurn::acquire(Term term) {
    if (term_ && term < *term_) {
        return Fault{FaultCode::fenced, "shard " + std::to_string(shard_.value()) + ": term " +
                                            std::to_string(term.value()) +
                                            " is over, the writer has term " +
                                            std::to_string(term_->value())};
    }
    term_ = term;
    return {};
}

Status WriterTurn::admit(Term term, RecordNumber number) {
    if (term_ != term) {
        return Fault{
            FaultCode::fenced,
            record_name(shard_, number) + ": term " + std::to_string(term.value()) +
                " does not hold the shard, " +
                (term_ ? "term " + std::to_string(term_->value()) + " does" : "nobody does")};
    }
    if (number != next_record_) {
        return Fault{FaultCode::fenced, record_name(shard_, number) + ": expected record " +
                                            std::to_string(next_record_.value())};
    }
    if (in_flight_ >= kCommitsInFlightMax) {
        return Fault{FaultCode::retriable, record_name(shard_, number) + ": " +
                                               std::to_string(kCommitsInFlightMax) +
                                               " commits are in flight already"};
    }
    next_record_ = next_record_.next();
    ++in_flight_;
    return {};
}

Result<std::uint32_t> check_record_size(ShardId shard, const Commit& commit,
                                        std::size_t bytes_max) {
    std::size_t size = 0;
    for (const ByteView piece : commit.record) size += piece.size();
    if (size > bytes_max) {
        return Fault{FaultCode::storage, record_name(shard, commit.number) + " has " +
                                             std::to_string(size) + " bytes, at most " +
                                             std::to_string(bytes_max) + " can be stored"};
    }
    return static_cast<std::uint32_t>(size);
}

Status check_steps(ShardId shard, const Commit& commit, std::uint32_t shard_count) {
    const auto refused = [&](const std::string& why) {
        return Fault{FaultCode::storage, record_name(shard, commit.number) + ": " + why};
    };
    if (commit.steps.size() > kCommitStepsMax) {
        return refused(std::to_string(commit.steps.size()) + " batches of steps, at most " +
                       std::to_string(kCommitStepsMax) + " can be stored");
    }
    for (const OutgoingSteps& steps : commit.steps) {
        if (steps.to == shard || steps.to.value() >= shard_count) {
            return refused("steps for shard " + std::to_string(steps.to.value()) +
                           ", expected another of " + std::to_string(shard_count));
        }
        if (steps.batch.size() > kStepBatchBytesMax) {
            return refused("a batch of steps has " + std::to_string(steps.batch.size()) +
                           " bytes, at most " + std::to_string(kStepBatchBytesMax) +
                           " can be stored");
        }
    }
    return {};
}

}  // namespace vouch
