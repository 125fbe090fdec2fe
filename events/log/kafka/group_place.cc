#include "events/log/kafka/group_place.h"

#include "events/world/clock.h"
#include "events/world/notice.h"
#include "events/world/thread.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace vouch::kafka {
namespace {

constexpr std::int64_t kHeartbeatMs = 1'500;
constexpr int kMemberPollMs = 100;
/// One question about who is in the group, by one who has to go on polling; the pause between two.
constexpr int kLookTimeoutMs = 2'000;
constexpr std::chrono::milliseconds kPlacePause{200};

std::string instance_name(const KafkaLogOptions& options) {
    return options.name + ".handler." + options.instance;
}

}  // namespace

/// Who else is in the group, of several whose name comes first. A member of this one's instance is
/// another one, and newer, once this one has had a name; before, it is older and makes room.
/// Whoever has asked for a place waits until it is shown itself.
Result<GroupPlace::Other> GroupPlace::look() const {
    const std::string group = group_name(options_);
    const auto unknown = [&](const std::string& why) {
        return Fault{FaultCode::retriable, "the group " + group + " is not known: " + why};
    };
    const Result<std::vector<ShownMember>> members =
        options_.client->members(options_.bootstrap, group, kLookTimeoutMs);
    if (!members && members.error().code != FaultCode::retriable) return members.error();
    if (!members) return unknown(members.error().message);
    Other other;
    bool is_shown = place_ == Place::outside;
    for (const ShownMember& member : *members) {
        if (member.name == name_ ||
            (name_.empty() && member.instance == instance_name(options_))) {
            is_shown = true;
        } else if (other.name.empty() || member.instance < other.name) {
            other = {member.instance, member.host};
        }
    }
    if (!is_shown) return unknown("it does not show this handler");
    return other;
}

Status GroupPlace::enter(SteadyTime deadline) {
    for (bool is_told = false;;) {
        const Result<Other> other = look();
        if (other && other->name.empty()) return ask_for_place();
        if (steady_now() >= deadline) {
            if (!other) return Fault{FaultCode::storage, other.error().message};
            return taken_by(*other);
        }
        if (other && !std::exchange(is_told, true)) {
            const auto left = std::chrono::ceil<std::chrono::seconds>(deadline - steady_now());
            tell({Severity::note, "another_handler",
                  taken_by(*other).message + "; waiting until it is gone, at most " +
                      std::to_string(left.count()) + " s"});
        }
        sleep_for(kPlacePause);
    }
}

Result<bool> GroupPlace::settle_in(SteadyTime deadline) {
    constexpr std::chrono::milliseconds kGoneAfter(kGoneAfterMs);
    const SteadyTime until = std::max(deadline, steady_now() + kGoneAfter);
    std::optional<SteadyTime> gone;
    looked_ms_ = boot_time_ms();
    while (place_ != Place::kept) {
        if (Status turned = turn(); !turned) return turned.error();
        const SteadyTime now = steady_now();
        if (beside_.name.empty()) {
            if (now < until) continue;
            return Fault{FaultCode::storage, "gave up waiting for " + options_.bootstrap +
                                                 ": the group " + group_name(options_) +
                                                 " lets nobody in"};
        }
        if (!gone) gone = now + kGoneAfter;
        if (beside_.name < instance_name(options_) || now >= *gone) return false;
    }
    return true;
}

/// The one before is gone with what it would say once its name is lost: for a heartbeat without
/// one, a broker that still knows the name would end it.
Status GroupPlace::make_member() {
    member_.reset();
    offered_.reset();
    place_ = Place::outside;
    // Of a topic that no member is subscribed to, brokers forget after a week what was consumed; of
    // both inputs it is to be known. They have a partition for each shard, and one member has them
    // all.
    Result<std::unique_ptr<GroupMember>> made = options_.client->open_member(
        options_.bootstrap, {.group = group_name(options_),
                             .instance = instance_name(options_),
                             .topics = {commands_topic(options_), steps_topic(options_)},
                             .session_ms = kSessionTimeoutMs,
                             .heartbeat_ms = kHeartbeatMs,
                             .proof_ms = &proof_ms_});
    if (!made) return made.error();
    member_ = std::move(*made);
    return {};
}

Status GroupPlace::ask_for_place() {
    if (Status asked = member_->subscribe(); !asked) return asked;
    place_ = Place::asked;
    return {};
}

bool GroupPlace::has_proof() const {
    // A heartbeat's time is taken once it is sent: a stop in between would make it look fresh.
    // And an answer to one may be that its place is another's: only who has its place has proof.
    return place_ == Place::kept && boot_time_ms() - proof_ms_ <= kSessionTimeoutMs &&
           !was_silent();
}

bool GroupPlace::has_proof_since(std::int64_t ms) const {
    return place_ == Place::kept && proof_ms_ > ms;
}

Fault GroupPlace::taken_by(const Other& other) const {
    return {FaultCode::fenced, "another handler has the shards of " + options_.name + ": " +
                                   other.name + " at " + other.host};
}

bool GroupPlace::was_silent() const { return boot_time_ms() - looked_ms_ > kSessionTimeoutMs; }

/// What the group says of the shards. They are kept by name alone: nothing is fetched.
bool GroupPlace::take(const Assignment& assignment) {
    if (was_silent()) return false;  // and the thread ends it
    offered_.reset();
    standing_.set_shards({});
    if (assignment.kind == Assignment::Kind::given) offered_ = assignment.partitions;
    if (assignment.kind == Assignment::Kind::lost) place_ = Place::lost;
    return true;
}

Status GroupPlace::settle() {
    if (place_ == Place::lost) {
        if (Status made = make_member(); !made) return made;
    }
    if (place_ == Place::kept) {
        if (offered_) take_offered();
        return {};
    }
    if (place_ == Place::asked && !offered_) return {};
    const bool was_outside = place_ == Place::outside;
    const Result<Other> other = look();
    // Nobody counts on who is outside: how long a look took, for names that do not resolve, is no
    // silence.
    if (was_outside) looked_ms_ = boot_time_ms();
    if (!other) return {};  // the next turn asks again
    beside_ = *other;
    if (!beside_.name.empty()) {
        const bool is_newer = beside_.name == instance_name(options_);
        return was_in_ || is_newer ? Status(taken_by(beside_)) : Status();
    }
    if (place_ == Place::outside) return ask_for_place();
    place_ = Place::kept;
    was_in_ = true;
    take_offered();
    return {};
}

void GroupPlace::take_offered() {
    standing_.set_shards(std::move(*offered_));
    offered_.reset();
}

/// A name that was lost is kept until there is another: brokers refuse what still carries it.
/// Another name is another place, also when librdkafka has asked for it by itself.
void GroupPlace::note_identity() {
    std::string name = member_->name();
    if (name.empty()) return;
    if (name != name_ && place_ == Place::kept) place_ = Place::asked;
    name_ = std::move(name);
    standing_.set_identity(member_->identity());
}

Status GroupPlace::turn() {
    member_->poll(kMemberPollMs, [this](const Assignment& assignment) { return take(assignment); });
    const std::int64_t now = boot_time_ms();
    if (was_silent()) {
        return Fault{FaultCode::fenced,
                     "handler " + options_.instance +
                         " was stopped for longer than a session of the group of " + topic() +
                         ": another one may have its shards, and it takes no further part"};
    }
    looked_ms_ = now;
    if (const std::optional<Fault> fatal = member_->fatal())
        return Fault{fatal->code, "group of " + topic() + ": " + fatal->message};
    note_identity();
    return settle();
}

}  // namespace vouch::kafka
