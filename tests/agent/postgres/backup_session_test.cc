#include "agent/postgres/backup_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/agent/postgres/endpoint_of.h"

namespace holdfast {
namespace {

using ::testing::HasSubstr;

TEST(BackupSessions, GiveLabelMapAndPositions) {
  auto cluster = PostgresCluster::started().value();
  const auto place = OwnedDirectory::of(cluster.owner()).value();
  ASSERT_TRUE(cluster.sql("CREATE TABLESPACE side LOCATION '" + place.path() + "'").has_value());
  auto session = BackupSession::start(endpoint_of(cluster), {.label = "holdfast test"});
  ASSERT_TRUE(session.has_value()) << session.error().text();
  EXPECT_EQ(session->role(), ServerRole::primary);
  EXPECT_THAT(session->server_version(), HasSubstr("15."));
  ASSERT_TRUE(cluster.sql("CREATE TABLE t AS SELECT generate_series(1, 1000)").has_value());
  ASSERT_TRUE(session->still_running().has_value());
  const auto stopped = session->stop();
  ASSERT_TRUE(stopped.has_value()) << stopped.error().text();
  EXPECT_GT(stopped->stop, session->start_lsn());
  EXPECT_EQ(stopped->label.start, session->start_lsn());
  EXPECT_EQ(stopped->label.timeline, Timeline(1));
  EXPECT_EQ(stopped->label.label, "holdfast test");
  EXPECT_THAT(std::string(as_text(stopped->label_file)), HasSubstr("START WAL LOCATION: "));
  EXPECT_TRUE(as_text(stopped->label_file).ends_with('\n'));
  EXPECT_THAT(std::string(as_text(stopped->tablespace_map)), HasSubstr(place.path()));
}

TEST(BackupSessions, HaveAnEmptyMapWithoutTablespaces) {
  auto cluster = PostgresCluster::started().value();
  auto session = BackupSession::start(endpoint_of(cluster), {}).value();
  EXPECT_TRUE(session.stop()->tablespace_map.empty());
}

TEST(BackupSessions, AreVoidWhenTheSessionIsLost) {
  auto cluster = PostgresCluster::started().value();
  auto session = BackupSession::start(endpoint_of(cluster), {}).value();
  ASSERT_TRUE(cluster
                  .sql("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = "
                       "'holdfast backup'")
                  .has_value());
  EXPECT_EQ(session.still_running().error().code, Code::unavailable);
  EXPECT_EQ(session.stop().error().code, Code::unavailable);
}

TEST(BackupSessions, RunOnAStandbyAndFailWhenItIsPromoted) {
  auto primary = PostgresCluster::started().value();
  auto standby = PostgresCluster::standby_of(primary).value();
  {
    auto session = BackupSession::start(endpoint_of(standby), {});
    ASSERT_TRUE(session.has_value()) << session.error().text();
    EXPECT_EQ(session->role(), ServerRole::standby);
    const auto stopped = session->stop();
    ASSERT_TRUE(stopped.has_value()) << stopped.error().text();
    EXPECT_EQ(stopped->label.from, BackupLabel::From::standby);
  }
  auto session = BackupSession::start(endpoint_of(standby), {}).value();
  ASSERT_TRUE(standby.promote().has_value());
  const auto stopped = session.stop();
  ASSERT_FALSE(stopped.has_value());
  EXPECT_EQ(stopped.error().code, Code::conflict);
  EXPECT_THAT(stopped.error().message, HasSubstr("promoted"));
}

TEST(BackupSessions, AreRefusedWithTheCureWhenWalLevelIsMinimal) {
  PostgresCluster::Options options;
  options.settings = {"wal_level = minimal", "max_wal_senders = 0"};
  auto cluster = PostgresCluster::started(options).value();
  const auto session = BackupSession::start(endpoint_of(cluster), {});
  ASSERT_FALSE(session.has_value());
  EXPECT_EQ(session.error().code, Code::conflict);
  EXPECT_THAT(session.error().hint, HasSubstr("wal_level = replica"));
}

}  // namespace
}  // namespace holdfast
