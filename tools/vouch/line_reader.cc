#include "tools/vouch/line_reader.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace vouch::cli {

namespace {

Fault read_fault(int error) {
    return {FaultCode::storage, "input cannot be read: " + std::generic_category().message(error)};
}

}  // namespace

Result<LineReader::Filled> LineReader::fill() {
    if (at_end_) return Filled::end;
    pollfd input{.fd = fd_, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&input, 1, 0);
    if (ready < 0 && errno != EINTR) return read_fault(errno);
    if (ready <= 0) return Filled::would_block;

    // What was handed out makes room, so that the buffer does not grow with the input.
    buffer_.erase(0, begin_);
    scanned_ -= begin_;
    begin_ = 0;
    const std::size_t size = buffer_.size();
    buffer_.resize(size + kReadBytes);
    const ssize_t got = ::read(fd_, buffer_.data() + size, kReadBytes);
    const int error = errno;
    buffer_.resize(size + static_cast<std::size_t>(got > 0 ? got : 0));
    if (got < 0) {
        if (error == EINTR || error == EAGAIN) return Filled::would_block;
        return read_fault(error);
    }
    bytes_read_ += static_cast<std::uint64_t>(got);
    at_end_ = got == 0;
    return at_end_ ? Filled::end : Filled::more;
}

LineReader::Next LineReader::too_long() {
    is_first_ = false;
    return Next::too_long;
}

LineReader::Next LineReader::as_line(std::string_view& line) {
    if (std::exchange(is_first_, false)) line = command_handler::without_byte_order_mark(line);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return Next::line;
}

Result<LineReader::Next> LineReader::next(std::string_view& line) {
    for (;;) {
        const std::size_t end = buffer_.find('\n', scanned_);
        if (end != std::string::npos) {
            line = std::string_view(buffer_).substr(begin_, end - begin_);
            begin_ = scanned_ = end + 1;
            if (std::exchange(skipping_, false)) return too_long();
            if (line.size() > command_handler::kLineBytesMax) return too_long();
            return as_line(line);
        }
        scanned_ = buffer_.size();
        if (scanned_ - begin_ > command_handler::kLineBytesMax) {
            skipping_ = true;
            begin_ = scanned_;
        }
        const Result<Filled> filled = fill();
        if (!filled) return filled.error();
        switch (*filled) {
            case Filled::more:
                break;
            case Filled::would_block:
                return Next::would_block;
            case Filled::end:
                line = std::string_view(buffer_).substr(begin_);
                begin_ = scanned_ = buffer_.size();
                if (std::exchange(skipping_, false)) return too_long();
                return line.empty() ? Next::end : as_line(line);
        }
    }
}

}  // namespace vouch::cli
