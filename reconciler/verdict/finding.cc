#include "reconciler/verdict/finding.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace vouch::reconciler {

std::string_view to_text(Check check) {
    switch (check) {
        case Check::unreadable:
            return "unreadable";
        case Check::record_sequence:
            return "record_sequence";
        case Check::foreign_record:
            return "foreign_record";
        case Check::event_sequence:
            return "event_sequence";
        case Check::previous_digest:
            return "previous_digest";
        case Check::tag_mismatch:
            return "tag_mismatch";
        case Check::epoch:
            return "epoch";
        case Check::key_commitment:
            return "key_commitment";
        case Check::term:
            return "term";
        case Check::time_goes_back:
            return "time_goes_back";
        case Check::input_offset:
            return "input_offset";
        case Check::event_order:
            return "event_order";
        case Check::wrong_act:
            return "wrong_act";
        case Check::canonical:
            return "canonical";
        case Check::wrong_outcome:
            return "wrong_outcome";
        case Check::wrong_facts:
            return "wrong_facts";
        case Check::wrong_change:
            return "wrong_change";
        case Check::unbalanced:
            return "unbalanced";
        case Check::wrong_account:
            return "wrong_account";
        case Check::account_number:
            return "account_number";
        case Check::wrong_hold:
            return "wrong_hold";
        case Check::hold_not_expired:
            return "hold_not_expired";
        case Check::wrong_entry:
            return "wrong_entry";
        case Check::wrong_group:
            return "wrong_group";
        case Check::wrong_shard:
            return "wrong_shard";
        case Check::id_twice:
            return "id_twice";
        case Check::wrong_reference:
            return "wrong_reference";
        case Check::dropped_command:
            return "dropped_command";
        case Check::wrong_crossing:
            return "wrong_crossing";
        case Check::wrong_steps:
            return "wrong_steps";
        case Check::step_sequence:
            return "step_sequence";
        case Check::step_pair:
            return "step_pair";
        case Check::transit_balance:
            return "transit_balance";
        case Check::id_on_shards:
            return "id_on_shards";
        case Check::trial_balance:
            return "trial_balance";
        case Check::unreadable_end:
            return "unreadable_end";
        case Check::truncated:
            return "truncated";
        case Check::rolled_back:
            return "rolled_back";
        case Check::forked:
            return "forked";
        case Check::foreign_message:
            return "foreign_message";
        case Check::archive_form:
            return "archive_form";
        case Check::view_position:
            return "view_position";
        case Check::view_record:
            return "view_record";
        case Check::view_history:
            return "view_history";
        case Check::view_id:
            return "view_id";
        case Check::view_row:
            return "view_row";
        case Check::view_unreadable:
            return "view_unreadable";
    }
    return "";
}

std::string to_text(const Finding& finding) {
    std::string text;
    if (finding.shard) text += "shard " + std::to_string(finding.shard->value()) + ' ';
    if (finding.record) text += "record " + std::to_string(finding.record->value()) + ' ';
    if (finding.event) text += "event " + std::to_string(finding.event->value()) + ' ';
    if (!text.empty()) {
        text.pop_back();
        text += ": ";
    }
    text += to_text(finding.check);
    text += ": ";
    text += finding.message;
    return text;
}

void Findings::add(Finding finding) {
    ++count_;
    if (!finding.record || finding.record != last_record_ || finding.shard != last_shard_) {
        last_shard_ = finding.shard;
        last_record_ = finding.record;
        of_last_record_ = 0;
    }
    if (finding.record && ++of_last_record_ > kFindingsPerRecordMax) return;
    if (kept_.size() >= kFindingsKeptMax) return;
    kept_.push_back(std::move(finding));
}

void Findings::sort() {
    std::ranges::stable_sort(kept_, [](const Finding& a, const Finding& b) {
        return std::tie(a.shard, a.record, a.event) < std::tie(b.shard, b.record, b.event);
    });
}

}  // namespace vouch::reconciler
