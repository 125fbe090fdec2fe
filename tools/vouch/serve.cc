#include "command-handler/shard/handler.h"
#include "events/log/clock.h"
#include "events/log/kafka/kafka_log.h"
#include "events/log/scrub.h"
#include "tools/vouch/command_door.h"
#include "tools/vouch/http/server.h"
#include "tools/vouch/http/shard_health.h"
#include "tools/vouch/http/view_follower.h"
#include "tools/vouch/opened_books.h"
#include "tools/vouch/server_mark.h"
#include "tools/vouch/subcommands.h"
#include "tools/vouch/submit_stream.h"
#include "tools/vouch/talk.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace vouch::cli {

namespace {

struct ServeArguments {
    DataOptions data;
    std::string listen = "127.0.0.1:0";
    std::vector<std::string> roles = {"handler", "projector", "api"};

    bool has(const std::string& role) const {
        return std::find(roles.begin(), roles.end(), role) != roles.end();
    }
};

/// SIGTERM, SIGINT and SIGHUP as a descriptor, for every thread started from now on. A SIGHUP that
/// was ignored before (nohup) stays so.
class StopSignals {
public:
    StopSignals() {
        sigset_t stops;
        sigemptyset(&stops);
        sigaddset(&stops, SIGTERM);
        sigaddset(&stops, SIGINT);
        struct sigaction hang_up {};
        ::sigaction(SIGHUP, nullptr, &hang_up);
        if (hang_up.sa_handler != SIG_IGN) sigaddset(&stops, SIGHUP);
        ::pthread_sigmask(SIG_BLOCK, &stops, nullptr);
        // A peer that goes away while it is answered is no reason to end.
        std::signal(SIGPIPE, SIG_IGN);
        fd_ = ::signalfd(-1, &stops, SFD_CLOEXEC | SFD_NONBLOCK);
        if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
    }
    ~StopSignals() { ::close(fd_); }
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;

    int fd() const { return fd_; }

private:
    int fd_ = -1;
};

/// Ends the process at once when it is told to stop while this lives: a start may read for long,
/// nobody is served yet, and what it writes survives an end at any point.
class StopWhileStarting {
public:
    explicit StopWhileStarting(const StopSignals& signals)
        : thread_([this, fd = signals.fd()] { watch(fd); }) {}
    ~StopWhileStarting() {
        over_.wake();
        thread_.join();
    }
    StopWhileStarting(const StopWhileStarting&) = delete;
    StopWhileStarting& operator=(const StopWhileStarting&) = delete;

private:
    void watch(int signals) {
        std::array<pollfd, 2> sources{pollfd{.fd = signals, .events = POLLIN, .revents = 0},
                                      pollfd{.fd = over_.fd(), .events = POLLIN, .revents = 0}};
        while (::poll(sources.data(), sources.size(), -1) < 0 && errno == EINTR) {
        }
        if ((sources[1].revents & POLLIN) != 0) return;
        say("told to stop while starting; nobody was served");
        std::_Exit(static_cast<int>(ExitCode::done));
    }

    WakeDescriptor over_;
    std::thread thread_;
};

/// Passes on what shards answer, and keeps why nothing goes on, if nothing does.
class WatchedDoor final : public command_handler::AnswerSink {
public:
    WatchedDoor(CommandDoor& door, WakeDescriptor& wake) : door_(door), wake_(wake) {}

    void answered(ShardId shard, Offset batch, std::size_t first,
                  std::span<const command_handler::Answer> answers) override {
        door_.answered(shard, batch, first, answers);
    }
    void stopped(ShardId shard, const Fault& fault, command_handler::FaultScope scope) override {
        door_.stopped(shard, fault, scope);
        if (scope == command_handler::FaultScope::shard) return;
        has_stopped_ = true;
        wake_.wake();
    }
    void held_back(const command_handler::HeldBack& held) override { door_.held_back(held); }
    bool has_stopped() const { return has_stopped_; }

private:
    CommandDoor& door_;
    WakeDescriptor& wake_;
    std::atomic<bool> has_stopped_{false};
};

/// A deployment at work: the parts that its roles ask for, started in the order in which they need
/// each other and stopped in the other one.
class Deployed {
public:
    Deployed(OpenedBooks books, WakeDescriptor& wake) : books_(std::move(books)), wake_(wake) {}

