#include "command-handler/shard/handler.h"

#include "command-handler/shard/answer_details.h"
#include "command-handler/shard/shard_loop.h"
#include "events/log/verified_reader.h"
#include "events/world/condition.h"
#include "events/world/notice.h"
#include "events/world/thread.h"

#include <algorithm>
#include <initializer_list>
#include <string>

namespace vouch::command_handler {
namespace {

/// One shard: its loop and the thread that runs it.
struct ShardThread {
    explicit ShardThread(const ShardEnvironment& environment) : loop(environment) {}

    ShardLoop loop;
    Thread thread;
    Status status;
};

class ThreadedHandler final : public Handler {
public:
    ThreadedHandler(std::uint32_t shard_count, AnswerSink& sink)
        : shard_count_(shard_count), sink_(sink), sent_(shard_count) {}

    ~ThreadedHandler() override { (void)stop(); }

    Status start(Log& log, const Deployment& deployment, const EpochKeys& keys, Clock& clock,
                 const HandlerOptions& options) {
        if (Status kept = open_ends(deployment, keys, options); !kept) return kept;
        for (std::uint32_t i = 0; i < shard_count_; ++i) {
            const ShardEnvironment environment{ShardId(i), log,     deployment, keys,  clock,
                                                 sink_,      options, &sent_,     &cuts_,
                                                 ends_.get()};
            shards_.push_back(std::make_unique<ShardThread>(environment));
        }
        log_ = &log;
        if (Status status = start_loops(); !status) return status;
        const auto is_stopped = [](const auto& each) { return !each->status; };
        if (std::all_of(shards_.begin(), shards_.end(), is_stopped)) return shards_.front()->status;
        for (const std::unique_ptr<ShardThread>& each : shards_) {
            if (each->status) continue;
            note_stop(*each);
            each->loop.refuse_questions();
        }
        for (std::size_t i = 0; i < shards_.size(); ++i) {
            ShardThread& each = *shards_[i];
            if (!each.status) continue;
            each.thread = Thread("shard-" + std::to_string(i), [this, &each] { run(each); });
        }
        return {};
    }

    LookUp<KnownAccount> find_account(LedgerId ledger, AccountId account) override {
        return ask<KnownAccount>(shard_of(account, shard_count_),
                                 [=](ShardLoop& loop) -> std::optional<KnownAccount> {
                                     const ShardState& state = loop.books().state;
                                     const AccountRow* row = state.find(ledger, account);
                                     if (!row) return std::nullopt;
                                     return KnownAccount{state.accounts().asset(*row)};
                                 });
    }

    LookUp<KnownHold> find_hold(LedgerId ledger, CommandId hold) override {
        const FactKey placed{FactKind::command, ledger, hold};
        return ask_every<KnownHold>({placed}, [=](ShardLoop& loop) -> std::optional<KnownHold> {
            const HoldState* open = loop.books().state.holds().find({ledger, hold});
            std::optional<HoldState> found = open ? std::optional<HoldState>(*open) : std::nullopt;
            if (!found) found = loop.books().facts->find_closed_hold(ledger, hold);
            if (!found) return std::nullopt;
            const AccountTable& accounts = loop.books().state.accounts();
            const AccountRow& payer = accounts.row(found->payer);
            AccountId payee = found->remote_payee;
            if (payee.is_zero() && found->payee) payee = accounts.row(*found->payee).id;
            return KnownHold{payer.id, payee, accounts.asset(payer)};
        });
    }

    LookUp<KnownEntry> find_entry(LedgerId ledger, CommandId entry) override {
        const FactKey own{FactKind::command, ledger, entry};
        const FactKey followed{FactKind::followed_entry, ledger, entry};
        const auto find = [=](ShardLoop& loop) -> std::optional<KnownEntry> {
            const std::optional<PastCommand> past = loop.books().facts->find_command(ledger, entry);
            const bool is_own = past && !past->member && !past->in_transit &&
                                is_accepted(past->event.outcome) && !past->answered;
            if (!is_own) return find_followed(loop, ledger, entry);
            KnownEntry known;
            const AccountTable& accounts = loop.books().state.accounts();
            for (const Change& change : past->event.changes) {
                if (!change.side) continue;
                const AccountRow& row = accounts.row(change.account);
                known.postings.push_back({row.id, *change.side, change.amount});
                known.assets.push_back(accounts.asset(row));
            }
            if (known.postings.empty()) return std::nullopt;
            return known;
        };
        return ask_every<KnownEntry>({own, followed}, find);
    }

