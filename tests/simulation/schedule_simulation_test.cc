// A fleet's schedules through days of bad weather: every run has exactly one outcome, and limits hold.
#include <chrono>
#include <cstdlib>
#include <iostream>

#include "tests/simulation/schedule_model.h"

namespace holdfast {
namespace {

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(ScheduleSimulation, EveryRunHasExactlyOneOutcomeAndLimitsHoldWhateverTheWeather) {
  ScheduleOptions options;
  options.seed = number_from("HOLDFAST_SIMULATION_FIRST", 1);
  options.nodes = static_cast<std::uint32_t>(number_from("HOLDFAST_SIMULATION_NODES", 60));
  options.days = static_cast<std::uint32_t>(number_from("HOLDFAST_SIMULATION_DAYS", 5));
  options.per_fleet = std::max(4U, options.nodes / 20);
  options.per_zone = std::max(3U, options.nodes / 50);
  const auto began = std::chrono::steady_clock::now();
  ScheduleModel model(options);
  model.run();
  const bool rested = model.settle();
  if (model.violations().empty()) model.check_outcomes();
  std::size_t told = 0;
  for (const auto& violation : model.violations()) {
    if (++told <= 10) ADD_FAILURE() << violation;
  }
  EXPECT_TRUE(rested) << "it did not come to rest: " << model.unrest();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  const ScheduleCounts& counts = model.counts();
  // A simulation in which nothing happened proves nothing.
  EXPECT_GT(counts.complete, options.nodes * options.days / 2);
  EXPECT_GT(counts.failed + counts.missed, options.nodes / 10);
  EXPECT_GT(counts.caught_up, 0U);
  EXPECT_GT(counts.alone, 0U);
  EXPECT_GT(counts.granted, options.nodes);
  EXPECT_GT(counts.restarts, 1U);
  EXPECT_LE(counts.by_two_nodes, counts.complete / 100);
  EXPECT_EQ(counts.due, counts.complete + counts.failed + counts.missed);
  std::cout << options.nodes << " nodes, " << options.days << " days: " << counts.events << " events ("
            << static_cast<std::uint64_t>(static_cast<double>(counts.events) / took.count()) << "/s), "
            << counts.messages << " messages, " << counts.restarts << " starts of the coordinator\n"
            << "runs: " << counts.due << " due, " << counts.complete << " complete, " << counts.failed << " failed, "
            << counts.missed << " missed; " << counts.caught_up << " stood in for missed ones, " << counts.lost
            << " jobs lost, " << counts.by_two_nodes << " made by two nodes of a group\n"
            << "slots: " << counts.granted << " granted, " << counts.alone << " begun without; the fleet's limit "
            << options.per_fleet << " to " << 2 * options.per_fleet - 1 << ", largest overrun "
            << counts.largest_overrun << ", most at once " << counts.most_at_once << "\n";
  for (const auto& [cause, count] : model.causes()) std::cout << "  missed, " << cause << ": " << count << "\n";
}

}  // namespace
}  // namespace holdfast
