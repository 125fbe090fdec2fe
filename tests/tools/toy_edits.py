"""What a refusal, a command, an event and a question change, as toys: docs/adding.md tells why, file by file.

An edit is (file, anchor, text): the text stands behind the anchor, a piece of the file that is there once. Without an
anchor it is a new file, and with one that begins with "<" the text stands before it.
"""

REFUSAL = [
    ("schemas/event.proto", "  OUTCOME_UNANSWERED = 62;\n", "  OUTCOME_TOY_REFUSED = 63;\n"),
    ("events/money/outcome.h", "    unanswered = 62,\n", "    toy_refused = 63,\n"),
    ("events/money/outcome.h", '<    {Outcome::hold_not_found, ',
     '    {Outcome::toy_refused, "toy_refused", "A toy says no."},\n'),
    ("command-handler/core/deciding.cc", "<    return false;\n}\n\nbool refuse_remote(",
     '    if (deciding.command().reason == "toy") return deciding.refuse(Outcome::toy_refused);\n'),
    ("reconciler/rules/derive.cc", "Answer exists(const AskedCommand& asked) {\n",
     '    if (asked.command.reason == "toy") return refusal(Outcome::toy_refused);\n'),
]

COMMAND = [
    ("schemas/command.proto", "    SetClock set_clock = 25;\n", "    TouchAccount touch_account = 41;\n"),
    ("schemas/command.proto", "<message CloseAccount {",
     "message TouchAccount {\n  fixed64 account_high = 1;\n  fixed64 account_low = 2;\n}\n\n"),
    ("schemas/openapi.yaml", "<        close_account:\n          type: object", """\
        touch_account:
          type: object
          required: [account]
          properties:
            account:
              $ref: "#/components/schemas/TextId"
"""),
    ("events/entries/command.h", "<struct Command;\n", """\
struct TouchAccount {
    AccountId account;
    friend bool operator==(const TouchAccount&, const TouchAccount&) = default;
};

"""),
    ("events/entries/command.h", "Refund, Group, SetClock", ", TouchAccount"),
    ("events/entries/command.h", '"set_clock", Makes::nothing, Changes::nothing),\n',
     '    command_kind<TouchAccount>(41, "touch_account", Makes::nothing, Changes::its_account),\n'),
    ("events/entries/body_messages.h", "<template <class Out>\nvoid write_body(Out& out, const CloseAccount&", """\
template <class Out>
void write_body(Out& out, const TouchAccount& body) {
    write_id(out, 1, body.account);
}

"""),
    ("events/entries/body_messages.h", "<template <class Out>\nvoid write_body(Out& out, const Transfer& body) {", """\
template <WireForm form>
bool read_body(BodyReading<form>& with, Reader<form == WireForm::canonical> in, TouchAccount& out) {
    return read_message<form>(in, with.fault, "touch_account",
                              required_id<1>("touch_account.account", out.account));
}

"""),
    ("command-handler/core/deciding.h", "void decide(Deciding& deciding, const CloseAccount& command);\n",
     "void decide(Deciding& deciding, const TouchAccount& command);\n"),
    ("command-handler/core/decide_account.cc", "<void decide(Deciding& deciding, const CloseAccount& command) {", """\
void decide(Deciding& deciding, const TouchAccount& command) {
    Change* change = change_of(deciding, party(deciding, command.account, std::nullopt));
    if (change) accept(deciding, change, Outcome::updated);
}

"""),
    ("command-handler/intake/command_bodies.cc", "    {&kCommandKind<CloseAccount>, kCloseAccountKeys},\n",
     "    {&kCommandKind<TouchAccount>, kCloseAccountKeys},\n"),
    ("command-handler/intake/command_bodies.cc", "<constexpr std::array kTransferKeys", """\
bool read(BodyReader& in, TouchAccount& body) {
    return in.fields.account(Field::account, body.account);
}

"""),
    ("reconciler/rules/fold_commands.cc",
     "    Outcome operator()(const CloseAccount&) const { return Outcome::closed; }\n",
     "    Outcome operator()(const TouchAccount&) const { return Outcome::updated; }\n"),
    ("reconciler/rules/fold_commands.cc", "<    void operator()(const CloseAccount& c) const {",
     "    void operator()(const TouchAccount& c) const {\n        one_change(c.account, [](Change&) {});\n    }\n"),
]

