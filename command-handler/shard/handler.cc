#include "command-handler/shard/handler.h"

#include "command-handler/shard/shard_loop.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <initializer_list>
#include <mutex>
#include <string>
#include <thread>

namespace vouch::command_handler {
namespace {

/// One shard: its loop and the thread that runs it.
struct ShardThread {
    explicit ShardThread(const ShardSurroundings& surroundings) : loop(surroundings) {}

    ShardLoop loop;
    std::thread thread;
    Status status;
};

class ThreadedHandler final : public Handler {
public:
    ThreadedHandler(std::uint32_t shard_count, AnswerSink& sink)
        : shard_count_(shard_count), sink_(sink), sent_(shard_count) {}

    ~ThreadedHandler() override { (void)stop(); }

    Status start(Log& log, const Deployment& deployment, const EpochKeys& keys, Clock& clock,
                 const HandlerOptions& options) {
        for (std::uint32_t i = 0; i < shard_count_; ++i) {
            const ShardSurroundings surroundings{ShardId(i), log,   deployment, keys,
                                                 clock,      sink_, options,    &sent_};
            shards_.push_back(std::make_unique<ShardThread>(surroundings));
        }
        if (Status status = start_loops(); !status) return status;
        for (const std::unique_ptr<ShardThread>& each : shards_) {
            each->thread = std::thread([this, shard = each.get()] { run(*shard); });
            const std::string name = "shard-" + std::to_string(each->loop.state().shard().value());
            ::pthread_setname_np(each->thread.native_handle(), name.c_str());
        }
        return {};
    }

    std::optional<KnownAccount> find_account(LedgerId ledger, AccountId account) override {
        return ask<KnownAccount>(shard_of(account, shard_count_),
                                 [=](ShardLoop& loop) -> std::optional<KnownAccount> {
                                     const AccountRow* row = loop.state().find(ledger, account);
                                     if (!row) return std::nullopt;
                                     return KnownAccount{loop.state().accounts().asset(*row)};
                                 });
    }

    std::optional<KnownHold> find_hold(LedgerId ledger, CommandId hold) override {
        const FactKey placed{FactKind::command, ledger, hold};
        return ask_every<KnownHold>({placed}, [=](ShardLoop& loop) -> std::optional<KnownHold> {
            const HoldState* open = loop.state().holds().find({ledger, hold});
            std::optional<HoldState> found = open ? std::optional<HoldState>(*open) : std::nullopt;
            if (!found) found = loop.facts().find_closed_hold(ledger, hold);
            if (!found) return std::nullopt;
            const AccountTable& accounts = loop.state().accounts();
            const AccountRow& payer = accounts.row(found->payer);
            AccountId payee = found->remote_payee;
            if (payee.is_zero() && found->payee) payee = accounts.row(*found->payee).id;
            return KnownHold{payer.id, payee, accounts.asset(payer)};
        });
    }

    std::optional<KnownEntry> find_entry(LedgerId ledger, CommandId entry) override {
        const FactKey own{FactKind::command, ledger, entry};
        const FactKey followed{FactKind::followed_entry, ledger, entry};
        return ask_every<KnownEntry>({own, followed}, [=](ShardLoop& loop) -> std::optional<KnownEntry> {
            const std::optional<PastCommand> past = loop.facts().find_command(ledger, entry);
            const bool is_own = past && !past->member && !past->in_transit &&
                                is_accepted(past->event.outcome) && !past->answered;
            if (!is_own) return find_followed(loop, ledger, entry);
            KnownEntry known;
            const AccountTable& accounts = loop.state().accounts();
            for (const Change& change : past->event.changes) {
                if (!change.side) continue;
                const AccountRow& row = accounts.row(change.account);
                known.postings.push_back({row.id, *change.side, change.amount});
                known.assets.push_back(accounts.asset(row));
            }
            if (known.postings.empty()) return std::nullopt;
            return known;
        });
    }

    std::optional<KnownCommand> find_command(const Command& command,
                                             std::optional<ShardId> decides) override {
        const auto look = [&](ShardLoop& loop) { return find_seen(loop, command); };
        for (std::uint32_t i = 0; i < shard_count_; ++i) {
            if (ShardId(i) == decides) continue;
            if (!facts(ShardId(i)).may_know({FactKind::command, command.ledger, command.id}))
                continue;
            std::optional<KnownCommand> known = ask<KnownCommand>(ShardId(i), look);
            if (!known) continue;
            if (decides && ask<KnownCommand>(*decides, look)) return std::nullopt;
            return known;
        }
        return std::nullopt;
    }

    std::optional<Fault> fault() const override {
        if (!is_cut_off_) return std::nullopt;
        const std::lock_guard lock(fault_mutex_);
        return fault_;
    }

    Status stop() override {
        for (const std::unique_ptr<ShardThread>& each : shards_) each->loop.stop();
        Status first;
        for (const std::unique_ptr<ShardThread>& each : shards_) {
            if (each->thread.joinable()) each->thread.join();
            if (first && !each->status) first = each->status;
        }
        return first;
    }

    std::span<const std::string> warnings() const override { return warnings_; }

private:
    /// Starts at once, at most: each holds a whole snapshot in memory for a moment.
    static constexpr std::size_t kStartsMax = 4;

