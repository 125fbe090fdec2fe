// Steps from bytes, which must be exactly what append_to_steps writes. Field numbers and what is
// left out: schemas/event.proto, whose messages these are, one function each.
#include "events/entries/read_step.h"

#include "events/entries/event_fields.h"
#include "events/entries/read_command.h"

#include <bit>

namespace vouch::wire {
namespace {

using In = Reader<true>;
constexpr WireForm kForm = WireForm::canonical;

constexpr std::uint64_t kKinds = bit(4) | bit(5) | bit(6) | bit(7) | bit(8) | bit(9);

bool refuse(CommandFault& fault, std::string_view field) {
    report(fault, field);
    return false;
}

bool read_amount_fact(In in, AmountFact& out, CommandFault& fault) {
    return read_message<kForm>(in, fault, "facts", number<1>("facts.unlimited", out.unlimited),
                               amount<2>("facts.amount", out.amount));
}

bool read_credit(In in, CreditStep& out, CommandFault& fault) {
    return read_message<kForm>(in, fault, "credit", required_id<1>("credit.payer", out.payer),
                               required_id<3>("credit.payee", out.payee),
                               asset<5>("credit.asset_code", out.asset),
                               amount<7>("credit.amount", out.amount),
                               number<9>("credit.may_take_less", out.may_take_less),
                               number<10>("credit.makes_entry", out.makes_entry));
}

bool read_hold(In in, HoldStep& out, CommandFault& fault) {
    return read_message<kForm>(in, fault, "hold", required_id<1>("hold.payer", out.payer),
                               required_id<3>("hold.payee", out.payee),
                               asset<5>("hold.asset_code", out.asset),
                               amount<7>("hold.amount", out.amount),
                               number<9>("hold.may_take_less", out.may_take_less));
}

bool read_capture(In in, CaptureStep& out, CommandFault& fault) {
    return read_message<kForm>(in, fault, "capture", required_id<1>("capture.hold", out.hold),
                               required_id<3>("capture.payer", out.payer),
                               amount<5>("capture.amount", out.amount),
                               amount<7>("capture.freed", out.freed));
}

bool read_release(In in, ReleaseStep& out, CommandFault& fault) {
    return read_message<kForm>(in, fault, "release", required_id<1>("release.hold", out.hold),
                               amount<3>("release.freed", out.freed),
                               number<5>("release.expired", out.expired));
}

bool read_answer(In in, AnswerStep& out, CommandFault& fault) {
    return read_message<kForm>(
               in, fault, "answer", outcome<1>("answer.outcome", out.outcome),
               amount<2>("answer.amount", out.amount),
               message<4>("answer.facts",
                          [&](In content) { return read_facts(content, out.facts, fault); })) &&
           (is_step_outcome(out.outcome) || refuse(fault, "answer.outcome"));
}

bool read_forward(In in, Arena& arena, ForwardStep& out, CommandFault& fault) {
    if (in.size() > kCommandBytesMax) return refuse(fault, "forwarded");
    return read_command<kForm>(in, arena, out.command, fault);
}

}  // namespace

bool read_facts(In in, Facts& out, CommandFault& fault) {
    const auto fact = [&fault](std::optional<AmountFact>& known) {
        return [&fault, &known](In content) {
            return read_amount_fact(content, known.emplace(), fault);
        };
    };
    return read_message<kForm>(in, fault, "facts", optional_id<1>("facts.account", out.account),
                               message<3>("facts.available", fact(out.available)),
                               message<4>("facts.limit", fact(out.limit)),
                               message<5>("facts.held", fact(out.held)),
                               message<6>("facts.remaining", fact(out.remaining)),
                               optional_number<7>("facts.version", out.version)) &&
           (!out.is_empty() || refuse(fault, "facts"));
}

bool read_step(In in, Arena& arena, Step& out, CommandFault& fault) {
    StepKind& kind = out.kind;
    const auto credit = [&](In content) {
        return read_credit(content, kind.emplace<CreditStep>(), fault);
    };
    const auto hold = [&](In content) {
        return read_hold(content, kind.emplace<HoldStep>(), fault);
    };
    const auto capture = [&](In content) {
        return read_capture(content, kind.emplace<CaptureStep>(), fault);
    };
    const auto release = [&](In content) {
        return read_release(content, kind.emplace<ReleaseStep>(), fault);
    };
    const auto answer = [&](In content) {
        return read_answer(content, kind.emplace<AnswerStep>(), fault);
    };
    const auto forward = [&](In content) {
        return read_forward(content, arena, kind.emplace<ForwardStep>(), fault);
    };
    std::uint64_t seen = 0;
    if (!read_message<kForm>(in, fault, "step", number<1>("step.ledger", out.ledger),
                             optional_id<2>("step.command", out.command),
                             message<4>("credit", credit), message<5>("hold", hold),
                             message<6>("capture", capture), message<7>("release", release),
                             message<8>("answer", answer), message<9>("forwarded", forward),
                             text<15>("step.id_text", out.id_text, kLongTextMax),
                             SeenFields{{}, seen})) {
        return false;
    }
    if (std::popcount(seen & kKinds) != 1) return refuse(fault, "step");
    if (!out.id_text.empty() && !is_followed(out)) return refuse(fault, "step.id_text");
    if ((seen & bit(9)) != 0) return seen == bit(9) || refuse(fault, "forwarded");
    return !out.command.is_zero() || refuse(fault, "step.command");
}

}  // namespace vouch::wire
