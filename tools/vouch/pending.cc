#include "command-handler/intake/time_text.h"
#include "events/read_number.h"
#include "projector/answers/questions.h"
#include "tools/server/http/wire/target.h"
#include "tools/vouch/query.h"
#include "tools/vouch/subcommands.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vouch::cli {

namespace {

using Served = projector::ShardsAtWork::Served;

struct PendingArguments {
    QueryOptions query;
    const CLI::Option* ledger = nullptr;
    std::optional<std::uint32_t> shard;
    std::string reason;
    std::string older_than;
};

Result<projector::PendingQuery> query_of(const PendingArguments& arguments) {
    projector::PendingQuery query;
    if (arguments.ledger->count() > 0) query.ledger = LedgerId(arguments.query.ledger);
    if (arguments.shard) query.shard = ShardId(*arguments.shard);
    if (!arguments.reason.empty()) {
        query.reason = projector::parse_pending_reason(arguments.reason);
        if (!query.reason)
            return Fault{FaultCode::configuration,
                         "--reason: expected one of " + projector::pending_reason_words()};
    }
    if (!arguments.older_than.empty()) {
        const std::optional<std::uint64_t> age =
            command_handler::parse_duration(arguments.older_than);
        if (!age)
            return Fault{FaultCode::configuration,
                         "--older-than: " + std::string(command_handler::kDurationExpected)};
        query.older_than_us = *age;
    }
    return query;
}

std::string target_of(const PendingArguments& arguments, const projector::PendingQuery& query) {
    std::string target = "/v1/pending";
    const auto add = [&](const std::string& parameter) {
        target += (target.find('?') == std::string::npos ? "?" : "&") + parameter;
    };
    if (query.ledger) add("ledger=" + std::to_string(query.ledger->value()));
    if (query.shard) add("shard=" + std::to_string(query.shard->value()));
    if (query.reason) add("reason=" + arguments.reason);
    if (!arguments.older_than.empty()) add("older_than=" + arguments.older_than);
    return target;
}

/// Of books on Kafka a server may be at work on any machine: that this directory has none says
/// nothing.
Served served_by(const QueryOptions& options) {
    const Result<places::DataDirectory> data = places::DataDirectory::open(options.data);
    return data && data->kafka() ? Served::elsewhere : Served::not_known;
}

ExitCode pending(const PendingArguments& arguments) {
    Result<projector::PendingQuery> query = query_of(arguments);
    if (!query) return fail_usage(query.error());
    bool has_shard = true;
    const ExitCode exit = ask_pages_of_what_can_be_read(
        arguments.query, target_of(arguments, *query),
        [&](projector::Books& books,
            const std::optional<std::string>& cursor) -> Result<projector::AnsweredPage> {
            const Result<std::vector<projector::AsOf>> shards = books.as_of();
            if (!shards) return shards.error();
            has_shard = !query->shard || query->shard->value() < shards->size();
            if (!has_shard)
                return Fault{FaultCode::configuration,
                             "--" + projector::expected_shard(shards->size())};
            query->at_work.served = served_by(arguments.query);
            if (cursor) query->after = projector::PendingPlace::parse(*cursor);
            return ask_pending(books, *query, form_of(arguments.query));
        },
        query->ledger ? unknown_ledger(arguments.query) : UnknownTest());
    return has_shard ? exit : ExitCode::usage;
}

}  // namespace

void add_pending(CLI::App& app, ExitCode& exit) {
    auto arguments = std::make_shared<PendingArguments>();
    CLI::App* const command = app.add_subcommand(
        "pending", "What is in transit between shards, or due; oldest first, with the way on");
    add_query_options(*command, arguments->query);
    arguments->ledger = command->get_option("--ledger");
    command
        ->add_option("--shard", arguments->shard, "What this shard waits for, or is waited for by")
        ->type_name("N");
    command->add_option("--reason", arguments->reason, projector::pending_reason_words())
        ->type_name("REASON");
    command->add_option("--older-than", arguments->older_than, "Such as 60s, 5m, 2h")
        ->type_name("DURATION");
    command->footer(
        "Without --ledger: of all ledgers together. A hold that is due has the reason due, "
        "whatever its shard waits for.\nExample:\n  vouch pending --older-than 5m "
        "--data books\nExit codes: 1 not every shard is covered; 5 no such ledger.");
    command->callback([arguments, &exit] { exit = pending(*arguments); });
}

}  // namespace vouch::cli
