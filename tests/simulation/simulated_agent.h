#pragma once
// An agent as the coordinator sees one. `journal` is its disk; everything else is gone after a crash.
#include <deque>
#include <map>
#include <set>

#include "tests/coordinator/core/fleet_fixture.h"
#include "tests/simulation/simulated_store.h"

namespace holdfast {

// What the world hands out to all agents.
struct SimulatedWorld {
  SimulatedStore* store = nullptr;
  FleetId fleet;
  BoxPublicKey recovery;
  std::string token;
};

class SimulatedAgent {
 public:
  SimulatedAgent(std::uint32_t number, const SimulatedWorld& world, SeededEntropy& entropy);

  const CurvePublicKey& key() const { return journal_.host.curve.public_key; }
  // Everything it wants to say now: what is not acknowledged is said again.
  std::vector<std::pair<Door, Message>> step(Timestamp now);
  void take(const Message& message, Timestamp now);
  void crash();

  bool is_enrolled() const { return !journal_.host.node.is_null(); }
  NodeId node() const { return journal_.host.node; }
  // Nothing is left to be acknowledged.
  bool is_quiet() const;
  // What it still waits for, in words; empty when quiet.
  std::string unrest() const;
  // How often each ordered job was begun: more than once would be work done twice.
  const std::map<JobId, std::uint32_t>& begun() const { return journal_.begun; }
  const std::set<BackupId>& finished_backups() const { return journal_.finished; }
  std::uint64_t highest_epoch() const { return journal_.epoch; }
  // Sentences about what the coordinator should never have sent.
  const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  struct Pending {  // a job's newest report, until it is acknowledged
    JobReport report;
    bool acked = false;
  };
  struct Journal {
    Host host;
    Assignment assignment;
    std::uint64_t epoch = 0;
    std::uint64_t generation = 0;
    std::map<JobId, std::uint32_t> begun;
    std::map<JobId, Pending> reports;
    std::map<DatabaseId, EpochReport> epochs;  // not acknowledged yet
    std::set<BackupId> finished;
    std::set<DatabaseId> backed_up;
    std::map<DatabaseId, BackupId> parents;  // whose packs the next backup takes over
    std::set<JobId> order_acks;              // orders taken; acknowledged whenever they come again
  };

  void say(std::vector<std::pair<Door, Message>>& out, Door door, MessageBody body);
  void enrol_step(std::vector<std::pair<Door, Message>>& out);
  void take_enrolment(const Message& message);
  void take_order(const Order& order, Timestamp now);
  void begin_backup(JobId job, DatabaseId database, BackupId backup, Timestamp now);
  void advance_jobs(Timestamp now);
  void finish_backup(Pending& pending, Timestamp now);
  // Its last objects; returns the packs of earlier backups that it needs.
  std::set<std::string> store_backup(const Pending& pending);
  std::uint32_t running() const;
  std::vector<FoundDatabase> found() const;

  std::uint32_t number_;
  const SimulatedWorld* world_;
  SeededEntropy* entropy_;
  Journal journal_;
  std::vector<std::string> complaints_;

  // Gone after a crash:
  std::optional<EnrolHello> hello_;
  std::optional<EnrolChallenge> challenge_;
  bool greeted_ = false;  // Welcome came
  std::uint64_t inventory_acked_ = 0;
  std::uint64_t inventory_revision_ = 1;
  std::vector<MessageBody> answers_;
  std::uint64_t messages_ = 0;
  Timestamp heartbeat_at_;
};

}  // namespace holdfast
