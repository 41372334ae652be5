#include "agent/postgres/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/agent/postgres/endpoint_of.h"

namespace holdfast {
namespace {

using ::testing::HasSubstr;

class Connection : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    PostgresCluster::Options options;
    options.hba_lines = {"local all walled reject", "local replication walled reject",
                         "local replication noline reject"};
    cluster_ = std::make_unique<PostgresCluster>(PostgresCluster::started(options).value());
  }
  static void TearDownTestSuite() { cluster_.reset(); }
  static PostgresConnection::Settings with_timeout(Micros statement_timeout) {
    PostgresConnection::Settings settings;
    settings.statement_timeout = statement_timeout;
    return settings;
  }
  static PostgresConnection::Settings for_replication() {
    PostgresConnection::Settings settings;
    settings.purpose = ConnectionPurpose::replication;
    return settings;
  }
  static std::unique_ptr<PostgresCluster> cluster_;
};
std::unique_ptr<PostgresCluster> Connection::cluster_;

TEST_F(Connection, PassesPeerAuthenticationAsTheClustersUser) {
  auto connection = PostgresConnection::open(endpoint_of(*cluster_));
  ASSERT_TRUE(connection.has_value()) << connection.error().text();
  const auto rows = connection->query("SELECT current_user AS who, $1 || '!' AS echo, NULL AS nothing", {"it's $2"});
  ASSERT_TRUE(rows.has_value()) << rows.error().text();
  EXPECT_EQ(rows->only("who").value(), cluster_->owner().name);
  EXPECT_EQ(rows->only("echo").value(), "it's $2!");
  EXPECT_EQ(rows->only("nothing").error().code, Code::not_found);
  EXPECT_EQ(rows->only("absent").error().code, Code::internal);
  EXPECT_EQ(connection->server_major(), 15);
}

TEST_F(Connection, GoesOnAfterAStatementThatFailed) {
  auto connection = PostgresConnection::open(endpoint_of(*cluster_)).value();
  const auto failed = connection.query("SELEC 1");
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().code, Code::invalid);
  EXPECT_THAT(failed.error().message, HasSubstr("42601"));
  EXPECT_EQ(connection.query("SELECT 1 AS one")->only("one").value(), "1");
}

TEST_F(Connection, CancelsAStatementAtItsDeadlineAndGoesOn) {
  auto connection =
      PostgresConnection::open(endpoint_of(*cluster_), with_timeout(std::chrono::milliseconds(200))).value();
  const auto slow = connection.query("SELECT pg_sleep(600)");
  ASSERT_FALSE(slow.has_value());
  EXPECT_EQ(slow.error().code, Code::timed_out);
  EXPECT_EQ(connection.query("SELECT 1 AS one")->only("one").value(), "1");
  EXPECT_EQ(cluster_
                ->sql("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%sleep(600)'"
                      " AND pid <> pg_backend_pid()")
                .value(),
            "0");
}

TEST_F(Connection, EndsWaitingWhenAStopIsRequested) {
  PostgresConnection::Settings settings;
  settings.stop.emplace();
  auto connection = PostgresConnection::open(endpoint_of(*cluster_), settings).value();
  settings.stop->request_stop();
  const auto stopped = connection.query("SELECT pg_sleep(600)");
  ASSERT_FALSE(stopped.has_value());
  EXPECT_EQ(stopped.error().code, Code::cancelled);
}

TEST_F(Connection, TellsALostSessionFromAFailedStatement) {
  auto connection = PostgresConnection::open(endpoint_of(*cluster_)).value();
  const std::string pid = connection.query("SELECT pg_backend_pid()::text AS pid")->only("pid").value();
  ASSERT_TRUE(cluster_->sql("SELECT pg_terminate_backend(" + pid + ", 10000)").has_value());
  const auto lost = connection.query("SELECT 1");
  ASSERT_FALSE(lost.has_value());
  EXPECT_EQ(lost.error().code, Code::unavailable);
  EXPECT_TRUE(connection.is_lost());
}

TEST_F(Connection, ToNobodyIsUnavailable) {
  auto endpoint = endpoint_of(*cluster_);
  endpoint.port = free_port().value();
  const auto opened = PostgresConnection::open(endpoint);
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, Code::unavailable);
}

TEST_F(Connection, RefusedByPgHbaSaysWhichLineToAdd) {
  ASSERT_TRUE(cluster_->sql("CREATE ROLE walled LOGIN").has_value());
  const auto sql = PostgresConnection::open(endpoint_of(*cluster_, "walled"));
  ASSERT_FALSE(sql.has_value());
  EXPECT_EQ(sql.error().code, Code::denied);
  EXPECT_THAT(sql.error().hint, HasSubstr("local postgres walled peer map=holdfast"));
  const auto replication = PostgresConnection::open(endpoint_of(*cluster_, "walled"), for_replication());
  ASSERT_FALSE(replication.has_value());
  EXPECT_EQ(replication.error().code, Code::denied);
  EXPECT_THAT(replication.error().hint, HasSubstr("local replication walled peer map=holdfast"));
}

TEST_F(Connection, OfAMissingRoleSaysHowToMakeIt) {
  const auto opened = PostgresConnection::open(endpoint_of(*cluster_, "nobody_yet"));
  ASSERT_FALSE(opened.has_value());
  EXPECT_THAT(opened.error().hint, HasSubstr("CREATE ROLE nobody_yet LOGIN REPLICATION"));
}

TEST_F(Connection, ForReplicationWithoutTheAttributeSaysHowToGiveIt) {
  ASSERT_TRUE(cluster_->sql("CREATE ROLE plain LOGIN").has_value());
  const auto opened = PostgresConnection::open(endpoint_of(*cluster_, "plain"), for_replication());
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, Code::denied);
  EXPECT_THAT(opened.error().hint, HasSubstr("ALTER ROLE plain REPLICATION;"));
}

TEST_F(Connection, WithoutRightsIsHelpedByTheSqlThatItPrints) {
  ASSERT_TRUE(cluster_->sql("CREATE ROLE narrow LOGIN").has_value());
  auto connection = PostgresConnection::open(endpoint_of(*cluster_, "narrow")).value();
  const auto refused = connection.query("SELECT pg_backup_start('x', true)");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::denied);
  const auto grants = refused.error().hint.find("ALTER ROLE");
  ASSERT_NE(grants, std::string::npos) << refused.error().hint;
  ASSERT_TRUE(cluster_->sql(refused.error().hint.substr(grants)).has_value());
  EXPECT_TRUE(connection.query("SELECT pg_backup_start('x', true)").has_value());
  EXPECT_TRUE(connection.query("SELECT current_setting('data_directory')").has_value());
  EXPECT_TRUE(connection.query("SELECT pg_backup_stop(false)").has_value());
  EXPECT_TRUE(PostgresConnection::open(endpoint_of(*cluster_, "narrow"), for_replication()).has_value());
}

}  // namespace
}  // namespace holdfast
