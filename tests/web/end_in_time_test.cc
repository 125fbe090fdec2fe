#include "tools/server/deployment/end_in_time.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <utility>

using vouch::Fault;
using vouch::FaultCode;
using vouch::server::EndInTime;

namespace {

/// The status of a process that does `body` and then ends with 0.
template <class Body>
int status_of(Body body) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        body();
        ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return status;
}

}  // namespace

TEST_CASE("end_in_time: what does not end is left, with the status of what was found before" *
          doctest::test_suite("same-threads")) {
    const std::pair<std::optional<Fault>, int> cases[] = {
        {std::nullopt, 4},
        {Fault{FaultCode::storage, "no room"}, 4},
        {Fault{FaultCode::corrupt, "not what was written"}, 1}};
    for (const auto& [found, expected] : cases) {
        const int status = status_of([&found = found] {
            const EndInTime end(found, std::chrono::milliseconds(1));
            while (true) (void)::pause();
        });
        REQUIRE(WIFEXITED(status));
        CHECK(WEXITSTATUS(status) == expected);
    }
}

TEST_CASE("end_in_time: what has an hour has a moment once no broker answers, whenever it is seen" *
          doctest::test_suite("same-threads")) {
    const int status = status_of([] {
        EndInTime end(std::nullopt, std::chrono::hours(1));
        int looks = 0;
        const auto outage = [&looks] {
            return ++looks == 3 ? std::optional(Fault{FaultCode::retriable, "no broker answers"})
                                : std::nullopt;
        };
        end.hurry_when(outage, std::chrono::milliseconds(1));
        while (true) (void)::pause();
    });
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 4);
}

TEST_CASE("end_in_time: what ends in time goes on") {
    {
        EndInTime end(std::nullopt, std::chrono::hours(1));
        end.hurry_when([] { return std::nullopt; }, std::chrono::milliseconds(1));
        end.ask_no_more();
    }
    // Not reached by a process that was ended, nor before the hour by one that waits for it.
    CHECK(::getpid() > 0);
}
