#include "tools/server/http/wire/client.h"

#include "events/json_writer.h"
#include "events/read_number.h"
#include "tools/server/http/wire/local_socket.h"
#include "tools/server/http/wire/request_head.h"

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>

#include <chrono>
#include <utility>

namespace vouch::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;

namespace {

/// No answer is longer: a page has a thousand rows, a request 8,192 outcomes.
constexpr std::size_t kAnswerBytesMax = std::size_t{64} << 20;

constexpr std::string_view kScheme = "http://";

}  // namespace

struct Client::Connection {
    using Protocol = asio::generic::stream_protocol;

    std::string host;
    std::string port;
    std::optional<SocketDirectory> directory;  ///< instead of host and port
    asio::io_context io{1};
    std::optional<beast::basic_stream<Protocol>> stream;

    /// Runs one operation to its end; the stream's own deadline bounds it.
    template <class Start>
    error_code run(Start start) {
        error_code result;
        start([&result](error_code error, auto&&...) { result = error; });
        io.restart();
        io.run();
        return result;
    }

    error_code connect_to(const Protocol::endpoint& endpoint) {
        stream.emplace(io);
        stream->expires_after(kConnectWaitMax);
        return run([&](auto done) { stream->async_connect(endpoint, std::move(done)); });
    }

    error_code connect() {
        error_code error = directory ? connect_locally() : connect_by_name();
        if (error) stream.reset();
        return error;
    }

    error_code connect_locally() {
        const error_code error = connect_to(directory->endpoint());
        if (error) return error;
        if (directory->is_owners(stream->socket().native_handle())) return {};
        return asio::error::access_denied;
    }

    error_code connect_by_name() {
        asio::ip::tcp::resolver resolver(io);
        error_code error;
        const auto found = resolver.resolve(host, port, error);
        if (error) return error;
        error = asio::error::host_not_found;
        for (const auto& each : found) {
            error = connect_to(each.endpoint());
            if (!error) break;
        }
        if (!error) stream->socket().set_option(asio::ip::tcp::no_delay(true), error);
        return error;
    }

    error_code exchange(beast::http::request<beast::http::string_body>& request,
                        beast::http::response_parser<beast::http::string_body>& parser,
                        std::chrono::seconds wait_max) {
        stream->expires_after(wait_max);
        error_code error =
            run([&](auto done) { beast::http::async_write(*stream, request, std::move(done)); });
        if (error == beast::error::timeout) return error;
        // A server that refuses a request may close before it has read all of it, and its answer is
        // there all the same.
        beast::flat_buffer buffer;
        error = run(
            [&](auto done) { beast::http::async_read(*stream, buffer, parser, std::move(done)); });
        return error;
    }

    Result<Reply> send(beast::http::request<beast::http::string_body> request,
                       std::chrono::seconds wait_max) {
        request.set(beast::http::field::host, directory ? "localhost" : host + ":" + port);
        request.set(beast::http::field::user_agent, "vouch");
        request.prepare_payload();
        for (bool is_second = false;; is_second = true) {
            const bool is_new = !stream;
            error_code error;
            if (is_new) error = connect();
            if (error) return unreachable(error, kConnectWaitMax);
            beast::http::response_parser<beast::http::string_body> parser;
            parser.body_limit(kAnswerBytesMax);
            error = exchange(request, parser, wait_max);
            if (!error) return reply_of(parser.release());
            stream.reset();
            const bool is_over = is_new || is_second || error == beast::error::timeout;
            if (is_over) return unreachable(error, wait_max);
        }
    }

    Reply reply_of(beast::http::response<beast::http::string_body> response) {
        Reply reply;
        reply.status = response.result_int();
        reply.content_type = response[beast::http::field::content_type];
        for (const auto& field : response)
            reply.fields.emplace_back(field.name_string(), field.value());
        // Link: <target>; rel="next"
        const std::string_view link = response[beast::http::field::link];
        const std::size_t end = link.find('>');
        if (link.starts_with('<') && end != std::string_view::npos)
            reply.next = link.substr(1, end - 1);
        reply.body = std::move(response.body());
        if (!response.keep_alive()) stream.reset();
        return reply;
    }

    Fault unreachable(const error_code& error, std::chrono::seconds wait_max) const {
        const std::string who = directory ? "of the data directory" : "at " + host + ":" + port;
        const std::string why =
            error == beast::error::timeout
                ? "nothing came within " + std::to_string(wait_max.count()) + " s"
                : error.message();
        return {FaultCode::retriable, "the server " + who + " does not answer: " + why};
    }
};

