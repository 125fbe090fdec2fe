#include "tests/simulation/sequences.h"

#include "events/entries/codec.h"
#include "events/money/shard_of.h"
#include "tests/command-handler/mixed_load.h"
#include "tests/command-handler/sample_commands.h"

#include <utility>

namespace vouch::test {
namespace {

/// Behind those of MixedLoad.
constexpr std::uint64_t kFirstId = 10'000'000;
constexpr std::uint64_t kIdsASequence = 100;
/// The load freezes the first accounts at any time.
constexpr std::uint64_t kFirstAccount = 5;
constexpr std::uint64_t kTooMuch = 1'000'000'000;
/// Accounts of its own that a sequence opens.
constexpr std::uint64_t kOwnAccounts = 1'000;
/// Of which no two fit on a side of an account.
const Amount kHalf(u128{1} << 127);

class Sequence {
public:
    Sequence(std::uint64_t number, std::uint32_t shards)
        : shards_(shards), id_(kFirstId + number * kIdsASequence) {
        constexpr std::uint64_t kAccounts = MixedLoad::kAccounts + 1 - kFirstAccount;
        payer_ = kFirstAccount + number % kAccounts;
        beside_ = next_to_payer(true);
        elsewhere_ = next_to_payer(false);
    }

    /// What failed groups have done before they failed is not so.
    void fail_behind_capture() {
        const std::uint64_t hold = id_++;
        add(place_hold(hold, payer_, beside_, 20));
        std::vector<Command> members;
        members.push_back(transfer(id_++, payer_, beside_, 1));
        members.push_back(capture(id_++, hold, payer_, 5, true));
        members.push_back(release(id_++, hold, payer_));
        members.push_back(transfer(id_++, payer_, beside_, kTooMuch));
        add(group(id_++, members));
        for (const Command& member : members) add(member);
        add(capture(id_++, hold, payer_, 7, true));
        add(release(id_++, hold, payer_));
    }

    /// A member that has an outcome with another content.
    void fail_by_conflict() {
        const std::uint64_t there = id_++;
        add(transfer(there, payer_, beside_, 3));
        std::vector<Command> members;
        members.push_back(transfer(id_++, payer_, beside_, 2));
        members.push_back(transfer(there, payer_, beside_, 4));
        const Command failing = group(id_++, members);
        add(failing);
        add(members[0]);
        add(failing);
        members[1] = transfer(there, payer_, beside_, 3);
        members[0] = transfer(id_++, payer_, beside_, 2);
        add(group(id_++, members));
        add(members[0]);
    }

    /// What comes back, since the other one takes nothing, was not refunded and not captured.
    void refuse_elsewhere() {
        const std::uint64_t paid = id_++;
        add(transfer(paid, payer_, elsewhere_, 30));
        add(freeze(id_++, payer_, Block::credits));
        add(refund(id_++, paid, elsewhere_, 10));
        add(unfreeze(id_++, payer_, Block::both));
        add(refund(id_++, paid, elsewhere_, 25));
        // A hold without payee.
        const std::uint64_t hold = id_++;
        Command placed = place_hold(hold, payer_, payer_, 20);
        std::get<PlaceHold>(placed.body).credit = {};
        add(placed);
        add(freeze(id_++, elsewhere_, Block::credits));
        add(capture_for(elsewhere_, hold, 5, true));
        add(unfreeze(id_++, elsewhere_, Block::both));
        add(capture_for(elsewhere_, hold, 4, true));
        add(capture_for(elsewhere_, hold, 3, false));
        add(release(id_++, hold, payer_));
    }

    /// Transit accounts that are full, and what could not come back.
    void move_great_amounts() {
        const ShardId here = home(payer_);
        const ShardId there = home(elsewhere_);
        const std::uint64_t payers[] = {open(here), open(here), open(here), open(here)};
        const std::uint64_t refuses = open(there);
        const std::uint64_t takes[] = {open(there), open(there)};
        add(great(payers[0], takes[0]));
        add(great(payers[1], takes[1]));
        add(great(payers[2], payers[3]));
        add(freeze(id_++, refuses, Block::credits));
        add(great(payers[3], refuses));
        add(great(payers[2], refuses));
        add(great(takes[0], payers[2]));
        add(unfreeze(id_++, refuses, Block::both));
        add(great(payers[3], refuses));
    }

    std::vector<Bytes> take() { return std::move(batches_); }

private:
    void add(const Command& command) {
        batches_.emplace_back();
        append_to_batch(command, batches_.back());
    }
    Command capture_for(std::uint64_t payee, std::uint64_t hold, std::uint64_t amount,
                        bool keep_rest) {
        Command command = capture(id_++, hold, payer_, amount, keep_rest);
        std::get<CaptureHold>(command.body).credit = account_id(payee);
        return command;
    }
    Command great(std::uint64_t debit, std::uint64_t credit) {
        Command command = transfer(id_++, debit, credit, 0);
        std::get<Transfer>(command.body).amount = kHalf;
        return command;
    }
    /// A new account of the shard, without limit.
    std::uint64_t open(ShardId shard) {
        const std::uint64_t id = id_++;
        std::uint64_t account = id * kOwnAccounts;
        while (home(account) != shard) ++account;
        add(open_account(id, account, Limit::unlimited(), AccountClass::asset));
        return account;
    }
    ShardId home(std::uint64_t account) const { return shard_of(account_id(account), shards_); }
    /// The next account of the same shard, or of another one if there is one.
    std::uint64_t next_to_payer(bool is_beside) const {
        constexpr std::uint64_t kEnd = MixedLoad::kAccounts + 1;
        const auto after = [](std::uint64_t one) {
            return one + 1 == kEnd ? kFirstAccount : one + 1;
        };
        std::uint64_t account = after(payer_);
        while (account != payer_ && (home(account) == home(payer_)) != is_beside)
            account = after(account);
        return account == payer_ ? after(payer_) : account;
    }

    std::uint32_t shards_;
    std::uint64_t id_;
    std::uint64_t payer_ = 0;
    std::uint64_t beside_ = 0;     ///< an account of the payer's shard
    std::uint64_t elsewhere_ = 0;  ///< one of another shard
    std::vector<Bytes> batches_;
};

}  // namespace

std::vector<Bytes> make_sequence(std::uint64_t number, std::uint32_t shards) {
    Sequence sequence(number, shards);
    switch (number % 4) {
        case 0: sequence.fail_behind_capture(); break;
        case 1: sequence.fail_by_conflict(); break;
        case 2: sequence.refuse_elsewhere(); break;
        default: sequence.move_great_amounts(); break;
    }
    return sequence.take();
}

}  // namespace vouch::test
