#pragma once

#include "command-handler/shard/handler.h"

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace vouch::cli {

/// An answer that outlives the call it came with.
struct KeptAnswer {
    command_handler::Answer answer;  ///< `details` points to `details` below, or nowhere
    std::unique_ptr<command_handler::AnswerDetails> details;
};

/// Some answers of one batch, `first` being the position of the first of them.
struct AnswerPiece {
    ShardId shard;
    Offset batch;
    std::size_t first = 0;
    std::vector<KeptAnswer> answers;
};

/// Takes answers from the shards' threads to the one that reads input and writes outcomes. Bounded
/// by what that thread has in flight. `fd` is readable while there is something to take.
class AnswerQueue final : public command_handler::AnswerSink {
public:
    AnswerQueue();
    ~AnswerQueue() override;
    AnswerQueue(const AnswerQueue&) = delete;
    AnswerQueue& operator=(const AnswerQueue&) = delete;

    void answered(ShardId shard, Offset batch, std::size_t first,
                  std::span<const command_handler::Answer> answers) override;
    void stopped(ShardId shard, const Fault& fault) override;

    /// Appends what has come to `pieces`. The fault of the first shard that stopped, if one has.
    std::optional<Fault> take(std::vector<AnswerPiece>& pieces);

    int fd() const { return fd_; }

private:
    void wake();

    int fd_;
    std::mutex mutex_;
    std::vector<AnswerPiece> pieces_;
    std::optional<Fault> fault_;
};

}  // namespace vouch::cli
