// How many plain transfers does a replay check in a second: MACs, chain, rules, ids, results?
//
// Estimate, for each event of about 110 bytes: reading and copying 20 ns, HMAC 80 ns, decoding 100
// ns, content digest 30 ns, fold 60 ns, id row and its check 60 ns: 350 ns, or 5.7 million a second
// on two cores.
//
//   replay_bench [events] [accounts] [threads]
#include "reconciler/replay/replay.h"
#include "tests/support/transfer_log.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

using namespace vouch;
using namespace vouch::test;

int main(int argc, char** argv) {
    const std::uint64_t events = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 3'000'000;
    const auto accounts =
        static_cast<std::uint32_t>(argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 100'000);
    const auto threads = static_cast<unsigned>(argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 0);
    if (events + accounts + 1 >= kEpochEventsMax || accounts < 2) {
        std::fputs("at most 16 million events, at least 2 accounts\n", stderr);
        return 2;
    }
    const SealedDeployment sealed = make_sealed_deployment();
    TransferLog maker(sealed, accounts);
    for (std::uint64_t i = 0; i < events; ++i) maker.transfer();
    RecordList records = maker.finish();
    std::printf("%llu transfers, %u accounts, %llu bytes an event, %u cores\n",
                static_cast<unsigned long long>(events), accounts,
                static_cast<unsigned long long>(maker.bytes() / (events + accounts)),
                std::thread::hardware_concurrency());
    bool is_clean = true;
    for (const bool check_macs : {true, false}) {
        reconciler::ReplayOptions options;
        if (check_macs) options.keys = &sealed.keys;
        options.threads = threads;
        const Result<reconciler::ReplayReport> report =
            reconciler::replay(records, sealed.deployment(), options);
        if (!report) {
            std::fprintf(stderr, "%s\n", report.error().message.c_str());
            return 1;
        }
        std::printf(
            "MACs %-4s %12llu events a second, %llu findings\n", check_macs ? "on" : "off",
            static_cast<unsigned long long>(report->events * 1'000'000 / report->microseconds),
            static_cast<unsigned long long>(report->findings.count()));
        is_clean = is_clean && report->is_clean();
    }
    return is_clean ? 0 : 1;
}
