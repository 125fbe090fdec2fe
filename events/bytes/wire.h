#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace vouch::wire {

/// Protobuf's wire format, as far as our messages use it: varints, fixed64 and length-delimited
/// fields. Pure functions and small values; nothing allocates, nothing throws, any thread.
///
///   message = *( tag value )
///   tag     = varint of (field number << 3 | wire type)
///   value   = varint          (type 0: 7 bits a byte, least significant first, 0x80: more follow)
///           / 8 bytes         (type 1: little-endian)
///           / varint n, n bytes (type 2)
///
/// Source: protobuf.dev/programming-guides/encoding.

static_assert(std::endian::native == std::endian::little, "fixed64 is copied as it lies in memory");

constexpr std::uint32_t varint_tag(std::uint32_t number) { return number << 3; }
constexpr std::uint32_t fixed64_tag(std::uint32_t number) { return number << 3 | 1U; }
constexpr std::uint32_t bytes_tag(std::uint32_t number) { return number << 3 | 2U; }

inline constexpr std::size_t kVarintMax = 10;

/// Bytes of `value` as a varint, 1 to 10.
constexpr std::size_t varint_size(std::uint64_t value) {
    // (bits + 6) / 7 of 1 to 64 bits, without the division.
    return (static_cast<std::size_t>(std::bit_width(value | 1)) * 9 + 64) / 64;
}

inline std::uint64_t load64(const std::byte* p) {
    std::uint64_t value;
    std::memcpy(&value, p, sizeof value);
    return value;
}

/// The 1 to 7 bytes at `p` as a number, without touching the byte behind them.
inline std::uint64_t load_partial(const std::byte* p, std::size_t size) {
    if (size >= 4) {
        std::uint32_t front;
        std::uint32_t back;
        std::memcpy(&front, p, 4);
        std::memcpy(&back, p + size - 4, 4);
        return front | static_cast<std::uint64_t>(back) << (8 * (size - 4));
    }
    return std::to_integer<std::uint64_t>(p[0]) |
           std::to_integer<std::uint64_t>(p[size / 2]) << (8 * (size / 2)) |
           std::to_integer<std::uint64_t>(p[size - 1]) << (8 * (size - 1));
}

inline constexpr std::uint64_t kContinues = 0x8080808080808080;

/// Eight bytes of 7 payload bits each, to 56 bits in a row; the top bits of the bytes are zero.
constexpr std::uint64_t gather_sevens(std::uint64_t x) {
    x = (x & 0x007f007f007f007f) | (x & 0x7f007f007f007f00) >> 1;
    x = (x & 0x00003fff00003fff) | (x & 0x3fff00003fff0000) >> 2;
    return (x & 0x000000000fffffff) | (x & 0x0fffffff00000000) >> 4;
}

/// The reverse of gather_sevens, for a number below 2^56.
constexpr std::uint64_t spread_sevens(std::uint64_t x) {
    x = (x & 0x000000000fffffff) | (x & 0x00fffffff0000000) << 4;
    x = (x & 0x00003fff00003fff) | (x & 0x0fffc0000fffc000) << 2;
    return (x & 0x007f007f007f007f) | (x & 0x3f803f803f803f80) << 1;
}

template <class Unsigned>
struct VarintOf {
    Unsigned value = 0;
    std::size_t size = 0;  ///< bytes it took; 0: there is none
};
using Varint = VarintOf<std::uint64_t>;

/// Any varint, byte by byte: none when it does not end before `end` or does not fit.
template <class Unsigned = std::uint64_t>
[[gnu::noinline]] inline VarintOf<Unsigned> read_long_varint(const std::byte* p,
                                                             const std::byte* end) {
    constexpr std::size_t kBits = 8 * sizeof(Unsigned);
    constexpr std::size_t kLast = (kBits - 1) / 7;  // the last byte that may be, of which few bits
    Unsigned value = 0;
    for (std::size_t i = 0; i <= kLast && p + i != end; ++i) {
        const auto byte = std::to_integer<unsigned>(p[i]);
        if (i == kLast && byte >> (kBits - 7 * kLast) != 0) return {};
        value |= static_cast<Unsigned>(byte & 0x7f) << (7 * i);
        if (byte < 0x80) return {value, i + 1};
    }
    return {};
}

