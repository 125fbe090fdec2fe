#include "tests/simulation/planned_load.h"

#include "events/entries/codec.h"
#include "events/money/shard_of.h"
#include "tests/command-handler/mixed_load.h"

#include <algorithm>
#include <array>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>

namespace vouch::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kBatches = 37;
/// Of those that ask for too much, or freeze, most are left out: what they refuse hides the rest.
constexpr std::uint64_t kRefusalsKept = 4;
/// The load's holds that pass do so within milliseconds; batches come many seconds apart.
constexpr std::uint64_t kSlower = 40'000;
constexpr std::uint64_t kOneInRepeated = 12;
/// Ids and accounts of their own.
constexpr std::uint64_t kGreatFrom = 1'000'000, kLargeFrom = 2'000'000;
constexpr std::uint64_t kGreatAccounts = 12, kGreatTransfers = 60;
constexpr std::uint64_t kTightFrom = 3'000'000;
constexpr std::uint64_t kTightAccounts = 5, kTightCommands = 60;
constexpr std::uint64_t kLargeGroups = 24, kMembersALarge = 11;

class Load {
public:
    Load(const Plan& plan, SimulatedTime last)
        : random_(~plan.seed),
          load_(plan.seed, false),
          shards_(plan.shards),
          has_large_groups_(plan.has_large_groups),
          last_(last) {}

    std::vector<PlannedCommand> make() {
        add_batches();
        if (below(3) == 0) add_great();
        if (has_large_groups_) add_large();
        add_tight();
        add_repeats();
        std::ranges::stable_sort(commands_, {}, &PlannedCommand::at);
        return std::move(commands_);
    }

private:
    std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
    SimulatedTime any_time(SimulatedTime end) {
        return SimulatedTime(
            static_cast<std::int64_t>(below(static_cast<std::uint64_t>(end.count()))));
    }
    void add(SimulatedTime at, const Command& command) {
        commands_.push_back({at, {}});
        append_to_batch(command, commands_.back().bytes);
    }

    /// In their order, since each refers to some before.
    void add_batches() {
        const std::array<SimulatedTime, 4> kSpread = {SimulatedTime(1), milliseconds(10),
                                                      seconds(1), seconds(20)};
        const SimulatedTime spread = kSpread[below(kSpread.size())];
        std::array<SimulatedTime, kBatches> begins{};
        for (SimulatedTime& begin : begins) begin = any_time(last_);
        begins[0] = SimulatedTime(0);
        std::ranges::sort(begins);
        for (std::uint64_t batch = 0; batch < kBatches; ++batch) {
            const Bytes bytes = load_.batch(batch);
            std::vector<CommandBytes> members;
            if (split_batch(bytes, members)) throw std::logic_error("a batch is unfit");
            // Accounts are open before they are paid.
            SimulatedTime in_order = begins[batch];
            for (const CommandBytes member : members) {
                Arena arena;
                Command command;
                if (decode_command(member, arena, command))
                    throw std::logic_error("a command is unfit");
                const SimulatedTime at =
                    batch == 0 ? ++in_order : begins[batch] + any_time(spread);
                if (is_fit(command)) add(at, command);
            }
        }
    }

    /// Changes it to what has an effect here.
    bool is_fit(Command& command) {
        if (auto* hold = std::get_if<PlaceHold>(&command.body)) hold->expires_in_us *= kSlower;
        if (auto* group = std::get_if<Group>(&command.body)) {
            const ShardId home = shard_of(deciding_account(group->members[0]), shards_);
            kept_.clear();
            std::ranges::copy_if(group->members, std::back_inserter(kept_), [&](const auto& each) {
                return shard_of(deciding_account(each), shards_) == home;
            });
            group->members = kept_;
        }
        const auto* transfer = std::get_if<Transfer>(&command.body);
        const bool refuses = std::holds_alternative<FreezeAccount>(command.body) ||
                             (transfer != nullptr && transfer->amount > Amount(1'000'000));
        // Of one hold or entry there are several in a batch, and the first one takes it.
        const bool closes = std::holds_alternative<CaptureHold>(command.body) ||
                            std::holds_alternative<ReleaseHold>(command.body) ||
                            std::holds_alternative<Reverse>(command.body);
        const std::uint64_t row = command.id.low() / MixedLoad::kSlots;
        return (!refuses || row % kRefusalsKept == 0) && (!closes || row % 2 == 0);
    }

