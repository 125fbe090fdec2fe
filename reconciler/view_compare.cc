#include "reconciler/view_compare.h"

#include <algorithm>
#include <optional>
#include <string>

namespace vouch::reconciler {

namespace {

std::string account_text(AccountNumber number) {
    return "account " + std::to_string(number.value());
}

/// The first field in which a view's row differs from the books; empty when none does.
std::string difference(const ViewAccount& row, const Account& account) {
    if (row.ledger != account.ledger || row.id != account.id) return "id or ledger";
    if (row.asset != account.asset) return "asset";
    const std::optional<ViewTransit> transit =
        account.is_transit ? std::optional(ViewTransit{account.from, account.to}) : std::nullopt;
    if (row.transit != transit) return "shards of a transit account";
    if (row.account_class != account.account_class) return "class";
    if (row.version != account.version) return "version";
    if (row.totals != account.totals) return "totals";
    if (row.limit != account.limit) return "limit";
    if (row.state != account.state) return "state";
    return {};
}

}  // namespace

void ViewCompare::report(Check check, std::optional<EventNumber> event,
                         const std::string& message) {
    findings_.add({check, shard_, {}, event, message});
}

Status ViewCompare::compare(const ViewPosition& position, IdRows& ids) {
    shard_ = position.shard;
    if (Status status = compare_accounts(); !status) return status;
    if (Status status = compare_history(); !status) return status;
    return take_ids(ids);
}

Status ViewCompare::compare_accounts() {
    const AccountTable& accounts = fold_.books().accounts;
    std::uint32_t next = 0;  // the lowest number that has no row yet
    const auto miss_until = [&](std::uint32_t end) {
        for (; next < end; ++next) {
            if (accounts.known(AccountNumber(next)) == nullptr) continue;
            report(Check::view_account, {},
                   account_text(AccountNumber(next)) + ": no row in the view");
        }
    };
    const Status status = views_.visit_accounts(shard_, [&](const ViewAccount& row) {
        const Account* account = accounts.known(row.number);
        if (account == nullptr || row.number.value() < next) {
            report(Check::view_account, {},
                   account_text(row.number) + ": a row of no account, or a second one");
            return true;
        }
        miss_until(row.number.value());
        next = row.number.value() + 1;
        const std::string what = difference(row, *account);
        if (!what.empty()) {
            report(Check::view_account, {},
                   account_text(row.number) + ": " + what + " differs from the log");
        }
        return true;
    });
    if (status) miss_until(accounts.size());
    return status;
}

Status ViewCompare::compare_history() {
    struct Run {
        AccountNumber number;
        std::uint64_t digest = 0;
        std::uint64_t rows = 0;
        std::optional<EventNumber>
            odd;  ///< the first row whose version is not one more than the row's before
    };
    std::optional<Run> run;
    std::uint32_t next = 0;
    const AccountTable& accounts = fold_.books().accounts;
    const auto end_run = [&] {
        if (!run) return;
        const Account* account = accounts.known(run->number);
        if (account == nullptr) {
            report(Check::view_history, {}, account_text(run->number) + ": history of no account");
        } else if (run->odd) {
            report(Check::view_history, run->odd,
                   account_text(run->number) + ": a row is missing before, or is one too many");
        } else if (run->rows != account->version.value()) {
            report(Check::view_history, {},
                   account_text(run->number) + ": expected " +
                       std::to_string(account->version.value()) + " rows, found " +
                       std::to_string(run->rows));
        } else if (run->digest != fold_.history()[run->number.value()]) {
            report(Check::view_history, {},
                   account_text(run->number) + ": a row differs from the log");
        }
        run.reset();
    };
    const auto miss_until = [&](std::uint32_t end) {
        for (; next < end; ++next) {
            if (accounts.known(AccountNumber(next)) == nullptr) continue;
            report(Check::view_history, {},
                   account_text(AccountNumber(next)) + ": no history in the view");
        }
    };
    const Status status = views_.visit_history(shard_, [&](const ViewHistoryRow& row) {
        if (!run || run->number != row.number) {
            end_run();
            miss_until(row.number.value() < accounts.size() ? row.number.value() : accounts.size());
            next = std::max(next, row.number.value() + 1);
            run = Run{row.number, fold_.history_start(), 0, {}};
        }
        ++run->rows;
        if (!run->odd && row.version.value() != run->rows) run->odd = row.event;
        const Change change{row.number, row.version, row.totals, row.limit, row.state, row.side,
                            row.amount};
        run->digest = ShardFold::history_digest(run->digest, row.event, change);
        return true;
    });
    end_run();
    if (status) miss_until(accounts.size());
    return status;
}

Status ViewCompare::take_ids(IdRows& ids) {
    return views_.visit_ids(shard_, [&](const ViewIdRow& view) {
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

}  // namespace vouch::reconciler
