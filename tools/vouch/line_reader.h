#pragma once

#include "command-handler/intake/command_json.h"
#include "events/result.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace vouch::cli {

/// Reads lines from a file, pipe or terminal without ever waiting, so that the caller can do
/// something else while nothing comes. Memory: one line of kLineBytesMax and what one read gives.
class LineReader {
public:
    enum class Next {
        line,         ///< `line` holds one, without its end
        too_long,     ///< a line of more than kLineBytesMax; it is skipped
        would_block,  ///< nothing there yet: poll `fd`
        end,          ///< nothing more will come
    };

    /// `fd` stays the caller's.
    explicit LineReader(int fd) : fd_(fd) {}

    /// The next line. It borrows from the reader until the next call. The last line may lack its
    /// end. A trailing carriage return is not part of the line, nor a byte order mark before the
    /// first one. `storage` when reading fails.
    Result<Next> next(std::string_view& line);

    int fd() const { return fd_; }
    /// Everything has been handed out.
    bool is_at_end() const { return at_end_ && begin_ == buffer_.size(); }
    /// Bytes of input taken so far, for progress.
    std::uint64_t bytes_read() const { return bytes_read_; }

private:
    enum class Filled { more, would_block, end };
    Result<Filled> fill();
    Next as_line(std::string_view& line);
    Next too_long();

    static constexpr std::size_t kReadBytes = 256 * 1024;

    int fd_;
    std::string buffer_;
    std::size_t begin_ = 0;    ///< of what was not handed out
    std::size_t scanned_ = 0;  ///< up to here there is no line end
    bool skipping_ = false;    ///< within a line that is too long
    bool at_end_ = false;
    bool is_first_ = true;
    std::uint64_t bytes_read_ = 0;
};

}  // namespace vouch::cli