    Status start(const ServeArguments& arguments, const http::ListenAddress& address,
                 const StopSignals& signals) {
        if (Status started = start_books(arguments, signals); !started) return started;
        if (!arguments.has("api")) return {};
        parts_.deployment = &books_.deployment;
        parts_.program_version = VOUCH_VERSION;
        parts_.views = views_.get();
        parts_.scrub = scrub_ ? &*scrub_ : nullptr;
        if (handler_) {
            parts_.door = &*door_;
            parts_.handler = handler_.get();
            parts_.log = books_.writer;
            if (auto* const brokers = dynamic_cast<KafkaLog*>(books_.writer))
                parts_.alarms = [brokers] { return brokers->alarms(); };
        }
        const unsigned cores = std::max(std::thread::hardware_concurrency(), 1U);
        Result<std::unique_ptr<http::Server>> server =
            http::Server::start(parts_, address, std::clamp(cores / 2, 1U, kIoThreadsMax));
        if (!server) return server.error();
        server_ = std::move(*server);
        serving_.store(server_.get());
        // Who finds a server by its books has both commands and questions.
        if (handler_ && views_) {
            Result<ServerMark> mark = ServerMark::take(books_.directory, server_->url());
            if (!mark) return mark.error();
            mark_.emplace(std::move(*mark));
            if (Status listening = server_->listen_in(books_.directory); !listening)
                return listening;
        }
        return print(server_->url() + "\n");
    }

    /// What went wrong by itself, if something has.
    std::optional<Fault> fault() {
        if (watched_ && watched_->has_stopped())
            return Fault{FaultCode::storage, "the ledger has stopped"};
        return std::nullopt;
    }

    /// Says, once, when a view stands still for good or is damaged: the ledger goes on, and /readyz
    /// says so too.
    void tell_of_views() {
        if (!views_) return;
        told_.resize(books_.deployment.shards);
        for (std::uint32_t i = 0; i < told_.size(); ++i) {
            const std::optional<Fault> fault = views_->fault(ShardId(i));
            if (fault && !std::exchange(told_[i].stop, true))
                say("a view has stopped: " + fault->message);
            const std::optional<Fault> damage = views_->damage(ShardId(i));
            if (damage && !std::exchange(told_[i].damage, true))
                say(http::damage_text(ShardId(i), *damage));
        }
    }

    /// Stops taking, finishes what was read. The first thing that went wrong.
    Status stop() {
        Status first;
        // Shards that wait for room would answer nobody, and not end.
        if (books_.files) books_.files->stop_waiting();
        if (server_) {
            mark_.reset();
            if (!server_->drain()) say("some requests were not answered in time");
        }
        if (handler_) first = handler_->stop();
        if (door_) door_->stop();
        serving_.store(nullptr);
        if (server_) server_->stop();
        if (views_) views_->stop();
        server_.reset();
        return first;
    }

private:
    static constexpr unsigned kIoThreadsMax = 4;

    /// What may read or wait for long before anybody is served.
    Status start_books(const ServeArguments& arguments, const StopSignals& signals) {
        const StopWhileStarting stop(signals);
        if (arguments.has("handler")) {
            if (Status started = start_handler(arguments); !started) return started;
        }
        if (arguments.has("projector")) return start_projector();
        return {};
    }

    Status start_handler(const ServeArguments& arguments) {
        door_.emplace(*books_.writer, books_.deployment.shards);
        door_->on_answers([this] {
            if (ViewFollower* const views = following_.load()) views->poke();
        });
        watched_.emplace(*door_, wake_);
        Result<std::unique_ptr<command_handler::Handler>> handler = command_handler::Handler::start(
            *books_.writer, books_.deployment, books_.keys, clock_, *watched_,
            handler_options(books_, arguments.data));
        if (!handler) return handler.error();
        handler_ = std::move(*handler);
        if (books_.files) books_.files->wait_again();
        for (const std::string& warning : handler_->warnings()) say(warning);
        // On topics each round would fetch all of them; there replay is how to look.
        if (!books_.deployment.kafka) {
            scrub_.emplace(*books_.log, books_.deployment, books_.keys,
                           [](const RottenRecord& rotten) {
                               say("ALARM: the log is not what was written: " + rotten.text() +
                                   "; vouch recover says what to do");
                           });
        }
        return {};
    }

    Status start_projector() {
        const auto changed = [this] {
            if (http::Server* const server = serving_.load()) server->views_changed();
            const ViewFollower* const views = following_.load();
            for (std::uint32_t i = 0; views && i < books_.deployment.shards; ++i) {
                if (!views->fault(ShardId(i)) && !views->damage(ShardId(i))) continue;
                wake_.wake();
                break;
            }
        };
        Result<std::unique_ptr<ViewFollower>> views =
            ViewFollower::start(*books_.log, books_.deployment, books_.keys, books_.views, changed);
        if (!views) return views.error();
        views_ = std::move(*views);
        for (const std::string& warning : views_->warnings()) say(warning);
        following_.store(views_.get());
        return {};
    }