EVENT = [
    ("schemas/event.proto", "  FormatRaised format_raised = 33;\n", "  ToyNoted toy_noted = 34;\n"),
    ("schemas/event.proto", "<message FormatRaised {", "message ToyNoted {\n  string asked_by = 1;\n}\n\n"),
    ("events/entries/event.h", "<struct FormatRaised {", "struct ToyNoted {\n    std::string_view asked_by;\n};\n\n"),
    ("events/entries/event.h", "ClockAccepted, TailLost, FormatRaised", ", ToyNoted"),
    ("events/entries/event.h", 'act<FormatRaised>(33, "format_raised"),\n',
     '        act<ToyNoted>(34, "toy_noted"),\n'),
    ("events/entries/write_event.cc", "<void write_event(Writer& out, const FormatRaised& event) {", """\
void write_event(Writer& out, const ToyNoted& event) {
    out.message(kEventKind<ToyNoted>.field, [&] { out.text(1, event.asked_by); });
}

"""),
    ("events/entries/write_event.cc", "kIsOneOf<E, ClockAccepted, TailLost, FormatRaised", ", ToyNoted"),
    ("events/entries/read_event_kind.cc", "<bool read(const KindIn& in, FormatRaised& out) {", """\
bool read(const KindIn& in, ToyNoted& out) {
    return read_kind(in, out, text<1>("toy_noted.asked_by", out.asked_by, kShortTextMax)) &&
           (!out.asked_by.empty() || refuse(in, "toy_noted.asked_by"));
}

"""),
    ("command-handler/shard/term_start.cc", "void TermStart::append_moves() {\n", """\
    if (with_.options.asked_by == "toy")
        writer_.sink().append(Event(ToyNoted{with_.options.asked_by}));
"""),
    ("reconciler/reading/act_check.cc", "<    std::string operator()(const FormatRaised& raised) const {",
     '    std::string operator()(const ToyNoted&) const { return "a toy"; }\n'),
    ("reconciler/reading/act_check.cc", "<        } else if constexpr (std::is_same_v<E, FormatRaised>) {", """\
        } else if constexpr (std::is_same_v<E, ToyNoted>) {
            if (act.asked_by != "toy") hand_.report(Check::wrong_act, "no toy");
"""),
]

QUESTION = [
    ("projector/queries/books.h", "    Result<std::optional<HoldAnswer>> hold(LedgerId ledger, CommandId id);\n",
     "    Result<std::optional<EventNumber>> toy(LedgerId ledger, CommandId id);\n"),
    ("projector/queries/toy.cc", None, """\
#include "projector/queries/books.h"
#include "projector/queries/shard_reader.h"

namespace vouch::projector {

Result<std::optional<EventNumber>> Books::toy(LedgerId ledger, CommandId id) {
    const Result<std::unique_ptr<FoundEvent>> found = find_event(ledger, id);
    if (!found) return found.error();
    if (!*found) return std::optional<EventNumber>();
    return std::optional((*found)->recorded.event);
}

}  // namespace vouch::projector
"""),
    ("projector/CMakeLists.txt", "    queries/statement.cc\n", "    queries/toy.cc\n    answers/toy_answer.cc\n"),
    ("projector/answers/questions.h", "AskOfCommand ask_entry, ask_hold, ask_outcome", ", ask_toy"),
    ("projector/answers/questions.h", '<    {"outcome", "v1/outcomes/*"', """\
    {"toy", "v1/toys/*", "The event that a command led to", "id", "The command's id",
     "vouch toy t1 --data books", "no such command", ask_toy},
"""),
    ("projector/answers/toy_answer.cc", None, """\
#include "events/json_writer.h"
#include "projector/answers/questions.h"

namespace vouch::projector {

Answered ask_toy(Books& books, LedgerId ledger, CommandId id, std::string_view shown, Form form) {
    const auto found = books.toy(ledger, id);
    if (!found) return found.error();
    if (!*found) return std::optional<std::string>();
    const std::uint64_t event = (*found)->value();
    if (form == Form::text) return std::optional("event " + std::to_string(event) + "\\n");
    JsonWriter json;
    json.open_object().member("id", shown).member("event", event).close_object();
    return std::optional(json.take() + "\\n");
}

}  // namespace vouch::projector
"""),
    ("schemas/openapi.yaml", "<  /v1/holds/{id}:\n", """\
  /v1/toys/{id}:
    get:
      tags: [questions]
      operationId: toy
      responses:
        "200":
          description: The event.
"""),
]

