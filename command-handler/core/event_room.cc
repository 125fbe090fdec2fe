// How many bytes the events of a command or step take at most: what a record must have room for
// before one is decided.
#include "command-handler/core/event_room.h"
#include "events/entries/codec.h"
#include "events/entries/command.h"
#include "events/entries/event_bounds.h"
#include "events/overloads.h"
#include "events/seal/record.h"

#include <algorithm>

namespace vouch::command_handler {
namespace {

namespace b = bounds;

/// What the event of a command holds besides the command.
struct Parts {
    std::size_t changes = 0;
    std::size_t change_bytes = b::kSaidChange;
    /// Changes that name their account. Of two, one is of the transit account when it crosses.
    std::size_t ids = 0;
    bool hold = false;
    bool entry = false;
    bool moved = false;
    bool crosses = false;
};

constexpr Parts kLongestReversal{.changes = kPostingsMax,
                                 .change_bytes = b::kChange,
                                 .ids = kPostingsMax,
                                 .entry = true,
                                 .crosses = true};

struct PartsOf {
    Parts operator()(const Transfer&) const {
        return {.changes = 2, .change_bytes = b::kChange, .moved = true, .crosses = true};
    }
    Parts operator()(const PlaceHold&) const {
        return {.changes = 2, .hold = true, .moved = true, .crosses = true};
    }
    Parts operator()(const CaptureHold&) const {
        return {.changes = 2,
                .change_bytes = b::kChange,
                .ids = 1,
                .hold = true,
                .moved = true,
                .crosses = true};
    }
    Parts operator()(const ReleaseHold&) const {
        return {.changes = 2,
                .ids = 1,
                .hold = true,
                .crosses = true};
    }
    Parts operator()(const PostEntry& c) const { return {.changes = c.postings.size()}; }
    template <ChangesItsAccount Body>
    Parts operator()(const Body&) const {
        return {.changes = 1};
    }
    Parts operator()(const ExtendHold&) const { return {.hold = true}; }
    /// The entry may have as many postings as there can be.
    Parts operator()(const Reverse&) const {
        return kLongestReversal;
    }
    Parts operator()(const Refund&) const {
        return {.changes = 2,
                .change_bytes = b::kChange,
                .ids = 1,
                .entry = true,
                .moved = true,
                .crosses = true};
    }
    Parts operator()(const SetClock&) const { return {}; }
    Parts operator()(const Group&) const { return {}; }
};

/// The longest words on a command beside its changes: what is accepted has no facts, what is
/// refused nothing else.
constexpr std::size_t kOutcomeParts = b::kOutcome + b::kMoved + std::max(b::kHold, b::kEntry);

// An event that names both accounts opens no transit account, which takes more.
static_assert(b::kTransitOpened >= b::kChangeId);

constexpr std::size_t alone_max(const Parts& parts, std::size_t command_bytes) {
    const std::size_t accepted = parts.changes * parts.change_bytes + parts.ids * b::kChangeId +
                                 (parts.hold ? b::kHold : 0) +
                                 (parts.entry ? b::kEntry : 0) + (parts.moved ? b::kMoved : 0);
    const std::size_t crossing = parts.crosses ? b::message(21, b::number32(1)) : 0;
    const std::size_t event =
        b::message(1, b::message(1, command_bytes) + b::kOutcome +
                          std::max(accepted + crossing, b::kFacts));
    return event + (parts.crosses ? b::kTransitOpened : 0);
}

/// Each member has an event of its own, and all stand in the group's again. Their changes are
/// counted.
constexpr std::size_t group_max(std::size_t members, std::size_t command_bytes) {
    const std::size_t around =
        b::message(1, b::message(1, kCommandBytesMax) + kOutcomeParts + b::kGroup) -
        kCommandBytesMax;
    return command_bytes + members * around + kPostingsMax * (b::kChange + b::kChangeId) +
           b::message(1, b::message(1, command_bytes) + b::kOutcome + members * b::kMember +
                             b::kFacts);
}

constexpr std::size_t followed_max(std::size_t accepted, std::size_t step) {
    return b::message(1, b::kOutcome + std::max(accepted, b::kFacts) +
                             b::message(22, b::message(1, step)));
}

/// Both of an answer's and of a followed step's changes are told, one is of a transit account.
constexpr std::size_t kTwoPosted = 2 * b::kChange + b::kChangeId;
constexpr std::size_t kTwoHeld = 2 * b::kSaidChange + b::kChangeId;

/// What a refusal brings back stands beside its facts.
constexpr std::size_t kAnsweredMax =
    b::message(1, b::kOutcome + std::max(b::kHold, b::kEntry) + kTwoPosted + b::kFacts +
                      b::kAnswered);

// A record takes whatever command comes first in it.
static_assert(group_max(kGroupMembersMax, kCommandBytesMax) < kRecordBodyMax);
static_assert(alone_max(kLongestReversal, kCommandBytesMax) < kRecordBodyMax);

}  // namespace

std::size_t command_events_bytes_max(const CommandBody& body, std::size_t command_bytes) {
    if (const auto* group = std::get_if<Group>(&body))
        return group_max(group->members.size(), command_bytes);
    // Not the parts from the visit: of each kind they are known beforehand.
    return std::visit([&](const auto& c) { return alone_max(PartsOf{}(c), command_bytes); }, body);
}

std::size_t step_events_bytes_max(const Step& step) {
    const std::size_t text = b::text(15, step.id_text.size());
    return std::visit(
        Overloads{
            [text](const CreditStep&) {
                return b::kTransitOpened +
                       followed_max(kTwoPosted + b::kMoved, b::kCreditStep + text);
            },
            [text](const HoldStep&) {
                return b::kTransitOpened + followed_max(kTwoHeld + b::kHold, b::kHoldStep + text);
            },
            [text](const CaptureStep&) {
                return followed_max(kTwoPosted + b::kHold, b::kCaptureStep + text);
            },
            [text](const ReleaseStep&) {
                return followed_max(kTwoHeld + b::kHold, b::kReleaseStep + text);
            },
            [](const AnswerStep&) -> std::size_t { return kAnsweredMax; },
            [](const ForwardStep& forward) {
                const Command& command = forward.command;
                return command_events_bytes_max(command.body, encoded_size(command));
            },
        },
        step.kind);
}

}  // namespace vouch::command_handler
