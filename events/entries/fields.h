#pragma once

#include "events/bytes/utf8.h"
#include "events/bytes/wire.h"
#include "events/entries/codec.h"
#include "events/money/ids.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

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

/// What a reader of messages accepts.
enum class WireForm {
    any,        ///< whatever a Protobuf writer may write: any order of fields, explicit zeros
    canonical,  ///< exactly what Writer writes: ascending fields, no zeros, shortest varints
};

[[gnu::cold, gnu::noinline]] inline void report(CommandFault& fault, std::string_view field,
                                                Outcome outcome = Outcome::malformed) {
    fault = {outcome, field};
}

/// True for well-formed UTF-8; quick for ASCII.
inline bool is_text(std::string_view text) {
    const auto* p = reinterpret_cast<const std::byte*>(text.data());
    std::uint64_t high_bits = 0;
    std::size_t left = text.size();
    for (; left >= 8; left -= 8, p += 8) high_bits |= load64(p);
    if (left != 0) high_bits |= load_partial(p, left);
    return (high_bits & kContinues) == 0 || is_utf8(text);
}

/// A message while it is read: stands at the next field, whose tag is read. After a fault it is at
/// its end.
template <WireForm form>
class Message {
public:
    static constexpr bool kCanonical = form == WireForm::canonical;
    using In = Reader<kCanonical>;

    Message(In in, CommandFault& fault) : in_(in), fault_(fault) { read_tag(); }

    /// Zero at the end.
    std::uint32_t tag() const { return tag_; }
    bool failed() const { return failed_; }
    bool has(std::uint32_t number) const { return (seen_ >> number & 1) != 0; }
    /// Bit n: field n was read.
    std::uint64_t seen() const { return seen_; }
    const std::byte* position() const { return in_.position(); }

    // Each reads the field whose tag stands next, and the tag behind it. On a fault the value is
    // not to be used.

    [[gnu::always_inline]] void take_fixed64(std::uint32_t number, std::string_view name,
                                             std::uint64_t& out) {
        if (!begin(number, name)) return;
        if (!in_.fixed64(out)) return refuse({});
        if (kCanonical && out == 0) return refuse(name);
        read_tag();
    }
    /// With `has_presence`, zero is said on purpose; without, canonical writers leave it out.
    [[gnu::always_inline]] void take_varint(std::uint32_t number, std::string_view name,
                                            std::uint64_t& out, std::uint64_t max,
                                            bool has_presence = false) {
        if (!begin(number, name)) return;
        if (!in_.varint(out)) return refuse({});
        if (out > max || (kCanonical && !has_presence && out == 0)) return refuse(name);
        read_tag();
    }
    [[gnu::always_inline]] void take_text(std::uint32_t number, std::string_view name,
                                          std::string_view& out, std::size_t max) {
        In content;
        if (!begin(number, name)) return;
        if (!in_.bytes(content)) return refuse({});
        out = content.text();
        if (out.size() > max || (kCanonical && out.empty()) || !is_text(out)) return refuse(name);
        read_tag();
    }
    /// `read` returns false when it has reported a fault.
    template <class Read>
    [[gnu::always_inline]] void take_message(std::uint32_t number, std::string_view name,
                                             Read&& read) {
        if (begin(number, name)) take_element(number, read);
    }
    /// As take_message, for one of a repeated field.
    template <class Read>
    [[gnu::always_inline]] void take_element(std::uint32_t number, Read&& read) {
        In content;
        if (!in_.bytes(content)) return refuse({});
        seen_ |= std::uint64_t{1} << number;
        if (!read(content)) return stop();
        read_tag();
    }

    /// How many fields with the next one's tag, which is length-delimited, stand here in a row.
    std::size_t count_run() const {
        In ahead = in_;
        In content;
        std::size_t count = 0;
        for (std::uint64_t tag = tag_; tag == tag_ && ahead.bytes(content); ++count) {
            if (!ahead.short_varint(tag)) tag = 0;
        }
        return count;
    }

    [[gnu::always_inline]] void refuse(std::string_view name) {
        report(fault_, name);
        stop();
    }
    /// Ends the message for a fault that is reported already.
    [[gnu::always_inline]] void stop() {
        failed_ = true;
        tag_ = 0;
    }

private:
    /// False, and a fault, for a second time. A canonical message is read in one pass, to which a
    /// second time is an unknown field.
    [[gnu::always_inline]] bool begin(std::uint32_t number, std::string_view name) {
        const std::uint64_t bit = std::uint64_t{1} << number;
        if (!kCanonical && (seen_ & bit) != 0) {
            refuse(name);
            return false;
        }
        seen_ |= bit;
        return true;
    }
    [[gnu::always_inline]] void read_tag() {
        if (in_.at_end()) {
            tag_ = 0;
            return;
        }
        std::uint64_t tag = 0;
        if (!in_.short_varint(tag)) return refuse({});
        // A tag of zero is no field; it must not look like the end.
        tag_ = tag == 0 || tag > kTagMax ? kTagMax : static_cast<std::uint32_t>(tag);
    }

    static constexpr std::uint32_t kTagMax = ~std::uint32_t{0};

    In in_;
    CommandFault& fault_;
    std::uint64_t seen_ = 0;
    std::uint32_t tag_ = 0;
    bool failed_ = false;
};

/// Reads a whole message: the fields in any order (or, canonically, in order), then what each of
/// them demands of the whole. False: `fault` says why.
template <WireForm form, class... FieldTypes>
[[gnu::always_inline]] inline bool read_message(Reader<form == WireForm::canonical> in,
                                                CommandFault& fault, std::string_view name,
                                                FieldTypes... fields) {
    Message<form> message(in, fault);
    const std::byte* before = nullptr;
    do {
        before = message.position();
        (fields.take(message), ...);
    } while (form == WireForm::any && message.tag() != 0 && message.position() != before);
    if (message.tag() != 0) [[unlikely]] {
        // Unknown, of another wire type, repeated or out of order.
        const std::uint32_t number = message.tag() >> 3;
        std::string_view at_fault = name;
        ((at_fault = fields.name_at(number, at_fault)), ...);
        message.refuse(at_fault);
    }
    if (message.failed()) return false;
    const std::string_view* wrong = nullptr;
    static_cast<void>(((fields.finish(message) || (wrong = &fields.name, false)) && ...));
    if (wrong == nullptr) return true;
    report(fault, *wrong);
    return false;
}

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
