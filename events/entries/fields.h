#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include "events/entries/codec.h"
#include "events/entries/wire.h"
#include "events/money/ids.h"

namespace vouch::wire {

/// What a reader of messages accepts.
enum class Form {
    any,        ///< whatever a Protobuf writer may write: any order of fields, explicit zeros
    canonical,  ///< exactly what Writer writes: ascending fields, no zeros, shortest varints
};

/// A message's fields as faults name them: [0] is the message itself (for unknown fields), [n] the
/// field of number n, empty where there is none.
struct Shape {
    std::span<const std::string_view> names;
    std::uint64_t repeated = 0;  ///< bit n: field n may be given more than once
};

/// Keeps the first fault; a message that failed inside another has named its own field already.
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

/// The fields of one message, one after the other:
///
///   while (fields.next()) {
///       switch (fields.tag()) {
///           case varint_tag(5): fields.number(amount); break;
///           default: fields.refuse_unknown();
///       }
///   }
///   if (fields.failed()) return false;
///
/// The first fault (repeated or unknown field, wrong wire type, value out of range) is written to
/// `fault` and ends the loop. A fault without a field's name: the bytes are no Protobuf.
template <Form form, const Shape& shape>
class Fields {
public:
    static constexpr bool kCanonical = form == Form::canonical;
    using In = Reader<kCanonical>;

    Fields(In in, CommandFault& fault) : in_(in), fault_(fault) {}

    bool next() {
        if (in_.at_end()) return false;
        std::uint64_t tag = 0;
        if (!in_.varint(tag)) return refuse_bytes();
        const std::uint64_t field = tag >> 3;
        if (field == 0 || field >= shape.names.size()) return refuse_as(shape.names[0]);
        tag_ = static_cast<std::uint32_t>(tag);
        const std::uint64_t bit = std::uint64_t{1} << field;
        const bool is_repeated = (shape.repeated & bit) != 0;
        if constexpr (kCanonical) {
            if (is_repeated ? seen_ >= 2 * bit : seen_ >= bit) return refuse();
        } else {
            if (!is_repeated && (seen_ & bit) != 0) return refuse();
        }
        seen_ |= bit;
        return true;
    }
    std::uint32_t tag() const { return tag_; }
    bool failed() const { return failed_; }
    bool has(std::uint32_t field) const { return (seen_ >> field & 1) != 0; }
    /// Bit n: field n was given.
    std::uint64_t seen() const { return seen_; }

    void fixed64(std::uint64_t& out) {
        if (!in_.fixed64(out)) {
            refuse_bytes();
        } else if (kCanonical && out == 0) {
            refuse();
        }
    }
    /// A number of at most `max`, without presence: canonically never zero.
    template <class T>
    void number(T& out, std::uint64_t max = std::numeric_limits<T>::max()) {
        present_number(out, max);
        if (kCanonical && !failed_ && out == T{}) refuse();
    }
    /// A number of at most `max` whose presence counts, zero or not.
    template <class T>
    void present_number(T& out, std::uint64_t max = std::numeric_limits<T>::max()) {
        std::uint64_t value = 0;
        if (!in_.varint(value)) {
            refuse_bytes();
        } else if (value > max) {
            refuse();
        } else {
            out = static_cast<T>(value);
        }
    }
    void boolean(bool& out) {
        std::uint8_t value = 0;
        number(value, 1);
        out = value != 0;
    }
    void text(std::string_view& out, std::size_t max) {
        const In content = message();
        if (failed_) return;
        out = content.text();
        if (out.size() > max || (kCanonical && out.empty()) || !is_text(out)) refuse();
    }
    /// The content of a length-delimited field; empty when that failed.
    In message() {
        In content;
        if (!in_.bytes(content)) refuse_bytes();
        return content;
    }
    /// How many fields like the present one, itself included, stand here in a row. Asked before
    /// the present one is read.
    std::size_t count_run() const {
        In ahead = in_;
        std::size_t count = 0;
        In content;
        for (std::uint64_t tag = tag_; tag == tag_ && ahead.bytes(content); ++count) {
            if (!ahead.varint(tag)) tag = 0;
        }
        return count;
    }

    bool refuse_unknown() {
        const std::string_view name = shape.names[tag_ >> 3];
        return refuse_as(name.empty() ? shape.names[0] : name);
    }
    /// The present field is at fault.
    bool refuse() { return refuse_as(shape.names[tag_ >> 3]); }
    bool refuse_as(std::string_view field, Outcome outcome = Outcome::malformed) {
        report(fault_, field, outcome);
        return stop();
    }
    bool refuse_bytes() { return refuse_as({}); }
    /// Ends the loop for a fault that is reported already.
    bool stop() {
        failed_ = true;
        in_.stop();
        return false;
    }

private:
    In in_;
    CommandFault& fault_;
    std::uint64_t seen_ = 0;
    std::uint32_t tag_ = 0;
    bool failed_ = false;
};

}  // namespace vouch::wire
