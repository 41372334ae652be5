#pragma once
// Whether an agent may begin on this host, and what somebody has to do before. Pure.
#include <vector>

#include "agent/startup/facts.h"

namespace holdfast {

struct StartupLimits {
  std::uint64_t least_space = 64ULL << 20U;    // below it nothing can be journalled for long: an error
  std::uint64_t scarce_space = 512ULL << 20U;  // below it: a warning
  Micros clock_slack =
      std::chrono::hours(48);  // before the build: its host and this one need not share a zone or a day
  Micros stepped_back = std::chrono::minutes(5);    // more than this before the last sign of life: a warning
  Micros long_gone = std::chrono::hours(24 * 365);  // more than this after it: a warning
};

struct Obstacle {
  enum class Weight : std::uint8_t { warning, error } weight = Weight::error;
  Error error;  // Code::invalid for what an operator wrote, Code::unavailable for what the host is like
};

// Everything that is wrong, in the order in which it is best mended.
std::vector<Obstacle> judge_startup(const StartupFacts& facts, const StartupLimits& limits = {});

// Against the last sign of life of an agent on this state (never: there was none). Warnings only: which of the two
// clocks was wrong nobody can say, and databases go on without us meanwhile.
std::vector<Obstacle> judge_clock(Timestamp now, Timestamp last_seen, const StartupLimits& limits = {});

bool has_errors(const std::vector<Obstacle>& findings);

// The errors among them as one: the only one as it is, or all of them, numbered. There is at least one.
Error as_one(const std::vector<Obstacle>& findings);

}  // namespace holdfast
