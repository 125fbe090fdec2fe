#pragma once

#include "events/entries/fields.h"
#include "events/money/asset.h"
#include "events/money/outcome.h"

#include <cstddef>
#include <span>

namespace vouch::wire {

/// Fields that only events and steps have, declared as those of fields.h are.

/// 32 bytes; left empty only where they are not needed.
template <std::uint32_t kNumber, Need need>
struct DigestField : FieldBase<kNumber> {
    static constexpr std::size_t kBytes = 32;
    std::span<const std::byte>& out;

    template <class M>
    void take(M& m) {
        if (m.tag() != bytes_tag(kNumber)) return;
        m.take_element(kNumber, [&](typename M::In content) {
            out = {content.position(), content.size()};
            return true;
        });
    }
    template <class M>
    bool finish(const M& m) {
        return out.size() == kBytes || (need == Need::optional && !m.has(kNumber));
    }
};
template <std::uint32_t kNumber>
auto digest(std::string_view name, std::span<const std::byte>& out) {
    return DigestField<kNumber, Need::required>{{name}, out};
}
template <std::uint32_t kNumber>
auto optional_digest(std::string_view name, std::span<const std::byte>& out) {
    return DigestField<kNumber, Need::optional>{{name}, out};
}

/// Kept for a field that nobody writes yet: refused by its name.
template <std::uint32_t kNumber>
struct KeptField : FieldBase<kNumber> {
    template <class M>
    void take(M&) {}
};
template <std::uint32_t kNumber>
auto kept(std::string_view name) {
    return KeptField<kNumber>{{name}};
}

/// An outcome that must be given.
template <std::uint32_t kNumber>
struct OutcomeField : FieldBase<kNumber> {
    Outcome& out;

    template <class M>
    void take(M& m) {
        if (m.tag() != varint_tag(kNumber)) return;
        std::uint64_t value = 0;
        m.take_varint(kNumber, this->name, value, 0xff);
        if (m.failed()) return;
        const std::optional<Outcome> known = outcome_from_wire(value);
        if (!known) return m.refuse(this->name);
        out = *known;
    }
    template <class M>
    bool finish(const M& m) {
        return m.has(kNumber);
    }
};
template <std::uint32_t kNumber>
auto outcome(std::string_view name, Outcome& out) {
    return OutcomeField<kNumber>{{name}, out};
}

/// An asset that must be given: kCode, and the scale in the field after it.
template <std::uint32_t kCode>
struct AssetField : FieldBase<kCode, kCode + 1> {
    Asset& out;
    std::string_view code = {};
    std::uint64_t scale = 0;

    template <class M>
    void take(M& m) {
        if (m.tag() == bytes_tag(kCode)) m.take_text(kCode, this->name, code, Asset::kCodeMax);
        if (m.tag() == varint_tag(kCode + 1)) {
            m.take_varint(kCode + 1, this->name, scale, kScaleMax.value());
        }
    }
    template <class M>
    bool finish(const M&) {
        const std::optional<Asset> made =
            Asset::make(code, Scale(static_cast<std::uint8_t>(scale)));
        if (made) out = *made;
        return made.has_value();
    }
};
template <std::uint32_t kCode>
auto asset(std::string_view name, Asset& out) {
    return AssetField<kCode>{{name}, out};
}

constexpr std::uint64_t bit(unsigned field) { return std::uint64_t{1} << field; }

/// Which fields of the message are there. Filled in last.
struct SeenFields : FieldBase<0> {
    std::uint64_t& out;

    template <class M>
    void take(M&) {}
    template <class M>
    bool finish(const M& m) {
        out = m.seen();
        return true;
    }
};

}  // namespace vouch::wire
