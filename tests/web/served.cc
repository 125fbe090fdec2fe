#include "tests/web/served.h"

#include <doctest/doctest.h>

namespace vouch::test {

const std::string kSmallBooks =
    R"({"id":"o1","open_account":{"account":"cash","asset":"EUR/2","class":"asset","limit":"unlimited"}})"
    "\n"
    R"({"id":"o2","open_account":{"account":"alice","asset":"EUR/2","class":"liability"}})"
    "\n"
    R"({"id":"o3","open_account":{"account":"bob","asset":"EUR/2","class":"liability"}})"
    "\n"
    R"({"id":"t1","transfer":{"debit":"cash","credit":"alice","amount":"100.00"}})"
    "\n";

std::string get_request(const std::string& target, const std::string& fields) {
    return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n";
}

std::string post_request(const std::string& body, const std::string& type,
                         const std::string& fields) {
    return "POST /v1/commands HTTP/1.1\r\nHost: localhost\r\nContent-Type: " + type +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + fields + "\r\n" + body;
}

Served::Served(const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"serve", "--data", program_.books().string(), "--create"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    running_ = std::make_unique<RunningProgram>(program_, arguments);
    url_ = running_->read_line();
    REQUIRE(url_.starts_with("http://127.0.0.1:"));
}

int Served::stop() {
    running_->terminate();
    return running_->wait();
}

void Served::kill() {
    running_->kill();
    running_->wait();
}

std::string Served::ask(const std::string& bytes) {
    Peer peer(url_);
    REQUIRE(peer.send(bytes));
    const std::vector<std::string> answers = peer.read_answers(1);
    return answers.empty() ? "" : answers.front();
}

std::string Served::get(const std::string& target, const std::string& fields) {
    return ask(get_request(target, fields));
}

std::string Served::post(const std::string& body, const std::string& type,
                         const std::string& fields) {
    return ask(post_request(body, type, fields));
}

}  // namespace vouch::test
