#pragma once

#include "tests/simulation/acknowledgement.h"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace vouch::test {

/// One life of kill_driver. One thread.
class DriverProcess {
public:
    DriverProcess(const std::filesystem::path& directory, const std::string& source,
                  std::uint64_t batches, bool follows);
    /// Kills it if it still lives.
    ~DriverProcess();
    DriverProcess(const DriverProcess&) = delete;
    DriverProcess& operator=(const DriverProcess&) = delete;

    /// Reads until there are `count` acknowledgements in all, or it ends.
    void await_acknowledged(std::size_t count);
    /// Reads for so long, whatever comes.
    void read_for(int milliseconds);
    /// SIGKILL, and what was in the pipe.
    void kill();
    /// Reads until it ends by itself; its exit status, 128 + the signal that ended it.
    int await_end();

    const std::vector<Acknowledgement>& acknowledged() const { return acknowledged_; }
    /// What it said on standard error.
    std::string complaints() const;

private:
    bool read_some();
    int reap();

    std::filesystem::path complaints_;
    pid_t pid_ = -1;
    int pipe_ = -1;
    std::string rest_;  // of an acknowledgement that is not whole yet
    std::vector<Acknowledgement> acknowledged_;
};

}  // namespace vouch::test
