#include "command-handler/gateway/deliveries.h"

#include <algorithm>

namespace vouch::command_handler {

std::vector<AnswerMailbox::Delivery>& Deliveries::letters_to(const Sender& sender) {
    const auto found = std::find_if(letters_.begin(), letters_.end(),
                                    [&](const auto& each) { return each.first == sender.mailbox; });
    if (found != letters_.end()) return found->second;
    return letters_.emplace_back(sender.mailbox, std::vector<AnswerMailbox::Delivery>()).second;
}

void Deliveries::add(const Sender& sender, ShardId shard, const Answer& answer, std::size_t more) {
    std::vector<AnswerMailbox::Delivery>& letters = letters_to(sender);
    letters.reserve(letters.size() + 1 + more);
    letters.push_back({.recipient = sender.recipient,
                       .position = sender.position,
                       .shard = shard,
                       .told = KeptAnswer(answer)});
}

void Deliveries::add(const Sender& sender, const CutOff& cut) {
    letters_to(sender).push_back({.recipient = sender.recipient,
                                  .position = sender.position,
                                  .shard = cut.by.shard,
                                  .told = cut});
}

void Deliveries::put() {
    for (auto& [mailbox, letters] : letters_) mailbox->put(std::move(letters));
    letters_.clear();
}

}  // namespace vouch::command_handler
