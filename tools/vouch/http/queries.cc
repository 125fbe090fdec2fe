#include "tools/vouch/http/queries.h"

#include "command-handler/intake/time_text.h"
#include "events/read_number.h"
#include "events/seal/deployment.h"
#include "projector/queries/json_writer.h"
#include "tools/vouch/questions.h"

#include <algorithm>
#include <set>

namespace vouch::http {

namespace {

using cli::Form;

/// A query may name records of this many shards.
constexpr std::size_t kAtLeastMax = kShardsMax;

struct Route {
    QueryKind kind;
    bool takes_at;
    bool takes_pages;
};

std::optional<Route> route_of(const std::vector<std::string>& segments) {
    const std::size_t size = segments.size();
    if (size < 2 || segments[0] != "v1") return std::nullopt;
    const std::string& what = segments[1];
    if (size == 2 && what == "accounts") return Route{QueryKind::accounts, false, true};
    if (size == 2 && what == "balances") return Route{QueryKind::balances, true, true};
    if (size == 2 && what == "statement") return Route{QueryKind::statement, true, true};
    if (size == 2 && what == "trial-balance") return Route{QueryKind::trial_balance, true, false};
    if (size == 3 && what == "accounts") return Route{QueryKind::account, false, false};
    if (size == 3 && what == "entries") return Route{QueryKind::entry, false, false};
    if (size == 3 && what == "holds") return Route{QueryKind::hold, false, false};
    if (size == 3 && what == "outcomes") return Route{QueryKind::outcome, false, false};
    if (size == 4 && what == "accounts" && segments[3] == "balance")
        return Route{QueryKind::balance, true, false};
    if (size == 4 && what == "accounts" && segments[3] == "statement")
        return Route{QueryKind::account_statement, true, true};
    return std::nullopt;
}

/// "end", or "SHARD:RECORD" any number of times with commas between.
bool read_at_least(std::string_view text, std::uint32_t shards, Query& query) {
    while (true) {
        const std::size_t comma = std::min(text.find(','), text.size());
        const std::string_view part = text.substr(0, comma);
        const std::size_t colon = part.find(':');
        std::uint32_t shard = 0;
        std::uint64_t record = 0;
        if (part == "end") {
            query.at_least_end = true;
        } else if (colon == std::string_view::npos || !read_number(part.substr(0, colon), shard) ||
                   !read_number(part.substr(colon + 1), record) || shard >= shards ||
                   query.at_least.size() == kAtLeastMax) {
            return false;
        } else {
            query.at_least.push_back({ShardId(shard), RecordNumber(record)});
        }
        if (comma == text.size()) return true;
        text.remove_prefix(comma + 1);
    }
}

/// Empty when the parameter is as it should be.
std::optional<std::string_view> read_parameter(const Route& route, std::string_view name,
                                               const std::string& value, std::uint32_t shards,
                                               Query& query) {
    if (name == "at_least") {
        if (read_at_least(value, shards, query)) return std::nullopt;
        return "at_least: expected SHARD:RECORD of these books, or end";
    }
    if (name == "ledger") {
        std::uint32_t ledger = 0;
        if (!read_number(value, ledger)) return "ledger: expected a number";
        query.ledger = LedgerId(ledger);
        return std::nullopt;
    }
    if (name == "at" && route.takes_at) {
        query.at = command_handler::parse_time(value);
        query.at_text = value;
        if (query.at) return std::nullopt;
        return "at: expected a time such as 2026-01-31T23:59:59Z";
    }
    if (name == "settled" && route.takes_at) {
        if (value != "true") return "settled: expected true";
        query.wants_settled = true;
        return std::nullopt;
    }
    if (name == "page_size" && route.takes_pages) {
        const bool is_number = read_number(value, query.page_size);
        if (is_number && query.page_size >= 1 && query.page_size <= cli::kPageRowsMax)
            return std::nullopt;
        return "page_size: expected 1 to 1000";
    }
    if (name == "cursor" && route.takes_pages) {
        const bool is_of_accounts =
            query.kind == QueryKind::accounts || query.kind == QueryKind::balances;
        const bool is_cursor = is_of_accounts
                                   ? cli::parse_accounts_cursor(value).has_value()
                                   : projector::StatementPosition::parse(value).has_value();
        if (!is_cursor) return "cursor: expected what an earlier page gave as next";
        query.cursor = value;
        return std::nullopt;
    }
    return "a parameter that this route does not have";
}

AnswerForm form_of(std::string_view accept) {
    const auto has = [&](std::string_view type) {
        return accept.find(type) != std::string_view::npos;
    };
    if (has("application/x-ndjson")) return AnswerForm::lines;
    if (has("text/plain")) return AnswerForm::text;
    return AnswerForm::json;
}

Response failed_books(const Fault& fault) {
    // What is wrong is for the operator: it may name records.
    const bool is_corrupt = fault.code == FaultCode::corrupt;
    return problem(500, "views-failed", "The views cannot be read",
                   is_corrupt ? "a view is damaged, which /status names, or its rows contradict each other; "
                                "vouch replay --views tells"
                              : "the views' storage fails");
}

Response of_form(const Query& query, std::string body) {
    Response response;
    response.body = std::move(body);
    switch (query.form) {
        case AnswerForm::json:
            break;
        case AnswerForm::lines:
            response.content_type = "application/x-ndjson";
            break;
        case AnswerForm::text:
            response.content_type = "text/plain; charset=utf-8";
            break;
    }
    return response;
}

Form rows_form(const Query& query) {
    return query.form == AnswerForm::text ? Form::text : Form::json;
}

std::string as_array(std::string lines) {
    if (!lines.empty()) lines.pop_back();
    std::replace(lines.begin(), lines.end(), '\n', ',');
    return "[" + lines + "]";
}

/// What an answer is as of; about a time, what was recorded by then where it looks.
Result<std::vector<projector::AsOf>> as_of_of(const Query& query, const projector::Books& books) {
    return query.at ? books.as_of(query.at, query.account()) : books.as_of();
}

std::string as_of_json(const std::vector<projector::AsOf>& as_of) {
    projector::JsonWriter json;
    json.open_array();
    for (const projector::AsOf& each : as_of) {
        json.open_object().member("shard", each.shard.value());
        if (each.record) json.member("record", each.record->value());
        json.close_object();
    }
    return json.close_array().take();
}

std::string as_of_field(const std::vector<projector::AsOf>& as_of) {
    std::string text;
    for (const projector::AsOf& each : as_of) {
        if (!each.record) continue;
        if (!text.empty()) text += ',';
        text += std::to_string(each.shard.value()) + ":" + std::to_string(each.record->value());
    }
    return text;
}

std::string next_target(const Query& query, const std::string& cursor) {
    std::string target = query.path +
                         "?ledger=" + std::to_string(query.ledger.value_or(LedgerId(0)).value()) +
                         "&page_size=" + std::to_string(query.page_size) + "&cursor=" + cursor;
    if (query.wants_settled) target += "&settled=true";
    if (!query.at) return target;
    target += "&at=";
    for (const char c : query.at_text) target += c == '+' ? "%2B" : std::string(1, c);
    return target;
}

Response page_response(const Query& query, projector::Books& books, std::string_view rows_name,
                       Result<cli::AnsweredPage> page) {
    if (!page) return failed_books(page.error());
    const auto as_of = as_of_of(query, books);
    if (!as_of) return failed_books(as_of.error());
    Response response;
    response.withheld = page->withheld;
    if (query.form != AnswerForm::json) {
        response.body = std::move(page->text);
        response.content_type = of_form(query, {}).content_type;
    } else {
        std::string body = "{\"" + std::string(rows_name) + "\":" + as_array(std::move(page->text));
        if (page->next) body += ",\"next\":\"" + *page->next + "\"";
        if (page->follow) body += ",\"follow\":\"" + *page->follow + "\"";
        if (query.at)
            body += books.is_settled(*query.at, query.account()) ? ",\"settled\":true"
                                                                 : ",\"settled\":false";
        response.body = body + ",\"as_of\":" + as_of_json(*as_of) + "}\n";
    }
    if (page->next)
        response.fields.emplace_back("Link",
                                     "<" + next_target(query, *page->next) + ">; rel=\"next\"");
    return response;
}

Response found_response(const Query& query, cli::Answered answer, std::string_view unknown) {
    if (!answer) return failed_books(answer.error());
    if (!answer->has_value()) return not_found(unknown);
    return of_form(query, std::move(**answer));
}

Response trial_balance_response(const Query& query, projector::Books& books) {
    Result<cli::AnsweredTrialBalance> found =
        cli::ask_trial_balance(books, query.ledger, query.at, rows_form(query));
    if (!found) return failed_books(found.error());
    const auto as_of = as_of_of(query, books);
    if (!as_of) return failed_books(as_of.error());
    Response response;
    if (query.form == AnswerForm::json) {
        response.body = "{\"assets\":" + as_array(std::move(found->text)) +
                        ",\"even\":" + (found->is_even ? "true" : "false") +
                        (!query.at                     ? ""
                         : books.is_settled(*query.at) ? ",\"settled\":true"
                                                       : ",\"settled\":false") +
                        ",\"as_of\":" + as_of_json(*as_of) + "}\n";
    } else {
        response = of_form(query, std::move(found->text));
    }
    if (!found->is_even) response.fields.emplace_back("Vouch-Finding", "uneven");
    return response;
}

Response statement_response(const Query& query, projector::Books& books,
                            std::optional<AccountId> account) {
    projector::StatementQuery asked;
    asked.ledger = query.ledger.value_or(LedgerId(0));
    asked.account = account;
    asked.at = query.at;
    asked.rows_max = query.page_size;
    asked.complete_only = query.complete_only;
    if (!query.cursor.empty()) asked.after = projector::StatementPosition::parse(query.cursor);
    if (account) {
        const auto known = books.balance(asked.ledger, *account);
        if (!known) return failed_books(known.error());
        if (!*known) return not_found("no such account in that ledger");
    }
    return page_response(query, books, "postings",
                         cli::ask_statement(books, asked, rows_form(query)));
}

Response accounts_response(const Query& query, projector::Books& books) {
    cli::AccountsQuery asked;
    asked.ledger = query.ledger.value_or(LedgerId(0));
    asked.at = query.at;
    asked.rows_max = query.page_size;
    asked.with_account = query.kind == QueryKind::accounts;
    if (!query.cursor.empty()) asked.from = cli::parse_accounts_cursor(query.cursor).value();
    return page_response(query, books, "accounts",
                         cli::ask_accounts(books, asked, rows_form(query)));
}

Response account_response(const Query& query, projector::Books& books) {
    const LedgerId ledger = query.ledger.value_or(LedgerId(0));
    const std::optional<TextId> id = parse_account_id(query.id, ledger);
    if (!id) return bad_parameter("the account's id: expected 1 to 255 bytes, or 128 usable bits");
    const AccountId account(id->high, id->low);
    if (query.kind == QueryKind::account_statement)
        return statement_response(query, books, account);
    if (query.kind == QueryKind::account) {
        return found_response(query, cli::ask_account(books, ledger, account, rows_form(query)),
                              "no such account in that ledger");
    }
    return found_response(query,
                          cli::ask_balance(books, ledger, account, query.at, rows_form(query)),
                          query.at ? "no such account in that ledger at that time"
                                   : "no such account in that ledger");
}

Response command_response(const Query& query, projector::Books& books) {
    const LedgerId ledger = query.ledger.value_or(LedgerId(0));
    const std::optional<TextId> text = parse_command_id(query.id);
    if (!text) return bad_parameter("the id: expected 1 to 255 bytes, or 128 usable bits");
    const CommandId id(text->high, text->low);
    const Form form = rows_form(query);
    if (query.kind == QueryKind::entry) {
        return found_response(query, cli::ask_entry(books, ledger, id, query.id, form),
                              "no such entry in that ledger");
    }
    if (query.kind == QueryKind::hold) {
        return found_response(query, cli::ask_hold(books, ledger, id, query.id, form),
                              "no such hold in that ledger");
    }
    return found_response(query, cli::ask_outcome(books, ledger, id, query.id, form),
                          "no command of that id in that ledger");
}

Response answer(const Query& query, projector::Books& books) {
    switch (query.kind) {
        case QueryKind::account:
        case QueryKind::balance:
        case QueryKind::account_statement:
            return account_response(query, books);
        case QueryKind::entry:
        case QueryKind::hold:
        case QueryKind::outcome:
            return command_response(query, books);
        case QueryKind::accounts:
        case QueryKind::balances:
            return accounts_response(query, books);
        case QueryKind::statement:
            return statement_response(query, books, std::nullopt);
        case QueryKind::trial_balance:
            return trial_balance_response(query, books);
    }
    return not_found("no such route");
}

}  // namespace

bool Query::is_long() const {
    switch (kind) {
        case QueryKind::account:
        case QueryKind::balance:
        case QueryKind::entry:
        case QueryKind::hold:
        case QueryKind::outcome:
            return false;
        case QueryKind::account_statement:
        case QueryKind::accounts:
        case QueryKind::balances:
        case QueryKind::statement:
        case QueryKind::trial_balance:
            return true;
    }
    return true;
}

std::optional<AccountId> Query::account() const {
    if (kind != QueryKind::account && kind != QueryKind::balance &&
        kind != QueryKind::account_statement) {
        return std::nullopt;
    }
    const std::optional<TextId> text = parse_account_id(id, ledger.value_or(LedgerId(0)));
    if (!text) return std::nullopt;
    return AccountId(text->high, text->low);
}

std::optional<std::variant<Query, Response>> read_query(const Target& target, std::string_view path,
                                                        std::string_view accept,
                                                        std::uint32_t shards) {
    const std::optional<Route> route = route_of(target.segments);
    if (!route) return std::nullopt;
    Query query;
    query.kind = route->kind;
    query.path = path;
    query.form = form_of(accept);
    if (target.segments.size() > 2) query.id = target.segments[2];
    std::set<std::string_view> seen;
    for (const auto& [name, value] : target.parameters) {
        if (!seen.insert(name).second) return bad_parameter(name + ": expected once");
        if (const auto wrong = read_parameter(*route, name, value, shards, query))
            return bad_parameter(*wrong);
    }
    if (query.wants_settled && !query.at) return bad_parameter("settled: expected with at");
    return query;
}

Response answer_query(const Query& query, projector::Books& books) {
    Response response = answer(query, books);
    const auto as_of = as_of_of(query, books);
    if (!as_of) return failed_books(as_of.error());
    if (std::string text = as_of_field(*as_of); !text.empty())
        response.fields.emplace_back("Vouch-As-Of", std::move(text));
    if (query.at || response.withheld) {
        const bool is_settled =
            !response.withheld && books.is_settled(*query.at, query.account());
        response.fields.emplace_back("Vouch-Settled", is_settled ? "true" : "false");
    }
    return response;
}

}  // namespace vouch::http
