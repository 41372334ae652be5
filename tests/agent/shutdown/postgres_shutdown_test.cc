// Real servers, stopped; what the receipt says is compared with what the server's own tools say.
#include "agent/shutdown/postgres_shutdown.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "shared/os/posix_file_system.h"
#include "tests/agent/postgres/endpoint_of.h"
#include "tests/agent/postgres/remembered_positions.h"
#include "tests/agent/postgres/repository_fixture.h"
#include "tests/harness/damaged_stores.h"
#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using Outcome = StepOutcome;

// Takes nothing while it is shut.
class ShutStore final : public WrappedStore {
 public:
  using WrappedStore::WrappedStore;
  Result<> put(const std::string& name, ByteView content) override {
    if (shut) return fail(Code::unavailable, "the store is away");
    return WrappedStore::put(name, content);
  }
  std::atomic<bool> shut{false};
};

class Shutdown : public testing::Test {
 protected:
  WalReceiver::Parts parts() {
    return {stores_,
            repository_.signer,
            [this] { return Result<std::shared_ptr<const EpochKey>>(repository_.epoch); },
            positions_,
            clock_,
            repository_.entropy,
            Logger::none(),
            {},
            nullptr};
  }
  void receive() {
    WalReceiver::Settings settings;
    settings.endpoint = endpoint_of(cluster_);
    settings.fleet = repository_.fleet;
    settings.database = repository_.database;
    settings.node = repository_.node;
    settings.slot = "hf";
    settings.rpo = std::chrono::seconds(10);
    receiver_ = std::make_shared<WalReceiver>(settings, parts());
    ASSERT_THAT(receiver_->wait_until_streaming(std::chrono::seconds(30), stop_), Succeeded());
    // The first of it, so that a position is known from here on.
    ASSERT_THAT(receiver_->wait_until_durable(Timeline(1), Lsn(1), std::chrono::seconds(30), stop_), Succeeded());
  }
  ShutdownReceipt shut_down() {
    ServerControl control({cluster_.data_directory(), endpoint_of(cluster_).os_user, cluster_.major_version()}, clock_);
    PostgresShutdown::Cluster cluster{
        cluster_.data_directory(), endpoint_of(cluster_), endpoint_of(cluster_).os_user, server_, log_, 1};
    PostgresShutdown shutdown(cluster, limits_,
                              {control, files_, clock_, [this] { return receiver_; },
                               [this](Timeline) { return before_; }, [this] { receiver_->stop(); }, from_disk_,
                               [this](const JobStep& step) { told_.push_back(step.name); }, stop_});
    return shutdown.run();
  }
  static Outcome outcome(const ShutdownReceipt& receipt, ShutdownStep step) {
    for (const JobStep& report : receipt.steps) {
      if (report.name == to_string(step)) return report.outcome;
    }
    return Outcome::failed;
  }
  std::string controldata(const std::string& line) {
    const auto output = cluster_.run_program("pg_controldata", {"-D", cluster_.data_directory()}).value();
    const auto at = output.find(line + ":");
    const auto value = output.find_first_not_of(' ', at + line.size() + 1);
    return output.substr(value, output.find('\n', value) - value);
  }

  PostgresCluster cluster_ = PostgresCluster::started().value();
  RepositoryFixture repository_;
  std::shared_ptr<ShutStore> store_ = std::make_shared<ShutStore>(repository_.store);
  StoreSet stores_{{{"shut", store_}}, 1};
  RememberedPositions positions_;
  SystemClock clock_;
  PosixFileSystem files_;
  StopToken stop_;
  std::shared_ptr<WalReceiver> receiver_;
  ShutdownReceipt::Log log_ = ShutdownReceipt::Log::shipped_here;
  ShutdownLimits limits_;
  ShutdownReceipt::Server server_ = ShutdownReceipt::Server::stops;
  Lsn before_;  // durable, as the journal has it
  std::function<Result<Lsn>(const StoppedLog&, Micros)> from_disk_;
  std::vector<std::string> told_;
};

TEST_F(Shutdown, OfALoadedServerLosesNothing) {
  ASSERT_THAT(cluster_.sql("CREATE TABLE t (n int)"), Succeeded());
  receive();
  std::jthread load([this](const std::stop_token& over) {
    while (!over.stop_requested()) {
      if (!cluster_.sql("INSERT INTO t SELECT generate_series(1, 500)")) return;
    }
  });
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const auto receipt = shut_down();
  load.request_stop();
  EXPECT_TRUE(receipt.is_whole()) << receipt.verdict();
  EXPECT_THAT(receipt.verdict(), StartsWith("nothing missing"));
  EXPECT_EQ(controldata("Database cluster state"), "shut down");
  EXPECT_EQ(controldata("Latest checkpoint location"), fmt::format("{}", receipt.checkpoint));
  // To the byte: the record of the shutdown checkpoint is the last of the log.
  EXPECT_EQ(receipt.durable, receipt.log_end);
  EXPECT_THAT(told_, testing::ElementsAre("checkpoint", "stop", "verify", "ship"));
}

