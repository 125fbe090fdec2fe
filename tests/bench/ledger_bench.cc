// How many transfers a second does one shard accept, sealed and on disk, and how many of them are
// queryable; what does a lone command wait, and what does a
// repeat of a random earlier one cost?
//
//   ledger_bench [--accounts N] [--transfers N] [--data DIR] [--no-views] [--lone N]
//                [--repeats N]
//
// Input is serialised CommandBatches of 8,192 commands, made before the clock starts and decoded by
// the path that serves. Among the transfers 1 in 100 is a repeat of an earlier one and 1 in 100
// asks for more than the payer has. Afterwards the log is replayed with keys and views, and the
// rates count only if it is clean.
//
// Estimate: decode 50 ns, duplicate check 60, decide 200, encode 50, MAC 80,
// append 100: about 1.8 million a second if nothing else stood in the way.

#include "command-handler/shard/handler.h"
#include "events/check.h"
#include "events/entries/codec.h"
#include "events/log/embedded/embedded_log.h"
#include "events/world/clock.h"
#include "projector/views/projector.h"
#include "reconciler/replay/replay.h"
#include "tools/vouch/view_rows_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace vouch;
namespace fs = std::filesystem;
using SteadyClock = std::chrono::steady_clock;

struct Load {
    std::uint32_t accounts = 1'000'000;
    std::uint64_t transfers = 10'000'000;
    std::uint64_t lone = 2'000;
    std::uint64_t repeats = 20'000;
    fs::path data;
    bool views = true;
};

double seconds_since(SteadyClock::time_point start) {
    return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

std::size_t resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    std::size_t pages = 0;
    std::size_t resident = 0;
    statm >> pages >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::size_t directory_bytes(const fs::path& directory) {
    std::size_t total = 0;
    std::error_code error;
    for (const fs::directory_entry& each : fs::recursive_directory_iterator(directory, error)) {
        if (each.is_regular_file(error)) total += each.file_size(error);
    }
    return total;
}

/// Counts answers, remembers when the last tenth began, and lets producers wait.
class Answers final : public command_handler::AnswerSink {
public:
    void answered(ShardId, Offset, std::size_t,
                  std::span<const command_handler::Answer> answers) override {
        std::uint64_t accepted = 0;
        for (const command_handler::Answer& each : answers)
            accepted += is_accepted(each.outcome) && !each.repeated ? 1U : 0U;
        const std::lock_guard lock(mutex_);
        count_ += answers.size();
        accepted_ += accepted;
        if (mark_ != 0 && count_ >= mark_) {
            marked_ = SteadyClock::now();
            mark_ = 0;
        }
        changed_.notify_all();
    }
    void stopped(ShardId, const Fault& fault, command_handler::FaultScope) override {
        std::fprintf(stderr, "shard stopped: %s\n", fault.message.c_str());
        std::abort();
    }

    void wait_for(std::uint64_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return count_ >= count; });
    }
    void wait_for_change(std::uint64_t seen) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return count_ > seen; });
    }
    std::uint64_t count() {
        const std::lock_guard lock(mutex_);
        return count_;
    }
    std::uint64_t accepted() {
        const std::lock_guard lock(mutex_);
        return accepted_;
    }
    void mark_at(std::uint64_t count) {
        const std::lock_guard lock(mutex_);
        mark_ = count;
    }
    SteadyClock::time_point marked() const { return marked_; }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t count_ = 0;
    std::uint64_t accepted_ = 0;
    std::uint64_t mark_ = 0;
    SteadyClock::time_point marked_;
};

AccountId account_id(std::uint32_t i) {
    return {0x5eedULL << 32 | i, i * 0x9e3779b97f4a7c15ULL | 1};
}
constexpr std::uint32_t kCash = 0;

class BatchMaker {
public:
    std::vector<Bytes> take() {
        flush();
        return std::move(batches_);
    }
    void add(const Command& command) {
        append_to_batch(command, batch_);
        if (++in_batch_ == kBatchCommandsMax || batch_.size() > kBatchBytesMax - 4096) flush();
    }

private:
    void flush() {
        if (in_batch_ == 0) return;
        batches_.push_back(std::move(batch_));
        batch_.clear();
        in_batch_ = 0;
    }
    std::vector<Bytes> batches_;
    Bytes batch_;
    std::size_t in_batch_ = 0;
};

