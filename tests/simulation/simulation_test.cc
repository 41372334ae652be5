// A fleet of 200 agents and everything that goes wrong, seed by seed.
#include <cstdlib>
#include <iostream>

#include "tests/simulation/fleet_model.h"

namespace holdfast {
namespace {

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

constexpr std::uint32_t rough_steps = 250;
constexpr std::uint32_t settling_steps = 600;

TEST(FleetSimulation, LosesNoOrderAndRunsNoneTwiceWhateverTheWeather) {
  const std::uint64_t first = number_from("HOLDFAST_SIMULATION_FIRST", 1);
  const std::uint64_t seeds = number_from("HOLDFAST_SIMULATION_SEEDS", 20);
  std::size_t backups = 0;
  std::size_t orders = 0;
  std::uint32_t crashes = 0;
  std::size_t answers = 0;
  std::size_t repeated = 0;
  std::size_t tokens = 0;
  std::size_t swept = 0;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    ModelOptions options;
    options.seed = seed;
    FleetModel model(options);
    model.run(rough_steps, Weather{});
    const bool rested = model.settle(settling_steps);
    if (model.violations().empty()) model.check_end();
    for (const auto& violation : model.violations()) ADD_FAILURE() << violation;
    ASSERT_TRUE(model.violations().empty()) << "HOLDFAST_SIMULATION_FIRST=" << seed << " HOLDFAST_SIMULATION_SEEDS=1";
    ASSERT_TRUE(rested) << "seed " << seed << " did not come to rest: " << model.unrest();
    EXPECT_EQ(model.enrolled(), options.token_uses) << "seed " << seed;
    backups += model.complete_backups();
    orders += model.ordered_jobs();
    crashes += model.crashes();
    answers += model.admin().answered();
    repeated += model.admin().repeated();
    tokens += model.tokens();
    swept += model.swept_objects();
  }
  // A simulation in which nothing happened proves nothing.
  EXPECT_GT(backups, seeds * 100);
  EXPECT_GT(orders, seeds * 20);
  EXPECT_GT(crashes, seeds / 2);
  EXPECT_GT(answers, seeds * 20);
  EXPECT_GT(repeated, seeds * 20);
  EXPECT_GT(tokens, seeds * 5);
  EXPECT_GT(swept, seeds);
  std::cout << seeds << " seeds, " << backups << " backups, " << orders << " orders, " << crashes
            << " crashes of the coordinator, " << swept << " objects of failed backups swept away\n";
}

// The watch itself: a sweep that does not see the records takes away what they need, and that is noticed.
TEST(FleetSimulation, NoticesASweepThatTakesWhatABackupNeeds) {
  ModelOptions options;
  options.seed = number_from("HOLDFAST_SIMULATION_FIRST", 5);
  options.agents = options.token_uses = 40;
  options.store_fault = SimulatedStore::Fault::hides_records;
  Weather rough;
  rough.agent_crash_per_mille = 20;
  FleetModel model(options);
  model.run(2 * rough_steps, rough);
  ASSERT_FALSE(model.violations().empty());
  EXPECT_NE(model.violations().front().find("is gone and was needed"), std::string::npos) << model.violations().front();
}

TEST(FleetSimulation, GivesTheSameTraceForTheSameSeed) {
  const auto trace = [](std::uint64_t seed) {
    ModelOptions options;
    options.seed = seed;
    options.agents = 40;
    options.token_uses = 38;
    FleetModel model(options);
    model.run(150, Weather{});
    EXPECT_TRUE(model.violations().empty());
    return model.trace();
  };
  EXPECT_EQ(trace(7), trace(7));
  EXPECT_NE(trace(7), trace(8));
}

TEST(FleetSimulation, ComesToRestAfterAStormThatLosesHalfOfEverything) {
  ModelOptions options;
  options.seed = number_from("HOLDFAST_SIMULATION_FIRST", 99);
  options.agents = 60;
  options.token_uses = 60;
  FleetModel model(options);
  model.run(200, Weather{500, 200, 8, 20, 100});
  EXPECT_TRUE(model.settle(settling_steps)) << model.unrest();
  if (model.violations().empty()) model.check_end();
  for (const auto& violation : model.violations()) ADD_FAILURE() << violation;
}

}  // namespace
}  // namespace holdfast
