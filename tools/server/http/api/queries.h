#pragma once

#include "events/money/ids.h"
#include "events/money/number.h"
#include "projector/queries/books.h"
#include "tools/server/http/wire/response.h"
#include "tools/server/http/wire/target.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace vouch {
struct Deployment;
}
namespace vouch::projector {
struct CommandQuestion;
}

namespace vouch::http {

/// How an answer is written: `lines` is JSON, one object a line.
enum class AnswerForm : std::uint8_t { json, lines, text };
/// What our own command line accepts before a terminal: text with long names cut short.
inline constexpr std::string_view kNarrowText = "text/plain;cells=narrow";

/// Up to which record of a shard a view must have come.
struct AtLeast {
    ShardId shard;
    RecordNumber record;
};

struct Query;
struct QueryAnswer;

/// What schemas/openapi.yaml describes, of questions.
struct QueryRoute {
    std::string_view path;  ///< a segment `*` is an id
    QueryAnswer (*answer)(const Query& query, projector::Books& books);
    bool takes_at = false;
    bool is_long = false;       ///< reads many rows: not for a thread that others wait on
    bool is_merged = false;     ///< merges the rows of all shards by time
    bool is_of_ledger = false;  ///< all of one: 404 where there is none of that number
    bool is_of_pending = false;  ///< has filters; leaves out shards that cannot be read, named
    /// Where an earlier page of it ended; null where the answer is no page.
    bool (*is_place)(const std::string& text) = nullptr;
    const projector::CommandQuestion* of_command = nullptr;
};

/// A question as a target asks it.
struct Query {
    const QueryRoute* route = nullptr;
    std::string target;  ///< as sent: all that is asked but for the form
    std::string path;    ///< as sent, without parameters
    std::string id;    ///< as text; empty where the route has none
    std::optional<LedgerId> ledger;
    /// The account of the path, whose shard alone is read; empty where every shard is.
    std::optional<AccountId> account;
    std::optional<Timestamp> at;
    std::string at_text;
    DeploymentId books;
    std::optional<std::string> cursor;  ///< as sent
    std::optional<std::string> place;   ///< what the cursor says: where the page before ended
    std::size_t page_size = 100;
    std::vector<AtLeast> at_least;
    bool at_least_end = false;  ///< what is durable when the request comes
    /// An answer that was left (LongQueries): the word that its asker was told.
    std::optional<std::string> pick_up;
    bool wants_settled = false;  ///< only an answer about `at` that can never change
    /// Of what is pending: which rows, and what this server knows of its shards.
    projector::PendingQuery pending;
    std::string filters;  ///< the same as text, as far as it was asked
    /// Pages that are followed while the books are written end before what may still come.
    bool complete_only = false;
    AnswerForm form = AnswerForm::json;
    bool is_narrow = false;  ///< of text
};

/// Of every question there is.
std::vector<std::string_view> query_paths();

/// The question, or the problem with it; empty when no route fits. `path` is the target without its
/// parameters.
std::optional<std::variant<Query, Response>> read_query(const Target& target, std::string_view path,
                                                        std::string_view accept,
                                                        const Deployment& deployment);

struct QueryAnswer {
    Response response;
    /// The time of a row that a page ends before, because something may still come before that one.
    std::optional<Timestamp> withheld;

    QueryAnswer(Response given, std::optional<Timestamp> before = std::nullopt)
        : response(std::move(given)), withheld(before) {}
};
/// The answer out of the books.
QueryAnswer answer_query(const Query& query, projector::Books& books);

}  // namespace vouch::http
