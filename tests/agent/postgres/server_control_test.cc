#include "agent/postgres/server_control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "agent/postgres/server_programs.h"
#include "tests/agent/postgres/endpoint_of.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

using ::testing::HasSubstr;
constexpr Micros patience = std::chrono::seconds(30);

TEST(ServerManagers, AreChosenInOrder) {
  ServerFacts facts;
  EXPECT_EQ(choose_manager(facts).error().code, Code::not_found);
  facts.pg_ctl_candidates = {"/a/pg_ctl", "/b/pg_ctl"};
  EXPECT_EQ(choose_manager(facts).value(), ServerManager(PgCtl{"/a/pg_ctl"}));
  facts.debian = DebianCluster{"15", "main"};
  EXPECT_EQ(choose_manager(facts).value(), ServerManager(PgCtl{"/a/pg_ctl"}));
  facts.has_pg_ctlcluster = true;
  EXPECT_EQ(choose_manager(facts).value(), ServerManager(DebianCluster{"15", "main"}));
  facts.systemd_runs = true;
  EXPECT_EQ(choose_manager(facts).value(), ServerManager(SystemdUnit{"postgresql@15-main.service"}));
  facts.unit = "postgresql-15.service";
  EXPECT_EQ(choose_manager(facts).value(), ServerManager(SystemdUnit{"postgresql-15.service"}));
  facts.configured = ConfiguredCommands{"up", "down"};
  EXPECT_EQ(choose_manager(facts).value(), ServerManager(ConfiguredCommands{"up", "down"}));
  facts.configured.reset();
  facts.moved = true;
  EXPECT_EQ(choose_manager(facts).value(), ServerManager(PgCtl{"/a/pg_ctl"}));
}

TEST(UnitOfAProcess, IsTheInnermostService) {
  EXPECT_EQ(unit_of_cgroup("0::/system.slice/postgresql.service\n"), "postgresql.service");
  EXPECT_EQ(unit_of_cgroup("0::/system.slice/system-postgresql.slice/postgresql@15-main.service\n"),
            "postgresql@15-main.service");
  EXPECT_EQ(unit_of_cgroup("0::/user.slice/user-0.slice/session-3.scope\n"), "");
  EXPECT_EQ(unit_of_cgroup("0::/user.slice/user-1000.slice/user@1000.service/app.slice\n"), "");
  EXPECT_EQ(unit_of_cgroup("0::/system.slice/docker.service\n"), "");
  EXPECT_EQ(unit_of_cgroup("12:pids:/system.slice/pg.service\n0::/x\n"), "pg.service");
  EXPECT_EQ(unit_of_cgroup(""), "");
}

TEST(SettingInConfig, IsTheLastOneAndUnquoted) {
  constexpr std::string_view config =
      "# data_directory = '/wrong'\ndata_directory = '/first'  # comment\ndata_directory_mode = 0700\n"
      "\tdata_directory='/it''s here'\nport 5433 # the port\n";
  EXPECT_EQ(setting_in(config, "data_directory"), "/it's here");
  EXPECT_EQ(setting_in(config, "port"), "5433");
  EXPECT_EQ(setting_in(config, "listen_addresses"), std::nullopt);
}

TEST(ServerCommands, AreForTheirDirectoryOnly) {
  const TemporaryDirectory place;
  std::filesystem::create_directory(place / "data");
  std::filesystem::create_directory_symlink(place / "data", place / "link");
  const ConfiguredCommands own{"up", "down"};
  const CommandsByDirectory commands{{place / "data", own}, {"/srv/other", {"x", "y"}}};
  EXPECT_EQ(commands_for(commands, place / "data"), own);
  EXPECT_EQ(commands_for(commands, place / "link"), own);
  EXPECT_FALSE(commands_for(commands, place / "data2"));
  EXPECT_FALSE(commands_for(commands, place / "data/copy"));
  // It may be gone: that is why it is restored.
  std::filesystem::remove(place / "data");
  EXPECT_EQ(commands_for(commands, place / "data"), own);
}

