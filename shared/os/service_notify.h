#pragma once
// What a program tells the service manager that started it (sd_notify(3)). Without one, which is where NOTIFY_SOCKET is
// not set, nothing is said.
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "shared/base/time.h"
#include "shared/os/clock.h"

namespace holdfast {

// Safe from many threads. A manager that cannot be told is no reason to stop working: nothing here fails.
class ServiceNotify {
 public:
  explicit ServiceNotify(const Clock& clock);
  ServiceNotify(const ServiceNotify&) = delete;
  ServiceNotify& operator=(const ServiceNotify&) = delete;

  // READY=1 with this status, the first time; later the status alone.
  void ready(const std::string& status);
  // STATUS=, when it is another one than the last.
  void status(const std::string& text);
  // STOPPING=1, once.
  void stopping(const std::string& status);
  // The main loop goes round: WATCHDOG=1, when half of the time that the manager allows has passed since the last.
  void alive();
  // Starting or stopping takes at least this much longer.
  void extend(Micros more);

  bool is_ready() const { return ready_; }

 private:
  const Clock& clock_;
  std::optional<Micros> watchdog_;
  std::atomic<bool> ready_{false};
  std::mutex mutex_;  // guards what follows, and keeps lines in order
  bool stopping_ = false;
  std::string status_;
  std::optional<Micros> next_alive_;
};

// At latest after `limit` the manager is told that the service is up, with what it waits for as its status: what is
// ordered behind it must not wait for ever.
class ReadyAtLast {
 public:
  ReadyAtLast(ServiceNotify& service, Micros limit, std::string status);
  ~ReadyAtLast();
  ReadyAtLast(const ReadyAtLast&) = delete;
  ReadyAtLast& operator=(const ReadyAtLast&) = delete;

 private:
  void run(Micros limit, const std::string& status);
  ServiceNotify& service_;
  std::mutex mutex_;  // guards over_
  std::condition_variable changed_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace holdfast
