#include "shared/os/host_shutdown.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <systemd/sd-bus.h>

#include <array>
#include <cstring>
#include <thread>

#include "shared/base/unique_handle.h"
#include "shared/os/stop.h"

namespace holdfast {
namespace {

constexpr const char* logind = "org.freedesktop.login1";
constexpr const char* logind_path = "/org/freedesktop/login1";
constexpr const char* logind_manager = "org.freedesktop.login1.Manager";
constexpr int longest_poll_ms = 1000;  // sd_bus_get_timeout has nothing shorter to wait for once it is authenticated

void end_bus(sd_bus* bus) {
  sd_bus_flush_close_unref(bus);
}
void end_message(sd_bus_message* message) {
  sd_bus_message_unref(message);
}
using Bus = UniqueHandle<sd_bus, end_bus>;
using BusMessage = UniqueHandle<sd_bus_message, end_message>;

std::unexpected<Error> bus_failed(int code, std::string_view what) {
  return fail(Code::unavailable, fmt::format("{}: {}", what, std::strerror(-code)));
}

}  // namespace

class HostShutdown::Work {
 public:
  Work(Settings settings, Events events)
      : settings_(std::move(settings)), events_(std::move(events)), thread_([this] { run(); }) {}
  ~Work() {
    stop_.request_stop();
    thread_.join();
  }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

 private:
  enum class Said : std::uint8_t { nothing, goes_down, stays };

  void run() {
    bool complained = false;
    while (!stop_.stop_requested()) {
      const auto served = serve(complained);
      lock_ = UniqueFd();
      if (served) return;
      if (!std::exchange(complained, true) && events_.without_lock) events_.without_lock(served.error());
      (void)stop_.wait_for(settings_.look_again);
    }
  }

  // Until a stop is requested, or the bus is gone.
  Result<> serve(bool& complained) {
    sd_bus* opened = nullptr;
    if (const int code = sd_bus_open_system(&opened); code < 0) return bus_failed(code, "the system bus");
    const Bus bus(opened);
    // Before the lock is asked for, so that nothing is said unheard in between.
    const int matched = sd_bus_match_signal(
        bus.get(), nullptr, logind, logind_path, logind_manager, "PrepareForShutdown",
        [](sd_bus_message* message, void* self, sd_bus_error*) {
          int going = 0;
          if (sd_bus_message_read(message, "b", &going) >= 0) {
            static_cast<Work*>(self)->said_ = going != 0 ? Said::goes_down : Said::stays;
          }
          return 0;
        },
        this);
    if (matched < 0) return bus_failed(matched, "listening to logind");
    TRY(take_lock(bus.get()));
    complained = false;
    if (events_.with_lock) events_.with_lock();
    while (!stop_.stop_requested()) {
      const int handled = sd_bus_process(bus.get(), nullptr);
      if (handled < 0) return bus_failed(handled, "the system bus");
      TRY(act(bus.get()));
      if (handled > 0) continue;
      std::array<pollfd, 2> waiting{
          {{sd_bus_get_fd(bus.get()), static_cast<short>(sd_bus_get_events(bus.get())), 0}, {stop_.fd(), POLLIN, 0}}};
      (void)::poll(waiting.data(), waiting.size(), longest_poll_ms);
    }
    return {};
  }

  Result<> take_lock(sd_bus* bus) {
    sd_bus_message* answered = nullptr;
    const int code = sd_bus_call_method(bus, logind, logind_path, logind_manager, "Inhibit", nullptr, &answered, "ssss",
                                        "shutdown", settings_.who.c_str(), settings_.why.c_str(), "delay");
    if (code < 0) return bus_failed(code, "a lock of logind");
    const BusMessage answer(answered);
    int fd = -1;
    if (const int read = sd_bus_message_read(answer.get(), "h", &fd); read < 0) {
      return bus_failed(read, "a lock of logind");
    }
    // The message keeps its own.
    lock_ = UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (!lock_) return std::unexpected(error_from_errno(errno, "a lock of logind"));
    return {};
  }

  Result<> act(sd_bus* bus) {
    switch (std::exchange(said_, Said::nothing)) {
      case Said::nothing:
        return {};
      case Said::goes_down:
        if (events_.goes_down) events_.goes_down();
        lock_ = UniqueFd();
        return {};
      case Said::stays:
        if (events_.stays) events_.stays();
        return lock_ ? Result<>() : take_lock(bus);
    }
    return {};
  }

  const Settings settings_;
  const Events events_;
  StopToken stop_;
  // The thread's own.
  UniqueFd lock_;
  Said said_ = Said::nothing;
  std::thread thread_;  // last: it uses everything above
};

HostShutdown::HostShutdown(Settings settings, Events events)
    : work_(std::make_unique<Work>(std::move(settings), std::move(events))) {}
HostShutdown::~HostShutdown() = default;

}  // namespace holdfast
