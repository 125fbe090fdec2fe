#include "tools/server/http/wire/request_head.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <variant>

namespace {

using namespace vouch::http;

/// "refused 400", or what was understood in a line.
std::string verdict(std::string_view bytes) {
    std::size_t looked = 0;
    switch (find_head_end(bytes, looked)) {
        case HeadEnd::not_yet:
            return "not yet";
        case HeadEnd::refused:
            return "refused at once";
        case HeadEnd::found:
            break;
    }
    const auto read = read_head(bytes.substr(0, looked));
    if (const auto* refused = std::get_if<HeadRefused>(&read))
        return "refused " + std::to_string(refused->status);
    const RequestHead& head = std::get<RequestHead>(read);
    std::string text = std::string(head.method) + " " + std::string(head.target);
    if (head.content_length) text += " length " + std::to_string(*head.content_length);
    if (!head.keep_alive) text += " close";
    if (head.expects_continue) text += " expects";
    return text;
}

std::string with(std::string_view fields) {
    return "POST /x HTTP/1.1\r\nHost: localhost\r\n" + std::string(fields) + "\r\n";
}

std::string with_line(std::string_view line) {
    return std::string(line) + "\r\nHost: localhost\r\n\r\n";
}

struct Row {
    std::string bytes;
    std::string verdict;
};

void check(const std::vector<Row>& rows) {
    for (const Row& row : rows) {
        CAPTURE(row.bytes);
        CHECK(verdict(row.bytes) == row.verdict);
    }
}

}  // namespace

TEST_CASE("request head: what is well formed is understood") {
    check({
        {with(""), "POST /x"},
        {with("Content-Length: 12\r\n"), "POST /x length 12"},
        {with("content-LENGTH:\t 0 \r\n"), "POST /x length 0"},
        {with("Content-Length: 18446744073709551615\r\n"), "POST /x length 18446744073709551615"},
        {with("Connection: close\r\n"), "POST /x close"},
        {with("Connection: foo , CLOSE\r\n"), "POST /x close"},
        {with("Connection: keep-alive\r\n"), "POST /x"},
        {with("Expect: 100-Continue\r\n"), "POST /x expects"},
        {with("X: \r\n"), "POST /x"},
        {with("X: a\tb\xc3\xa4\r\n"), "POST /x"},
        {"GET /a%20b?c=d HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n", "GET /a%20b?c=d"},
        {"GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", "GET /"},
        {"GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n", "GET /"},
        {"GET / HTTP/1.0\r\n\r\n", "GET / close"},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET /"},
        {"GET / HTTP/1.1\r\nHost: localhost\r\n", "not yet"},
        {"GET / HTTP/1.1\r\nHost: localhost\r\n\r", "not yet"},
        {"", "not yet"},
    });
}

TEST_CASE("request head: framing that two readers may read differently is refused") {
    check({
        {with("Transfer-Encoding: chunked\r\n"), "refused 501"},
        {with("Transfer-Encoding: gzip\r\n"), "refused 501"},
        {with("TRANSFER-encoding: identity\r\n"), "refused 501"},
        {with("Transfer-Encoding:\r\n"), "refused 501"},
        {with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), "refused 501"},
        {with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), "refused 501"},
        {with("Transfer-Encoding : chunked\r\n"), "refused 400"},
        {with(" Transfer-Encoding: chunked\r\n"), "refused 400"},
        {with("X: 1\r\n Transfer-Encoding: chunked\r\n"), "refused 400"},
        {with("X: 1\r\n\tfolded\r\n"), "refused 400"},
        {with("Content-Length: 5\r\nContent-Length: 5\r\n"), "refused 400"},
        {with("Content-Length: 5\r\nContent-Length: 6\r\n"), "refused 400"},
        {with("Content-Length: 5, 5\r\n"), "refused 400"},
        {with("Content-Length: +5\r\n"), "refused 400"},
        {with("Content-Length: -5\r\n"), "refused 400"},
        {with("Content-Length: 5 5\r\n"), "refused 400"},
        {with("Content-Length: 0x5\r\n"), "refused 400"},
        {with("Content-Length: \r\n"), "refused 400"},
        {with("Content-Length: 5.0\r\n"), "refused 400"},
        {with("Content-Length: 18446744073709551616\r\n"), "refused 400"},
        {with("Content-Length : 5\r\n"), "refused 400"},
        {with("Host: localhost\r\n"), "refused 400"},
        {with("X: 1\nY: 2\r\n"), "refused at once"},
        {with("X: 1\rY: 2\r\n"), "refused 400"},
        {with("X: 1\r\r\n"), "refused 400"},
        {"GET / HTTP/1.1\nHost: localhost\n\n", "refused at once"},
        {"GET / HTTP/1.1\r\nHost: localhost\r\n\n", "refused at once"},
        {"\nGET / HTTP/1.1\r\n", "refused at once"},
        {"\r\n\r\n", "refused 400"},
        {"\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "refused 400"},
        {with("Content-Type: a\r\nContent-Type: b\r\n"), "refused 400"},
        {with("Expect: something\r\n"), "refused 417"},
    });
}

