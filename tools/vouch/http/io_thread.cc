#include "tools/vouch/http/io_thread.h"

#include "tools/vouch/http/command_request.h"
#include "tools/vouch/http/connection.h"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <pthread.h>

#include <ctime>
#include <utility>
#include <vector>

namespace vouch::http {

namespace asio = boost::asio;

namespace {

/// "Sun, 06 Nov 1994 08:49:37 GMT", whatever the locale.
std::string date_now() {
    static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const std::time_t now = std::time(nullptr);
    std::tm utc{};
    ::gmtime_r(&now, &utc);
    char text[64];
    std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[utc.tm_wday],
                  utc.tm_mday, kMonths[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
                  utc.tm_sec);
    return text;
}

}  // namespace

asio::awaitable<void> Waker::wait(SteadyTime until) {
    boost::system::error_code cancelled;
    timer_.expires_at(until);
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
}

IoThread::IoThread(const LedgerParts& given, LongQueries& queries)
    : box([this] { asio::post(io, [this] { take_answers(); }); }),
      parts(given),
      long_queries(queries),
      date(date_now()),
      sweep_timer_(io) {
    if (parts.handler == nullptr) return;
    shards_.emplace(*parts.handler, parts.deployment->shards);
    directory.emplace(*shards_, [this](LedgerId ledger, AccountId account) {
        return asset_in_views(ledger, account);
    });
}

IoThread::~IoThread() {
    stop();
    kept_.clear();
    io.end();
}

void IoThread::start() {
    thread_ = std::thread([this] {
        start_sweep();
        // Connections come by post: without any, the sweep keeps the thread going.
        io.run();
    });
    ::pthread_setname_np(thread_.native_handle(), "http");
}

void IoThread::stop() {
    io.stop();
    if (thread_.joinable()) thread_.join();
}

void IoThread::drain() {
    asio::post(io, [this] {
        is_draining = true;
        for (Connection* const each : connections) each->end_if_idle();
    });
}

void IoThread::views_changed() {
    if (view_waits.load() == 0) return;
    asio::post(io, [this] {
        for (Waker* const each : view_wakers) each->wake();
    });
}

void IoThread::flush_soon() {
    if (std::exchange(is_flush_posted_, true)) return;
    // Behind everything that is ready now: their commands go into the same batch.
    asio::post(io, [this] {
        is_flush_posted_ = false;
        parts.door->flush();
    });
}

void IoThread::keep(std::shared_ptr<CommandRequest> request) {
    CommandRequest* const key = request.get();
    kept_.try_emplace(key, std::move(request));
}

void IoThread::forget(CommandRequest& request) {
    // Not here and now: the request may be the one that asks.
    const auto found = kept_.find(&request);
    if (found == kept_.end()) return;
    asio::post(io, [kept = std::move(found->second)] {});
    kept_.erase(found);
}

Result<projector::Books*> IoThread::books() {
    const std::uint64_t version = parts.views->version();
    if (!books_ || version != books_version_) {
        books_.reset();
        Result<projector::Books> made = parts.views->books();
        if (!made) return made.error();
        books_ = std::move(*made);
        books_version_ = version;
    }
    return &*books_;
}

std::optional<Asset> IoThread::asset_in_views(LedgerId ledger, AccountId account) {
    if (parts.views == nullptr) return std::nullopt;
    // Views that cannot be read are no reason to take no commands: the shards know.
    const Result<projector::Books*> views = books();
    if (!views) return std::nullopt;
    const auto found = (*views)->balance(ledger, account);
    if (!found || !*found) return std::nullopt;
    return (*found)->account.asset;
}

void IoThread::take_answers() {
    std::optional<Fault> stopped = box.hand_over();
    if (!stopped) return;
    fault = std::move(stopped);
    for (const auto& [request, kept] : kept_) request->wake();
}

void IoThread::start_sweep() {
    sweep_timer_.expires_after(kSweepInterval);
    sweep_timer_.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        sweep();
        start_sweep();
    });
}

void IoThread::sweep() {
    date = date_now();
    const SteadyTime now = std::chrono::steady_clock::now();
    for (Connection* const each : connections) each->end_if_late(now);
    // Old books hold on to files that the views have replaced.
    if (books_ && parts.views->version() != books_version_) books_.reset();
}

}  // namespace vouch::http
