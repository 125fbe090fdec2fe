#include "command-handler/shard/handler.h"

#include "command-handler/shard/known_in_books.h"
#include "command-handler/shard/shard_threads.h"
#include "events/log/verified_reader.h"
#include "events/money/shard_of.h"
#include "events/world/condition.h"
#include "events/world/notice.h"

#include <algorithm>
#include <initializer_list>
#include <mutex>
#include <utility>

namespace vouch::command_handler {
namespace {

/// Asks the shards' threads.
class ThreadedHandler final : public Handler {
public:
    explicit ThreadedHandler(std::unique_ptr<ShardThreads> threads)
        : threads_(std::move(threads)) {}

    LookUp<KnownAccount> find_account(LedgerId ledger, AccountId account) override {
        const ShardId shard = shard_of(account, threads_->count());
        return ask<KnownAccount>(shard, [=](const ShardBooks& books) {
            return known_account(books, ledger, account);
        });
    }

    LookUp<KnownHold> find_hold(LedgerId ledger, CommandId hold) override {
        const FactKey placed{FactKind::command, ledger, hold};
        return ask_every<KnownHold>(
            {placed}, [=](const ShardBooks& books) { return known_hold(books, ledger, hold); });
    }

    LookUp<KnownEntry> find_entry(LedgerId ledger, CommandId entry) override {
        const FactKey own{FactKind::command, ledger, entry};
        const FactKey followed{FactKind::followed_entry, ledger, entry};
        return ask_every<KnownEntry>({own, followed}, [=](const ShardBooks& books) {
            return known_entry(books, ledger, entry);
        });
    }

    LookUp<KnownCommand> find_command(const Command& command,
                                      std::optional<ShardId> decides) override {
        const auto look = [&](const ShardBooks& books) { return known_command(books, command); };
        LookUp<KnownCommand> unknown;
        for (std::uint32_t i = 0; i < threads_->count(); ++i) {
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
        return threads_->loop(shard).may_know({FactKind::command, ledger, id});
    }

    std::optional<StoppedShard> stop_of(ShardId shard) const override {
        return threads_->cuts().stop_of(shard);
    }
    std::vector<StoppedShard> stopped() const override { return threads_->cuts().stopped(); }
    std::optional<StoppedShard> stop_between(ShardId one, ShardId other) const override {
        return threads_->cuts().between(one, other);
    }
    std::vector<HeldBack> held_back() const override { return threads_->cuts().held_back(); }

    IsolatedInputs isolated(ShardId shard) const override {
        return threads_->loop(shard).isolated();
    }
    bool has_clock_leapt(ShardId shard) const override {
        return threads_->loop(shard).has_clock_leapt();
    }
    std::uint64_t in_transit(ShardId shard) const override {
        return threads_->loop(shard).in_transit();
    }

    Status stop() override { return threads_->stop(); }

    std::span<const std::string> warnings() const override { return threads_->warnings(); }

private:
    template <class Known, class Find>
    LookUp<Known> ask(ShardId shard, Find find) {
        Mutex mutex;
        Condition changed;
        std::optional<LookUp<Known>> answer;
        const bool is_asked = threads_->loop(shard).ask([&](ShardLoop& loop) {
            LookUp<Known> known = find(loop.books());
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
        for (std::uint32_t i = 0; i < threads_->count(); ++i) {
            const auto is_known = [&](const FactKey& key) {
                return threads_->loop(ShardId(i)).may_know(key);
            };
            if (std::none_of(keys.begin(), keys.end(), is_known)) continue;
            LookUp<Known> known = ask<Known>(ShardId(i), find);
            if (known) return known;
            if (known.unknown) unknown = std::move(known);
        }
        return unknown;
    }

    std::unique_ptr<ShardThreads> threads_;
};

}  // namespace

Result<std::unique_ptr<Handler>> Handler::start(Log& log, const Deployment& deployment,
                                                const EpochKeys& keys, Clock& clock,
                                                AnswerSink& sink, const HandlerOptions& options) {
    // Before anything that hangs on the keys is found wrong, and set aside.
    if (Status right = check_genesis(log, deployment, keys); !right) return right.error();
    auto threads = std::make_unique<ShardThreads>(deployment.shards, sink);
    if (Status status = threads->start(log, deployment, keys, clock, options); !status) {
        // Nobody can ask for them any more, and they tell what was set aside.
        for (const std::string& warning : threads->warnings())
            tell({Severity::warning, "start", warning});
        return status.error();
    }
    return std::unique_ptr<Handler>(std::make_unique<ThreadedHandler>(std::move(threads)));
}

}  // namespace vouch::command_handler
