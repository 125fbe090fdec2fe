#include "tools/server/http/api/ledger_thread.h"

#include "tools/server/http/api/command_request.h"
#include "tools/server/http/api/routes.h"

#include <boost/asio/post.hpp>

#include <utility>

namespace vouch::http {

namespace asio = boost::asio;

LedgerThread::LedgerThread(IoThread& thread, const LedgerParts& given, LongQueries& queries,
                           metrics::RequestMeter& counts)
    : io(thread.io),
      mailbox([this] { asio::post(io, [this] { take_answers(); }); }),
      parts(given),
      long_queries(queries),
      meter(counts),
      thread_(thread) {
    if (parts.handler == nullptr) return;
    shards_.emplace(*parts.handler, parts.deployment->shards);
    directory.emplace(*shards_, [this](LedgerId ledger, AccountId account) {
        return asset_in_views(ledger, account);
    });
    parts.gateway->add_mailbox(mailbox);
}

LedgerThread::~LedgerThread() = default;

std::optional<Response> LedgerThread::refuse_by_head(const RequestHead& head) {
    return http::refuse_by_head(head, parts);
}

bool LedgerThread::asks_for_health(const RequestHead& head) {
    return http::asks_for_health(head);
}

asio::awaitable<Response> LedgerThread::answer(const RequestHead& head, const std::string& body) {
    return answer_request(*this, head, body);
}

void LedgerThread::sweep() {
    // Old books hold on to files that the views have replaced.
    if (books_ && parts.views->version() != books_version_) books_.reset();
}

void LedgerThread::views_changed() {
    if (view_waits.load() == 0) return;
    asio::post(io, [this] {
        for (Waker* const each : view_wakers) each->wake();
    });
}

void LedgerThread::flush_soon() {
    if (std::exchange(is_flush_posted_, true)) return;
    // Behind everything that is ready now: their commands go into the same batch.
    asio::post(io, [this] {
        is_flush_posted_ = false;
        parts.gateway->flush();
    });
}

void LedgerThread::keep(std::shared_ptr<CommandRequest> request) {
    CommandRequest* const key = request.get();
    kept_.try_emplace(key, std::move(request));
}

void LedgerThread::forget(CommandRequest& request) {
    // Not here and now: the request may be the one that asks.
    const auto found = kept_.find(&request);
    if (found == kept_.end()) return;
    asio::post(io, [kept = std::move(found->second)] {});
    kept_.erase(found);
}

Result<projector::Books*> LedgerThread::books() {
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

std::optional<Asset> LedgerThread::asset_in_views(LedgerId ledger, AccountId account) {
    if (parts.views == nullptr) return std::nullopt;
    // Views that cannot be read are no reason to take no commands: the shards know.
    const Result<projector::Books*> views = books();
    if (!views) return std::nullopt;
    const auto found = (*views)->balance(ledger, account);
    if (!found || !*found) return std::nullopt;
    return (*found)->account.asset;
}

void LedgerThread::take_answers() {
    std::optional<Fault> stopped = mailbox.hand_over();
    if (!stopped) return;
    fault = std::move(stopped);
    for (const auto& [request, kept] : kept_) request->wake();
}

}  // namespace vouch::http
