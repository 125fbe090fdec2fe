#include "tools/server/http/wire/connection.h"

#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

namespace vouch::http {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t kReadBytes = std::size_t{8} << 10;
/// A body is read in pieces that grow with it, up to this: what is only announced takes no memory.
constexpr std::size_t kBodyPieceBytesMax = std::size_t{256} << 10;
/// Room that a quiet connection keeps for its next request.
constexpr std::size_t kKeptBytes = std::size_t{16} << 10;
/// A peer that is turned away may still send this much, or what it has announced, without a longer
/// pause and for this time; it is dropped unread.
constexpr std::chrono::seconds kLingerPauseMax{1};
constexpr std::chrono::seconds kLingerMax{5};
constexpr std::size_t kLingerBytesMax = std::size_t{1} << 20;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

SteadyTime now() { return std::chrono::steady_clock::now(); }

void empty(std::string& buffer) {
    buffer.clear();
    if (buffer.capacity() > kKeptBytes) buffer.shrink_to_fit();
}

}  // namespace

Connection::Connection(IoThread& thread, Socket socket, const asio::ip::address& peer,
                       KeptBodies& kept, std::atomic<std::size_t>& open_connections,
                       ConnectionUse use)
    : thread_(thread),
      socket_(std::move(socket)),
      open_connections_(open_connections),
      use_(use),
      peer_(kept, peer),
      request_share_(kept.all.of_requests, peer_.bytes().of_requests),
      answer_share_(kept.all.of_answers, peer_.bytes().of_answers) {
    thread_.connections.insert(this);
}

Connection::~Connection() {
    thread_.connections.erase(this);
    open_connections_.fetch_sub(1);
}

void Connection::end_if_idle() {
    if (!is_idle_) return;
    error_code ignored;
    socket_.cancel(ignored);
}

void Connection::end_if_late(SteadyTime time) {
    if (time < deadline_) return;
    is_late_ = true;
    // What has just come in time cannot be cancelled; then the next sweep does.
    error_code ignored;
    socket_.cancel(ignored);
}

void Connection::begin_moving() { deadline_ = now() + kBodyTimeMax; }

void Connection::has_moved(std::size_t bytes) {
    deadline_ += std::chrono::microseconds(bytes * 1'000'000 / kBytesPerSecondMin);
}

asio::awaitable<Connection::Got> Connection::read_head_bytes() {
    looked_ = 0;
    is_idle_ = received_.empty();
    const bool may_rest = is_idle_ && use_ == ConnectionUse::any;
    deadline_ = now() + (may_rest ? kIdleMax : kHeadTimeMax);
    for (;;) {
        const HeadEnd end = find_head_end(received_, looked_);
        if (end == HeadEnd::found) {
            head_bytes_.assign(received_, 0, looked_);
            received_.erase(0, looked_);
            is_idle_ = false;
            co_return Got::head;
        }
        if (end == HeadEnd::refused) {
            refused_ = received_.size() > kHeadBytesMax
                           ? HeadRefused{431, "the head is too long"}
                           : HeadRefused{400, "a line end lacks its carriage return"};
            co_return Got::refused;
        }
        if (is_idle_ && thread_.is_draining) co_return Got::nothing;
        const std::size_t had = received_.size();
        received_.resize(had + kReadBytes);
        error_code error;
        const std::size_t got =
            co_await socket_.async_read_some(asio::buffer(received_.data() + had, kReadBytes),
                                             asio::redirect_error(asio::use_awaitable, error));
        received_.resize(had + got);
        if (error) {
            if (!is_late_ || had == 0) co_return Got::nothing;
            refused_ = HeadRefused{408, "the head did not come in time"};
            co_return Got::refused;
        }
        if (std::exchange(is_idle_, false)) deadline_ = now() + kHeadTimeMax;
    }
}

asio::awaitable<Connection::BodyRead> Connection::read_body(std::size_t length,
                                                            bool expects_continue) {
    begin_moving();
    if (expects_continue && received_.size() < length) {
        error_code error;
        co_await asio::async_write(socket_, asio::buffer(kContinue),
                                   asio::redirect_error(asio::use_awaitable, error));
        if (error) co_return is_late_ ? BodyRead::late : BodyRead::gone;
    }
    const std::size_t here = std::min(received_.size(), length);
    body_.assign(received_, 0, here);
    received_.erase(0, here);
    while (body_.size() < length) {
        const std::size_t had = body_.size();
        const std::size_t piece =
            std::min({length - had, std::max(had, kReadBytes), kBodyPieceBytesMax});
        if (!request_share_.has_room_for(had + piece)) co_return BodyRead::no_room;
        request_share_.set(had + piece);
        body_.resize(had + piece);
        error_code error;
        const std::size_t got =
            co_await socket_.async_read_some(asio::buffer(body_.data() + had, piece),
                                             asio::redirect_error(asio::use_awaitable, error));
        body_.resize(had + got);
        if (error) co_return is_late_ ? BodyRead::late : BodyRead::gone;
        has_moved(got);
        deadline_ = std::min(deadline_, now() + kBodyTimeMax);
    }
    co_return BodyRead::whole;
}