    LookUp<KnownCommand> find_command(const Command& command,
                                      std::optional<ShardId> decides) override {
        const auto look = [&](ShardLoop& loop) { return find_seen(loop, command); };
        LookUp<KnownCommand> unknown;
        for (std::uint32_t i = 0; i < shard_count_; ++i) {
            const ShardId shard(i);
            if (shard == decides || !may_have_seen(shard, command.ledger, command.id)) continue;
            LookUp<KnownCommand> known = ask<KnownCommand>(shard, look);
            if (!known && !known.unknown) continue;
            if (decides && ask<KnownCommand>(*decides, look)) return {};
            if (known) return known;
            unknown = std::move(known);
        }
        return unknown;
    }

    bool may_have_seen(ShardId shard, LedgerId ledger, CommandId id) const override {
        return loop_of(shard).may_know({FactKind::command, ledger, id});
    }

    std::optional<StoppedShard> stop_of(ShardId shard) const override {
        return cuts_.stop_of(shard);
    }

    std::vector<StoppedShard> stopped() const override { return cuts_.stopped(); }

    std::optional<StoppedShard> stop_between(ShardId one, ShardId other) const override {
        return cuts_.between(one, other);
    }

    IsolatedInputs isolated(ShardId shard) const override { return loop_of(shard).isolated(); }

    std::vector<HeldBack> held_back() const override { return cuts_.held_back(); }

    Status stop() override {
        for (const std::unique_ptr<ShardThread>& each : shards_) each->loop.stop();
        Status first;
        for (const std::unique_ptr<ShardThread>& each : shards_) {
            if (each->thread.joinable()) each->thread.join();
            if (first && !each->status) first = each->status;
        }
        ends_.reset();
        return first;
    }

    std::span<const std::string> warnings() const override { return warnings_; }

private:
    /// Not on brokers, where a record can be durable a little before readers see it: a start that
    /// comes just then would take it for lost.
    Status open_ends(const Deployment& deployment, const EpochKeys& keys,
                     const HandlerOptions& options) {
        if (deployment.kafka) return {};
        auto ends = KeptEnds::open(options.directory / "ends", keys, shard_count_, warnings_,
                                   *options.files);
        if (!ends) return ends.error();
        ends_ = std::move(*ends);
        return {};
    }

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
        for (std::size_t i = first; i < end; ++i) {
            ShardThread& each = *shards_[i];
            each.thread =
                Thread("start-" + std::to_string(i), [&each] { each.status = each.loop.start(); });
        }
        for (std::size_t i = first; i < end; ++i) shards_[i]->thread.join();
        Status fault;
        for (std::size_t i = first; i < end; ++i) {
            const Status& started = shards_[i]->status;
            if (fault && !started && !shards_[i]->loop.stops_alone()) fault = started;
            const std::span<const std::string> warnings = shards_[i]->loop.warnings();
            warnings_.insert(warnings_.end(), warnings.begin(), warnings.end());
        }
        return fault;
    }

    void run(ShardThread& shard) {
        shard.status = shard.loop.run();
        if (!shard.status) note_stop(shard);
        shard.loop.refuse_questions();
    }

    /// Known before its questions are refused and whoever waits for it is told.
    void note_stop(const ShardThread& stopped) {
        const ShardId shard = stopped.loop.books().state.shard();
        const Fault& fault = stopped.status.error();
        const bool is_last = cuts_.stop({shard, fault}) == shard_count_;
        const FaultScope scope = is_last ? FaultScope::log : scope_of(fault);
        if (scope == FaultScope::shard) {
            tell({Severity::alarm, "shard_stopped",
                  "shard " + std::to_string(shard.value()) +
                      " has stopped, the others go on: " + fault.message,
                  shard});
        }
        sink_.stopped(shard, fault, scope);
    }

    /// What leaves the log at work is the shard's own, unless its turn to write is over.
    FaultScope scope_of(const Fault& fault) const {
        switch (fault.code) {
            case FaultCode::corrupt:
            case FaultCode::storage:
                return log_->failure() ? FaultScope::log : FaultScope::shard;
            case FaultCode::retriable:
            case FaultCode::fenced:
            case FaultCode::configuration:
                return FaultScope::log;
        }
        return FaultScope::log;
    }