std::vector<Bytes> opening_batches(const Load& load) {
    BatchMaker maker;
    const Asset eur = *Asset::make("EUR", Scale(2));
    for (std::uint32_t i = 0; i < load.accounts; ++i) {
        Command command;
        command.id = CommandId(1, i + 1);
        OpenAccount open;
        open.account = account_id(i);
        open.asset = eur;
        open.account_class = i == kCash ? AccountClass::asset : AccountClass::liability;
        if (i == kCash) open.limit = Limit::unlimited();
        command.body = open;
        maker.add(command);
    }
    for (std::uint32_t i = 1; i < load.accounts; ++i) {
        Command command;
        command.id = CommandId(2, i);
        command.body =
            Transfer{account_id(kCash), account_id(i), Amount(1'000'000), Balancing::none};
        maker.add(command);
    }
    return maker.take();
}

/// A repeat is made from the same number as the first time.
Command transfer(const Load& load, std::uint64_t number) {
    std::mt19937_64::result_type draw = number * 0xbf58476d1ce4e5b9ULL + 0x94d049bb133111ebULL;
    draw ^= draw >> 31;
    const auto debit = static_cast<std::uint32_t>(1 + draw % (load.accounts - 1));
    draw = draw * 0xbf58476d1ce4e5b9ULL;
    draw ^= draw >> 29;
    auto credit = static_cast<std::uint32_t>(1 + draw % (load.accounts - 1));
    if (credit == debit) credit = credit == 1 ? 2 : credit - 1;
    const bool too_much = (draw >> 40) % 100 == 1;
    Command command;
    command.id = CommandId(draw | 1ULL << 63, number + 1);
    command.body =
        Transfer{account_id(debit), account_id(credit),
                 Amount(too_much ? u128{1'000'000'000'000} : u128{100 + (draw >> 48) % 5000}),
                 Balancing::none};
    return command;
}

std::vector<Bytes> transfer_batches(const Load& load) {
    BatchMaker maker;
    std::mt19937_64 random(4711);
    for (std::uint64_t i = 0; i < load.transfers; ++i) {
        const std::uint64_t kind = random() % 100;
        maker.add(transfer(load, kind == 0 && i > 0 ? random() % i : i));
    }
    return maker.take();
}

std::uint64_t commands_in(const std::vector<Bytes>& batches) {
    std::uint64_t total = 0;
    std::vector<CommandBytes> members;
    for (const Bytes& each : batches) {
        members.clear();
        VOUCH_ASSERT(!split_batch(each, members));
        total += members.size();
    }
    return total;
}

void produce_all(Log& log, Answers& answers, std::vector<Bytes>& batches) {
    for (Bytes& batch : batches) {
        while (true) {
            const std::uint64_t seen = answers.count();
            Bytes copy = batch;
            const Result<Offset> offset = log.produce(ShardId(0), std::move(copy));
            if (offset) break;
            VOUCH_ASSERT(offset.error().code == FaultCode::retriable);
            answers.wait_for_change(seen);
        }
        Bytes().swap(batch);
    }
}

/// Follows the log on a thread of its own until told to finish.
class Following {
public:
    Following(LogReader& log, const Deployment& deployment, const EpochKeys& keys,
              const fs::path& directory) {
        Result<std::unique_ptr<projector::ShardViews>> opened =
            projector::ShardViews::open(log, deployment, keys, directory,
                                        projector::rocks_view_stores());
        VOUCH_ASSERT(opened.has_value());
        views_ = std::move(*opened);
        thread_ = std::thread([this] {
            while (!finish_) {
                Status status = views_->catch_up_to_end();
                VOUCH_ASSERT(status.has_value());
            }
            Status status = views_->catch_up_to_end();
            VOUCH_ASSERT(status.has_value());
        });
    }
    void finish() {
        finish_ = true;
        thread_.join();
    }
    projector::ShardViews& views() { return *views_; }

private:
    std::unique_ptr<projector::ShardViews> views_;
    std::atomic<bool> finish_{false};
    std::thread thread_;
};

double percentile(std::vector<double>& sorted, double part) {
    return sorted[std::min(sorted.size() - 1,
                           static_cast<std::size_t>(part * static_cast<double>(sorted.size())))];
}

