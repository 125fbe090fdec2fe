#pragma once

#include "events/log/log.h"
#include "tests/support/broker_reply.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace vouch::test {

/// One partition as its leader keeps it: messages, marks of ended transactions, and what these say
/// of the producers: sequences, epochs, which transactions are open. A message is a batch of its
/// own, but for those that cannot be inflated. What no replica in sync has is not here: nobody is
/// shown it, and a clean change of leaders drops it, as if it had never been sent.
class MemoryPartition {
public:
    struct Message {
        Bytes key;
        Bytes payload;
    };
    enum class State : std::uint8_t { open, shown, hidden, unreadable, commit_mark, abort_mark };
    struct Entry {
        std::shared_ptr<const Message> message;  ///< null: a mark
        State state = State::shown;
        std::int64_t batch = 0;      ///< of an unreadable one: the batch's first offset
        ProducerLife from{};         ///< of what has a sequence, or of a mark
        std::int64_t sequence = -1;  ///< -1: none is checked
        bool is_transactional = false;
        bool is_lost = false;  ///< nobody will see it, whatever becomes of its transaction
    };
    struct Appended {
        Reply answer = Reply::done;
        std::int64_t offset = -1;
    };
    /// Whether the coordinator knows of the partition as one of the producer's transaction.
    using Verify = std::function<Reply()>;

    std::int64_t first() const { return first_; }
    std::int64_t high() const { return static_cast<std::int64_t>(entries_.size()); }
    /// Behind what is decided: the last stable offset.
    std::int64_t stable_end() const;
    const Entry& at(std::int64_t offset) const {
        return entries_[static_cast<std::size_t>(offset)];
    }

    /// A batch that came before, one of the producer's last five, has the offset that it had.
    Appended append(Entry entry, const Verify& verify);
    /// Of who is not checked: strangers.
    std::int64_t put(Entry entry);
    void lose(std::int64_t offset) {
        entries_[static_cast<std::size_t>(offset)].is_lost = true;
    }
    /// Decides what the producer has open here, and raises its epoch.
    void mark(const ProducerLife& by, bool commits);
    /// Retention, or who deletes records.
    void trim(std::int64_t before) { first_ = before; }
    /// An unclean election: what stands from `from` on is gone, with what it said of producers.
    void lose_end(std::int64_t from);

private:
    static constexpr std::size_t kBatchesKept = 5;
    struct Sent {
        std::int64_t sequence = 0;
        std::int64_t offset = 0;
    };
    struct Producer {
        std::int64_t epoch = 0;
        std::deque<Sent> last;  ///< the newest at the end
        std::vector<std::int64_t> open;
    };

    void note(std::int64_t offset);

    std::int64_t first_ = 0;
    std::vector<Entry> entries_;  ///< by offset
    std::map<std::int64_t, Producer> producers_;
    std::set<std::int64_t> open_;
};

}  // namespace vouch::test
