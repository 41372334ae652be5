#pragma once
// The databases of this host, looked at again and again by a thread of their own: asking a server may take long.
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "agent/daemon/config.h"
#include "agent/postgres/connection.h"
#include "agent/sqlite/open_files.h"
#include "shared/fleet/fleet.h"
#include "shared/os/stop.h"

namespace holdfast {

struct HostDatabase {
  FoundDatabase found;
  std::optional<PostgresEndpoint> endpoint;  // of a running cluster
  std::set<std::string> slots;               // of ours, on its server
  bool starting = false;                     // its server is on its way up
  // Its server has written its last record and ends as soon as who streams its log has all of it.
  bool waits_for_its_log = false;
};

struct HostLook {
  std::uint64_t number = 0;  // 1: the first
  std::vector<HostDatabase> databases;
};

// Replication slots to drop while looking, where nobody streams from them. By FoundDatabase::key.
using UnwantedSlots = std::map<std::string, std::set<std::string>>;

// One look. Ordered by key.
std::vector<HostDatabase> look_at_host(const AgentConfig& config, OpenSqliteFiles& open_files, const Logger& log,
                                       const StopToken& stop);

// One cluster, whether it runs or not: a look does not find those that are down unless they are configured. By its
// FoundDatabase::key; nullopt: no cluster is there. May ask its server.
std::optional<HostDatabase> look_at_cluster(const AgentConfig& config, const std::string& key, const StopToken& stop);

// Whether a look differs from what was reported: everything but small changes of size.
bool worth_reporting(const FoundDatabase& before, const FoundDatabase& now);

class HostWatch {
 public:
  using Found = std::function<void(HostLook)>;
  // Looks at once, then every config.discovery.interval (sooner while a server starts or stops), and hands each result
  // to `found` (on its own thread). `left_behind`: names of slots that this agent has shipped from. A cluster that is
  // excluded now is asked for them once, and for nothing else: left alone they would fill its disk.
  HostWatch(const AgentConfig& config, OpenSqliteFiles& open_files, Logger log, std::set<std::string> left_behind,
            Found found);
  ~HostWatch();
  HostWatch(const HostWatch&) = delete;
  HostWatch& operator=(const HostWatch&) = delete;

  // The number of the first look that begins after this call: what it sees is not older.
  std::uint64_t look_now();
  // From the next look on, again at each look until they are gone.
  void set_unwanted(UnwantedSlots unwanted);

 private:
  void run();
  void drop_slots(std::vector<HostDatabase>& databases);
  void release_excluded(const HostDatabase& database);
  void drop(const PostgresEndpoint& endpoint, const std::set<std::string>& names, std::set<std::string>& there);

  const AgentConfig& config_;
  OpenSqliteFiles& open_files_;
  Logger log_;
  Found found_;
  const std::set<std::string> left_behind_;
  std::set<std::string> released_;  // the thread's own: keys of excluded clusters that were asked
  StopToken stop_;
  std::mutex mutex_;  // guards look_now_, looks_begun_ and unwanted_
  std::condition_variable changed_;
  bool look_now_ = false;
  std::uint64_t looks_begun_ = 0;
  UnwantedSlots unwanted_;
  std::thread thread_;
};

}  // namespace holdfast