TEST(ServerCommands, PassOptionsThroughPgCtlOnly) {
  StartRequest request{.data_directory = "/d", .log_file = "/d.log", .options = {"port=5433", "a='x y'"}};
  const auto arguments = start_command(PgCtl{"/bin/pg_ctl"}, request).value();
  EXPECT_THAT(arguments, ::testing::ElementsAre("/bin/pg_ctl", "-D", "/d", "-l", "/d.log", "-w", "-t", "60", "-o",
                                                "-c 'port=5433' -c 'a='\\''x y'\\'''", "start"));
  EXPECT_FALSE(start_command(SystemdUnit{"u"}, request));
  request.options.clear();
  EXPECT_THAT(*start_command(SystemdUnit{"u"}, request), ::testing::ElementsAre("systemctl", "start", "u"));
  EXPECT_THAT(*start_command(DebianCluster{"15", "main"}, request),
              ::testing::ElementsAre("pg_ctlcluster", "15", "main", "start"));
  EXPECT_THAT(stop_command(DebianCluster{"15", "main"}, "/d", 5),
              ::testing::ElementsAre("pg_ctlcluster", "15", "main", "stop", "-m", "fast"));
  EXPECT_THAT(stop_command(ConfiguredCommands{"up", "down"}, "/d", 5), ::testing::ElementsAre("/bin/sh", "-c", "down"));
}

TEST(PostmasterFiles, AreReadAsFarAsTheyAreFilled) {
  const auto file =
      parse_postmaster_file("4711\n/data\n1700000000\n5433\n/run/postgresql\nlocalhost\n  1 2\nready   \n");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->pid, 4711);
  EXPECT_EQ(file->port, 5433);
  EXPECT_EQ(file->socket_directory, "/run/postgresql");
  EXPECT_EQ(file->status, "ready");
  EXPECT_FALSE(is_starting(*file));
  EXPECT_EQ(parse_postmaster_file("4711\n/data\n1700000000\n")->port, 0);
  EXPECT_TRUE(is_starting(*parse_postmaster_file("4711\n/data\n1700000000\n")));
  EXPECT_TRUE(is_starting(
      *parse_postmaster_file("4711\n/data\n1700000000\n5433\n/run/postgresql\nlocalhost\n  1 2\nstarting\n")));
  EXPECT_FALSE(parse_postmaster_file(""));
  EXPECT_FALSE(parse_postmaster_file("-1\n/data\n"));
  EXPECT_FALSE(parse_postmaster_file("hello\nworld\n"));
}

TEST(ServerPrograms, AreThoseOfTheMajorVersion) {
  EXPECT_EQ(major_of("15.18"), 15);
  EXPECT_EQ(major_of("beta"), 0);
  const auto found = find_server_programs(15);
  ASSERT_THAT(found, Succeeded());
  EXPECT_TRUE(std::filesystem::exists(*found + "/postgres"));
  EXPECT_THAT(find_server_programs(7), FailedWith(Code::not_found, "PostgreSQL 7"));
}

class Controlling : public ::testing::Test {
 protected:
  ServerControl control(const PostgresCluster& cluster) {
    ServerControl::Settings settings;
    settings.data_directory = cluster.data_directory();
    settings.owner = cluster.owner();
    settings.major_version = cluster.major_version();
    settings.debian_root = "/nowhere";
    return {settings, clock_};
  }
  SystemClock clock_;
  StopToken stop_;
};

TEST_F(Controlling, StopsAndStartsThroughPgCtl) {
  auto cluster = PostgresCluster::started().value();
  auto server = control(cluster);
  ASSERT_TRUE(server.is_running());
  EXPECT_EQ(server.postmaster()->port, cluster.port());
  EXPECT_EQ(server.postmaster()->socket_directory, cluster.socket_directory());
  const auto stopped = server.stop(patience);
  ASSERT_TRUE(stopped.has_value()) << stopped.error().text();
  EXPECT_FALSE(server.is_running());
  EXPECT_TRUE(server.stop(patience).has_value());
  const auto started = server.start({}, patience);
  ASSERT_TRUE(started.has_value()) << started.error().text();
  EXPECT_EQ(cluster.sql("SELECT 1").value(), "1");
  EXPECT_EQ(server.start({}, patience).error().code, Code::conflict);
}