TEST_CASE("request head: names, values and request lines outside the grammar are refused") {
    const std::string zero("X: a\0b\r\n", 8);
    check({
        {with("no colon\r\n"), "refused 400"},
        {with(": empty\r\n"), "refused 400"},
        {with("a b: c\r\n"), "refused 400"},
        {with("a(b: c\r\n"), "refused 400"},
        {with("a\x80: c\r\n"), "refused 400"},
        {with("X: a\x7f\r\n"), "refused 400"},
        {with("X: a\x01\r\n"), "refused 400"},
        {with(zero), "refused 400"},
        {with_line("GET /"), "refused 400"},
        {with_line("GET  / HTTP/1.1"), "refused 400"},
        {with_line("GET / HTTP/1.1 "), "refused 400"},
        {with_line(" GET / HTTP/1.1"), "refused 400"},
        {with_line("GET /a b HTTP/1.1"), "refused 400"},
        {with_line("GET /\x80 HTTP/1.1"), "refused 400"},
        {with_line("GET http://localhost/ HTTP/1.1"), "refused 400"},
        {with_line("OPTIONS * HTTP/1.1"), "refused 400"},
        {with_line("CONNECT localhost:1 HTTP/1.1"), "refused 400"},
        {with_line("G(T / HTTP/1.1"), "refused 400"},
        {with_line("GET / http/1.1"), "refused 400"},
        {with_line("GET / HTTP/2.0"), "refused 505"},
        {with_line("GET / HTTP/1.2"), "refused 505"},
        {with_line("GET / HTTP/11.1"), "refused 400"},
        {"GET / HTTP/1.1\r\n\r\n", "refused 400"},
    });
}

TEST_CASE("request head: its limits hold exactly") {
    std::string fields;
    for (std::size_t i = 1; i < kFieldsMax; ++i) fields += "X: 1\r\n";  // Host is one
    const std::string long_target = "/" + std::string(kTargetBytesMax - 1, 'a');
    const std::string empty = with("X: \r\n");
    const std::string filler(kHeadBytesMax - empty.size(), 'a');
    check({
        {with(fields), "POST /x"},
        {with(fields + "X: 1\r\n"), "refused 431"},
        {with_line("GET " + long_target + " HTTP/1.1"), "GET " + long_target},
        {with_line("GET " + long_target + "a HTTP/1.1"), "refused 414"},
        {with("X: " + filler + "\r\n"), "POST /x"},
        {with("X: a" + filler + "\r\n"), "refused at once"},
        {std::string(kHeadBytesMax, 'a'), "not yet"},
        {std::string(kHeadBytesMax + 1, 'a'), "refused at once"},
    });
}

TEST_CASE("request head: only a Host that names this machine is taken") {
    for (const std::string host : {"evil.example", "", "localhost.evil.example", "127.0.0.1:x",
                                   "127.0.0.1:123456", "::1", "127.0.0.1@evil", "0.0.0.0"}) {
        CAPTURE(host);
        CHECK(verdict("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n") == "refused 421");
    }
}

TEST_CASE("request head: bytes that drip are looked at once, with the same verdict") {
    const std::string bytes = with("Content-Length: 5\r\n") + "rest\r\n\r\n";
    std::size_t looked = 0;
    std::size_t size = 1;
    while (find_head_end(std::string_view(bytes).substr(0, size), looked) == HeadEnd::not_yet) {
        ++size;
        REQUIRE(size <= bytes.size());
    }
    CHECK(looked == bytes.size() - 8);
    CHECK(size == looked);
}