TEST_F(Shutdown, SaysWhatIsOnThisHostOnlyWhenTheStoresTakeNoLog) {
  receive();
  limits_.stop = std::chrono::seconds(3);
  limits_.ship = std::chrono::seconds(2);
  store_->shut = true;
  ASSERT_THAT(cluster_.sql("CREATE TABLE t AS SELECT generate_series(1, 1000) n"), Succeeded());
  const auto receipt = shut_down();
  EXPECT_EQ(outcome(receipt, ShutdownStep::stop), Outcome::done);
  EXPECT_EQ(controldata("Database cluster state"), "shut down");
  EXPECT_EQ(outcome(receipt, ShutdownStep::ship), Outcome::failed);
  EXPECT_FALSE(receipt.is_whole());
  EXPECT_THAT(receipt.verdict(), HasSubstr("on this host only"));
  EXPECT_EQ(fmt::format("{}", receipt.checkpoint), controldata("Latest checkpoint location"));
}

TEST_F(Shutdown, GoesOnWithoutACheckpointThatTakesTooLong) {
  receive();
  limits_.checkpoint = Micros(1);
  const auto receipt = shut_down();
  EXPECT_EQ(outcome(receipt, ShutdownStep::checkpoint), Outcome::failed);
  EXPECT_TRUE(receipt.is_whole()) << receipt.verdict();
}

TEST_F(Shutdown, OfAServerThatIsDownAlreadyLooksWhetherAllOfItsLogArrived) {
  receive();
  ASSERT_THAT(cluster_.stop(), Succeeded());
  const auto receipt = shut_down();
  EXPECT_EQ(outcome(receipt, ShutdownStep::checkpoint), Outcome::skipped);
  EXPECT_EQ(outcome(receipt, ShutdownStep::stop), Outcome::skipped);
  EXPECT_TRUE(receipt.is_whole()) << receipt.verdict();
}

TEST_F(Shutdown, OfAServerThatIsDownAndThatNobodyReceivesFromGoesByTheJournal) {
  receive();
  ASSERT_THAT(cluster_.stop(), Succeeded());
  const auto known = shut_down();
  ASSERT_TRUE(known.is_whole());
  receiver_.reset();
  EXPECT_FALSE(shut_down().is_whole());
  EXPECT_THAT(shut_down().verdict(), HasSubstr("not known"));
  before_ = known.durable;
  EXPECT_TRUE(shut_down().is_whole()) << shut_down().verdict();
  before_ = Lsn(known.durable.value() - 1);
  EXPECT_THAT(shut_down().verdict(), HasSubstr("1 bytes of log"));
}

TEST_F(Shutdown, OfAServerThatStoppedWhileNobodyReceivedTakesTheRestFromItsDirectory) {
  from_disk_ = [this](const StoppedLog& log, Micros timeout) {
    return ship_stopped_log(log, {repository_.fleet, repository_.database, repository_.node}, parts(), timeout, stop_);
  };
  receive();
  receiver_->stop();
  receiver_.reset();
  // More than one segment, ending somewhere in a page.
  ASSERT_THAT(cluster_.sql("CREATE TABLE t AS SELECT generate_series(1, 500000) n"), Succeeded());
  ASSERT_THAT(cluster_.stop(), Succeeded());
  const auto receipt = shut_down();
  EXPECT_TRUE(receipt.is_whole()) << receipt.verdict();
  EXPECT_EQ(positions_.value()->durable, receipt.log_end);
  EXPECT_GT(positions_.value()->through_time, Timestamp());

  // The server's own streaming, once it runs again, goes on behind it without a gap.
  ASSERT_THAT(cluster_.start(), Succeeded());
  receive();
  EXPECT_EQ(receiver_->status().first, positions_.value()->first);
  EXPECT_TRUE(shut_down().is_whole());
}

TEST_F(Shutdown, DoesNotTakeForLogWhatARecycledSegmentHolds) {
  from_disk_ = [this](const StoppedLog& log, Micros timeout) {
    return ship_stopped_log(log, {repository_.fleet, repository_.database, repository_.node}, parts(), timeout, stop_);
  };
  receive();
  receiver_->stop();
  receiver_.reset();
  ASSERT_THAT(cluster_.sql("CREATE TABLE t AS SELECT generate_series(1, 500000) n"), Succeeded());
  ASSERT_THAT(cluster_.stop(), Succeeded());
  // A segment further back under the name of one that is needed.
  const auto position = positions_.value().value();
  const WalSegmentSize size;
  const std::string directory = cluster_.data_directory() + "/pg_wal/";
  const WalSegment needed = segment_at(position.timeline, position.durable, size);
  const WalSegment other{needed.timeline, needed.number + 1};
  std::filesystem::copy_file(directory + segment_name(other, size), directory + segment_name(needed, size),
                             std::filesystem::copy_options::overwrite_existing);
  const auto receipt = shut_down();
  EXPECT_FALSE(receipt.went_well()) << receipt.verdict();
  EXPECT_THAT(receipt.steps.back().sentence, HasSubstr("has no log at"));
  EXPECT_EQ(positions_.value()->durable, position.durable);
}

