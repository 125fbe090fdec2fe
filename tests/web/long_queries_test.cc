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

const SteadyTime kNow = std::chrono::steady_clock::now();

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

TEST_CASE("long queries: what was left is made, and is whose who was told") {
    Held held;
    LongQueries queries;
    std::shared_ptr<LongAnswer> first = queries.ask(held.make());
    REQUIRE(first);
    CHECK_FALSE(first->take());
    const LongAnswer* const same = first.get();
    const std::string word = queries.leave("a", std::move(first), kNow);

    // Who asks the same without having been told gets an answer of his own time.
    const std::shared_ptr<LongAnswer> other = queries.ask([] { return http::QueryAnswer({}); });
    REQUIRE(other);
    CHECK(other.get() != same);
    CHECK_FALSE(queries.pick_up(word, "b", kNow));
    CHECK_FALSE(queries.pick_up(word + "0", "a", kNow));
    const std::shared_ptr<LongAnswer> again =
        queries.pick_up(word, "a", kNow + LongQueries::kLeftMax);
    REQUIRE(again.get() == same);
    held.may_go.set_value();
    CHECK(body_of(*again) == "1");
    CHECK(body_of(*other).empty());
    // It was left once, and taken.
    CHECK_FALSE(queries.pick_up(word, "a", kNow));
}

TEST_CASE("long queries: what nobody came back for is forgotten, and not made") {
    Held held;
    LongQueries queries;
    const std::shared_ptr<LongAnswer> first = queries.ask(held.make());
    std::shared_ptr<LongAnswer> left = queries.ask(never);
    const std::weak_ptr<LongAnswer> same = left;
    const std::string word = queries.leave("b", std::move(left), kNow);
    CHECK_FALSE(queries.pick_up(word, "b", kNow + LongQueries::kLeftMax + 1ms));
    CHECK(same.expired());
    held.may_go.set_value();
    CHECK(body_of(*first) == "1");
}

TEST_CASE("long queries: so many wait and no more; those whose askers are gone do not count") {
    Held held;
    LongQueries queries;
    const std::shared_ptr<LongAnswer> first = queries.ask(held.make());
    std::vector<std::shared_ptr<LongAnswer>> waiting;
    // The first may have its turn by then, or not.
    for (std::size_t i = 0; i <= LongQueries::kWaitingMax; ++i)
        waiting.push_back(queries.ask(never));
    CHECK_FALSE(queries.ask(never));
    waiting.clear();
    CHECK(queries.ask(never));
    held.may_go.set_value();
    CHECK(body_of(*first) == "1");
}
