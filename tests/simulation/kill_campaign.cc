#include "tests/simulation/kill_campaign.h"

#include "events/log/embedded/embedded_log.h"
#include "projector/queries/books.h"
#include "projector/views/projector.h"
#include "reconciler/replay/replay.h"
#include "tests/command-handler/sample_commands.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace vouch::test {
namespace {

std::unique_ptr<EmbeddedLogReader> open_log(const std::filesystem::path& directory) {
    EmbeddedLogOptions options;
    options.directory = directory.string();
    Result<std::unique_ptr<EmbeddedLogReader>> log = EmbeddedLogReader::open(options);
    if (!log && log.error().code == FaultCode::configuration)
        return nullptr;  // killed before it was made
    REQUIRE_MESSAGE(log, log.error().message);
    return std::move(*log);
}

bool tells_of_commands(const LogFold::Record& record) {
    return std::any_of(record.events.begin(), record.events.end(), [](const std::string& event) {
        return event != "term" && event != "sealed" && !event.starts_with("expired");
    });
}

}  // namespace

KillCampaign::KillCampaign(const Options& options)
    : options_(options),
      random_(options.seed),
      deployment_(make_deployment(1, options.test_clock, Timestamp(1))),
      keys_(make_test_keys(deployment_.deployment)),
      source_(make_batch_source(options.source)),
      fold_(deployment_.deployment, keys_) {
    std::ofstream out(directory_.path() / "deployment", std::ios::binary);
    out.write(reinterpret_cast<const char*>(deployment_.bytes.data()),
              static_cast<std::streamsize>(deployment_.bytes.size()));
}

/// Mostly among new commands; sometimes while starting or while everything known is sent again.
void KillCampaign::choose_death(DriverProcess& life) {
    constexpr std::uint64_t kStartMax_ms = 60;
    switch (random_() % 8) {
        case 0:
            life.read_for(static_cast<int>(random_() % kStartMax_ms));
            return;
        case 1:
            life.await_acknowledged(random_() % (known_ + 1));
            return;
        default:
            life.await_acknowledged(known_ + 1 + random_() % options_.new_answers_max);
    }
}

void KillCampaign::kill_once() {
    const bool follows = options_.follows && random_() % 2 == 0;
    DriverProcess life(directory_.path(), options_.source, source_->batches(), follows);
    choose_death(life);
    life.kill();
    REQUIRE(life.complaints() == "");
    look_at_log(life, take(life));
}

void KillCampaign::refuse_second() {
    DriverProcess life(directory_.path(), options_.source, source_->batches(), options_.follows);
    life.await_acknowledged(1);
    {
        DriverProcess second(directory_.path(), options_.source, source_->batches(),
                             options_.follows);
        CHECK(second.await_end() == 1);
        CHECK(second.acknowledged().empty());
        CHECK(second.complaints().find("is being written by") != std::string::npos);
    }
    std::filesystem::remove(directory_.path() / "complaints");
    life.await_acknowledged(life.acknowledged().size() + 100);
    life.kill();
    look_at_log(life, take(life));
}

void KillCampaign::finish(std::uint64_t batches) {
    DriverProcess life(directory_.path(), options_.source, batches, options_.follows);
    const int status = life.await_end();
    REQUIRE(life.complaints() == "");
    REQUIRE(status == 0);
    look_at_log(life, take(life));
    REQUIRE(told_.size() == batches);
    for (std::uint64_t b = 0; b < batches; ++b) REQUIRE(told_[b].size() == source_->size(b));
}

std::vector<Acknowledgement> KillCampaign::take(const DriverProcess& life) {
    std::vector<Acknowledgement> news;
    std::uint64_t batch = 0;
    std::size_t member = 0;
    std::size_t out_of_order = 0;
    std::size_t told_otherwise = 0;
    for (const Acknowledgement& each : life.acknowledged()) {
        // Each life answers everything from the first member on.
        if (each.batch != batch || each.member != member) ++out_of_order;
        const Told told{static_cast<Outcome>(each.outcome), each.record};
        if (batch == told_.size()) told_.emplace_back();
        std::vector<Told>& known = told_[batch];
        if (member < known.size()) {
            // Each conflict is recorded, and told with its own place.
            const bool is_conflict = told.outcome == Outcome::conflict;
            const bool is_same = is_conflict ? known[member].outcome == told.outcome
                                             : known[member] == told && each.repeated != 0;
            told_otherwise += is_same ? 0U : 1U;
        } else {
            known.push_back(told);
            news.push_back(each);
            ++known_;
        }
        if (++member == source_->size(batch)) {
            ++batch;
            member = 0;
        }
    }
    REQUIRE(out_of_order == 0);
    REQUIRE(told_otherwise == 0);
    return news;
}

