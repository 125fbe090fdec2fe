#pragma once

#include <cstdint>
#include <optional>

namespace vouch::command_handler {

/// When a shard commits a mark: a record that says nothing but up to where the shard is complete,
/// and how far its inputs are read. At rest nothing is written: no mark follows a mark unless
/// somebody asks for it. Times are the clock's steady ones, so that nobody who sets the clock moves
/// a mark. One thread.
class MarkSchedule {
public:
    /// An idle shard commits one this long after the last record, or input that led to none.
    static constexpr std::int64_t kIdle_us = 100'000;
    /// Marks that are asked for are at least this far apart.
    static constexpr std::int64_t kAskedEvery_us = 100'000;
    /// So many inputs in a row without an event, or so long after the first of them, need one also
    /// under load: the positions of inputs stand in records alone.
    static constexpr std::uint64_t kUnrecordedInputsMax = 8192;
    static constexpr std::int64_t kUnrecordedMax_us = 1'000'000;

    explicit MarkSchedule(std::int64_t idle_us = kIdle_us) : idle_us_(idle_us) {}

    /// A record was handed to the log. It names all inputs so far.
    void committed(std::int64_t now_us, bool is_mark);
    /// `inputs` are worked off that no record names.
    void worked_off(std::uint64_t inputs, std::int64_t now_us);
    /// Somebody wants to know up to where the shard is complete. The next record says it.
    void ask() { is_asked_ = true; }

    /// When the next mark is due, as far as is known now; empty when the shard may rest.
    std::optional<std::int64_t> due_us(bool is_idle) const;
    /// Something stands behind the last mark.
    bool is_unmarked() const { return !is_after_mark_ || unrecorded_ > 0; }

private:
    std::int64_t idle_us_;
    bool is_after_mark_ = false;
    bool is_asked_ = false;
    std::optional<std::int64_t> last_mark_us_;
    std::int64_t last_work_us_ = 0;
    std::uint64_t unrecorded_ = 0;
    std::int64_t unrecorded_since_us_ = 0;
};

}  // namespace vouch::command_handler
