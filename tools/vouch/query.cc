#include "tools/vouch/query.h"

#include "command-handler/intake/time_text.h"
#include "events/money/text_ids.h"
#include "events/world/clock.h"
#include "projector/answers/answer_text.h"
#include "tools/server/http/api/queries.h"
#include "tools/server/http/api/told_by_fields.h"
#include "tools/server/http/wire/client.h"
#include "tools/server/http/wire/target.h"
#include "tools/server/places/books_log.h"
#include "tools/server/places/server_mark.h"
#include "tools/server/places/views.h"
#include "tools/terminal/say.h"
#include "tools/vouch/subcommands.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

namespace vouch::cli {

void add_query_options(CLI::App& subcommand, QueryOptions& options) {
    add_place_options(subcommand, options.data, options.http);
    subcommand.add_option("--ledger", options.ledger, "Which set of books (0)")->type_name("N");
    subcommand.add_flag("--json", options.json, "Print JSON, one object a line");
}

void add_at_option(CLI::App& subcommand, QueryOptions& options) {
    subcommand
        .add_option("--at", options.at,
                    "The state after everything up to this time, as 2026-01-31T23:59:59Z")
        ->type_name("TIME");
    subcommand.add_flag("--settled", options.settled,
                        "With --at: wait, for at most 2 s, until the answer can never change");
}

projector::Form form_of(const QueryOptions& options) {
    if (options.json) return projector::Form::json;
    return terminal::is_read_by_people() ? projector::Form::narrow_text : projector::Form::text;
}

namespace {

/// Whom to ask: a server, or nobody, and then the views themselves. Exactly one is there unless
/// `exit` says why none is.
struct Asked {
    std::optional<http::Client> server;
    std::unique_ptr<places::Views> views;
    std::optional<projector::Books> books;
    ExitCode exit = ExitCode::done;
};

constexpr std::string_view kNotSettled = "not settled: the answer may still change";
constexpr std::string_view kEndsBeforeMore =
    "not settled: the newest rows may be missing, because another shard may still write something "
    "before them; ask again for them";

/// Of views that nobody is asked to bring further. False: it is said, and the answer not wanted.
bool is_wanted(const QueryOptions& options, const projector::Books& books,
               std::optional<AccountId> account) {
    const Result<std::optional<Timestamp>> at = time_of(options);
    if (!at || !*at || books.is_settled(**at, account)) return true;
    terminal::say(std::string(kNotSettled));
    return !options.settled;
}

std::string with_parameter(const std::string& target, const std::string& parameter) {
    return target + (target.find('?') == std::string::npos ? '?' : '&') + parameter;
}

/// Takes the log's end when the server is asked: what is durable by then is in the answer.
std::string up_to_the_end(const std::string& target) {
    return with_parameter(target, "at_least=end");
}

/// Which shards an answer needs: all, or the account's; or as many as can be read.
enum class Needs : std::uint8_t { all, what_can_be_read };

Asked whom_to_ask(const QueryOptions& options, std::optional<AccountId> account,
                  Needs needs = Needs::all) {
    Asked asked;
    const auto failed = [&asked](const Fault& fault) {
        asked.exit = fail(fault);
        return std::move(asked);
    };
    if (!options.http.empty()) {
        Result<http::Client> client = places::named_server(options.http);
        if (!client) return failed(client.error());
        asked.server = std::move(*client);
        return asked;
    }
    Result<places::DataDirectory> data = places::DataDirectory::open(options.data);
    if (!data) return failed(data.error());
    Result<std::optional<http::Client>> server =
        places::find_server(options.data.directory, data->deployment());
    if (!server) return failed(server.error());
    asked.server = std::move(*server);
    if (asked.server) return asked;
    Result<std::unique_ptr<places::Views>> views = places::Views::open(*data);
    if (!views) return failed(views.error());
    asked.views = std::move(*views);
    const Status caught_up = needs == Needs::all ? asked.views->catch_up(account)
                                                 : asked.views->catch_up_where_possible();
    if (!caught_up) return failed(places::with_next_step(*data, caught_up.error()));
    Result<projector::Books> books = projector::Books::open(asked.views->shards().stores());
    if (!books) return failed(books.error());
    if (!data->deployment().test_clock) books->set_present(SystemClock().now());
    asked.books = std::move(*books);
    return asked;
}

std::string_view accept_of(const QueryOptions& options) {
    switch (form_of(options)) {
        case projector::Form::json: return "application/x-ndjson";
        case projector::Form::text: return "text/plain";
        case projector::Form::narrow_text: return http::kNarrowText;
    }
    return "";
}

/// Says what a server refused; what the process ends with.
ExitCode say_problem(const http::Reply& reply, const std::string& unknown) {
    if (reply.status == 404 && !unknown.empty()) {
        terminal::say(unknown);
        return ExitCode::refused;
    }
    const std::string detail = http::problem_detail(reply);
    if (reply.status == 400 && !detail.empty()) {
        terminal::say(detail);  // names the parameter that was asked with
        return ExitCode::usage;
    }
    terminal::say("the server answered " + std::to_string(reply.status) +
                  (detail.empty() ? "" : ": " + detail));
    if (reply.status == 503) return ExitCode::unreachable;
    return reply.status < 500 ? ExitCode::usage : ExitCode::internal;
}

ExitCode print_answer(const std::string& text) {
    const Status printed = terminal::print(text);
    return printed ? ExitCode::done : fail(printed.error());
}

/// How long a server is asked again for an answer that it is still making, and the pause between.
constexpr std::chrono::seconds kMakingMax{120};
constexpr std::chrono::seconds kMakingPause{1};

/// The answer, once the server has it.
Result<http::Reply> answer_to(http::Client& server, const std::string& target,
                              std::string_view accept) {
    const auto until = std::chrono::steady_clock::now() + kMakingMax;
    std::string asked = target;
    for (bool is_waiting = false;;) {
        Result<http::Reply> reply = server.get(asked, accept);
        const bool may_come = reply && reply->status == 503 && http::problem_type(*reply) == "busy";
        if (!may_come || std::chrono::steady_clock::now() >= until) return reply;
        if (!std::exchange(is_waiting, true)) {
            terminal::say("the server has no answer yet; asking it again, for at most " +
                          std::to_string(kMakingMax.count()) + " s");
        }
        const std::string word = http::problem_pick_up(*reply);
        if (!word.empty()) asked = with_parameter(target, "pick_up=" + word);
        std::this_thread::sleep_for(kMakingPause);
    }
}

ExitCode ask_server(http::Client& server, const QueryOptions& options, std::string target,
                    const std::string& unknown, const std::function<void()>& take_finding) {
    while (!target.empty()) {
        const Result<http::Reply> reply =
            answer_to(server, up_to_the_end(target), accept_of(options));
        if (!reply) return fail(reply.error());
        if (reply->status != 200) return say_problem(*reply, unknown);
        if (http::has_finding(*reply) && take_finding) take_finding();
        if (http::is_unsettled(*reply))
            terminal::say(std::string(options.at.empty() ? kEndsBeforeMore : kNotSettled));
        if (const ExitCode exit = print_answer(reply->body); exit != ExitCode::done) return exit;
        // For people it stands below the rows.
        if (options.json) {
            for (const std::string& each : http::not_covered(*reply)) terminal::say(each);
        }
        target = reply->next;
    }
    return ExitCode::done;
}

/// Whoever has an answer that lacks records has to see that without reading what stands beside it.
ExitCode end_of_answer(const places::Views& views) {
    switch (views.lack()) {
        case places::Views::Lack::nothing: return ExitCode::done;
        case places::Views::Lack::unreadable_end: return ExitCode::findings;
        case places::Views::Lack::newest_records: return ExitCode::unreachable;
    }
    return ExitCode::internal;
}

/// Of what the views do not have.
ExitCode say_unknown(const places::Views& views, const std::string& unknown) {
    switch (views.lack()) {
        case places::Views::Lack::nothing: terminal::say(unknown); return ExitCode::refused;
        case places::Views::Lack::unreadable_end:
            terminal::say(unknown +
                          "; but it may have been recorded in what cannot be read of the log");
            break;
        case places::Views::Lack::newest_records:
            terminal::say(unknown + "; but it may be in what the views do not have yet");
            break;
    }
    return end_of_answer(views);
}

}  // namespace

ExitCode ask(const QueryOptions& options, const Question& question) {
    Asked asked = whom_to_ask(options, question.account);
    if (asked.server) {
        return ask_server(*asked.server, options, question.target, question.unknown,
                          question.take_finding);
    }
    if (!asked.books) return asked.exit;
    if (!is_wanted(options, *asked.books, question.account)) return ExitCode::unreachable;
    const projector::Answered answer = question.answer(*asked.books);
    if (!answer) return fail(answer.error());
    if (!answer->has_value()) return say_unknown(*asked.views, question.unknown);
    const ExitCode printed = print_answer(**answer);
    return printed == ExitCode::done ? end_of_answer(*asked.views) : printed;
}

namespace {

ExitCode ask_pages_of(Needs needs, const QueryOptions& options, const std::string& target,
                      const PageQuestion& question, const UnknownTest& unknown) {
    Asked asked = whom_to_ask(options, unknown.account, needs);
    if (asked.server) {
        bool has_finding = false;
        const ExitCode exit = ask_server(
            *asked.server, options,
            with_parameter(target, "page_size=" + std::to_string(projector::kPageRowsMax)),
            unknown.sentence, [&] { has_finding = true; });
        return exit == ExitCode::done && has_finding ? ExitCode::findings : exit;
    }
    if (!asked.books) return asked.exit;
    if (!is_wanted(options, *asked.books, unknown.account)) return ExitCode::unreachable;
    if (unknown.is_unknown) {
        const Result<bool> is_unknown = unknown.is_unknown(*asked.books);
        if (!is_unknown) return fail(is_unknown.error());
        if (*is_unknown) return say_unknown(*asked.views, unknown.sentence);
    }
    std::optional<std::string> cursor;
    bool is_covered = true;
    do {
        const Result<projector::AnsweredPage> page = question(*asked.books, cursor);
        if (!page) return fail(page.error());
        if (const ExitCode exit = print_answer(page->text); exit != ExitCode::done) return exit;
        // For people it stands below the rows.
        if (options.json) {
            for (const projector::ShardFinding& each : page->not_covered)
                terminal::say(projector::not_covered_text(each));
        }
        is_covered = is_covered && page->not_covered.empty();
        cursor = page->next;
    } while (cursor);
    return is_covered ? end_of_answer(*asked.views) : ExitCode::findings;
}

}  // namespace

ExitCode ask_pages(const QueryOptions& options, const std::string& target,
                   const PageQuestion& question, const UnknownTest& unknown) {
    return ask_pages_of(Needs::all, options, target, question, unknown);
}

ExitCode ask_pages_of_what_can_be_read(const QueryOptions& options, const std::string& target,
                                       const PageQuestion& question, const UnknownTest& unknown) {
    return ask_pages_of(Needs::what_can_be_read, options, target, question, unknown);
}

UnknownTest unknown_ledger(const QueryOptions& options) {
    const LedgerId ledger(options.ledger);
    return {.sentence = "no such ledger: " + std::to_string(options.ledger),
            .is_unknown = [ledger](projector::Books& books) -> Result<bool> {
                const Result<bool> has = books.has_ledger(ledger);
                if (!has) return has.error();
                return !*has;
            }};
}

std::string ledger_target(const QueryOptions& options, const std::string& path) {
    return path + "?ledger=" + std::to_string(options.ledger);
}

std::string at_target_of_all(const QueryOptions& options, const std::string& path) {
    if (options.at.empty()) return path;
    return path + "?at=" + http::encoded(options.at) + (options.settled ? "&settled=true" : "");
}

std::string at_target(const QueryOptions& options, const std::string& path) {
    const std::string target = ledger_target(options, path);
    if (options.at.empty()) return target;
    return target + "&at=" + http::encoded(options.at) + (options.settled ? "&settled=true" : "");
}

Result<std::optional<Timestamp>> time_of(const QueryOptions& options) {
    if (options.at.empty() && options.settled)
        return Fault{FaultCode::configuration, "--settled: expected with --at"};
    if (options.at.empty()) return std::optional<Timestamp>();
    const std::optional<Timestamp> time = command_handler::parse_time(options.at);
    if (!time)
        return Fault{FaultCode::configuration,
                     "--at: " + std::string(command_handler::kTimeExpected)};
    return time;
}

std::optional<AccountId> account_of(const QueryOptions& options, std::string_view text) {
    const std::optional<TextId> id = parse_account_id(text, LedgerId(options.ledger));
    if (!id) {
        terminal::say(
            "expected an account of 1 to 255 bytes, or an id of 128 bits that is not all zeros or "
            "ones");
        return std::nullopt;
    }
    return AccountId(id->high, id->low);
}

std::optional<CommandId> command_of(std::string_view text) {
    const std::optional<TextId> id = parse_command_id(text);
    if (!id) {
        terminal::say(
            "expected an id of 1 to 255 bytes, or of 128 bits that are not all zeros or ones");
        return std::nullopt;
    }
    return CommandId(id->high, id->low);
}

}  // namespace vouch::cli
