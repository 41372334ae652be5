#include "agent/daemon/config.h"

#include <gtest/gtest.h>

#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

TEST(AgentConfig, HasCommandsForOneDataDirectoryEach) {
  const auto config = parse_agent_config(
      "postgres:\n"
      "  servers:\n"
      "    - {data_directory: /srv/a/, start_command: start a, stop_command: stop a}\n"
      "    - {data_directory: /srv/b, start_command: start b, stop_command: stop b}\n",
      "agent.yaml");
  ASSERT_THAT(config, Succeeded());
  const CommandsByDirectory expected{{"/srv/a", {"start a", "stop a"}}, {"/srv/b", {"start b", "stop b"}}};
  EXPECT_EQ(config->postgres.commands, expected);
}

TEST(AgentConfig, RefusesCommandsThatWouldBeForEveryCluster) {
  EXPECT_THAT(parse_agent_config("postgres: {start_command: up, stop_command: down}", "agent.yaml"),
              FailedWith(Code::invalid, "postgres.servers"));
}

TEST(AgentConfig, RefusesTwoPairsForOneDirectory) {
  EXPECT_THAT(parse_agent_config("postgres:\n"
                                 "  servers:\n"
                                 "    - {data_directory: /srv/a, start_command: x, stop_command: y}\n"
                                 "    - {data_directory: /srv/a/, start_command: z, stop_command: y}\n",
                                 "agent.yaml"),
              FailedWith(Code::invalid, "already"));
}

TEST(AgentConfig, SaysHowLongAServiceManagerWaits) {
  EXPECT_EQ(parse_agent_config("{}", "agent.yaml")->service.ready_within, std::chrono::seconds(60));
  const auto config = parse_agent_config("service: {ready_within: 5m}", "agent.yaml");
  ASSERT_THAT(config, Succeeded());
  EXPECT_EQ(config->service.ready_within, std::chrono::minutes(5));
  EXPECT_THAT(parse_agent_config("service: {ready_within: 0s}", "agent.yaml"),
              FailedWith(Code::invalid, "at least 1s"));
}

TEST(AgentConfig, SaysWhereItsVaultsListen) {
  EXPECT_EQ(parse_agent_config("{}", "agent.yaml")->vault.port, 7410);
  const auto config = parse_agent_config("vault: {bind: 10.0.0.7, port: 7411}", "agent.yaml");
  ASSERT_THAT(config, Succeeded());
  EXPECT_EQ(config->vault.bind, "10.0.0.7");
  EXPECT_EQ(config->vault.port, 7411);
  for (const char* port : {"0", "65536", "many"}) {
    EXPECT_THAT(parse_agent_config(std::string("vault: {port: ") + port + "}", "agent.yaml"),
                FailedWith(Code::invalid, "port"));
  }
}

}  // namespace
}  // namespace holdfast
