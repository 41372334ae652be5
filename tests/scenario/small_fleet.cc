#include "tests/scenario/small_fleet.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace holdfast {

SmallFleet::SmallFleet() {
  fleet_.start_coordinator();
  fleet_.ship_log_every_second();
  const auto added = fleet_.cli({"store", "add", "local", "posix", "--path", fleet_.store()});
  EXPECT_EQ(added.exit_code, 0) << added.err;
  token_ = fleet_.new_token({"--label", "fleet=demo", "--uses", "10"});
}

void SmallFleet::add_host(const std::string& name, const std::vector<std::string>& within) {
  fleet_.add_agent(name, within);
  fleet_.start_agent(name, token_);
}

std::string SmallFleet::protected_database() {
  const auto backup = fleet_.wait_for_backup();
  return backup.is_null() ? std::string() : backup["database"].get<std::string>();
}

nlohmann::json SmallFleet::list(const std::string& noun, const std::vector<std::string>& arguments) const {
  std::vector<std::string> all{noun, "list"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return fleet_.query(all).value("items", nlohmann::json::array());
}

nlohmann::json SmallFleet::node(const std::string& name) const {
  const auto nodes = list("node");
  for (const auto& node : nodes) {
    if (node["name"] == name) return node;
  }
  return nullptr;
}

bool SmallFleet::covered(const std::string& database, Timestamp moment) const {
  return Fleet::eventually([&] {
    const auto windows = list("window", {database});
    if (windows.empty() || !windows[0]["to"].is_string()) return false;
    const auto to = parse_time(windows[0]["to"].get<std::string>());
    return to.has_value() && *to >= moment;
  });
}

CliResult SmallFleet::restore(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), {"restore", "run"});
  arguments.insert(arguments.end(), {"--yes", "-o", "json", "--recovery-key", fleet_.recovery_key()});
  return fleet_.cli(arguments);
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

void write_file(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

std::vector<std::string> everything_in(const std::string& directory) {
  std::vector<std::string> lines;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    std::string line = entry.path().lexically_relative(directory).string();
    if (entry.is_regular_file()) {
      line += " " + std::to_string(std::hash<std::string>()(read_file(entry.path().string())));
    }
    lines.push_back(std::move(line));
  }
  std::ranges::sort(lines);
  return lines;
}

}  // namespace holdfast
