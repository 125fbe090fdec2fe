#pragma once

#include "events/money/shard_of.h"
#include "tests/model/model.h"
#include "tests/support/ledger.h"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace vouch::test {

/// What shards say of a command where every one before it is final: what the one-shard model says,
/// but for the differences that docs/rules.md names.
struct Prediction {
    enum class Kind {
        same,      ///< exactly what the model says
        by_sides,  ///< refused by the side whose turn it is, where several refusals apply
        refused,   ///< refused; which refusal comes first is not said here
        left_out   ///< not to be sent
    } kind = Kind::same;
    Told told;
    bool crosses = false;
    /// The model knows nothing of the command and must not: shards do not support it.
    bool only_shards_refuse = false;
};

/// Foretells with the one-shard model alone. A command that crosses is played on it twice, once
/// with a payee and once with a payer that nothing stops, so that each time one side's refusals are
/// left: the payer's shard speaks first.
///
/// Not said exactly (`refused`): commands sent to a shard that does not have their hold or entry,
/// as a wrong account, or a refund from a third shard, leads them there. Left out: groups that
/// are not all of one shard, and ids that are used again on another shard.
class Predictor {
public:
    explicit Predictor(std::uint32_t shards) : shards_(shards) {}

    Prediction predict(const model::Model& model, const OwnedCommand& command);
    /// What it was told in truth: repeats are told the same.
    void remember(const OwnedCommand& command, const Prediction& prediction, const Told& told);

    ShardId home_of(const Command& command) const;

private:
    /// Both sides of a command that crosses.
    struct Sides {
        AccountId payer;
        AccountId payee;
        bool payee_is_asked = true;
    };
    /// Where a command's accounts are.
    enum class Span { local, crosses, elsewhere };
    struct Place {
        Span span = Span::local;
        Sides sides;
    };

    bool is_at(AccountId account, ShardId shard) const {
        return shard_of(account, shards_) == shard;
    }
    Place place_of(const model::Books& books, const Command& command) const;
    Place place_between(ShardId home, AccountId payer, AccountId payee) const;
    Place place_of(const model::Books& books, LedgerId ledger, const CaptureHold& body) const;
    Place place_of(const model::Books& books, LedgerId ledger, const Reverse& body) const;
    Place place_of(const model::Books& books, LedgerId ledger, const Refund& body) const;
    bool is_local_group(const model::Books& books, const OwnedCommand& group) const;
    Prediction across(const model::Model& model, const Command& command, const Sides& sides) const;

    std::uint32_t shards_;
    std::map<model::Keyed<CommandId>, ShardId> homes_;
    struct ToldOtherwise {
        std::string content;
        Told told;
    };
    std::map<model::Keyed<CommandId>, ToldOtherwise> told_otherwise_;
};

/// Facts as shards and model tell them alike: versions count what came and went.
Told comparable(Told told);

}  // namespace vouch::test