void lone_commands(Log& log, Answers& answers, const Load& load) {
    std::vector<double> waits;
    for (std::uint64_t i = 0; i < load.lone; ++i) {
        BatchMaker maker;
        Command command;
        command.id = CommandId(3, i + 1);
        command.body =
            Transfer{account_id(kCash), account_id(1 + static_cast<std::uint32_t>(i % 1000)),
                     Amount(100), Balancing::none};
        maker.add(command);
        std::vector<Bytes> batches = maker.take();
        const std::uint64_t before = answers.count();
        const auto start = SteadyClock::now();
        produce_all(log, answers, batches);
        answers.wait_for(before + 1);
        waits.push_back(seconds_since(start) * 1e6);
    }
    std::vector<double> syncs;
    const std::string path = (load.data / "sync-alone").string();
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    VOUCH_ASSERT(file >= 0);
    std::vector<char> bytes(1 << 20, 'x');
    VOUCH_ASSERT(::pwrite(file, bytes.data(), bytes.size(), 0) ==
                 static_cast<ssize_t>(bytes.size()));
    ::fsync(file);
    for (std::uint64_t i = 0; i < load.lone; ++i) {
        const auto start = SteadyClock::now();
        VOUCH_ASSERT(::pwrite(file, bytes.data(), 512, static_cast<off_t>((i % 2000) * 512)) ==
                     512);
        VOUCH_ASSERT(::fdatasync(file) == 0);
        syncs.push_back(seconds_since(start) * 1e6);
    }
    ::close(file);
    std::sort(waits.begin(), waits.end());
    std::sort(syncs.begin(), syncs.end());
    std::printf(
        "lone command: p50 %.0f us, p99 %.0f us; a lone write + fdatasync: p50 %.0f us, p99 %.0f "
        "us; ratio p50 %.2f, p99 %.2f\n",
        percentile(waits, 0.5), percentile(waits, 0.99), percentile(syncs, 0.5),
        percentile(syncs, 0.99), percentile(waits, 0.5) / percentile(syncs, 0.5),
        percentile(waits, 0.99) / percentile(syncs, 0.99));
}

