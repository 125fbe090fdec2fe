#pragma once

#include "events/bytes/wire.h"
#include "events/entries/command.h"
#include "events/money/asset.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

/// The most bytes that parts of events take, from the widths of their fields. Field numbers:
/// schemas/event.proto. tests/command-handler/event_room_test.cc writes events at their widest.

namespace vouch::bounds {

constexpr std::size_t tag(std::uint32_t field) { return wire::varint_size(field << 3); }
constexpr std::size_t flag(std::uint32_t field) { return tag(field) + 1; }
constexpr std::size_t number32(std::uint32_t field) { return tag(field) + 5; }
constexpr std::size_t number64(std::uint32_t field) { return tag(field) + 10; }
/// Both halves, in two fields.
constexpr std::size_t id(std::uint32_t field) { return tag(field) + 8 + tag(field + 1) + 8; }
constexpr std::size_t amount(std::uint32_t field) { return number64(field) + number64(field + 1); }
constexpr std::size_t message(std::uint32_t field, std::size_t content) {
    return tag(field) + wire::varint_size(content) + content;
}
constexpr std::size_t text(std::uint32_t field, std::size_t size) { return message(field, size); }

/// A limit is an amount or a flag.
inline constexpr std::size_t kLimit = message(11, amount(2));
inline constexpr std::size_t kChange =
    message(3, number32(1) + number64(2) + number64(3) + number64(4) + number64(5) + number64(6) +
                   number64(7) + number64(8) + number64(9) + number64(10) + kLimit + flag(12) +
                   flag(13) + flag(14) + amount(15));
/// Of a change that is no posting, or whose posting the command says.
inline constexpr std::size_t kSaidChange = kChange - flag(14) - amount(15);
static_assert(wire::varint_size(kChange) == wire::varint_size(kSaidChange));
/// What a change takes more whose account the command does not name; a transit account has no id.
inline constexpr std::size_t kChangeId = id(17);
static_assert(wire::varint_size(kChange) == wire::varint_size(kChange + kChangeId));
inline constexpr std::size_t kHold =
    message(4, id(1) + number32(3) + number32(4) + amount(5) + amount(7) + number64(9) + flag(10) +
                   id(11));
/// A refund changes two sums.
static_assert(wire::varint_size(kPostingsMax) == 2);
inline constexpr std::size_t kRefunded = message(4, tag(1) + 2 + amount(2));
inline constexpr std::size_t kEntry = message(5, id(1) + flag(3) + 2 * kRefunded);
/// Each known amount is one or a flag, as a limit.
inline constexpr std::size_t kFacts =
    message(6, id(1) + message(3, amount(2)) + message(4, amount(2)) + message(5, amount(2)) +
                   message(6, amount(2)) + number64(7));
inline constexpr std::size_t kOutcome = tag(2) + 2;
inline constexpr std::size_t kGroup = id(7);
inline constexpr std::size_t kMoved = amount(9);
inline constexpr std::size_t kMember = message(11, tag(1) + 2 + flag(2));
inline constexpr std::size_t kAnswered =
    message(12, number32(1) + number64(2) + number64(3) + number32(4) + id(5));
inline constexpr std::size_t kTransitOpened =
    message(1, kChange + message(23, number32(1) + number32(2) + number32(3) +
                                         text(4, Asset::kCodeMax) + flag(5) + number32(6)));
/// Of a command that could not be read: the field's name is one of ours, in a group's member.
inline constexpr std::size_t kFieldName = 128;
inline constexpr std::size_t kUnreadable =
    message(1, message(17, number64(1) + number32(2) + number64(3) + text(4, 32) + tag(5) + 2 +
                               text(6, kFieldName)));
/// Steps that are followed, without the tag and length of the whole.
inline constexpr std::size_t kStepHead = number32(1) + id(2);
inline constexpr std::size_t kCreditStep =
    kStepHead + message(4, id(1) + id(3) + text(5, Asset::kCodeMax) + flag(6) + amount(7) +
                               flag(9) + flag(10));
inline constexpr std::size_t kHoldStep = kCreditStep - flag(9) - flag(10);
inline constexpr std::size_t kCaptureStep =
    kStepHead + message(6, id(1) + id(3) + amount(5) + amount(7));
inline constexpr std::size_t kReleaseStep = kStepHead + message(7, id(1) + amount(3) + flag(5));

}  // namespace vouch::bounds
