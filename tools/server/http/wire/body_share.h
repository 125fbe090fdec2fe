#pragma once

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <cstddef>
#include <map>

namespace vouch::http {

/// Bodies of requests that one thread keeps for the peers of one endpoint, and as much of answers.
/// What is small is never refused for want of it: the number of connections bounds that.
inline constexpr std::size_t kBodyBytesMax = std::size_t{128} << 20;
inline constexpr std::size_t kBodyBytesSmall = std::size_t{64} << 10;
/// Of what other peers leave of that, the connections of one peer have at most so many quarters:
/// the largest request of another peer has room in the last one.
inline constexpr std::size_t kPeerQuartersMax = 3;

/// Bytes of bodies in memory.
struct KeptBytes {
    std::size_t of_requests = 0;  ///< that have come, whatever was announced
    std::size_t of_answers = 0;
};

/// What a thread keeps for the peers of one endpoint. The port and the data directory's socket have
/// their own, so that nobody at the one fills the other's. A peer is an address: at the port most
/// have 127.0.0.1, and at the socket there is one, the books' owner.
struct KeptBodies {
    struct OfPeer {
        KeptBytes bytes;
        std::size_t connections = 0;
    };
    KeptBytes all;
    std::map<boost::asio::ip::address, OfPeer> peers;  ///< that have a connection
};

/// A connection is one of its peer's.
class PeerPlace {
public:
    PeerPlace(KeptBodies& kept, const boost::asio::ip::address& address)
        : peers_(kept.peers), place_(peers_.try_emplace(address).first) {
        ++place_->second.connections;
    }
    ~PeerPlace() {
        if (--place_->second.connections == 0) peers_.erase(place_);
    }
    PeerPlace(const PeerPlace&) = delete;
    PeerPlace& operator=(const PeerPlace&) = delete;

    KeptBytes& bytes() { return place_->second.bytes; }

private:
    decltype(KeptBodies::peers)& peers_;
    decltype(KeptBodies::peers)::iterator place_;
};

/// What one connection has of its peer's part of a thread's bytes for bodies: at most half of what
/// the others of that peer leave, so that however much large ones take, what is smaller finds room.
class BodyShare {
public:
    BodyShare(std::size_t& of_all, std::size_t& of_peer) : of_all_(of_all), of_peer_(of_peer) {}
    ~BodyShare() { set(0); }
    BodyShare(const BodyShare&) = delete;
    BodyShare& operator=(const BodyShare&) = delete;

    bool has_room_for(std::size_t bytes) const {
        const std::size_t other_peers = std::min(of_all_ - of_peer_, kBodyBytesMax);
        const std::size_t part = (kBodyBytesMax - other_peers) / 4 * kPeerQuartersMax;
        const std::size_t others = std::min(of_peer_ - own_, part);
        return bytes <= kBodyBytesSmall || bytes <= (part - others) / 2;
    }
    void set(std::size_t bytes) {
        of_all_ += bytes - own_;
        of_peer_ += bytes - own_;
        own_ = bytes;
    }

private:
    std::size_t& of_all_;
    std::size_t& of_peer_;
    std::size_t own_ = 0;
};

}  // namespace vouch::http
