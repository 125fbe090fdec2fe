#include "tools/server/deployment/deployed.h"

#include "events/world/thread.h"
#include "tools/server/http/api/shard_health.h"
#include "tools/terminal/say.h"

#include <algorithm>
#include <string>
#include <utility>

namespace vouch::server {

namespace {

constexpr unsigned kIoThreadsMax = 4;

}  // namespace

Status Deployed::start_api(const http::ListenAddress& address, const std::string& commit) {
    parts_.deployment = &books_.deployment;
    parts_.program_version = VOUCH_VERSION;
    parts_.program_commit = commit;
    parts_.views = views_.get();
    parts_.scrub = scrub_ ? &*scrub_ : nullptr;
    parts_.log = books_.log.get();
    parts_.directory = books_.directory;
    if (handler_) {
        parts_.gateway = &*gateway_;
        parts_.handler = handler_.get();
        parts_.told = &watched_->told();
    } else {
        books_.log->watch();
    }
    Result<std::unique_ptr<http::ApiServer>> server =
        http::ApiServer::start(parts_, address, std::clamp(count_cores() / 2, 1U, kIoThreadsMax));
    if (!server) return server.error();
    server_ = std::move(*server);
    serving_.store(server_.get());
    // Who finds a server by its books has both commands and questions.
    if (handler_ && views_) {
        Result<places::ServerMark> mark =
            places::ServerMark::take(books_.directory, server_->url());
        if (!mark) return mark.error();
        mark_.emplace(std::move(*mark));
        if (Status listening = server_->listen_in(books_.directory); !listening) return listening;
    }
    return terminal::print(server_->url() + "\n");
}

std::optional<Fault> Deployed::fault() {
    if (watched_ && watched_->has_stopped())
        return Fault{FaultCode::storage, "the ledger has stopped"};
    return std::nullopt;
}

std::optional<Fault> Deployed::stopped_shard() const {
    if (!handler_) return std::nullopt;
    const std::vector<command_handler::StoppedShard> stopped = handler_->stopped();
    return stopped.empty() ? std::nullopt : std::optional<Fault>(stopped.front().fault);
}

void Deployed::tell_of_views() {
    if (!views_) return;
    told_.resize(books_.deployment.shards);
    for (std::uint32_t i = 0; i < told_.size(); ++i) {
        const std::optional<Fault> fault = views_->fault(ShardId(i));
        if (!fault) told_[i].stop = false;  // it goes on: a second stop is told, too
        if (fault && !std::exchange(told_[i].stop, true))
            terminal::say("ALARM: a view has stopped: " + fault->message);
        const std::optional<Fault> damage = views_->damage(ShardId(i));
        if (damage && !std::exchange(told_[i].damage, true))
            terminal::say(http::damage_text(ShardId(i), *damage));
    }
}

std::optional<Fault> Deployed::outage() {
    std::optional<Fault> waits = books_.log->waits();
    // Nobody's request is answered meanwhile: their time is over.
    if (waits) books_.log->stop_waiting();
    return waits;
}

Status Deployed::stop() {
    Status first;
    // Shards that wait for room would answer nobody, and not end.
    if (books_.files) books_.files->stop_waiting();
    if (server_) {
        mark_.reset();
        if (!server_->drain())
            terminal::say("some requests were not answered in time");
    }
    // Brokers have had the drain's time; those that do not answer hold nobody up any longer.
    books_.log->stop_waiting();
    if (handler_) first = handler_->stop();
    if (gateway_) gateway_->stop();
    serving_.store(nullptr);
    if (server_) server_->stop();
    if (views_) views_->stop();
    server_.reset();
    return first;
}

Status Deployed::start_books(const places::DataOptions& data, const Roles& roles) {
    if (roles.handler) {
        if (Status started = start_handler(data); !started) return started;
    }
    if (roles.projector) return start_projector();
    return {};
}

Status Deployed::start_handler(const places::DataOptions& data) {
    gateway_.emplace(*books_.writer, books_.deployment.shards);
    gateway_->on_answers([this] {
        if (places::ViewFollower* const views = following_.load()) views->notify();
    });
    watched_.emplace(*gateway_, wake_, books_.deployment.shards);
    Result<std::unique_ptr<command_handler::Handler>> handler =
        command_handler::Handler::start(*books_.writer, books_.deployment, books_.keys, clock_,
                                        *watched_, places::handler_options(books_, data));
    if (!handler) return handler.error();
    handler_ = std::move(*handler);
    if (books_.files) books_.files->wait_again();
    for (const std::string& warning : handler_->warnings()) terminal::say(warning);
    // On topics each round would fetch all of them; there replay is how to look.
    if (!books_.deployment.kafka) {
        scrub_.emplace(*books_.log, books_.deployment, books_.keys, [](const RottenRecord& rotten) {
            terminal::say(std::string("ALARM: ") +
                          (rotten.is_unread ? "a record of the log cannot be read: "
                                            : "the log is not what was written: ") +
                          rotten.text() + "; vouch recover says what to do");
        });
    }
    return {};
}

Status Deployed::start_projector() {
    const auto changed = [this, was_wrong = false]() mutable {
        if (http::ApiServer* const server = serving_.load()) server->views_changed();
        const places::ViewFollower* const views = following_.load();
        bool is_wrong = false;
        for (std::uint32_t i = 0; views && !is_wrong && i < books_.deployment.shards; ++i)
            is_wrong = views->fault(ShardId(i)) || views->damage(ShardId(i));
        // Also when all go on again: what comes then is news.
        if (is_wrong || was_wrong) wake_.wake();
        was_wrong = is_wrong;
    };
    Result<std::unique_ptr<places::ViewFollower>> views = places::ViewFollower::start(
        *books_.log, books_.deployment, books_.keys, books_.views, changed);
    if (!views) return views.error();
    views_ = std::move(*views);
    for (const std::string& warning : views_->warnings()) terminal::say(warning);
    following_.store(views_.get());
    return {};
}

}  // namespace vouch::server
