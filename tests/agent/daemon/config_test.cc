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

}  // namespace
}  // namespace holdfast
