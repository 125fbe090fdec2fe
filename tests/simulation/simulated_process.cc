#include "tests/simulation/simulated_process.h"

#include "command-handler/gateway/command_gateway.h"
#include "command-handler/shard/handler.h"
#include "events/entries/codec.h"
#include "events/seal/record.h"
#include "events/world/condition.h"
#include "events/world/random.h"
#include "projector/views/follower.h"
#include "tests/support/wrapped_log.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace vouch::test {

namespace {

using namespace command_handler;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// Small, so that generations of facts and snapshots change over in a life: many times, or some.
struct Bounds {
    std::size_t generation_facts;
    std::uint64_t snapshot_events;
};
constexpr Bounds kSmallest{15, 20};
constexpr Bounds kSmall{100, 200};
/// Commands of a client that are sent and not answered.
constexpr std::size_t kInFlightMax = 128;
constexpr milliseconds kLookAround{1'000};
constexpr minutes kPatience{2};
/// Questions about settled times.
constexpr seconds kAskEvery{20};
/// A process goes on for so long with the shards that it has left, and what is sent to them for as
/// long as this is answered.
constexpr seconds kGoesOnWithout{60};
constexpr seconds kAnswersWithin{30};
/// For what nobody waits for: holds that expire, their steps, marks. Again while steps are under
/// way, at most so often. No hold lasts as long to the moment: one that expires at the end is half
/// released.
constexpr seconds kRest{7};
/// Steps that were lost are built again after two minutes.
constexpr int kRestsMax = 30;

constexpr std::string_view kOneStop = "one stop stops no other";

/// Every record that is handed to the log is in the trace.
class TracedLog final : public WrappedLog {
public:
    TracedLog(Log& log, const ProcessSurroundings& with) : WrappedLog(log), with_(with) {}

    Result<CommitTicket> commit(ShardId shard, Term term, const Commit& commit) override {
        Bytes record;
        for (const ByteView piece : commit.record)
            record.insert(record.end(), piece.begin(), piece.end());
        with_.world.note(commit.number.value());
        with_.world.note(
            std::string_view(reinterpret_cast<const char*>(record.data()), record.size()));
        with_.auditor.see_sealed({commit.number, std::move(record)},
                                 with_.machine.clock.believed.records_ahead_us());
        return log_.commit(shard, term, commit);
    }

private:
    const ProcessSurroundings& with_;
};

/// Sends what is due and not told, and hears what becomes of it.
class Client final : public AnswerRecipient {
public:
    Client(const ProcessSurroundings& with, Log& log, CommandGateway& gateway)
        : with_(with), log_(log), gateway_(gateway), sent_(with.orders.all().size()) {
        gateway_.add_mailbox(mailbox_);
    }

    /// Until all that there ever is to do was told, and no fault keeps a process from its rest.
    void serve(const Handler& handler, projector::ShardViews& views,
               const projector::Follower& follower) {
        audit(follower);  // of what the life before has left, too
        SteadyTime ask_at = steady_now();
        while (!with_.orders.are_told() || with_.world.elapsed() < with_.plan.length) {
            send_due();
            await_mail();
            if (const std::optional<Fault> fault = mailbox_.hand_over())
                stop_for_all(handler, *fault);
            see_stops(handler);
            if (steady_now() >= ask_at) {
                with_.questions.ask(views, random_number());
                ask_at = steady_now() + kAskEvery;
            }
            if (!has_news_) continue;
            has_news_ = false;
            audit(follower);
        }
    }

    void audit(const projector::Follower& follower) {
        // Before the log is looked at, which may grow meanwhile.
        std::vector<RecordNumber> seen;
        for (std::uint32_t i = 0; i < with_.deployment.shards; ++i)
            seen.push_back(follower.position(ShardId(i)));
        with_.auditor.look(log_);
        for (const auto& [order, told] : told_) with_.auditor.tell(order, told);
        told_.clear();
        with_.auditor.look(log_);
        for (std::uint32_t i = 0; i < seen.size(); ++i)
            with_.auditor.see_view(ShardId(i), seen[i]);
    }

    void take_answer(std::uint64_t order, ShardId shard, const KeptAnswer& kept) override {
        sent_[order].is_decided = true;
        if (!is_final(kept.answer)) return;
        with_.machine.is_at_work = true;
        --in_flight_;
        told_.emplace_back(order, Told{kept.answer.outcome, shard, kept.answer.record});
        if (with_.tell) {
            with_.tell("is answered " + std::string(to_text(kept.answer.outcome)) + " in record " +
                       std::to_string(kept.answer.record.value()) + " to " +
                       with_.orders.text(order));
        }
        has_news_ = true;
    }
    /// The next life sends it again.
    void take_cut_off(std::uint64_t order, const CutOff& cut) override {
        sent_[order].is_decided = true;
        --in_flight_;
        if (with_.tell)
            with_.tell("cuts off " + with_.orders.text(order) + ": " + cut.by.fault.message);
    }

private:
    struct Sent {
        std::optional<SteadyTime> at;  ///< in this life
        bool is_decided = false;       ///< or no answer will come
    };

    /// Nothing goes on: for a fault of the log, or of every shard.
    void stop_for_all(const Handler& handler, const Fault& fault) {
        const bool is_of_shard =
            fault.code == FaultCode::corrupt || fault.code == FaultCode::storage;
        if (is_of_shard && !log_.failure() &&
            handler.stopped().size() < with_.deployment.shards)
            with_.auditor.violate(kOneStop, "the others were told: " + fault.message);
        stop_for(fault);
    }

    /// Who operates it lets it go on for a while, and starts it again.
    void see_stops(const Handler& handler) {
        const std::vector<StoppedShard> stopped = handler.stopped();
        const std::vector<HeldBack> held = handler.held_back();
        if (stopped.empty() && held.empty()) return;
        if (!ends_at_) {
            ends_at_ = steady_now() + kGoesOnWithout;
            return with_.stood_alone();
        }
        if (steady_now() < *ends_at_) return;
        if (!with_.is_disturbed()) demand_answers(stopped);
        stop_for(stopped.empty() ? held.front().fault : stopped.front().fault);
    }

    void demand_answers(const std::vector<StoppedShard>& stopped) {
        for (std::size_t i = 0; i < sent_.size(); ++i) {
            const bool is_late = sent_[i].at && !sent_[i].is_decided &&
                                 *sent_[i].at + kAnswersWithin < steady_now();
            const ShardId home = with_.orders.all()[i].home;
            if (is_late && std::ranges::find(stopped, home, &StoppedShard::shard) == stopped.end())
                with_.auditor.violate(kOneStop, with_.orders.text(i) + " has no answer");
        }
    }

    void send_due() {
        for (const std::size_t order : with_.orders.due(with_.world.elapsed())) {
            if (in_flight_ >= kInFlightMax) break;
            if (sent_[order].at) continue;
            send(order);
        }
        gateway_.flush();
    }

    void send(std::size_t index) {
        const Orders::Order& order = with_.orders.all()[index];
        std::vector<CommandBytes> members;
        Arena arena;
        Command command;
        if (split_batch(order.bytes, members) || decode_command(members[0], arena, command))
            throw std::logic_error("an order is unfit");
        if (!gateway_.append(order.home, command, {&mailbox_, this, index}))
            throw std::logic_error("the gateway is full");
        if (with_.tell) with_.tell("is sent " + with_.orders.text(index));
        sent_[index].at = steady_now();
        ++in_flight_;
    }

    void await_mail() {
        SteadyTime until = steady_now() + kLookAround;
        if (const auto next = with_.orders.next_due(with_.world.elapsed()))
            until = std::min(until, SteadyTime() + *next);
        std::unique_lock lock(mutex_);
        came_.wait_until(lock, until, [&] { return has_mail_; });
        has_mail_ = false;
    }
    void wake() {
        const std::lock_guard lock(mutex_);
        has_mail_ = true;
        came_.notify_one();
    }

    const ProcessSurroundings& with_;
    Log& log_;
    CommandGateway& gateway_;
    Mutex mutex_;
    Condition came_;
    bool has_mail_ = false;
    AnswerMailbox mailbox_{[this] { wake(); }};
    std::vector<Sent> sent_;  // by order
    std::optional<SteadyTime> ends_at_;  // since a shard has stopped
    std::size_t in_flight_ = 0;
    bool has_news_ = false;
    std::vector<std::pair<std::size_t, Told>> told_;  // not yet audited
};

HandlerOptions options_of(const ProcessSurroundings& with) {
    Machine& machine = with.machine;
    HandlerOptions options;
    options.accept_clock = with.accept_clock;
    options.moved_inputs = with.moved_inputs;
    options.asked_by = "operator";
    options.directory = Machine::kShards;
    options.files = &machine.disk;
    options.stores = &*machine.stores;
    const Bounds& bounds = with.plan.has_small_bounds ? kSmallest : kSmall;
    options.bounds.generation_facts = bounds.generation_facts;
    options.bounds.snapshot_events = bounds.snapshot_events;
    return options;
}

}  // namespace

void run_simulated_process(const ProcessSurroundings& with) {
    const std::unique_ptr<Log> opened = must(with.place.open(with.machine));
    with.machine.has_opened_log = true;
    TracedLog log(*opened, with);
    with.auditor.begin(log, with.plan.is_on_kafka && with.is_disturbed());
    const std::uint32_t shards = with.deployment.shards;
    CommandGateway gateway(log, shards);
    Client client(with, log, gateway);
    BelievedClock& believed = with.machine.clock.believed;
    believed.begin_start(with.accept_clock.has_value());
    const std::unique_ptr<Handler> handler = must(Handler::start(
        log, with.deployment, with.keys, with.machine.clock, gateway, options_of(with)));
    believed.end_start(handler->stopped().empty());
    const auto views = must(projector::ShardViews::open(
        log, with.deployment, with.keys, Machine::kViews, *with.machine.views));
    projector::Follower follower(log, *views, {.look_interval = kLookAround});
    gateway.on_answers([&] { follower.notify(); });

    client.serve(*handler, *views, follower);
    for (int rests = 0; rests == 0 || (rests < kRestsMax && !with.auditor.is_at_rest()); ++rests) {
        sleep_for(kRest);
        client.audit(follower);
    }
    for (std::uint32_t i = 0; i < shards; ++i) {
        const ShardId shard(i);
        const RecordNumber end = must(log.end(shard));
        if (end == RecordNumber()) continue;
        const RecordNumber newest(end.value() - 1);
        if (!must(follower.wait_until(shard, newest, steady_now() + kPatience)))
            with.auditor.violate("views catch up", "shard " + std::to_string(i));
        client.audit(follower);
    }
    with.questions.ask_again(*views);
    must(handler->stop());
    gateway.stop();
    follower.stop();
    client.audit(follower);
}

}  // namespace vouch::test
