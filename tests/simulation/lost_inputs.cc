#include "tests/simulation/lost_inputs.h"

#include <string>
#include <utility>

namespace vouch::test {

std::int64_t lose_inputs(KafkaPlace& place, std::uint32_t shard) {
    MemoryBroker& broker = place.broker();
    const KafkaLogOptions& options = place.options();
    const auto partition = static_cast<std::int32_t>(shard);
    std::int64_t lost = 0;
    for (const std::string& topic :
         {kafka::commands_topic(options), kafka::steps_topic(options)}) {
        const auto consumed = broker.consumed(kafka::group_name(options), topic, partition);
        const std::int64_t end = broker.stable_end(topic, partition);
        if (!consumed || *consumed >= end) continue;
        broker.trim(topic, partition, end);
        lost += end - *consumed;
    }
    return lost;
}

std::vector<command_handler::MovedInput> moves_asked_for(std::string_view failure) {
    constexpr std::string_view kOption = "--accept-move ";
    std::vector<command_handler::MovedInput> moves;
    for (std::size_t at = failure.find(kOption); at != failure.npos;
         at = failure.find(kOption, at)) {
        at += kOption.size();
        auto move =
            command_handler::parse_move(failure.substr(at, failure.find(' ', at) - at));
        if (!move) continue;
        move->reason = "lost";
        moves.push_back(std::move(*move));
    }
    return moves;
}

}  // namespace vouch::test
