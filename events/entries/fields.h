#pragma once

#include "events/entries/message.h"
#include "events/money/amount.h"
#include "events/money/ids.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>

namespace vouch::wire {

/// Messages, declared field by field and read strictly:
///
///   return read_message<form>(in, fault, "close_account",
///                             required_id<1>("close_account.account", out.account));
///
/// Fields are declared in the order of their numbers. Nearly every writer writes them in that
/// order, and then one pass over the declarations reads the message: each looks whether the next
/// tag is its own, without any dispatch.
///
/// A field's name is what a fault calls it; it must have static storage. A fault without name: the
/// bytes are no Protobuf.

/// Base of the declarations below: fields kFirst to kLast are its own, nothing is demanded.
template <std::uint32_t kFirst, std::uint32_t kLast = kFirst>
struct FieldBase {
    std::string_view name;

    /// What a fault in field `number` is called: this declaration's name when it is its own.
    std::string_view name_at(std::uint32_t number, std::string_view otherwise) const {
        return kFirst <= number && number <= kLast ? name : otherwise;
    }
    template <class M>
    bool finish(const M&) {
        return true;
    }
};

/// A field, or two in a row, that has its number and meaning but that nobody carries out yet: it is
/// left to stand, as an unknown one would be, and refused under this name.
template <std::uint32_t kFirst, std::uint32_t kLast>
struct UnsupportedField : FieldBase<kFirst, kLast> {
    template <class M>
    [[gnu::always_inline]] void take(M&) {}
};
template <std::uint32_t kFirst, std::uint32_t kLast = kFirst>
auto unsupported(std::string_view name) {
    return UnsupportedField<kFirst, kLast>{{name}};
}

/// Fields from kFirst on that few messages have: the others pass them by in one comparison, and
/// `declare`, which gives them as a tuple, is not even called. They keep nothing between calls.
template <std::uint32_t kFirst, class Declare>
struct SeldomFields {
    std::string_view name;
    Declare declare;

    std::string_view name_at(std::uint32_t number, std::string_view otherwise) const {
        std::apply(
            [&](const auto&... each) { ((otherwise = each.name_at(number, otherwise)), ...); },
            declare());
        return otherwise;
    }
    template <class M>
    [[gnu::always_inline]] void take(M& m) {
        if (m.tag() < kFirst << 3) [[likely]] return;
        std::apply([&](auto&&... each) { (each.take(m), ...); }, declare());
    }
    /// Demands are set up by the fields that were given, so without any there are none.
    template <class M>
    bool finish(const M& m) {
        if (m.seen() >> kFirst == 0) return true;
        return std::apply(
            [&](auto&&... each) {
                return ((each.finish(m) || (name = each.name, false)) && ...);
            },
            declare());
    }
};
template <std::uint32_t kFirst, class Declare>
auto seldom(Declare declare) {
    return SeldomFields<kFirst, Declare>{{}, declare};
}

/// A number that was just read, in a register of its own. The compiler would load two halves that
/// stand side by side as one, and a processor waits long for a wide load of two fresh stores.
[[gnu::always_inline]] inline std::uint64_t apart(std::uint64_t half) {
    __asm__("" : "+r"(half));
    return half;
}

/// Whether zero (no id) will do. All-ones never does.
enum class Need { optional, required };

/// An id in two fixed64: kHigh, and the field after it.
template <std::uint32_t kHigh, class IdType, Need need>
struct IdField : FieldBase<kHigh, kHigh + 1> {
    IdType& out;
    std::uint64_t high = 0;
    std::uint64_t low = 0;

    template <class M>
    [[gnu::always_inline]] void take(M& m) {
        if (m.tag() == fixed64_tag(kHigh)) m.take_fixed64(kHigh, this->name, high);
        if (m.tag() == fixed64_tag(kHigh + 1)) m.take_fixed64(kHigh + 1, this->name, low);
    }
    template <class M>
    bool finish(const M&) {
        out = IdType(apart(high), apart(low));
        return need == Need::optional ? out.is_zero() || out.is_usable() : out.is_usable();
    }
};
template <std::uint32_t kHigh, class IdType>
auto required_id(std::string_view name, IdType& out) {
    return IdField<kHigh, IdType, Need::required>{{name}, out};
}
template <std::uint32_t kHigh, class IdType>
auto optional_id(std::string_view name, IdType& out) {
    return IdField<kHigh, IdType, Need::optional>{{name}, out};
}

/// 64 bits in full width; left out when zero.
template <std::uint32_t kNumber>
struct Fixed64Field : FieldBase<kNumber> {
    std::uint64_t& out;

    template <class M>
    [[gnu::always_inline]] void take(M& m) {
        if (m.tag() == fixed64_tag(kNumber)) m.take_fixed64(kNumber, this->name, out);
    }
};
template <std::uint32_t kNumber>
auto fixed(std::string_view name, std::uint64_t& out) {
    return Fixed64Field<kNumber>{{name}, out};
}

/// An amount in two varints: kLow, and the high half in the field after it. With T std::optional,
/// the low half's presence says that there is one; a high half alone is a fault.
template <std::uint32_t kLow, class T>
struct AmountField : FieldBase<kLow, kLow + 1> {
    static constexpr bool kOptional = !std::is_same_v<T, Amount>;
    T& out;
    std::uint64_t high = 0;
    std::uint64_t low = 0;

