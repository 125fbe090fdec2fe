#include "projector/answers/questions.h"

#include "events/money/number.h"
#include "events/read_number.h"
#include "projector/answers/answer_json.h"
#include "projector/answers/answer_text.h"
#include "projector/answers/text_table.h"

#include <algorithm>
#include <string>
#include <vector>

namespace vouch::projector {

namespace {

std::string trial_balance_json(const std::vector<TrialBalanceLine>& lines) {
    std::string text;
    for (const TrialBalanceLine& line : lines) text += to_json(line) + "\n";
    return text;
}

Cells cells_of(Form form) { return form == Form::narrow_text ? Cells::narrow : Cells::whole; }

/// A position as "shard.number".
std::string place_text(const AccountPosition& position) {
    return std::to_string(position.shard.value()) + "." + std::to_string(position.number.value());
}

}  // namespace

Answered ask_account(Books& books, LedgerId ledger, AccountId account, Form form) {
    const auto found = books.balance(ledger, account);
    if (!found) return found.error();
    if (!*found) return std::optional<std::string>();
    return std::optional(form == Form::json ? account_json(**found) + "\n" : account_text(**found));
}

Answered ask_balance(Books& books, LedgerId ledger, AccountId account, std::optional<Timestamp> at,
                     Form form) {
    const auto found = books.balance(ledger, account, at);
    if (!found) return found.error();
    if (!*found) return std::optional<std::string>();
    return std::optional(form == Form::json ? to_json(**found) + "\n" : balances_text(**found));
}

Answered ask_entry(Books& books, LedgerId ledger, CommandId id, std::string_view shown, Form form) {
    const auto found = books.entry(ledger, id);
    if (!found) return found.error();
    if (!*found) return std::optional<std::string>();
    return std::optional(form == Form::json ? to_json(**found, shown) + "\n"
                                            : entry_text(**found, shown, cells_of(form)));
}

Answered ask_hold(Books& books, LedgerId ledger, CommandId id, std::string_view shown, Form form) {
    const auto found = books.hold(ledger, id);
    if (!found) return found.error();
    if (!*found) return std::optional<std::string>();
    return std::optional(form == Form::json ? to_json(**found, shown) + "\n"
                                            : hold_text(**found, shown));
}

Answered ask_outcome(Books& books, LedgerId ledger, CommandId id, std::string_view shown,
                     Form form) {
    const auto found = books.outcome(ledger, id);
    if (!found) return found.error();
    if (!*found) return std::optional<std::string>();
    return std::optional(form == Form::json ? to_json(**found, shown) + "\n"
                                            : outcome_text(**found, shown));
}

Result<AnsweredPage> ask_statement(Books& books, const StatementQuery& query, Form form) {
    const Result<StatementPage> found = books.statement(query);
    if (!found) return found.error();
    AnsweredPage page;
    if (found->next) page.next = found->next->text();
    if (found->follow) page.follow = found->follow->text();
    page.withheld = found->withheld;
    Table table({"time", "account", "entry", "debit", "credit", "balance", "asset"}, {3, 4, 5},
                cells_of(form));
    for (const StatementRow& row : found->rows) {
        if (form == Form::json) {
            page.text += to_json(row) + "\n";
        } else {
            table.add(statement_cells(row));
        }
    }
    if (form != Form::json) page.text = table.text();
    return page;
}

Result<AnsweredPage> ask_accounts(Books& books, const AccountsQuery& query, Form form) {
    AnsweredPage page;
    Table table({"account", "asset", "balance", "available", "state"}, {2, 3}, cells_of(form));
    std::size_t rows = 0;
    const auto add = [&](const AccountBalance& found) {
        if (rows == query.rows_max) {
            page.next = place_text({found.as_of.shard, found.account.number});
            return false;
        }
        ++rows;
        if (form != Form::json) {
            table.add({found.account.shown(), found.account.asset.text(), balance_text(found),
                       available_text(found), std::string(to_text(found.state))});
        } else {
            page.text += query.with_account ? account_json(found) : to_json(found);
            page.text += "\n";
        }
        return true;
    };
    if (Status visited = books.balances(query.ledger, query.at, query.from, add); !visited)
        return visited.error();
    if (form != Form::json) page.text = table.text();
    return page;
}

std::optional<AccountPosition> parse_accounts_place(std::string_view text) {
    const std::size_t dot = text.find('.');
    std::uint32_t shard = 0;
    AccountNumber::rep number = 0;
    if (dot == std::string_view::npos || !read_number(text.substr(0, dot), shard) ||
        !read_number(text.substr(dot + 1), number)) {
        return std::nullopt;
    }
    return AccountPosition{ShardId(shard), AccountNumber(number)};
}

Result<AnsweredPage> ask_pending(Books& books, const PendingQuery& query, Form form) {
    const Result<PendingPage> found = books.pending(query);
    if (!found) return found.error();
    AnsweredPage page;
    if (found->next) page.next = found->next->text();
    page.not_covered = found->not_covered;
    if (form != Form::json) {
        page.text = pending_text(*found, !query.after, cells_of(form));
    } else {
        for (const PendingRow& row : found->rows) page.text += to_json(row) + "\n";
    }
    return page;
}

Result<AnsweredTrialBalance> ask_trial_balance(Books& books, std::optional<LedgerId> ledger,
                                               std::optional<Timestamp> at, Form form) {
    const Result<std::vector<TrialBalanceLine>> lines = books.trial_balance(ledger, at);
    if (!lines) return lines.error();
    return AnsweredTrialBalance{
        .text = form == Form::json ? trial_balance_json(*lines) : trial_balance_text(*lines),
        .is_even = std::all_of(lines->begin(), lines->end(),
                               [](const auto& line) { return line.is_even(); })};
}

}  // namespace vouch::projector
