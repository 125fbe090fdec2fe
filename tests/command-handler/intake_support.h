#pragma once

#include "command-handler/intake/command_json.h"
#include "command-handler/intake/stream_directory.h"
#include "command-handler/intake/validation.h"
#include "tests/support/named_ids.h"

#include <map>
#include <set>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace vouch::test {

/// Books that know what a test tells them, and count how often they are asked.
class FakeBooks final : public command_handler::Directory {
public:
    void open(std::string_view name, std::string_view asset) {
        accounts[name] = Asset::parse(asset).value();
    }

    command_handler::AccountFact account(LedgerId ledger, AccountId account) override {
        ++questions;
        for (const auto& [name, asset] : accounts) {
            if (account_named(name, ledger) == account) {
                return {.certainty = command_handler::Certainty::certain, .asset = asset};
            }
        }
        return {};
    }
    command_handler::HoldFact hold(LedgerId, CommandId hold) override {
        ++questions;
        const auto found = holds.find(id_text(hold));
        return found == holds.end() ? command_handler::HoldFact{} : found->second;
    }
    command_handler::EntryFact entry(LedgerId, CommandId entry) override {
        ++questions;
        const auto found = entries.find(id_text(entry));
        return found == entries.end() ? command_handler::EntryFact{} : found->second;
    }

    std::optional<command_handler::KnownCommand> seen(const Command& command,
                                                      std::optional<ShardId>) override {
        if (!commands.contains(command.id)) return std::nullopt;
        return command_handler::KnownCommand();
    }
    std::optional<command_handler::StoppedShard> stop_before(const Command&, ShardId,
                                                             std::span<const AccountId>) override {
        return std::nullopt;
    }
    bool may_have_seen(LedgerId, CommandId) override { return false; }
    const std::optional<command_handler::StoppedShard>& unknown() const override { return none_; }
    void forget_unknown() override {}

    std::map<std::string_view, Asset> accounts;
    std::map<std::string, command_handler::HoldFact> holds;
    std::map<std::string, command_handler::EntryFact> entries;
    std::set<CommandId> commands;
    int questions = 0;

private:
    std::optional<command_handler::StoppedShard> none_;
};

/// An intake: reads lines as `vouch submit` does.
struct Intake {
    FakeBooks books;
    command_handler::StreamDirectory directory{books, 1};
    command_handler::CommandJson json;
    command_handler::RawLine raw;
    Arena arena;
    std::uint64_t line = 0;

    /// Reads the next line. What it answers borrows from the intake until the next call of
    /// `forget`.
    command_handler::Understood read(std::string_view text) {
        ++line;
        return read_again(text);
    }
    command_handler::Understood read_again(std::string_view text) {
        if (std::optional<command_handler::Malformed> fault = json.read(text, arena, raw))
            return *fault;
        command_handler::Understood understood =
            command_handler::understand(raw, line, directory, arena);
        // As when it is sent.
        if (std::holds_alternative<Command>(understood)) directory.claim();
        return understood;
    }
    void forget() { arena.clear(); }
};

/// "amount: at most 2 decimals for EUR/2", or what else the line is: "command", "clock", "wait",
/// "must wait".
inline std::string verdict(const command_handler::Understood& understood) {
    if (const auto* fault = std::get_if<command_handler::Malformed>(&understood)) {
        const std::string kind =
            fault->outcome == Outcome::malformed ? "" : std::string(to_text(fault->outcome)) + " ";
        return kind + fault->field + ": " + fault->detail;
    }
    if (std::holds_alternative<command_handler::MustWait>(understood)) return "must wait";
    if (std::holds_alternative<command_handler::ClockLine>(understood)) return "clock";
    if (std::holds_alternative<command_handler::WaitLine>(understood)) return "wait";
    return "command";
}

}  // namespace vouch::test
