#pragma once

#include "command-handler/gateway/claimed_ids.h"
#include "command-handler/gateway/outcome_line.h"
#include "command-handler/intake/directory.h"
#include "command-handler/intake/routing.h"
#include "events/entries/command.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

namespace vouch::command_handler {

/// A shard is to decide the command: that of its deciding account.
struct Admitted {};
/// Instead of Admitted: why no shard is asked; the outcome that another one gave it before; or the
/// stopped shard that it would need.
using Admission = std::variant<Admitted, UnrecordedRefusal, KnownCommand, StoppedShard>;

/// Whether a shard is to decide a command at all (docs/rules.md, "At the gateway"): not one on a
/// hold or entry that nobody knows, whose shard cannot be told, not a refund that does not say
/// which of an entry's postings it is about, and not one whose id another shard has seen or is
/// about to. One thread.
class AdmissionCheck {
public:
    /// What is referred to outlives this.
    AdmissionCheck(Directory& books, IdsInFlight& ids, std::uint32_t shard_count)
        : books_(books), ids_(ids), shard_count_(shard_count) {}

    /// An admitted command has its ids `claimed`; a repeat is given the account under which it was
    /// decided before. `behind` and `entries` as StreamDirectory's.
    Admission admit(Command& command, std::span<const AccountId> behind,
                    std::span<const EntrySize> entries, ClaimedIds& claimed);

    /// Whether no shard has, or is about to get, an earlier copy of a line that was not sent.
    bool is_unknown_everywhere(LedgerId ledger, std::string_view id_text);

private:
    /// Of a command that another shard has seen: its outcome there, or conflict.
    static Admission first_of(KnownCommand seen);
    /// An id of it is on its way to another shard: a conflict there, or not known any more.
    Admission conflict_with(const Command& command, const ClaimedIds::Elsewhere& other);
    /// The first member that no shard is to decide, and why.
    std::optional<UnrecordedRefusal> refusal_of_members(const Group& group, ShardId shard,
                                                        std::span<const EntrySize> entries);

    Directory& books_;
    IdsInFlight& ids_;
    std::uint32_t shard_count_;
};

}  // namespace vouch::command_handler
