#pragma once

#include "events/check.h"

#include <string>
#include <utility>
#include <variant>

namespace vouch {

/// What went wrong in the world (not in a command: that is an Outcome).
/// A code exists only where some caller acts on it alone.
enum class FaultCode {
    retriable,  ///< nothing happened; the same call may succeed later
    fenced,     ///< another writer owns the shard: stop writing
    corrupt,    ///< bytes are not what was written: stop the shard, name the record
    storage,  ///< the store refused or failed (disk full, read-only, sync): stop; restart reads the
              ///< truth
    configuration,  ///< settings, keys, or a directory that do not fit this program or deployment
};

/// A fault with a sentence for people: what was expected, what was found, and where.
/// Never holds keys, MAC inputs or account holders' data.
struct Fault {
    FaultCode code;
    std::string message;
};

/// A value or a Fault. Spelled like std::expected, which g++ 12 offers only with C++23.
template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Fault fault) : state_(std::in_place_index<1>, std::move(fault)) {}

    explicit operator bool() const { return state_.index() == 0; }
    bool has_value() const { return state_.index() == 0; }

    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(value()); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

    T& value() {
        VOUCH_ASSERT(has_value());
        return *std::get_if<0>(&state_);
    }
    const T& value() const {
        VOUCH_ASSERT(has_value());
        return *std::get_if<0>(&state_);
    }
    const Fault& error() const {
        VOUCH_ASSERT(!has_value());
        return *std::get_if<1>(&state_);
    }

private:
    std::variant<T, Fault> state_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Fault fault) : state_(std::move(fault)) {}

    explicit operator bool() const { return state_.index() == 0; }
    bool has_value() const { return state_.index() == 0; }
    const Fault& error() const {
        VOUCH_ASSERT(!has_value());
        return *std::get_if<1>(&state_);
    }

private:
    std::variant<std::monostate, Fault> state_;
};

using Status = Result<void>;

}  // namespace vouch
