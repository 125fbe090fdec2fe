#pragma once

#include "events/seal/deployment.h"
#include "projector/views/view_store.h"
#include "reconciler/views/view_check.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace vouch::cli {

/// Lets the reconciler read the projector's rows. Each shard is seen as of the snapshot taken when
/// the object was made. One thread; the stores outlive it.
class ViewRowsReader final : public reconciler::ViewReader {
public:
    /// `stores` by shard number; null of a shard that has no view, which is one without rows. One
    /// that gives no snapshot cannot be read.
    static std::unique_ptr<ViewRowsReader> open(
        const Deployment& deployment, const std::vector<projector::ViewStore*>& stores);

    /// There is a view, and no store could be made of it.
    void miss(ShardId shard, Fault fault) { faults_.at(shard.value()) = std::move(fault); }

    /// Why it cannot be read; its other rows are none then.
    Result<reconciler::ViewPosition> position(ShardId shard) override;
    Status visit_history(ShardId shard, AccountNumber from,
                         const Visitor<reconciler::ViewHistoryRow>& visit) override;
    Status visit_ids(ShardId shard, const Visitor<reconciler::ViewIdRow>& visit) override;
    Status visit_rows(ShardId shard, const Visitor<reconciler::ViewRow>& visit) override;
    std::unique_ptr<reconciler::ViewRows<reconciler::ViewEventBlock>> event_blocks(
        ShardId shard) override;
    std::unique_ptr<reconciler::ViewRows<reconciler::ViewRecordTime>> record_times(
        ShardId shard) override;

private:
    explicit ViewRowsReader(const Deployment& deployment) : deployment_(deployment) {}

    const Deployment& deployment_;
    std::vector<std::unique_ptr<projector::ViewSnapshot>> snapshots_;
    std::vector<std::optional<Fault>> faults_;
};

}  // namespace vouch::cli
