#include "shared/os/service_notify.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/harness/manual_clock.h"
#include "tests/harness/notify_socket.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ServiceManager : public testing::Test {
 protected:
  ServiceManager() { ::setenv("NOTIFY_SOCKET", socket_.path().c_str(), 1); }
  ~ServiceManager() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  }
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  NotifySocket socket_;
  ManualClock clock_;
};

TEST_F(ServiceManager, IsToldOnceThatTheServiceIsReady) {
  ServiceNotify service(clock_);
  EXPECT_FALSE(service.is_ready());
  service.ready("2 databases are protected");
  EXPECT_TRUE(service.is_ready());
  service.ready("2 databases are protected");
  service.ready("3 databases are protected");
  EXPECT_THAT(socket_.take_all(),
              ElementsAre("READY=1\nSTATUS=2 databases are protected", "STATUS=3 databases are protected"));
}

TEST_F(ServiceManager, IsToldAStatusWhenItChangesOnOneLine) {
  ServiceNotify service(clock_);
  service.status("waits");
  service.status("waits");
  service.status("database \"a\nREADY=1\" waits");
  EXPECT_THAT(socket_.take_all(), ElementsAre("STATUS=waits", "STATUS=database \"a READY=1\" waits"));
}

TEST_F(ServiceManager, IsToldOnceThatTheServiceStopsAndEachTimeThatItTakesLonger) {
  ServiceNotify service(clock_);
  service.stopping("on the way out");
  service.stopping("on the way out");
  service.extend(std::chrono::seconds(30));
  EXPECT_THAT(socket_.take_all(), ElementsAre("STOPPING=1\nSTATUS=on the way out", "EXTEND_TIMEOUT_USEC=30000000"));
}

TEST_F(ServiceManager, HearsOfTheLoopTwiceInTheTimeItAllows) {
  ::setenv("WATCHDOG_USEC", "10000000", 1);
  ServiceNotify service(clock_);
  service.alive();
  service.alive();
  EXPECT_THAT(socket_.take_all(), ElementsAre("WATCHDOG=1"));
  clock_.advance(std::chrono::milliseconds(4999));
  service.alive();
  EXPECT_THAT(socket_.take_all(), IsEmpty());
  clock_.advance(std::chrono::milliseconds(1));
  service.alive();
  EXPECT_THAT(socket_.take_all(), ElementsAre("WATCHDOG=1"));
}

TEST_F(ServiceManager, HearsNothingOfALoopThatItDoesNotWatch) {
  ServiceNotify without(clock_);
  without.alive();
  ::setenv("WATCHDOG_USEC", "10000000", 1);
  ::setenv("WATCHDOG_PID", "1", 1);  // it is meant for another process
  ServiceNotify of_another(clock_);
  of_another.alive();
  EXPECT_THAT(socket_.take_all(), IsEmpty());
}

TEST_F(ServiceManager, IsToldReadyAtLastWithWhatIsWaitedFor) {
  ServiceNotify service(clock_);
  const ReadyAtLast at_last(service, Micros(0), "waits to be enrolled");
  EXPECT_EQ(socket_.next(), "READY=1\nSTATUS=waits to be enrolled");
}

TEST_F(ServiceManager, IsNotToldReadyByWhatWasEndedBefore) {
  ServiceNotify service(clock_);
  { const ReadyAtLast at_last(service, std::chrono::hours(1), "waits"); }
  EXPECT_FALSE(service.is_ready());
  EXPECT_THAT(socket_.take_all(), IsEmpty());
}

TEST(WithoutAServiceManager, NothingIsSaidAndAllGoesOn) {
  ManualClock clock;
  ServiceNotify service(clock);
  service.ready("ready");
  service.alive();
  service.extend(std::chrono::seconds(1));
  service.stopping("stops");
  EXPECT_TRUE(service.is_ready());
}

}  // namespace
}  // namespace holdfast