/// Writes `value` byte by byte, nothing behind it, and says where it ends.
template <class Unsigned>
std::byte* put_long_varint(std::byte* at, Unsigned value) {
    for (; value >= 0x80; value >>= 7) *at++ = static_cast<std::byte>(value | 0x80);
    *at = static_cast<std::byte>(value);
    return at + 1;
}

/// As read_long_varint, in one load for varints of up to 8 bytes. Bytes up to `readable` may be
/// looked at, bytes up to `end` belong to the message.
[[gnu::always_inline]] inline Varint read_varint(const std::byte* p, const std::byte* end,
                                                 const std::byte* readable) {
    if (p == end) return {};
    const auto first = std::to_integer<std::uint64_t>(*p);
    if (first < 0x80) return {first, 1};
    const auto left = static_cast<std::size_t>(readable - p);
    const std::uint64_t eight = left >= 8 ? load64(p) : load_partial(p, left);
    // Where fewer than eight bytes are left, the zeros above them look like a last byte; its
    // place is then beyond `end`.
    const std::uint64_t stops = ~eight & kContinues;
    if (stops == 0) [[unlikely]] {
        return read_long_varint(p, end);
    }
    const auto bits = static_cast<std::size_t>(std::countr_zero(stops)) + 1;
    if (bits / 8 > static_cast<std::size_t>(end - p)) [[unlikely]] {
        return {};
    }
    return {gather_sevens(eight & ~kContinues & (~std::uint64_t{0} >> (64 - bits))), bits / 8};
}

/// True when no shorter varint says the same.
template <class Unsigned>
constexpr bool is_minimal(VarintOf<Unsigned> varint) {
    return varint.size == 1 || varint.value >> (7 * (varint.size - 1)) != 0;
}

/// A message's bytes, read from the front. A reading function that returns false has found bytes
/// that are no Protobuf, and leaves the reader where it was.
///
/// kMinimal: varints longer than they need be are no Protobuf either.
template <bool kMinimal>
class Reader {
public:
    Reader() = default;
    Reader(const std::byte* begin, std::size_t size)
        : p_(begin), end_(begin + size), readable_(end_) {}

    bool at_end() const { return p_ == end_; }
    void stop() { p_ = end_; }
    const std::byte* position() const { return p_; }

    [[gnu::always_inline]] bool varint(std::uint64_t& out) {
        const Varint read = read_varint(p_, end_, readable_);
        if (read.size == 0 || (kMinimal && !is_minimal(read))) return false;
        p_ += read.size;
        out = read.value;
        return true;
    }
    /// As varint, quick for the single byte that most tags and lengths are.
    [[gnu::always_inline]] bool short_varint(std::uint64_t& out) {
        if (p_ != end_ && std::to_integer<std::uint8_t>(*p_) < 0x80) [[likely]] {
            out = std::to_integer<std::uint64_t>(*p_++);
            return true;
        }
        const Varint read = read_long_varint(p_, end_);
        if (read.size == 0 || (kMinimal && !is_minimal(read))) return false;
        p_ += read.size;
        out = read.value;
        return true;
    }
    [[gnu::always_inline]] bool fixed64(std::uint64_t& out) {
        if (end_ - p_ < 8) return false;
        out = load64(p_);
        p_ += 8;
        return true;
    }
    /// A length and that many bytes, as a reader of their own.
    [[gnu::always_inline]] bool bytes(Reader& out) {
        std::uint64_t size = 0;
        const std::byte* const start = p_;
        if (!short_varint(size)) return false;
        if (size > static_cast<std::size_t>(end_ - p_)) {
            p_ = start;
            return false;
        }
        out.p_ = p_;
        out.end_ = p_ + size;
        out.readable_ = readable_;
        p_ = out.end_;
        return true;
    }

    std::size_t size() const { return static_cast<std::size_t>(end_ - p_); }
    std::string_view text() const { return {reinterpret_cast<const char*>(p_), size()}; }

private:
    const std::byte* p_ = nullptr;
    const std::byte* end_ = nullptr;
    const std::byte* readable_ = nullptr;  // end of the whole buffer: a wide load may look so far
};

