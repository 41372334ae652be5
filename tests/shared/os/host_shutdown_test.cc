// A bus of the test's own with a logind of the test's own on it: what a real one would see.
#include "shared/os/host_shutdown.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <mutex>
#include <thread>

#include "shared/base/unique_handle.h"
#include "tests/harness/child_process.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

constexpr const char* configuration =
    R"(<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path=@</listen>
  <policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>
)";

bool eventually(const std::function<bool()>& holds) {
  for (int tries = 0; tries < 2000; ++tries) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

// Gives out locks, and says when one is not held any more.
class FakeLogind {
 public:
  explicit FakeLogind(const std::string& address) {
    sd_bus_new(&bus_);
    sd_bus_set_address(bus_, address.c_str());
    sd_bus_set_bus_client(bus_, 1);
    sd_bus_negotiate_fds(bus_, 1);
    EXPECT_GE(sd_bus_start(bus_), 0);
    EXPECT_GE(sd_bus_add_object(bus_, nullptr, "/org/freedesktop/login1", &FakeLogind::inhibit, this), 0);
    EXPECT_GE(sd_bus_request_name(bus_, "org.freedesktop.login1", 0), 0);
    thread_ = std::jthread([this](const std::stop_token& over) {
      while (!over.stop_requested()) {
        if (const int going = to_say_.exchange(-1); going >= 0) {
          sd_bus_emit_signal(bus_, "/org/freedesktop/login1", "org.freedesktop.login1.Manager", "PrepareForShutdown",
                             "b", going);
        }
        if (sd_bus_process(bus_, nullptr) == 0) (void)sd_bus_wait(bus_, 20000);
      }
    });
  }
  FakeLogind(const FakeLogind&) = delete;
  FakeLogind& operator=(const FakeLogind&) = delete;
  ~FakeLogind() {
    thread_.request_stop();
    thread_.join();
    sd_bus_flush_close_unref(bus_);
  }
  void say_it_goes_down(bool going) { to_say_ = going ? 1 : 0; }
  int locks_given() const { return given_; }
  // Whether the newest lock is held: its pipe has a writer.
  bool is_held() const {
    const std::lock_guard lock(mutex_);
    pollfd waiting{end_.get(), POLLIN, 0};
    return given_ > 0 && (::poll(&waiting, 1, 0) == 0 || (waiting.revents & POLLHUP) == 0);
  }
  std::string asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  static int inhibit(sd_bus_message* message, void* self, sd_bus_error*) {
    auto& logind = *static_cast<FakeLogind*>(self);
    if (sd_bus_message_is_method_call(message, "org.freedesktop.login1.Manager", "Inhibit") <= 0) return 0;
    const char* what = nullptr;
    const char* who = nullptr;
    const char* why = nullptr;
    const char* mode = nullptr;
    if (sd_bus_message_read(message, "ssss", &what, &who, &why, &mode) < 0) return -EINVAL;
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) return -errno;
    {
      const std::lock_guard lock(logind.mutex_);
      logind.end_ = UniqueFd(ends[0]);
      logind.asked_ = std::string(what) + "/" + who + "/" + mode;
    }
    const int replied = sd_bus_reply_method_return(message, "h", ends[1]);
    ::close(ends[1]);
    ++logind.given_;
    return replied < 0 ? replied : 1;
  }

  sd_bus* bus_ = nullptr;
  std::atomic<int> to_say_{-1};
  std::atomic<int> given_{0};
  mutable std::mutex mutex_;  // guards end_ and asked_
  UniqueFd end_;
  std::string asked_;
  std::jthread thread_;
};

class HostGoesDown : public testing::Test {
 protected:
  void SetUp() override {
    if (::access("/usr/bin/dbus-daemon", X_OK) != 0) GTEST_SKIP() << "dbus-daemon is not installed";
    ::setenv("DBUS_SYSTEM_BUS_ADDRESS", address().c_str(), 1);
  }
  void TearDown() override { ::unsetenv("DBUS_SYSTEM_BUS_ADDRESS"); }
  std::string address() const { return "unix:path=" + (directory_ / "bus"); }
  void start_bus() {
    std::string text = configuration;
    text.replace(text.find('@'), 1, directory_ / "bus");
    std::ofstream(directory_ / "bus.conf") << text;
    daemon_ = ChildProcess::start({"/usr/bin/dbus-daemon", "--nofork", "--config-file=" + (directory_ / "bus.conf")},
                                  directory_ / "bus.log");
    ASSERT_TRUE(eventually([this] { return ::access((directory_ / "bus").c_str(), F_OK) == 0; }));
  }
  std::unique_ptr<HostShutdown> watch() {
    HostShutdown::Events events;
    events.goes_down = [this] {
      while (working_) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      ++downs_;
    };
    events.stays = [this] { ++stays_; };
    events.without_lock = [this](const Error&) { ++complaints_; };
    return std::make_unique<HostShutdown>(
        HostShutdown::Settings{"holdfast-agent", "test", std::chrono::milliseconds(50)}, std::move(events));
  }

  TemporaryDirectory directory_;
  ChildProcess daemon_;
  std::atomic<bool> working_{false};
  std::atomic<int> downs_{0};
  std::atomic<int> stays_{0};
  std::atomic<int> complaints_{0};
};

TEST_F(HostGoesDown, AndWaitsUntilTheWorkIsDone) {
  start_bus();
  FakeLogind logind(address());
  const auto shutdown = watch();
  ASSERT_TRUE(eventually([&] { return logind.locks_given() == 1; }));
  EXPECT_EQ(logind.asked(), "shutdown/holdfast-agent/delay");
  working_ = true;
  logind.say_it_goes_down(true);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_TRUE(logind.is_held());
  working_ = false;
  EXPECT_TRUE(eventually([&] { return !logind.is_held(); }));
  EXPECT_EQ(downs_, 1);
}

TEST_F(HostGoesDown, AndTheLockIsTakenAgainWhenItStaysAfterAll) {
  start_bus();
  FakeLogind logind(address());
  const auto shutdown = watch();
  ASSERT_TRUE(eventually([&] { return logind.locks_given() == 1; }));
  logind.say_it_goes_down(true);
  ASSERT_TRUE(eventually([&] { return !logind.is_held(); }));
  logind.say_it_goes_down(false);
  ASSERT_TRUE(eventually([&] { return logind.locks_given() == 2; }));
  EXPECT_TRUE(logind.is_held());
  EXPECT_EQ(stays_, 1);
}

TEST_F(HostGoesDown, WithoutALogindNothingWaitsAndItIsFoundWhenItComes) {
  const auto shutdown = watch();
  ASSERT_TRUE(eventually([&] { return complaints_ == 1; }));
  start_bus();
  FakeLogind logind(address());
  ASSERT_TRUE(eventually([&] { return logind.locks_given() == 1; }));
  EXPECT_EQ(complaints_, 1) << "told once";
}

TEST_F(HostGoesDown, AndTheLockGoesWithItsHolder) {
  start_bus();
  FakeLogind logind(address());
  auto shutdown = watch();
  ASSERT_TRUE(eventually([&] { return logind.locks_given() == 1; }));
  shutdown.reset();
  EXPECT_TRUE(eventually([&] { return !logind.is_held(); }));
}

}  // namespace
}  // namespace holdfast
