#pragma once

#include "reconciler/derive.h"

#include <variant>
#include <vector>

namespace vouch::reconciler {

/// An account that a command is about, in the order in which refusals look.
struct Named {
    AccountId id;
    bool is_here = false;
    const Account* account = nullptr;
    AccountNumber number;
    std::optional<Side> blockable;  ///< newly debited, credited, held on or toward
};

/// One command on its way through the table of refusals, row by row.
class Derivation {
public:
    Derivation(const Books& books, const Command& command, Timestamp time, bool alone)
        : books_(books), command_(command), time_(time), alone_(alone) {}

    Derived before_past();
    Derived whole();

private:
    using Answer = std::optional<Refusal>;

    void name(AccountId id, std::optional<Side> blockable);
    void name(AccountNumber number, std::optional<Side> blockable);
    void name_all();
    Answer expired() const;
    Answer missing() const;
    Answer not_found() const;
    Answer exists() const;
    Answer wrong_account() const;
    Answer same_account() const;
    Answer asset_mismatch() const;
    Answer zero_amount() const;
    Answer unbalanced() const;
    Answer closed_or_frozen() const;
    Answer version_mismatch() const;
    Answer hold_status() const;
    Answer not_closable() const;
    Answer over_limit();
    Answer over_limit_crossing() const;
    AccountId payee_elsewhere() const;
    Answer elsewhere();

    Amount cap(const Named& named, Side side) const;
    Answer over_limit_moving(Balancing balancing, Amount asked);
    Answer over_limit_entry(const PostEntry& entry);
    Answer over_limit_capture(const CaptureHold& capture);
    bool is_unsure() const;

    Facts facts(const Named& named) const {
        if (named.account != nullptr) return facts_of(books_, named.number);
        Facts told;
        told.account = named.id;
        return told;
    }
    template <class Body>
    const Body* body() const {
        return std::get_if<Body>(&command_.body);
    }

    const Books& books_;
    const Command& command_;
    Timestamp time_;
    bool alone_;
    std::vector<Named> named_;
    const OpenHold* hold_ = nullptr;
    Amount moved_;
    std::optional<ShardId> crosses_;
};

inline Refusal refusal(Outcome outcome, const Facts& facts = {}) { return {outcome, facts}; }

/// The hold that a command refers to; zero for other commands.
CommandId hold_of(const CommandBody& body);
/// The entry that a reversal or refund refers to; zero for other commands.
CommandId entry_of(const CommandBody& body);
bool is_reversal(const CommandBody& body);
/// The amount that the command says exactly, if it says one.
std::optional<Amount> amount_asked(const CommandBody& body);

}  // namespace vouch::reconciler
