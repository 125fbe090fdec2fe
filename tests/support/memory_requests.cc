#include "tests/support/memory_broker.h"

#include <algorithm>
#include <chrono>
#include <utility>

// What is asked of a broker, how it travels, and what becomes of it later.

namespace vouch::test {

using std::chrono::microseconds;
using std::chrono::milliseconds;

namespace {

/// How soon librdkafka sends a request again: after an answer that asks for it, and after a cut.
constexpr milliseconds kAskAgain{20}, kConnectAgain{100};
/// What a topic takes that says nothing of it.
constexpr std::size_t kMessageBytesDefault = 1'048'588;

std::size_t message_bytes_max(const kafka::SettingsOf& settings) {
    const auto found = settings.find("max.message.bytes");
    return found == settings.end() ? kMessageBytesDefault : std::stoull(found->second);
}

}  // namespace

// --- How requests travel ----------------------------------------------------------------------

void MemoryBroker::set_faults(const BrokerFaults& faults) {
    const std::lock_guard lock(mutex_);
    faults_ = faults;
}

void MemoryBroker::meet(Request request, const Met& met) {
    const std::lock_guard lock(mutex_);
    met_[request].push_back(met);
}

bool MemoryBroker::happens(std::uint32_t of_a_million) {
    if (of_a_million == 0 || random_() % 1'000'000 >= of_a_million) return false;
    ++troubles_.drawn;
    return true;
}

microseconds MemoryBroker::draw_time(std::uint32_t us_max) {
    if (us_max == 0) return microseconds(0);
    ++troubles_.drawn;
    return microseconds(static_cast<std::int64_t>(random_() % (us_max + 1ULL)));
}

MemoryBroker::Met MemoryBroker::draw_fate(Request kind) {
    if (auto& planned = met_[kind]; !planned.empty()) {
        const Met met = planned.front();
        planned.pop_front();
        return met;
    }
    Met met;
    if (happens(faults_.request_lost)) met.fate = Fate::request_lost;
    else if (happens(faults_.answer_lost)) met.fate = Fate::answer_lost;
    else if (happens(faults_.request_late)) met.fate = Fate::late;
    if (met.fate == Fate::answered) return met;
    met.is_silent = happens(faults_.silent);
    met.late_us = draw_time(faults_.late_us).count();
    return met;
}

Reply MemoryBroker::ask(Lock& lock, Request kind, SteadyTime until, const Work& request,
                         Count* count) {
    const auto pass = [&](SteadyTime::duration time) {
        if (time.count() > 0)
            (void)await(lock, std::min(until, steady_now() + time), [] { return false; });
    };
    do {
        if (!await(lock, until, [&] { return is_there(); })) return Reply::unanswered;
        pass(draw_time(faults_.latency_us));
        if (is_away_) continue;
        if (count != nullptr) ++count->sent;
        const Met met = draw_fate(kind);
        switch (met.fate) {
            case Fate::answered: {
                const Reply answer = request();
                tell();
                if (count != nullptr) ++count->answered;
                if (!is_sent_again(answer)) return answer;
                pass(kAskAgain);
                continue;
            }
            case Fate::answer_lost:
                (void)request();
                tell();
                break;
            case Fate::request_lost:
                break;
            case Fate::late:
                if (kind != Request::question)
                    do_later(microseconds(met.late_us), [request] { (void)request(); });
                break;
        }
        pass(met.is_silent ? std::max(SteadyTime::duration(0), until - steady_now())
                           : SteadyTime::duration(kConnectAgain));
    } while (steady_now() < until);
    return Reply::unanswered;
}

bool MemoryBroker::await_back(Lock& lock, std::int64_t timeout_ms) {
    return await(lock, steady_now() + milliseconds(timeout_ms), [&] { return is_there(); });
}

bool MemoryBroker::is_there() {
    if (is_away_) ++troubles_.away;
    return !is_away_;
}

void MemoryBroker::do_later(microseconds time, std::function<void()> what) {
    later_.emplace(now() + time, std::move(what));
}

SteadyTime MemoryBroker::next_due() const {
    const SteadyTime overdue = coordinator_.next_overdue();
    return later_.empty() ? overdue : std::min(later_.begin()->first, overdue);
}

/// Each at its time and in the order of these, although nobody may have asked meanwhile.
void MemoryBroker::go_on() {
    const SteadyTime until = now();
    for (SteadyTime due = next_due(); due <= until; due = next_due()) {
        const std::optional<SteadyTime> before = std::exchange(now_, due);
        if (!later_.empty() && later_.begin()->first <= due) {
            const auto first = later_.extract(later_.begin());
            first.mapped()();
        } else {
            coordinator_.abort_overdue(due);
            settle_marks();
        }
        now_ = before;
    }
    bool has_ended = false;
    for (auto& [name, group] : groups_)
        has_ended = group.end_sessions(boot_time_ms()) || has_ended;
    if (has_ended) changed_.notify_all();
    tell();
}

void MemoryBroker::move_coordinator(const std::string& of, std::int64_t ms) {
    const std::lock_guard lock(mutex_);
    moving_[of] = steady_now() + milliseconds(ms);
    groups_[of].renew_sessions(boot_time_ms() + ms);
}

/// All that the one before knew, the next one knows; members have new sessions.
bool MemoryBroker::is_moving(const std::string& coordinated) {
    if (happens(faults_.coordinator_moves)) {
        const microseconds time = draw_time(faults_.move_us);
        moving_[coordinated] = now() + time;
        if (const auto group = groups_.find(coordinated); group != groups_.end())
            group->second.renew_sessions(boot_time_ms() + time.count() / 1'000);
    }
    const auto found = moving_.find(coordinated);
    return found != moving_.end() && now() < found->second;
}

bool MemoryBroker::has_leader(const Place& place) {
    const auto found = leaderless_.find(place);
    if (found == leaderless_.end() || now() >= found->second) return true;
    ++troubles_.leaderless;
    return false;
}

// --- What is asked ----------------------------------------------------------------------------

MemoryCoordinator::Life MemoryBroker::init(const std::string& name, std::int64_t timeout_ms) {
    if (is_moving(name)) return {Reply::not_coordinator};
    const auto life = coordinator_.init(name, milliseconds(timeout_ms));
    settle_marks();
    return life;
}

Reply MemoryBroker::add(const std::string& name, const ProducerLife& who,
                         const std::set<Place>& places) {
    if (is_moving(name)) return Reply::not_coordinator;
    return coordinator_.add(name, who, places, now());
}

MemoryPartition::Appended MemoryBroker::produce(const std::string& name, const Place& place,
                                                Entry entry) {
    MemoryPartition* const partition = find(place);
    if (partition == nullptr) return {Reply::unknown_topic};
    if (happens(faults_.leader_moves))
        leaderless_[place] = now() + draw_time(faults_.move_us);
    if (!has_leader(place)) return {Reply::not_leader};
    const std::size_t size = entry.message->key.size() + entry.message->payload.size();
    if (size > message_bytes_max(topics_.at(place.first).settings))
        return {Reply::message_too_large};
    const ProducerLife who = entry.from;
    const auto appended = partition->append(
        std::move(entry), [&] { return coordinator_.verify(name, who, place, now()); });
    if (appended.answer != Reply::done) return appended;
    spoil(place, appended.offset);
    changed(place);
    if (const auto late = ends_again_.find(name); late != ends_again_.end()) {
        for (Work& end : std::exchange(late->second, {}))
            do_later(draw_time(faults_.late_us), [end = std::move(end)] { (void)end(); });
        go_on();
    }
    return appended;
}

Reply MemoryBroker::consume(const std::string& name, const ProducerLife& who,
                             const std::string& group, const MemoryGroup::Offsets& offsets,
                             const std::string& identity) {
    if (is_moving(group)) return Reply::not_coordinator;
    const Reply verified = coordinator_.verify(name, who, {group, kGroupPlace}, now());
    if (verified != Reply::done) return verified;
    return groups_[group].consume(who, offsets, identity);
}

MemoryCoordinator::Life MemoryBroker::end(const std::string& name, const ProducerLife& who,
                                          bool commits) {
    if (is_moving(name)) return {Reply::not_coordinator};
    const auto life = coordinator_.end(name, who, commits);
    settle_marks();
    return life;
}

void MemoryBroker::end_again_later(const std::string& name, Work end) {
    ends_again_[name].push_back(std::move(end));
}

void MemoryBroker::settle_marks() {
    for (const MemoryCoordinator::Mark& mark : coordinator_.take_marks()) {
        if (holds_marks_) held_marks_.push_back(mark), ++troubles_.marks_held;
        else if (faults_.marks_us == 0) write(mark);
        else do_later(draw_time(faults_.marks_us), [this, mark] { write(mark); });
    }
}

void MemoryBroker::write(const MemoryCoordinator::Mark& mark) {
    if (mark.place.second == kGroupPlace) {
        groups_[mark.place.first].mark(mark.by, mark.commits);
    } else if (MemoryPartition* const partition = find(mark.place)) {
        partition->mark(mark.by, mark.commits);
        changed(mark.place);
    }
    coordinator_.written(mark);
}

}  // namespace vouch::test
