#include "tools/vouch/recorded_acts.h"

#include "command-handler/shard/handler.h"
#include "events/world/clock.h"
#include "tools/server/places/books_log.h"
#include "tools/server/places/opened_books.h"
#include "tools/terminal/say.h"

#include <memory>
#include <span>
#include <utility>

namespace vouch::cli {

namespace {

/// Nobody waits here for what is decided: there are no commands.
class NoAnswers final : public command_handler::AnswerSink {
public:
    void answered(ShardId, Offset, std::size_t, std::span<const command_handler::Answer>) override {
    }
    void stopped(ShardId, const Fault&, command_handler::FaultScope) override {}
};

}  // namespace

Status record_acts(const places::DataDirectory& data, const EpochKeys& keys,
                   command_handler::HandlerOptions acts) {
    Result<std::string> instance = data.instance();
    if (!instance) return instance.error();
    const Result<std::optional<places::FileLock>> lock = places::lock_shards(data);
    if (!lock) return lock.error();
    Result<std::unique_ptr<Log>> log = places::open_log(data, keys);
    if (!log) return log.error();
    SystemClock clock;
    NoAnswers sink;
    acts.directory = data.shards();
    acts.writer = std::move(*instance);
    acts.program = VOUCH_VERSION;
    Result<std::unique_ptr<command_handler::Handler>> handler =
        command_handler::Handler::start(**log, data.deployment(), keys, clock, sink, acts);
    if (!handler) return handler.error();
    for (const std::string& warning : (*handler)->warnings()) terminal::say(warning);
    return (*handler)->stop();
}

}  // namespace vouch::cli
