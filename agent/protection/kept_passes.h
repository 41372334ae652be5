#pragma once
// How this host reaches buckets without an access key. Passes to put are kept, in memory and in the state, and renewed
// long before they run out; for everything else the coordinator is asked when it is needed.
#include <map>
#include <mutex>
#include <set>

#include "agent/session/pass_desk.h"
#include "agent/state/state.h"
#include "shared/log/log.h"
#include "shared/store/opening/presigned_s3.h"

namespace holdfast {

// Names that are given to one content only, by one process, ever: pieces of a backup, keys, stretches of log (whose
// writer has looked where to go on when it began). Histories and records of databases are not among them: two nodes may
// have different ones for one name.
bool is_put_once(const std::string& name);

bool is_presigned(const StoreInfo& store);

// Safe from many threads.
class KeptPasses {
 public:
  // All outlive it.
  KeptPasses(AgentState& state, PassDesk& desk, Clock& clock, Logger log);

  // What is in the state from before.
  Result<> remember();
  // For what this assignment has us write; other passes are forgotten.
  void want(const Assignment& assignment);
  // Asks for what is missing and what is getting old; returns at once.
  void renew();

  BucketAsking asking_for(const StoreInfo& store);

 private:
  using Place = std::pair<StoreId, std::string>;  // and the scope in it
  struct Wanted {
    std::string store;  // name
    Micros next_try{0};
  };
  Result<BucketPass> pass_for(const StoreInfo& store, const BucketWish& wish, PassAge age);
  void keep(const Place& place, const BucketPass& pass);

  AgentState& state_;
  PassDesk& desk_;
  Clock& clock_;
  const Logger log_;
  std::mutex mutex_;  // guards everything below
  std::map<Place, KeptPass> kept_;
  std::map<Place, Wanted> wanted_;
};

}  // namespace holdfast
