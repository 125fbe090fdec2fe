#pragma once

#include "command-handler/shard/mark_schedule.h"
#include "command-handler/shard/moved_input.h"
#include "events/entries/event.h"
#include "events/log/clock.h"
#include "events/log/log.h"
#include "events/result.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace vouch::command_handler {

/// What some answers tell beyond their outcome.
struct AnswerDetails {
    Facts facts;
    std::optional<Asset> asset;          ///< of facts and `moved`
    std::optional<Amount> moved;         ///< when the command did not say it exactly
    std::vector<MemberOutcome> members;  ///< of a group
    std::string_view field;              ///< of an unreadable member; static storage
};

/// What a caller is told about one command, once it is durable.
struct Answer {
    CommandId id;         ///< zero when the member was unreadable
    RecordNumber record;  ///< where the outcome is recorded: of a repeat, the first time's
    EventNumber event;
    Outcome outcome = Outcome::malformed;
    bool repeated = false;
    /// Not an outcome yet: the command waits for another shard. That much is durable (`record` and
    /// `event` name it, `outcome` says nothing); a second answer to the same member gives the
    /// outcome.
    bool in_transit = false;
    /// Of a command in transit: the shard whose answer it waits for.
    std::optional<ShardId> waits_for{};
    /// Of a repeat in transit: no second answer follows, since too many wait. Sent again it is told.
    bool is_last = false;
    /// Of an outcome between two shards: the other shard's record that changed what is there.
    std::optional<AnsweredBy> answered{};
    const AnswerDetails* details = nullptr;  ///< null: nothing more to tell; valid during the call
};

/// How far a fault reaches.
enum class FaultScope : std::uint8_t {
    shard,  ///< one shard has stopped, the others go on
    log,    ///< nothing goes on: the log has failed or is another writer's, or no shard is left
};

/// A shard that decides nothing until the handler is started again, and why.
struct StoppedShard {
    ShardId shard;
    Fault fault;
};

/// Inputs that were recorded instead of decided, because the process had died on them again and
/// again (DeathNotes).
struct IsolatedInputs {
    std::uint64_t count = 0;  ///< since the shard was started
    Offset last;              ///< of the newest; says nothing while there is none
};

/// A shard whose records another one cannot read: until the handler is started again none of its steps
/// are taken there, and nothing that crosses between the two ends. Both go on with all else.
struct HeldBack {
    ShardId sender;
    ShardId by;
    Fault fault;

    std::string text() const;
    /// For whoever needs both: as if the sender had stopped.
    StoppedShard as_stop() const { return {sender, {fault.code, text()}}; }
};

/// What a look-up found; or that it cannot be said, because a shard that may know has stopped.
template <class T>
struct LookUp {
    LookUp() = default;
    LookUp(std::optional<T> known) : found(std::move(known)) {}
    LookUp(StoppedShard stop) : unknown(std::move(stop)) {}

    std::optional<T> found;
    std::optional<StoppedShard> unknown;  ///< then `found` is empty, which says nothing

    bool has_value() const { return found.has_value(); }
    explicit operator bool() const { return has_value(); }
    const T& operator*() const { return *found; }
    const T* operator->() const { return &*found; }
};

/// Receives answers, on a shard's thread: batch by batch in order, `first` being the position in
/// the batch of the first answer given here (a batch may be answered in pieces). A member that was
/// answered as in transit is answered a second time, whenever its outcome is durable: such second
/// answers come in no order, and not at all when the handler is started again in between, or what it
/// waits for has stopped or is held back: who sends the command again is then told of its transit and
/// gets its outcome. Must not block long.
///
/// A command that was sent to a shard that does not decide it is forwarded, and answered as in
/// transit with the record that did so; no second answer follows, since no outcome of it is
/// recorded there. Whoever waits for outcomes sends each command to the shard of its deciding
/// account.
class AnswerSink {
public:
    virtual ~AnswerSink() = default;
    virtual void answered(ShardId shard, Offset batch, std::size_t first,
                          std::span<const Answer> answers) = 0;
    /// The shard has stopped; what was not answered may or may not have happened. Of a shard that
    /// stopped while the handler was started, on the thread that starts it.
    virtual void stopped(ShardId shard, const Fault& fault, FaultScope scope) = 0;
    /// What was in transit between the two has no second answer any more. On the thread of `held.by`.
    virtual void held_back(const HeldBack&) {}
};

/// What the door needs to write a command down: which asset an account has, which account pays a
/// hold, which accounts an entry debited and credited.
struct KnownAccount {
    Asset asset;
};
struct KnownHold {
    AccountId payer;
    AccountId payee;  ///< zero: placed without
    Asset asset;
};
struct KnownEntry {
    std::vector<Posting> postings;
    std::vector<Asset> assets;  ///< of each posting
};

/// The command that had an id first, and what became of it.
struct KnownCommand {
    ShardId shard;
    RecordNumber record;
    EventNumber event;
    bool has_same_content = false;  ///< as the one that was asked about
    AccountId account;              ///< that decided it, as it was sent; zero: none was said
    bool in_transit = false;
    Outcome outcome = Outcome::malformed;  ///< unless it is in transit
    std::optional<AnswerDetails> details;
};

