// How many transfers a second does one projector make queryable, and on how many bytes of disk?
//
//   projector_bench [transfers] [accounts] [directory] [bulk memory in MiB] [part in batches: 1/n]
//
// Both ways of writing take the same log, with MACs checked: bulk loads all of it, then plain write
// batches a tenth of it (0: none). Estimate: three rows a transfer at 230 ns, decoding 150 ns, MAC
// 80 ns: one microsecond, before merging. Run under `taskset -c 0` it measures one core, merging
// included.

#include "events/check.h"
#include "events/entries/codec.h"
#include "projector/views/projector.h"
#include "projector/views/view_store.h"
#include "tests/projector/memory_log.h"

#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using namespace vouch;

constexpr std::size_t kBodyBytes = 850'000;
constexpr std::int64_t kStart = 1'767'225'600'000'000;

struct Account {
    Totals totals;
    std::uint64_t version = 0;
    AccountId id;
};

struct Load {
    std::uint64_t transfers = 4'000'000;
    std::uint32_t accounts = 1'000'000;
};

/// Writes the log: every account opened, then transfers between random ones.
void write_log(const Load& load, test::RecordWriter& writer) {
    std::mt19937_64 random(4711);
    std::int64_t time = kStart;
    std::vector<Account> accounts(load.accounts);
    const auto seal_when_full = [&] {
        if (writer.body_bytes() >= kBodyBytes) writer.seal(Timestamp(time += 8000));
    };
    const Asset eur = *Asset::make("EUR", Scale(2));
    for (std::uint32_t i = 0; i < load.accounts; ++i) {
        Account& account = accounts[i];
        account.id = AccountId(random(), random());
        account.version = 1;
        OpenAccount open;
        open.account = account.id;
        open.asset = eur;
        open.account_class = AccountClass::liability;
        open.limit = Limit::unlimited();
        CommandDecided opened;
        opened.command.id = CommandId(random(), random());
        opened.command.body = open;
        opened.outcome = Outcome::opened;
        const Change change{AccountNumber(i), Version(1), {}, open.limit, {}, {}, {}, account.id};
        opened.changes = {&change, 1};
        writer.add(opened);
        seal_when_full();
    }
    for (std::uint64_t i = 0; i < load.transfers; ++i) {
        const auto debit = static_cast<std::uint32_t>(random() % load.accounts);
        const auto credit = static_cast<std::uint32_t>(
            (debit + 1 + random() % (load.accounts - 1)) % load.accounts);
        const Amount amount(1 + random() % 100'000);
        Account& payer = accounts[debit];
        Account& payee = accounts[credit];
        payer.totals.debits_posted = *payer.totals.debits_posted.plus(amount);
        payee.totals.credits_posted = *payee.totals.credits_posted.plus(amount);
        CommandDecided posted;
        posted.command.id = CommandId(random(), random());
        posted.command.body = Transfer{payer.id, payee.id, amount, Balancing::none};
        posted.outcome = Outcome::posted;
        const Change changes[] = {{AccountNumber(debit),
                                   Version(++payer.version),
                                   payer.totals,
                                   Limit::unlimited(),
                                   {},
                                   Side::debit,
                                   amount,
                                   payer.id},
                                  {AccountNumber(credit),
                                   Version(++payee.version),
                                   payee.totals,
                                   Limit::unlimited(),
                                   {},
                                   Side::credit,
                                   amount,
                                   payee.id}};
        posted.changes = changes;
        writer.add(posted);
        seal_when_full();
    }
    writer.seal(Timestamp(time));
}

double seconds_of(const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
}

double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

std::uint64_t bytes_below(const fs::path& directory) {
    std::uint64_t bytes = 0;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory)) {
        if (entry.is_regular_file()) bytes += entry.file_size();
    }
    return bytes;
}

std::size_t files_below(const fs::path& directory) {
    std::size_t files = 0;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory)) {
        if (entry.path().extension() == ".sst") ++files;
    }
    return files;
}

struct Setting {
    const char* name;
    projector::ProjectorOptions options;
    RecordNumber until;
};

void measure(const Setting& setting, test::MemoryLog& log, const test::TestDeployment& deployment,
             const fs::path& directory) {
    using Clock = std::chrono::steady_clock;
    fs::remove_all(directory);
    auto store = projector::rocks_view_stores().open(directory, SecretKey());
    VOUCH_ASSERT(store);
    auto projector = projector::Projector::start(log, deployment.deployment, ShardId(0), **store,
                                                 deployment.keys.get(), setting.options);
    VOUCH_ASSERT(projector);
    const auto start = Clock::now();
    const double cpu_start = cpu_seconds();
    const Status done = (*projector)->catch_up(setting.until);
    if (!done) std::fprintf(stderr, "%s\n", done.error().message.c_str());
    VOUCH_ASSERT(done);
    const double wall = std::chrono::duration<double>(Clock::now() - start).count();
    const double cpu = cpu_seconds() - cpu_start;
    const auto events = static_cast<double>((*store)->position()->next_event.value());
    projector->reset();
    store->reset();
    std::printf(
        "%-12s %10.0f events  %8.0f events/s  %6.0f ns cpu/event  %6.1f bytes/event  %zu files\n",
        setting.name, events, events / wall, cpu / events * 1e9,
        static_cast<double>(bytes_below(directory)) / events, files_below(directory));
    fs::remove_all(directory);
}

}  // namespace

int main(int argc, char** argv) {
    Load load;
    if (argc > 1) load.transfers = std::strtoull(argv[1], nullptr, 10);
    if (argc > 2) load.accounts = static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10));
    const fs::path directory = argc > 3 ? argv[3] : fs::temp_directory_path() / "projector_bench";
    projector::ProjectorOptions bulk;
    bulk.bulk_bytes_min = 1;
    if (argc > 4) bulk.bulk_memory_bytes = std::strtoull(argv[4], nullptr, 10) << 20;
    projector::ProjectorOptions batches;
    batches.bulk_bytes_min = static_cast<std::size_t>(-1);

    const std::uint64_t batch_part = argc > 5 ? std::strtoull(argv[5], nullptr, 10) : 10;

    const test::TestDeployment deployment(1);
    test::MemoryLog log(1);
    test::RecordWriter writer(log, deployment, ShardId(0));
    write_log(load, writer);
    std::size_t bytes = 0;
    for (const Bytes& record : log.records(ShardId(0))) bytes += record.size();
    std::printf("%llu transfers, %u accounts, %zu records, %.1f log bytes/event\n",
                static_cast<unsigned long long>(load.transfers), load.accounts,
                log.records(ShardId(0)).size(),
                static_cast<double>(bytes) / static_cast<double>(writer.next_event().value()));
    const RecordNumber end(log.records(ShardId(0)).size());
    measure({"bulk", bulk, end}, log, deployment, directory);
    if (batch_part > 0) {
        const RecordNumber until(end.value() / batch_part + 1);
        measure({"write batch", batches, until}, log, deployment, directory);
    }
    return 0;
}
