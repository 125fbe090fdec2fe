// What does the HTTP server add to the ledger behind it?
//
//   http_bench [--program VOUCH] [--seconds N] [--idle N]
//
// Starts `vouch serve` on new books and asks it, over loopback, as its users do:
//
//   baseline    64 peers: GET /livez, the cheapest answer there is
//   lone        64 peers, each one transfer after the other, one command a request
//   bulk        4 peers, requests of 8,192 transfers as NDJSON
//   reads       64 peers: balances of random accounts
//   idle        one peer's balances, alone and beside 1,000 idle connections
//
// Every rate stands beside the baseline of the same run: on a machine of few cores the peers take
// as much of it as the server, whose own processor time for each is beside it. Estimate: a request
// and its answer cost some 25 us of system calls on both sides together, so two cores answer some
// 80,000 a second, and lone commands wait for a sync in common.
//
// Afterwards the books are replayed; the figures count only if they are clean.

#include "tools/server/http/api/descriptor_bounds.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

namespace fs = std::filesystem;
using SteadyClock = std::chrono::steady_clock;

constexpr std::uint32_t kAccounts = 10'000;
constexpr std::size_t kPeers = 64;
constexpr std::size_t kBulkPeers = 4;
constexpr std::size_t kBulkLines = 8192;
constexpr std::size_t kRequestsPerConnection = 1000;

[[noreturn]] void die(const std::string& why) {
    std::fprintf(stderr, "http_bench: %s\n", why.c_str());
    std::exit(1);
}

/// A keep-alive connection that is made anew when the server has had enough of it.
class Peer {
public:
    explicit Peer(std::uint16_t port) : port_(port) { connect(); }
    ~Peer() { ::close(fd_); }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    /// The body of the answer, which must be 200; empty when it is `other_status`. Until the next
    /// call.
    std::string_view ask(std::string_view request, std::string_view other_status = "") {
        if (requests_++ == kRequestsPerConnection) {
            ::close(fd_);
            connect();
            requests_ = 1;
        }
        while (!request.empty()) {
            const ssize_t sent = ::send(fd_, request.data(), request.size(), MSG_NOSIGNAL);
            if (sent <= 0) die("the server went away");
            request.remove_prefix(static_cast<std::size_t>(sent));
        }
        received_.clear();
        std::size_t size = std::string::npos;
        std::size_t head = 0;
        while (received_.size() < size || size == std::string::npos) {
            char some[65'536];
            const ssize_t got = ::recv(fd_, some, sizeof some, 0);
            if (got <= 0) die("the server closed: " + received_);
            received_.append(some, static_cast<std::size_t>(got));
            if (size != std::string::npos) continue;
            head = received_.find("\r\n\r\n");
            if (head == std::string::npos) continue;
            const std::size_t length = received_.find("Content-Length: ");
            size = head + 4 + std::strtoul(received_.c_str() + length + 16, nullptr, 10);
        }
        if (!other_status.empty() && received_.compare(9, 3, other_status) == 0) return {};
        if (received_.compare(9, 3, "200") != 0) die("answered " + received_.substr(0, 400));
        return std::string_view(received_).substr(head + 4);
    }

private:
    void connect() {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port_);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
        if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
            die("cannot connect");
        const int on = 1;
        ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }

    std::uint16_t port_;
    int fd_ = -1;
    std::size_t requests_ = 0;
    std::string received_;
};

std::string get(const std::string& target) {
    return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
}

std::string post(const std::string& type, const std::string& body) {
    return "POST /v1/commands HTTP/1.1\r\nHost: localhost\r\nContent-Type: " + type +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string account_name(std::uint64_t number) { return "account-" + std::to_string(number); }

std::string transfer(const std::string& id, std::mt19937_64& random) {
    return R"({"id":")" + id + R"(","transfer":{"debit":")" + account_name(random() % kAccounts) +
           R"(","credit":"sink","amount":"0.01"}})";
}

struct Measured {
    double per_second = 0;
    double p50_us = 0;
    double p99_us = 0;
    double server_us = 0;  ///< Processor time of the server for each.
};

/// A server that listens, and its process.
struct Asked {
    std::uint16_t port;
    pid_t pid;
};

