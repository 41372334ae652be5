#pragma once
// The open data keys that this agent writes with: one epoch per database, renewed daily. They exist in memory only;
// what goes to the stores is sealed to the recipients, and this node is normally none of them. A key that was replaced
// is erased when its last writer lets go of it: an agent that was broken into gives away what it is writing, not what
// it has written.
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "agent/state/node_keys.h"
#include "agent/state/state.h"
#include "shared/os/clock.h"
#include "shared/repository/epoch.h"
#include "shared/store/store.h"

namespace holdfast {

// What must be known of a database to write anything of it.
struct ProtectedDatabase {
  DatabaseId id;
  std::string name;
  Engine engine = Engine::postgres;
  SystemId system_id;
  std::vector<Recipient> recipients;
  StoreSet stores;
};

// Safe from many threads.
class Epochs {
 public:
  Epochs(const Enrolled& identity, const NodeKeys& keys, AgentState& state, Clock& clock, Entropy& entropy)
      : identity_(identity), keys_(keys), state_(state), clock_(clock), entropy_(entropy) {}

  // The key to write with now. A new epoch is made when there is none, when it is a day old or when the recipients have
  // changed; its sealed document is durable in the stores, and noted for the coordinator, before this returns. Also
  // puts the fleet's and the database's records into stores that lack them. Hold it only while something is written
  // with it.
  Result<std::shared_ptr<const EpochKey>> current(const ProtectedDatabase& database, ByteView fleet_record);

  // The key that this database is written with now: for restores on this very node, whose plan may be older. Other
  // keys come with the order.
  void add_open_key(DatabaseId database, KeyRing& keys) const;
  // Lets go of the keys of all other databases.
  void keep_only(const std::set<DatabaseId>& databases);

 private:
  struct Open {
    std::shared_ptr<const EpochKey> key;
    Timestamp made_at;
    std::vector<Recipient> recipients;
    std::vector<std::string> stores;
  };
  Result<Open> make(const ProtectedDatabase& database, ByteView fleet_record);
  std::shared_ptr<const EpochKey> usable(const ProtectedDatabase& database) const;
  bool is_described(const ProtectedDatabase& database, const Result<>& put) const;

  const Enrolled& identity_;
  const NodeKeys& keys_;
  AgentState& state_;
  Clock& clock_;
  Entropy& entropy_;
  std::mutex making_;         // held while an epoch is made, so that two callers make one
  mutable std::mutex mutex_;  // guards open_; never while a store is waited for
  std::map<DatabaseId, Open> open_;
};

}  // namespace holdfast
