#include "tests/command-handler/mixed_load.h"

#include "events/entries/codec.h"

#include <algorithm>

namespace vouch::test {
namespace {

constexpr std::uint64_t kIdsABatch = 1'000;
constexpr std::uint64_t kMembersAGroup = 3;
/// Of one batch to the next, with the clock set by commands.
constexpr std::uint64_t kBatchTime_us = 1'000;

/// What a member of a batch is, by its place in a row of kSlots.
enum Slot : std::size_t {
    plain,
    reversible,
    lasting_hold,
    passing_hold,
    capture_lasting,
    capture_passing,
    release_either,
    refund_plain,
    reverse_reversible,
    freeze_one,
    unfreeze_one,
    group_of_three,
    repeat,
    conflict,
    clock,
    too_much,
};

}  // namespace

/// Numbers that depend on what they are drawn for, not on what was drawn before.
class MixedLoad::Draw {
public:
    Draw(std::uint64_t seed, std::uint64_t batch, std::uint64_t member)
        : state_(seed * 0x9e3779b97f4a7c15ULL ^ batch * 0xbf58476d1ce4e5b9ULL ^
                 (member + 1) * 0x94d049bb133111ebULL) {}
    std::uint64_t below(std::uint64_t bound) {
        state_ += 0x9e3779b97f4a7c15ULL;
        std::uint64_t mixed = (state_ ^ (state_ >> 30)) * 0xbf58476d1ce4e5b9ULL;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
        return (mixed ^ (mixed >> 31)) % bound;
    }
    std::uint64_t account() { return 1 + below(kAccounts); }

private:
    std::uint64_t state_;
};

std::size_t MixedLoad::size(std::uint64_t batch) const {
    if (batch == 0) return 1 + 2 * kAccounts;
    return kSlots * (1 + Draw(seed_, batch, ~std::uint64_t{0}).below(4));
}

CommandId MixedLoad::id(std::uint64_t batch, std::size_t member) const {
    return make(batch, member).command.id;
}

Bytes MixedLoad::batch(std::uint64_t batch) const {
    Bytes bytes;
    for (std::size_t i = 0; i < size(batch); ++i) {
        Made made = make(batch, i);
        if (auto* body = std::get_if<Group>(&made.command.body)) body->members = made.members;
        append_to_batch(made.command, bytes);
    }
    return bytes;
}

Command MixedLoad::opening(std::size_t member) const {
    if (member == 0) return open_cash(0);
    const std::uint64_t account = (member + 1) / 2;
    if (member % 2 == 1)
        return open_account(member, account, account % 5 == 0 ? Limit(Amount(100)) : Limit());
    return transfer(member, 0, account, 1'000);
}

/// One of the few batches before, so that what it placed is often still open.
std::uint64_t MixedLoad::earlier(std::uint64_t batch, Draw& draw) const {
    return batch - std::min<std::uint64_t>(batch - 1, 1 + draw.below(6));
}

MixedLoad::Made MixedLoad::make(std::uint64_t batch, std::size_t member) const {
    if (batch == 0) return {opening(member), {}};
    Draw draw(seed_, batch, member);
    const std::uint64_t id = batch * kIdsABatch + member;
    const std::uint64_t a = draw.account();
    const std::uint64_t b = a % kAccounts + 1;
    const std::uint64_t amount = 1 + draw.below(60);
    const std::uint64_t before = earlier(batch, draw);
    const auto id_of = [](std::uint64_t of, Slot slot) { return of * kIdsABatch + slot; };
    const auto payer_of = [&](Slot slot) { return Draw(seed_, before, slot).account(); };
    const auto payee_of = [&](Slot slot) { return payer_of(slot) % kAccounts + 1; };
    switch (static_cast<Slot>(member % kSlots)) {
        case plain:
        case reversible:
            return {transfer(id, a, b, amount), {}};
        case lasting_hold:
            return {place_hold(id, a, b, amount), {}};
        case passing_hold:
            return {place_hold(id, a, b, amount, kBatchTime_us * (1 + draw.below(3))), {}};
        case capture_lasting:
            return {capture(id, id_of(before, lasting_hold), payer_of(lasting_hold), amount,
                            draw.below(2) == 0),
                    {}};
        case capture_passing:
            return {capture(id, id_of(before, passing_hold), payer_of(passing_hold), amount,
                            draw.below(2) == 0),
                    {}};
        case release_either: {
            const Slot slot = draw.below(2) == 0 ? lasting_hold : passing_hold;
            return {release(id, id_of(before, slot), payer_of(slot)), {}};
        }
        case refund_plain:
            return {refund(id, id_of(before, plain), payee_of(plain), 1 + draw.below(20)), {}};
        case reverse_reversible:
            return {reverse(id, id_of(before, reversible), payee_of(reversible)), {}};
        case freeze_one:
            return {freeze(id, 1 + a % 4, draw.below(2) == 0 ? Block::debits : Block::credits), {}};
        case unfreeze_one:
            return {unfreeze(id, 1 + a % 4, Block::both), {}};
        case group_of_three: {
            std::vector<Command> members;
            for (std::uint64_t i = 0; i < kMembersAGroup; ++i) {
                members.push_back(transfer(id + kIdsABatch / 2 + i * kSlots * 8, draw.account(), 0,
                                           1 + draw.below(40)));
            }
            return {group(id, {}), std::move(members)};
        }
        case repeat: {
            if (batch == 1) return {transfer(id, a, b, amount), {}};
            const std::size_t of = draw.below(size(before));
            // Of members that are their own, so that following them ends.
            return make(before, of % kSlots >= repeat ? of - of % kSlots : of);
        }
        case conflict: {
            const std::uint64_t of = std::max<std::uint64_t>(1, before);
            return {place_hold(id_of(of, plain), a, b, amount), {}};
        }
        case clock:
            if (!sets_clock_) return {transfer(id, a, b, amount), {}};
            return {set_clock(id, static_cast<std::int64_t>(batch * kBatchTime_us)), {}};
        case too_much:
            return {transfer(id, a, b, 1'000'000 + amount), {}};
    }
    return {};
}

}  // namespace vouch::test