/// Processor time of a process so far, by all of its threads.
double processor_us(pid_t pid) {
    clockid_t clock;
    timespec time{};
    if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0)
        die("no processor time of the server");
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

double quantile(const std::vector<double>& sorted, double q) {
    if (sorted.empty()) return 0;
    return sorted[static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1))];
}

/// Runs `ask` over and over in each peer. It returns how many things one request did.
Measured measure(std::size_t peers, const Asked& server, double seconds,
                 const std::function<std::size_t(Peer&, std::mt19937_64&, std::size_t)>& ask) {
    std::atomic<bool> go{false};
    std::atomic<bool> stop{false};
    std::atomic<std::size_t> done{0};
    std::vector<std::vector<double>> times(peers);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < peers; ++i) {
        threads.emplace_back([&, i] {
            std::mt19937_64 random(i + 1);
            Peer peer(server.port);
            while (!go) std::this_thread::yield();
            for (std::size_t round = 0; !stop; ++round) {
                const auto start = SteadyClock::now();
                done += ask(peer, random, i * 100'000'000 + round);
                times[i].push_back(
                    std::chrono::duration<double, std::micro>(SteadyClock::now() - start).count());
            }
        });
    }
    const double used_us = processor_us(server.pid);
    const auto start = SteadyClock::now();
    go = true;
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    stop = true;
    for (std::thread& each : threads) each.join();
    const double took = std::chrono::duration<double>(SteadyClock::now() - start).count();
    std::vector<double> all;
    for (const std::vector<double>& each : times) all.insert(all.end(), each.begin(), each.end());
    std::sort(all.begin(), all.end());
    return {.per_second = static_cast<double>(done.load()) / took,
            .p50_us = quantile(all, 0.5),
            .p99_us = quantile(all, 0.99),
            .server_us = (processor_us(server.pid) - used_us) / static_cast<double>(done.load())};
}

void print(const char* what, const Measured& measured, double baseline) {
    std::printf("%-10s %10.0f /s   p50 %8.0f us   p99 %8.0f us   server %6.2f us", what,
                measured.per_second, measured.p50_us, measured.p99_us, measured.server_us);
    if (baseline > 0) std::printf("   %.2f of the baseline", measured.per_second / baseline);
    std::printf("\n");
    std::fflush(stdout);
}

/// `vouch serve` of new books, and where it listens.
class Server {
public:
    Server(const std::string& program, const fs::path& home) {
        int out[2];
        if (::pipe(out) != 0) die("no pipe");
        pid_ = ::fork();
        if (pid_ == 0) {
            ::dup2(out[1], STDOUT_FILENO);
            ::setenv("XDG_CONFIG_HOME", home.c_str(), 1);
            const std::string books = (home / "books").string();
            ::execl(program.c_str(), "vouch", "serve", "--data", books.c_str(), "--create",
                    nullptr);
            std::_Exit(127);
        }
        ::close(out[1]);
        char line[256] = {};
        if (::read(out[0], line, sizeof line - 1) <= 0) die("the server did not start");
        const char* const colon = std::strrchr(line, ':');
        port_ = static_cast<std::uint16_t>(std::atoi(colon + 1));
    }
    Asked asked() const { return {.port = port_, .pid = pid_}; }
    void stop() {
        ::kill(pid_, SIGTERM);
        int status = 0;
        ::waitpid(pid_, &status, 0);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) die("the server ended badly");
    }

private:
    pid_t pid_ = -1;
    std::uint16_t port_ = 0;
};

void open_accounts(std::uint16_t port) {
    Peer peer(port);
    std::string lines =
        R"({"id":"open-sink","open_account":{"account":"sink","asset":"EUR/2","class":"asset","limit":"unlimited"}})"
        "\n";
    for (std::uint32_t i = 0; i < kAccounts; ++i) {
        lines += R"({"id":"open-)" + std::to_string(i) + R"(","open_account":{"account":")" +
                 account_name(i) +
                 R"(","asset":"EUR/2","class":"liability","limit":"unlimited"}})" + "\n";
        if (i % 8000 != 7999 && i + 1 != kAccounts) continue;
        (void)peer.ask(post("application/x-ndjson", lines));
        lines.clear();
    }
}