    /// Between accounts without a limit, so that what is on its way is as great as it can be, both
    /// ways, and some of it comes back.
    void add_great() {
        std::uint64_t id = kGreatFrom;
        for (std::uint64_t i = 0; i < kGreatAccounts; ++i)
            add(SimulatedTime(1), open_account(id++, kGreatFrom + i, Limit::unlimited()));
        for (std::uint64_t i = 0; i < kGreatTransfers; ++i) {
            const std::uint64_t from = below(kGreatAccounts);
            const std::uint64_t to = (from + 1 + below(kGreatAccounts - 1)) % kGreatAccounts;
            const Amount amount(Amount::max().units() >> below(4));
            const SimulatedTime at = any_time(last_);
            Command command = transfer(id++, kGreatFrom + from, kGreatFrom + to, 1);
            if (below(4) == 0)
                command.body = PlaceHold{account_id(kGreatFrom + from),
                                         account_id(kGreatFrom + to), amount, Balancing::none,
                                         below(2) * 5'000'000};
            else
                std::get<Transfer>(command.body).amount = amount;
            add(at, command);
            if (below(4) == 0) add(at, freeze(id++, kGreatFrom + to, Block::credits));
            if (below(4) == 0)
                add(at, unfreeze(id++, kGreatFrom + below(kGreatAccounts), Block::both));
        }
    }

    /// Between accounts that have nothing, or nearly: most of it stops at a limit, or one before.
    void add_tight() {
        std::uint64_t id = kTightFrom;
        for (std::uint64_t i = 0; i < kTightAccounts; ++i)
            add(SimulatedTime(1), open_account(id++, kTightFrom + i, Limit(Amount(below(3)))));
        const auto account = [&] { return account_id(kTightFrom + below(kTightAccounts)); };
        for (std::uint64_t i = 0; i < kTightCommands; ++i) {
            Command command = transfer(id++, 0, 0, 1);
            const Amount amount(1 + below(3));
            const AccountId from = account();
            const AccountId to = account();
            // What the decision looks for first must not hide its limits.
            if (from == to) continue;
            const std::array postings = {Posting{from, Side::debit, amount},
                                         Posting{to, Side::credit, amount}};
            const auto balancing = static_cast<Balancing>(below(4));
            const std::uint64_t kind = below(4);
            if (kind == 0)
                command.body = PostEntry{postings};
            else if (kind == 1)
                command.body = PlaceHold{from, to, amount, balancing, below(2) * 5'000'000};
            else
                command.body = Transfer{from, to, amount, balancing};
            add(any_time(last_), command);
        }
    }

    /// All at once, so that a batch of them is more than a record; near the end, since the model
    /// carries them from then on.
    void add_large() {
        const SimulatedTime at = last_ - any_time(seconds(60));
        const std::string value(kLongTextMax, 'x');
        const std::string keys = "abcdefghijklmnop";
        std::vector<Metadata> metadata;
        for (std::size_t i = 0; i < kMetadataMax; ++i)
            metadata.push_back({std::string_view(keys).substr(i, 1), value});
        const auto is_beside_cash = [&](std::uint64_t account) {
            return shard_of(account_id(account), shards_) == shard_of(account_id(0), shards_);
        };
        std::uint64_t payee = 1;
        while (!is_beside_cash(payee)) ++payee;
        for (std::uint64_t i = 0; i < kLargeGroups; ++i) {
            std::vector<Command> members;
            const std::uint64_t id = kLargeFrom + i * (kMembersALarge + 1);
            for (std::uint64_t k = 1; k <= kMembersALarge; ++k) {
                members.push_back(transfer(id + k, 0, payee, 1));
                members.back().metadata = metadata;
            }
            add(at, group(id, members));
        }
    }

    void add_repeats() {
        for (std::size_t i = commands_.size(); i > 0; --i) {
            if (below(kOneInRepeated) != 0) continue;
            PlannedCommand again = commands_[i - 1];
            if (again.at >= last_) continue;
            again.at += any_time(last_ - again.at);
            commands_.push_back(std::move(again));
        }
    }

    std::mt19937_64 random_;
    const MixedLoad load_;
    const std::uint32_t shards_;
    const bool has_large_groups_;
    const SimulatedTime last_;
    std::vector<Command> kept_;
    std::vector<PlannedCommand> commands_;
};

}  // namespace

std::vector<PlannedCommand> plan_load(const Plan& plan, SimulatedTime last) {
    return Load(plan, last).make();
}

}  // namespace vouch::test