# The toys above are the cheapest of their kind. These two are not: a refusal that a payee's shard gives, too, and that a
# reversal can have, and a question that has a subcommand and a route of its own.
PAYEE_REFUSAL = [
    ("schemas/event.proto", "  OUTCOME_UNANSWERED = 62;\n", "  OUTCOME_TOY_CREDIT = 64;\n"),
    ("events/money/outcome.h", "    unanswered = 62,\n", "    toy_credit = 64,\n"),
    ("events/money/outcome.h", '<    {Outcome::version_mismatch, "version_mismatch",', """\
    {Outcome::toy_credit, "toy_credit", "A toy takes no credit.", ToldFact::nothing, kOfPayee},
"""),
    ("command-handler/core/deciding.cc", "<    const std::optional<Version> expected = deciding.command().expected_version;\n", """\
    for (const Party& each : parties) {
        if (each.row && each.side == Side::credit && each.row->standing.limit().is_unlimited())
            return deciding.refuse(Outcome::toy_credit, facts_about(deciding.state, *each.row));
    }
"""),
    ("command-handler/core/follow_step.cc", "        payee.refuse(stepping.state, Outcome::credits_frozen);\n", """\
    } else if (payee.row->standing.limit().is_unlimited()) {
        payee.refuse(stepping.state, Outcome::toy_credit);
"""),
    ("reconciler/rules/derive.cc", "<    return {};\n}\n\nAnswer version_mismatch(", """\
    for (const Named& named : asked.named) {
        if (named.account && named.blockable == Side::credit && named.account->limit.is_unlimited())
            return refusal(Outcome::toy_credit, asked.facts(named));
    }
"""),
    ("reconciler/rules/derive_step.cc", "<    Amount cap = Amount::max();\n    if (payee.normal() == Side::debit) {\n",
     "    if (payee.limit.is_unlimited()) return refused(Outcome::toy_credit, facts);\n"),
    ("reconciler/rules/fold_reversals.cc", "        insufficient_funds, amount_overflow, not_supported_across_shards",
     ", toy_credit"),
    ("reconciler/rules/fold_reversals.cc", "<    if (found == insufficient_funds) return !account.limit.is_unlimited();\n",
     "    if (found == toy_credit) return account.limit.is_unlimited();\n"),
    ("reconciler/rules/fold_answers.cc", "    return outcome == Outcome::account_not_found ||",
     " outcome == Outcome::toy_credit ||"),
]

