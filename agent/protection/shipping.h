#pragma once
// WAL of every protected cluster of this host, each shipped by a receiver of its own.
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "agent/postgres/stopped_log.h"
#include "agent/postgres/wal_receiver.h"
#include "agent/protection/epochs.h"
#include "shared/log/log.h"

namespace holdfast {

// What a receiver is made of; another value of any part makes another receiver.
struct ShippedCluster {
  ProtectedDatabase database;
  std::string data_directory;
  PostgresEndpoint endpoint;
  Micros rpo = std::chrono::seconds(10);
  int zstd_level = 1;
};

// Safe from many threads.
class Shipping {
 public:
  // `changed` is called when there is something new for the coordinator (an epoch, a timeline); `log_lost` when the
  // state has a new loss of a database's log. Any thread.
  struct Events {
    std::function<void()> changed;
    std::function<void(DatabaseId)> log_lost;
  };
  // `observer`: who reads along with a database's WAL; empty: nobody.
  using ObserverOf = std::function<std::shared_ptr<WalObserver>(DatabaseId)>;
  Shipping(const Enrolled& identity, const NodeKeys& keys, AgentState& state, Epochs& epochs, Clock& clock,
           Entropy& entropy, Logger log, Events events, ObserverOf observer);
  ~Shipping();
  Shipping(const Shipping&) = delete;
  Shipping& operator=(const Shipping&) = delete;

  // Makes exactly these run, except those that are suspended. Of `unseen` the servers do not run now: where there is a
  // receiver it stays, to put what it has received, to tell how far that is, and to go on when the server is back.
  void set(std::vector<ShippedCluster> clusters, const std::set<DatabaseId>& unseen, Bytes fleet_record);
  // Somebody is waiting for the newest moment to be safe: until told otherwise no byte waits longer than this, whatever
  // the policy says. nullopt: the policies again.
  void hurry(std::optional<Micros> longest_wait);
  // Puts out what was received by now, of all of them; returns when it is durable or the time is over. Of whom it is
  // not.
  std::vector<std::string> send_out(Micros timeout, const StopToken& stop);
  // While a cluster's directory is being restored nobody may stream from it. Waits until the receiver is gone.
  // What it has received is put into the stores first, if that takes a few seconds only.
  void suspend(DatabaseId database);
  // From the next set() on.
  void resume(DatabaseId database);
  // Puts what a server that was stopped in order still has on its own disk only; the position that is durable then,
  // told by positions() from now on. Its receiver is ended as by suspend(). Waits; for any thread.
  Result<Lsn> ship_stopped(const ProtectedDatabase& database, int zstd_level, const StoppedLog& log, Micros timeout,
                           const StopToken& stop);
  // Whether `directory`, by whatever name, is that of the cluster that is shipped as this database.
  bool ships_from(DatabaseId database, const std::string& directory) const;
  void stop_all();

  std::vector<WalPosition> positions() const;

  // nullptr: not shipped (now). It stops when another takes its place: who waits for it asks here again.
  std::shared_ptr<WalReceiver> find(DatabaseId database) const;

 private:
  class Positions;
  struct Running;
  std::shared_ptr<Running> start(ShippedCluster cluster);
  WalReceiver::Parts parts_for(Running& running);
  Micros rpo_of(const ShippedCluster& cluster) const;

  const Enrolled& identity_;
  const NodeKeys& keys_;
  AgentState& state_;
  Epochs& epochs_;
  Clock& clock_;
  Entropy& entropy_;
  Logger log_;
  Events events_;
  ObserverOf observer_;
  mutable std::mutex mutex_;  // guards what follows
  Bytes fleet_record_;
  std::map<DatabaseId, std::shared_ptr<Running>> running_;
  std::set<DatabaseId> suspended_;
  std::map<DatabaseId, WalPosition> stopped_;  // of those whose log came from their disk
  std::optional<Micros> hurry_;
};

}  // namespace holdfast
