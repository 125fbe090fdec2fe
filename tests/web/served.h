#pragma once

#include "tests/tools/program.h"
#include "tests/web/peer.h"

#include <memory>
#include <string>
#include <vector>

namespace vouch::test {

/// The real server before new books in a directory of its own, until the end of the test.
class Served {
public:
    /// `vouch serve --data BOOKS --create MORE…`.
    explicit Served(const std::vector<std::string>& more = {});

    const std::string& url() const { return url_; }
    const Program& program() const { return program_; }
    /// SIGTERM; what it ended with.
    int stop();
    /// SIGKILL.
    void kill();
    /// Hangs, or does no longer.
    void pause() { running_->pause(); }
    void go_on() { running_->go_on(); }

    std::string get(const std::string& target, const std::string& fields = "");
    std::string post(const std::string& body, const std::string& type = "application/x-ndjson",
                     const std::string& fields = "");
    /// Any request on a connection of its own; the whole answer.
    std::string ask(const std::string& bytes);

private:
    Program program_;
    std::unique_ptr<RunningProgram> running_;
    std::string url_;
};

/// Opens cash (asset, unlimited), alice and bob (liability) in EUR/2, and gives alice 100.00.
extern const std::string kSmallBooks;

std::string get_request(const std::string& target, const std::string& fields = "");
std::string post_request(const std::string& body, const std::string& type,
                         const std::string& fields = "");

}  // namespace vouch::test