std::size_t count_accepted(std::string_view outcomes) {
    std::size_t count = 0;
    for (std::size_t at = outcomes.find("\"accepted\":true"); at != std::string_view::npos;
         at = outcomes.find("\"accepted\":true", at + 1))
        ++count;
    return count;
}

std::size_t read_balance(Peer& peer, std::mt19937_64& random, std::size_t) {
    (void)peer.ask(get("/v1/accounts/" + account_name(random() % kAccounts) + "/balance"));
    return 1;
}

/// Views that are far behind answer 503 to a question for the log's end; that is no failure here.
void wait_for_views(std::uint16_t port) {
    Peer peer(port);
    while (peer.ask(get("/v1/accounts/sink/balance?at_least=end"), "503").empty()) {
    }
}

void measure_all(const Asked& server, double seconds, std::size_t idle_peers) {
    const Measured baseline =
        measure(kPeers, server, seconds, [](Peer& peer, std::mt19937_64&, std::size_t) {
            (void)peer.ask(get("/livez"));
            return std::size_t{1};
        });
    print("baseline", baseline, 0);
    print("lone",
          measure(kPeers, server, seconds,
                  [](Peer& peer, std::mt19937_64& random, std::size_t number) {
                      const std::string command = transfer("l" + std::to_string(number), random);
                      const std::string request = post("application/json", command);
                      if (count_accepted(peer.ask(request)) != 1) die("a transfer was refused");
                      return std::size_t{1};
                  }),
          baseline.per_second);
    print("bulk",
          measure(kBulkPeers, server, seconds,
                  [](Peer& peer, std::mt19937_64& random, std::size_t number) {
                      std::string lines;
                      for (std::size_t i = 0; i < kBulkLines; ++i) {
                          lines += transfer("b" + std::to_string(number) + "-" + std::to_string(i),
                                            random);
                          lines += '\n';
                      }
                      const std::size_t accepted =
                          count_accepted(peer.ask(post("application/x-ndjson", lines)));
                      if (accepted != kBulkLines) die("a transfer was refused");
                      return accepted;
                  }),
          baseline.per_second);
    wait_for_views(server.port);
    print("reads", measure(kPeers, server, seconds, read_balance), baseline.per_second);

    const Measured alone = measure(1, server, seconds, read_balance);
    print("alone", alone, 0);
    std::vector<std::unique_ptr<Peer>> idle;
    for (std::size_t i = 0; i < idle_peers; ++i)
        idle.push_back(std::make_unique<Peer>(server.port));
    const Measured beside = measure(1, server, seconds, read_balance);
    print("beside", beside, 0);
    std::printf("beside %zu idle connections: p50 %.2f, p99 %.2f times that alone\n", idle_peers,
                beside.p50_us / alone.p50_us, beside.p99_us / alone.p99_us);
}

}  // namespace

int main(int argc, char** argv) {
    std::string program = (fs::path(argv[0]).parent_path() / "vouch").string();
    double seconds = 5;
    std::size_t idle = 1000;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view option = argv[i];
        if (option == "--program")
            program = argv[i + 1];
        else if (option == "--seconds")
            seconds = std::atof(argv[i + 1]);
        else if (option == "--idle")
            idle = std::strtoul(argv[i + 1], nullptr, 10);
        else
            die("usage: http_bench [--program VOUCH] [--seconds N] [--idle N]");
    }
    vouch::http::raise_descriptor_limit(1);
    std::string home = (fs::temp_directory_path() / "vouch-http-bench-XXXXXX").string();
    if (::mkdtemp(home.data()) == nullptr) die("no temporary directory");
    Server server(program, home);
    open_accounts(server.asked().port);
    measure_all(server.asked(), seconds, idle);
    server.stop();
    const std::string replay = "XDG_CONFIG_HOME='" + home + "' '" + program +
                               "' replay --views --data '" + home + "/books' > /dev/null";
    const bool is_clean = std::system(replay.c_str()) == 0;
    std::printf("replay with views: %s\n", is_clean ? "clean" : "NOT CLEAN");
    fs::remove_all(home);
    return is_clean ? 0 : 1;
}
