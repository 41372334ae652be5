#pragma once
// A whole fleet on this machine for one scenario: a coordinator, agents with state directories of their own, the
// operators' tool. Real programs, real sockets, real disks.
#include <nlohmann/json.hpp>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/harness/child_process.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {

struct CliResult {
  int exit_code = 0;
  std::string out;
  std::string err;
  // The document on stdout; an empty object when it is none.
  nlohmann::json json() const;
};

class Fleet {
 public:
  // init without a passphrase, coordinator not started.
  Fleet();
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  void start_coordinator();  // waits until it answers
  // The default policy, except that log becomes durable a second after it was written: scenarios wait for that often.
  void ship_log_every_second() const;
  ChildProcess& coordinator() { return coordinator_; }

  // `holdfast ...` as the admin of init, or as the operator of this file.
  CliResult cli(const std::vector<std::string>& arguments) const;
  // The same with -o json added; fails the test unless it exits 0.
  nlohmann::json query(std::vector<std::string> arguments) const;
  std::string new_token(const std::vector<std::string>& options = {}) const;

  // Writes the agent's configuration and starts it with this token ("" : it has enrolled before).
  struct AgentPlace {
    std::string name;
    std::string state;
    std::string config;
    std::string log;
    std::string user = {};  // whom it runs as; empty: ourselves
  };
  // `within`: where it looks for databases, PostgreSQL's and SQLite's.
  const AgentPlace& add_agent(const std::string& name, const std::vector<std::string>& within);
  // From its next start on; what it must reach is the caller's to give away.
  void run_agent_as(const std::string& name, const std::string& user) { places_.at(name).user = user; }
  void start_agent(const std::string& name, const std::string& token = {},
                   const std::vector<std::string>& environment = {});
  ChildProcess& agent(const std::string& name) { return agents_.at(name); }
  const AgentPlace& place(const std::string& name) const { return places_.at(name); }

  std::string path(const std::string& name) const { return directory_ / name; }
  std::string store() const { return directory_ / "store"; }
  const std::string& recovery_key() const { return recovery_key_; }
  int fleet_port() const { return fleet_port_; }
  int enrol_port() const { return enrol_port_; }
  static std::string binary(const std::string& program);
  // Logs of everything, for a failure's explanation.
  std::string logs() const;

  // Asks again every 100 ms until it holds; false after `seconds`.
  static bool eventually(const std::function<bool()>& holds, int seconds = 60);
  // Waits for a complete backup of this database, of any when it is empty; its JSON (null when none came).
  nlohmann::json wait_for_backup(const std::string& database = {}, int seconds = 60) const;

 private:
  TemporaryDirectory directory_;
  std::string recovery_key_;
  int fleet_port_ = 0;
  int enrol_port_ = 0;
  ChildProcess coordinator_;
  std::map<std::string, AgentPlace> places_;
  std::map<std::string, ChildProcess> agents_;
};

}  // namespace holdfast
