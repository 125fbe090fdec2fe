#pragma once

#include "command-handler/gateway/wake_descriptor.h"

#include <thread>

namespace vouch::server {

/// SIGTERM, SIGINT and SIGHUP as a descriptor, for every thread started from now on. A SIGHUP that
/// was ignored before (nohup) stays so.
class StopSignals {
public:
    StopSignals();
    ~StopSignals();
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;

    int fd() const { return fd_; }

private:
    int fd_ = -1;
};

/// Ends the process at once when it is told to stop while this lives: a start may read for long,
/// nobody is served yet, and what it writes survives an end at any point.
class StopWhileStarting {
public:
    explicit StopWhileStarting(const StopSignals& signals);
    ~StopWhileStarting();
    StopWhileStarting(const StopWhileStarting&) = delete;
    StopWhileStarting& operator=(const StopWhileStarting&) = delete;

private:
    void watch(int signals);

    command_handler::WakeDescriptor over_;
    std::thread thread_;
};

}  // namespace vouch::server
