#include "projector/queries/event_walk.h"

#include "events/check.h"
#include "events/entries/codec.h"
#include "projector/queries/corrupt_view.h"
#include "projector/views/row_key.h"

#include <optional>
#include <utility>

namespace vouch::projector {

EventWalk::EventWalk(ShardId shard, std::unique_ptr<RowCursor> cursor)
    : shard_(shard), cursor_(std::move(cursor)) {}

Status EventWalk::seek(EventNumber event) {
    const bool is_in_block =
        !spans_.empty() && event >= first_ && event.value() - first_.value() < spans_.size();
    if (!is_in_block) {
        spans_.clear();
        cursor_->seek_at_or_before(event_block_key(event).view());
        const Result<bool> loaded = load_block();
        if (!loaded) return loaded.error();
        if (!*loaded) return corrupt_view(shard_, "no event " + std::to_string(event.value()));
    }
    // One past the block's end is the next block's first event.
    const std::uint64_t index = event.value() - first_.value();
    if (index > spans_.size()) {
        return corrupt_view(shard_, "no event " + std::to_string(event.value()));
    }
    index_ = static_cast<std::size_t>(index);
    return {};
}

Result<bool> EventWalk::next() {
    if (index_ == spans_.size()) {
        const EventNumber expected(first_.value() + spans_.size());
        if (spans_.empty()) {
            cursor_->seek(event_block_key(EventNumber(0)).view());
        } else {
            cursor_->next();
        }
        const Result<bool> loaded = load_block();
        if (!loaded || !*loaded) return loaded;
        if (first_ != expected) {
            return corrupt_view(shard_, "no event " + std::to_string(expected.value()));
        }
        index_ = 0;
    }
    arena_.clear();
    Result<Event> event = decode_event(spans_[index_], arena_);
    if (!event) {
        return corrupt_view(shard_, "event " + std::to_string(first_.value() + index_) + ": " +
                                        event.error().message);
    }
    event_ = *std::move(event);
    ++index_;
    return true;
}

Result<bool> EventWalk::load_block() {
    const Status status = cursor_->status();
    if (!status) return status.error();
    if (!cursor_->is_valid() || !is_kind(cursor_->key(), RowKind::event_block)) return false;
    const std::optional<EventNumber> first = decode_event_block_key(cursor_->key());
    const ByteView value = cursor_->value();
    block_.assign(value.begin(), value.end());
    const std::optional<EventBlock> block = decode_event_block(block_);
    if (!first || !block) return corrupt_view(shard_, "a block of events is damaged");
    first_ = *first;
    header_ = block->header;
    spans_.clear();
    EventReader reader(block->events);
    while (true) {
        const auto bytes = reader.next();
        if (!bytes) return corrupt_view(shard_, bytes.error().message);
        if (!*bytes) break;
        spans_.push_back(**bytes);
    }
    if (spans_.empty()) return corrupt_view(shard_, "a block without events");
    return true;
}

RecordedAt EventWalk::recorded() const {
    VOUCH_ASSERT(index_ > 0);
    return {shard_, header_.record, EventNumber(first_.value() + index_ - 1), header_.time};
}

}  // namespace vouch::projector
