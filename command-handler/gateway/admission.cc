#include "command-handler/gateway/admission.h"

#include "events/money/text_ids.h"

#include <cstddef>
#include <optional>
#include <utility>

namespace vouch::command_handler {

namespace {

SeenPlace place_of(const KnownCommand& known) {
    return {.shard = known.shard, .record = known.record, .event = known.event};
}

/// By what it leaves out.
std::optional<UnrecordedRefusal> refusal_of(const Command& command,
                                            std::span<const EntrySize> entries) {
    UnrecordedRefusal refusal;
    refusal.lacked = lacks_posting(command, entries);
    const std::optional<Outcome> unknown = lacks_account(command);
    if (!unknown && !refusal.lacked) return std::nullopt;
    refusal.outcome = unknown.value_or(Outcome::entry_not_found);
    return refusal;
}

}  // namespace

Admission AdmissionCheck::admit(Command& command, std::span<const AccountId> behind,
                                std::span<const EntrySize> entries, ClaimedIds& claimed) {
    const ShardId shard = route(command, shard_count_);
    std::optional<UnrecordedRefusal> refusal = refusal_of(command, entries);
    const bool is_whole = !refusal;
    const auto* const group = std::get_if<Group>(&command.body);
    if (shard_count_ == 1 && is_whole && group == nullptr) return Admitted{};
    const bool is_claimed = shard_count_ > 1 && is_whole;
    if (is_whole) {
        if (auto stop = books_.stop_before(command, shard, behind)) return *std::move(stop);
    }
    // First claimed, then looked for: whoever lets go of a claim in between has been seen by then.
    if (is_claimed) {
        if (const auto other = claimed.claim(command, shard)) return conflict_with(command, *other);
    }
    auto seen = books_.seen(command, is_whole ? std::optional(shard) : std::nullopt);
    if (books_.unknown()) return *books_.unknown();
    if (seen && seen->has_same_content && give_account(command, seen->account)) {
        // A repeat: which account it names is no part of what it asks, and its claim is where it
        // is.
        claimed.release();
        if (shard_count_ == 1) return Admitted{};
        const auto other = claimed.claim(command, seen->shard);
        return other ? conflict_with(command, *other) : Admission(Admitted{});
    }
    if (seen) return first_of(*std::move(seen));
    if (group != nullptr) refusal = refusal_of_members(*group, shard, entries);
    // A group that its own shard has seen is a repeat, whatever its refunds lack.
    if (group != nullptr && refusal && refusal->lacked && books_.seen(command, std::nullopt))
        refusal.reset();
    if (books_.unknown()) return *books_.unknown();
    return refusal ? Admission(*refusal) : Admission(Admitted{});
}

Admission AdmissionCheck::first_of(KnownCommand seen) {
    // What is in transit was sent there by its own content: this is another command.
    if (!seen.has_same_content || seen.in_transit)
        return UnrecordedRefusal{
            .outcome = Outcome::conflict, .first = place_of(seen), .member = {}, .lacked = {}};
    return seen;
}

Admission AdmissionCheck::conflict_with(const Command& command,
                                        const ClaimedIds::Elsewhere& other) {
    if (auto stop = books_.stop_before(command, other.shard, {})) return *std::move(stop);
    return UnrecordedRefusal{.first = {}, .member = other.member, .lacked = {}};
}

std::optional<UnrecordedRefusal> AdmissionCheck::refusal_of_members(
    const Group& group, ShardId shard, std::span<const EntrySize> entries) {
    for (std::size_t i = 0; i < group.members.size(); ++i) {
        std::optional<UnrecordedRefusal> refusal = refusal_of(group.members[i], entries);
        if (const auto seen = refusal ? std::nullopt : books_.seen(group.members[i], shard)) {
            refusal.emplace();
            refusal->first = place_of(*seen);
        }
        if (!refusal) continue;
        refusal->member = i;
        return refusal;
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