asio::awaitable<bool> Connection::write(Response response, bool keep_alive, bool is_head_only) {
    begin_moving();
    thread_.service().answered(response.status);
    const std::string head = head_of(response, thread_.date, keep_alive);
    const std::size_t body_bytes = is_head_only ? 0 : response.body.size();
    const std::size_t total = head.size() + body_bytes;
    for (std::size_t written = 0; written < total;) {
        const std::size_t of_head = std::min(written, head.size());
        const std::array<asio::const_buffer, 2> left{
            asio::buffer(head) + of_head,
            asio::buffer(response.body.data(), body_bytes) + (written - of_head)};
        error_code error;
        const std::size_t some = co_await socket_.async_write_some(
            left, asio::redirect_error(asio::use_awaitable, error));
        if (error) co_return false;
        written += some;
        has_moved(some);
    }
    deadline_ = SteadyTime::max();
    co_return true;
}

asio::awaitable<void> Connection::close(std::size_t body_left) {
    // Bytes that lie unread when a socket is closed make the peer's side drop our answer.
    error_code error;
    socket_.shutdown(asio::socket_base::shutdown_send, error);
    const SteadyTime until = now() + kLingerMax;
    const std::size_t drop_max = std::max(body_left, kLingerBytesMax);
    received_.resize(kReadBytes);
    std::size_t dropped = 0;
    while (!error && dropped < drop_max) {
        deadline_ = std::min(now() + kLingerPauseMax, until);
        const std::size_t got =
            co_await socket_.async_read_some(asio::buffer(received_.data(), kReadBytes),
                                             asio::redirect_error(asio::use_awaitable, error));
        dropped += got;
    }
}

Response Connection::refusal() const {
    const std::string_view type = refused_.status == 408 ? "timeout" : "bad-request";
    return problem(refused_.status, type, "The request is not taken", refused_.detail);
}

asio::awaitable<void> Connection::run() {
    const std::shared_ptr<Connection> self = shared_from_this();
    for (std::size_t requests = 1;; ++requests) {
        const Got got = co_await read_head_bytes();
        if (got == Got::nothing) co_return;
        std::optional<Response> refused;
        RequestHead head;
        if (got == Got::refused) {
            refused = refusal();
        } else {
            std::variant<RequestHead, HeadRefused> read = read_head(head_bytes_);
            if (const auto* wrong = std::get_if<HeadRefused>(&read)) {
                refused_ = *wrong;
                refused = refusal();
            } else {
                head = std::get<RequestHead>(std::move(read));
                if (use_ == ConnectionUse::health && !thread_.service().asks_for_health(head))
                    refused = busy("too many connections are open");
                if (!refused) refused = thread_.service().refuse_by_head(head);
            }
        }
        const auto length = static_cast<std::size_t>(head.content_length.value_or(0));
        if (!refused && length > 0) {
            switch (co_await read_body(length, head.expects_continue)) {
                case BodyRead::whole:
                    break;
                case BodyRead::gone:
                    co_return;
                case BodyRead::late:
                    refused_ = HeadRefused{408, "the body did not come in time"};
                    refused = refusal();
                    break;
                case BodyRead::no_room:
                    refused = busy("too many large requests are under way");
                    break;
            }
        }
        if (refused) {
            // Nothing behind it is read: where the next request begins is not known for sure.
            const std::size_t body_left = length - body_.size();
            empty(body_);
            request_share_.set(0);
            Response response = std::move(*refused);
            const bool is_told = co_await write(std::move(response), false, false);
            if (is_told) co_await close(body_left);
            co_return;
        }
        deadline_ = SteadyTime::max();  // whoever answers has bounds of its own
        Response response = co_await thread_.service().answer(head, body_);
        const bool is_head_only = head.method == "HEAD";
        empty(body_);
        request_share_.set(0);
        if (response.may_be_dropped && !answer_share_.has_room_for(response.body.size()))
            response = busy("too many large answers are under way");
        answer_share_.set(response.body.size());
        const bool keep_alive = head.keep_alive && requests < kRequestsMax &&
                                !thread_.is_draining && use_ == ConnectionUse::any;
        const bool is_written = co_await write(std::move(response), keep_alive, is_head_only);
        answer_share_.set(0);
        if (!is_written) co_return;
        if (!keep_alive) {
            co_await close(0);
            co_return;
        }
    }
}

}  // namespace vouch::http
