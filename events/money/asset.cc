#include "events/money/asset.h"

#include "events/money/amount.h"

#include <array>
#include <charconv>

namespace vouch {

namespace {

// A packed character: 0 for none, then the digits, then the letters, as in ASCII; so the order of
// packed codes is the order of codes, and a code stands before those that it begins.
constexpr unsigned kBitsPerCharacter = 6;
constexpr u128 kCharacterMask = (u128{1} << kBitsPerCharacter) - 1;
constexpr unsigned kDigitZero = 1;
constexpr unsigned kLetterA = 11;

constexpr unsigned shift_of(std::size_t position) {
    return 128 - kBitsPerCharacter * (static_cast<unsigned>(position) + 1);
}

/// 0 for a character that codes do not have.
constexpr unsigned pack(char c) {
    if (c >= '0' && c <= '9') return kDigitZero + static_cast<unsigned>(c - '0');
    if (c >= 'A' && c <= 'Z') return kLetterA + static_cast<unsigned>(c - 'A');
    return 0;
}

constexpr char unpack(unsigned packed) {
    return static_cast<char>(packed < kLetterA ? '0' + (packed - kDigitZero)
                                               : 'A' + (packed - kLetterA));
}

/// `(0|[1-9][0-9]?)`, at most kScaleMax.
std::optional<Scale> parse_scale(std::string_view text) {
    if (text.empty() || text.size() > 2 || (text.size() == 2 && text.front() == '0'))
        return std::nullopt;
    unsigned value = 0;
    const std::from_chars_result end =
        std::from_chars(text.data(), text.data() + text.size(), value);
    if (end.ec != std::errc() || end.ptr != text.data() + text.size()) return std::nullopt;
    if (value > kScaleMax.value()) return std::nullopt;
    return Scale(static_cast<Scale::rep>(value));
}

struct MinorUnits {
    Scale scale;
    std::string_view codes;  ///< three letters and a blank each
};

// ISO 4217 list one, and the codes that have left it since 2010 with the minor units they had
// there: a code that was ever written alone keeps its meaning. Units without minor units ("N.A.":
// XAU, XDR, XTS, …) are not here: whoever keeps books in them writes the scale.
constexpr std::array kMinorUnits = {
    MinorUnits{Scale(0),
               "BIF BYR CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF "},
    MinorUnits{Scale(2),
               "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD "
               "BTN BWP BYN "
               "BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EEK EGP ERN "
               "ETB EUR FJD "
               "FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IRR JMD KES KGS "
               "KHR KPW KYD "
               "KZT LAK LBP LKR LRD LSL LTL LVL MAD MDL MGA MKD MMK MNT MOP MRO MRU MUR MVR MWK "
               "MXN MXV MYR "
               "MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR "
               "SDG SEK SGD "
               "SHP SLE SLL SOS SRD SSP STD STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH "
               "USD USN USS "
               "UYU UZS VED VEF VES WST XAD XCD XCG YER ZAR ZMK ZMW ZWG ZWL "},
    MinorUnits{Scale(3), "BHD IQD JOD KWD LYD OMR TND "},
    MinorUnits{Scale(4), "CLF UYW "},
};

}  // namespace

std::optional<Asset> Asset::make(std::string_view code, Scale scale) {
    if (code.empty() || code.size() > kCodeMax || scale > kScaleMax) return std::nullopt;
    if (pack(code.front()) < kLetterA) return std::nullopt;
    u128 packed = scale.value();
    for (std::size_t i = 0; i < code.size(); ++i) {
        const unsigned character = pack(code[i]);
        if (character == 0) return std::nullopt;
        packed |= u128{character} << shift_of(i);
    }
    Asset asset;
    asset.high_ = static_cast<std::uint64_t>(packed >> 64);
    asset.low_ = static_cast<std::uint64_t>(packed);
    return asset;
}

std::optional<Asset> Asset::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    const std::string_view code = text.substr(0, slash);
    const std::optional<Scale> scale =
        slash == std::string_view::npos ? iso4217_scale(code) : parse_scale(text.substr(slash + 1));
    if (!scale) return std::nullopt;
    return make(code, *scale);
}

std::string Asset::code() const {
    const u128 packed = (u128{high_} << 64) | low_;
    std::string code;
    for (std::size_t i = 0; i < kCodeMax; ++i) {
        const unsigned character = static_cast<unsigned>((packed >> shift_of(i)) & kCharacterMask);
        if (character == 0) break;
        code.push_back(unpack(character));
    }
    return code;
}

std::string Asset::text() const { return code() + '/' + std::to_string(scale().value()); }

std::optional<Scale> iso4217_scale(std::string_view code) {
    constexpr std::size_t kLength = 3;
    if (code.size() != kLength) return std::nullopt;
    for (const MinorUnits& units : kMinorUnits) {
        for (std::size_t at = 0; at < units.codes.size(); at += kLength + 1) {
            if (units.codes.substr(at, kLength) == code) return units.scale;
        }
    }
    return std::nullopt;
}

}  // namespace vouch
