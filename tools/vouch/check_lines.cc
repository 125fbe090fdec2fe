#include "tools/vouch/check_lines.h"

#include "command-handler/gateway/outcome_line.h"
#include "command-handler/intake/command_json.h"
#include "command-handler/intake/validation.h"
#include "tools/terminal/say.h"

#include <poll.h>

#include <optional>
#include <span>
#include <string_view>
#include <variant>

namespace vouch::cli {

namespace {

using namespace command_handler;

constexpr std::uint64_t kLinesPerLook = 1024;

/// Books of which nothing is known.
class NoBooks final : public Directory {
public:
    AccountFact account(LedgerId, AccountId) override { return {}; }
    HoldFact hold(LedgerId, CommandId) override { return {}; }
    EntryFact entry(LedgerId, CommandId) override { return {}; }
    std::optional<KnownCommand> seen(const Command&, std::optional<ShardId>) override { return {}; }
    std::optional<StoppedShard> stop_before(const Command&, ShardId,
                                            std::span<const AccountId>) override {
        return {};
    }
    bool may_have_seen(LedgerId, CommandId) override { return false; }
    const std::optional<StoppedShard>& unknown() const override { return none_; }
    void forget_unknown() override {}

private:
    std::optional<StoppedShard> none_;
};

class LineCheck {
public:
    /// Why a line is no command, if it is none.
    std::optional<Malformed> fault(std::string_view text, std::uint64_t line) {
        arena_.clear();
        if (std::optional<Malformed> fault = json_.read(text, arena_, raw_)) return fault;
        Understood understood = understand(raw_, line, directory_, arena_);
        if (auto* const fault = std::get_if<Malformed>(&understood)) return std::move(*fault);
        // What it opens is open for the lines behind it.
        directory_.claim();
        directory_.settle(line, true);
        return std::nullopt;
    }

private:
    NoBooks books_;
    StreamDirectory directory_{books_, 1};
    CommandJson json_;
    RawLine raw_;
    Arena arena_;
};

void wait_for_input(int fd) {
    pollfd source{.fd = fd, .events = POLLIN, .revents = 0};
    (void)::poll(&source, 1, -1);
}

}  // namespace

Result<CheckedLines> check_lines(LineReader& input, const std::function<void()>& progress) {
    LineCheck check;
    CheckedLines checked;
    std::string_view text;
    for (std::uint64_t line = 1;; ++line) {
        if (line % kLinesPerLook == 0) progress();
        Result<LineReader::Next> next = input.next(text);
        while (next && *next == LineReader::Next::would_block) {
            wait_for_input(input.fd());
            next = input.next(text);
        }
        if (!next) return next.error();
        if (*next == LineReader::Next::end) return checked;
        std::optional<Malformed> fault;
        if (*next == LineReader::Next::too_long) {
            fault = Malformed{Outcome::too_large, "", "a line of more than 1 MiB"};
        } else if (text.find_first_not_of(" \t") == std::string_view::npos) {
            continue;
        } else {
            fault = check.fault(text, line);
        }
        ++checked.lines;
        if (!fault) continue;
        ++checked.malformed;
        if (Status printed = terminal::print(outcome_line(*fault, line) + "\n"); !printed)
            return printed.error();
    }
}

}  // namespace vouch::cli
