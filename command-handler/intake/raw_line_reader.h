#pragma once

#include "command-handler/intake/command_shape.h"
#include "command-handler/intake/json_place.h"
#include "command-handler/intake/malformed.h"
#include "command-handler/intake/raw_command.h"
#include "events/entries/arena.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace vouch::command_handler {

/// Holds the values of a line, as they come, against the tables of command_shape.h and
/// command_bodies.cc, and puts them into a RawLine. After a fault nothing may come any more. One
/// thread.
class RawLineReader {
public:
    /// Texts are copied into `arena`. `given_id`, unless it is empty, is the line's id where it has
    /// none, and must be the one that it has; it outlives the line.
    void start(Arena& arena, RawLine& line, std::string_view given_id = {});
    std::optional<Malformed>& fault() { return fault_; }

    void open_object();
    void close_object();
    void open_array();
    void close_array();
    void take_key(std::string_view name);
    void take_text(std::string_view text);
    void take_number(std::uint64_t number);
    void take_boolean(bool value);
    /// A value that is expected nowhere, or not here; `found` as messages call it.
    void wrong_type(std::string_view found);

private:
    RawCommand& command() {
        return place_.is_in_member() ? line_->members.back() : line_->command;
    }
    void open(const Frame& frame) {
        place_.open(frame);
        key_ = nullptr;
    }
    void take_metadata_key(std::string_view name);
    void take_posting_key(std::string_view name);
    void take_body_key(const Key& key);

    /// Names every missing key of the object that ends, if any is.
    void check_complete(const Frame& frame);
    void check_line(const Frame& frame);
    void take_given_id();

    std::string path() const { return place_.path(*line_); }
    /// The path of the value that is being read.
    std::string value_path() const;
    void fail(std::string field, std::string detail, Outcome outcome = Outcome::malformed) {
        fault_ = Malformed{outcome, std::move(field), std::move(detail)};
    }

    Arena* arena_ = nullptr;
    RawLine* line_ = nullptr;
    std::string_view given_id_;
    JsonPlace place_;
    const Key* key_ = nullptr;  ///< whose value comes next
    Key metadata_key_;          ///< what `key_` points to within metadata
    Key posting_key_;           ///< what `key_` points to within a posting
    std::optional<Malformed> fault_;
};

}  // namespace vouch::command_handler
