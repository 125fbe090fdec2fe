#include "tools/vouch/views.h"

#include "events/log/disk_room.h"
#include "events/log/verified_reader.h"
#include "events/seal/private_file.h"
#include "tools/vouch/progress.h"
#include "tools/vouch/talk.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace vouch::cli {

namespace {

constexpr std::chrono::milliseconds kLockPoll{20};
/// Questions hold locks for moments; a wait that is longer is told.
constexpr std::chrono::milliseconds kUntoldWaitMax{200};
/// Records between two looks at the progress; enough for a bulk load.
constexpr std::uint64_t kRecordsPerStep = 4096;

}  // namespace

Result<FileLock> FileLock::take(const std::filesystem::path& file,
                                std::chrono::milliseconds wait_max, const std::string& taken) {
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0) {
        return Fault{FaultCode::storage,
                     file.string() + ": " + std::generic_category().message(errno)};
    }
    FileLock lock(fd);
    const auto began = std::chrono::steady_clock::now();
    bool is_told = wait_max <= kUntoldWaitMax;
    while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return Fault{FaultCode::storage,
                         file.string() + ": " + std::generic_category().message(errno)};
        }
        const auto waited = std::chrono::steady_clock::now() - began;
        if (waited >= wait_max) return Fault{FaultCode::retriable, taken};
        if (waited >= kUntoldWaitMax && !std::exchange(is_told, true)) {
            const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(wait_max);
            say(file.string() + " is locked by another process; waiting for it, at most " +
                std::to_string(seconds.count()) + " s");
        }
        std::this_thread::sleep_for(kLockPoll);
    }
    return lock;
}

FileLock::~FileLock() {
    if (fd_ >= 0) ::close(fd_);
}

Result<std::unique_ptr<Views>> Views::open(const DataDirectory& data, OfDamaged damaged) {
    Result<EpochKeys> keys = data.keys();
    if (!keys) return keys.error();
    if (Status made = create_private_directories(data.views()); !made) return made.error();
    Result<FileLock> lock = FileLock::take(data.views() / "lock", kViewsWaitMax);
    if (!lock) return lock.error();
    std::unique_ptr<Views> views(new Views(std::move(*lock), std::move(*keys)));
    Result<std::unique_ptr<LogReader>> log = data.read_log(&views->keys_);
    if (!log) return log.error();
    views->log_ = std::move(*log);
    if (Status right = check_genesis(*views->log_, data.deployment(), views->keys_); !right)
        return right.error();
    const Result<std::optional<std::string>> left =
        data.unreadable_end(*views->log_, views->keys_);
    if (!left) return left.error();
    if (*left) say(**left);
    views->is_end_unreadable_ = left->has_value();
    projector::ProjectorOptions options;
    options.remakes_damaged = damaged == OfDamaged::remake;
    const Status room = check_room(system_disk(), data.views().string(), kDiskReserveBytes);
    if (!room) {
        say(room.error().message + "; answers are as of what the views have");
        views->is_fixed_ = true;
    }
    Result<std::unique_ptr<projector::ShardViews>> shards =
        room ? projector::ShardViews::open(*views->log_, data.deployment(), views->keys_,
                                           data.views(), options)
             : projector::ShardViews::open_to_read(data.deployment().shards, views->keys_,
                                                   data.views());
    if (!shards) return shards.error();
    for (const std::string& warning : (*shards)->warnings()) say(warning);
    views->views_ = std::move(*shards);
    return views;
}

Status Views::catch_up(std::optional<AccountId> account) {
    if (is_fixed_) return {};
    std::vector<RecordNumber> ends;
    std::uint64_t total = 0;
    for (std::uint32_t shard = 0; shard < log_->shard_count(); ++shard) {
        const Result<RecordNumber> end = log_->end(ShardId(shard));
        if (!end) return end.error();
        ends.push_back(*end);
        total += end->value() - views_->projector(ShardId(shard)).next_record().value();
    }
    Progress progress("bring the views up to date", "records", total);
    std::uint64_t done = 0;
    for (std::uint32_t shard = 0; shard < log_->shard_count(); ++shard) {
        projector::Projector& projector = views_->projector(ShardId(shard));
        while (projector.next_record() < ends[shard]) {
            const std::uint64_t before = projector.next_record().value();
            const RecordNumber until(std::min(ends[shard].value(), before + kRecordsPerStep));
            if (Status caught_up = projector.catch_up(until); !caught_up) {
                if (!account || shard_of(*account, log_->shard_count()) == ShardId(shard))
                    return caught_up;
                say(caught_up.error().message + "; its shard is not what is asked about");
                break;
            }
            done += projector.next_record().value() - before;
            progress.show(done);
        }
    }
    return {};
}

}  // namespace vouch::cli
