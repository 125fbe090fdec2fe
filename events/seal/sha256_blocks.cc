// Each of the processor's instructions for SHA-256 waits for the one before, so that one message
// alone leaves it idle half of the time. Two messages of one length go through it side by side.
// Source: FIPS 180-4.

#include "events/seal/sha256_blocks.h"

#include "events/bytes/sha256.h"
#include "events/check.h"

#include <algorithm>
#include <array>
#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace vouch {
namespace {

/// What the function works on at a time.
constexpr std::size_t kChunk = 64;

#if defined(__x86_64__)

alignas(16) constexpr std::array<std::uint32_t, 64> kRoundConstants = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/// The words a to h of a message's state, as the instructions want them: the first named is on top.
struct State {
    __m128i abef;
    __m128i cdgh;
};

bool has_instructions() {
    constexpr unsigned kSha = 1U << 29;
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & kSha) != 0 &&
           __builtin_cpu_supports("sse4.1") && __builtin_cpu_supports("ssse3");
}

#define VOUCH_SHA __attribute__((target("sha,sse4.1,ssse3")))

VOUCH_SHA State start() {
    return {_mm_set_epi32(0x6a09e667, static_cast<int>(0xbb67ae85), 0x510e527f,
                          static_cast<int>(0x9b05688c)),
            _mm_set_epi32(0x3c6ef372, static_cast<int>(0xa54ff53a), 0x1f83d9ab, 0x5be0cd19)};
}

/// One chunk of each of N messages.
template <std::size_t N>
VOUCH_SHA void add_chunks(std::array<State, N>& states, std::array<const std::byte*, N> chunks) {
    // Words are big-endian.
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    const std::array<State, N> before = states;
    __m128i words[N][4];
#pragma GCC unroll 16
    for (std::size_t i = 0; i < 16; ++i) {
        const __m128i constants =
            _mm_load_si128(reinterpret_cast<const __m128i*>(&kRoundConstants[4 * i]));
#pragma GCC unroll 2
        for (std::size_t m = 0; m < N; ++m) {
            __m128i& next = words[m][i % 4];
            if (i < 4) {
                next = _mm_shuffle_epi8(
                    _mm_loadu_si128(reinterpret_cast<const __m128i*>(chunks[m] + 16 * i)), swap);
            } else {
                const __m128i last = words[m][(i + 3) % 4];
                const __m128i sum =
                    _mm_add_epi32(_mm_sha256msg1_epu32(next, words[m][(i + 1) % 4]),
                                  _mm_alignr_epi8(last, words[m][(i + 2) % 4], 4));
                next = _mm_sha256msg2_epu32(sum, last);
            }
            State& state = states[m];
            const __m128i four = _mm_add_epi32(next, constants);
            state.cdgh = _mm_sha256rnds2_epu32(state.cdgh, state.abef, four);
            state.abef =
                _mm_sha256rnds2_epu32(state.abef, state.cdgh, _mm_shuffle_epi32(four, 0x0e));
        }
    }
    for (std::size_t m = 0; m < N; ++m) {
        states[m].abef = _mm_add_epi32(states[m].abef, before[m].abef);
        states[m].cdgh = _mm_add_epi32(states[m].cdgh, before[m].cdgh);
    }
}

VOUCH_SHA Digest digest_of(const State& state) {
    const __m128i swap = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);
    Digest digest;
    auto* out = reinterpret_cast<__m128i*>(digest.data());
    _mm_storeu_si128(out, _mm_shuffle_epi8(_mm_unpackhi_epi64(state.cdgh, state.abef), swap));
    _mm_storeu_si128(out + 1, _mm_shuffle_epi8(_mm_unpacklo_epi64(state.cdgh, state.abef), swap));
    return digest;
}

/// Of N messages that stand one behind the other, of `size` bytes each, a multiple of kChunk.
template <std::size_t N>
VOUCH_SHA void digest_some(const std::byte* messages, std::size_t size, Digest* out) {
    std::array<State, N> states;
    states.fill(start());
    std::array<const std::byte*, N> chunks;
    for (std::size_t at = 0; at < size; at += kChunk) {
        for (std::size_t m = 0; m < N; ++m) chunks[m] = messages + m * size + at;
        add_chunks<N>(states, chunks);
    }
    // What ends a message: a bit, zeros and its length in bits, big-endian.
    std::array<std::byte, kChunk> end{};
    end[0] = std::byte{0x80};
    for (std::size_t i = 0; i < 8; ++i)
        end[kChunk - 1 - i] = static_cast<std::byte>(std::uint64_t{size} * 8 >> (8 * i));
    chunks.fill(end.data());
    add_chunks<N>(states, chunks);
    for (std::size_t m = 0; m < N; ++m) out[m] = digest_of(states[m]);
}

#undef VOUCH_SHA

#else

bool has_instructions() { return false; }
template <std::size_t N>
void digest_some(const std::byte*, std::size_t, Digest*) {
    VOUCH_ASSERT(false);
}

#endif

}  // namespace

void sha256_blocks(std::span<const std::byte> bytes, std::size_t block,
                   std::vector<Digest>& digests) {
    VOUCH_ASSERT(block > 0 && block % kChunk == 0);
    static const bool has_instructions_for_it = has_instructions();
    digests.resize((bytes.size() + block - 1) / block);
    std::size_t done = 0;
    if (has_instructions_for_it) {
        for (; (done + 2) * block <= bytes.size(); done += 2)
            digest_some<2>(&bytes[done * block], block, &digests[done]);
        for (; (done + 1) * block <= bytes.size(); ++done)
            digest_some<1>(&bytes[done * block], block, &digests[done]);
    }
    for (; done < digests.size(); ++done) {
        const auto rest = bytes.subspan(done * block);
        const auto one = rest.first(std::min(block, rest.size()));
        digests[done] = sha256({&one, 1});
    }
}

}  // namespace vouch
