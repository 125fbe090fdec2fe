#pragma once

#include "events/world/clock.h"
#include "projector/queries/ways_out.h"
#include "tools/server/http/api/queries.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace vouch::http {

/// The answer to a question that reads many rows, while it is made and until somebody takes it. Any
/// thread.
class LongAnswer {
public:
    /// `tell` is called once when the answer is there, on the thread that made it: not at all when
    /// it is there already, or when another one is told instead.
    void tell_by(std::function<void()> tell);
    void set(QueryAnswer answer);
    /// Empty until it is there.
    std::optional<QueryAnswer> take();
    /// What it takes, once it is there.
    std::size_t bytes() const;

private:
    mutable std::mutex mutex_;
    std::optional<QueryAnswer> found_;
    std::function<void()> tell_;
};

/// Runs what reads many rows on a thread of its own, one after the other, so that nobody's balance
/// waits behind somebody's trial balance.
///
/// Whoever cannot wait for an answer leaves it, and is told a word by which he alone picks it up.
/// It is made nevertheless, and kept for a while: so an answer may take longer than a request, and
/// nobody gets an older one than he asks for.
class LongQueries {
public:
    /// Waiting for their turn, at most; and left, at most.
    static constexpr std::size_t kWaitingMax = 32;
    /// How long what was left is kept, and made if its turn has not come.
    static constexpr std::chrono::seconds kLeftMax{60};
    /// What was left and is made, in all; of more, the oldest are forgotten.
    static constexpr std::size_t kLeftBytesMax = 64 << 20;

    using Make = std::function<QueryAnswer()>;

    LongQueries();
    ~LongQueries();
    LongQueries(const LongQueries&) = delete;
    LongQueries& operator=(const LongQueries&) = delete;

    /// What `make` will answer; null, and nothing will happen, when too many wait.
    std::shared_ptr<LongAnswer> ask(Make make);
    /// Says the word for it.
    std::string leave(const std::string& question, std::shared_ptr<LongAnswer> answer,
                      SteadyTime now);
    /// What was left of this question under `word`; null when there is none.
    std::shared_ptr<LongAnswer> pick_up(const std::string& word, const std::string& question,
                                        SteadyTime now);

    /// Kept from one question to the next, for whoever makes an answer.
    projector::WaysOut ways_out;

    /// Ends after the query at hand, which looks at `stopping`.
    void stop();
    const std::atomic<bool>& stopping() const { return is_stopping_; }

private:
    struct Waiting {
        std::weak_ptr<LongAnswer> answer;  ///< gone: nobody wants it any more
        Make make;
    };
    struct Left {
        std::string word;
        std::string question;
        std::shared_ptr<LongAnswer> answer;
        SteadyTime since;
    };
    void run();
    void wait_for_more(std::unique_lock<std::mutex>& lock);
    void forget_old(SteadyTime now);

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Waiting> waiting_;
    std::deque<Left> left_;  ///< the oldest first
    std::uint64_t words_ = 0;
    std::atomic<bool> is_stopping_{false};  ///< set under the mutex
    std::thread thread_;
};

}  // namespace vouch::http