    /// Side by side: a start is reading and, on brokers, waiting.
    Status start_loops() {
        for (std::size_t first = 0; first < shards_.size(); first += kStartsMax) {
            const std::size_t end = std::min(shards_.size(), first + kStartsMax);
            if (Status status = start_loops(first, end); !status) return status;
        }
        return {};
    }

    Status start_loops(std::size_t first, std::size_t end) {
        std::vector<std::future<Status>> starts;
        for (std::size_t i = first; i < end; ++i) {
            starts.push_back(std::async(std::launch::async,
                                        [&loop = shards_[i]->loop] { return loop.start(); }));
        }
        Status fault;
        for (std::size_t i = first; i < end; ++i) {
            const Status started = starts[i - first].get();
            if (fault && !started) fault = started;
            const std::span<const std::string> warnings = shards_[i]->loop.warnings();
            warnings_.insert(warnings_.end(), warnings.begin(), warnings.end());
        }
        return fault;
    }

    void run(ShardThread& shard) {
        shard.status = shard.loop.run();
        shard.loop.refuse_questions();
        if (!shard.status) sink_.stopped(shard.loop.state().shard(), shard.status.error());
    }

    /// An entry between two shards stands where its credit was posted: reversals and refunds are
    /// decided there.
    static std::optional<KnownEntry> find_followed(ShardLoop& loop, LedgerId ledger,
                                                   CommandId entry) {
        const std::optional<StepFollowed> followed =
            loop.facts().find_followed_entry(ledger, entry);
        if (!followed || followed->changes.size() != 2) return std::nullopt;
        const auto* credit = std::get_if<CreditStep>(&followed->step.kind);
        const auto* capture = std::get_if<CaptureStep>(&followed->step.kind);
        if (credit == nullptr && capture == nullptr) return std::nullopt;
        const AccountId payer = credit != nullptr ? credit->payer : capture->payer;
        const Change& posted = followed->changes.back();
        const AccountTable& accounts = loop.state().accounts();
        const AccountRow& payee = accounts.row(posted.account);
        const Asset asset = accounts.asset(payee);
        return KnownEntry{
            {{payer, Side::debit, posted.amount}, {payee.id, Side::credit, posted.amount}},
            {asset, asset}};
    }

    const ShardFacts& facts(ShardId shard) const { return shards_[shard.value()]->loop.facts(); }

    static std::optional<KnownCommand> find_seen(ShardLoop& loop, const Command& command) {
        const std::optional<PastCommand> past =
            loop.facts().find_command(command.ledger, command.id);
        if (!past) return std::nullopt;
        KnownCommand known{.shard = loop.state().shard(),
                           .record = past->record,
                           .event = past->number,
                           .has_same_content = same_content(past->command(), command),
                           .account = deciding_account(past->command()),
                           .in_transit = past->in_transit,
                           .details = std::nullopt};
        if (past->in_transit) return known;
        known.outcome = past->outcome();
        known.details = loop.details_of(*past);
        return known;
    }

    template <class Known, class Find>
    std::optional<Known> ask(ShardId shard, Find find) {
        ShardThread& asked = *shards_[shard.value()];
        std::promise<std::optional<Known>> promise;
        std::future<std::optional<Known>> future = promise.get_future();
        const bool is_asked = asked.loop.ask([&](ShardLoop& loop) {
            std::optional<Known> known = find(loop);
            // What cannot be read is not unknown.
            if (const std::optional<Fault>& fault = loop.facts().fault()) {
                cut_off(*fault);
                known.reset();
            }
            promise.set_value(std::move(known));
        });
        if (is_asked) return future.get();
        cut_off(asked.status ? Fault{FaultCode::retriable, "shard " +
                                                               std::to_string(shard.value()) +
                                                               " has stopped"}
                             : asked.status.error());
        return std::nullopt;
    }

    /// Before who asked is told.
    void cut_off(const Fault& fault) {
        const std::lock_guard lock(fault_mutex_);
        if (!fault_) fault_ = fault;
        is_cut_off_ = true;
    }

    /// Asks the shards that may know one of these facts.
    template <class Known, class Find>
    std::optional<Known> ask_every(std::initializer_list<FactKey> keys, Find find) {
        for (std::uint32_t i = 0; i < shard_count_; ++i) {
            const auto is_known = [&](const FactKey& key) {
                return facts(ShardId(i)).may_know(key);
            };
            if (std::none_of(keys.begin(), keys.end(), is_known)) continue;
            if (std::optional<Known> known = ask<Known>(ShardId(i), find)) return known;
        }
        return std::nullopt;
    }

    std::uint32_t shard_count_;
    AnswerSink& sink_;
    SentSteps sent_;  // the shards' threads use it
    std::vector<std::unique_ptr<ShardThread>> shards_;
    std::vector<std::string> warnings_;
    mutable std::mutex fault_mutex_;
    std::optional<Fault> fault_;
    std::atomic<bool> is_cut_off_{false};  ///< `fault_` is there
};

}  // namespace

Result<std::unique_ptr<Handler>> Handler::start(Log& log, const Deployment& deployment,
                                                const EpochKeys& keys, Clock& clock,
                                                AnswerSink& sink, const HandlerOptions& options) {
    auto handler = std::make_unique<ThreadedHandler>(deployment.shards, sink);
    if (Status status = handler->start(log, deployment, keys, clock, options); !status)
        return status.error();
    return std::unique_ptr<Handler>(std::move(handler));
}

}  // namespace vouch::command_handler
