#include "tools/vouch/questions.h"

#include "events/money/number.h"
#include "events/read_number.h"
#include "projector/queries/query_json.h"
#include "tools/vouch/answer_text.h"
#include "tools/vouch/query.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace vouch::cli {

namespace {

std::string trial_balance_json(const std::vector<projector::TrialBalanceLine>& lines) {
    std::string text;
    for (const projector::TrialBalanceLine& line : lines) text += projector::to_json(line) + "\n";
    return text;
}

/// A position as "shard.number".
std::string cursor_text(const projector::AccountPosition& position) {
    return std::to_string(position.shard.value()) + "." + std::to_string(position.number.value());
}

}  // namespace

Answered ask_account(projector::Books& books, LedgerId ledger, AccountId account, Form form) {
    const auto found = books.balance(ledger, account);
    if (!found) return found.error();
    if (!*found) return std::optional<std::string>();
    return std::optional(form == Form::json ? projector::account_json(**found) + "\n"
                                            : account_text(**found));
}

Answered ask_balance(projector::Books& books, LedgerId ledger, AccountId account,
                     std::optional<Timestamp> at, Form form) {
    const auto found = books.balance(ledger, account, at);
    if (!found) return found.error();
    if (!*found) return std::optional<std::string>();
    return std::optional(form == Form::json ? projector::to_json(**found) + "\n"
                                            : balances_text(**found));
}

Answered ask_entry(projector::Books& books, LedgerId ledger, CommandId id, std::string_view shown,
                   Form form) {
    const auto found = books.entry(ledger, id);
    if (!found) return found.error();
    if (!*found) return std::optional<std::string>();
    return std::optional(form == Form::json ? projector::to_json(**found, shown) + "\n"
                                            : entry_text(**found, shown));
}

Answered ask_hold(projector::Books& books, LedgerId ledger, CommandId id, std::string_view shown,
                  Form form) {
    const auto found = books.hold(ledger, id);
    if (!found) return found.error();
    if (!*found) return std::optional<std::string>();
    return std::optional(form == Form::json ? projector::to_json(**found, shown) + "\n"
                                            : hold_text(**found, shown));
}

Answered ask_outcome(projector::Books& books, LedgerId ledger, CommandId id, std::string_view shown,
                     Form form) {
    const auto found = books.outcome(ledger, id);
    if (!found) return found.error();
    if (!*found) return std::optional<std::string>();
    return std::optional(form == Form::json ? projector::to_json(**found, shown) + "\n"
                                            : outcome_text(**found, shown));
}

Result<AnsweredPage> ask_statement(projector::Books& books, const projector::StatementQuery& query,
                                   Form form) {
    const Result<projector::StatementPage> found = books.statement(query);
    if (!found) return found.error();
    AnsweredPage page;
    if (found->next) page.next = found->next->text();
    if (found->follow) page.follow = found->follow->text();
    page.withheld = found->withheld;
    Table table({"time", "account", "entry", "debit", "credit", "balance", "asset"}, {3, 4, 5});
    for (const projector::StatementRow& row : found->rows) {
        if (form == Form::json) {
            page.text += projector::to_json(row) + "\n";
        } else {
            table.add(statement_cells(row));
        }
    }
    if (form == Form::text) page.text = table.text();
    return page;
}

Result<AnsweredPage> ask_accounts(projector::Books& books, const AccountsQuery& query, Form form) {
    AnsweredPage page;
    Table table({"account", "asset", "balance", "available", "state"}, {2, 3});
    std::size_t rows = 0;
    const auto add = [&](const projector::AccountBalance& found) {
        if (rows == query.rows_max) {
            page.next = cursor_text({found.as_of.shard, found.account.number});
            return false;
        }
        ++rows;
        if (form == Form::text) {
            table.add({found.account.shown(), found.account.asset.text(), balance_text(found),
                       available_text(found), std::string(to_text(found.state))});
        } else {
            page.text +=
                query.with_account ? projector::account_json(found) : projector::to_json(found);
            page.text += "\n";
        }
        return true;
    };
    if (Status visited = books.balances(query.ledger, query.at, query.from, add); !visited)
        return visited.error();
    if (form == Form::text) page.text = table.text();
    return page;
}

std::optional<projector::AccountPosition> parse_accounts_cursor(std::string_view text) {
    const std::size_t dot = text.find('.');
    std::uint32_t shard = 0;
    AccountNumber::rep number = 0;
    if (dot == std::string_view::npos || !read_number(text.substr(0, dot), shard) ||
        !read_number(text.substr(dot + 1), number)) {
        return std::nullopt;
    }
    return projector::AccountPosition{ShardId(shard), AccountNumber(number)};
}

Result<AnsweredTrialBalance> ask_trial_balance(projector::Books& books,
                                               std::optional<LedgerId> ledger,
                                               std::optional<Timestamp> at, Form form) {
    const Result<std::vector<projector::TrialBalanceLine>> lines = books.trial_balance(ledger, at);
    if (!lines) return lines.error();
    return AnsweredTrialBalance{
        .text = form == Form::json ? trial_balance_json(*lines) : trial_balance_text(*lines),
        .is_even = std::all_of(lines->begin(), lines->end(),
                               [](const auto& line) { return line.is_even(); })};
}

}  // namespace vouch::cli