/// Bytes that Writer may write behind the last one that counts: it stores varints eight at a time.
inline constexpr std::size_t kWriterSlack = 8;

/// Writes a message in canonical form: shortest varints, zero values and empty strings left out
/// (unless `present_` says otherwise). The caller gives fields by ascending number, below 2048.
/// Does not check for room.
class Writer {
public:
    explicit Writer(std::byte* at) : at_(at) {}
    std::byte* at() const { return at_; }

    void varint(std::uint32_t number, std::uint64_t value) {
        if (value != 0) present_varint(number, value);
    }
    void present_varint(std::uint32_t number, std::uint64_t value) {
        put_tag(varint_tag(number));
        put_varint(value);
    }
    void fixed64(std::uint32_t number, std::uint64_t value) {
        if (value == 0) return;
        put_tag(fixed64_tag(number));
        std::memcpy(at_, &value, sizeof value);
        at_ += sizeof value;
    }
    void text(std::uint32_t number, std::string_view value) {
        if (value.empty()) return;
        put_tag(bytes_tag(number));
        put_varint(value.size());
        std::memcpy(at_, value.data(), value.size());
        at_ += value.size();
    }
    /// A message field, also an empty one. `fill` writes its content.
    template <class Fill>
    void message(std::uint32_t number, Fill&& fill) {
        put_tag(bytes_tag(number));
        std::byte* const content = ++at_;  // most messages are shorter than 128 bytes
        fill();
        const auto size = static_cast<std::size_t>(at_ - content);
        if (size < 0x80) {
            content[-1] = static_cast<std::byte>(size);
        } else {
            at_ = make_room_for_length(content, size);
        }
    }

private:
    void put_tag(std::uint32_t tag) {
        if (tag < 0x80) {
            *at_++ = static_cast<std::byte>(tag);
        } else {
            at_[0] = static_cast<std::byte>(tag | 0x80);
            at_[1] = static_cast<std::byte>(tag >> 7);
            at_ += 2;
        }
    }
    void put_varint(std::uint64_t value) { at_ = put_varint_at(at_, value); }

    static std::byte* put_varint_at(std::byte* at, std::uint64_t value) {
        if (value < 0x80) {
            *at = static_cast<std::byte>(value);
            return at + 1;
        }
        if (value >> 56 != 0) [[unlikely]] {
            return put_long_varint(at, value);
        }
        const std::size_t size = varint_size(value);
        const std::uint64_t eight =
            spread_sevens(value) | (kContinues & ~(~std::uint64_t{0} << (8 * (size - 1))));
        std::memcpy(at, &eight, sizeof eight);
        return at + size;
    }

    static std::byte* make_room_for_length(std::byte* content, std::size_t size) {
        const std::size_t length_size = varint_size(size);
        std::memmove(content + length_size - 1, content, size);
        // Not put_varint_at, whose wide store would run into the content.
        return put_long_varint(content - 1, size) + size;
    }

    std::byte* at_;
};

/// Takes the same calls as Writer and counts the bytes that it would write.
class Counter {
public:
    std::size_t size() const { return size_; }

    void varint(std::uint32_t number, std::uint64_t value) {
        if (value != 0) present_varint(number, value);
    }
    void present_varint(std::uint32_t number, std::uint64_t value) {
        size_ += varint_size(varint_tag(number)) + varint_size(value);
    }
    void fixed64(std::uint32_t number, std::uint64_t value) {
        if (value != 0) size_ += varint_size(fixed64_tag(number)) + 8;
    }
    void text(std::uint32_t number, std::string_view value) {
        if (!value.empty()) add_bytes(number, value.size());
    }
    template <class Fill>
    void message(std::uint32_t number, Fill&& fill) {
        const std::size_t before = size_;
        fill();
        const std::size_t content = size_ - before;
        size_ = before;
        add_bytes(number, content);
    }

private:
    void add_bytes(std::uint32_t number, std::size_t content) {
        size_ += varint_size(bytes_tag(number)) + varint_size(content) + content;
    }

    std::size_t size_ = 0;
};

}  // namespace vouch::wire
