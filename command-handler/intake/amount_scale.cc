#include "command-handler/intake/amount_scale.h"

#include "events/check.h"

#include <algorithm>

namespace vouch::command_handler {

namespace {

/// True when there is an asset to read the amount by, be it only by hearsay.
bool has_scale(const AccountFact& account, bool by_refused) {
    switch (account.certainty) {
        case Certainty::unknown:
        case Certainty::pending:
            return false;
        case Certainty::refused:
            return by_refused;
        case Certainty::likely:
        case Certainty::certain:
            return true;
    }
    return false;
}

/// Places after the point; only for texts that may be decimals.
std::size_t decimals_written(std::string_view text) {
    const std::size_t point = text.find('.');
    return point == std::string_view::npos ? 0 : text.size() - point - 1;
}

std::string sentence(AmountFault fault, const WrittenAmount& written, Scale scale, bool is_known) {
    switch (fault) {
        case AmountFault::not_a_decimal:
            return "expected a decimal such as 10.00: no sign, exponent, blank or leading zero";
        case AmountFault::too_many_decimals: {
            const std::string most = "at most " + std::to_string(scale.value()) + " decimals";
            return is_known ? most + " for " + written.account.asset.text() : most;
        }
        case AmountFault::out_of_range:
            return "expected less than 2^128 of the asset's smallest unit";
    }
    return "";
}

/// What all amounts together know of their scale.
struct Scales {
    std::optional<Scale> known;  ///< of the first known account
    bool differ = false;         ///< known accounts have several
    bool any_likely = false;
    bool any_refused = false;
    bool any_unknown = false;
    bool any_pending = false;
    std::size_t unknown_decimals = 0;  ///< most places written for an unknown account

    /// Whether all can be read at one.
    bool is_one() const {
        return !differ && (!any_unknown || !known || unknown_decimals <= known->value());
    }
};

Scales survey(std::span<const WrittenAmount> amounts, bool by_refused) {
    Scales scales;
    for (const WrittenAmount& written : amounts) {
        if (written.account.certainty == Certainty::pending) scales.any_pending = true;
        if (!has_scale(written.account, by_refused)) {
            scales.any_unknown = true;
            scales.unknown_decimals =
                std::max(scales.unknown_decimals, decimals_written(written.text));
            continue;
        }
        const Scale scale = written.account.asset.scale();
        if (scales.known && *scales.known != scale) scales.differ = true;
        if (!scales.known) scales.known = scale;
        if (written.account.certainty == Certainty::likely) scales.any_likely = true;
        if (written.account.certainty == Certainty::refused) scales.any_refused = true;
    }
    return scales;
}

}  // namespace

std::variant<AmountsRead, AmountWrong, AmountsUncertain> read_amounts(
    std::span<WrittenAmount> amounts) {
    Scales scales = survey(amounts, true);
    // A command carries one scale: what is only likely has to be read at it.
    if (scales.any_pending || (scales.any_likely && !scales.is_one())) return AmountsUncertain{};
    // And so has what a refused line said, or it counts for nothing.
    const bool by_refused = scales.is_one();
    if (!by_refused) scales = survey(amounts, false);
    // The scale for accounts that nobody knows. That of the others when it fits: an entry with one
    // account too new to be known is then still right.
    Scale unknown_scale{};
    if (scales.any_unknown) {
        const std::size_t most = std::min<std::size_t>(scales.unknown_decimals, kScaleMax.value());
        const bool fits = scales.known && scales.is_one();
        unknown_scale = fits ? *scales.known : Scale(static_cast<std::uint8_t>(most));
    }
    for (std::size_t i = 0; i < amounts.size(); ++i) {
        WrittenAmount& written = amounts[i];
        const bool is_known = has_scale(written.account, by_refused);
        const Scale scale = is_known ? written.account.asset.scale() : unknown_scale;
        const ParsedAmount parsed = parse_amount(written.text, scale);
        if (parsed.amount) {
            written.amount = *parsed.amount;
            continue;
        }
        // A likely asset may prove wrong; only a certain one refuses a line.
        if (written.account.certainty == Certainty::likely &&
            parsed.fault != AmountFault::not_a_decimal) {
            return AmountsUncertain{};
        }
        return AmountWrong{i, sentence(parsed.fault, written, scale, is_known)};
    }
    if (scales.any_unknown) return AmountsRead{unknown_scale};
    // Of several scales one cannot fit, and then the command is refused, as it must be.
    if (scales.any_likely || scales.any_refused) return AmountsRead{scales.known};
    return AmountsRead{};
}

}  // namespace vouch::command_handler
