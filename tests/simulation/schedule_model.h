#pragma once
// A fleet's schedule over many days: the real core, agents with the real run book and slot desk, and everything that
// goes wrong between them. Events are taken in order of time, so that an idle fleet costs nothing.
#include <memory>
#include <queue>

#include "tests/simulation/schedule_agent.h"

namespace holdfast {

struct ScheduleOptions {
  std::uint64_t seed = 1;
  std::uint32_t nodes = 60;
  std::uint32_t days = 5;
  std::uint32_t per_fleet = 4;
  std::uint32_t per_zone = 3;
};

struct ScheduleCounts {
  std::uint64_t events = 0;
  std::uint64_t messages = 0;
  std::uint64_t due = 0;
  std::uint64_t complete = 0;
  std::uint64_t failed = 0;
  std::uint64_t missed = 0;
  std::uint64_t caught_up = 0;     // began by a job that stands in for others too
  std::uint64_t lost = 0;          // jobs
  std::uint64_t by_two_nodes = 0;  // of a group: one of them was cut off and did not know that the backups had moved
  std::uint64_t alone = 0;         // begun without a slot
  std::uint64_t granted = 0;
  std::uint64_t restarts = 0;
  std::uint64_t most_at_once = 0;
  std::int64_t largest_overrun = 0;
};

class ScheduleModel : public FleetFixture {
 public:
  explicit ScheduleModel(const ScheduleOptions& options);
  void TestBody() override {}

  void run();
  // In fair weather until nobody has anything to do or to tell. False: it did not come to rest.
  bool settle();
  // Every run that came due anywhere has exactly one outcome in the coordinator's catalog.
  void check_outcomes();

  const std::vector<std::string>& violations() const { return violations_; }
  const ScheduleCounts& counts() const { return counts_; }
  const std::map<std::string, std::uint64_t>& causes() const { return causes_; }  // of missed runs
  std::string unrest() const;

 private:
  struct ToCoordinator {
    std::size_t agent;
    Message message;
  };
  struct ToAgent {
    std::size_t agent;
    Message message;
  };
  struct Wake {
    std::size_t agent;
  };
  struct TickTime {};
  struct Chance {};  // something goes wrong, or is put right
  using What = std::variant<ToCoordinator, ToAgent, Wake, TickTime, Chance>;
  struct Happening {
    Timestamp at;
    std::uint64_t number;
    What what;
  };
  struct Later {
    bool operator()(const Happening& a, const Happening& b) const {
      return a.at != b.at ? b.at < a.at : b.number < a.number;
    }
  };

  void add_node(bool standby_of_last);
  void at(Timestamp when, What what);
  void go_on(Timestamp until);
  void happen(ToCoordinator& came);
  void happen(ToAgent& came);
  void happen(const Wake& wake);
  void happen(const TickTime&);
  void happen(const Chance&);
  void post(const std::vector<Send>& sends);
  void send_to_coordinator(std::size_t agent, Message message);
  Micros delay();
  bool chance(std::uint64_t per_mille) { return rough_ && entropy_.below(1000) < per_mille; }

  void coordinator_dies(Micros away);
  void coordinator_comes();
  void change_policy();
  void apply_policy_now(const Policy& policy);
  MessageCame from_operator(OperatorBody body);
  void ask_of_node(NodeRequest::Verb verb, std::size_t agent, const Labels& labels);
  void change_label(std::size_t number);
  void fail_over(std::size_t one);
  void trouble(std::size_t number);
  std::vector<Send> take_effects(const Event& event);

  // The limit of the fleet: schedule_watch.cc.
  void watch_grant(std::size_t agent);
  void watch_beginning(std::size_t agent);
  bool limited(std::size_t agent) const;
  bool of_revoked(NodeId node) const;
  void violation(std::string text);
  Policy often() const;
  JobReport finished(ScheduleAgent& agent, const ScheduleAgent::Running& running);

  struct Outcomes {
    std::map<Timestamp, std::vector<Job>> jobs;
    std::vector<MissedRuns> missed;
  };
  void check_account(const ScheduleAgent& agent, DatabaseId database, const std::vector<DutyStretch>& stretches,
                     const Outcomes& outcomes);

  const ScheduleOptions options_;
  ScheduleAgent::World world_;
  std::vector<std::unique_ptr<ScheduleAgent>> agents_;
  std::map<CurvePublicKey, std::size_t> agent_by_key_;
  std::map<std::size_t, std::size_t> partner_;  // of a streaming group
  std::priority_queue<Happening, std::vector<Happening>, Later> queue_;
  std::uint64_t number_ = 0;
  bool rough_ = true;
  bool up_ = true;
  Timestamp up_at_;
  std::uint32_t fleet_limit_ = 0;
  Policy nightly_;
  std::set<JobId> heard_;                            // backups that the coordinator was told of
  std::set<JobId> excused_;                          // began under a higher limit than there is now
  std::map<std::size_t, Timestamp> excused_agents_;  // may begin under such a one, until then
  std::map<std::size_t, Timestamp> last_heard_;
  std::map<std::size_t, Timestamp> leases_;                 // granted and not begun, as far as the coordinator knows
  std::vector<std::pair<Timestamp, std::size_t>> back_at_;  // agents that are off or cut, until then
  std::map<std::size_t, std::string> env_;                  // the label that chooses the policy
  ScheduleCounts counts_;
  std::map<std::string, std::uint64_t> causes_;
  std::vector<std::string> violations_;
};

}  // namespace holdfast