    /// An entry between two shards stands where its credit was posted: reversals and refunds are
    /// decided there.
    static std::optional<KnownEntry> find_followed(ShardLoop& loop, LedgerId ledger,
                                                   CommandId entry) {
        const std::optional<StepFollowed> followed =
            loop.books().facts->find_followed_entry(ledger, entry);
        if (!followed || followed->changes.size() != 2) return std::nullopt;
        const auto* credit = std::get_if<CreditStep>(&followed->step.kind);
        const auto* capture = std::get_if<CaptureStep>(&followed->step.kind);
        if (credit == nullptr && capture == nullptr) return std::nullopt;
        const AccountId payer = credit != nullptr ? credit->payer : capture->payer;
        const Change& posted = followed->changes.back();
        const AccountTable& accounts = loop.books().state.accounts();
        const AccountRow& payee = accounts.row(posted.account);
        const Asset asset = accounts.asset(payee);
        return KnownEntry{
            {{payer, Side::debit, posted.amount}, {payee.id, Side::credit, posted.amount}},
            {asset, asset}};
    }

    const ShardLoop& loop_of(ShardId shard) const { return shards_[shard.value()]->loop; }

    static std::optional<KnownCommand> find_seen(ShardLoop& loop, const Command& command) {
        const std::optional<PastCommand> past =
            loop.books().facts->find_command(command.ledger, command.id);
        if (!past) return std::nullopt;
        KnownCommand known{.shard = loop.books().state.shard(),
                           .record = past->record,
                           .event = past->number,
                           .has_same_content = same_content(past->command(), command),
                           .account = deciding_account(past->command()),
                           .in_transit = past->in_transit,
                           .details = std::nullopt};
        if (past->in_transit) return known;
        known.outcome = past->outcome();
        known.details = details_of(loop.books().state, *past);
        return known;
    }

    template <class Known, class Find>
    LookUp<Known> ask(ShardId shard, Find find) {
        Mutex mutex;
        Condition changed;
        std::optional<LookUp<Known>> answer;
        const bool is_asked = shards_[shard.value()]->loop.ask([&](ShardLoop& loop) {
            LookUp<Known> known = find(loop);
            // What cannot be read is not unknown, and stops the shard.
            if (const std::optional<Fault>& fault = loop.books().facts->fault())
                known = StoppedShard{shard, *fault};
            const std::lock_guard lock(mutex);
            answer = std::move(known);
            // Within the lock: whoever waits may be gone behind it, and all this with him.
            changed.notify_one();
        });
        if (is_asked) {
            std::unique_lock lock(mutex);
            changed.wait(lock, [&] { return answer.has_value(); });
            return std::move(*answer);
        }
        if (std::optional<StoppedShard> stop = stop_of(shard)) return std::move(*stop);
        return StoppedShard{shard, Fault{FaultCode::retriable, "the handler is stopping"}};
    }

    /// Asks the shards that may know one of these facts.
    template <class Known, class Find>
    LookUp<Known> ask_every(std::initializer_list<FactKey> keys, Find find) {
        LookUp<Known> unknown;
        for (std::uint32_t i = 0; i < shard_count_; ++i) {
            const auto is_known = [&](const FactKey& key) {
                return loop_of(ShardId(i)).may_know(key);
            };
            if (std::none_of(keys.begin(), keys.end(), is_known)) continue;
            LookUp<Known> known = ask<Known>(ShardId(i), find);
            if (known) return known;
            if (known.unknown) unknown = std::move(known);
        }
        return unknown;
    }

    std::uint32_t shard_count_;
    AnswerSink& sink_;
    SentSteps sent_;  // the shards' threads use it, and what follows
    StepCuts cuts_;
    std::unique_ptr<KeptEnds> ends_;  // likewise
    std::vector<std::unique_ptr<ShardThread>> shards_;
    std::vector<std::string> warnings_;
    Log* log_ = nullptr;
};

}  // namespace

Result<std::unique_ptr<Handler>> Handler::start(Log& log, const Deployment& deployment,
                                                const EpochKeys& keys, Clock& clock,
                                                AnswerSink& sink, const HandlerOptions& options) {
    // Before anything that hangs on the keys is found wrong, and set aside.
    if (Status right = check_genesis(log, deployment, keys); !right) return right.error();
    auto handler = std::make_unique<ThreadedHandler>(deployment.shards, sink);
    if (Status status = handler->start(log, deployment, keys, clock, options); !status) {
        // Nobody can ask for them any more, and they tell what was set aside.
        for (const std::string& warning : handler->warnings())
            tell({Severity::warning, "start", warning});
        return status.error();
    }
    return std::unique_ptr<Handler>(std::move(handler));
}

}  // namespace vouch::command_handler