TEST_F(Controlling, StartsACopyOnAnotherPort) {
  auto cluster = PostgresCluster::create({}).value();
  auto server = control(cluster);
  const int port = free_port().value();
  const auto started = server.start({fmt::format("port={}", port), "cluster_name=it's a copy"}, patience);
  ASSERT_TRUE(started.has_value()) << started.error().text();
  EXPECT_EQ(server.postmaster()->port, port);
  auto endpoint = endpoint_of(cluster);
  endpoint.port = port;
  ASSERT_TRUE(server.wait_until_promoted(endpoint, patience, stop_).has_value());
  auto connection = PostgresConnection::open(endpoint).value();
  EXPECT_EQ(connection.query("SHOW cluster_name")->only("cluster_name").value(), "it's a copy");
}

TEST_F(Controlling, SaysWhyAServerDoesNotStart) {
  auto cluster = PostgresCluster::create({}).value();
  ASSERT_TRUE(cluster.append_config("shared_buffers = nonsense").has_value());
  const auto started = control(cluster).start({}, patience);
  ASSERT_FALSE(started.has_value());
  EXPECT_THAT(started.error().message, HasSubstr("shared_buffers"));
}

TEST_F(Controlling, WaitsForTheEndOfRecovery) {
  auto primary = PostgresCluster::started().value();
  auto standby = PostgresCluster::standby_of(primary).value();
  auto server = control(standby);
  const auto waiting = server.wait_until_promoted(endpoint_of(standby), std::chrono::milliseconds(500), stop_);
  EXPECT_EQ(waiting.error().code, Code::timed_out);
  ASSERT_TRUE(standby.promote().has_value());
  EXPECT_TRUE(server.wait_until_promoted(endpoint_of(standby), patience, stop_).has_value());
  ASSERT_TRUE(standby.stop().has_value());
  EXPECT_EQ(server.wait_until_promoted(endpoint_of(standby), patience, stop_).error().code, Code::conflict);
}

TEST_F(Controlling, UsesTheConfiguredCommands) {
  auto cluster = PostgresCluster::started().value();
  ServerControl::Settings settings;
  settings.data_directory = cluster.data_directory();
  settings.owner = cluster.owner();
  const std::string pg_ctl = fmt::format("su {} -s /bin/sh -c '{} -D {} -l {} -w ", cluster.owner().name,
                                         cluster.binary("pg_ctl"), cluster.data_directory(), cluster.log_file());
  settings.commands = ConfiguredCommands{pg_ctl + "start'", pg_ctl + "-m fast stop'"};
  ServerControl server(settings, clock_);
  const auto stopped = server.stop(patience);
  ASSERT_TRUE(stopped.has_value()) << stopped.error().text();
  const auto started = server.start({}, patience);
  ASSERT_TRUE(started.has_value()) << started.error().text();
  EXPECT_TRUE(server.is_running());
}

TEST(RunningPostmaster, IsNoStrangerWithItsNumber) {
  const auto place = OwnedDirectory::of(cluster_user().value()).value();
  std::ofstream(place.path() + "/postmaster.pid") << ::getpid() << "\n" << place.path() << "\n";
  EXPECT_FALSE(running_postmaster(place.path()));
}

TEST(DebianClusters, AreFoundByTheirDataDirectory) {
  const auto place = OwnedDirectory::of(cluster_user().value()).value();
  std::filesystem::create_directories(place.path() + "/15/main");
  std::filesystem::create_directories(place.path() + "/14/old");
  std::ofstream(place.path() + "/15/main/postgresql.conf") << "data_directory = '/var/lib/postgresql/15/main'\n";
  std::ofstream(place.path() + "/14/old/postgresql.conf") << "data_directory = '/srv/old'\n";
  EXPECT_EQ(debian_cluster_of("/srv/old", place.path()), (DebianCluster{"14", "old"}));
  EXPECT_EQ(debian_cluster_of("/srv/new", place.path()), std::nullopt);
  EXPECT_EQ(debian_cluster_of("/srv/old", "/nowhere"), std::nullopt);
}

}  // namespace
}  // namespace holdfast
