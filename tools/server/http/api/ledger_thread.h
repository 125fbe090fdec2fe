#pragma once

#include "command-handler/gateway/answer_mailbox.h"
#include "command-handler/gateway/known_accounts.h"
#include "command-handler/intake/handler_directory.h"
#include "projector/queries/books.h"
#include "tools/server/http/api/ledger_parts.h"
#include "tools/server/http/api/long_queries.h"
#include "tools/server/http/wire/io_thread.h"
#include "tools/server/metrics/request_meter.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace vouch::http {

class CommandRequest;

/// What one thread of the server has of the ledger: commands under way, views as they are now.
/// Everything here belongs to that thread but what says otherwise.
class LedgerThread final : public Service {
public:
    /// All outlives it. Before the first command.
    LedgerThread(IoThread& thread, const LedgerParts& parts, LongQueries& long_queries,
                 metrics::RequestMeter& meter);
    ~LedgerThread() override;

    std::optional<Response> refuse_by_head(const RequestHead& head) override;
    bool asks_for_health(const RequestHead& head) override;
    boost::asio::awaitable<Response> answer(const RequestHead& head,
                                            const std::string& body) override;
    void answered(unsigned status) override { meter.answered(status); }
    void sweep() override;

    /// The views have moved. Any thread; wakes this one only when somebody waits for that.
    void views_changed();

    /// Commands appended by the handlers that are ready to run now go together.
    void flush_soon();
    /// Keeps a request until it has all its outcomes, though its caller has gone.
    void keep(std::shared_ptr<CommandRequest> request);
    void forget(CommandRequest& request);

    /// The views as they are now; made again only when they have moved.
    Result<projector::Books*> books();

    bool is_draining() const { return thread_.is_draining; }

    boost::asio::io_context& io;
    command_handler::AnswerMailbox mailbox;
    const LedgerParts& parts;
    LongQueries& long_queries;
    metrics::RequestMeter& meter;  ///< of all threads
    std::optional<command_handler::KnownAccounts> directory;
    std::optional<Fault> fault;  ///< nothing goes on
    std::atomic<std::size_t> view_waits{0};
    std::unordered_set<Waker*> view_wakers;

private:
    std::optional<Asset> asset_in_views(LedgerId ledger, AccountId account);
    void take_answers();

    IoThread& thread_;
    std::optional<command_handler::HandlerDirectory> shards_;
    std::unordered_map<CommandRequest*, std::shared_ptr<CommandRequest>> kept_;
    std::optional<projector::Books> books_;
    std::uint64_t books_version_ = 0;
    bool is_flush_posted_ = false;
};

}  // namespace vouch::http
