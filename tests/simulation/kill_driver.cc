// A handler on the embedded log, under as much load as it takes, to be killed at any moment.
//
//   kill_driver DIRECTORY SOURCE BATCHES [views]
//
// DIRECTORY holds the file `deployment`. Sends every batch of SOURCE (batch_source.h) below BATCHES
// from the first, whatever was sent before, and writes an Acknowledgement to standard output for
// every answer. With `views` a projector follows the log meanwhile. Ends by itself when everything
// is answered; 1 and a line on standard error when something fails.

#include "command-handler/shard/handler.h"
#include "events/log/embedded/embedded_log.h"
#include "events/world/clock.h"
#include "projector/views/projector.h"
#include "tests/command-handler/sample_commands.h"
#include "tests/simulation/acknowledgement.h"
#include "tests/simulation/batch_source.h"
#include "tests/support/text_of_file.h"

#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace vouch;
using namespace vouch::test;
namespace fs = std::filesystem;

/// Small, so that segments, generations of facts and snapshots change over between any two kills.
constexpr std::uint64_t kSegmentBytes = std::uint64_t{256} << 10;
constexpr std::size_t kGenerationFacts = 700;
constexpr std::uint64_t kSnapshotEvents = 1'500;

[[noreturn]] void fail(const std::string& message) {
    std::fprintf(stderr, "%s\n", message.c_str());
    ::_exit(1);
}

template <class T>
T need(Result<T> result) {
    if (!result) fail(result.error().message);
    return std::move(*result);
}

void need(const Status& status) {
    if (!status) fail(status.error().message);
}

/// Passes answers to the pipe, on the shard's thread.
class PipeSink final : public command_handler::AnswerSink {
public:
    void answered(ShardId, Offset offset, std::size_t first,
                  std::span<const command_handler::Answer> answers) override {
        std::vector<Acknowledgement> told;
        {
            const std::lock_guard lock(mutex_);
            for (std::size_t i = 0; i < answers.size(); ++i) {
                told.push_back({batches_.at(offset), static_cast<std::uint16_t>(first + i),
                                static_cast<std::uint8_t>(answers[i].outcome),
                                static_cast<std::uint8_t>(answers[i].repeated),
                                answers[i].record.value()});
            }
        }
        write_all(std::as_bytes(std::span(told)));
        const std::lock_guard lock(mutex_);
        count_ += answers.size();
        changed_.notify_all();
    }
    void stopped(ShardId, const Fault& fault, command_handler::FaultScope) override {
        fail(fault.message);
    }

    /// Sends a batch when there is room for it.
    void send(Log& log, std::uint32_t number, const Bytes& batch) {
        std::unique_lock lock(mutex_);
        while (true) {
            const std::uint64_t seen = count_;
            const Result<Offset> offset = log.produce(ShardId(0), Bytes(batch));
            if (offset) {
                batches_[*offset] = number;
                return;
            }
            if (offset.error().code != FaultCode::retriable) fail(offset.error().message);
            changed_.wait(lock, [&] { return count_ != seen; });
        }
    }
    void wait_for(std::uint64_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return count_ >= count; });
    }
    /// Blocks until there are more answers than `seen`, or `end` was called; returns how many.
    std::uint64_t wait_for_more(std::uint64_t seen) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return count_ > seen || is_over_; });
        return count_;
    }
    bool is_over() {
        const std::lock_guard lock(mutex_);
        return is_over_;
    }
    void end() {
        const std::lock_guard lock(mutex_);
        is_over_ = true;
        changed_.notify_all();
    }

private:
    static void write_all(std::span<const std::byte> bytes) {
        while (!bytes.empty()) {
            const ssize_t written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
            if (written < 0) fail("cannot write to the pipe");
            bytes = bytes.subspan(static_cast<std::size_t>(written));
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<Offset, std::uint32_t> batches_;
    std::uint64_t count_ = 0;
    bool is_over_ = false;
};

/// A projector that follows the log for as long as answers come.
class Following {
public:
    Following(Log& log, const Deployment& deployment, const EpochKeys& keys,
              const fs::path& directory, PipeSink& sink)
        : views_(need(projector::ShardViews::open(log, deployment, keys, directory,
                                                  projector::rocks_view_stores()))),
          thread_([this, &sink] {
              std::uint64_t seen = 0;
              while (!sink.is_over()) {
                  need(views_->catch_up_to_end());
                  seen = sink.wait_for_more(seen);
              }
              need(views_->catch_up_to_end());
          }) {}
    ~Following() { thread_.join(); }

private:
    std::unique_ptr<projector::ShardViews> views_;
    std::thread thread_;
};

Deployment read_deployment(const fs::path& file) {
    const std::string text = text_of_file(file);
    return need(parse_deployment(std::as_bytes(std::span(text))));
}

int run(const fs::path& directory, const BatchSource& source, std::uint64_t until, bool follows) {
    const Deployment deployment = read_deployment(directory / "deployment");
    const EpochKeys keys = make_test_keys(deployment);
    EmbeddedLogOptions logging;
    logging.directory = (directory / "log").string();
    logging.shard_count = deployment.shards;
    logging.segment_bytes = kSegmentBytes;
    const std::unique_ptr<EmbeddedLog> log = need(EmbeddedLog::open(logging));
    command_handler::HandlerOptions options;
    options.directory = directory / "shards";
    options.bounds.generation_facts = kGenerationFacts;
    options.bounds.snapshot_events = kSnapshotEvents;
    SystemClock clock;
    PipeSink sink;
    const auto handler =
        need(command_handler::Handler::start(*log, deployment, keys, clock, sink, options));
    for (const std::string& warning : handler->warnings()) fail("warning at start: " + warning);
    std::optional<Following> following;
    if (follows) following.emplace(*log, deployment, keys, directory / "views", sink);
    std::uint64_t expected = 0;
    for (std::uint64_t number = 0; number < until; ++number) {
        sink.send(*log, static_cast<std::uint32_t>(number), source.batch(number));
        expected += source.size(number);
    }
    sink.wait_for(expected);
    sink.end();
    following.reset();
    need(handler->stop());
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 4) fail("kill_driver DIRECTORY SOURCE BATCHES [views]");
    const std::unique_ptr<BatchSource> source = make_batch_source(argv[2]);
    if (!source) fail("no such source");
    return run(argv[1], *source, std::stoull(argv[3]), argc > 4);
}
