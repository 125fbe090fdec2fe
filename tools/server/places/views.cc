#include "tools/server/places/views.h"

#include "events/log/disk_room.h"
#include "events/log/verified_reader.h"
#include "events/money/shard_of.h"
#include "events/seal/private_file.h"
#include "tools/server/places/backup_files.h"
#include "tools/server/places/books_log.h"
#include "tools/terminal/progress.h"
#include "tools/terminal/say.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace vouch::places {

namespace {

/// Records between two looks at the progress; enough for a bulk load.
constexpr std::uint64_t kRecordsPerStep = 4096;

}  // namespace

Result<std::unique_ptr<Views>> Views::open(const DataDirectory& data) {
    if (Status books = check_no_backup(data.directory()); !books) return books.error();
    Result<EpochKeys> keys = data.keys();
    if (!keys) return keys.error();
    if (Status made = create_private_directories(data.views()); !made) return made.error();
    Result<FileLock> lock = FileLock::take(data.views() / "lock", kViewsWaitMax);
    if (!lock) return lock.error();
    std::unique_ptr<Views> views(new Views(std::move(*lock), std::move(*keys)));
    Result<std::unique_ptr<LogReader>> log = read_log(data, &views->keys_);
    if (!log) return log.error();
    views->log_ = std::move(*log);
    if (Status right = check_genesis(*views->log_, data.deployment(), views->keys_); !right)
        return right.error();
    const Result<std::optional<std::string>> left =
        unreadable_end(data, *views->log_, views->keys_);
    if (!left) return left.error();
    if (*left) terminal::say(**left);
    if (*left) views->lack_ = Lack::unreadable_end;
    const Status room = check_room(system_files(), data.views().string(), kDiskReserveBytes);
    if (!room) {
        terminal::say(room.error().message + "; answers are as of what the views have");
        views->is_fixed_ = true;
    }
    Result<std::unique_ptr<projector::ShardViews>> shards =
        room ? projector::ShardViews::open(*views->log_, data.deployment(), views->keys_,
                                           data.views(), projector::rocks_view_stores())
             : projector::ShardViews::open_to_read(data.deployment().shards, views->keys_,
                                                   data.views(), projector::rocks_view_stores());
    if (!shards) return shards.error();
    for (const std::string& warning : (*shards)->warnings()) terminal::say(warning);
    views->views_ = std::move(*shards);
    return views;
}

Status Views::catch_up(std::optional<AccountId> account) {
    if (is_fixed_) return look_how_far(account);
    return catch_up([&](ShardId shard, const Fault& fault) -> Status {
        if (!account || shard_of(*account, log_->shard_count()) == shard) return fault;
        terminal::say(fault.message + "; its shard is not what is asked about");
        return {};
    });
}

Status Views::catch_up_where_possible() {
    if (is_fixed_) return look_how_far({});
    return catch_up([&](ShardId shard, const Fault& fault) -> Status {
        terminal::say("shard " + std::to_string(shard.value()) + " is not covered: " +
                      fault.message);
        lack_ = Lack::unreadable_end;
        return {};
    });
}

Status Views::catch_up(const std::function<Status(ShardId shard, const Fault& fault)>& fails) {
    std::vector<RecordNumber> ends;
    std::uint64_t total = 0;
    for (std::uint32_t shard = 0; shard < log_->shard_count(); ++shard) {
        const Result<RecordNumber> end = log_->end(ShardId(shard));
        const projector::Projector& projector = views_->projector(ShardId(shard));
        const Status stands = end ? projector.compared() : Status(end.error());
        if (!stands) {
            if (Status goes_on = fails(ShardId(shard), stands.error()); !goes_on) return goes_on;
        }
        const RecordNumber next = projector.next_record();
        ends.push_back(stands ? *end : next);
        total += ends.back().value() - next.value();
    }
    terminal::Progress progress("bring the views up to date", "records", total);
    std::uint64_t done = 0;
    for (std::uint32_t shard = 0; shard < log_->shard_count(); ++shard) {
        projector::Projector& projector = views_->projector(ShardId(shard));
        while (projector.next_record() < ends[shard]) {
            const std::uint64_t before = projector.next_record().value();
            const RecordNumber until(std::min(ends[shard].value(), before + kRecordsPerStep));
            if (Status caught_up = projector.catch_up(until); !caught_up) {
                if (Status goes_on = fails(ShardId(shard), caught_up.error()); !goes_on)
                    return goes_on;
                break;
            }
            done += projector.next_record().value() - before;
            progress.show(done);
        }
    }
    return {};
}

/// Views that cannot be moved lack what the log has behind them.
Status Views::look_how_far(std::optional<AccountId> account) {
    for (std::uint32_t i = 0; i < log_->shard_count(); ++i) {
        if (account && shard_of(*account, log_->shard_count()) != ShardId(i)) continue;
        const Result<RecordNumber> end = log_->end(ShardId(i));
        if (!end) return end.error();
        const std::optional<projector::ViewPosition>& seen = views_->stores()[i]->position();
        const RecordNumber next = seen ? seen->next_record : RecordNumber(0);
        if (next < *end && lack_ == Lack::nothing) lack_ = Lack::newest_records;
    }
    return {};
}

}  // namespace vouch::places
