#pragma once
// The world of a simulation: one coordinator on a catalog in memory, many agents, a bad network, and a watch over what
// must never happen.
#include <deque>

#include "tests/simulation/simulated_agent.h"
#include "tests/simulation/simulated_operator.h"

namespace holdfast {

struct Weather {
  std::uint64_t lost_per_mille = 50;
  std::uint64_t doubled_per_mille = 50;
  std::uint64_t delay_steps = 4;  // at most; so that messages overtake each other
  std::uint64_t agent_crash_per_mille = 5;
  std::uint64_t coordinator_crash_per_mille = 30;
};
constexpr Weather fair_weather{0, 0, 0, 0, 0};

struct ModelOptions {
  std::uint64_t seed = 1;
  std::uint32_t agents = 200;
  std::uint32_t token_uses = 195;  // fewer than agents: some never get in
  SimulatedStore::Fault store_fault = SimulatedStore::Fault::none;
};

class FleetModel {
 public:
  explicit FleetModel(const ModelOptions& options);

  void run(std::uint32_t steps, const Weather& weather);
  // In fair weather until nothing is left to say. False: it did not come to rest.
  bool settle(std::uint32_t steps_at_most);
  // Who still waits for what, a few of them.
  std::string unrest() const;
  // What must hold once all is at rest.
  void check_end();

  const std::vector<std::string>& violations() const { return violations_; }
  std::uint64_t trace() const { return trace_; }  // of everything committed and sent
  std::uint32_t crashes() const { return crashes_; }
  std::size_t enrolled() const;
  std::size_t complete_backups() const;
  const SimulatedOperator& admin() const { return admin_; }
  std::size_t tokens() const { return tokens_.size(); }
  std::size_t swept_objects() const { return object_store_.swept(); }
  std::size_t ordered_jobs() const { return ordered_.size(); }

 private:
  struct InFlight {
    std::uint64_t due = 0;
    std::uint64_t number = 0;  // order of arrival among those that are due together: by chance
    bool to_coordinator = true;
    Door door = Door::fleet;
    CurvePublicKey peer;  // the agent's, or the operator's
    Message message;
  };

  void load();
  void step(const Weather& weather);
  void post(InFlight message, const Weather& weather);
  void coordinator_round(const Weather& weather);
  void operator_round(const Weather& weather);
  void deliver();
  void worker_round(std::vector<Event>& events);
  // Into the catalog, and into the shadow that the invariants look at.
  void commit(const std::vector<CatalogChange>& changes);
  void watch_job(const JobRow& row);
  void watch_token(const Token& row);
  void watch_order(const Order& row);
  void watch_send(const Send& sent);
  void violation(std::string text);
  void mix(ByteView bytes);
  void mix(std::uint64_t number);

  ModelOptions options_;
  SeededEntropy entropy_;       // of the world
  SeededEntropy core_entropy_;  // of the coordinator
  Timestamp now_ = Timestamp::from_micros(1'800'000'000'000'000);
  std::uint64_t steps_ = 0;
  std::uint64_t posted_ = 0;
  std::uint32_t crashes_ = 0;
  std::uint64_t trace_ = 0xcbf29ce484222325U;

  SignKeyPair root_;
  SignKeyPair intermediate_;
  BoxKeyPair recovery_;
  SimulatedOperator admin_;
  Bytes intermediate_certificate_;
  SimulatedStore object_store_;
  SimulatedWorld world_;
  std::deque<Work> work_;  // given to the worker and not done yet
  MemoryStore store_;
  std::uint64_t epoch_ = 0;
  std::unique_ptr<Core> core_;
  std::vector<SimulatedAgent> agents_;
  std::map<CurvePublicKey, std::size_t> agent_by_key_;
  std::vector<InFlight> network_;

  // What was committed.
  std::map<JobId, JobRow> jobs_;
  std::map<BackupId, Backup> backups_;
  std::map<NodeId, Node> nodes_;
  std::map<TokenId, Token> tokens_;
  std::set<EpochId> epochs_;
  std::set<JobId> ordered_;
  std::set<JobId> open_orders_;
  std::map<std::string, TokenId> token_by_request_;
  std::map<std::pair<std::string, DatabaseId>, JobId> backup_by_request_;
  std::vector<std::string> violations_;
};

}  // namespace holdfast
