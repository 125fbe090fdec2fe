#include "reconciler/reading/act_check.h"

#include "events/entries/event.h"

#include <string>
#include <type_traits>
#include <variant>

namespace vouch::reconciler {

namespace {

/// Of an event that says what an operator asked for.
struct TextOfAct {
    std::string operator()(const InputMoved& moved) const {
        return std::string(moved.input == InputKind::commands ? "commands" : "steps") +
               " are read on from offset " + std::to_string(moved.to.value()) + ", not from " +
               std::to_string(moved.from.value());
    }
    std::string operator()(const TailLost& lost) const {
        return "records from " + std::to_string(lost.record.value()) + " on, which were lost";
    }
    std::string operator()(const ClockAccepted& clock) const {
        return "a clock at " + std::to_string(clock.accepted.value()) +
               " us, beside a record before at " + std::to_string(clock.last.value());
    }
    std::string operator()(const FormatRaised& raised) const {
        return "format level " + std::to_string(raised.to) + ", raised from " +
               std::to_string(raised.from);
    }
    template <class E>
        requires(!kEventKind<E>.is_act)
    std::string operator()(const E&) const {
        return "";
    }
};

}  // namespace

void ActCheck::keep(const PreparedRecord& record) {
    for (const Event* act : record.acts) {
        if (++count_ <= kActsKeptMax)
            kept_.push_back({record.header.record, std::visit(TextOfAct{}, *act)});
    }
}

InputOffsets ActCheck::check(const PreparedRecord& record, InputOffsets inputs,
                             Timestamp last_time) {
    const RecordHeader& header = record.header;
    const auto check = [&](const auto& act) {
        using E = std::decay_t<decltype(act)>;
        if constexpr (std::is_same_v<E, InputMoved>) {
            Offset& input = act.input == InputKind::commands ? inputs.commands : inputs.steps;
            if (act.from != input) {
                hand_.report(Check::wrong_act, "an input moved from elsewhere: " +
                                                   expected_found(input.value(), act.from.value()));
            }
            input = act.to;
        } else if constexpr (std::is_same_v<E, ClockAccepted>) {
            if (act.last != last_time) {
                hand_.report(Check::wrong_act,
                             "a clock accepted beside another time than that of the "
                             "record before");
            }
            if (act.accepted > header.time)
                hand_.report(Check::wrong_act, "a clock accepted that is later than its record");
        } else if constexpr (std::is_same_v<E, TailLost>) {
            if (act.record != header.record) {
                hand_.report(Check::wrong_act,
                             "records lost from another number than their successor's: " +
                                 expected_found(header.record.value(), act.record.value()));
            }
        } else if constexpr (std::is_same_v<E, FormatRaised>) {
            if (act.from != level_) {
                hand_.report(Check::wrong_act, "a format raised from another level: " +
                                                   expected_found(level_, act.from));
            }
            if (act.to > kFormatLevel) {
                hand_.report(Check::wrong_act, "format level " + std::to_string(act.to) +
                                                   ", and this program knows up to " +
                                                   std::to_string(kFormatLevel));
            }
        } else {
            static_assert(!kEventKind<E>.is_act);
        }
    };
    for (const Event* act : record.acts) std::visit(check, *act);
    return inputs;
}

void ActCheck::advance(const PreparedRecord& record) {
    for (const Event* act : record.acts) {
        if (const auto* raised = std::get_if<FormatRaised>(act)) level_ = raised->to;
    }
}

}  // namespace vouch::reconciler
