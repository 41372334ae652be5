#pragma once
// The databases of this host, looked at again and again by a thread of their own: asking a server may take long.
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
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
};

// One look. Ordered by key.
std::vector<HostDatabase> look_at_host(const AgentConfig& config, OpenSqliteFiles& open_files, const Logger& log,
                                       const StopToken& stop);

// Whether a look differs from what was reported: everything but small changes of size.
bool worth_reporting(const FoundDatabase& before, const FoundDatabase& now);

class HostWatch {
 public:
  using Found = std::function<void(std::vector<HostDatabase>)>;
  // Looks at once, then every config.discovery.interval, and hands each result to `found` (on its own thread).
  HostWatch(const AgentConfig& config, OpenSqliteFiles& open_files, Logger log, Found found);
  ~HostWatch();
  HostWatch(const HostWatch&) = delete;
  HostWatch& operator=(const HostWatch&) = delete;

  void look_now();

 private:
  void run();

  const AgentConfig& config_;
  OpenSqliteFiles& open_files_;
  Logger log_;
  Found found_;
  StopToken stop_;
  std::mutex mutex_;  // guards look_now_
  std::condition_variable changed_;
  bool look_now_ = false;
  std::thread thread_;
};

}  // namespace holdfast