    using ViewFollower = http::ViewFollower;

    OpenedBooks books_;
    WakeDescriptor& wake_;
    struct Told {
        bool stop = false;
        bool damage = false;
    };
    std::vector<Told> told_;  ///< what people have heard of a shard's view
    std::optional<ServerMark> mark_;  ///< where other processes find both commands and questions
    SystemClock clock_;
    std::atomic<ViewFollower*> following_{nullptr};
    std::atomic<http::Server*> serving_{nullptr};
    std::optional<CommandDoor> door_;
    std::optional<WatchedDoor> watched_;
    std::optional<BackgroundScrub> scrub_;
    std::unique_ptr<command_handler::Handler> handler_;
    std::unique_ptr<ViewFollower> views_;
    http::LedgerParts parts_;
    std::unique_ptr<http::Server> server_;
};

ExitCode serve(const ServeArguments& arguments) {
    const Result<http::ListenAddress> address = http::parse_listen_address(arguments.listen);
    if (!address) return fail(address.error());
    // Before anything is made: books that nobody then serves would be left behind.
    if (arguments.data.create && arguments.has("api")) {
        if (Status is_free = http::check_free(*address); !is_free) return fail(is_free.error());
    }
    const StopSignals signals;
    WakeDescriptor wake;
    Result<OpenedBooks> books =
        open_books(arguments.data, arguments.has("handler") ? BooksUse::write : BooksUse::read);
    if (!books) return fail(books.error());
    if (const auto few = http::raise_descriptor_limit(books->deployment.shards)) say(*few);
    Deployed deployed(std::move(*books), wake);
    Status result = deployed.start(arguments, *address, signals);
    std::array<pollfd, 2> sources{pollfd{.fd = signals.fd(), .events = POLLIN, .revents = 0},
                                  pollfd{.fd = wake.fd(), .events = POLLIN, .revents = 0}};
    while (result && (sources[0].revents & POLLIN) == 0) {
        (void)::poll(sources.data(), sources.size(), -1);
        wake.reset();
        deployed.tell_of_views();
        if (const std::optional<Fault> fault = deployed.fault()) result = *fault;
    }
    const Status stopped = deployed.stop();
    if (!stopped) return fail(stopped.error());
    return result ? ExitCode::done : fail(result.error());
}

}  // namespace

void add_serve(CLI::App& app, ExitCode& exit) {
    auto arguments = std::make_shared<ServeArguments>();
    CLI::App* const command =
        app.add_subcommand("serve", "Run a deployment until it is told to stop");
    command->description(
        "Takes commands and answers questions over HTTP, and keeps the views up to date. Prints "
        "its\n"
        "address when it is ready and, with all roles, listens on DIR/socket too, where the other "
        "subcommands\n"
        "find it. Roles may be in processes of their own over the same DIR; only one may take\n"
        "commands.");
    add_data_options(*command, arguments->data);
    add_kafka_options(*command, arguments->data);
    command->add_flag("--create", arguments->data.create, "Make new books if there are none");
    command
        ->add_option("--shards", arguments->data.shards,
                     "Shards of new books (1; 4 on Kafka), for ever")
        ->type_name("N");
    command->add_flag("--test-clock", arguments->data.test_clock,
                      "New books have a clock that only {\"clock\":TIME} lines move");
    add_clock_option(*command, arguments->data);
    command
        ->add_option("--listen", arguments->listen,
                     "Loopback address and port (127.0.0.1:0: any free port)")
        ->type_name("ADDRESS:PORT");
    command->add_option("--roles", arguments->roles, "Which parts to run (all)")
        ->delimiter(',')
        ->check(CLI::IsMember({"handler", "projector", "api"}))
        ->type_name("handler,projector,api");
    command->footer(
        "Example:\n"
        "  vouch serve --data books --create --listen 127.0.0.1:8080\n"
        "  curl http://127.0.0.1:8080/v1/accounts/cash/balance\n"
        "  vouch serve --data books --create --kafka localhost:9092 --name books --replicas 1 "
        "--in-sync 1\n"
        "SIGTERM, SIGINT, SIGHUP: takes no more, answers what is under way, and ends with 0.");
    command->callback([arguments, &exit] { exit = serve(*arguments); });
}

}  // namespace vouch::cli
