#pragma once

#include "reconciler/verdict/finding.h"
#include "tests/reconciler/played_log.h"

#include <functional>
#include <string>
#include <string_view>

namespace vouch::test {

/// A short log in which every kind of event happens once or twice, each command in a record of its
/// own, as values that a test changes before they are sealed again with the right keys.
class SmallBooks {
public:
    SmallBooks();

    const SealedDeployment& sealed() const { return sealed_; }
    LogDraft& draft() { return draft_; }
    std::vector<DraftRecord>& records() { return draft_.shard(ShardId(0)); }

    /// The command that was sent under `name`.
    CommandDecided& decided(std::string_view name) { return find<CommandDecided>(name); }
    ConflictSeen& conflict(std::string_view name) { return find<ConflictSeen>(name); }
    /// The first event of a kind that has no id.
    template <class Kind>
    Kind& first() {
        return find<Kind>("");
    }
    /// The `position`-th change, to be altered.
    Change& change(CommandDecided& event, std::size_t position);

    /// Removes the event looked up last, or puts another before it.
    void remove_found();
    void insert_before_found(const Event& event);
    /// Record of the event looked up last.
    std::size_t found_record() const { return record_; }

    /// Seals and replays.
    reconciler::ReplayReport replay(const LogDraft::Sealing& sealing = {});

private:
    template <class Kind>
    Kind& find(std::string_view name);
    void move_seals(int by);
    void name_accounts();

    SealedDeployment sealed_;
    LogDraft draft_;
    std::size_t record_ = 0;
    std::size_t event_ = 0;
};

AccountId account_of(std::string_view name);
CommandId command_of(std::string_view name);

}  // namespace vouch::test
