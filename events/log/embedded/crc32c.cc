#include "events/log/embedded/crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace vouch {
namespace {

constexpr std::uint32_t kPolynomial = 0x82F63B78;

constexpr std::array<std::uint32_t, 256> kByteTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t c = i;
        for (int bit = 0; bit < 8; ++bit) c = (c >> 1) ^ ((c & 1) != 0 ? kPolynomial : 0);
        table[i] = c;
    }
    return table;
}();

constexpr std::uint32_t step(std::uint32_t state, std::uint8_t byte) {
    return kByteTable[(state ^ byte) & 0xFF] ^ (state >> 8);
}

#if defined(__x86_64__)

// The instruction takes three cycles but starts one per cycle, so three lanes run side by side. The
// lanes are joined by what kLaneBytes zero bytes do to a state, a linear map kept as four tables.
constexpr std::size_t kLaneBytes = 2048;

class LaneShift {
public:
    LaneShift() {
        std::array<std::uint32_t, 32> images{};
        for (std::uint32_t bit = 0; bit < 32; ++bit) {
            std::uint32_t state = std::uint32_t{1} << bit;
            for (std::size_t i = 0; i < kLaneBytes; ++i) state = step(state, 0);
            images[bit] = state;
        }
        for (std::size_t part = 0; part < 4; ++part) {
            for (std::size_t value = 0; value < 256; ++value) {
                std::uint32_t image = 0;
                for (std::size_t bit = 0; bit < 8; ++bit) {
                    if ((value >> bit & 1) != 0) image ^= images[part * 8 + bit];
                }
                tables_[part][value] = image;
            }
        }
    }

    std::uint32_t operator()(std::uint32_t state) const {
        return tables_[0][state & 0xFF] ^ tables_[1][state >> 8 & 0xFF] ^
               tables_[2][state >> 16 & 0xFF] ^ tables_[3][state >> 24];
    }

private:
    std::array<std::array<std::uint32_t, 256>, 4> tables_{};
};

std::uint64_t word_at(const std::byte* at) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    return word;
}

__attribute__((target("sse4.2"))) std::uint32_t crc32c_sse42(std::uint32_t crc, ByteView bytes) {
    static const LaneShift shift;
    const std::byte* at = bytes.data();
    std::size_t left = bytes.size();
    std::uint64_t state = crc ^ 0xFFFFFFFFU;
    for (; left >= 3 * kLaneBytes; left -= 3 * kLaneBytes, at += 3 * kLaneBytes) {
        std::uint64_t second = 0;
        std::uint64_t third = 0;
        for (std::size_t i = 0; i < kLaneBytes; i += 8) {
            state = _mm_crc32_u64(state, word_at(at + i));
            second = _mm_crc32_u64(second, word_at(at + kLaneBytes + i));
            third = _mm_crc32_u64(third, word_at(at + 2 * kLaneBytes + i));
        }
        const auto joined =
            shift(static_cast<std::uint32_t>(state)) ^ static_cast<std::uint32_t>(second);
        state = shift(joined) ^ static_cast<std::uint32_t>(third);
    }
    for (; left >= 8; left -= 8, at += 8) state = _mm_crc32_u64(state, word_at(at));
    auto narrow = static_cast<std::uint32_t>(state);
    for (; left > 0; --left, ++at) narrow = _mm_crc32_u8(narrow, static_cast<std::uint8_t>(*at));
    return narrow ^ 0xFFFFFFFFU;
}

#endif

using Function = std::uint32_t (*)(std::uint32_t, ByteView);

Function fastest() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) return crc32c_sse42;
#endif
    return crc32c_portable;
}

}  // namespace

std::uint32_t crc32c_portable(std::uint32_t crc, ByteView bytes) {
    std::uint32_t state = crc ^ 0xFFFFFFFFU;
    for (const std::byte byte : bytes) state = step(state, static_cast<std::uint8_t>(byte));
    return state ^ 0xFFFFFFFFU;
}

std::uint32_t crc32c(std::uint32_t crc, ByteView bytes) {
    static const Function function = fastest();
    return function(crc, bytes);
}

}  // namespace vouch
