#include "projector/queries/pending_reason.h"

#include <algorithm>
#include <array>
#include <utility>

namespace vouch::projector {
namespace {

using Served = ShardsAtWork::Served;

constexpr std::array<std::pair<PendingReason, std::string_view>, 6> kWords = {{
    {PendingReason::due, "due"},
    {PendingReason::under_way, "under_way"},
    {PendingReason::shard_stopped, "shard_stopped"},
    {PendingReason::held_back, "held_back"},
    {PendingReason::log_waits, "log_waits"},
    {PendingReason::not_served, "not_served"},
}};

std::string shard_name(ShardId shard) { return "shard " + std::to_string(shard.value()); }

const ShardFinding* stop_of(const ShardsAtWork& at_work, ShardId shard) {
    const auto found = std::ranges::find(at_work.stopped, shard, &ShardFinding::shard);
    return found == at_work.stopped.end() ? nullptr : &*found;
}

/// Whoever asks sees no server: on another machine, or of other roles, one may be at work.
constexpr std::string_view kNotServed =
    "no server answers for this directory: ask the one that has the books (--http URL); only when "
    "there is none, start vouch serve";

std::string stopped_text(const ShardFinding& stop) {
    return shard_name(stop.shard) + " has stopped (" + stop.what +
           "): put right what that names, then start the server again";
}

}  // namespace

std::string_view to_text(PendingReason reason) {
    return std::ranges::find(kWords, reason, [](const auto& each) { return each.first; })->second;
}

std::optional<PendingReason> parse_pending_reason(std::string_view word) {
    const auto* const found =
        std::ranges::find(kWords, word, [](const auto& each) { return each.second; });
    if (found == kWords.end()) return std::nullopt;
    return found->first;
}

std::string pending_reason_words() {
    std::string words;
    for (const auto& [reason, word] : kWords)
        words += (words.empty() ? "" : ", ") + std::string(word);
    return words;
}

std::string expected_shard(std::size_t shards) {
    return shards == 1 ? "shard: expected 0: there is one"
                       : "shard: expected one of 0 to " + std::to_string(shards - 1);
}

WayOn way_on_between(const ShardsAtWork& at_work, ShardId from, ShardId to) {
    for (const ShardId shard : {to, from}) {
        if (const ShardFinding* stop = stop_of(at_work, shard))
            return {PendingReason::shard_stopped, stopped_text(*stop) + ": it goes on by itself"};
    }
    for (const ShardsAtWork::HeldBack& held : at_work.held_back) {
        const bool is_between = (held.sender == from && held.by == to) ||
                                (held.sender == to && held.by == from);
        if (is_between)
            return {PendingReason::held_back,
                    held.what + ": put right what that names, then start the server again"};
    }
    if (at_work.log_waits)
        return {PendingReason::log_waits,
                "the log waits (" + *at_work.log_waits + "): it goes on by itself when that ends"};
    if (at_work.served == Served::not_known)
        return {PendingReason::not_served, std::string(kNotServed)};
    if (at_work.served == Served::elsewhere)
        return {PendingReason::under_way,
                "wait; when it grows old, ask the server that decides: vouch status"};
    return {PendingReason::under_way,
            "wait: both shards work; when it grows old, look at vouch status, on Kafka at the "
            "topic of steps"};
}

WayOn way_on_of_due(const ShardsAtWork& at_work, ShardId shard) {
    const std::string next = "the next record of " + shard_name(shard) + " frees what it holds";
    if (const ShardFinding* stop = stop_of(at_work, shard))
        return {PendingReason::due, stopped_text(*stop) + ": " + next};
    if (at_work.log_waits)
        return {PendingReason::due, "the log waits (" + *at_work.log_waits + "): then " + next};
    if (at_work.served == Served::not_known)
        return {PendingReason::due, std::string(kNotServed) + "; " + next};
    return {PendingReason::due, "wait: " + next};
}

}  // namespace vouch::projector
