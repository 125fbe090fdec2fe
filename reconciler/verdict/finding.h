#pragma once

#include "events/money/number.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vouch::reconciler {

/// What the replay found to be wrong. Each names one rule of schemas/record.proto,
/// schemas/event.proto or docs/rules.md; the words of `to_text` are what programs match on.
enum class Check : std::uint8_t {
    // The record.
    unreadable,       ///< bytes that the log or the codec refuses
    record_sequence,  ///< record number is not the next
    foreign_record,   ///< another deployment, chain or shard
    event_sequence,   ///< first event or count does not continue the numbering
    previous_digest,     ///< does not name the digest of the record before
    tag_mismatch,     ///< MAC is not that of header and body
    epoch,            ///< not the open epoch, or not ended when it had to, or a wrong seal
    key_commitment,   ///< seal commits to another key than the next epoch's
    term,             ///< term event or header's term does not continue the terms
    time_goes_back,   ///< earlier than the record before
    input_offset,     ///< next input offset is lower than the record before says
    event_order,      ///< an event where its kind cannot stand
    wrong_act,        ///< what an operator asked for does not fit the records before it

    // The event.
    canonical,         ///< not exactly what the codec writes, or out of range
    wrong_outcome,     ///< the outcome does not follow from the state before
    wrong_facts,       ///< the facts of a refusal are not the state before
    wrong_change,      ///< a claimed account row does not follow from the row before
    unbalanced,        ///< debits are not credits for some asset
    wrong_account,     ///< a change is of another account than the command names
    account_number,    ///< an opening does not get the next number
    wrong_hold,        ///< the claimed state of a hold does not follow
    hold_not_expired,  ///< a hold was due and the record does not expire it, or in the wrong order
    wrong_entry,       ///< a reversal or refund does not follow from the entry
    wrong_group,       ///< a group and its members do not fit
    wrong_shard,       ///< the deciding account lives on another shard
    id_twice,          ///< an id has a second outcome
    wrong_reference,   ///< conflict or repeat that refers to no such first event
    dropped_command,   ///< a command was read, and no event answers it, or one of other content

    // Between shards.
    wrong_crossing,   ///< what crosses, or the answer that it had, does not follow
    wrong_steps,      ///< steps sent or taken are not those of the record's events
    step_sequence,    ///< a batch of steps is not the pair's next, or does not continue its digests
    step_pair,        ///< what one shard took is not what the other one sent
    transit_balance,  ///< two transit accounts do not differ by what is in flight
    id_on_shards,     ///< an id was seen as a command by two shards

    // The whole.
    trial_balance,  ///< debits are not credits over all accounts of an asset
    unreadable_end,  ///< bytes behind the last record that are no record, and nobody writes there
    truncated,      ///< the log ends before what a trailer or view has seen
    rolled_back,    ///< the log lacks a record that is kept elsewhere
    forked,         ///< another record stands where one is kept elsewhere
    foreign_message,  ///< among the records stands what is none, or none that follows
    archive_form,   ///< an archive lacks something or has something after its end
    view_position,  ///< a view is ahead of the log, or follows another one
    view_record,    ///< events or time of a record
    view_history,   ///< history row
    view_id,        ///< id row
    view_row,       ///< any other row: of an account, hold, entry, context or failed member
    view_unreadable,  ///< a row that no projector wrote, or a file that cannot be read
};

std::string_view to_text(Check check);

/// One thing that is wrong, where it is. What is empty is not known or does not apply.
/// The message holds ids and numbers, no names, contexts or keys.
struct Finding {
    Check check = Check::unreadable;
    std::optional<ShardId> shard;
    std::optional<RecordNumber> record;
    std::optional<EventNumber> event;
    std::string message;
};

/// "shard 3 record 812 event 90417: wrong_change: ...".
std::string to_text(const Finding& finding);

inline constexpr std::size_t kFindingsKeptMax = 10'000;
/// Of one record; the others are counted. A broken record can break every event in it.
inline constexpr std::size_t kFindingsPerRecordMax = 8;

/// Collects findings, the first kFindingsKeptMax of them whole. One thread.
class Findings {
public:
    void add(Finding finding);
    /// All, also those not kept.
    std::uint64_t count() const { return count_; }
    const std::vector<Finding>& kept() const { return kept_; }
    /// By shard, record and event, those without first.
    void sort();

private:
    std::vector<Finding> kept_;
    std::uint64_t count_ = 0;
    std::optional<ShardId> last_shard_;
    std::optional<RecordNumber> last_record_;
    std::size_t of_last_record_ = 0;
};

}  // namespace vouch::reconciler
