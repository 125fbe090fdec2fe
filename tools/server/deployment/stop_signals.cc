#include "tools/server/deployment/stop_signals.h"

#include "tools/terminal/say.h"

#include <poll.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <system_error>

namespace vouch::server {

StopSignals::StopSignals() {
    sigset_t stops;
    sigemptyset(&stops);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGINT);
    struct sigaction hang_up {};
    ::sigaction(SIGHUP, nullptr, &hang_up);
    if (hang_up.sa_handler != SIG_IGN) sigaddset(&stops, SIGHUP);
    ::pthread_sigmask(SIG_BLOCK, &stops, nullptr);
    // A peer that goes away while it is answered is no reason to end.
    std::signal(SIGPIPE, SIG_IGN);
    fd_ = ::signalfd(-1, &stops, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
}

StopSignals::~StopSignals() { ::close(fd_); }

StopWhileStarting::StopWhileStarting(const StopSignals& signals)
    : thread_([this, fd = signals.fd()] { watch(fd); }) {}

StopWhileStarting::~StopWhileStarting() {
    over_.wake();
    thread_.join();
}

void StopWhileStarting::watch(int signals) {
    std::array<pollfd, 2> sources{pollfd{.fd = signals, .events = POLLIN, .revents = 0},
                                  pollfd{.fd = over_.fd(), .events = POLLIN, .revents = 0}};
    while (::poll(sources.data(), sources.size(), -1) < 0 && errno == EINTR) {
    }
    if ((sources[1].revents & POLLIN) != 0) return;
    terminal::say("told to stop while starting; nobody was served");
    std::_Exit(EXIT_SUCCESS);
}

}  // namespace vouch::server
