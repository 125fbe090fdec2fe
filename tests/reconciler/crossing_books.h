#pragma once

#include "reconciler/replay/replay.h"
#include "tests/support/log_writer.h"

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace vouch::test {

/// Two shards that send each other transfers and holds, written by hand: the events, steps and
/// digests that docs/rules.md asks for, each as plainly as can be. A test plays a story, changes
/// what it likes in the draft, and seals all again with the right keys.
class CrossingBooks {
public:
    CrossingBooks();

    static constexpr ShardId kP{0};
    static constexpr ShardId kQ{1};

    /// A record of `shard`: what `write` does goes into it.
    void record(ShardId shard, const std::function<void()>& write);

    // Within a record.
    void freeze_credits(std::string_view id, AccountId account);
    void open(std::string_view id, AccountId account, AccountClass account_class,
              Limit limit = Limit::unlimited(), Asset asset = euro());
    void transfer(std::string_view id, AccountId payer, AccountId payee, std::uint64_t amount,
                  Balancing balancing = Balancing::none);
    void place(std::string_view id, AccountId payer, AccountId payee, std::uint64_t amount,
               std::uint64_t expires_in_us = 0);
    /// Of a hold toward the other shard.
    void capture(std::string_view id, std::string_view hold, std::uint64_t amount, bool keep_rest);
    /// Of a hold without payee, naming one on the other shard.
    void capture_toward(std::string_view id, std::string_view hold, AccountId payee,
                        std::uint64_t amount, bool keep_rest);
    void place_without_payee(std::string_view id, AccountId payer, std::uint64_t amount);
    void release(std::string_view id, std::string_view hold);
    /// Of a transfer that came from the other shard; `amount` zero: a reversal.
    void give_back(std::string_view id, std::string_view entry, AccountId payee, AccountId payer,
                   std::uint64_t amount, std::uint64_t paid);
    /// Of the same, from `payee`, whose asset is another than the entry's.
    void refuse_refund(std::string_view id, std::string_view entry, AccountId payee,
                       AccountId payer);
    void forward(std::string_view id, AccountId payer, AccountId payee, std::uint64_t amount);
    /// Opens the successor of the transit account toward the other shard, which has room. What
    /// follows uses it, or goes on with the old one.
    void open_successor(bool is_used);
    /// Takes up to `steps_max` steps of the next batch from the other shard.
    void take(std::size_t steps_max = 1'000);

    /// What the other shard makes of steps under this id.
    void will_refuse(std::string_view id, Outcome outcome) { refusals_[command(id)] = outcome; }
    void will_take(std::string_view id, std::uint64_t amount) { takes_[command(id)] = amount; }

    /// As the first programs' steps have not.
    bool steps_have_texts = true;

    static CommandId command(std::string_view name);
    static Asset euro();
    /// The n-th account that lives on `shard`.
    static AccountId account(ShardId shard, std::size_t n);

    /// Shards of the records, in the order in which they were written.
    std::vector<ShardId> order() const {
        std::vector<ShardId> shards;
        for (const auto& [shard, position] : order_) shards.push_back(shard);
        return shards;
    }
    LogDraft& draft() { return draft_; }
    const SealedDeployment& sealed() const { return sealed_; }
    std::vector<DraftRecord>& records(ShardId shard) { return draft_.shard(shard); }
    /// The n-th event of a kind in a shard, with its record.
    template <class Kind>
    Kind& find(ShardId shard, std::size_t n = 0) {
        for (found_ = 0; found_ < records(shard).size(); ++found_) {
            for (Event& event : records(shard)[found_].events) {
                Kind* kind = std::get_if<Kind>(&event);
                if (kind != nullptr && n-- == 0) return *kind;
            }
        }
        throw std::out_of_range("no such event");
    }
    std::size_t found() const { return found_; }
    std::span<Change> changes(std::span<const Change>& changes) {
        const std::span<Change> copy = draft_.arena().copy(changes);
        changes = copy;
        return copy;
    }

    /// Records with right tags, and the right tags of senders in what is said to be taken, but
    /// where a test says `keeps_tags`.
    RecordList seal(bool keeps_tags = false);
    reconciler::ReplayReport replay();
    static reconciler::ReplayReport replay(RecordList& records, const SealedDeployment& sealed);

private:
    struct Row {
        AccountId id;
        Totals totals;
        std::uint64_t version = 0;
        Limit limit = Limit::unlimited();
        AccountState state;
    };
    struct Sent {
        ShardId from;
        StepsSent says;
        RecordNumber record;
        std::vector<Step> steps;
        std::size_t taken = 0;
    };
    struct Crossed {
        Command command;
        std::uint64_t amount = 0;
        AccountId payer;
        std::vector<Change> back;
        std::optional<HoldState> hold;
        CommandId entry;
    };
    struct Shard {
        std::vector<Row> rows;
        std::map<AccountId, std::uint32_t> numbers;
        std::map<ShardId, std::uint32_t> transit_to;    ///< credits as value leaves
        std::map<ShardId, std::uint32_t> transit_from;  ///< debits as it comes
        std::map<CommandId, HoldState> holds;
        std::map<CommandId, AccountId> hold_payers;
        std::map<CommandId, HoldState> followed;
        std::map<CommandId, Crossed> crossings;
        std::deque<Sent> inbox;
        std::uint64_t next_batch = 0;
        Digest last_digest{};
        std::vector<Step> outbox;
    };

    Shard& here() { return shards_[at_.value()]; }
    ShardId other() const { return ShardId(1 - at_.value()); }
    std::uint32_t transit(bool leaves);
    std::uint32_t open_transit(bool leaves, std::uint32_t successor);
    Command make(std::string_view id, const CommandBody& body);
    struct Move {
        std::optional<Side> posts = {};
        std::optional<Side> holds = {};
        std::optional<Side> frees = {};
        std::uint64_t posted = 0;
        std::uint64_t held = 0;
        std::uint64_t freed = 0;
    };
    Change move(std::uint32_t number, const Move& move);
    void depart(CommandInTransit event, const Crossed& crossed, const StepKind& step);
    void send(const Step& step);
    void send_batch();
    void follow(const Step& step);
    void answer(const Step& step, const Sent& batch);

    SealedDeployment sealed_;
    LogDraft draft_;
    std::array<Shard, 2> shards_;
    ShardId at_;
    std::vector<Event> events_;
    std::vector<std::pair<ShardId, std::size_t>> order_;
    std::map<CommandId, Outcome> refusals_;
    std::map<CommandId, std::uint64_t> takes_;
    std::size_t found_ = 0;
};

}  // namespace vouch::test
