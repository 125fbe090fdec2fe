// What does it cost that money crosses shards, and what does Kafka cost?
//
//   crossing_bench [--shards N] [--accounts N] [--transfers N] [--crossing 0,10,75] [--kafka
//   HOST:PORT [--cache MIB]] [--data DIR]
//
// For each share of transfers that cross (in percent; the first one is the baseline of the others)
// a new deployment is made, its accounts opened and funded, and the transfers sent as serialised
// CommandBatches of 8,192 commands, one producer a shard, each with at most kBatchesWaiting batches
// without outcomes. 1 in 100 is a repeat of an earlier one and 1 in 100 asks for more than the
// payer has. The clock stops when the last outcome, that of the last command in transit included,
// is durable. Afterwards the log is replayed with keys, and the rate counts only if that is clean.
// A batch's time is from its production to the last of as many outcomes as its shard was asked for
// up to it; processor time is of this process by thread, in parts of all cores' time meanwhile, and
// what is left of them is the broker's and idle.
// A repeat of a command whose record has left the log's cache (--cache) is looked up at the broker.
// With --kafka the log is on topics of a broker that is there already: everything, the broker
// included, shares the cores.
//
// Estimate: a crossing transfer is three events, two steps and two records on its way, against one
// event; at 75 % the rate of outcomes should be at least a third of the one without crossing.

#include "command-handler/shard/handler.h"
#include "events/check.h"
#include "events/entries/codec.h"
#include "events/log/embedded/embedded_log.h"
#include "events/log/kafka/kafka_log.h"
#include "events/money/shard_of.h"
#include "events/world/clock.h"
#include "reconciler/replay/replay.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace vouch;
namespace fs = std::filesystem;
using SteadyClock = std::chrono::steady_clock;

constexpr std::uint64_t kBatchesWaiting = 8;

struct Load {
    std::uint32_t shards = 4;
    std::uint32_t accounts = 100'000;
    std::uint64_t transfers = 4'000'000;
    std::vector<unsigned> crossing{0, 10, 75};
    std::string kafka;
    std::uint64_t cache_mib = 4096;  // of recent records, on Kafka
    fs::path data;
};

double seconds_since(SteadyClock::time_point start) {
    return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

/// Counts what became final, by shard of the batch that asked for it.
class Outcomes final : public command_handler::AnswerSink {
public:
    explicit Outcomes(std::uint32_t shards) : final_(shards), sent_(shards) {}

    void answered(ShardId shard, Offset, std::size_t,
                  std::span<const command_handler::Answer> answers) override {
        const std::lock_guard lock(mutex_);
        std::uint64_t& final = final_[shard.value()];
        for (const command_handler::Answer& each : answers) {
            if (each.in_transit) continue;
            ++final;
            accepted_ += is_accepted(each.outcome) && !each.repeated ? 1U : 0U;
        }
        std::deque<Sent>& sent = sent_[shard.value()];
        for (; !sent.empty() && sent.front().due <= final; sent.pop_front())
            batch_ms_.push_back(seconds_since(sent.front().at) * 1e3);
        changed_.notify_all();
    }
    void stopped(ShardId shard, const Fault& fault, command_handler::FaultScope) override {
        std::fprintf(stderr, "shard %u stopped: %s\n", shard.value(), fault.message.c_str());
        std::abort();
    }

    void wait_for(std::uint32_t shard, std::uint64_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return final_[shard] >= count; });
    }
    /// A batch goes out now, the last outcome of which is the shard's `due`-th.
    void sending(std::uint32_t shard, std::uint64_t due) {
        const std::lock_guard lock(mutex_);
        sent_[shard].push_back({due, SteadyClock::now()});
    }
    std::uint64_t accepted() {
        const std::lock_guard lock(mutex_);
        return accepted_;
    }
    /// Of the batches since the last call, sorted.
    std::vector<double> batch_ms() {
        const std::lock_guard lock(mutex_);
        std::ranges::sort(batch_ms_);
        return std::exchange(batch_ms_, {});
    }

private:
    struct Sent {
        std::uint64_t due;
        SteadyClock::time_point at;
    };

    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::uint64_t> final_;
    std::vector<std::deque<Sent>> sent_;
    std::vector<double> batch_ms_;
    std::uint64_t accepted_ = 0;
};

