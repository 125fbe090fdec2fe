#include "tools/vouch/questions.h"

#include "events/money/number.h"
#include "projector/queries/query_json.h"
#include "tools/vouch/query.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

namespace vouch::cli {

namespace {

Fields account_fields(const projector::AccountBalance& found) {
    const projector::AccountInfo& account = found.account;
    Fields fields = {
        {"account", account.shown()},
        {"id", id_text(account.id)},
        {"asset", account.asset.text()},
        {"class", std::string(to_text(account.account_class))},
        {"state", std::string(to_text(found.state))},
        {"limit", limit_text(found.limit, account.asset.scale())},
    };
    if (found.state.block != Block::none)
        fields.emplace_back("blocked", to_text(found.state.block));
    if (!account.chart_code.empty()) fields.emplace_back("chart code", account.chart_code);
    if (!account.owner.empty()) fields.emplace_back("owner", account.owner);
    if (account.risk_class != 0)
        fields.emplace_back("risk class", std::to_string(account.risk_class));
    for (const auto& [key, value] : account.metadata) fields.emplace_back("metadata " + key, value);
    fields.emplace_back("version", std::to_string(found.version.value()));
    fields.emplace_back("opened", as_text(account.opened));
    fields.emplace_back("as of", as_text(found.as_of));
    return fields;
}

std::string balance_text(const projector::AccountBalance& found) {
    const Side normal = normal_side(found.account.account_class);
    return projector::to_text(vouch::balance(found.totals, normal), found.account.asset.scale());
}

Fields balance_fields(const projector::AccountBalance& found) {
    const Scale scale = found.account.asset.scale();
    return {
        {"account", found.account.shown()},
        {"asset", found.account.asset.text()},
        {"balance", balance_text(found)},
        {"available", available_text(found)},
        {"debits posted", to_text(found.totals.debits_posted, scale)},
        {"credits posted", to_text(found.totals.credits_posted, scale)},
        {"debits held", to_text(found.totals.debits_held, scale)},
        {"credits held", to_text(found.totals.credits_held, scale)},
        {"state", std::string(to_text(found.state))},
        {"version", std::to_string(found.version.value())},
        {"as of", as_text(found.as_of)},
    };
}

std::string entry_text(const projector::EntryAnswer& entry, const std::string& id) {
    Fields fields = {
        {"entry", id}, {"kind", entry.kind}, {"outcome", std::string(to_text(entry.outcome))}};
    if (entry.original) fields.emplace_back("of", id_text(*entry.original));
    if (entry.reversed) fields.emplace_back("reversed", "yes");
    const std::pair<std::string, std::string> voucher[] = {
        {"context", entry.context},     {"actor", entry.actor_id}, {"address", entry.actor_address},
        {"device", entry.actor_device}, {"module", entry.module},  {"ticket", entry.ticket},
        {"type", entry.voucher_type},   {"channel", entry.channel}};
    for (const auto& [name, value] : voucher) {
        if (!value.empty()) fields.emplace_back(name, value);
    }
    for (const auto& [key, value] : entry.metadata) fields.emplace_back("metadata " + key, value);
    fields.emplace_back("recorded", as_text(entry.recorded));
    Table table({"account", "debit", "credit", "refunded", "asset"}, {1, 2, 3});
    for (const projector::EntryPosting& posting : entry.postings) {
        const Scale scale = posting.asset.scale();
        const std::string amount = to_text(posting.amount, scale);
        table.add({posting.account, posting.side == Side::debit ? amount : "",
                   posting.side == Side::credit ? amount : "",
                   posting.refunded.is_zero() ? "" : to_text(posting.refunded, scale),
                   posting.asset.text()});
    }
    return as_text(fields) + "\n" + table.text();
}

std::string hold_text(const projector::HoldAnswer& hold, const std::string& id) {
    const Scale scale = hold.asset.scale();
    return as_text(Fields{
        {"hold", id},
        {"status", std::string(to_text(hold.status))},
        {"payer", hold.payer},
        {"payee", hold.payee.empty() ? "-" : hold.payee},
        {"amount", to_text(hold.amount, scale) + " " + hold.asset.text()},
        {"captured", to_text(hold.captured, scale)},
        {"remaining", to_text(hold.remaining, scale)},
        {"expires",
         hold.expires_at.value() == 0 ? "never" : projector::to_rfc3339(hold.expires_at)},
        {"placed", as_text(hold.placed)},
        {"as of", as_text(hold.as_of)},
    });
}

void add_fact(Fields& fields, std::string name, const std::optional<AmountFact>& fact,
              const std::optional<Asset>& asset) {
    if (!fact || !asset) return;
    fields.emplace_back(std::move(name), fact->unlimited ? "unlimited"
                                                         : to_text(fact->amount, asset->scale()) +
                                                               " " + asset->text());
}

std::string outcome_text(const projector::CommandOutcome& found, const std::string& id) {
    Fields fields = {{"command", id},
                     {"accepted", is_accepted(found.outcome) ? "yes" : "no"},
                     {"outcome", std::string(to_text(found.outcome))},
                     {"", std::string(sentence(found.outcome))}};
    if (!found.account.empty()) fields.emplace_back("account", found.account);
    add_fact(fields, "available", found.facts.available, found.asset);
    add_fact(fields, "limit", found.facts.limit, found.asset);
    add_fact(fields, "held", found.facts.held, found.asset);
    add_fact(fields, "remaining", found.facts.remaining, found.asset);
    if (found.facts.version)
        fields.emplace_back("version", std::to_string(found.facts.version->value()));
    if (found.moved && found.asset) {
        fields.emplace_back(
            "amount", to_text(*found.moved, found.asset->scale()) + " " + found.asset->text());
    }
    if (found.group) fields.emplace_back("member of", id_text(*found.group));
    for (std::size_t i = 0; i < found.members.size() && i < found.member_ids.size(); ++i) {
        fields.emplace_back(
            "member " + std::to_string(i),
            id_text(found.member_ids[i]) + " " + std::string(to_text(found.members[i].outcome)));
    }
    fields.emplace_back("recorded", as_text(found.recorded));
    return as_text(fields);
}

void add_row(Table& table, const projector::StatementRow& row) {
    const Scale scale = row.asset.scale();
    const std::string amount = to_text(row.amount, scale);
    table.add(
        {projector::to_rfc3339(row.recorded.time), row.account, id_text(row.entry),
         row.side == Side::debit ? amount : "", row.side == Side::credit ? amount : "",
         projector::to_text(vouch::balance(row.totals, normal_side(row.account_class)), scale),
         row.asset.text()});
}

std::string trial_balance_text(const std::vector<projector::TrialBalanceLine>& lines, Form form) {
    std::string text;
    Table table({"asset", "debits posted", "credits posted", "debits held", "credits held", ""},
                {1, 2, 3, 4});
    for (const projector::TrialBalanceLine& line : lines) {
        if (form == Form::json) {
            text += projector::to_json(line) + "\n";
            continue;
        }
        const Scale scale = line.asset.scale();
        table.add({line.asset.text(), projector::to_text(line.debits_posted, scale),
                   projector::to_text(line.credits_posted, scale),
                   projector::to_text(line.debits_held, scale),
                   projector::to_text(line.credits_held, scale),
                   line.is_even() ? "even" : "UNEVEN"});
    }
    return form == Form::json ? text : table.text();
}

/// A position as "shard.number".
std::string cursor_text(const AccountPosition& position) {
    return std::to_string(position.shard.value()) + "." + std::to_string(position.number.value());
}

template <class T>
bool read_number(std::string_view text, T& value) {
    const char* const end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, value);
    return !text.empty() && error == std::errc() && stopped == end;
}

}  // namespace