double processor_seconds() {
    timespec now{};
    VOUCH_ASSERT(::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// Microseconds of all threads' processor time a command, of as many as there are repeats.
template <class Number>
double processor_time(Log& log, Answers& answers, const Load& load, Number number) {
    BatchMaker maker;
    for (std::uint64_t i = 0; i < load.repeats; ++i) maker.add(transfer(load, number(i)));
    std::vector<Bytes> batches = maker.take();
    const std::uint64_t before = answers.count();
    const double start = processor_seconds();
    produce_all(log, answers, batches);
    answers.wait_for(before + load.repeats);
    return (processor_seconds() - start) * 1e6 / static_cast<double>(load.repeats);
}

void cold_repeats(Log& log, Answers& answers, const Load& load) {
    std::mt19937_64 random(815);
    const double first = processor_time(log, answers, load,
                                        [&](std::uint64_t i) { return load.transfers + i; });
    const double repeat = processor_time(log, answers, load,
                                         [&](std::uint64_t) { return random() % load.transfers; });
    std::printf("processor: a new transfer %.2f us, a repeat of a random earlier one %.2f us\n",
                first, repeat);
}

int run(const Load& load) {
    fs::create_directories(load.data / "log");
    const Deployment deployment = make_deployment(1, false, SystemClock().now()).deployment;
    std::array<std::byte, 32> root_bytes{};
    std::fill(root_bytes.begin(), root_bytes.end(), std::byte{0x42});
    const EpochKeys keys(SecretKey(root_bytes), deployment);
    Result<std::unique_ptr<EmbeddedLog>> opened =
        EmbeddedLog::open({.directory = (load.data / "log").string(), .shard_count = 1});
    VOUCH_ASSERT(opened.has_value());
    EmbeddedLog& log = **opened;
    SystemClock clock;
    Answers answers;
    command_handler::HandlerOptions options;
    options.directory = load.data / "shards";
    const std::size_t resident_before = resident_bytes();
    Result<std::unique_ptr<command_handler::Handler>> handler =
        command_handler::Handler::start(log, deployment, keys, clock, answers, options);
    if (!handler) {
        std::fprintf(stderr, "%s\n", handler.error().message.c_str());
        return 1;
    }
    std::printf("accounts %u, transfers %llu, 1 %% repeats, 1 %% refusals\n", load.accounts,
                static_cast<unsigned long long>(load.transfers));

    std::unique_ptr<Following> following;
    if (load.views)
        following = std::make_unique<Following>(log, deployment, keys, load.data / "views");
    std::vector<Bytes> batches = opening_batches(load);
    std::uint64_t expected = commands_in(batches);
    auto start = SteadyClock::now();
    produce_all(log, answers, batches);
    answers.wait_for(expected);
    std::printf("opened and funded: %.0f a second; %.0f bytes of memory an account\n",
                static_cast<double>(expected) / seconds_since(start),
                static_cast<double>(resident_bytes() - resident_before) / load.accounts);

    batches = transfer_batches(load);
    std::size_t input_bytes = 0;
    for (const Bytes& each : batches) input_bytes += each.size();
    const std::size_t log_before = directory_bytes(load.data / "log");
    const std::uint64_t accepted_before = answers.accepted();
    const std::uint64_t first = expected;
    expected += load.transfers;
    answers.mark_at(first + load.transfers / 10 * 9);
    start = SteadyClock::now();
    produce_all(log, answers, batches);
    answers.wait_for(expected);
    const double accepted_seconds = seconds_since(start);
    const double tenth_seconds = seconds_since(answers.marked());
    const double count = static_cast<double>(load.transfers);
    std::printf("accepted: %.0f transfers a second (last tenth %.0f), %.0f ns each; %llu posted\n",
                count / accepted_seconds, count / 10 / tenth_seconds,
                accepted_seconds / count * 1e9,
                static_cast<unsigned long long>(answers.accepted() - accepted_before));
    if (following) {
        following->finish();
        std::printf("queryable: %.0f transfers a second\n", count / seconds_since(start));
    }
    lone_commands(log, answers, load);
    if (load.repeats > 0) cold_repeats(log, answers, load);
    Status stopped = (*handler)->stop();
    VOUCH_ASSERT(stopped.has_value());
    std::printf(
        "bytes: command %.1f, log %.1f a transfer; shard store %.1f, views %.1f a transfer or "
        "opening\n",
        static_cast<double>(input_bytes) / count,
        static_cast<double>(directory_bytes(load.data / "log") - log_before) / count,
        static_cast<double>(directory_bytes(load.data / "shards")) / static_cast<double>(expected),
        static_cast<double>(directory_bytes(load.data / "views")) / static_cast<double>(expected));

    reconciler::ReplayOptions replaying;
    replaying.keys = &keys;
    std::unique_ptr<cli::ViewRowsReader> rows;
    if (following) {
        Status caught_up = following->views().catch_up_to_end();
        VOUCH_ASSERT(caught_up.has_value());
        rows = cli::ViewRowsReader::open(deployment, following->views().stores());
        replaying.views = rows.get();
    }
    const Result<reconciler::ReplayReport> report = reconciler::replay(log, deployment, replaying);
    if (!report) {
        std::fprintf(stderr, "replay: %s\n", report.error().message.c_str());
        return 1;
    }
    std::printf(
        "replay with keys%s: %llu events, %.0f a second, %llu findings\n",
        following ? " and views" : "", static_cast<unsigned long long>(report->events),
        static_cast<double>(report->events) / (static_cast<double>(report->microseconds) / 1e6),
        static_cast<unsigned long long>(report->findings.count()));
    if (!report->is_clean()) std::printf("%s\n", reconciler::to_text(*report).c_str());
    return report->is_clean() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    Load load;
    for (int i = 1; i < argc; ++i) {
        const std::string option = argv[i];
        const auto value = [&] { return i + 1 < argc ? argv[++i] : const_cast<char*>("0"); };
        if (option == "--accounts") load.accounts = static_cast<std::uint32_t>(std::stoul(value()));
        if (option == "--transfers") load.transfers = std::stoull(value());
        if (option == "--lone") load.lone = std::stoull(value());
        if (option == "--repeats") load.repeats = std::stoull(value());
        if (option == "--data") load.data = value();
        if (option == "--no-views") load.views = false;
    }
    const bool own_data = load.data.empty();
    if (own_data)
        load.data =
            fs::temp_directory_path() / ("vouch-ledger-bench-" + std::to_string(::getpid()));
    const int status = run(load);
    if (own_data) fs::remove_all(load.data);
    return status;
}
