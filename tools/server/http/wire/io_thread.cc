#include "tools/server/http/wire/io_thread.h"

#include "tools/server/http/wire/connection.h"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <pthread.h>

#include <ctime>
#include <utility>

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

IoThread::IoThread() : date(date_now()), sweep_timer_(io) {}

IoThread::~IoThread() {
    stop();
    io.end();
}

void IoThread::start(std::unique_ptr<Service> service) {
    service_ = std::move(service);
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
    service_->sweep();
}

}  // namespace vouch::http