Answered ask_account(projector::Books& books, LedgerId ledger, AccountId account, Form form) {
    const auto found = books.balance(ledger, account);
    if (!found) return found.error();
    if (!*found) return std::optional<std::string>();
    return std::optional(form == Form::json ? projector::account_json(**found) + "\n"
                                            : as_text(account_fields(**found)));
}

Answered ask_balance(projector::Books& books, LedgerId ledger, AccountId account,
                     std::optional<Timestamp> at, Form form) {
    const auto found = books.balance(ledger, account, at);
    if (!found) return found.error();
    if (!*found) return std::optional<std::string>();
    return std::optional(form == Form::json ? projector::to_json(**found) + "\n"
                                            : as_text(balance_fields(**found)));
}

Answered ask_entry(projector::Books& books, LedgerId ledger, CommandId id, std::string_view shown,
                   Form form) {
    const auto found = books.entry(ledger, id);
    if (!found) return found.error();
    if (!*found) return std::optional<std::string>();
    return std::optional(form == Form::json ? projector::to_json(**found, shown) + "\n"
                                            : entry_text(**found, std::string(shown)));
}

Answered ask_hold(projector::Books& books, LedgerId ledger, CommandId id, std::string_view shown,
                  Form form) {
    const auto found = books.hold(ledger, id);
    if (!found) return found.error();
    if (!*found) return std::optional<std::string>();
    return std::optional(form == Form::json ? projector::to_json(**found, shown) + "\n"
                                            : hold_text(**found, std::string(shown)));
}

Answered ask_outcome(projector::Books& books, LedgerId ledger, CommandId id, std::string_view shown,
                     Form form) {
    const auto found = books.outcome(ledger, id);
    if (!found) return found.error();
    if (!*found) return std::optional<std::string>();
    return std::optional(form == Form::json ? projector::to_json(**found, shown) + "\n"
                                            : outcome_text(**found, std::string(shown)));
}

Result<AnsweredPage> ask_statement(projector::Books& books, const projector::StatementQuery& query,
                                   Form form) {
    const Result<projector::StatementPage> found = books.statement(query);
    if (!found) return found.error();
    AnsweredPage page;
    if (found->next) page.next = found->next->text();
    Table table({"time", "account", "entry", "debit", "credit", "balance", "asset"}, {3, 4, 5});
    for (const projector::StatementRow& row : found->rows) {
        if (form == Form::json) {
            page.text += projector::to_json(row) + "\n";
        } else {
            add_row(table, row);
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
        if (AccountPosition{found.as_of.shard, found.account.number} < query.from) return true;
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
    if (Status visited = books.balances(query.ledger, query.at, add); !visited)
        return visited.error();
    if (form == Form::text) page.text = table.text();
    return page;
}

std::optional<AccountPosition> parse_accounts_cursor(std::string_view text) {
    const std::size_t dot = text.find('.');
    std::uint32_t shard = 0;
    AccountNumber::rep number = 0;
    if (dot == std::string_view::npos || !read_number(text.substr(0, dot), shard) ||
        !read_number(text.substr(dot + 1), number)) {
        return std::nullopt;
    }
    return AccountPosition{ShardId(shard), AccountNumber(number)};
}

Result<AnsweredTrialBalance> ask_trial_balance(projector::Books& books,
                                               std::optional<LedgerId> ledger,
                                               std::optional<Timestamp> at, Form form) {
    const Result<std::vector<projector::TrialBalanceLine>> lines = books.trial_balance(ledger, at);
    if (!lines) return lines.error();
    return AnsweredTrialBalance{
        .text = trial_balance_text(*lines, form),
        .is_even = std::all_of(lines->begin(), lines->end(),
                               [](const auto& line) { return line.is_even(); })};
}

}  // namespace vouch::cli
