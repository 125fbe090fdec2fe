#include "command-handler/gateway/outcome_line.h"

#include "events/json_writer.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace vouch::command_handler {

namespace {

void add_outcome(JsonWriter& json, Outcome outcome) {
    json.flag("accepted", is_accepted(outcome)).member("outcome", to_text(outcome));
}

void add_amount(JsonWriter& json, ToldFact told, const std::optional<AmountFact>& fact,
                const std::optional<Asset>& asset) {
    // Without the asset nobody knows where the point goes.
    if (!fact || !asset) return;
    json.key_of(to_text(told))
        .string(fact->unlimited ? "unlimited" : to_text(fact->amount, asset->scale()));
}

/// What a refusal is about, and the one fact of it.
void add_fact(JsonWriter& json, ToldFact told, std::string_view account,
              const AnswerDetails& details) {
    json.member_if_any("account", account);
    const Facts& facts = details.facts;
    switch (told) {
        case ToldFact::nothing:
            return;
        case ToldFact::available:
            return add_amount(json, told, facts.available, details.asset);
        case ToldFact::remaining:
            return add_amount(json, told, facts.remaining, details.asset);
        case ToldFact::held:
            // Nothing is known to be held: a debit is unanswered, or it is told too late.
            if (facts.held && facts.held->amount == Amount()) return;
            return add_amount(json, told, facts.held, details.asset);
        case ToldFact::version:
            if (facts.version) json.member("version", facts.version->value());
            return;
    }
}

/// The member that a group failed by; the end when none is known.
auto find_failed(std::span<const MemberOutcome> outcomes) {
    return std::ranges::find_if(outcomes, [](const MemberOutcome& member) {
        return !is_accepted(member.outcome) && member.outcome != Outcome::group_failed;
    });
}

/// A group's refusal tells the fact of the member that it failed by.
void add_members(JsonWriter& json, std::span<const MemberOutcome> outcomes,
                 std::span<const std::string> members, std::string_view account,
                 const AnswerDetails& details) {
    const std::size_t count = std::min(outcomes.size(), members.size());
    const auto failed = find_failed(outcomes);
    const auto place = static_cast<std::size_t>(failed - outcomes.begin());
    if (place < count) {
        json.member("failed", members[place]);
        add_fact(json, told(failed->outcome), account, details);
    } else if (details.failed_before && *details.failed_before < count) {
        json.member("failed", members[*details.failed_before]);
    }
    json.key("outcomes").open_array();
    for (std::size_t i = 0; i < count; ++i) {
        json.open_object().member("id", members[i]);
        add_outcome(json, outcomes[i].outcome);
        if (outcomes[i].repeated) json.flag("repeated", true);
        if (std::ranges::binary_search(details.seen_before, i)) json.flag("seen_before", true);
        json.close_object();
    }
    json.close_array();
}

void add_place(JsonWriter& json, const SeenPlace& place) {
    json.member("shard", place.shard.value())
        .member("record", place.record.value())
        .member("event", place.event.value());
}

/// Where a conflict's id is another command's.
void add_first(JsonWriter& json, const SeenPlace& place) {
    json.key("first").open_object();
    add_place(json, place);
    json.close_object();
}

/// As a malformed line's, though this one may hang on what is known of the entry. `path` leads to
/// it.
void add_lacked(JsonWriter& json, const LackedPosting& lacked, const std::string& path) {
    std::string detail = lacked.is_left_out ? "name both debit_posting and credit_posting: "
                                            : "expected a posting of the entry: ";
    if (lacked.postings) {
        detail += "the entry has " + std::to_string(*lacked.postings) +
                  " postings, counted from 0, and ";
    }
    json.member("field", path + std::string(lacked.field))
        .member("detail", detail + "a refund is of one debit and one credit");
}

/// Both records of what crossed: a reader of either shard waits for its own.
void add_changed(JsonWriter& json, const AnsweredBy& own, const AnsweredBy& other) {
    json.key("changed").open_array();
    for (const AnsweredBy* each : {&own, &other}) {
        json.open_object().member("shard", each->shard.value());
        json.member("record", each->record.value()).close_object();
    }
    json.close_array();
}

JsonWriter line_of(std::string_view id) {
    JsonWriter json;
    json.open_object().member("id", id);
    return json;
}

}  // namespace

AccountId refused_account(const Answer& answer) {
    if (answer.details == nullptr || is_accepted(answer.outcome)) return {};
    return answer.details->facts.account;
}

std::string outcome_line(const Answer& answer, ShardId shard, std::string_view id,
                         std::span<const std::string> members, std::string_view account) {
    static const AnswerDetails kNothingMore;
    const AnswerDetails& details = answer.details != nullptr ? *answer.details : kNothingMore;
    const bool accepted = is_accepted(answer.outcome);
    JsonWriter json = line_of(id);
    add_outcome(json, answer.outcome);
    if (!accepted) {
        const bool is_of_member = answer.outcome == Outcome::group_failed;
        add_fact(json, told(answer.outcome), is_of_member ? "" : account, details);
    } else if (details.moved && details.asset) {
        json.member("amount", to_text(*details.moved, details.asset->scale()));
    }
    if (!members.empty()) add_members(json, details.members, members, account, details);
    if (details.first) {
        json.flag("recorded", true);
        add_first(json, {shard, details.first->record, details.first->event});
    }
    add_place(json, {shard, answer.record, answer.event});
    if (answer.answered) add_changed(json, {shard, answer.record}, *answer.answered);
    return json.close_object().take();
}

std::string outcome_line(const UnrecordedRefusal& refusal, std::string_view id,
                         std::span<const std::string> members) {
    JsonWriter json = line_of(id);
    add_outcome(json, refusal.member ? Outcome::group_failed : refusal.outcome);
    if (refusal.member) {
        std::vector<MemberOutcome> outcomes(members.size(), {Outcome::group_failed, false});
        outcomes[*refusal.member].outcome = refusal.outcome;
        add_members(json, outcomes, members, {}, {});
    }
    json.flag("recorded", false);
    if (refusal.first) add_first(json, *refusal.first);
    if (refusal.lacked) {
        const std::string path =
            refusal.member ? "group[" + std::to_string(*refusal.member) + "]." : "";
        add_lacked(json, *refusal.lacked, path);
    }
    return json.close_object().take();
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
    return text + ": send it again once the shard runs again, each is decided once";
}

std::string outcome_line(const CutOffCommand& cut, std::string_view id) {
    JsonWriter json = line_of(id);
    json.member("problem",
                "urn:vouch:problem:" + std::string(cut.is_busy ? kBusy : kShardStopped));
    json.member("shard", cut.by.shard.value()).member("detail", cut.detail());
    // In the words of a request's problem (openapi.yaml).
    json.member("recorded", cut.is_unrecorded            ? "no"
                            : cut.is_busy || cut.transit ? "in_transit"
                                                         : "unknown");
    if (cut.transit) {
        json.key("in_transit").open_object();
        add_place(json, *cut.transit);
        json.close_object();
    }
    return json.close_object().take();
}

std::string outcome_line(const Malformed& malformed, std::uint64_t line) {
    JsonWriter json;
    json.open_object().member("line", line);
    add_outcome(json, malformed.outcome);
    json.member("field", malformed.field).member("detail", malformed.detail);
    return json.close_object().take();
}

}  // namespace vouch::command_handler
