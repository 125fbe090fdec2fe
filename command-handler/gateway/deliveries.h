#pragma once

#include "command-handler/gateway/answer_mailbox.h"

#include <cstddef>
#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

namespace vouch::command_handler {

/// Whom to tell of a command's answers. Mailbox and recipient outlive the answers, or the gateway.
struct Sender {
    AnswerMailbox* mailbox = nullptr;
    AnswerRecipient* recipient = nullptr;
    std::uint64_t position = 0;  ///< the recipient's own
};

/// What is told to senders, gathered mailbox by mailbox, so that each is woken once.
class Deliveries {
public:
    /// `more` commands of the same batch may follow.
    void add(const Sender& sender, ShardId shard, const Answer& answer, std::size_t more = 0);
    void add(const Sender& sender, const CutOff& cut);
    /// Under the mutex of the shard that the commands were for, so that what is told of a command
    /// comes in order.
    void put();

private:
    std::vector<AnswerMailbox::Delivery>& letters_to(const Sender& sender);

    std::vector<std::pair<AnswerMailbox*, std::vector<AnswerMailbox::Delivery>>> letters_;
};

}  // namespace vouch::command_handler
