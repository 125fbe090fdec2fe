#include "tools/vouch/outcome_line.h"

#include "events/json_text.h"

#include <optional>
#include <vector>

namespace vouch::cli {

namespace {

using command_handler::Answer;
using command_handler::AnswerDetails;

void append_accepted(std::string& out, Outcome outcome) {
    out +=
        is_accepted(outcome) ? "\"accepted\":true,\"outcome\":" : "\"accepted\":false,\"outcome\":";
    append_json(out, to_text(outcome));
}

void append_amount(std::string& out, std::string_view key, const std::optional<AmountFact>& fact,
                   const std::optional<Asset>& asset) {
    // Without the asset nobody knows where the point goes.
    if (!fact || !asset) return;
    out += ",\"";
    out += key;
    out += "\":";
    append_json(out, fact->unlimited ? "unlimited" : to_text(fact->amount, asset->scale()));
}

void append_fact(std::string& out, Outcome outcome, const AnswerDetails& details) {
    switch (outcome) {
        case Outcome::insufficient_funds:
            return append_amount(out, "available", details.facts.available, details.asset);
        case Outcome::exceeds_hold:
        case Outcome::refund_exceeds_payment:
            return append_amount(out, "remaining", details.facts.remaining, details.asset);
        case Outcome::in_use:
            return append_amount(out, "held", details.facts.held, details.asset);
        case Outcome::version_mismatch:
            if (details.facts.version) {
                out += ",\"version\":" + std::to_string(details.facts.version->value());
            }
            return;
        case Outcome::opened:
        case Outcome::updated:
        case Outcome::frozen:
        case Outcome::unfrozen:
        case Outcome::closed:
        case Outcome::posted:
        case Outcome::held:
        case Outcome::extended:
        case Outcome::captured:
        case Outcome::released:
        case Outcome::reversed:
        case Outcome::refunded:
        case Outcome::done:
        case Outcome::clock_set:
        case Outcome::malformed:
        case Outcome::too_large:
        case Outcome::conflict:
        case Outcome::command_expired:
        case Outcome::account_missing:
        case Outcome::account_not_found:
        case Outcome::account_exists:
        case Outcome::wrong_account:
        case Outcome::same_account:
        case Outcome::asset_mismatch:
        case Outcome::zero_amount:
        case Outcome::unbalanced:
        case Outcome::account_closed:
        case Outcome::debits_frozen:
        case Outcome::credits_frozen:
        case Outcome::hold_not_found:
        case Outcome::hold_closed:
        case Outcome::hold_expired:
        case Outcome::entry_not_found:
        case Outcome::already_reversed:
        case Outcome::already_refunded:
        case Outcome::not_zero:
        case Outcome::amount_overflow:
        case Outcome::group_failed:
        case Outcome::not_supported_across_shards:
        case Outcome::unanswered:
            return;
    }
}

void append_members(std::string& out, std::span<const MemberOutcome> outcomes,
                    std::span<const std::string> members) {
    const auto is_own_refusal = [](const MemberOutcome& member) {
        return !is_accepted(member.outcome) && member.outcome != Outcome::group_failed;
    };
    for (std::size_t i = 0; i < outcomes.size() && i < members.size(); ++i) {
        if (!is_own_refusal(outcomes[i])) continue;
        out += ",\"failed\":";
        append_json(out, members[i]);
        break;
    }
    out += ",\"outcomes\":[";
    for (std::size_t i = 0; i < outcomes.size() && i < members.size(); ++i) {
        if (i != 0) out += ',';
        out += "{\"id\":";
        append_json(out, members[i]);
        out += ',';
        append_accepted(out, outcomes[i].outcome);
        out += '}';
    }
    out += ']';
}

/// Both records of what crossed: a reader of either shard waits for its own.
void append_changed(std::string& out, const AnsweredBy& own, const AnsweredBy& other) {
    const auto append = [&out](const AnsweredBy& each) {
        out += "{\"shard\":" + std::to_string(each.shard.value()) +
               ",\"record\":" + std::to_string(each.record.value()) + '}';
    };
    out += ",\"changed\":[";
    append(own);
    out += ',';
    append(other);
    out += ']';
}

}  // namespace

std::string outcome_line(const Answer& answer, ShardId shard, std::string_view id,
                         std::span<const std::string> members) {
    static const AnswerDetails kNothingMore;
    const AnswerDetails& details = answer.details != nullptr ? *answer.details : kNothingMore;
    std::string out = "{\"id\":";
    append_json(out, id);
    out += ',';
    append_accepted(out, answer.outcome);
    if (!is_accepted(answer.outcome)) {
        append_fact(out, answer.outcome, details);
    } else if (details.moved && details.asset) {
        out += ",\"amount\":";
        append_json(out, to_text(*details.moved, details.asset->scale()));
    }
    if (!members.empty()) append_members(out, details.members, members);
    if (is_accepted(answer.outcome)) {
        out += ",\"shard\":" + std::to_string(shard.value());
        out += ",\"record\":" + std::to_string(answer.record.value());
        out += ",\"event\":" + std::to_string(answer.event.value());
    }
    if (answer.answered) append_changed(out, {shard, answer.record}, *answer.answered);
    out += '}';
    return out;
}

std::string outcome_line(const UnrecordedRefusal& refusal, std::string_view id,
                         std::span<const std::string> members) {
    std::string out = "{\"id\":";
    append_json(out, id);
    out += ',';
    append_accepted(out, members.empty() ? refusal.outcome : Outcome::group_failed);
    if (!members.empty()) {
        std::vector<MemberOutcome> outcomes(members.size(), {Outcome::group_failed, false});
        outcomes[refusal.member].outcome = refusal.outcome;
        append_members(out, outcomes, members);
    }
    out += ",\"recorded\":false";
    if (refusal.first) {
        out += ",\"first\":{\"shard\":" + std::to_string(refusal.first->shard.value());
        out += ",\"record\":" + std::to_string(refusal.first->record.value());
        out += ",\"event\":" + std::to_string(refusal.first->event.value()) + '}';
    }
    out += '}';
    return out;
}

std::string CutOffCommand::detail() const {
    if (is_busy) {
        return "shard " + std::to_string(by.shard.value()) + ": " + by.fault.message +
               "; the command is in transit to it and ends by itself: send it again later, it is "
               "decided once";
    }
    std::string text = "shard " + std::to_string(by.shard.value()) +
                       " has stopped: " + by.fault.message + "; ";
    if (is_unrecorded) {
        text += "nothing was recorded";
    } else if (transit) {
        text += "the command is in transit to it and ends when it goes on";
    } else {
        text += "the command may be recorded or not";
    }
    return text + ": send it again then, each is decided once";
}

std::string outcome_line(const CutOffCommand& cut, std::string_view id) {
    std::string out = "{\"id\":";
    append_json(out, id);
    out += ",\"problem\":\"urn:vouch:problem:";
    out += cut.is_busy ? kBusy : kShardStopped;
    out += "\",\"shard\":" + std::to_string(cut.by.shard.value()) + ",\"detail\":";
    append_json(out, cut.detail());
    if (cut.is_unrecorded) out += ",\"recorded\":false";
    if (cut.transit) {
        out += ",\"in_transit\":{\"shard\":" + std::to_string(cut.transit->shard.value());
        out += ",\"record\":" + std::to_string(cut.transit->record.value());
        out += ",\"event\":" + std::to_string(cut.transit->event.value()) + '}';
    }
    out += '}';
    return out;
}

std::string outcome_line(const command_handler::Malformed& malformed, std::uint64_t line) {
    std::string out = "{\"line\":" + std::to_string(line) + ',';
    append_accepted(out, malformed.outcome);
    out += ",\"field\":";
    append_json(out, malformed.field);
    out += ",\"detail\":";
    append_json(out, malformed.detail);
    out += '}';
    return out;
}

}  // namespace vouch::cli