ACCOUNT_QUESTION = [
    ("projector/queries/books.h", "    using BalanceVisitor = std::function<bool(const AccountBalance&)>;\n",
     "    Result<std::optional<Version>> toy_of(LedgerId ledger, AccountId account);\n"),
    ("projector/queries/toy_of.cc", None, """\
#include "projector/queries/books.h"

namespace vouch::projector {

Result<std::optional<Version>> Books::toy_of(LedgerId ledger, AccountId account) {
    const Result<std::optional<AccountBalance>> found = balance(ledger, account);
    if (!found) return found.error();
    if (!*found) return std::optional<Version>();
    return std::optional((*found)->version);
}

}  // namespace vouch::projector
"""),
    ("projector/CMakeLists.txt", "    queries/statement.cc\n", "    queries/toy_of.cc\n    answers/toy_of_answer.cc\n"),
    ("projector/answers/questions.h", "<Answered ask_balance(Books& books,",
     "Answered ask_toy_of(Books& books, LedgerId ledger, AccountId account, Form form);\n"),
    ("projector/answers/toy_of_answer.cc", None, """\
#include "events/json_writer.h"
#include "projector/answers/questions.h"

namespace vouch::projector {

Answered ask_toy_of(Books& books, LedgerId ledger, AccountId account, Form form) {
    const auto found = books.toy_of(ledger, account);
    if (!found) return found.error();
    if (!*found) return std::optional<std::string>();
    const std::uint64_t version = (*found)->value();
    if (form != Form::json) return std::optional("version " + std::to_string(version) + "\\n");
    JsonWriter json;
    json.open_object().member("version", version).close_object();
    return std::optional(json.take() + "\\n");
}

}  // namespace vouch::projector
"""),
    ("tools/vouch/toy_of.cc", None, """\
#include "projector/answers/questions.h"
#include "tools/server/http/wire/target.h"
#include "tools/vouch/query.h"
#include "tools/vouch/subcommands.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <memory>

namespace vouch::cli {
namespace {

ExitCode toy_of(const QueryOptions& options, const std::string& name) {
    const std::optional<AccountId> id = account_of(options, name);
    if (!id) return ExitCode::usage;
    const auto answer = [&](projector::Books& books) {
        return ask_toy_of(books, LedgerId(options.ledger), *id, form_of(options));
    };
    return ask(options, {.target = ledger_target(options, "/v1/accounts/" + http::encoded(name) + "/toy"),
                         .unknown = "no such account: " + name,
                         .answer = answer});
}

}  // namespace

void add_toy_of(CLI::App& app, ExitCode& exit) {
    auto options = std::make_shared<QueryOptions>();
    auto name = std::make_shared<std::string>();
    CLI::App* const command = app.add_subcommand("toy-of", "A toy of an account");
    command->add_option("account", *name, "Name or id")->required()->type_name("ACCOUNT");
    add_query_options(*command, *options);
    command->callback([options, name, &exit] { exit = toy_of(*options, *name); });
}

}  // namespace vouch::cli
"""),
    ("tools/vouch/CMakeLists.txt", "    submit_stream.cc\n", "    toy_of.cc\n"),
    ("tools/vouch/subcommands.h", "AddSubcommand add_serve, ", "add_toy_of, "),
    ("tools/vouch/subcommands.h", "kSubcommands[] = {\n    add_serve, ", "add_toy_of, "),
    ("tools/server/http/api/queries.cc", "<QueryAnswer account_statement(", """\
QueryAnswer toy_of(const Query& query, projector::Books& books, LedgerId ledger, AccountId id) {
    return found_response(query, projector::ask_toy_of(books, ledger, id, rows_form(query)),
                          "no such account in that ledger");
}

"""),
    ("tools/server/http/api/queries.cc", '    {.path = "v1/accounts/*", .answer = of_account<account>},\n',
     '    {.path = "v1/accounts/*/toy", .answer = of_account<toy_of>},\n'),
    ("schemas/openapi.yaml", "<  /v1/accounts/{account}/balance:\n", """\
  /v1/accounts/{account}/toy:
    get:
      tags: [questions]
      operationId: toyOf
      responses:
        "200":
          description: The toy.
"""),
]

TOYS = {"refusal": REFUSAL, "refusal of a payee, too": PAYEE_REFUSAL, "command": COMMAND, "event": EVENT,
        "question by a command's id": QUESTION, "question of an account": ACCOUNT_QUESTION}

# Sources that miss what is forgotten in another file, beside those that the toy itself changes.
WITNESSES = {
    "refusal": ["events/money/outcome.cc"],
    "command": ["events/entries/command.cc", "events/entries/read_command.cc", "events/entries/codec.cc",
                "command-handler/core/decide.cc"],
    "event": ["projector/views/materialise.cc"],
    "question by a command's id": ["projector/answers/questions.cc"],
    "refusal of a payee, too": ["events/money/outcome.cc"],
    "question of an account": ["tools/vouch/program.cc"],
}

# Who finds an edit of a file forgotten, where no source of those does not compile: the linker, or a test by its name.
FOUND_BY = {
    "schemas/command.proto": "events_entries",
    "schemas/event.proto": "events_entries",
    "schemas/openapi.yaml": "contract.py",
    "events/money/outcome.h": "events_entries",
    "command-handler/core/deciding.cc": "specs",
    "command-handler/core/follow_step.cc": "specs",
    "command-handler/core/decide_account.cc": "the linker",
    "command-handler/shard/term_start.cc": "command_handler_shard",
    "reconciler/rules/derive.cc": "model_across_handlers",
    "reconciler/rules/derive_step.cc": "model_across_handlers",
    "reconciler/rules/fold_answers.cc": "model_across_handlers",
    "reconciler/rules/fold_reversals.cc": "reconciler",
    "projector/queries/toy.cc": "the linker",
    "projector/queries/toy_of.cc": "the linker",
    "projector/answers/toy_of_answer.cc": "the linker",
    "tools/vouch/toy_of.cc": "the linker",
    "tools/vouch/subcommands.h": "tools_cli",
    "tools/server/http/api/queries.cc": "contract.py",
    "projector/answers/toy_answer.cc": "the linker",
    "projector/answers/questions.h": "contract.py",
}
