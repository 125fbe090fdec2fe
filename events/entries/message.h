#pragma once

#include "events/bytes/utf8.h"
#include "events/bytes/wire.h"
#include "events/entries/codec.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace vouch::wire {

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

}  // namespace vouch::wire
