#pragma once

namespace vouch::command_handler {

/// A descriptor that is readable once somebody said so. Any thread may say it.
class WakeDescriptor {
public:
    WakeDescriptor();
    ~WakeDescriptor();
    WakeDescriptor(const WakeDescriptor&) = delete;
    WakeDescriptor& operator=(const WakeDescriptor&) = delete;

    void wake();
    void reset();
    int fd() const { return fd_; }

private:
    int fd_;
};

}  // namespace vouch::command_handler
