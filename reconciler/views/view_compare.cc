#include "reconciler/views/view_compare.h"

#include "events/entries/codec.h"
#include "events/seal/record.h"
#include "reconciler/views/row_match.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace vouch::reconciler {

namespace {

/// The changes of one account that a shard's log leads to, in order, up to the record `end`.
class ChangesInLog {
public:
    ChangesInLog(LogReader& log, ShardId shard, AccountNumber account, RecordNumber end)
        : log_(log), shard_(shard), account_(account), end_(end) {}

    struct Found {
        RecordNumber record;
        EventNumber event;
        std::uint16_t index = 0;  ///< which of the event's changes
        Change change;
    };
    /// Empty behind the last one.
    Result<std::optional<Found>> next() {
        while (true) {
            for (; index_ < changes_.size(); ++index_) {
                if (changes_[index_].account != account_) continue;
                const auto index = static_cast<std::uint16_t>(index_);
                return std::optional(Found{record_, event_number_, index, changes_[index_++]});
            }
            const Result<bool> is_there = next_event();
            if (!is_there) return is_there.error();
            if (!*is_there) return std::optional<Found>();
        }
    }

private:
    Result<bool> next_event() {
        index_ = 0;
        changes_ = {};
        arena_.clear();
        const Result<std::optional<ByteView>> bytes = reader_.next();
        if (!bytes || !*bytes || !decode_event(**bytes, arena_, event_)) return next_record();
        event_number_ = std::exchange(next_number_, next_number_.next());
        changes_ = changes_of(event_);
        return true;
    }

    Result<bool> next_record() {
        record_ = from_;
        if (record_ >= end_) return false;
        stored_.clear();
        if (Status read = log_.read_records(shard_, record_, 1, stored_); !read)
            return read.error();
        const Result<RecordView> record = parse_record(stored_.front().bytes);
        if (!record) return record.error();
        from_ = record_.next();
        reader_ = EventReader(record->body);
        next_number_ = record->header.first_event;
        return true;
    }

    LogReader& log_;
    ShardId shard_;
    AccountNumber account_;
    RecordNumber end_;
    std::vector<StoredRecord> stored_;
    RecordNumber record_;
    RecordNumber from_;
    EventReader reader_{ByteView()};
    EventNumber event_number_;
    EventNumber next_number_;
    Arena arena_;
    Event event_;
    std::span<const Change> changes_;
    std::size_t index_ = 0;
};

Change change_of(const ViewHistoryRow& row) {
    return {row.number, row.version, row.totals, row.limit, row.state, row.side, row.amount};
}

bool is_same(const ViewHistoryRow& row, const ChangesInLog::Found& expected) {
    Change found = change_of(row);
    found.id = expected.change.id;  // which the row has not
    return row.event == expected.event && row.change == expected.index && found == expected.change;
}

}  // namespace

void ViewCompare::report(std::optional<RecordNumber> record, std::optional<EventNumber> event,
                         AccountNumber account, const std::string& message) {
    input_.findings.add({Check::view_history, shard_, record, event,
                         "account " + std::to_string(account.value()) + ": " + message});
}

Status ViewCompare::compare(RecordNumber position, IdRows& ids, IdRows& rows) {
    if (Status status = compare_history(); !status) return status;
    for (std::size_t i = 0; i < wrong_.size(); ++i) {
        if (i >= kRowsNamedMax) {
            if (!input_.fold.books().was_broken())
                report({}, {}, wrong_[i], "a row differs from the log");
        } else if (Status status = report_row(wrong_[i], position); !status) {
            return status;
        }
    }
    if (Status status = take_ids(ids); !status) return status;
    return take_rows(rows);
}

Status ViewCompare::compare_history() {
    struct Run {
        AccountNumber number;
        std::uint64_t digest = 0;
    };
    std::optional<Run> run;
    std::uint32_t next = 0;
    const AccountTable& accounts = input_.fold.books().accounts;
    // What a record opened that cannot be read, the view may know.
    const bool is_broken = input_.fold.books().was_broken();
    const auto end_run = [&] {
        if (!run) return;
        const Account* account = accounts.known(run->number);
        if (account == nullptr) {
            if (!is_broken) report({}, {}, run->number, "history of no account");
        } else if (run->digest != input_.fold.history()[run->number.value()]) {
            wrong_.push_back(run->number);
        }
        run.reset();
    };
    const auto miss_until = [&](std::uint32_t end) {
        for (; next < end; ++next) {
            if (accounts.known(AccountNumber(next)) == nullptr) continue;
            report({}, {}, AccountNumber(next), "no history in the view");
        }
    };
    const Status status =
        input_.views.visit_history(shard_, AccountNumber(0), [&](const ViewHistoryRow& row) {
            if (!run || run->number != row.number) {
                end_run();
                miss_until(std::min(row.number.value(), accounts.size()));
                next = std::max(next, row.number.value() + 1);
                run = Run{row.number, ChangeFold::history_start()};
            }
            run->digest =
                ChangeFold::history_digest(run->digest, row.event, row.change, change_of(row));
            return true;
        });
    if (!status) return status;
    end_run();
    miss_until(accounts.size());
    return {};
}

/// The first row of the account that is not the log's: the log is read once more to name it.
Status ViewCompare::report_row(AccountNumber account, RecordNumber position) {
    ChangesInLog log(input_.log, shard_, account, position);
    Status read;
    bool is_found = false;
    const auto expect = [&](const ViewHistoryRow* row) {
        const auto expected = log.next();
        if (!expected) {
            read = expected.error();
        } else if (!*expected) {
            is_found = row != nullptr;
            if (is_found) report({}, row->event, account, "a row one too many");
        } else if (row == nullptr || !is_same(*row, **expected)) {
            is_found = true;
            report((*expected)->record, (*expected)->event, account,
                   "expected version " + std::to_string((*expected)->change.version.value()) +
                       " as this event says, " +
                       (row == nullptr ? "found no row"
                                       : "found a row of event " +
                                             std::to_string(row->event.value()) + " that differs"));
        }
        return read && !is_found;
    };
    Status visited =
        input_.views.visit_history(shard_, account, [&](const ViewHistoryRow& row) {
            return row.number == account && expect(&row);
        });
    if (!visited) return visited;
    if (read && !is_found) expect(nullptr);
    // A log that cannot be read there has its own finding; what it led to is not known.
    if (!is_found && read) report({}, {}, account, "a row differs from the log");
    return {};
}

Status ViewCompare::take_ids(IdRows& ids) {
    return input_.views.visit_ids(shard_, [&](const ViewIdRow& view) {
        IdRow row;
        row.id_high = view.id.high();
        row.id_low = view.id.low();
        row.ledger = view.ledger.value();
        row.event = view.event.value();
        row.kind = IdRowKind::view;
        ids.add(row);
        return true;
    });
}

Status ViewCompare::take_rows(IdRows& rows) {
    return input_.views.visit_rows(shard_, [&](const ViewRow& row) {
        rows.add(row_digest(IdRowKind::row_found, row, event_of(row)));
        return true;
    });
}

}  // namespace vouch::reconciler
