#include "reconciler/ids/sent_check.h"

#include "events/bytes/sha256.h"
#include "reconciler/ids/id_findings.h"

#include <algorithm>
#include <functional>
#include <span>
#include <variant>

namespace vouch::reconciler {

SentCheck::SentCheck(std::unique_ptr<SentCommands> sent, const Deployment& deployment,
                     ShardId shard, const ContentDigest& content, IdRows& ids)
    : sent_(std::move(sent)),
      has_test_clock_(deployment.test_clock),
      shard_(shard),
      content_(content),
      ids_(ids) {}

void SentCheck::take(const Chunk& chunk, const PreparedRecord& record, EventNumber first_event,
                     bool is_believed) {
    if (!is_believed) return lose_sight();
    record_ = record.position;
    last_event_ = EventNumber(first_event.value() + record.item_count - 1);
    follow_moves(record, first_event);
    if (!checked_.fault.empty()) return;
    const Offset end = record.header.next_command;
    if (checked_.is_sight_lost) return leave_unchecked(end);
    keep_refused(chunk, record);
    if (end <= next_) return;
    if (const Status read = read_up_to(end); !read) {
        checked_.fault = read.error().message;
        return;
    }
    refused_.erase(refused_.begin(), refused_.lower_bound({next_, std::nullopt}));
    ranges_.erase(ranges_.begin(), ranges_.lower_bound(next_));
}

/// An input that was moved may be another topic under the same name: offsets of before mean nothing
/// there. Nor does a fault of before: a topic that was made again is mostly shorter than before.
void SentCheck::follow_moves(const PreparedRecord& record, EventNumber first_event) {
    for (const Event* act : record.acts) {
        const auto* moved = std::get_if<InputMoved>(act);
        if (moved == nullptr || moved->input != InputKind::commands) continue;
        leave_unchecked(std::max(moved->from, moved->to));
        checked_.unchecked += std::exchange(checked_.checked, 0);
        checked_.fault.clear();
        next_ = moved->to;
        valid_from_ = first_event;
        found_.clear();
        refused_.clear();
        ranges_.clear();
        lately_.assign(kLatelyMax, {});
    }
}

void SentCheck::leave_unchecked(Offset end) {
    if (end <= next_) return;
    checked_.unchecked += end.value() - next_.value();
    next_ = end;
}

void SentCheck::keep_refused(const Chunk& chunk, const PreparedRecord& record) {
    const auto items = std::span(chunk.items).subspan(record.first_item, record.item_count);
    for (const std::uint32_t item : items) {
        if ((item & Chunk::kIsTransfer) != 0) continue;
        const auto* event = std::get_if<Unreadable>(&chunk.events[item]->event);
        if (event == nullptr) continue;
        if (event->next_offset) {
            ranges_[event->offset] = *event->next_offset;
            continue;
        }
        Refused& refused = refused_[{event->offset, event->member}];
        if (event->digest.size() == refused.digest.size())
            std::ranges::copy(event->digest, refused.digest.begin());
        refused.is_isolated = event->field == "isolated";
        refused.is_set_clock = event->field == "set_clock";
    }
}

Status SentCheck::read_up_to(Offset end) {
    if (!first_) {
        const Result<Offset> first = sent_->first();
        if (!first) return first.error();
        first_ = *first;
    }
    leave_unchecked(std::min(end, *first_));
    for (Offset from = next_; from < end;) {
        const Result<std::optional<InputBatch>> batch = sent_->next(from, end);
        if (!batch) return batch.error();
        if (!*batch) break;
        check_batch(**batch);
        from = (*batch)->next();
    }
    checked_.checked += end.value() - next_.value();
    next_ = end;
    return {};
}

void SentCheck::check_batch(const InputBatch& batch) {
    const Place place{batch.offset, std::nullopt};
    if (batch.unreadable_until) {
        if (!is_range_refused(batch)) report(place, "cannot be inflated, and no event says so");
        return;
    }
    members_.clear();
    const bool is_batch = !split_batch(batch.payload, members_);
    if (const Refused* refused = refusal_of(place, batch.payload)) {
        if (is_batch && !refused->is_isolated)
            report(place, "is recorded as unreadable, and can be read");
        return;
    }
    if (!is_batch) return report(place, "is no batch, and no event says so");
    for (std::uint32_t i = 0; i < members_.size(); ++i)
        check_member({batch.offset, i}, members_[i]);
}

/// What can be read is judged by this program's decoder. A release that takes what one before it
/// refused has to ask which program wrote the record, or books that were right are no longer clean.
void SentCheck::check_member(const Place& place, CommandBytes bytes) {
    arena_.clear();
    Command command;
    const bool is_command = !decode_command(bytes, arena_, command);
    if (const Refused* refused = refusal_of(place, bytes)) {
        const bool is_of_clock = refused->is_set_clock && !has_test_clock_ && is_command &&
                                 std::holds_alternative<SetClock>(command.body);
        if (is_command && !refused->is_isolated && !is_of_clock)
            report(place, "is recorded as unreadable, and can be read");
        return;
    }
    if (!is_command) return report(place, "is malformed, and no event says so");
    const Said said{command.ledger, command.id, content_.of(command)};
    const std::size_t slot = (said.content ^ std::hash<CommandId>{}(said.id)) % kLatelyMax;
    if (std::exchange(lately_[slot], said) == said) return;
    IdRow row;
    row.id_high = command.id.high();
    row.id_low = command.id.low();
    row.ledger = command.ledger.value();
    row.event = last_event_.value();
    row.say(IdRowKind::sent, Sent{said.content, place.first.value(), *place.second});
    ids_.add(row);
}

const SentCheck::Refused* SentCheck::refusal_of(const Place& place, CommandBytes bytes) const {
    const auto found = refused_.find(place);
    if (found == refused_.end() || !equal_tags(found->second.digest, sha256({&bytes, 1})))
        return nullptr;
    return &found->second;
}

bool SentCheck::is_range_refused(const InputBatch& range) const {
    return std::ranges::any_of(ranges_, [&](const auto& each) {
        return each.first < range.next() && each.second > range.offset;
    });
}

void SentCheck::report(const Place& place, const std::string& what) {
    if (found_.size() == kFindingsKeptMax) return;
    found_.push_back({Check::dropped_command, shard_, record_, {},
                      sent_place(place.first.value(), place.second) + " " + what});
}

void SentCheck::finish(Findings& findings) {
    for (Finding& each : found_) findings.add(std::move(each));
    found_.clear();
}

}  // namespace vouch::reconciler
