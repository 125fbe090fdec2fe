// Steps to bytes. Field numbers and what is left out: schemas/event.proto, Step.
#include "events/entries/write_step.h"

#include "events/entries/write_command.h"

namespace vouch::wire {
namespace {

// Tag and length of the step (4 bytes of length, for a command of 64 KiB) and of its kind, ledger
// and command.
constexpr std::size_t kStepBound = 5 + 5 + 6 + 18;
// The largest kind but an answer and a command: a credit with its asset.
constexpr std::size_t kKindBound = 2 * 18 + 2 + Asset::kCodeMax + 2 + 22 + 2 + 2;
static_assert(kKindBound >= 2 * 18 + 2 * 22);  // a capture
constexpr std::size_t kTextBound = 1 + 2;  // tag and length
constexpr std::size_t kAnswerBound = 2 + 22 + kFactsBound;

void write_amount_fact(Writer& out, std::uint32_t field, const std::optional<AmountFact>& fact) {
    if (!fact) return;
    out.message(field, [&] {
        out.varint(1, fact->unlimited ? 1 : 0);
        write_amount(out, 2, 3, fact->amount);
    });
}

/// Each writes its kind as the field of Step that it is.
struct KindWriter {
    Writer& out;

    /// Both begin alike.
    template <class S>
    void write_parties(const S& step) const {
        write_id(out, 1, step.payer);
        write_id(out, 3, step.payee);
        out.text(5, step.asset.code());
        out.varint(6, step.asset.scale().value());
        write_amount(out, 7, 8, step.amount);
    }

    void operator()(const CreditStep& step) const {
        out.message(4, [&] {
            write_parties(step);
            out.varint(9, step.may_take_less ? 1 : 0);
            out.varint(10, step.makes_entry ? 1 : 0);
        });
    }
    void operator()(const HoldStep& step) const {
        out.message(5, [&] {
            write_parties(step);
            out.varint(9, step.may_take_less ? 1 : 0);
        });
    }
    void operator()(const CaptureStep& step) const {
        out.message(6, [&] {
            write_id(out, 1, step.hold);
            write_id(out, 3, step.payer);
            write_amount(out, 5, 6, step.amount);
            write_amount(out, 7, 8, step.freed);
        });
    }
    void operator()(const ReleaseStep& step) const {
        out.message(7, [&] {
            write_id(out, 1, step.hold);
            write_amount(out, 3, 4, step.freed);
            out.varint(5, step.expired ? 1 : 0);
        });
    }
    void operator()(const AnswerStep& step) const {
        out.message(8, [&] {
            out.varint(1, static_cast<std::uint64_t>(step.outcome));
            write_amount(out, 2, 3, step.amount);
            if (!step.facts.is_empty()) write_facts(out, 4, step.facts);
        });
    }
    void operator()(const ForwardStep& step) const {
        out.message(9, [&] { write_command(out, step.command); });
    }
};

}  // namespace

void write_facts(Writer& out, std::uint32_t field, const Facts& facts) {
    out.message(field, [&] {
        write_id(out, 1, facts.account);
        write_amount_fact(out, 3, facts.available);
        write_amount_fact(out, 4, facts.limit);
        write_amount_fact(out, 5, facts.held);
        write_amount_fact(out, 6, facts.remaining);
        if (facts.version) out.present_varint(7, facts.version->value());
    });
}

void write_step(Writer& out, const Step& step) {
    out.varint(1, step.ledger.value());
    write_id(out, 2, step.command);
    std::visit(KindWriter{out}, step.kind);
    out.text(15, step.id_text);
}

std::size_t step_size_bound(const Step& step) {
    if (const auto* forward = std::get_if<ForwardStep>(&step.kind)) {
        return kStepBound + command_size_bound(forward->command);
    }
    const bool is_answer = std::holds_alternative<AnswerStep>(step.kind);
    return kStepBound + (is_answer ? kAnswerBound : kKindBound) + kTextBound +
           step.id_text.size() + kWriterSlack;
}

}  // namespace vouch::wire
