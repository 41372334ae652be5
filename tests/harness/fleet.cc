#include "tests/harness/fleet.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/harness/postgres_cluster.h"

namespace holdfast {
namespace {

std::string read_text(const std::string& path) {
  std::ifstream in(path);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

}  // namespace

nlohmann::json CliResult::json() const {
  auto parsed = nlohmann::json::parse(out, nullptr, false);
  return parsed.is_discarded() ? nlohmann::json::object() : parsed;
}

std::string Fleet::binary(const std::string& program) {
  return std::string(HOLDFAST_BINARY_DIR) + "/" + program;
}

Fleet::Fleet() : fleet_port_(free_port().value()), enrol_port_(free_port().value()) {
  recovery_key_ = directory_ / "fleet/recovery.key";
  // Clusters run as another user and must reach what lies below.
  std::filesystem::permissions(directory_.path(), std::filesystem::perms(0755));
  const auto init =
      cli({"init", "--directory", directory_ / "fleet", "--fleet", "test", "--endpoint", "127.0.0.1", "--fleet-port",
           std::to_string(fleet_port_), "--enrol-port", std::to_string(enrol_port_), "--no-passphrase"});
  EXPECT_EQ(init.exit_code, 0) << init.err;
  write_text(directory_ / "coordinator.yaml", "heartbeat_seconds: 1\n");
}

Fleet::~Fleet() {
  if (testing::Test::HasFailure()) std::fprintf(stderr, "%s\n", logs().c_str());
}

void Fleet::start_coordinator() {
  coordinator_ =
      ChildProcess::start({binary("holdfast-coordinator"), "--state", directory_ / "fleet/coordinator", "--config",
                           directory_ / "coordinator.yaml", "--bind", "127.0.0.1", "--fleet-port",
                           std::to_string(fleet_port_), "--enrol-port", std::to_string(enrol_port_)},
                          directory_ / "coordinator.log");
  EXPECT_TRUE(eventually([this] { return cli({"status"}).exit_code == 0; }, 30)) << "the coordinator does not answer";
}

void Fleet::ship_log_every_second() const {
  const std::string file = path("default-policy.yaml");
  std::ofstream(file) << "apiVersion: holdfast/v1\nkind: Policy\nname: default\nsplay: 1h\nwal: {rpo: 1s}\n";
  const auto applied = cli({"policy", "apply", "-f", file});
  EXPECT_EQ(applied.exit_code, 0) << applied.err;
}

CliResult Fleet::cli(const std::vector<std::string>& arguments) const {
  static int counter = 0;
  const std::string base = directory_ / ("cli-" + std::to_string(++counter));
  std::vector<std::string> command{"sh", "-c", "out=$1; shift; exec \"$@\" >\"$out.out\" 2>\"$out.err\"",
                                   "sh", base, binary("holdfast")};
  command.insert(command.end(), arguments.begin(), arguments.end());
  auto process = ChildProcess::start(command, base + ".log",
                                     {"HOLDFAST_OPERATOR=" + (directory_ / "fleet/admin.operator"), "NO_COLOR=1"});
  CliResult result;
  // Longer than any restore in a scenario takes.
  for (int minutes = 0; minutes < 5 && process.running(); ++minutes) {
    result.exit_code = process.wait();
    if (result.exit_code >= 0) break;
  }
  result.out = read_text(base + ".out");
  result.err = read_text(base + ".err");
  for (const char* suffix : {".out", ".err", ".log"}) std::filesystem::remove(base + suffix);
  return result;
}

nlohmann::json Fleet::query(std::vector<std::string> arguments) const {
  arguments.insert(arguments.end(), {"-o", "json"});
  const auto result = cli(arguments);
  EXPECT_EQ(result.exit_code, 0) << testing::PrintToString(arguments) << "\n" << result.err;
  return result.json();
}

std::string Fleet::new_token(const std::vector<std::string>& options) const {
  std::vector<std::string> arguments{"token", "create"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  const auto result = cli(arguments);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return result.out.substr(0, result.out.find('\n'));
}

const Fleet::AgentPlace& Fleet::add_agent(const std::string& name, const std::vector<std::string>& within) {
  AgentPlace place{name, directory_ / name, directory_ / (name + ".yaml"), directory_ / (name + ".log")};
  std::filesystem::create_directories(place.state);
  std::string config = "name: " + name + "\nlog: {level: debug}\ndiscovery:\n  interval: 1s\n";
  for (const char* key : {"within", "sqlite_roots"}) {
    config += std::string("  ") + key + ":\n";
    for (const auto& directory : within) config += "    - " + directory + "\n";
  }
  write_text(place.config, config);
  return places_.insert_or_assign(name, place).first->second;
}

void Fleet::start_agent(const std::string& name, const std::string& token,
                        const std::vector<std::string>& more_environment) {
  const AgentPlace& place = places_.at(name);
  std::vector<std::string> command{binary("holdfast-agent"), "run", "--state", place.state, "--config", place.config};
  // Not runuser: it would stay between us and the agent, and get its signals.
  if (!place.user.empty()) {
    command.insert(command.begin(), {"setpriv", "--reuid", place.user, "--regid", place.user, "--init-groups"});
  }
  std::vector<std::string> environment = more_environment;
  if (!token.empty()) environment.push_back("HOLDFAST_TOKEN=" + token);
  agents_[name] = ChildProcess::start(command, place.log, environment);
}

std::string Fleet::logs() const {
  std::string out = "---- coordinator\n" + read_text(directory_ / "coordinator.log");
  for (const auto& [name, place] : places_) out += "---- agent " + name + "\n" + read_text(place.log);
  return out;
}

bool Fleet::eventually(const std::function<bool()>& holds, int seconds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return true;
}

nlohmann::json Fleet::wait_for_backup(const std::string& database, int seconds) const {
  nlohmann::json found;
  eventually(
      [&] {
        std::vector<std::string> arguments{"backup", "list", "-o", "json"};
        if (!database.empty()) arguments.push_back(database);
        const auto listing = cli(arguments);
        if (listing.exit_code != 0) return false;
        for (const auto& backup : listing.json().value("items", nlohmann::json::array())) {
          if (backup.value("state", "") == "complete") found = backup;
        }
        return !found.is_null();
      },
      seconds);
  return found;
}

}  // namespace holdfast
