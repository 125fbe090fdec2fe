#include "events/log/kafka/cluster_watch.h"

#include "events/log/kafka/topics.h"
#include "events/world/clock.h"
#include "events/world/notice.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace vouch::kafka {
namespace {

constexpr std::chrono::milliseconds kLookEvery{1'000};
constexpr std::chrono::milliseconds kStillFor{2'000};
/// A handler's own transaction is ended by then: brokers look every ten seconds for overdue ones.
constexpr std::chrono::milliseconds kOwnEndedAfter{kTransactionTimeoutMs + 10'000};
/// Every so many looks at the inputs there is one at the cluster: its settings change seldom.
constexpr int kLooksOfCluster = 60;
/// Once one broker has answered, nobody counts for how long another one does not.
constexpr int kClusterTimeoutMs = 2'000;
/// An input without a leader holds up the look at the others for no longer.
constexpr int kInputTimeoutMs = 2'000;
/// When one input is not answered for: whether another one still is.
constexpr int kProbeTimeoutMs = 450;
/// The broker that is gone may lead the first one, too. All together stay below kUnansweredMax.
constexpr int kProbesMax = 2;
static_assert(std::chrono::milliseconds(kInputTimeoutMs + kProbesMax * kProbeTimeoutMs) <
              ClusterWatch::kUnansweredMax);

/// One of the partitions that are watched.
struct Watched {
    std::string topic;
    std::int32_t partition;
    bool is_of_handlers;  ///< their transactions write there
    std::int64_t stable_end = -1;
    SteadyTime since{};  ///< when it was seen there first, of looks without a gap
    Timestamp since_time{0};     ///< the same for people
    bool may_be_own = false;     ///< what holds it up, as the alarm says
    std::optional<LogAlarm> alarm{};
};

std::string text_of(const Watched& watched, std::int64_t high, const std::string& bootstrap) {
    const std::string partition = std::to_string(watched.partition);
    const std::string end = std::to_string(watched.stable_end);
    const std::string what = "topic " + watched.topic + " partition " + partition +
                             ": its stable end stands still at offset " + end + " of " +
                             std::to_string(high) +
                             ": a transaction stays open there, and nothing behind it is read. ";
    if (watched.may_be_own)
        return what + "It may be a handler's own, which needs nothing: brokers end it soon";
    return what + "What ends it: kafka-transactions.sh --bootstrap-server " + bootstrap +
           " abort --topic " + watched.topic + " --partition " + partition + " --start-offset " +
           end;
}

void tell_of(const LogAlarm& alarm) { tell({Severity::alarm, "brokers", alarm.what}); }

/// An input that nobody answers for is none that stands still. False then. `heard` is called when
/// half of it is answered.
bool look_at_input(Watched& input, Watermarks& watermarks, const std::string& bootstrap,
                   const std::function<void()>& heard) {
    // The high watermark first: what is stable then reaches it, unless something is open.
    const Result<std::int64_t> high =
        watermarks.high(input.topic, input.partition, kInputTimeoutMs);
    if (high) heard();
    const Result<std::int64_t> stable =
        high ? watermarks.stable_end(input.topic, input.partition, kInputTimeoutMs) : high;
    const SteadyTime now = steady_now();
    if (!stable || *stable >= *high || *stable != input.stable_end) {
        input.stable_end = stable ? *stable : -1;
        input.since = now;
        input.since_time = SystemClock().now();
        input.alarm.reset();
        return stable.has_value();
    }
    const bool may_be_own = input.is_of_handlers && now - input.since < kOwnEndedAfter;
    if (now - input.since < kStillFor || (input.alarm && input.may_be_own == may_be_own))
        return true;
    input.may_be_own = may_be_own;
    input.alarm = LogAlarm{text_of(input, *high, bootstrap), input.since_time};
    tell_of(*input.alarm);
    return true;
}

/// Sets `alarms` to what is wrong now, unless that cannot be said; what was wrong before is not
/// told again.
void look_at_cluster(const KafkaLogOptions& options, std::vector<LogAlarm>& alarms,
                     const std::function<void()>& heard) {
    const Result<std::vector<Fault>> faults = find_cluster_faults(options, heard);
    if (!faults) return;
    std::vector<LogAlarm> found;
    for (const Fault& fault : *faults) {
        const auto before = std::ranges::find(alarms, fault.message, &LogAlarm::what);
        found.push_back(before == alarms.end() ? LogAlarm{fault.message, SystemClock().now()}
                                               : *before);
        if (before == alarms.end()) tell_of(found.back());
    }
    alarms = std::move(found);
}

/// Asks for other inputs, from `asked` on, until one is answered for: several inputs without a
/// leader are not all brokers gone.
bool is_another_answered(const std::vector<Watched>& all, const Watched& unanswered,
                         std::size_t& asked, Watermarks& watermarks) {
    for (int i = 0; i < kProbesMax; ++i) {
        if (i > 0) asked = (asked + 1) % all.size();
        if (&all[asked] == &unanswered) asked = (asked + 1) % all.size();
        const Watched& other = all[asked];
        if (watermarks.high(other.topic, other.partition, kProbeTimeoutMs)) return true;
    }
    return false;
}

}  // namespace

ClusterWatch::ClusterWatch(const KafkaLogOptions& options, Watermarks& watermarks)
    : options_(options), watermarks_(watermarks), thread_("inputs", [this] { run(); }) {}

ClusterWatch::~ClusterWatch() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    stopped_.notify_all();
    thread_.join();
}

/// False when it is time to end.
bool ClusterWatch::pause() {
    std::unique_lock lock(mutex_);
    return !stopped_.wait_for(lock, kLookEvery, [&] { return is_stopping_; });
}

bool ClusterWatch::is_stopping() {
    const std::lock_guard lock(mutex_);
    return is_stopping_;
}

void ClusterWatch::begin_asking() {
    const std::lock_guard lock(mutex_);
    if (!unanswered_since_) unanswered_since_ = steady_now();
}

void ClusterWatch::take_answer() {
    const std::lock_guard lock(mutex_);
    unanswered_since_.reset();
    answered_at_ = steady_now();
}

std::chrono::nanoseconds ClusterWatch::unanswered_for() {
    const std::lock_guard lock(mutex_);
    return steady_now() - answered_at_;
}

std::optional<Fault> ClusterWatch::unreachable() {
    const std::lock_guard lock(mutex_);
    if (!unanswered_since_ || steady_now() - *unanswered_since_ < kUnansweredMax)
        return std::nullopt;
    return Fault{FaultCode::retriable, "no broker of " + options_.bootstrap + " answers"};
}

std::optional<Fault> ClusterWatch::waits() {
    {
        const std::lock_guard lock(mutex_);
        if (gone_) return Fault{FaultCode::retriable, gone_->what};
    }
    return unreachable();
}

/// What is gone stays so until all is answered for again.
void ClusterWatch::look_for_gone_topic(const KafkaLogOptions& impatient) {
    if (is_stopping()) return;
    std::optional<SteadyTime> before;
    {
        const std::lock_guard lock(mutex_);
        before = unanswered_since_;
    }
    begin_asking();
    const Result<std::optional<Fault>> gone = find_gone_topic(impatient);
    if (!gone) {
        // The broker that is gone may have been asked: of the others that says nothing.
        const std::lock_guard lock(mutex_);
        unanswered_since_ = before;
        return;
    }
    take_answer();
    set_gone(*gone);
}

void ClusterWatch::set_gone(std::optional<Fault> gone) {
    std::optional<LogAlarm> found;
    if (gone) found = LogAlarm{gone->message, SystemClock().now()};
    {
        const std::lock_guard lock(mutex_);
        if (gone_ && found && gone_->what == found->what) return;
        gone_ = found;
    }
    if (found) tell_of(*found);
}

void ClusterWatch::run() {
    std::vector<Watched> all;
    for (std::uint32_t i = 0; i < options_.shard_count; ++i) {
        const auto partition = static_cast<std::int32_t>(i);
        all.push_back({commands_topic(options_), partition, false});
        all.push_back({steps_topic(options_), partition, true});
    }
    const Watched events{events_topic(options_), 0, true};  // of these it is only asked for
    KafkaLogOptions impatient = options_;
    impatient.patience_ms = kClusterTimeoutMs;
    std::vector<LogAlarm> of_cluster;
    const auto go_on_asking = [this] {
        take_answer();
        begin_asking();
    };
    std::size_t answered = 0;  // the last that was
    for (std::int64_t looks = 0; pause(); ++looks) {
        begin_asking();
        if (looks % kLooksOfCluster == 0)
            look_at_cluster(impatient, of_cluster, [this] { take_answer(); });
        if (is_stopping()) return;
        bool is_all_answered = true;
        const auto note = [&](bool is_answered) {
            if (!is_answered && is_all_answered) look_for_gone_topic(impatient);
            is_all_answered = is_all_answered && is_answered;
        };
        begin_asking();
        const bool has_events =
            watermarks_.high(events.topic, events.partition, kInputTimeoutMs).has_value();
        if (has_events || is_another_answered(all, events, answered, watermarks_)) take_answer();
        note(has_events);
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (is_stopping()) return;
            begin_asking();
            const bool is_reached =
                look_at_input(all[i], watermarks_, options_.bootstrap, go_on_asking);
            if (is_reached) answered = i;
            if (is_reached || is_another_answered(all, all[i], answered, watermarks_))
                take_answer();
            note(is_reached);
        }
        if (is_all_answered) set_gone(std::nullopt);
        std::vector<LogAlarm> alarms = of_cluster;
        for (const Watched& each : all) {
            if (each.alarm) alarms.push_back(*each.alarm);
        }
        const std::lock_guard lock(mutex_);
        alarms_ = std::move(alarms);
    }
}

std::vector<LogAlarm> ClusterWatch::alarms() {
    const std::lock_guard lock(mutex_);
    std::vector<LogAlarm> all = alarms_;
    if (gone_) all.push_back(*gone_);
    return all;
}

}  // namespace vouch::kafka
