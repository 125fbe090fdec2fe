#include "tools/server/deployment/run.h"

#include "tools/server/deployment/end_in_time.h"
#include "tools/server/deployment/stop_signals.h"
#include "tools/server/http/api/descriptor_bounds.h"
#include "tools/terminal/say.h"

#include <poll.h>

#include <array>
#include <optional>
#include <utility>

namespace vouch::server {

Status run(const RunSettings& settings) {
    const Result<http::ListenAddress> address = http::parse_listen_address(settings.listen);
    if (!address) return address.error();
    // Before anything is made: books that nobody then serves would be left behind.
    if (settings.data.create && settings.roles.api) {
        if (Status is_free = http::check_free(*address); !is_free) return is_free;
    }
    const StopSignals signals;
    // Books on Kafka wait for another handler to be gone before they are open, and new ones for
    // brokers that answer: `--create` goes on with what was begun. In files what is being made
    // takes a moment, and is not left half made.
    std::optional<StopWhileStarting> starting;
    if (settings.data.kafka || places::has_books(settings.data.directory))
        starting.emplace(signals);
    command_handler::WakeDescriptor wake;
    Result<places::OpenedBooks> books = places::open_books(
        settings.data, settings.roles.handler ? places::BooksUse::write : places::BooksUse::read);
    if (!books) return books.error();
    if (const auto few = http::raise_descriptor_limit(books->deployment.shards))
        terminal::say(*few);
    if (!starting) starting.emplace(signals);
    const bool is_on_brokers = books->deployment.kafka.has_value();
    std::optional<EndInTime> end;  // outlives all that may keep it from ending
    Deployed deployed(std::move(*books), wake);
    Status result = deployed.start_books(settings.data, settings.roles);
    starting.reset();
    if (result && settings.roles.api) result = deployed.start_api(*address, settings.commit);
    std::array<pollfd, 2> sources{pollfd{.fd = signals.fd(), .events = POLLIN, .revents = 0},
                                  pollfd{.fd = wake.fd(), .events = POLLIN, .revents = 0}};
    while (result && (sources[0].revents & POLLIN) == 0) {
        (void)::poll(sources.data(), sources.size(), -1);
        wake.reset();
        deployed.tell_of_views();
        if (const std::optional<Fault> fault = deployed.fault()) result = *fault;
    }
    if (is_on_brokers) end.emplace(result ? deployed.stopped_shard() : result.error());
    if (end) end->hurry_when([&deployed] { return deployed.outage(); });
    Status stopped = deployed.stop();
    if (end) end->ask_no_more();
    return stopped ? result : stopped;
}

}  // namespace vouch::server