/// Seconds of processor time of this process's threads that are alive, by name without numbers.
std::map<std::string, double> thread_seconds() {
    std::map<std::string, double> seconds;
    for (const auto& task : fs::directory_iterator("/proc/self/task")) {
        std::ifstream file(task.path() / "stat");
        std::string text{std::istreambuf_iterator<char>(file), {}};
        const std::size_t begin = text.find('(') + 1;
        const std::size_t end = text.rfind(')');
        std::string name = text.substr(begin, end - begin);
        std::erase_if(name, [](char c) { return c == '-' || (c >= '0' && c <= '9'); });
        // User and system time are the 14th and 15th field, the name the second.
        std::istringstream rest(text.substr(end + 1));
        std::string skipped;
        for (int i = 0; i < 11; ++i) rest >> skipped;
        double user = 0;
        double system = 0;
        rest >> user >> system;
        seconds[name] += (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
    }
    return seconds;
}

void print_processor_time(const std::map<std::string, double>& before, double seconds) {
    const double all = seconds * std::max(1U, std::thread::hardware_concurrency());
    double rest = 100;
    std::printf("  processor time:");
    for (const auto& [name, now] : thread_seconds()) {
        const auto found = before.find(name);
        const double part = 100 * (now - (found == before.end() ? 0 : found->second)) / all;
        rest -= part;
        if (part >= 1) std::printf(" %s %.0f %%,", name.c_str(), part);
    }
    std::printf(" the rest %.0f %%\n", rest);
}

/// The batches for one shard.
struct ShardInput {
    std::vector<Bytes> batches;
    std::vector<std::uint64_t> commands;  // in each batch
    std::size_t bytes = 0;

    void add(const Command& command) {
        if (batches.empty() || commands.back() == kBatchCommandsMax ||
            batches.back().size() > kBatchBytesMax - 4096) {
            batches.emplace_back();
            commands.push_back(0);
        }
        const std::size_t before = batches.back().size();
        append_to_batch(command, batches.back());
        ++commands.back();
        bytes += batches.back().size() - before;
    }
};

/// Accounts by the shard they live on; the first of each shard funds the others.
std::vector<std::vector<AccountId>> spread_accounts(const Load& load) {
    std::vector<std::vector<AccountId>> accounts(load.shards);
    for (std::uint32_t i = 0; i < load.accounts; ++i) {
        const AccountId id{0x5eedULL << 32 | i, i * 0x9e3779b97f4a7c15ULL | 1};
        accounts[shard_of(id, load.shards).value()].push_back(id);
    }
    return accounts;
}

std::vector<ShardInput> openings(const std::vector<std::vector<AccountId>>& accounts) {
    std::vector<ShardInput> inputs(accounts.size());
    const Asset eur = *Asset::make("EUR", Scale(2));
    for (std::size_t shard = 0; shard < accounts.size(); ++shard) {
        for (std::size_t i = 0; i < accounts[shard].size(); ++i) {
            Command command;
            command.id = CommandId(1 + shard, 2 * i + 1);
            OpenAccount open;
            open.account = accounts[shard][i];
            open.asset = eur;
            open.account_class = AccountClass::liability;
            if (i == 0) open.limit = Limit::unlimited();
            command.body = open;
            inputs[shard].add(command);
            if (i == 0) continue;
            command.id = CommandId(1 + shard, 2 * i + 2);
            command.body = Transfer{accounts[shard][0], accounts[shard][i], Amount(1'000'000),
                                    Balancing::none};
            inputs[shard].add(command);
        }
    }
    return inputs;
}

std::vector<ShardInput> transfers(const Load& load, unsigned crossing,
                                  const std::vector<std::vector<AccountId>>& accounts) {
    std::vector<ShardInput> inputs(load.shards);
    std::mt19937_64 random(4711);
    for (std::uint64_t i = 0; i < load.transfers; ++i) {
        // A repeat is made from the same number as the first time.
        const std::uint64_t number = random() % 100 == 0 && i > 0 ? random() % i : i;
        std::mt19937_64 draw(number + 1);
        const std::size_t from = draw() % load.shards;
        const bool crosses = load.shards > 1 && draw() % 100 < crossing;
        const std::size_t to =
            crosses ? (from + 1 + draw() % (load.shards - 1)) % load.shards : from;
        const std::size_t debit = 1 + draw() % (accounts[from].size() - 1);
        std::size_t credit = 1 + draw() % (accounts[to].size() - 1);
        if (from == to && credit == debit) credit = credit == 1 ? 2 : credit - 1;
        const bool too_much = draw() % 100 == 0;
        Command command;
        command.id = CommandId(draw() | 1ULL << 63, number + 1);
        command.body =
            Transfer{accounts[from][debit], accounts[to][credit],
                     Amount(too_much ? u128{1'000'000'000'000} : u128{100 + draw() % 5000}),
                     Balancing::none};
        inputs[from].add(command);
    }
    return inputs;
}

/// Sends one shard's batches, a bounded number ahead of their outcomes, which begin at `done`.
/// Adds what handing a batch to the log took to `producing_us`.
void play_shard(Log& log, Outcomes& outcomes, ShardInput& input, std::uint32_t shard,
                std::uint64_t done, std::atomic<std::uint64_t>& producing_us) {
    std::vector<std::uint64_t> due;  // outcomes there are once the batch is final
    for (std::size_t i = 0; i < input.batches.size(); ++i) {
        if (i >= kBatchesWaiting) outcomes.wait_for(shard, due[i - kBatchesWaiting]);
        done += input.commands[i];
        due.push_back(done);
        outcomes.sending(shard, done);
        const auto start = SteadyClock::now();
        const Result<Offset> offset = log.produce(ShardId(shard), std::move(input.batches[i]));
        VOUCH_ASSERT(offset.has_value());
        producing_us += static_cast<std::uint64_t>(seconds_since(start) * 1e6);
    }
    outcomes.wait_for(shard, done);
}

/// Plays all inputs, a thread a shard; seconds until everything is final. Adds to `done`.
double play(Log& log, Outcomes& outcomes, std::vector<ShardInput>& inputs,
            std::vector<std::uint64_t>& done) {
    const std::map<std::string, double> before = thread_seconds();
    const auto start = SteadyClock::now();
    std::atomic<std::uint64_t> producing_us{0};
    std::vector<std::thread> threads;
    for (std::uint32_t shard = 0; shard < inputs.size(); ++shard) {
        threads.emplace_back([&, shard] {
            play_shard(log, outcomes, inputs[shard], shard, done[shard], producing_us);
        });
    }
    for (std::thread& each : threads) each.join();
    const double seconds = seconds_since(start);
    std::size_t batches = 0;
    for (const ShardInput& input : inputs) batches += input.batches.size();
    const std::vector<double> ms = outcomes.batch_ms();
    VOUCH_ASSERT(ms.size() == batches);
    std::printf(
        "  %zu batches in %.1f s, each in p50 %.0f ms, p99 %.0f ms, and %.1f ms of it with "
        "its producer\n",
        batches, seconds, ms[batches / 2], ms[batches * 99 / 100],
        static_cast<double>(producing_us) / 1e3 / static_cast<double>(batches));
    print_processor_time(before, seconds);
    for (std::size_t shard = 0; shard < inputs.size(); ++shard) {
        for (const std::uint64_t count : inputs[shard].commands) done[shard] += count;
    }
    return seconds;
}

std::unique_ptr<Log> open_log(const Load& load, const fs::path& data, const NewDeployment& made) {
    if (load.kafka.empty()) {
        Result<std::unique_ptr<EmbeddedLog>> log =
            EmbeddedLog::open({.directory = (data / "log").string(), .shard_count = load.shards});
        VOUCH_ASSERT(log.has_value());
        return std::move(*log);
    }
    KafkaLogOptions options;
    options.bootstrap = load.kafka;
    options.name = "crossing-bench-" + std::to_string(::getpid()) + "-" + data.filename().string();
    options.shard_count = load.shards;
    options.replication = kSingleBroker;
    options.cache_bytes = load.cache_mib << 20;
    options.cache_place.directory = data;
    const Result<Bytes> created = KafkaLog::create(options, made.bytes);
    Result<std::unique_ptr<KafkaLog>> log =
        created ? KafkaLog::open(options) : Result<std::unique_ptr<KafkaLog>>(created.error());
    if (!log) {
        std::fprintf(stderr, "%s\n", log.error().message.c_str());
        std::exit(1);
    }
    return std::move(*log);
}

/// Transfers a second at this share of crossing ones; zero when the books are not clean.
double measure(const Load& load, unsigned crossing, double baseline) {
    const fs::path data = load.data / ("at-" + std::to_string(crossing));
    fs::create_directories(data);
    const NewDeployment made = make_deployment(load.shards, false, SystemClock().now());
    const Deployment& deployment = made.deployment;
    std::array<std::byte, 32> root{};
    root.fill(std::byte{0x42});
    const EpochKeys keys(SecretKey(root), deployment);
    const std::unique_ptr<Log> log = open_log(load, data, made);
    SystemClock clock;
    Outcomes outcomes(load.shards);
    command_handler::HandlerOptions options;
    options.directory = data / "shards";
    Result<std::unique_ptr<command_handler::Handler>> handler =
        command_handler::Handler::start(*log, deployment, keys, clock, outcomes, options);
    if (!handler) {
        std::fprintf(stderr, "%s\n", handler.error().message.c_str());
        std::exit(1);
    }
    const std::vector<std::vector<AccountId>> accounts = spread_accounts(load);
    std::vector<std::uint64_t> done(load.shards);
    std::vector<ShardInput> inputs = openings(accounts);
    (void)play(*log, outcomes, inputs, done);
    inputs = transfers(load, crossing, accounts);
    const std::uint64_t accepted_before = outcomes.accepted();
    const double seconds = play(*log, outcomes, inputs, done);
    const double rate = static_cast<double>(load.transfers) / seconds;
    const Status stopped = (*handler)->stop();
    VOUCH_ASSERT(stopped.has_value());

    reconciler::ReplayOptions replaying;
    replaying.keys = &keys;
    const Result<reconciler::ReplayReport> report = reconciler::replay(*log, deployment, replaying);
    const bool is_clean = report && report->is_clean();
    std::printf(
        "%u shards, %u %% crossing: %.0f transfers a second final, %llu posted; ratio %.2f; replay "
        "%s\n",
        load.shards, crossing, rate,
        static_cast<unsigned long long>(outcomes.accepted() - accepted_before),
        baseline > 0 ? rate / baseline : 1.0, is_clean ? "clean" : "NOT clean");
    if (report && !is_clean) std::printf("%s\n", reconciler::to_text(*report).c_str());
    std::fflush(stdout);
    return is_clean ? rate : 0;
}

std::vector<unsigned> numbers_in(const std::string& text) {
    std::vector<unsigned> numbers;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t comma = std::min(text.find(',', at), text.size());
        numbers.push_back(static_cast<unsigned>(std::stoul(text.substr(at, comma - at))));
        at = comma + 1;
    }
    return numbers;
}

}  // namespace

