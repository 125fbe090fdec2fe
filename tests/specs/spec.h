#pragma once

#include "events/entries/command.h"
#include "events/money/outcome.h"
#include "tests/model/owned_command.h"
#include "tests/support/ledger.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vouch::test {

/// What the last column of a command's line expects. Grammar: tests/specs/README.md.
struct Expected {
    std::optional<Outcome> outcome;
    Told::Stage stage = Told::Stage::decided;
    bool repeated = false;  ///< only looked at when true: the answer must be a repeated one
    /// Facts by their words ("available" -> "6.00"), and "moved".
    std::map<std::string, std::string> facts;
};

/// A command, and what must become of it.
struct CommandStep {
    OwnedCommand command;
    /// Empty when the line itself is no valid command, as the intake would find.
    bool is_malformed = false;
    std::uint32_t times = 1;
    std::optional<ShardId> at;  ///< the shard that it is sent to; empty: its own
    Expected expected;
    std::vector<Expected> members;  ///< of a group
    Scale scale;                    ///< in which amounts among the facts are written
};

/// `balance`, `hold_state` or `trial`: claims about the books, by their words.
struct ClaimStep {
    enum class Kind { balance, hold_state, trial };
    Kind kind = Kind::balance;
    LedgerId ledger;
    AccountId account;
    CommandId hold;
    std::optional<Asset> asset;  ///< of a trial balance; empty: the only one
    std::map<std::string, std::string> claims;
};

/// What becomes of steps between shards from here on.
struct DeliveryStep {
    enum class Kind { hold_back, deliver, at_once };
    Kind kind = Kind::deliver;
    std::size_t count = 0;
};

struct SpecStep {
    std::size_t line = 0;
    std::string text;
    Timestamp now;
    std::optional<CommandStep> command;
    std::optional<ClaimStep> claim;
    std::optional<DeliveryStep> delivery;
    bool restart = false;
};

/// Time of a table's first line: 2026-01-01T00:00:00Z.
inline constexpr std::int64_t kSpecStartUs = 1'767'225'600'000'000;

/// Reads a table. Throws std::runtime_error, naming the line, when it is not written as the grammar
/// says. Over several shards `name@N` is a name of shard N.
std::vector<SpecStep> parse_spec(std::string_view text, std::uint32_t shards = 1);

/// "60s", "5m", "250ms", "1us" as microseconds. Throws std::runtime_error for anything else.
std::int64_t parse_duration(std::string_view text);

/// Names behind ids, for printing commands. An id without a name is printed in hex.
struct NameBook {
    std::map<AccountId, std::string> accounts;
    std::map<CommandId, std::string> commands;
    std::map<AccountId, Asset> assets;

    AccountId account(std::string_view name, LedgerId ledger = LedgerId(0));
    CommandId command(std::string_view name);
    std::string text(AccountId id) const;
    std::string text(CommandId id) const;
};

/// `command` as lines of a table, without the expected outcome; `now` is subtracted from its
/// expiry.
std::string to_spec(const OwnedCommand& command, const NameBook& names, Timestamp now,
                    std::string_view indent = "");

}  // namespace vouch::test
