#include "agent/health/health_keeper.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "shared/os/posix_file_system.h"
#include "tests/agent/health/facts.h"
#include "tests/harness/manual_clock.h"
#include "tests/harness/notify_socket.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class AgentsHealth : public testing::Test {
 protected:
  AgentsHealth() {
    ::setenv("NOTIFY_SOCKET", socket_.path().c_str(), 1);
    facts_.host.looked = true;
    facts_.look = 1;
  }
  ~AgentsHealth() override { ::unsetenv("NOTIFY_SOCKET"); }
  AgentsHealth(const AgentsHealth&) = delete;
  AgentsHealth& operator=(const AgentsHealth&) = delete;

  // As often as it takes for every check to be asked `times` times, each with another look at the host.
  void take(int times = 1) {
    for (int i = 0; i < times; ++i) {
      keeper_.take(facts_);
      clock_.advance(std::chrono::seconds(10));
      ++facts_.look;
    }
  }
  HealthWord said() { return read_health(files_, directory_.path()).value().value(); }
  CheckedHealth said_of(DatabaseId database, HealthCheck check) {
    for (auto& entry : said().checks) {
      if (entry.database == database && entry.check == check) return entry;
    }
    ADD_FAILURE() << "nothing was said of " << to_string(check);
    return {};
  }
  static HealthLimits looks() {
    HealthLimits out;
    out.interval = Micros(0);
    out.timeout = std::chrono::seconds(60);
    return out;
  }

  TemporaryDirectory directory_;
  NotifySocket socket_;
  PosixFileSystem files_;
  ManualClock clock_{noon};
  ServiceNotify service_{clock_};
  HealthKeeper keeper_{{files_, clock_, service_, directory_.path(), Logger::none(), {}, looks()}};
  HealthFacts facts_;
};

TEST_F(AgentsHealth, TellsTheManagerReadyOnlyOnceAllIsProtected) {
  facts_.host.databases = {sound_cluster()};
  facts_.host.databases[0].log->state = WalReceiverState::connecting;
  take();
  EXPECT_FALSE(keeper_.is_ready());
  EXPECT_THAT(socket_.take_all(), ElementsAre(HasSubstr("STATUS=not ready: database \"orders\"")));
  EXPECT_EQ(said().missing.size(), 1U);
  facts_.host.databases[0].log->state = WalReceiverState::streaming;
  take();
  EXPECT_TRUE(keeper_.is_ready());
  EXPECT_THAT(socket_.take_all(), ElementsAre("READY=1\nSTATUS=ready: 1 running databases are protected"));
  EXPECT_THAT(said().missing, IsEmpty());
}

TEST_F(AgentsHealth, CallsACheckUnhealthyAfterItsRetriesAndHealthyAfterOneSuccess) {
  facts_.host.databases = {sound_cluster()};
  const DatabaseId id = facts_.host.databases[0].id;
  facts_.host.databases[0].log->slot->wal = SlotWal::lost;
  take(2);
  EXPECT_EQ(said_of(id, HealthCheck::slot).health, Health::unknown);
  take();
  EXPECT_EQ(said_of(id, HealthCheck::slot).health, Health::unhealthy);
  EXPECT_EQ(said_of(id, HealthCheck::slot).failures, 3U);
  EXPECT_THAT(said_of(id, HealthCheck::slot).cause, HasSubstr("has dropped"));
  EXPECT_EQ(said_of(id, HealthCheck::server).health, Health::healthy);
  facts_.host.databases[0].log->slot->wal = SlotWal::reserved;
  take();
  EXPECT_EQ(said_of(id, HealthCheck::slot).health, Health::healthy);
}

TEST_F(AgentsHealth, CountsALookAtTheHostThatDoesNotEndAsNoAnswer) {
  facts_.host.databases = {sound_cluster()};
  const DatabaseId id = facts_.host.databases[0].id;
  keeper_.take(facts_);
  clock_.advance(std::chrono::seconds(60));
  keeper_.take(facts_);
  EXPECT_EQ(said_of(id, HealthCheck::server).cause, "no answer within 1m");
}

TEST_F(AgentsHealth, KeepsDatabasesOfTheSameNameApartAndForgetsThoseThatWent) {
  facts_.host.databases = {sound_cluster(1), sound_cluster(2)};
  facts_.host.databases[1].log->slot->wal = SlotWal::lost;
  const DatabaseId first = facts_.host.databases[0].id;
  const DatabaseId second = facts_.host.databases[1].id;
  take(3);
  EXPECT_EQ(said_of(first, HealthCheck::slot).health, Health::healthy);
  EXPECT_EQ(said_of(second, HealthCheck::slot).health, Health::unhealthy);
  facts_.host.databases.pop_back();
  take();
  for (const auto& entry : said().checks) EXPECT_NE(entry.database, second);
}

TEST_F(AgentsHealth, OnlyTellsThatTheCoordinatorIsNotHeard) {
  facts_.coordinator = "it is not connected";
  take(3);
  EXPECT_TRUE(keeper_.is_ready());
  EXPECT_EQ(said_of({}, HealthCheck::coordinator).health, Health::unhealthy);
}

TEST_F(AgentsHealth, IsNotReadyWhileTheStateCannotBeWritten) {
  facts_.state = "disk full";
  take();
  EXPECT_FALSE(keeper_.is_ready());
  EXPECT_THAT(said().missing, ElementsAre(HasSubstr("disk full")));
}

TEST_F(AgentsHealth, IsGoneWhenTheAgentEnds) {
  take();
  keeper_.close();
  EXPECT_FALSE(read_health(files_, directory_.path()).value().has_value());
}

TEST(HealthFile, IsReadAsItWasWritten) {
  HealthWord word;
  word.missing = {"database \"a b\": waits"};
  CheckedHealth agent;
  agent.check = HealthCheck::state;
  agent.health = Health::healthy;
  CheckedHealth database;
  database.database = DatabaseId({1, 2, 3});
  database.check = HealthCheck::log;
  database.health = Health::unhealthy;
  database.failures = 4;
  database.cause = "the server is away: connect, again";
  word.checks = {agent, database};
  const auto read = parse_health(format_health(word));
  ASSERT_THAT(read, Succeeded());
  EXPECT_EQ(*read, word);
}

TEST(HealthFile, CannotBeForgedByANameWithLines) {
  HealthWord word;
  word.missing = {"database \"x\ncheck agent state healthy 0 \""};
  const auto read = parse_health(format_health(word));
  ASSERT_THAT(read, Succeeded());
  EXPECT_THAT(read->checks, IsEmpty());
}

TEST(HealthFile, IsRefusedWhenItSaysSomethingElse) {
  const std::string begin = "holdfast health 1\n";
  for (const char* bad : {"", "holdfast health 2\n"}) EXPECT_THAT(parse_health(bad), FailedWith(Code::corrupt)) << bad;
  for (const char* bad : {"weather fine\n", "check agent weather healthy 0 \n", "check agent state fine 0 \n",
                          "check agent state healthy many \n", "check agent\n"}) {
    EXPECT_THAT(parse_health(begin + bad), FailedWith(Code::corrupt)) << bad;
  }
  EXPECT_FALSE(parse_health(begin + "check nobody state healthy 0 \n").has_value());
}

}  // namespace
}  // namespace holdfast
