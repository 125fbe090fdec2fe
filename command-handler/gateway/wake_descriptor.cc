#include "command-handler/gateway/wake_descriptor.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace vouch::command_handler {

WakeDescriptor::WakeDescriptor() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

WakeDescriptor::~WakeDescriptor() { ::close(fd_); }

void WakeDescriptor::wake() {
    const std::uint64_t one = 1;
    // Fails only when the counter is full, and then the reader is awake already.
    [[maybe_unused]] const ssize_t written = ::write(fd_, &one, sizeof one);
}

void WakeDescriptor::reset() {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = ::read(fd_, &count, sizeof count);
}

}  // namespace vouch::command_handler
