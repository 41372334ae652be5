#include "tests/scenario/coordinator_loss.h"

#include <algorithm>
#include <filesystem>

namespace holdfast {
namespace files = std::filesystem;

CoordinatorLoss::Said CoordinatorLoss::run_coordinator_tool(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), Fleet::binary("holdfast-coordinator"));
  const std::string log = fleet_->path("said-" + std::to_string(++runs_));
  auto process = ChildProcess::start(arguments, log);
  const int code = process.wait();
  return {code, read_file(log)};
}

CoordinatorLoss::Said CoordinatorLoss::rebuild(const std::vector<std::string>& places) {
  std::vector<std::string> arguments{"catalog", "rebuild", "--state", state_, "--recovery-key", fleet_->recovery_key()};
  for (const auto& place : places) arguments.insert(arguments.end(), {"--from", place});
  return run_coordinator_tool(arguments);
}

CoordinatorLoss::Said CoordinatorLoss::check(const std::vector<std::string>& more) {
  std::vector<std::string> arguments{"catalog", "check", "--state", state_};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_coordinator_tool(arguments);
}

void CoordinatorLoss::lose_the_coordinator() {
  fleet_->coordinator().kill_hard();
  files::remove_all(state_);
}

std::vector<std::string> CoordinatorLoss::complete_backups() const {
  std::vector<std::string> ids;
  for (const auto& backup : fleet_.list("backup")) {
    if (backup["state"] == "complete") ids.push_back(backup["id"]);
  }
  std::ranges::sort(ids);
  return ids;
}

std::uint64_t CoordinatorLoss::checkpoint_sequence(const std::string& name) {
  constexpr std::size_t digits = 16;
  return std::stoull(name.substr(digits + 1, digits), nullptr, 16);
}

std::uint64_t CoordinatorLoss::newest_checkpoint_in(const std::string& store) {
  std::uint64_t newest = 0;
  const std::string below = store + "/coordinator";
  if (!files::exists(below)) return 0;
  for (const auto& entry : files::directory_iterator(below)) {
    newest = std::max(newest, checkpoint_sequence(entry.path().filename().string()));
  }
  return newest;
}

void CoordinatorLoss::wait_for_checkpoints(const std::function<std::uint64_t()>& newest) {
  // The first that comes may have been begun before this call, the second was begun after it.
  for (int i = 0; i < 2; ++i) {
    const auto before = newest();
    ASSERT_EQ(fleet_->cli({"token", "create", "--label", "wait=yes"}).exit_code, 0);
    ASSERT_TRUE(Fleet::eventually([&] { return newest() > before; })) << "no checkpoint came";
  }
}

}  // namespace holdfast
