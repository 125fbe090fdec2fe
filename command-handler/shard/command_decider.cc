#include "command-handler/shard/command_decider.h"

#include "command-handler/core/event_room.h"
#include "events/bytes/sha256.h"
#include "events/entries/codec.h"
#include "events/entries/event_bounds.h"
#include "events/world/notice.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

namespace vouch::command_handler {
namespace {

/// What an event says instead of the field at fault of a command that the core failed on.
constexpr std::string_view kIsolated = "isolated";
/// Postings of an entry whose accounts are brought nearer ahead of time.
constexpr std::size_t kPostingsAhead = 16;

/// Calls `with` for the accounts that deciding a command will look at.
template <class With>
void for_each_account(const Command& command, With with) {
    if (const auto* transfer = std::get_if<Transfer>(&command.body)) {
        with(transfer->debit);
        with(transfer->credit);
    } else if (const auto* hold = std::get_if<PlaceHold>(&command.body)) {
        with(hold->debit);
        with(hold->credit);
    } else if (const auto* opening = std::get_if<OpenAccount>(&command.body)) {
        with(opening->account);
    } else if (const auto* entry = std::get_if<PostEntry>(&command.body)) {
        for (const Posting& posting :
             entry->postings.first(std::min(kPostingsAhead, entry->postings.size()))) {
            with(posting.account);
        }
    }
}

}  // namespace

Status CommandDecider::open(Offset next_command) {
    return deaths_.open(*with_.options.files, with_.directory() / "deaths", next_command);
}

Status CommandDecider::decide(const InputBatch& batch) {
    if (batch.unreadable_until) return skip_unreadable(batch);
    members_.clear();
    std::optional<CommandFault> fault = set_aside(batch.offset, std::nullopt, batch.payload);
    if (!fault) {
        const DeathNotes::Watch watch(deaths_, batch.offset, std::nullopt, batch.payload);
        fault = split_batch(batch.payload, members_);
    }
    if (fault) {
        if (Status status = writer_.open(); !status) return status;
        refuse_unreadable(batch, std::nullopt, batch.payload, *fault);
        return {};
    }
    if (members_.empty()) marks_.ask();
    for (std::size_t first = 0; first < members_.size(); first += kCommandsAhead) {
        const std::size_t count = std::min(kCommandsAhead, members_.size() - first);
        if (Status status = decide_some(batch, first, count); !status) return status;
    }
    return {};
}

// What makes the core fail every time would make it fail at every start, and nothing behind it
// would ever be decided.
std::optional<CommandFault> CommandDecider::set_aside(Offset batch,
                                                      std::optional<std::size_t> member,
                                                      CommandBytes bytes) const {
    if (!deaths_.is_set_aside(batch, member, bytes)) return std::nullopt;
    tell({Severity::alarm, "input_isolated",
          "shard " + std::to_string(with_.shard.value()) + ": the process died " +
              std::to_string(DeathNotes::kDeathsMax) + " times on the commands at offset " +
              std::to_string(batch.value()) +
              (member ? ", member " + std::to_string(*member) : std::string()) +
              "; recorded as unreadable and not tried again: report it, and have what was asked "
              "for sent again when the program is mended",
          with_.shard});
    return CommandFault{Outcome::malformed, kIsolated};
}

// What nobody can read may have been commands: that they were passed over is recorded.
Status CommandDecider::skip_unreadable(const InputBatch& range) {
    if (Status status = writer_.open_with_room(1, 1); !status) return status;
    tell({Severity::alarm, "input_unreadable",
          "shard " + std::to_string(with_.shard.value()) + ": commands from offset " +
              std::to_string(range.offset.value()) + " up to " +
              std::to_string(range.next().value()) +
              " cannot be inflated; recorded as unreadable",
          with_.shard});
    Unreadable event;
    event.offset = range.offset;
    event.outcome = Outcome::malformed;
    event.next_offset = range.next();
    writer_.sink().append(Event(event));
    return {};
}

// Three passes, so that the memory that a command touches is on its way to the cache while others
// are worked on: decode and fetch index lines; fetch rows; decide.
Status CommandDecider::decide_some(const InputBatch& batch, std::size_t first, std::size_t count) {
    arena_.clear();
    const AccountTable& accounts = books_.state.accounts();
    for (std::size_t i = 0; i < count; ++i) {
        Ahead& ahead = ahead_[i];
        const DeathNotes::Watch watch(deaths_, batch.offset, first + i, members_[first + i]);
        ahead.fault.reset();
        if (!deaths_.is_empty()) {
            ahead.fault = set_aside(batch.offset, first + i, members_[first + i]);
            if (ahead.fault) continue;
        }
        // Copied only when there is one: the copy of an empty one waits for its own making.
        if (const auto fault = decode_command(members_[first + i], arena_, ahead.decided.command)) {
            ahead.fault = fault;
            continue;
        }
        const Command& command = ahead.decided.command;
        ahead.hash = fact_hash({FactKind::command, command.ledger, command.id});
        books_.index->prefetch(ahead.hash);
        for_each_account(command,
                         [&](AccountId id) { accounts.prefetch_index(command.ledger, id); });
    }
    for (std::size_t i = 0; i < count; ++i) {
        if (ahead_[i].fault) continue;
        const Command& command = ahead_[i].decided.command;
        for_each_account(command, [&](AccountId id) { accounts.prefetch_row(command.ledger, id); });
    }
    const Arena::Mark decoded = arena_.mark();
    for (std::size_t i = 0; i < count; ++i) {
        books_.facts->forget_answers();
        if (Status status = decide_one(batch, first + i, ahead_[i]); !status) return status;
        if (books_.facts->fault()) return *books_.facts->fault();
        arena_.rewind(decoded);
    }
    return {};
}

Status CommandDecider::decide_one(const InputBatch& batch, std::size_t member, Ahead& ahead) {
    const CommandBytes bytes = members_[member];
    if (!ahead.fault && std::holds_alternative<SetClock>(ahead.decided.command.body)) {
        if (with_.deployment.test_clock) return set_clock(batch, member, ahead);
        ahead.fault = CommandFault{Outcome::malformed, "set_clock"};
    }
    const std::size_t room =
        ahead.fault ? bounds::kUnreadable
                    : command_events_bytes_max(ahead.decided.command.body, bytes.size());
    if (Status status = writer_.open_with_room(room, 1); !status) return status;
    const DeathNotes::Watch watch(deaths_, batch.offset, member, bytes);
    if (ahead.fault) {
        refuse_unreadable(batch, member, bytes, *ahead.fault);
        return {};
    }
    const bool may_be_seen = books_.index->may_know(ahead.hash);
    const Execution execution =
        execute(books_.state, *books_.facts, ahead.decided, may_be_seen, writer_.record().time,
                writer_.sink(), arena_);
    answers_.answer({batch.offset, member}, execution, ahead.decided);
    return {};
}

// A new time is a record of its own. A repeat moves nothing, because its time has come already; a
// conflict must not.
Status CommandDecider::set_clock(const InputBatch& batch, std::size_t member, Ahead& ahead) {
    const Command& command = ahead.decided.command;
    const bool is_seen = [&] {
        const DeathNotes::Watch watch(deaths_, batch.offset, member, members_[member]);
        return books_.index->may_know(ahead.hash) &&
               books_.facts->find_command(command.ledger, command.id);
    }();
    if (books_.facts->fault()) return *books_.facts->fault();
    const Timestamp asked = std::get<SetClock>(command.body).time;
    const Timestamp at = is_seen ? books_.head.last_time : std::max(books_.head.last_time, asked);
    if (Status status = writer_.close(); !status) return status;
    if (Status status = writer_.open(std::max(at, books_.head.last_time)); !status) return status;
    {
        const DeathNotes::Watch watch(deaths_, batch.offset, member, members_[member]);
        const Execution execution =
            execute(books_.state, *books_.facts, ahead.decided, is_seen, writer_.record().time,
                    writer_.sink(), arena_);
        if (books_.facts->fault()) return *books_.facts->fault();
        answers_.answer({batch.offset, member}, execution, ahead.decided);
    }
    return writer_.close();
}

void CommandDecider::refuse_unreadable(const InputBatch& batch, std::optional<std::size_t> member,
                                       CommandBytes bytes, const CommandFault& fault) {
    const Digest digest = sha256({&bytes, 1});
    Unreadable event;
    event.offset = batch.offset;
    if (member) event.member = static_cast<std::uint32_t>(*member);
    event.length = bytes.size();
    event.digest = digest;
    event.outcome = fault.outcome;
    event.field = fault.field;
    const Answer told{.id = {},
                      .record = writer_.record().number(),
                      .event = writer_.record().next_event(),
                      .outcome = fault.outcome};
    writer_.sink().append(Event(event));
    if (fault.field == kIsolated) {
        isolated_last_ = batch.offset.value();
        ++isolated_count_;
    }
    AnswerDetails details;
    details.field = fault.field;
    writer_.record().told.add({batch.offset, member.value_or(0)}, told, std::move(details));
}

}  // namespace vouch::command_handler