    template <class M>
    [[gnu::always_inline]] void take(M& m) {
        if (m.tag() == varint_tag(kLow)) m.take_varint(kLow, this->name, low, ~0ULL, kOptional);
        if (m.tag() == varint_tag(kLow + 1)) m.take_varint(kLow + 1, this->name, high, ~0ULL);
    }
    template <class M>
    bool finish(const M& m) {
        if (kOptional && !m.has(kLow)) return high == 0;
        out = Amount::from_halves(apart(high), apart(low));
        return true;
    }
};
template <std::uint32_t kLow, class T>
auto amount(std::string_view name, T& out) {
    return AmountField<kLow, T>{{name}, out};
}

template <class T>
constexpr T number_as(std::uint64_t value) {
    if constexpr (requires { typename T::rep; }) {
        return T(static_cast<typename T::rep>(value));
    } else {
        return static_cast<T>(value);
    }
}
template <class T>
constexpr std::uint64_t number_max() {
    if constexpr (requires { typename T::rep; }) {
        return static_cast<std::uint64_t>(std::numeric_limits<typename T::rep>::max());
    } else {
        return static_cast<std::uint64_t>(std::numeric_limits<T>::max());
    }
}

/// A number, flag or enumerator of at most `max`; left out when zero.
template <std::uint32_t kNumber, class T>
struct NumberField : FieldBase<kNumber> {
    T& out;
    std::uint64_t max;

    template <class M>
    [[gnu::always_inline]] void take(M& m) {
        if (m.tag() != varint_tag(kNumber)) return;
        std::uint64_t value = 0;
        m.take_varint(kNumber, this->name, value, max);
        out = number_as<T>(value);
    }
};
template <std::uint32_t kNumber, class T>
auto number(std::string_view name, T& out, std::uint64_t max = number_max<T>()) {
    return NumberField<kNumber, T>{{name}, out, max};
}
/// An enumerator from a list that ends with `last`; zero stands for none, where there is one.
template <std::uint32_t kNumber, class T>
auto choice(std::string_view name, T& out, T last) {
    return NumberField<kNumber, T>{{name}, out, static_cast<std::uint64_t>(last)};
}

template <std::uint32_t kNumber, class T>
struct OptionalNumberField : FieldBase<kNumber> {
    std::optional<T>& out;
    std::uint64_t max;

    template <class M>
    [[gnu::always_inline]] void take(M& m) {
        if (m.tag() != varint_tag(kNumber)) return;
        std::uint64_t value = 0;
        m.take_varint(kNumber, this->name, value, max, true);
        out = number_as<T>(value);
    }
};
template <std::uint32_t kNumber, class T>
auto optional_number(std::string_view name, std::optional<T>& out,
                     std::uint64_t max = number_max<T>()) {
    return OptionalNumberField<kNumber, T>{{name}, out, max};
}

/// An enumerator other than zero, up to `last`, that must be given.
template <std::uint32_t kNumber, class T>
struct RequiredChoiceField : FieldBase<kNumber> {
    T& out;
    std::uint64_t last;
    std::uint64_t value = 0;

    template <class M>
    [[gnu::always_inline]] void take(M& m) {
        if (m.tag() == varint_tag(kNumber)) m.take_varint(kNumber, this->name, value, last);
    }
    template <class M>
    bool finish(const M&) {
        out = static_cast<T>(value);
        return value != 0;
    }
};
template <std::uint32_t kNumber, class T>
auto required_choice(std::string_view name, T& out, T last) {
    return RequiredChoiceField<kNumber, T>{{name}, out, static_cast<std::uint64_t>(last)};
}

/// UTF-8 of at most `max` bytes.
template <std::uint32_t kNumber>
struct TextField : FieldBase<kNumber> {
    std::string_view& out;
    std::size_t max;

    template <class M>
    [[gnu::always_inline]] void take(M& m) {
        if (m.tag() == bytes_tag(kNumber)) m.take_text(kNumber, this->name, out, max);
    }
};
template <std::uint32_t kNumber>
auto text(std::string_view name, std::string_view& out, std::size_t max) {
    return TextField<kNumber>{{name}, out, max};
}

/// A message; `read(content)` returns false when it has reported a fault.
template <std::uint32_t kNumber, class Read>
struct MessageField : FieldBase<kNumber> {
    Read read;

    template <class M>
    [[gnu::always_inline]] void take(M& m) {
        if (m.tag() == bytes_tag(kNumber)) m.take_message(kNumber, this->name, read);
    }
};
template <std::uint32_t kNumber, class Read>
auto message(std::string_view name, Read read) {
    return MessageField<kNumber, Read>{{name}, read};
}

/// A repeated message. `begin(count)` is told how many stand in the first row (canonically: all),
/// then `read(content)` gets each; both return false when they have reported a fault.
template <std::uint32_t kNumber, class Begin, class Read>
struct RepeatedField : FieldBase<kNumber> {
    Begin begin;
    Read read;

    template <class M>
    [[gnu::always_inline]] void take(M& m) {
        if (m.tag() != bytes_tag(kNumber)) return;
        if (!m.has(kNumber) && !begin(m.count_run())) return m.stop();
        while (m.tag() == bytes_tag(kNumber)) m.take_element(kNumber, read);
    }
};
template <std::uint32_t kNumber, class Begin, class Read>
auto repeated(std::string_view name, Begin begin, Read read) {
    return RepeatedField<kNumber, Begin, Read>{{name}, begin, read};
}

}  // namespace vouch::wire
