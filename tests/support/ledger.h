#pragma once

#include "events/entries/event.h"
#include "tests/model/model.h"
#include "tests/model/owned_command.h"

#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace vouch::test {

/// What a caller was told about one command.
struct Told {
    /// Over several shards a command may have no outcome yet, or none here.
    enum class Stage { decided, in_transit, forwarded } stage = Stage::decided;
    Outcome outcome = Outcome::malformed;
    bool repeated = false;
    Facts facts;
    std::optional<Amount> moved;
    std::vector<MemberOutcome> members;
    friend bool operator==(const Told&, const Told&) = default;
};
std::string render(const Told& told);

/// An account as a reader of the events knows it.
struct AccountView {
    AccountNumber number;
    Asset asset;
    AccountClass account_class = AccountClass::asset;
    Limit limit;
    AccountState state;
    Totals totals;
    Version version;
    friend bool operator==(const AccountView&, const AccountView&) = default;
};
std::string render(const AccountView& account);

/// The books as a reader knows them: the last change of every account, the last state of every
/// hold.
struct BooksView {
    std::map<std::pair<LedgerId, AccountId>, AccountView> accounts;
    std::map<std::pair<LedgerId, CommandId>, HoldState> holds;
    friend bool operator==(const BooksView&, const BooksView&) = default;
};

/// As many steps as there are.
inline constexpr std::size_t kAllSteps = static_cast<std::size_t>(-1);

/// Something that plays commands: the model, the decision core, or a whole command handler. Tests
/// hold one against another through it. One thread.
class Ledger {
public:
    virtual ~Ledger() = default;

    /// Decides `batch` in order, at time `now` (never earlier than before): due holds expire first.
    virtual std::vector<Told> play(std::span<const OwnedCommand> batch, Timestamp now) = 0;
    /// The events since the last call, without those that belong to the log itself.
    virtual std::vector<model::Effect> take_effects() = 0;
    virtual BooksView books() const = 0;
    /// Forgets what is only in memory and starts again from what was written.
    virtual void restart() = 0;

    // --- Of several shards.
    /// The shard that takes the next commands; empty: the one that decides each.
    virtual void enter_at(std::optional<ShardId>) {}
    /// Whether steps between shards wait for `deliver`.
    virtual void hold_steps_back(bool) {}
    /// Takes this many steps (or all there are), oldest first, and those that follow from them.
    virtual void deliver(std::size_t) {}
    /// What is wrong with the books of the shards; empty when nothing is, or nobody looked.
    virtual std::vector<std::string> check_books() const { return {}; }
};

/// The model as a ledger.
class ModelLedger final : public Ledger {
public:
    explicit ModelLedger(std::uint32_t shards = 1) : model_(shards) {}

    std::vector<Told> play(std::span<const OwnedCommand> batch, Timestamp now) override;
    std::vector<model::Effect> take_effects() override { return std::exchange(effects_, {}); }
    BooksView books() const override;
    void restart() override {}

private:
    model::Model model_;
    std::vector<model::Effect> effects_;
};

/// Folds events as a projector does, the last change wins, and keeps them as effects.
class EventFold {
public:
    void add(const Event& event);
    std::vector<model::Effect> take_effects() { return std::exchange(effects_, {}); }
    /// Of ordinary accounts, and of holds that are led here.
    const BooksView& books() const { return books_; }
    const std::map<AccountNumber, AccountView>& transits() const { return transits_; }

private:
    void add_changes(std::span<const Change> changes);
    AccountView& row_of(AccountNumber number);

    BooksView books_;
    std::map<AccountNumber, std::pair<LedgerId, AccountId>> names_;
    std::map<AccountNumber, AccountView> transits_;
    std::vector<model::Effect> effects_;
    std::map<std::pair<LedgerId, CommandId>, std::string> in_transit_;  ///< content
};

}  // namespace vouch::test
