#pragma once

#include "events/money/ids.h"
#include "events/result.h"
#include "projector/queries/books.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vouch::projector {

/// Questions to the books and their answers as people and programs see them, the same on the
/// command line and over HTTP.

/// JSON: one object a line. Text: for people; narrow on a terminal. All end with a line end.
enum class Form : std::uint8_t { json, text, narrow_text };

/// Empty: there is no such thing.
using Answered = Result<std::optional<std::string>>;

Answered ask_account(Books& books, LedgerId ledger, AccountId account, Form form);
Answered ask_balance(Books& books, LedgerId ledger, AccountId account, std::optional<Timestamp> at,
                     Form form);
/// About what the command of that id made; `shown` is the id as the caller wrote it.
using AskOfCommand = Answered(Books& books, LedgerId ledger, CommandId id, std::string_view shown,
                              Form form);
AskOfCommand ask_entry, ask_hold, ask_outcome;

/// A question by a command's id: its subcommand and its route follow from this.
struct CommandQuestion {
    std::string_view word;  ///< the subcommand
    std::string_view path;  ///< over HTTP; `*` is the id
    std::string_view asks;  ///< this and the next three: what the subcommand's help says
    std::string_view id_name;
    std::string_view id_is;
    std::string_view example;
    std::string_view unknown;  ///< said, with the ledger, when there is no such thing
    AskOfCommand* ask;
};
/// In the order of the help.
inline constexpr CommandQuestion kCommandQuestions[] = {
    {"entry", "v1/entries/*", "A journal entry: its voucher and postings", "entry",
     "Id of the command that made it", "vouch entry t1 --data books", "no such entry", ask_entry},
    {"hold", "v1/holds/*", "Funds set aside: what is left, captured, until when", "hold",
     "Id of the place_hold command", "vouch hold h1 --data books", "no such hold", ask_hold},
    {"outcome", "v1/outcomes/*", "What became of a command", "id", "The command's id",
     "vouch outcome t1 --data books --json", "no command of that id", ask_outcome},
};

/// Some rows, and where the next ones begin.
struct AnsweredPage {
    std::string text;
    std::optional<std::string> next;  ///< their place; empty: these are the last
    /// Of a statement: where to go on later, when there is more; empty before the first row.
    std::optional<std::string> follow{};
    std::optional<Timestamp> withheld{};  ///< of the row that it ends before, as in a StatementPage
    std::vector<ShardFinding> not_covered{};  ///< as in a PendingPage
};
inline constexpr std::size_t kPageRowsMax = 1000;

/// Rows of one account, or of all. An account that is not known has none.
Result<AnsweredPage> ask_statement(Books& books, const StatementQuery& query, Form form);
/// Accounts by shard and in the order of opening.
struct AccountsQuery {
    LedgerId ledger;
    std::optional<Timestamp> at;
    AccountPosition from;
    std::size_t rows_max = kPageRowsMax;
    bool with_account = false;  ///< what they are too, not only what is on them
};
Result<AnsweredPage> ask_accounts(Books& books, const AccountsQuery& query, Form form);
/// What `AnsweredPage::next` of ask_accounts was.
std::optional<AccountPosition> parse_accounts_place(std::string_view text);

/// What is in transit or due, oldest first.
Result<AnsweredPage> ask_pending(Books& books, const PendingQuery& query, Form form);

struct AnsweredTrialBalance {
    std::string text;
    bool is_even = true;
};
Result<AnsweredTrialBalance> ask_trial_balance(Books& books, std::optional<LedgerId> ledger,
                                               std::optional<Timestamp> at, Form form);

}  // namespace vouch::projector
