#include "projector/queries/statement.h"

#include "events/overloads.h"
#include "projector/queries/books.h"
#include "projector/queries/shard_readers.h"
#include "projector/views/row_key.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

// A statement's rows in the order (time, shard, event, change). Of one account they come from its
// history, each with a look at its event for the entry's id; of all accounts from the events
// themselves, shard by shard and merged, so that nothing is looked up but accounts.

namespace vouch::projector {
namespace {

struct EntryId {
    CommandId id;
    std::string_view text;  ///< of the event
    /// The event of the shard that has the command instead, and so its text.
    std::optional<EventNumber> cited{};
};
/// Empty when the event made no entry: nothing in it is a posting then.
std::optional<EntryId> entry_of(const Event& event) {
    using Found = std::optional<EntryId>;
    const auto of = [](const Command& command) { return EntryId{command.id, command.id_text}; };
    return std::visit(
        Overloads{
            [&](const CommandDecided& e) -> Found { return of(e.command); },
            [&](const CommandInTransit& e) -> Found { return of(e.command); },
            [](const CommandAnswered& e) -> Found { return EntryId{e.id, {}, e.first_event}; },
            [](const StepFollowed& e) -> Found {
                return EntryId{e.step.command, e.step.id_text};
            },
            []<class E>(const E&) -> Found {
                static_assert(!ChangesAccounts<E> || kIsOneOf<E, HoldExpired, TransitOpened>);
                return std::nullopt;
            },
        },
        event);
}

StatementRow make_row(const AccountInfo& account, const EntryId& entry, const Change& change,
                      std::size_t index, const RecordedAt& recorded) {
    StatementRow row;
    row.account = account.shown();
    row.account_id = account.id;
    row.account_class = account.account_class;
    row.asset = account.asset;
    row.entry = entry.id;
    row.entry_text = entry.text;
    row.side = *change.side;
    row.amount = change.amount;
    row.totals = change.totals;
    row.version = change.version;
    row.recorded = recorded;
    row.change = static_cast<std::uint16_t>(index);
    return row;
}

/// The text of an entry's id where another event has it.
Status add_cited_text(ShardReader& shard, const EntryId& entry, StatementRow& row) {
    if (!entry.cited) return {};
    EventWalk walk = shard.walk();
    const Status found = walk.seek(*entry.cited);
    if (!found) return found;
    const Result<bool> read = walk.next();
    if (!read) return read.error();
    const auto* sent = std::get_if<CommandInTransit>(&walk.event());
    if (sent == nullptr || sent->command.id != entry.id)
        return shard.corrupt("the outcome of a crossing cites another event");
    row.entry_text = sent->command.id_text;
    return {};
}

StatementPosition position_of(const StatementRow& row) {
    return {row.recorded.time, row.recorded.shard, row.recorded.event, row.change};
}

/// The rows of one shard for all accounts of a ledger, one after another.
class ShardRows {
public:
    ShardRows(ShardReader& shard, LedgerId ledger)
        : shard_(shard), walk_(shard.walk()), ledger_(ledger) {}

    /// To the first row behind `after`; rows end before the event `end`.
    Status start(const std::optional<StatementPosition>& after, EventNumber end) {
        after_ = after;
        end_ = end;
        EventNumber first(0);
        if (after) {
            const Result<EventNumber> begin = first_event_behind(*after);
            if (!begin) return begin.error();
            first = *begin;
        }
        if (first < end_) {
            const Status found = walk_.seek(first);
            if (!found) return found;
            next_event_ = first;
        } else {
            next_event_ = end_;
        }
        return advance();
    }

    /// Empty at the end.
    const std::optional<StatementRow>& row() const { return row_; }

    Status advance() {
        row_.reset();
        while (true) {
            while (next_change_ < changes_.size()) {
                const std::size_t index = next_change_++;
                const Change& change = changes_[index];
                if (!change.side) continue;
                const Result<const AccountInfo*> account = shard_.account(change.account);
                if (!account) return account.error();
                if ((*account)->ledger != ledger_) break;  // an entry is of one ledger
                if ((*account)->transit) continue;
                StatementRow row = make_row(**account, entry_, change, index, walk_.recorded());
                if (after_ && position_of(row) <= *after_) continue;
                const Status cited = add_cited_text(shard_, entry_, row);
                if (!cited) return cited;
                row_ = std::move(row);
                return {};
            }
            const Result<bool> found = next_entry();
            if (!found) return found.error();
            if (!*found) return {};
        }
    }

private:
    /// No row behind `after` is of an earlier event; some of later ones may still be before it.
    Result<EventNumber> first_event_behind(const StatementPosition& after) {
        // What is of an earlier time is behind us; within the same time, lower shards are too.
        const bool is_time_done = shard_.shard() < after.shard;
        constexpr std::int64_t kEarliest = std::numeric_limits<std::int64_t>::min();
        if (!is_time_done && after.time.value() == kEarliest) return EventNumber(0);
        const Timestamp time(is_time_done ? after.time.value() : after.time.value() - 1);
        const Result<ShardReader::Cut> cut = shard_.cut(time);
        if (!cut) return cut.error();
        if (shard_.shard() == after.shard) return std::max(cut->end, after.event);
        return cut->end;
    }

    /// To the next event that has postings. False at the end.
    Result<bool> next_entry() {
        changes_ = {};
        next_change_ = 0;
        while (next_event_ < end_) {
            const Result<bool> read = walk_.next();
            if (!read) return read;
            if (!*read) return shard_.corrupt("events end before the view's position");
            next_event_ = next_event_.next();
            const std::optional<EntryId> entry = entry_of(walk_.event());
            if (!entry) continue;
            entry_ = *entry;
            changes_ = changes_of(walk_.event());
            if (!changes_.empty()) return true;
        }
        return false;
    }

