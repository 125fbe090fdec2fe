#include "events/seal/sha256_blocks.h"

#include "events/bytes/sha256.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <random>
#include <span>
#include <vector>

using namespace vouch;

TEST_CASE("sha256 of blocks: what OpenSSL gives of each, wherever they lie and end") {
    std::mt19937 random(4711);
    std::vector<std::byte> bytes(40'000);
    for (std::byte& each : bytes) each = static_cast<std::byte>(random());
    for (const std::size_t block : {64U, 128U, 192U, 4096U}) {
        for (const std::size_t size :
             {std::size_t{0}, std::size_t{1}, block - 1, block, block + 1, 2 * block, 3 * block - 5,
              3 * block, 4 * block + 63, 9 * block + 64}) {
            CAPTURE(block);
            CAPTURE(size);
            const auto body = std::span<const std::byte>(bytes).subspan(random() % 100, size);
            std::vector<Digest> digests;
            sha256_blocks(body, block, digests);
            REQUIRE(digests.size() == (size + block - 1) / block);
            for (std::size_t i = 0; i < digests.size(); ++i) {
                const auto rest = body.subspan(i * block);
                const auto one = rest.first(std::min(block, rest.size()));
                CHECK(digests[i] == sha256({&one, 1}));
            }
        }
    }
}