int main(int argc, char** argv) {
    Load load;
    for (int i = 1; i < argc; ++i) {
        const std::string option = argv[i];
        const auto value = [&] { return i + 1 < argc ? argv[++i] : const_cast<char*>("1"); };
        if (option == "--shards") load.shards = static_cast<std::uint32_t>(std::stoul(value()));
        if (option == "--accounts") load.accounts = static_cast<std::uint32_t>(std::stoul(value()));
        if (option == "--transfers") load.transfers = std::stoull(value());
        if (option == "--crossing") load.crossing = numbers_in(value());
        if (option == "--kafka") load.kafka = value();
        if (option == "--cache") load.cache_mib = std::stoull(value());
        if (option == "--data") load.data = value();
    }
    const bool own_data = load.data.empty();
    if (own_data)
        load.data =
            fs::temp_directory_path() / ("vouch-crossing-bench-" + std::to_string(::getpid()));
    std::printf("%s log, %u accounts, %llu transfers, 1 %% repeats, 1 %% refusals\n",
                load.kafka.empty() ? "embedded" : "kafka", load.accounts,
                static_cast<unsigned long long>(load.transfers));
    double baseline = 0;
    bool is_clean = true;
    for (const unsigned crossing : load.crossing) {
        const double rate = measure(load, crossing, baseline);
        is_clean = is_clean && rate > 0;
        if (baseline == 0) baseline = rate;
    }
    if (own_data) fs::remove_all(load.data);
    return is_clean ? 0 : 1;
}
