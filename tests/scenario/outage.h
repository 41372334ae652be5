#pragma once
// What the scenarios about bad days share: one fleet, one PostgreSQL cluster that is written to, and the questions that
// are asked about them afterwards.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "shared/os/clock.h"
#include "tests/harness/acknowledged_writes.h"
#include "tests/harness/fleet.h"
#include "tests/harness/postgres_cluster.h"
#include "tests/harness/result_matchers.h"

namespace holdfast {

class Outage : public testing::Test {
 protected:
  static constexpr const char* host = "orders-host";

  // A running coordinator and a store named "local".
  Outage();
  void SetUp() override;

  // Makes and starts the cluster with its table; `ballast_mib` of files that do not compress make a backup last.
  void create_cluster(int ballast_mib);
  // The agent enrols; waits for the first backup and for its database's name.
  void protect();
  void enrol_agent();
  void restart_agent();
  void kill_coordinator() { fleet_.coordinator().kill_hard(); }
  // `more`: further lines of the policy.
  void apply_policy(const std::string& schedule, const std::string& more = {});
  // Whether an alert of `holdfast status` holds these words.
  bool status_says(const std::string& words) const;

  void start_writes();
  std::set<std::int64_t> rows() const;

  nlohmann::json items(std::vector<std::string> listing) const;
  std::vector<nlohmann::json> jobs(const std::string& kind) const;
  nlohmann::json job(const std::string& id) const;
  // "" when it is not known.
  std::string job_state(const std::string& id) const;
  bool job_ends(const std::string& id, int seconds = 120) const;
  std::vector<nlohmann::json> complete_backups() const;
  // The job's id; `holdfast backup create --detach`.
  std::string order_backup() const;
  // As the agent's own state tells it, without a coordinator: all of it, and how many jobs of this kind are in this
  // state.
  std::string agent_status() const;
  int agent_knows(const std::string& kind, const std::string& state) const;

  // The end of the recovery window; never: there is none.
  Timestamp recoverable_through() const;
  // Until everything committed before this moment is restorable.
  bool covered(Timestamp moment, int seconds = 90) const;
  nlohmann::json gaps() const;
  // One line of SQL about the agent's slot.
  std::string slot_position() const;

  CliResult restore(const std::vector<std::string>& options) const;
  // Stops the writer, waits until all of it is covered, restores in place to that moment and counts the rows.
  void expect_every_acknowledged_row_after_restore();
  void expect_rows(const std::set<std::int64_t>& found, Timestamp moment) const;

  SystemClock clock_;
  Fleet fleet_;
  std::optional<PostgresCluster> cluster_;
  std::unique_ptr<AcknowledgedWrites> writes_;
  std::string database_;
};

}  // namespace holdfast