    ShardReader& shard_;
    EventWalk walk_;
    LedgerId ledger_;
    std::optional<StatementPosition> after_;
    EventNumber next_event_;
    EventNumber end_;
    EntryId entry_;                    // its text is the event that was walked to
    std::span<const Change> changes_;  // of the walk's event
    std::size_t next_change_ = 0;
    std::optional<StatementRow> row_;
};

/// One row more than asked for says that there is a next page.
void close_page(StatementPage& page, const StatementQuery& query) {
    const bool has_next = page.rows.size() > query.rows_max;
    if (has_next) page.rows.resize(query.rows_max);
    page.follow = page.rows.empty() ? query.after : position_of(page.rows.back());
    if (has_next) page.next = page.follow;
}

/// Whether no shard but the row's own can still write a row that comes before it. Of its own shard
/// what comes later comes behind.
bool is_complete(const StatementRow& row, const ShardReaders& shards) {
    const RecordedAt& at = row.recorded;
    return std::ranges::all_of(shards, [&](const std::unique_ptr<ShardReader>& shard) {
        if (shard->shard() == at.shard) return true;
        const std::optional<Timestamp> last = shard->last_time();
        return last && std::pair(at.time, at.shard) < std::pair(*last, shard->shard());
    });
}

Result<StatementPage> of_account(ShardReader& shard, AccountNumber number,
                                 const StatementQuery& query) {
    StatementPage page;
    const Result<ShardReader::Cut> cut = shard.cut(query.at);
    if (!cut) return cut.error();
    const Result<const AccountInfo*> account = shard.account(number);
    if (!account) return account.error();
    const AccountInfo info = **account;

    const std::unique_ptr<RowCursor> history = shard.cursor();
    EventWalk walk = shard.walk();
    const EventNumber first = query.after ? query.after->event : EventNumber(0);
    history->seek(history_key(number, first, query.after ? query.after->change : 0).view());
    for (; history->is_valid() && page.rows.size() <= query.rows_max; history->next()) {
        const std::optional<HistoryKey> key = decode_history_key(history->key());
        if (!key || key->account != number || key->event >= cut->end) break;
        const bool is_row_before =
            query.after && key->event == query.after->event && key->change == query.after->change;
        if (is_row_before) continue;
        const std::optional<Change> change = decode_history(number, history->value());
        if (!change) return shard.corrupt("a history row is damaged");
        if (!change->side) continue;
        const Status found = walk.seek(key->event);
        if (!found) return found.error();
        const Result<bool> read = walk.next();
        if (!read) return read.error();
        const std::optional<EntryId> entry = entry_of(walk.event());
        if (!entry) return shard.corrupt("a posting of no entry");
        StatementRow row = make_row(info, *entry, *change, key->change, walk.recorded());
        const Status cited = add_cited_text(shard, *entry, row);
        if (!cited) return cited.error();
        page.rows.push_back(std::move(row));
    }
    const Status status = history->status();
    if (!status) return status.error();
    close_page(page, query);
    return page;
}

}  // namespace

std::string StatementPosition::text() const {
    return std::to_string(time.value()) + "." + std::to_string(shard.value()) + "." +
           std::to_string(event.value()) + "." + std::to_string(change);
}

std::optional<StatementPosition> StatementPosition::parse(std::string_view text) {
    const char* at = text.data();
    const char* const end = at + text.size();
    const auto read = [&](auto& number, bool is_last) {
        const std::from_chars_result result = std::from_chars(at, end, number);
        if (result.ec != std::errc()) return false;
        at = result.ptr;
        if (is_last) return at == end;
        return at != end && *at++ == '.';
    };
    std::int64_t time = 0;
    std::uint32_t shard = 0;
    std::uint64_t event = 0;
    std::uint16_t change = 0;
    if (!read(time, false) || !read(shard, false) || !read(event, false) || !read(change, true)) {
        return std::nullopt;
    }
    return StatementPosition{Timestamp(time), ShardId(shard), EventNumber(event), change};
}

Result<StatementPage> Books::statement(const StatementQuery& query) {
    if (query.transit) {
        if (!shards_->has(query.transit->shard)) return StatementPage{};
        return of_account(shards_->at(query.transit->shard), query.transit->number, query);
    }
    if (query.account) {
        ShardReader& shard = shards_->of_account(*query.account);
        const Result<std::optional<AccountNumber>> number =
            shard.find_account(query.ledger, *query.account);
        if (!number) return number.error();
        if (!*number) return StatementPage{};
        return of_account(shard, **number, query);
    }

    StatementPage page;
    std::vector<std::unique_ptr<ShardRows>> shards;
    for (const auto& shard : *shards_) {
        const Result<ShardReader::Cut> cut = shard->cut(query.at);
        if (!cut) return cut.error();
        shards.push_back(std::make_unique<ShardRows>(*shard, query.ledger));
        const Status started = shards.back()->start(query.after, cut->end);
        if (!started) return started.error();
    }
    while (page.rows.size() <= query.rows_max) {
        ShardRows* oldest = nullptr;
        for (const std::unique_ptr<ShardRows>& rows : shards) {
            if (!rows->row()) continue;
            const bool is_older =
                oldest == nullptr || position_of(*rows->row()) < position_of(*oldest->row());
            if (is_older) oldest = rows.get();
        }
        if (oldest == nullptr) break;
        if (query.complete_only && !is_complete(*oldest->row(), *shards_)) {
            page.withheld = oldest->row()->recorded.time;
            break;
        }
        page.rows.push_back(*oldest->row());
        const Status advanced = oldest->advance();
        if (!advanced) return advanced.error();
    }
    close_page(page, query);
    return page;
}

}  // namespace vouch::projector
