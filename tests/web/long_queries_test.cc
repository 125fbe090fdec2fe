#include "tools/server/http/api/long_queries.h"

#include <doctest/doctest.h>

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// Questions whose answers take longer than those who ask can wait.

using namespace vouch;
using namespace std::chrono_literals;
using http::LongAnswer;
using http::LongQueries;

namespace {

constexpr SteadyTime kNow{};

/// Something that is made as soon as it may be.
struct Held {
    LongQueries::Make make() {
        return [this] {
            may_go.get_future().wait();
            ++times;
            http::Response response;
            response.body = std::to_string(times);
            return http::QueryAnswer(std::move(response));
        };
    }
    std::promise<void> may_go;
    int times = 0;
};

http::QueryAnswer never() {
    FAIL("nobody wants it any more");
    return http::QueryAnswer({});
}

/// Waits for it.
std::string body_of(LongAnswer& answer) {
    std::promise<void> told;
    answer.tell_by([&] { told.set_value(); });
    std::optional<http::QueryAnswer> found = answer.take();
    if (!found) {
        told.get_future().wait();
        found = answer.take();
    }
    REQUIRE(found);
    return found->response.body;
}

}  // namespace

TEST_CASE("long queries: what was left is made, and is whose who asks the same again") {
    Held held;
    LongQueries queries;
    std::shared_ptr<LongAnswer> first = queries.ask("a", held.make(), kNow);
    REQUIRE(first);
    CHECK_FALSE(first->take());
    const LongAnswer* const same = first.get();
    queries.leave("a", std::move(first), kNow);

    const std::shared_ptr<LongAnswer> other = queries.ask(
        "b", [] { return http::QueryAnswer({}); }, kNow);
    REQUIRE(other);
    CHECK(other.get() != same);
    const std::shared_ptr<LongAnswer> again =
        queries.ask("a", never, kNow + LongQueries::kLeftMax);
    REQUIRE(again.get() == same);
    held.may_go.set_value();
    CHECK(body_of(*again) == "1");
    CHECK(body_of(*other).empty());
    // It was left once, and taken.
    const std::shared_ptr<LongAnswer> new_one = queries.ask(
        "a", [] { return http::QueryAnswer({}); }, kNow);
    CHECK(new_one.get() != same);
    CHECK(body_of(*new_one).empty());
}

TEST_CASE("long queries: what nobody came back for is forgotten, and not made") {
    Held held;
    LongQueries queries;
    const std::shared_ptr<LongAnswer> first = queries.ask("a", held.make(), kNow);
    std::shared_ptr<LongAnswer> left = queries.ask("b", never, kNow);
    const std::weak_ptr<LongAnswer> same = left;
    queries.leave("b", std::move(left), kNow);
    const std::shared_ptr<LongAnswer> late = queries.ask(
        "b", [] { return http::QueryAnswer({}); }, kNow + LongQueries::kLeftMax + 1ms);
    REQUIRE(late);
    CHECK(same.expired());
    held.may_go.set_value();
    CHECK(body_of(*first) == "1");
    CHECK(body_of(*late).empty());
}

TEST_CASE("long queries: so many wait and no more; those whose askers are gone do not count") {
    Held held;
    LongQueries queries;
    const std::shared_ptr<LongAnswer> first = queries.ask("a", held.make(), kNow);
    std::vector<std::shared_ptr<LongAnswer>> waiting;
    // The first may have its turn by then, or not.
    for (std::size_t i = 0; i <= LongQueries::kWaitingMax; ++i)
        waiting.push_back(queries.ask("b", never, kNow));
    CHECK_FALSE(queries.ask("b", never, kNow));
    waiting.clear();
    CHECK(queries.ask("b", never, kNow));
    held.may_go.set_value();
    CHECK(body_of(*first) == "1");
}