/// Commands of one shard that wait for another shard's answer: at this number it takes no more
/// commands, only steps. Looked at before each batch, which may bring it above.
inline constexpr std::size_t kCrossingsMax = 65'536;

/// Bytes of those commands, which stay in memory: at this number likewise. A kilobyte each.
inline constexpr std::size_t kCrossingBytesMax = std::size_t{64} << 20;

/// Members that are told of their commands' transit and wait for the outcomes: at this number a repeat
/// is told of the transit for good. Who was the first to send a command waits always.
inline constexpr std::size_t kWaitersMax = 4 * kCrossingsMax;

/// Where a shard changes over. Tests make these small; the program leaves them alone, and verifiers
/// demand epochs of exactly kEpochEventsMax.
struct HandlerBounds {
    std::uint64_t epoch_events = kEpochEventsMax;
    /// Events after which a running shard writes a new snapshot.
    std::uint64_t snapshot_events = std::uint64_t{1} << 24;
    /// Facts at which a generation of them is handed to the store: three quarters of 2^18 slots.
    std::size_t generation_facts = 190'000;
    std::size_t crossings = kCrossingsMax;
    std::size_t crossing_bytes = kCrossingBytesMax;
    std::size_t waiters = kWaitersMax;
    /// Without anything to do a shard writes a mark so long after its last record.
    std::int64_t mark_after_us = MarkSchedule::kIdle_us;
    /// Steps that were sent and have not come after this are built again from their sender's records.
    /// On topics: longer than somebody's transaction may hold up who reads behind it.
    std::int64_t steps_late_us = 120'000'000;
    /// A pause before records of a sender that could not be read are tried again.
    std::int64_t steps_read_again_us = 1'000'000;
};

/// A shard's records from one on, which an operator gave up: recorded as the start of its term, if
/// its log ends there.
struct AcceptedLoss {
    ShardId shard;
    RecordNumber record;
    /// The last of them that a witness knows; empty when none does.
    std::optional<RecordNumber> known_record{};
    Digest known_digest{};  ///< its own
    friend bool operator==(const AcceptedLoss&, const AcceptedLoss&) = default;
};

struct HandlerOptions {
    std::filesystem::path directory;  ///< shard stores and snapshots, one folder a shard
    bool snapshots = true;
    /// The operator who accepts what the clock says, though it is implausible beside the newest
    /// record; recorded.
    std::optional<std::string> accept_clock;
    HandlerBounds bounds;
    // Who writes, for the event that starts its term; at most kShortTextMax bytes each.
    std::string writer;   ///< the name of this data directory; empty: it has none
    std::string program;  ///< its version
    std::vector<AcceptedLoss> tail_lost;
    /// Inputs that shards go on reading elsewhere, because an operator said so; recorded likewise.
    std::vector<MovedInput> moved_inputs;
    std::string asked_by;  ///< the operator, 1 to kShortTextMax bytes
};

/// The command handler of a deployment: one thread a shard takes commands from the log, decides,
/// seals, commits and answers.
class Handler {
public:
    /// Takes over every shard: rebuilds its state (snapshot, shard store, log), starts a term.
    /// Everything referred to outlives the handler. A shard whose records cannot be read or do not
    /// follow stops alone, if another one is left; every other fault is the start's.
    static Result<std::unique_ptr<Handler>> start(Log& log, const Deployment& deployment,
                                                  const EpochKeys& keys, Clock& clock,
                                                  AnswerSink& sink, const HandlerOptions& options);
    virtual ~Handler() = default;

    /// Answered by the shard's thread between two batches, as of what is decided (which may not be
    /// durable yet). Blocks. Any thread but a shard's.
    virtual LookUp<KnownAccount> find_account(LedgerId ledger, AccountId account) = 0;
    virtual LookUp<KnownHold> find_hold(LedgerId ledger, CommandId hold) = 0;
    virtual LookUp<KnownEntry> find_entry(LedgerId ledger, CommandId entry) = 0;

    /// The command that had the id of `command` first, if a shard but `decides` has seen it and
    /// that one has not, which would answer for itself. Asks a shard only when its filter says
    /// "perhaps", so that an id that is new takes no waiting.
    virtual LookUp<KnownCommand> find_command(const Command& command,
                                              std::optional<ShardId> decides) = 0;

    /// False when the shard has surely not seen a command of this id. Any thread; does not block.
    virtual bool may_have_seen(ShardId shard, LedgerId ledger, CommandId id) const = 0;

    /// Why the shard has stopped; empty while it goes on. Any thread; does not block.
    virtual std::optional<StoppedShard> stop_of(ShardId shard) const = 0;
    /// Every shard that has stopped, in order.
    virtual std::vector<StoppedShard> stopped() const = 0;
    /// Why what crosses between two shards does not end: one of them has stopped, or is held back by
    /// the other. Any thread; does not block.
    virtual std::optional<StoppedShard> stop_between(ShardId one, ShardId other) const = 0;
    virtual std::vector<HeldBack> held_back() const = 0;

    /// Any thread; does not block.
    virtual IsolatedInputs isolated(ShardId shard) const = 0;

    /// Finishes what was read, writes snapshots and stores, ends the threads. Once.
    virtual Status stop() = 0;

    /// Warnings of the start ("snapshot ignored: …"), for people.
    virtual std::span<const std::string> warnings() const = 0;
};

}  // namespace vouch::command_handler
