#include "shared/os/stop.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <thread>
#include <utility>

namespace holdfast {

StopToken::StopToken() : state_(std::make_shared<State>()) {
  state_->event.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

void StopToken::request_stop() const {
  state_->requested.store(true, std::memory_order_release);
  const std::uint64_t one = 1;
  (void)!::write(state_->event.get(), &one, sizeof one);
}

bool StopToken::wait_for(Micros duration) const {
  if (stop_requested()) return true;
  pollfd waiting{state_->event.get(), POLLIN, 0};
  const timespec limit{duration.count() / 1'000'000, duration.count() % 1'000'000 * 1'000};
  ::ppoll(&waiting, 1, &limit, nullptr);
  return stop_requested();
}

StopOnSignal::StopOnSignal(StopToken token) {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t stopping;
  ::sigemptyset(&stopping);
  ::sigaddset(&stopping, SIGTERM);
  ::sigaddset(&stopping, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &stopping, nullptr);
  std::thread([stopping, token = std::move(token)] {
    int signal = 0;
    ::sigwait(&stopping, &signal);
    token.request_stop();
    ::sigwait(&stopping, &signal);
    ::_exit(130);
  }).detach();
}

}  // namespace holdfast
