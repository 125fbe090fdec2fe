#include "command-handler/gateway/admission.h"

#include "command-handler/intake/routing.h"

#include <cstddef>
#include <optional>
#include <utility>

namespace vouch::command_handler {

namespace {

SeenPlace place_of(const KnownCommand& known) {
    return {.shard = known.shard, .record = known.record, .event = known.event};
}

}  // namespace

Admission AdmissionCheck::admit(Command& command, std::span<const AccountId> behind,
                                ClaimedIds& claimed) {
    const ShardId shard = route(command, shard_count_);
    const std::optional<Outcome> unknown = lacks_account(command);
    const auto* const group = std::get_if<Group>(&command.body);
    if (shard_count_ == 1 && !unknown && group == nullptr) return Admitted{};
    const bool is_claimed = shard_count_ > 1 && !unknown;
    if (!unknown) {
        if (auto stop = books_.stop_before(command, shard, behind)) return *std::move(stop);
    }
    // First claimed, then looked for: whoever lets go of a claim in between has been seen by then.
    if (is_claimed) {
        if (const auto other = claimed.claim(command, shard)) return conflict_with(command, *other);
    }
    auto seen = books_.seen(command, unknown ? std::nullopt : std::optional(shard));
    if (books_.unknown()) return *books_.unknown();
    if (seen && seen->has_same_content && give_account(command, seen->account)) {
        // A repeat: which account it names is no part of what it asks, and its claim is where it is.
        claimed.release();
        if (shard_count_ == 1) return Admitted{};
        const auto other = claimed.claim(command, seen->shard);
        return other ? conflict_with(command, *other) : Admission(Admitted{});
    }
    if (seen) return first_of(*std::move(seen));
    std::optional<UnrecordedRefusal> refusal;
    if (unknown) refusal = UnrecordedRefusal{.outcome = *unknown, .first = {}, .member = {}};
    if (group != nullptr) refusal = refusal_of_members(*group, shard);
    if (books_.unknown()) return *books_.unknown();
    return refusal ? Admission(*refusal) : Admission(Admitted{});
}

Admission AdmissionCheck::first_of(KnownCommand seen) {
    // What is in transit was sent there by its own content: this is another command.
    if (!seen.has_same_content || seen.in_transit)
        return UnrecordedRefusal{
            .outcome = Outcome::conflict, .first = place_of(seen), .member = {}};
    return seen;
}

Admission AdmissionCheck::conflict_with(const Command& command, ShardId other) {
    if (auto stop = books_.stop_before(command, other, {})) return *std::move(stop);
    return UnrecordedRefusal{};
}

std::optional<UnrecordedRefusal> AdmissionCheck::refusal_of_members(const Group& group,
                                                                    ShardId shard) {
    for (std::size_t i = 0; i < group.members.size(); ++i) {
        if (const auto unknown = lacks_account(group.members[i]))
            return UnrecordedRefusal{.outcome = *unknown, .first = {}, .member = i};
        if (const auto seen = books_.seen(group.members[i], shard))
            return UnrecordedRefusal{
                .outcome = Outcome::conflict, .first = place_of(*seen), .member = i};
    }
    return std::nullopt;
}

bool AdmissionCheck::is_unknown_everywhere(LedgerId ledger, std::string_view id_text) {
    if (shard_count_ == 1) return false;  // nobody notes there what is on its way
    const std::optional<TextId> text = parse_command_id(id_text);
    if (!text) return false;
    const CommandId id(text->high, text->low);
    // On its way before it is seen, so asked for in that order.
    return !ids_.is_claimed(ledger, id) && !books_.may_have_seen(ledger, id);
}

}  // namespace vouch::command_handler