void KillCampaign::look_at_log(const DriverProcess& life,
                               const std::vector<Acknowledgement>& news) {
    const std::unique_ptr<EmbeddedLogReader> log = open_log(log_directory());
    if (!log) {
        CHECK(life.acknowledged().empty());
        return;
    }
    const std::size_t before = fold_.records.size();
    fold_.read(*log);
    REQUIRE(fold_.faults == std::vector<std::string>{});
    std::size_t lost = 0;
    for (const Acknowledgement& each : news) {
        const auto outcome = static_cast<Outcome>(each.outcome);
        if (outcome == Outcome::conflict) continue;
        const auto decided =
            fold_.outcomes.find({LedgerId(0), source_->id(each.batch, each.member)});
        const bool is_there = decided != fold_.outcomes.end() &&
                              decided->second.outcome == outcome &&
                              decided->second.record.value() == each.record;
        lost += is_there ? 0U : 1U;
    }
    REQUIRE(lost == 0);
    std::uint64_t newest_told = 0;
    for (const Acknowledgement& each : life.acknowledged())
        newest_told = std::max(newest_told, each.record);
    const std::size_t untold =
        std::max<std::size_t>(before, static_cast<std::size_t>(newest_told) + 1);
    bool is_within = log->torn_bytes() > 0;
    for (std::size_t i = untold; i < fold_.records.size(); ++i)
        is_within = is_within || tells_of_commands(fold_.records[i]);
    within_commit_ += is_within ? 1U : 0U;
}

std::vector<Outcome> KillCampaign::outcomes() const {
    std::vector<Outcome> all;
    for (const std::vector<Told>& batch : told_) {
        for (const Told& each : batch) all.push_back(each.outcome);
    }
    return all;
}

void KillCampaign::check_replay() {
    const auto log = open_log(log_directory());
    REQUIRE(log);
    reconciler::ReplayOptions options;
    options.keys = &keys_;
    options.threads = 1;
    const auto report = reconciler::replay(*log, deployment(), options);
    REQUIRE_MESSAGE(report, report.error().message);
    const std::string findings = report->is_clean() ? "" : reconciler::to_text(*report);
    CHECK(findings == "");
    CHECK(report->shards.at(0).accounts == fold_.accounts.size());
    CHECK(report->events == fold_.event_count());
}

void KillCampaign::check_views() {
    const auto log = open_log(log_directory());
    REQUIRE(log);
    const auto views = projector::ShardViews::open(*log, deployment(), keys_, view_directory(),
                                                   projector::rocks_view_stores());
    REQUIRE_MESSAGE(views, views.error().message);
    const Status caught_up = (*views)->catch_up_to_end();
    REQUIRE_MESSAGE(caught_up, caught_up.error().message);
    auto books = projector::Books::open((*views)->stores());
    REQUIRE_MESSAGE(books, books.error().message);
    std::size_t seen = 0;
    const Status visited =
        books->balances({}, {}, {}, [&](const projector::AccountBalance& balance) {
            const LogFold::Account& folded = fold_.accounts.at(balance.account.number.value());
            CHECK(balance.account.id == folded.id);
            CHECK(balance.totals == folded.newest.totals);
            CHECK(balance.version == folded.newest.version);
            CHECK(balance.state == folded.newest.state);
            ++seen;
            return true;
        });
    REQUIRE_MESSAGE(visited, visited.error().message);
    CHECK(seen == fold_.accounts.size());
    const auto trial = books->trial_balance({});
    REQUIRE(trial.has_value());
    for (const projector::TrialBalanceLine& line : *trial) CHECK(line.is_even());
}

}  // namespace vouch::test
