#include "tools/server/http/api/query_parameters.h"

#include "command-handler/intake/time_text.h"
#include "events/money/text_ids.h"
#include "events/read_number.h"
#include "projector/answers/questions.h"

#include <algorithm>

namespace vouch::http {

namespace {

/// "end", and "SHARD:RECORD" once a shard, with commas between.
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
                   std::ranges::find(query.at_least, ShardId(shard), &AtLeast::shard) !=
                       query.at_least.end()) {
            return false;
        } else {
            query.at_least.push_back({ShardId(shard), RecordNumber(record)});
        }
        if (comma == text.size()) return true;
        text.remove_prefix(comma + 1);
    }
}

/// Of what is pending; empty when it is as it should be.
std::optional<std::string> read_filter(std::string_view name, const std::string& value,
                                       std::uint32_t shards, Query& query) {
    projector::PendingQuery& pending = query.pending;
    if (name == "shard") {
        std::uint32_t shard = 0;
        if (!read_number(value, shard) || shard >= shards)
            return projector::expected_shard(shards);
        pending.shard = ShardId(shard);
    } else if (name == "reason") {
        pending.reason = projector::parse_pending_reason(value);
        if (!pending.reason)
            return "reason: expected one of " + projector::pending_reason_words();
    } else if (name == "older_than") {
        const std::optional<std::uint64_t> age = command_handler::parse_duration(value);
        if (!age) return "older_than: " + std::string(command_handler::kDurationExpected);
        pending.older_than_us = *age;
    } else {
        return "a parameter that this route does not have";
    }
    return std::nullopt;
}

/// As text, in one order.
std::string filters_of(const Target& target) {
    std::string text;
    for (const std::string_view filter : {"shard", "reason", "older_than"}) {
        for (const auto& [name, value] : target.parameters) {
            if (name == filter) text += name + "=" + value + "&";
        }
    }
    return text;
}

/// Empty when the parameter is as it should be.
std::optional<std::string> read_parameter(const QueryRoute& route, std::string_view name,
                                          const std::string& value, std::uint32_t shards,
                                          Query& query) {
    if (name == "at_least") {
        if (read_at_least(value, shards, query)) return std::nullopt;
        return "at_least: expected SHARD:RECORD of these books, once a shard, or end";
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
        return "at: " + std::string(command_handler::kTimeExpected);
    }
    if (name == "settled" && route.takes_at) {
        if (value != "true") return "settled: expected true";
        query.wants_settled = true;
        return std::nullopt;
    }
    if (name == "pick_up" && route.is_long) {
        std::uint64_t number = 0;
        if (!read_number(value, number)) return "pick_up: expected the word of an earlier answer";
        query.pick_up = value;
        return std::nullopt;
    }
    if (name == "page_size" && route.is_place) {
        const bool is_number = read_number(value, query.page_size);
        if (is_number && query.page_size >= 1 && query.page_size <= projector::kPageRowsMax)
            return std::nullopt;
        return "page_size: expected 1 to 1000";
    }
    if (name == "cursor" && route.is_place) {
        query.cursor = value;
        return std::nullopt;
    }
    if (route.is_of_pending) return read_filter(name, value, shards, query);
    return "a parameter that this route does not have";
}

/// Empty when the cursor is one of this question; its place is noted then.
std::optional<std::string> take_cursor(Query& query) {
    const auto read = read_cursor(*query.cursor, page_question(query));
    if (const auto* wrong = std::get_if<WrongCursor>(&read)) return wrong->detail;
    query.place = std::get<CursorPlace>(read).text;
    if (query.route->is_place(*query.place)) return std::nullopt;
    return "cursor: is of another version of this program";
}

/// A name is hashed for it, so it is found once.
std::optional<AccountId> account_of(const Query& query) {
    constexpr std::string_view kOfAccount = "v1/accounts/*";
    if (!query.route->path.starts_with(kOfAccount)) return std::nullopt;
    const std::optional<TextId> text =
        parse_account_id(query.id, query.ledger.value_or(LedgerId(0)));
    if (!text) return std::nullopt;
    return AccountId(text->high, text->low);
}

}  // namespace

std::optional<std::string> read_parameters(const Target& target, std::uint32_t shards,
                                           Query& query) {
    if (const auto twice = repeated_parameter(target))
        return std::string(*twice) + ": expected once";
    for (const auto& [name, value] : target.parameters) {
        if (auto wrong = read_parameter(*query.route, name, value, shards, query)) return wrong;
    }
    if (query.wants_settled && !query.at) return "settled: expected with at";
    if (query.pick_up && target.parameters.back().first != "pick_up")
        return "pick_up: expected as the last parameter";
    if (query.route->is_of_pending) query.filters = filters_of(target);
    query.account = account_of(query);
    return query.cursor ? take_cursor(query) : std::nullopt;
}

PageQuestion page_question(const Query& query) {
    return {.books = query.books,
            .route = query.route->path,
            // Of all ledgers is another list than of ledger 0.
            .filters = query.filters + (query.route->is_of_pending && !query.ledger ? "all" : ""),
            .ledger = query.ledger.value_or(LedgerId(0)),
            .account = query.account.value_or(AccountId()),
            .at = query.at};
}

std::string next_target(const Query& query, const std::string& cursor) {
    std::string target = query.path + "?" + query.filters;
    if (query.ledger) target += "ledger=" + std::to_string(query.ledger->value()) + "&";
    target += "page_size=" + std::to_string(query.page_size) + "&cursor=" + cursor;
    if (query.wants_settled) target += "&settled=true";
    if (!query.at) return target;
    target += "&at=";
    for (const char c : query.at_text) target += c == '+' ? "%2B" : std::string(1, c);
    return target;
}

}  // namespace vouch::http
