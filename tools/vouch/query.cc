#include "tools/vouch/query.h"

#include "command-handler/intake/time_text.h"
#include "projector/queries/query_json.h"
#include "tools/vouch/subcommands.h"
#include "tools/vouch/talk.h"
#include "tools/vouch/views.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>

namespace vouch::cli {

void add_query_options(CLI::App& subcommand, QueryOptions& options) {
    add_data_options(subcommand, options.data);
    subcommand.add_option("--ledger", options.ledger, "Which set of books (0)")->type_name("N");
    subcommand.add_flag("--json", options.json, "Print JSON, one object a line");
}

void add_at_option(CLI::App& subcommand, QueryOptions& options) {
    subcommand
        .add_option("--at", options.at,
                    "The state after everything up to this time, as 2026-01-31T23:59:59Z")
        ->type_name("TIME");
}

ExitCode ask(const QueryOptions& options,
             const std::function<ExitCode(projector::Books& books)>& question) {
    Result<DataDirectory> data = DataDirectory::open(options.data);
    if (!data) return fail(data.error());
    Result<std::unique_ptr<Views>> views = Views::open(*data);
    if (!views) return fail(views.error());
    if (Status caught_up = (*views)->catch_up(); !caught_up) return fail(caught_up.error());
    Result<projector::Books> books = projector::Books::open((*views)->shards().stores());
    if (!books) return fail(books.error());
    return question(*books);
}

Result<std::optional<Timestamp>> time_of(const QueryOptions& options) {
    if (options.at.empty()) return std::optional<Timestamp>();
    const std::optional<Timestamp> time = command_handler::parse_time(options.at);
    if (!time)
        return Fault{FaultCode::configuration,
                     "--at: expected a time such as 2026-01-31T23:59:59Z"};
    return time;
}

std::optional<AccountId> account_of(const QueryOptions& options, std::string_view text) {
    const std::optional<TextId> id = parse_account_id(text, LedgerId(options.ledger));
    if (!id) {
        say("expected an account of 1 to 255 bytes, or an id of 128 bits that is not all zeros or "
            "ones");
        return std::nullopt;
    }
    return AccountId(id->high, id->low);
}

std::optional<CommandId> command_of(std::string_view text) {
    const std::optional<TextId> id = parse_command_id(text);
    if (!id) {
        say("expected an id of 1 to 255 bytes, or of 128 bits that are not all zeros or ones");
        return std::nullopt;
    }
    return CommandId(id->high, id->low);
}

namespace {

/// Characters, so that columns of names in any script line up (nearly: wide ones count as one).
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
    }));
}

/// Names come from outside: a control character must not reach the terminal.
std::string printable(std::string text) {
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    }
    return text;
}

}  // namespace

std::string as_text(const Fields& fields) {
    std::size_t widest = 0;
    for (const auto& [name, value] : fields) widest = std::max(widest, width(name));
    std::string text;
    for (const auto& [name, value] : fields) {
        text += name + std::string(widest - width(name) + 2, ' ') + printable(value) + "\n";
    }
    return text;
}

Table::Table(std::vector<std::string> head, std::vector<std::size_t> right)
    : right_(std::move(right)) {
    rows_.push_back(std::move(head));
}

void Table::add(std::vector<std::string> row) {
    for (std::string& cell : row) cell = printable(std::move(cell));
    rows_.push_back(std::move(row));
}

std::string Table::text() const {
    std::vector<std::size_t> widths(rows_.front().size(), 0);
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
    }
    std::string text;
    for (const auto& row : rows_) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::string blanks(widths[i] - width(row[i]), ' ');
            const bool is_right = std::find(right_.begin(), right_.end(), i) != right_.end();
            line += is_right ? blanks + row[i] : row[i] + blanks;
            line += "  ";
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    return text;
}

std::string as_text(const projector::AsOf& as_of) {
    if (!as_of.record)
        return "shard " + std::to_string(as_of.shard.value()) + ", nothing recorded yet";
    return "shard " + std::to_string(as_of.shard.value()) + ", record " +
           std::to_string(as_of.record->value());
}

std::string as_text(const projector::RecordedAt& recorded) {
    return projector::to_rfc3339(recorded.time) + ", shard " +
           std::to_string(recorded.shard.value()) + ", record " +
           std::to_string(recorded.record.value()) + ", event " +
           std::to_string(recorded.event.value());
}

std::string available_text(const projector::AccountBalance& balance) {
    if (balance.limit.is_unlimited()) return "unlimited";
    const Side normal = normal_side(balance.account.account_class);
    const std::optional<Amount> amount = available(balance.totals, normal, balance.limit);
    return to_text(amount.value_or(Amount::max()), balance.account.asset.scale());
}

std::string limit_text(const Limit& limit, Scale scale) {
    return limit.is_unlimited() ? "unlimited" : to_text(limit.below_zero(), scale);
}

}  // namespace vouch::cli
