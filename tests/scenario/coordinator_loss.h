#pragma once
// What the tests of a lost coordinator share: the tool that brings it back, the loss, and the wait for checkpoints.
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/scenario/small_fleet.h"

namespace holdfast {

class CoordinatorLoss : public testing::Test {
 protected:
  struct Said {
    int exit_code = 0;
    std::string text;  // both streams
    bool has(const std::string& words) const { return text.find(words) != std::string::npos; }
  };
  // holdfast-coordinator with these arguments, to its end.
  Said run_coordinator_tool(std::vector<std::string> arguments);
  // `catalog rebuild` from these places.
  Said rebuild(const std::vector<std::string>& places);
  // `catalog check`.
  Said check(const std::vector<std::string>& more = {});
  void lose_the_coordinator();

  std::vector<std::string> complete_backups() const;  // their ids, in order

  // The number of a checkpoint's name, EPOCH-SEQUENCE.checkpoint, both of 16 hexadecimal digits.
  static std::uint64_t checkpoint_sequence(const std::string& name);
  // Of a store in a directory; 0: none.
  static std::uint64_t newest_checkpoint_in(const std::string& store);
  // Until what was committed before this call is in a checkpoint. `newest` is asked for the sequence. What is committed
  // to cause checkpoints (a token each) need not be in it.
  void wait_for_checkpoints(const std::function<std::uint64_t()>& newest);

  SmallFleet fleet_;
  const std::string state_ = fleet_->path("fleet/coordinator");
  const std::string directory_ = fleet_->path("files");

 private:
  int runs_ = 0;
};

}  // namespace holdfast
