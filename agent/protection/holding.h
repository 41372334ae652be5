#pragma once
// Standbys of this host that may be promoted at any moment: the last minutes of their log are held at their servers, so
// that a failover leaves no gap.
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/postgres/held_log.h"
#include "shared/log/log.h"
#include "shared/os/clock.h"
#include "shared/os/stop.h"

namespace holdfast {

struct HeldCluster {
  DatabaseId database;
  std::string name;
  PostgresEndpoint endpoint;
};

// set() from any thread; the work is done on a thread of its own.
class Holding {
 public:
  Holding(Clock& clock, Logger log);
  ~Holding();
  Holding(const Holding&) = delete;
  Holding& operator=(const Holding&) = delete;

  // Exactly these. One that is not among them any more keeps what it holds for as long as anything is held: it may have
  // become the primary, and its log is being shipped from where it is held.
  void set(std::vector<HeldCluster> clusters);

 private:
  struct Held;
  void run();
  void renew(Held& held, bool wanted);

  Clock& clock_;
  const Logger log_;
  StopToken stop_;
  std::mutex mutex_;  // guards wanted_
  std::map<DatabaseId, HeldCluster> wanted_;
  std::map<DatabaseId, std::unique_ptr<Held>> held_;  // the thread's own
  std::jthread thread_;                               // last: it uses everything above
};

}  // namespace holdfast
