#include "tests/support/memory_group.h"

#include <algorithm>
#include <utility>

namespace vouch::test {

void MemoryGroup::join(const std::string& instance, const std::string& name,
                       std::int64_t session_ms, std::int64_t now_ms) {
    const auto [place, is_new] = members_.try_emplace(instance);
    Member& member = place->second;
    member.name = name;
    member.session_ms = session_ms;
    member.heard_ms = now_ms;
    member.was_told = false;
    if (!is_new && !is_rebalancing_) return;
    is_rebalancing_ = true;
    join_again(instance);
}

void MemoryGroup::join_again(const std::string& instance) {
    members_.at(instance).has_joined = true;
    complete();
}

MemoryGroup::Member* MemoryGroup::find(const std::string& instance, const std::string& name) {
    const auto found = members_.find(instance);
    if (name.empty() || found == members_.end() || found->second.name != name) return nullptr;
    return &found->second;
}

bool MemoryGroup::end_sessions(std::int64_t now_ms) {
    const auto gone = std::erase_if(members_, [&](const auto& each) {
        return now_ms - each.second.heard_ms > each.second.session_ms;
    });
    if (gone > 0) rebalance();
    return gone > 0;
}

void MemoryGroup::remove(const std::string& instance) {
    if (members_.erase(instance) > 0) rebalance();
}

void MemoryGroup::renew_sessions(std::int64_t now_ms) {
    for (auto& [instance, member] : members_) member.heard_ms = std::max(member.heard_ms, now_ms);
}

/// Until all have joined the next generation, each has what it had, and commits by it.
void MemoryGroup::rebalance() {
    is_rebalancing_ = true;
    complete();
}

/// In the order of their instances: each gets as many partitions as the others, or one more.
void MemoryGroup::complete() {
    const bool all_joined = std::ranges::all_of(
        members_, [](const auto& each) { return each.second.has_joined; });
    if (!is_rebalancing_ || !all_joined) return;
    is_rebalancing_ = false;
    ++generation_;
    std::size_t next = 0, left = members_.size();
    for (auto& [instance, member] : members_) {
        const std::size_t count = (partitions_ - next + left - 1) / left;
        --left;
        member.partitions.clear();
        for (const std::size_t behind = next + count; next < behind; ++next)
            member.partitions.insert(static_cast<std::int32_t>(next));
        member.has_joined = member.was_told = false;
    }
}

Reply MemoryGroup::check(const std::string& identity) const {
    for (const auto& [instance, member] : members_) {
        if (!identity.starts_with(member.name + "/")) continue;
        const bool is_current = identity == member.name + "/" + std::to_string(generation_);
        return is_current ? Reply::done : Reply::illegal_generation;
    }
    const bool is_instance = std::ranges::any_of(members_, [&](const auto& each) {
        return identity.starts_with(each.first + "-");
    });
    return is_instance ? Reply::fenced_instance : Reply::unknown_member;
}

Reply MemoryGroup::consume(const ProducerLife& by, const Offsets& offsets,
                            const std::string& identity) {
    const Reply member = check(identity);
    if (member != Reply::done) return member;
    Pending& pending = pending_[by.id];
    if (by.epoch < pending.epoch) return Reply::invalid_producer_epoch;
    pending.epoch = by.epoch;
    for (const auto& [place, offset] : offsets) pending.offsets[place] = offset;
    return Reply::done;
}

void MemoryGroup::mark(const ProducerLife& by, bool commits) {
    Pending& pending = pending_[by.id];
    pending.epoch = std::max(pending.epoch, by.epoch);
    for (const auto& [place, offset] : std::exchange(pending.offsets, {}))
        if (commits) offsets_[place] = offset;
}

void MemoryGroup::forget_topic(const std::string& topic) {
    std::erase_if(offsets_, [&](const auto& of) { return of.first.first == topic; });
}

}  // namespace vouch::test
