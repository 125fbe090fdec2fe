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

}  // namespace vouch