TEST_F(Shutdown, OfAServerThatWaitsForAClientKeepsItsLogComing) {
  receive();
  limits_.stop = std::chrono::seconds(2);
  std::jthread client([this] { (void)cluster_.sql("SELECT pg_sleep(60)"); });
  const std::string asleep = " FROM pg_stat_activity WHERE query LIKE '%(60)' AND pid <> pg_backend_pid()";
  ASSERT_THAT(cluster_.wait_for("SELECT count(*)" + asleep, "1"), Succeeded());
  const pid_t deaf = std::stoi(cluster_.sql("SELECT pid" + asleep).value());
  ASSERT_EQ(::kill(deaf, SIGSTOP), 0);
  const auto receipt = shut_down();
  EXPECT_EQ(outcome(receipt, ShutdownStep::stop), Outcome::failed);
  EXPECT_FALSE(receipt.went_well());
  ASSERT_EQ(::kill(deaf, SIGCONT), 0);
  const auto again = shut_down();
  EXPECT_TRUE(again.is_whole()) << "somebody was there for its last record: " << again.verdict();
}

TEST_F(Shutdown, OfAServerThatCrashedDoesNotSayThatNothingIsMissing) {
  receive();
  ASSERT_THAT(cluster_.kill_hard(), Succeeded());
  limits_.ship = std::chrono::seconds(2);
  const auto receipt = shut_down();
  EXPECT_EQ(outcome(receipt, ShutdownStep::verify), Outcome::failed);
  EXPECT_THAT(receipt.verdict(), Not(HasSubstr("nothing missing")));
  EXPECT_THAT(receipt.verdict(), HasSubstr("not stopped in order"));
}

TEST_F(Shutdown, WithoutAReceiverSaysThatTheLogIsNotShipped) {
  log_ = ShutdownReceipt::Log::not_shipped;
  const auto receipt = shut_down();
  EXPECT_EQ(outcome(receipt, ShutdownStep::stop), Outcome::done);
  EXPECT_EQ(outcome(receipt, ShutdownStep::ship), Outcome::skipped);
  EXPECT_THAT(receipt.verdict(), HasSubstr("its log is not shipped"));
}

TEST_F(Shutdown, ThatIsHurriedWaitsForNothing) {
  receive();
  stop_.request_stop();
  const auto receipt = shut_down();
  EXPECT_EQ(outcome(receipt, ShutdownStep::checkpoint), Outcome::skipped);
  EXPECT_EQ(outcome(receipt, ShutdownStep::stop), Outcome::done);
  EXPECT_EQ(controldata("Database cluster state"), "shut down");
}

TEST_F(Shutdown, ThatLeavesTheServerRunningSeesThatWhatItHasWrittenIsSafe) {
  receive();
  ASSERT_THAT(cluster_.sql("CREATE TABLE t AS SELECT generate_series(1, 1000) n"), Succeeded());
  server_ = ShutdownReceipt::Server::runs_on;
  const auto receipt = shut_down();
  EXPECT_EQ(outcome(receipt, ShutdownStep::checkpoint), Outcome::skipped);
  EXPECT_EQ(outcome(receipt, ShutdownStep::stop), Outcome::skipped);
  EXPECT_TRUE(receipt.went_well()) << receipt.verdict();
  EXPECT_FALSE(receipt.is_whole()) << "it goes on writing";
  EXPECT_THAT(receipt.verdict(), StartsWith("it runs on; log durable up to"));
  EXPECT_THAT(cluster_.sql("SELECT count(*) FROM t"), Succeeded());
}

TEST_F(Shutdown, LetsClientsLeaveFirstWhenAskedAndGoesOnWithoutThoseThatStay) {
  receive();
  limits_.smart = std::chrono::seconds(20);
  std::jthread client([this] { (void)cluster_.sql("SELECT pg_sleep(2)"); });
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  const auto left = shut_down();
  EXPECT_TRUE(left.is_whole()) << left.verdict();
  EXPECT_EQ(left.steps.at(1).sentence, "its clients had left");

  ASSERT_THAT(cluster_.start(), Succeeded());
  ASSERT_THAT(receiver_->wait_until_streaming(std::chrono::seconds(30), stop_), Succeeded());
  limits_.smart = std::chrono::seconds(1);
  std::jthread stays([this] { (void)cluster_.sql("SELECT pg_sleep(60)"); });
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  const auto stopped = shut_down();
  EXPECT_TRUE(stopped.is_whole()) << stopped.verdict();
  EXPECT_NE(stopped.steps.at(1).sentence, "its clients had left");
}

}  // namespace
}  // namespace holdfast
