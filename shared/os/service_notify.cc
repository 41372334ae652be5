#include "shared/os/service_notify.h"

#include <systemd/sd-daemon.h>

#include <cstdint>

namespace holdfast {
namespace {

// The environment stays as it is: programs that we start find the socket there too, and the manager does not listen to
// them (NotifyAccess=main).
void send(const std::string& state) {
  (void)::sd_notify(0, state.c_str());
}

// A line of its own ends the status.
std::string one_line(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return text;
}

}  // namespace

ServiceNotify::ServiceNotify(const Clock& clock) : clock_(clock) {
  std::uint64_t microseconds = 0;
  if (::sd_watchdog_enabled(0, &microseconds) > 0) watchdog_ = Micros(static_cast<std::int64_t>(microseconds));
}

void ServiceNotify::ready(const std::string& text) {
  if (ready_) return status(text);
  const std::lock_guard lock(mutex_);
  if (ready_) return;
  status_ = one_line(text);
  ready_ = true;
  send("READY=1\nSTATUS=" + status_);
}

void ServiceNotify::status(const std::string& text) {
  const std::lock_guard lock(mutex_);
  std::string line = one_line(text);
  if (line == status_) return;
  status_ = std::move(line);
  send("STATUS=" + status_);
}

void ServiceNotify::stopping(const std::string& text) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  stopping_ = true;
  status_ = one_line(text);
  send("STOPPING=1\nSTATUS=" + status_);
}

void ServiceNotify::alive() {
  if (!watchdog_) return;
  const std::lock_guard lock(mutex_);
  const Micros now = clock_.monotonic();
  if (next_alive_ && now < *next_alive_) return;
  next_alive_ = now + *watchdog_ / 2;
  send("WATCHDOG=1");
}

void ServiceNotify::extend(Micros more) {
  const std::lock_guard lock(mutex_);
  send("EXTEND_TIMEOUT_USEC=" + std::to_string(more.count()));
}

ReadyAtLast::ReadyAtLast(ServiceNotify& service, Micros limit, std::string status)
    : service_(service), thread_([this, limit, status = std::move(status)] { run(limit, status); }) {}

ReadyAtLast::~ReadyAtLast() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void ReadyAtLast::run(Micros limit, const std::string& status) {
  std::unique_lock lock(mutex_);
  if (changed_.wait_for(lock, limit, [this] { return over_; })) return;
  if (!service_.is_ready()) service_.ready(status);
}

}  // namespace holdfast