Client::Client(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Client> Client::of(std::string_view url) {
    const Fault wrong{FaultCode::configuration,
                      "expected a server's address such as http://127.0.0.1:8080 on this machine"};
    if (!url.starts_with(kScheme)) return wrong;
    url.remove_prefix(kScheme.size());
    if (url.ends_with('/')) url.remove_suffix(1);
    const std::size_t colon = url.rfind(':');
    if (colon == std::string_view::npos || !is_loopback_host(url) || colon + 1 == url.size())
        return wrong;
    std::uint16_t port = 0;
    if (!read_number(url.substr(colon + 1), port) || port == 0)
        return Fault{FaultCode::configuration, "expected a server's port of 1 to 65535"};
    auto connection = std::make_unique<Connection>();
    connection->host = url.substr(0, colon);
    connection->port = std::to_string(port);
    if (connection->host.starts_with('['))
        connection->host = connection->host.substr(1, connection->host.size() - 2);
    return Client(std::move(connection));
}

Result<Client> Client::of_directory(const std::filesystem::path& directory) {
    Result<SocketDirectory> opened = SocketDirectory::open(directory);
    if (!opened) return opened.error();
    auto connection = std::make_unique<Connection>();
    connection->directory.emplace(std::move(*opened));
    return Client(std::move(connection));
}

Result<Reply> Client::get(const std::string& target, std::string_view accept,
                          std::chrono::seconds wait_max) {
    beast::http::request<beast::http::string_body> request(beast::http::verb::get, target, 11);
    request.set(beast::http::field::accept, accept);
    return connection_->send(std::move(request), wait_max);
}

Result<Reply> Client::post(const std::string& target, std::string_view content_type,
                           std::string body, std::string_view prefer) {
    beast::http::request<beast::http::string_body> request(beast::http::verb::post, target, 11);
    request.set(beast::http::field::content_type, content_type);
    if (!prefer.empty()) request.set(beast::http::field::prefer, prefer);
    request.body() = std::move(body);
    return connection_->send(std::move(request), kAnswerWaitMax);
}

namespace {

/// Null where the body is no problem that has it.
boost::json::value problem_value(const Reply& reply, std::string_view name) {
    error_code error;
    const boost::json::value value = boost::json::parse(reply.body, error);
    if (error || !value.is_object()) return nullptr;
    const boost::json::value* const member = value.as_object().if_contains(name);
    return member == nullptr ? boost::json::value() : *member;
}

/// One that is a text.
std::string problem_member(const Reply& reply, std::string_view name) {
    const boost::json::value member = problem_value(reply, name);
    return member.is_string() ? std::string(member.as_string()) : std::string();
}

/// As the server wrote it: what would turn a terminal stays escaped.
void write(JsonWriter& out, const boost::json::value& value) {
    switch (value.kind()) {
        case boost::json::kind::object:
            out.open_object();
            for (const auto& member : value.get_object()) {
                out.key_of(member.key());
                write(out, member.value());
            }
            out.close_object();
            return;
        case boost::json::kind::array:
            out.open_array();
            for (const boost::json::value& each : value.get_array()) write(out, each);
            out.close_array();
            return;
        case boost::json::kind::string: out.string(std::string_view(value.get_string())); return;
        case boost::json::kind::bool_: out.boolean(value.get_bool()); return;
        case boost::json::kind::null:
        case boost::json::kind::int64:
        case boost::json::kind::uint64:
        case boost::json::kind::double_: out.raw(boost::json::serialize(value)); return;
    }
}

}  // namespace

std::string problem_detail(const Reply& reply) { return problem_member(reply, "detail"); }

std::string problem_pick_up(const Reply& reply) { return problem_member(reply, "pick_up"); }

std::string problem_outcomes(const Reply& reply) {
    const boost::json::value outcomes = problem_value(reply, "outcomes");
    std::string lines;
    if (!outcomes.is_array()) return lines;
    for (const boost::json::value& each : outcomes.as_array()) {
        JsonWriter line;
        write(line, each);
        lines += line.take() + '\n';
    }
    return lines;
}

std::string problem_type(const Reply& reply) {
    constexpr std::string_view kPrefix = "urn:vouch:problem:";
    const std::string type = problem_member(reply, "type");
    return type.starts_with(kPrefix) ? type.substr(kPrefix.size()) : std::string();
}

}  // namespace vouch::http
