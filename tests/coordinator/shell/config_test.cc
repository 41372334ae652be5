#include "coordinator/shell/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(CoordinatorConfig, HasDefaults) {
  const auto config = parse_config("", "c.yaml");
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_EQ(config->fleet_port, 7400);
  EXPECT_EQ(config->enrol_port, 7401);
  EXPECT_EQ(config->heartbeat_seconds, 60U);
  EXPECT_EQ(config->log_format, LogFormat::text);
  EXPECT_EQ(config->sweep_every, std::chrono::hours(24));
  EXPECT_EQ(config->sweep_grace, std::chrono::hours(48));
  EXPECT_EQ(config->checkpoint_every, std::chrono::minutes(5));
}

TEST(CoordinatorConfig, TakesEverySetting) {
  const auto config = parse_config(R"(
log: {format: json, level: debug}
bind: 127.0.0.1
fleet_port: 17400
enrol_port: 0
fleet_endpoints: ["tcp://backup.example:7400", "tcp://[2001:db8::1]:7400"]
enrol_endpoints: ["tcp://backup.example:7401"]
heartbeat_seconds: 1
enrol_messages_per_minute: 5
http: 127.0.0.1:7480
sweep: {every: 6h, grace: 3d}
checkpoint: {every: 90s}
)",
                                   "c.yaml");
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_EQ(config->log_format, LogFormat::json);
  EXPECT_EQ(config->log_level, LogLevel::debug);
  EXPECT_EQ(config->bind, "127.0.0.1");
  EXPECT_EQ(config->fleet_port, 17400);
  EXPECT_EQ(config->enrol_port, 0);
  EXPECT_EQ(config->fleet_endpoints.size(), 2U);
  EXPECT_EQ(config->enrol_endpoints.size(), 1U);
  EXPECT_EQ(config->heartbeat_seconds, 1U);
  EXPECT_EQ(config->enrol_messages_per_minute, 5U);
  EXPECT_EQ(config->http, "127.0.0.1:7480");
  EXPECT_EQ(config->sweep_every, std::chrono::hours(6));
  EXPECT_EQ(config->sweep_grace, std::chrono::hours(72));
  EXPECT_EQ(config->checkpoint_every, std::chrono::seconds(90));
}

TEST(CoordinatorConfig, RefusesWhatItDoesNotUnderstandWithTheLine) {
  struct Case {
    std::string_view name;
    std::string_view yaml;
    std::string_view place;
  };
  const Case cases[] = {
      {"unknown key", "bind: 0.0.0.0\nfleet_prt: 7400\n", "c.yaml:2:"},
      {"unknown key in log", "log: {colour: red}\n", "c.yaml:1:"},
      {"unknown level", "log:\n  level: loud\n", "c.yaml:2:"},
      {"port too large", "fleet_port: 65536\n", "c.yaml:1:"},
      {"heartbeat of nothing", "heartbeat_seconds: 0\n", "c.yaml:1:"},
      {"endpoint without scheme", "fleet_endpoints: [backup:7400]\n", "c.yaml:1:"},
      {"sweep without a grace", "sweep: {grace: 0s}\n", "c.yaml:1:"},
      {"checkpoints without a pause", "checkpoint: {every: 0s}\n", "c.yaml:1:"},
      {"endpoint without port", "fleet_endpoints: [\"tcp://backup\"]\n", "c.yaml:1:"},
  };
  for (const Case& c : cases) {
    const auto config = parse_config(c.yaml, "c.yaml");
    ASSERT_FALSE(config) << c.name;
    EXPECT_EQ(config.error().code, Code::invalid) << c.name;
    EXPECT_THAT(config.error().message, testing::HasSubstr(c.place)) << c.name;
  }
}

}  // namespace
}  // namespace holdfast
