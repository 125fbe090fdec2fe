#include "tests/simulation/simulated_shard.h"

#include "command-handler/gateway/command_gateway.h"
#include "command-handler/shard/handler.h"
#include "events/entries/codec.h"
#include "events/world/condition.h"
#include "projector/views/follower.h"
#include "reconciler/replay/replay.h"
#include "tests/command-handler/log_fold.h"
#include "tests/support/wrapped_log.h"

#include <chrono>
#include <mutex>
#include <stdexcept>
#include <string_view>

namespace vouch::test {

namespace {

using namespace command_handler;

constexpr ShardId kShard(0);
/// Small, so that generations of facts and snapshots change over in a life.
constexpr std::size_t kGenerationFacts = 100;
constexpr std::uint64_t kSnapshotEvents = 200;
constexpr std::chrono::minutes kPatience{10};

}  // namespace

/// Every record that is handed to the log is in the trace.
class SimulatedShard::TracedLog final : public WrappedLog {
public:
    TracedLog(Log& log, FibreScheduler& world) : WrappedLog(log), world_(world) {}

    Result<CommitTicket> commit(ShardId shard, Term term, const Commit& commit) override {
        world_.note(commit.number.value());
        for (const ByteView piece : commit.record) {
            const auto* const chars = reinterpret_cast<const char*>(piece.data());
            world_.note(std::string_view(chars, piece.size()));
        }
        return log_.commit(shard, term, commit);
    }

private:
    FibreScheduler& world_;
};

/// Sends a batch of the load at a time and waits for its outcomes.
class SimulatedShard::Client final : public AnswerRecipient {
public:
    explicit Client(SimulatedShard& shard) : shard_(shard) {}

    AnswerMailbox& mailbox() { return mailbox_; }

    void send(CommandGateway& gateway, std::uint64_t batch) {
        const Bytes bytes = shard_.load_.batch(batch);
        std::vector<CommandBytes> members;
        if (split_batch(bytes, members)) throw std::logic_error("a batch of the load is unfit");
        batch_ = batch;
        unanswered_ = members.size();
        for (std::size_t i = 0; i < members.size(); ++i) {
            Arena arena;
            Command command;
            if (decode_command(members[i], arena, command))
                throw std::logic_error("a command of the load is unfit");
            if (!gateway.append(kShard, command, {&mailbox_, this, i}))
                throw std::logic_error("the gateway is full");
        }
        gateway.flush();
        while (unanswered_ > 0) take_mail();
    }

    void take_answer(std::uint64_t position, ShardId, const KeptAnswer& kept) override {
        const Answer& answer = kept.answer;
        shard_.take({batch_, position}, {answer.outcome, answer.record});
        newest_ = std::max(newest_, answer.record);
        --unanswered_;
    }
    void take_cut_off(std::uint64_t, const CutOff& cut) override {
        throw std::runtime_error("cut off: " + cut.by.fault.message);
    }

    /// That somebody was told of.
    RecordNumber newest() const { return newest_; }

private:
    void take_mail() {
        {
            std::unique_lock lock(mutex_);
            came_.wait(lock, [&] { return has_mail_; });
            has_mail_ = false;
        }
        if (const std::optional<Fault> fault = mailbox_.hand_over())
            throw std::runtime_error(fault->message);
    }
    void wake() {
        const std::lock_guard lock(mutex_);
        has_mail_ = true;
        came_.notify_one();
    }

    SimulatedShard& shard_;
    Mutex mutex_;
    Condition came_;
    bool has_mail_ = false;
    AnswerMailbox mailbox_{[this] { wake(); }};
    std::uint64_t batch_ = 0;
    std::size_t unanswered_ = 0;
    RecordNumber newest_;
};

SimulatedShard::SimulatedShard(std::uint64_t seed, LogPlace& place)
    : seed_(seed), place_(place), world_(seed), load_(seed, false) {
    // On a fibre: its ids are drawn.
    (void)world_.run("create", [&] {
        const NewDeployment made = make_deployment(1, false, world_.clock().now());
        deployment_ = made.deployment;
        keys_.emplace(make_test_keys(*deployment_));
        place_.create(made, *keys_);
    });
}

bool SimulatedShard::live_and_die(std::uint64_t steps) {
    world_.kill_at(world_.steps() + steps, [&] { disk_.power_off(); });
    if (world_.run("client", [&] { run_process(); })) return false;
    const std::uint64_t seed = seed_ + world_.steps();
    disk_.power_on(seed);
    shard_stores_.power_on(seed);
    view_stores_.power_on(seed);
    return true;
}

void SimulatedShard::live() {
    world_.kill_at(0, nullptr);
    (void)world_.run("client", [&] { run_process(); });
}

void SimulatedShard::run_process() {
    const std::unique_ptr<Log> opened = place_.open(disk_);
    TracedLog log(*opened, world_);
    Client client(*this);
    CommandGateway gateway(log, 1);
    gateway.add_mailbox(client.mailbox());
    HandlerOptions options;
    options.directory = "shards";
    options.files = &disk_;
    options.stores = &shard_stores_;
    options.bounds.generation_facts = kGenerationFacts;
    options.bounds.snapshot_events = kSnapshotEvents;
    const std::unique_ptr<Handler> handler =
        must(Handler::start(log, *deployment_, *keys_, world_.clock(), gateway, options));
    const auto views = must(
        projector::ShardViews::open(log, *deployment_, *keys_, "views", view_stores_));
    projector::Follower follower(log, *views);
    gateway.on_answers([&] { follower.notify(); });

    for (std::uint64_t batch = 0; batch < kBatches; ++batch) client.send(gateway, batch);
    if (!must(follower.wait_until(kShard, client.newest(), steady_now() + kPatience)))
        faults_.push_back("the view does not come to the newest record");
    must(handler->stop());
    gateway.stop();
    follower.stop();
}

void SimulatedShard::take(Place place, const Told& told) {
    const auto [known, is_new] = told_.emplace(place, told);
    if (is_new || known->second == told) return;
    faults_.push_back("batch " + std::to_string(place.first) + " member " +
                      std::to_string(place.second) + " is told otherwise than before");
}

std::vector<std::string> SimulatedShard::faults() {
    std::vector<std::string> all = faults_;
    const std::unique_ptr<LogReader> log = place_.open_reader(disk_);
    LogFold fold(*deployment_, *keys_);
    fold.read(*log);
    all.insert(all.end(), fold.faults.begin(), fold.faults.end());
    (void)world_.run("reconciler", [&] {
        reconciler::ReplayOptions options;
        options.keys = &*keys_;
        options.threads = 2;
        options.inputs = true;
        options.temporary = {.files = &disk_, .directory = "."};
        const auto report = must(reconciler::replay(*log, *deployment_, options));
        const auto& sent = report.shards[0].sent;
        const bool is_all_held = !sent || (sent->unchecked == 0 && sent->fault.empty());
        if (!report.is_clean() || !is_all_held) all.push_back(reconciler::to_text(report));
    });
    for (const auto& [place, told] : told_) {
        if (told.outcome == Outcome::conflict) continue;
        const auto decided =
            fold.outcomes.find({LedgerId(0), load_.id(place.first, place.second)});
        if (decided == fold.outcomes.end() || decided->second.outcome != told.outcome ||
            decided->second.record != told.record) {
            all.push_back("batch " + std::to_string(place.first) + " member " +
                          std::to_string(place.second) + " is lost");
        }
    }
    return all;
}

}  // namespace vouch::test
