#include "tools/server/http/wire/body_share.h"

#include "tools/server/http/wire/request_limits.h"

#include <boost/asio/ip/address.hpp>
#include <doctest/doctest.h>

#include <cstddef>
#include <deque>
#include <string>

// What connections of one thread may keep of bodies in memory.

using namespace vouch::http;

namespace {

constexpr std::size_t kMegabyte = std::size_t{1} << 20;

/// Connections of one peer.
class BodyPeer {
public:
    BodyPeer(KeptBodies& kept, const std::string& address)
        : kept_(kept), place_(kept, boost::asio::ip::make_address(address)) {}

    BodyShare& add() {
        return taken_.emplace_back(kept_.all.of_requests, place_.bytes().of_requests);
    }
    /// Connections that take as much each, until one gets no room; how many have.
    std::size_t fill(std::size_t bytes) {
        for (std::size_t count = 0;; ++count) {
            BodyShare& next = add();
            if (!next.has_room_for(bytes)) return count;
            next.set(bytes);
        }
    }

private:
    KeptBodies& kept_;
    PeerPlace place_;
    std::deque<BodyShare> taken_;
};

}  // namespace

TEST_CASE("body share: large bodies leave room for smaller ones, and all of them are bounded") {
    KeptBodies kept;
    {
        BodyPeer lone(kept, "127.0.0.1");
        CHECK(lone.fill(8 * kMegabyte) >= 10);
        CHECK(lone.fill(2 * kMegabyte) >= 1);
        CHECK(lone.fill(kMegabyte / 2) >= 1);
        CHECK(kept.all.of_requests <= kBodyBytesMax / 4 * 3);
        // Small ones are bounded by the number of connections.
        CHECK(lone.fill(kBodyBytesSmall + 1) < 10);
        CHECK(lone.add().has_room_for(kBodyBytesSmall));
    }
    // Whoever grows counts as what he is about to have, and gives it back.
    CHECK(kept.all.of_requests == 0);
    CHECK(kept.peers.empty());
    BodyPeer peer(kept, "127.0.0.1");
    BodyShare& alone = peer.add();
    for (std::size_t bytes = kMegabyte; bytes <= kBodyBytesMax / 8 * 3; bytes += kMegabyte) {
        REQUIRE(alone.has_room_for(bytes));
        alone.set(bytes);
    }
    CHECK_FALSE(alone.has_room_for(kBodyBytesMax / 8 * 3 + 1));
}

TEST_CASE("body share: who has all that a peer may have leaves the next its largest request") {
    KeptBodies kept;
    BodyPeer first(kept, "127.0.0.2");
    first.fill(kBodyBytesSmall + 1);
    CHECK_FALSE(first.add().has_room_for(kBodyBytesSmall + 1));
    BodyPeer second(kept, "127.0.0.3");
    CHECK(second.add().has_room_for(kRequestBytesMax));
    second.fill(kBodyBytesSmall + 1);
    BodyPeer third(kept, "::1");
    CHECK_FALSE(third.add().has_room_for(kRequestBytesMax));
    {
        BodyPeer same(kept, "127.0.0.3");
        CHECK_FALSE(same.add().has_room_for(kRequestBytesMax));
    }
    CHECK(kept.peers.size() == 3);
}
