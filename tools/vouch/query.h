#pragma once

#include "events/log/embedded/embedded_log.h"
#include "projector/answers/questions.h"
#include "projector/queries/books.h"
#include "projector/views/projector.h"
#include "tools/server/places/data_directory.h"
#include "tools/vouch/exit_code.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CLI {
class App;
}

namespace vouch::cli {

/// What every question to the books has in common.
struct QueryOptions {
    places::DataOptions data;
    std::string http;  ///< a server's address; empty: the one that has `data`, if any
    std::uint32_t ledger = 0;
    bool json = false;
    std::string at;  ///< a time as RFC 3339; empty: now
    bool settled = false;  ///< only an answer about `at` that can never change
};

/// --data, --passphrase-file and --json, and --ledger.
void add_query_options(CLI::App& subcommand, QueryOptions& options);
void add_at_option(CLI::App& subcommand, QueryOptions& options);

projector::Form form_of(const QueryOptions& options);

/// A question, asked of a server where there is one and of the views otherwise.
struct Question {
    std::string target;   ///< of the HTTP API
    std::string unknown;  ///< said when there is no such thing
    std::function<projector::Answered(projector::Books& books)> answer;
    /// A server says that what it answered is a finding; may be empty.
    std::function<void()> take_finding = {};
    std::optional<AccountId> account = {};  ///< whose shard alone is read
};
/// Brings the views up to the log's end as it is now, beside a running writer or without one, and
/// asks; or asks the server that has them. One process at a time has the views: another one waits
/// for at most kViewsWaitMax.
ExitCode ask(const QueryOptions& options, const Question& question);

/// The same page by page, so that an answer of any length takes the memory of one page.
using PageQuestion = std::function<Result<projector::AnsweredPage>(
    projector::Books& books, const std::optional<std::string>& cursor)>;
struct UnknownTest {
    std::string sentence;
    std::function<Result<bool>(projector::Books& books)> is_unknown;  ///< empty: never
    std::optional<AccountId> account = {};                            ///< as in a question
};
ExitCode ask_pages(const QueryOptions& options, const std::string& target,
                   const PageQuestion& question, const UnknownTest& unknown = {});
/// The same of what the shards that can be read say; the others are named.
ExitCode ask_pages_of_what_can_be_read(const QueryOptions& options, const std::string& target,
                                       const PageQuestion& question, const UnknownTest& unknown);

/// Of what asks for all of a ledger.
UnknownTest unknown_ledger(const QueryOptions& options);

/// `path` with the options' ledger, and with their time, as parameters.
std::string ledger_target(const QueryOptions& options, const std::string& path);
std::string at_target(const QueryOptions& options, const std::string& path);
std::string at_target_of_all(const QueryOptions& options, const std::string& path);

/// The time of --at; empty when there is none. Faults as `configuration` are usage here.
Result<std::optional<Timestamp>> time_of(const QueryOptions& options);

/// The account a person named; empty, and said why, when the text is no id.
std::optional<AccountId> account_of(const QueryOptions& options, std::string_view text);
std::optional<CommandId> command_of(std::string_view text);

}  // namespace vouch::cli
