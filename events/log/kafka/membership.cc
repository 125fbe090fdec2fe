#include "events/log/kafka/membership.h"

#include "events/world/clock.h"

#include <algorithm>
#include <chrono>

namespace vouch::kafka {
namespace {

/// Heartbeats come from the client's threads, which tell nobody.
constexpr std::int64_t kProofPollMs = 100;

}  // namespace

Result<std::unique_ptr<Membership>> Membership::join(const KafkaLogOptions& options) {
    using std::chrono::milliseconds;
    SteadyTime deadline = steady_now() + milliseconds(options.patience_ms);
    while (true) {
        std::unique_ptr<Membership> member(new Membership(options));
        GroupPlace& place = member->place_;
        if (Status made = place.make_member(); !made) return made.error();
        if (Status entered = place.enter(deadline); !entered) return entered.error();
        const Result<bool> stays = place.settle_in(deadline);
        if (!stays) return stays.error();
        if (!*stays) {
            // The other one may end for this one's sake, and is shown for a session more.
            deadline = std::max(deadline, steady_now() + milliseconds(GroupPlace::kGoneAfterMs));
            continue;
        }
        member->thread_ = Thread("member", [raw = member.get()] { raw->run(); });
        return member;
    }
}

Membership::~Membership() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
}

void Membership::run() {
    while (!stopping_) {
        if (Status turned = place_.turn(); !turned) return standing_.end(turned.error());
    }
}

Status Membership::await_proof(std::int64_t timeout_ms) {
    const std::int64_t began_ms = boot_time_ms();
    for (std::int64_t poll_ms = 0;; poll_ms = kProofPollMs) {
        if (Status ours = standing_.await_anything(poll_ms); !ours) return ours;
        if (place_.has_proof_since(began_ms)) return {};
        if (boot_time_ms() - began_ms > timeout_ms) {
            return Fault{FaultCode::retriable, "the group of " + commands_topic(options_) +
                                                   " does not confirm this handler"};
        }
    }
}

Status Membership::await_shard(ShardId shard, std::int64_t timeout_ms) {
    const Result<bool> is_ours =
        standing_.await_shard(static_cast<std::int32_t>(shard.value()), timeout_ms);
    if (!is_ours) return is_ours.error();
    if (*is_ours) return {};
    return Fault{FaultCode::retriable, "shard " + std::to_string(shard.value()) +
                                           " is not this process's in the group of " +
                                           commands_topic(options_)};
}

Status Membership::await_change(const std::string& before) {
    return standing_.await_change(before, kSessionTimeoutMs);
}

}  // namespace vouch::kafka
