#include "tools/server/http/api/queries.h"

#include "events/json_writer.h"
#include "events/money/text_ids.h"
#include "events/seal/deployment.h"
#include "projector/answers/answer_text.h"
#include "projector/answers/questions.h"
#include "tools/server/http/api/page_cursor.h"
#include "tools/server/http/api/problems.h"
#include "tools/server/http/api/query_parameters.h"
#include "tools/server/http/api/told_by_fields.h"

#include <algorithm>
#include <array>

namespace vouch::http {

namespace {

using projector::Form;

bool has_path(const QueryRoute& route, const std::vector<std::string>& segments) {
    std::string_view left = route.path;
    for (const std::string& segment : segments) {
        const std::size_t end = std::min(left.find('/'), left.size());
        const std::string_view wanted = left.substr(0, end);
        if (wanted.empty() || (wanted != "*" && wanted != segment)) return false;
        left.remove_prefix(std::min(end + 1, left.size()));
    }
    return left.empty();
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
                   is_corrupt ? "a view is damaged, which /status names, or its rows contradict "
                                "each other; vouch replay --views tells"
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
    if (query.form != AnswerForm::text) return Form::json;
    return query.is_narrow ? Form::narrow_text : Form::text;
}

std::string as_array(std::string lines) {
    if (!lines.empty()) lines.pop_back();
    std::replace(lines.begin(), lines.end(), '\n', ',');
    return "[" + lines + "]";
}

/// What an answer is as of; about a time, what was recorded by then where it looks.
Result<std::vector<projector::AsOf>> as_of_of(const Query& query, const projector::Books& books) {
    return query.at ? books.as_of(query.at, query.account) : books.as_of();
}

void add_as_of(JsonWriter& json, const std::vector<projector::AsOf>& as_of) {
    json.key("as_of").open_array();
    for (const projector::AsOf& each : as_of) {
        json.open_object().member("shard", each.shard.value());
        if (each.record) json.member("record", each.record->value());
        json.close_object();
    }
    json.close_array();
}

void add_not_covered(JsonWriter& json, const std::vector<projector::ShardFinding>& shards) {
    json.key("not_covered").open_array();
    for (const projector::ShardFinding& each : shards) {
        json.open_object()
            .member("shard", each.shard.value())
            .member("detail", each.what)
            .close_object();
    }
    json.close_array();
}

/// Readers take heads of some KiB alone.
constexpr std::size_t kNotCoveredBytesMax = 3000;

void add_not_covered_fields(Response& response,
                            const std::vector<projector::ShardFinding>& shards) {
    std::size_t size = 0;
    for (std::size_t i = 0; i < shards.size(); ++i) {
        std::string line = projector::not_covered_text(shards[i]);
        size += line.size();
        if (size > kNotCoveredBytesMax) {
            line = std::to_string(shards.size() - i) + " more shards are not covered";
            response.fields.emplace_back(kNotCoveredField, std::move(line));
            return;
        }
        response.fields.emplace_back(kNotCoveredField, std::move(line));
    }
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

/// Whether what is answered can never change; empty when nobody asks that of it.
std::optional<bool> settled_of(const Query& query, const projector::Books& books,
                               bool ends_before_more) {
    if (ends_before_more) return false;
    if (!query.at) return std::nullopt;
    return books.is_settled(*query.at, query.account);
}

QueryAnswer page_response(const Query& query, projector::Books& books, std::string_view rows_name,
                          Result<projector::AnsweredPage> page) {
    if (!page) return failed_books(page.error());
    const auto as_of = as_of_of(query, books);
    if (!as_of) return failed_books(as_of.error());
    const auto bind = [&](std::optional<std::string>& place, CursorUse use) {
        if (place) place = cursor_text(page_question(query), use, *place);
    };
    bind(page->next, CursorUse::next);
    bind(page->follow, CursorUse::follow);
    Response response;
    if (query.form != AnswerForm::json) {
        response = of_form(query, std::move(page->text));
    } else {
        JsonWriter json;
        json.open_object().key_of(rows_name).raw(as_array(std::move(page->text)));
        if (page->next) json.member("next", *page->next);
        if (page->follow) json.member("follow", *page->follow);
        if (const auto settled = settled_of(query, books, page->withheld.has_value()))
            json.flag("settled", *settled);
        if (query.route->is_of_pending) add_not_covered(json, page->not_covered);
        add_as_of(json, *as_of);
        response.body = json.close_object().take() + '\n';
    }
    if (!page->not_covered.empty()) {
        response.fields.emplace_back(kFindingField, "not-covered");
        // Lines of JSON are rows alone.
        add_not_covered_fields(response, page->not_covered);
    }
    if (page->next)
        response.fields.emplace_back("Link",
                                     "<" + next_target(query, *page->next) + ">; rel=\"next\"");
    return {std::move(response), page->withheld};
}

Response found_response(const Query& query, projector::Answered answer, std::string_view unknown) {
    if (!answer) return failed_books(answer.error());
    if (!answer->has_value()) return not_found(unknown);
    return of_form(query, std::move(**answer));
}

QueryAnswer trial_balance(const Query& query, projector::Books& books) {
    Result<projector::AnsweredTrialBalance> found =
        projector::ask_trial_balance(books, query.ledger, query.at, rows_form(query));
    if (!found) return failed_books(found.error());
    const auto as_of = as_of_of(query, books);
    if (!as_of) return failed_books(as_of.error());
    Response response;
    if (query.form == AnswerForm::json) {
        JsonWriter json;
        json.open_object().key("assets").raw(as_array(std::move(found->text)));
        json.flag("even", found->is_even);
        if (const auto settled = settled_of(query, books, false)) json.flag("settled", *settled);
        add_as_of(json, *as_of);
        response.body = json.close_object().take() + '\n';
    } else {
        response = of_form(query, std::move(found->text));
    }
    if (!found->is_even) response.fields.emplace_back(kFindingField, "uneven");
    return response;
}

template <auto parse>
bool is_place(const std::string& text) {
    return parse(text).has_value();
}

/// Of the account that the path names, or of all.
QueryAnswer statement(const Query& query, projector::Books& books) {
    projector::StatementQuery asked;
    asked.ledger = query.ledger.value_or(LedgerId(0));
    asked.account = query.account;
    asked.at = query.at;
    asked.rows_max = query.page_size;
    asked.complete_only = query.complete_only;
    if (query.place) asked.after = projector::StatementPosition::parse(*query.place);
    if (asked.account) {
        const auto known = books.balance(asked.ledger, *asked.account);
        if (!known) return failed_books(known.error());
        if (!*known) return not_found("no such account in that ledger");
    }
    return page_response(query, books, "postings",
                         projector::ask_statement(books, asked, rows_form(query)));
}

template <bool kWithAccount>
QueryAnswer accounts(const Query& query, projector::Books& books) {
    projector::AccountsQuery asked;
    asked.ledger = query.ledger.value_or(LedgerId(0));
    asked.at = query.at;
    asked.rows_max = query.page_size;
    asked.with_account = kWithAccount;
    if (query.place) asked.from = projector::parse_accounts_place(*query.place).value();
    return page_response(query, books, "accounts",
                         projector::ask_accounts(books, asked, rows_form(query)));
}

QueryAnswer pending(const Query& query, projector::Books& books) {
    projector::PendingQuery asked = query.pending;
    asked.ledger = query.ledger;
    asked.rows_max = query.page_size;
    if (query.place) asked.after = projector::PendingPlace::parse(*query.place);
    return page_response(query, books, "pending",
                         projector::ask_pending(books, asked, rows_form(query)));
}

/// The account that the path names, asked about.
using OfAccount = QueryAnswer(const Query& query, projector::Books& books, LedgerId ledger,
                              AccountId account);
template <OfAccount* answer>
QueryAnswer of_account(const Query& query, projector::Books& books) {
    if (!query.account) {
        return bad_parameter("the account's id: expected 1 to 255 bytes, or 128 usable bits");
    }
    return answer(query, books, query.ledger.value_or(LedgerId(0)), *query.account);
}

QueryAnswer account(const Query& query, projector::Books& books, LedgerId ledger, AccountId id) {
    return found_response(query, projector::ask_account(books, ledger, id, rows_form(query)),
                          "no such account in that ledger");
}

QueryAnswer balance(const Query& query, projector::Books& books, LedgerId ledger, AccountId id) {
    return found_response(query,
                          projector::ask_balance(books, ledger, id, query.at, rows_form(query)),
                          query.at ? "no such account in that ledger at that time"
                                   : "no such account in that ledger");
}

QueryAnswer account_statement(const Query& query, projector::Books& books, LedgerId, AccountId) {
    return statement(query, books);
}

/// What the command of the path's id made, asked about.
QueryAnswer of_command(const Query& query, projector::Books& books) {
    const std::optional<TextId> id = parse_command_id(query.id);
    if (!id) return bad_parameter("the id: expected 1 to 255 bytes, or 128 usable bits");
    const projector::CommandQuestion& question = *query.route->of_command;
    return found_response(query,
                          question.ask(books, query.ledger.value_or(LedgerId(0)),
                                       CommandId(id->high, id->low), query.id, rows_form(query)),
                          std::string(question.unknown) + " in that ledger");
}

constexpr std::array kOtherRoutes = std::to_array<QueryRoute>({
    {.path = "v1/accounts",
     .answer = accounts<true>,
     .is_long = true,
     .is_of_ledger = true,
     .is_place = is_place<projector::parse_accounts_place>},
    {.path = "v1/accounts/*", .answer = of_account<account>},
    {.path = "v1/accounts/*/balance", .answer = of_account<balance>, .takes_at = true},
    {.path = "v1/accounts/*/statement",
     .answer = of_account<account_statement>,
     .takes_at = true,
     .is_long = true,
     .is_place = is_place<projector::StatementPosition::parse>},
    {.path = "v1/balances",
     .answer = accounts<false>,
     .takes_at = true,
     .is_long = true,
     .is_of_ledger = true,
     .is_place = is_place<projector::parse_accounts_place>},
    {.path = "v1/pending",
     .answer = pending,
     .is_long = true,
     .is_of_ledger = true,
     .is_of_pending = true,
     .is_place = is_place<projector::PendingPlace::parse>},
    {.path = "v1/statement",
     .answer = statement,
     .takes_at = true,
     .is_long = true,
     .is_merged = true,
     .is_of_ledger = true,
     .is_place = is_place<projector::StatementPosition::parse>},
    {.path = "v1/trial-balance",
     .answer = trial_balance,
     .takes_at = true,
     .is_long = true,
     .is_of_ledger = true},
});
constexpr auto kRoutes = [] {
    std::array<QueryRoute, std::size(projector::kCommandQuestions) + kOtherRoutes.size()> routes{};
    auto at = routes.begin();
    for (const projector::CommandQuestion& each : projector::kCommandQuestions)
        *at++ = {.path = each.path, .answer = of_command, .of_command = &each};
    std::ranges::copy(kOtherRoutes, at);
    return routes;
}();

}  // namespace

std::vector<std::string_view> query_paths() {
    std::vector<std::string_view> paths;
    for (const QueryRoute& each : kRoutes) paths.push_back(each.path);
    return paths;
}

std::optional<std::variant<Query, Response>> read_query(const Target& target, std::string_view path,
                                                        std::string_view accept,
                                                        const Deployment& deployment) {
    const auto* const route = std::ranges::find_if(
        kRoutes, [&](const QueryRoute& each) { return has_path(each, target.segments); });
    if (route == kRoutes.end()) return std::nullopt;
    Query query;
    query.route = route;
    query.books = deployment.id;
    query.path = path;
    query.form = form_of(accept);
    if (target.segments.size() > 2) query.id = target.segments[2];
    if (const auto wrong = read_parameters(target, deployment.shards, query))
        return bad_parameter(*wrong);
    return query;
}

QueryAnswer answer_query(const Query& query, projector::Books& books) {
    if (query.route->is_of_ledger && query.ledger) {
        const Result<bool> has = books.has_ledger(*query.ledger);
        if (!has) return failed_books(has.error());
        if (!*has) return not_found("no such ledger: " + std::to_string(query.ledger->value()));
    }
    QueryAnswer answered = query.route->answer(query, books);
    const auto as_of = as_of_of(query, books);
    if (!as_of) return failed_books(as_of.error());
    std::vector<std::pair<std::string_view, std::string>>& fields = answered.response.fields;
    if (std::string text = as_of_field(*as_of); !text.empty())
        fields.emplace_back("Vouch-As-Of", std::move(text));
    if (const auto settled = settled_of(query, books, answered.withheld.has_value()))
        fields.emplace_back(kSettledField, *settled ? "true" : "false");
    return answered;
}

}  // namespace vouch::http
