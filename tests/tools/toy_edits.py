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
template <Form form>
bool read_body(BodyReading<form>& with, Reader<form == Form::canonical> in, TouchAccount& out) {
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
    ("events/entries/write_event.cc", "<    std::size_t operator()(const FormatRaised& event) const {", """\
    std::size_t operator()(const ToyNoted& event) const {
        return kSmallEventBound + event.asked_by.size();
    }
"""),
    ("events/entries/read_event.cc", "<    bool kind(const CommandDecided&, FormatRaised& out) {", """\
    bool kind(const CommandDecided&, ToyNoted& out) {
        return read_kind(out, text<1>("toy_noted.asked_by", out.asked_by, kShortTextMax)) &&
               (!out.asked_by.empty() || refuse("toy_noted.asked_by"));
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

TOYS = {"refusal": REFUSAL, "command": COMMAND, "event": EVENT, "question": QUESTION}

# Sources that miss what is forgotten in another file, beside those that the toy itself changes.
WITNESSES = {
    "refusal": ["events/money/outcome.cc"],
    "command": ["events/entries/command.cc", "events/entries/read_command.cc", "events/entries/codec.cc",
                "command-handler/core/decide.cc"],
    "event": ["projector/views/materialise.cc"],
    "question": ["projector/answers/questions.cc"],
}

# Who finds an edit of a file forgotten, where no source of those does not compile: the linker, or a test by its name.
FOUND_BY = {
    "schemas/command.proto": "events_entries",
    "schemas/event.proto": "events_entries",
    "schemas/openapi.yaml": "contract.py",
    "events/money/outcome.h": "events_entries",
    "command-handler/core/deciding.cc": "specs",
    "command-handler/core/decide_account.cc": "the linker",
    "command-handler/shard/term_start.cc": "command_handler_shard",
    "reconciler/rules/derive.cc": "model",
    "projector/queries/toy.cc": "the linker",
    "projector/answers/toy_answer.cc": "the linker",
    "projector/answers/questions.h": "contract.py",
}
