#pragma once

#include "events/log/kafka/client.h"
#include "events/log/kafka/standing.h"
#include "events/world/scheduler.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace vouch::kafka {

/// A member that is silent for so long has lost its shards.
inline constexpr std::int64_t kSessionTimeoutMs = 6'000;

/// The place of this process in the group of handlers: asked for, kept, lost, asked for anew, by
/// the rules of Membership. Of whoever joins, then of one thread alone, but for `has_proof`.
class GroupPlace {
public:
    GroupPlace(const KafkaLogOptions& options, Standing& standing)
        : options_(options), standing_(standing) {}

    /// Makes a member that asks for no place yet.
    Status make_member();
    /// Waits until nobody else is in the group, and asks for a place in it. `fenced`, with who it
    /// is, when somebody still is at the deadline.
    Status enter(SteadyTime deadline);
    /// True once the place is its own. False when it has to go again: another one that came at the
    /// same time is seen, and two would share the shards out between them, each short of some.
    /// Whoever was let in is not sent away for what little is left of its patience.
    Result<bool> settle_in(SteadyTime deadline);

    /// Listens to the group for a moment, and does what follows. A fault: the place is lost for
    /// good.
    Status turn();

    /// As Membership. Any thread.
    bool has_proof() const;
    /// Whether that was confirmed since then, by boot_time_ms. Any thread.
    bool has_proof_since(std::int64_t ms) const;

    /// Another one that came at the same time is gone by then: a session after it has gone.
    static constexpr std::int64_t kGoneAfterMs = 2 * kSessionTimeoutMs;

private:
    enum class Place : std::uint8_t { outside, asked, kept, lost };

    /// Another member of the group.
    struct Other {
        std::string name;  ///< its instance, or what the brokers call who has none; empty: nobody
        std::string host;
    };

    Status ask_for_place();
    Result<Other> look() const;
    Fault taken_by(const Other& other) const;
    Status settle();
    void note_identity();
    bool take(const Assignment& assignment);
    void take_offered();
    bool was_silent() const;
    std::string topic() const { return commands_topic(options_); }

    const KafkaLogOptions options_;
    Standing& standing_;
    std::atomic<Place> place_{Place::outside};
    std::atomic<std::int64_t> proof_ms_ = 0;   ///< when the last heartbeat that was answered went
    std::atomic<std::int64_t> looked_ms_ = 0;  ///< when its thread looked last

    std::unique_ptr<GroupMember> member_;  ///< tells proof_ms_
    std::string name_;      ///< the last one that the group gave it
    bool was_in_ = false;   ///< it has kept a place before
    Other beside_;          ///< who else it saw when it looked last
    std::optional<std::set<std::int32_t>> offered_;  ///< by the group, and not taken yet
};

}  // namespace vouch::kafka
