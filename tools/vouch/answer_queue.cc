#include "tools/vouch/answer_queue.h"

#include "events/check.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

namespace vouch::cli {

using command_handler::Answer;

AnswerQueue::AnswerQueue() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    VOUCH_ASSERT(fd_ >= 0);
}

AnswerQueue::~AnswerQueue() { ::close(fd_); }

void AnswerQueue::wake() {
    const std::uint64_t one = 1;
    // Fails only when the counter is full, and then the reader is awake already.
    [[maybe_unused]] const ssize_t written = ::write(fd_, &one, sizeof one);
}

void AnswerQueue::answered(ShardId shard, Offset batch, std::size_t first,
                           std::span<const Answer> answers) {
    AnswerPiece piece{.shard = shard, .batch = batch, .first = first, .answers = {}};
    piece.answers.reserve(answers.size());
    for (const Answer& answer : answers) {
        KeptAnswer kept{.answer = answer, .details = nullptr};
        if (answer.details != nullptr) {
            kept.details = std::make_unique<command_handler::AnswerDetails>(*answer.details);
            kept.answer.details = kept.details.get();
        }
        piece.answers.push_back(std::move(kept));
    }
    {
        const std::lock_guard lock(mutex_);
        pieces_.push_back(std::move(piece));
    }
    wake();
}

void AnswerQueue::stopped(ShardId, const Fault& fault) {
    {
        const std::lock_guard lock(mutex_);
        if (!fault_) fault_ = fault;
    }
    wake();
}

std::optional<Fault> AnswerQueue::take(std::vector<AnswerPiece>& pieces) {
    std::uint64_t count = 0;
    // Before the pieces are taken: what comes afterwards wakes again.
    [[maybe_unused]] const ssize_t got = ::read(fd_, &count, sizeof count);
    const std::lock_guard lock(mutex_);
    for (AnswerPiece& piece : pieces_) pieces.push_back(std::move(piece));
    pieces_.clear();
    return fault_;
}

}  // namespace vouch::cli
