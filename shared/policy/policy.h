#pragma once
// What the operator wants for the databases that match. One struct for all of coordinator.md's YAML; which parts act
// already is said by `not_in_effect`.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/result.h"
#include "shared/base/time.h"

namespace holdfast {

using Labels = std::map<std::string, std::string>;

struct Policy {
  std::string name;
  Labels match;  // every one must equal the database's label; "engine" is a label every database has. Empty: all
  std::uint64_t revision = 0;  // given by the coordinator, counts up

  // Schedule: cron lines (five fields or @daily ...), in `timezone`. Empty: never.
  std::string full = "@daily";
  std::string incremental;
  std::string differential;
  std::string timezone = "UTC";
  std::string window;  // "00:00-06:00", empty: any time
  Micros splay{0};

  std::string wal_ship = "stream";           // stream | archive_command
  Micros rpo_cut{std::chrono::seconds(10)};  // wal.rpo: the longest a received byte waits for its object
  Micros objective_rpo{std::chrono::seconds(60)};
  Micros objective_rto{std::chrono::minutes(30)};

  // Retention; 0 means "this rule is not used". No rule at all keeps everything.
  std::uint32_t hourly = 0;
  std::uint32_t daily = 0;
  std::uint32_t weekly = 0;
  std::uint32_t monthly = 0;
  std::uint32_t yearly = 0;
  std::uint32_t days = 0;
  std::uint32_t min_backups = 0;
  std::uint32_t max_backups = 0;
  Micros pitr{0};
  std::uint64_t max_bytes = 0;    // of one copy of a database's backups; log does not count
  std::uint64_t total_bytes = 0;  // the same, of all databases together that have this policy

  std::uint32_t copies_want = 1;
  std::uint32_t copies_min = 1;
  std::vector<std::string> stores;  // empty: every store of the fleet, up to copies_want
  std::string spread;
  Micros lock{0};

  std::string verify_after_backup;
  Micros verify_full_every{0};
  std::string drill_text;  // kept as written until drills come

  std::vector<std::string> recipients = {"recovery"};
  bool self_restore = false;

  // Backups at once, of whatever policy, where one of this policy is to begin; 0: no limit. A zone is what nodes with
  // the same label "zone" make.
  std::uint32_t per_node = 1;
  std::uint32_t per_store = 0;
  std::uint32_t per_zone = 0;
  std::uint32_t per_fleet = 0;
  std::uint64_t bandwidth = 0;  // bytes/s, 0: no limit
  std::uint32_t cpu_percent = 0;
  std::uint32_t workers = 0;  // 0: half the cores, at least 2
  std::int32_t zstd_level = 1;

  Micros shutdown_drain{std::chrono::seconds(30)};
  Micros shutdown_checkpoint_timeout{std::chrono::seconds(5)};
  Micros shutdown_stop_timeout{std::chrono::seconds(30)};
  bool shutdown_stop_database = true;
  std::string shutdown_mode = "fast";  // fast | smart: first as long for its clients to leave as stop_timeout says

  std::string prefer = "primary";  // primary | standby: who of a streaming group takes the backups, when it can

  friend bool operator==(const Policy&, const Policy&) = default;
};

// The policy `holdfast init` makes: named "default", matches everything, daily full backups spread over an hour.
Policy default_policy();

// Strict reading of `kind: Policy` YAML; Code::invalid with file:line:column. `source` is the file's name.
Result<Policy> parse_policy(std::string_view yaml, std::string source);
std::string policy_to_yaml(const Policy& policy);
// "retention: {daily: 7} -> {daily: 3}" for each setting that differs, by name.
std::vector<std::string> changed_settings(const Policy& before, const Policy& after);
// Settings of this policy that this version accepts but does not act on yet, as "incremental: ..." sentences.
std::vector<std::string> not_in_effect(const Policy& policy);

// Whether it has a limit of backups at once that a node cannot see to by itself: then its agent asks for a slot.
inline bool is_limited_beyond_node(const Policy& policy) {
  return policy.per_store != 0 || policy.per_zone != 0 || policy.per_fleet != 0;
}

// Most specific match (most labels) wins; equal and different names: `conflict` has the names. nullptr: unprotected.
struct PolicyMatch {
  const Policy* policy = nullptr;
  std::vector<std::string> conflict;  // names that tie; policy is then the first by name
};
PolicyMatch match_policy(const std::vector<Policy>& policies, const Labels& labels);

}  // namespace holdfast
