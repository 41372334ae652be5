#pragma once
// An agent as far as its schedule goes: the real run book and slot desk on a clock of its own, a journal that survives
// it, and backups that only take time.
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "agent/duty/run_book.h"
#include "agent/session/slot_desk.h"
#include "tests/coordinator/core/fleet_fixture.h"

namespace holdfast {

// A stretch of time in which this node had to run a database's schedule, as its agent knew it: what the simulation
// holds against the ledgers.
struct DutyStretch {
  Policy schedule;
  Timestamp from;                 // exclusive
  std::optional<Timestamp> to{};  // inclusive; none: it goes on
};

class ScheduleAgent {
 public:
  struct Running {
    JobReport report;
    Timestamp ends_at;  // the world's time
    JobState end = JobState::complete;
    bool alone = false;  // begun without a slot
  };
  // What the world does for it.
  struct World {
    std::function<JobReport(ScheduleAgent&, const Running&)> finished;  // what is said of one that is complete
    std::function<std::pair<Micros, JobState>()> fate;                  // how long a backup takes, and how it ends
    std::function<JobId()> new_job;
  };

  Host host;
  FoundDatabase found;  // the one database on it
  DatabaseId database;
  Micros clock_offset{0};
  bool off = false;
  bool cut = false;  // from the coordinator, without noticing
  bool revoked = false;
  bool database_runs = true;
  bool unlucky = false;  // every backup fails

  explicit ScheduleAgent(const World& world) : world_(&world) {}

  // What it says now; when it wants to be woken again is `wake_at()`.
  std::vector<Message> step(Timestamp now);
  void take(const Message& message, Timestamp now);
  // What is on its host changed.
  void look_again(Timestamp now);
  // The connection broke: a coordinator that died.
  void disconnect() {
    welcomed_ = false;
    hello_at_ = {};
  }
  // Everything but the journal is gone; what ran was cut off.
  void stop(Timestamp now);
  void start(Timestamp now);

  Timestamp wake_at() const { return wake_at_; }
  const std::optional<Running>& running() const { return running_; }
  bool is_quiet() const;
  std::string unrest() const;
  // Up to now, for the account at the end.
  const std::map<DatabaseId, std::vector<DutyStretch>>& duties() const { return duties_; }
  Timestamp newest_wall() const { return newest_wall_; }
  std::uint64_t alone() const { return alone_; }
  std::uint64_t begun() const { return begun_; }

 private:
  struct Stored {
    JobReport report;
    bool acked = false;
  };
  Timestamp wall(Timestamp now) const { return now + clock_offset; }
  static Micros monotonic(Timestamp now) { return Micros(now.micros()); }
  Message make(MessageBody body);
  void begin_program();
  void speak(Timestamp now, std::vector<Message>& out);
  void follow_duties(Timestamp now);
  void end_job(Timestamp now);
  void start_due(Timestamp now);
  std::string obstacle(const DueNow& due) const;
  void start_one(const DueNow& due, const SlotDesk::Answer& slot, Timestamp now);
  void store_news(Timestamp now);
  JobReport& journal(JobReport report);
  void plan_wake(Timestamp now, std::size_t due);

  const World* world_;
  // The disk.
  Assignment assignment_;
  std::map<DatabaseId, RunLedger> ledgers_;
  std::map<DatabaseId, Timestamp> last_began_;
  std::map<DatabaseId, Job> newest_backup_;
  std::map<DatabaseId, Job> newest_complete_;
  std::map<DatabaseId, Timestamp> backup_at_;  // as its record says: by the simulation's clock
  std::map<JobId, Stored> jobs_;               // until they are acknowledged
  std::uint64_t generation_ = 0;
  // Memory.
  std::optional<RunBook> book_;
  std::set<DatabaseId> known_;
  std::optional<SlotDesk> desk_ = std::optional<SlotDesk>(SlotDesk::Patience());
  std::optional<Running> running_;
  bool welcomed_ = false;
  bool inventory_acked_ = false;
  bool assignment_to_ack_ = false;
  std::uint64_t inventory_revision_ = 0;
  Timestamp hello_at_, heartbeat_at_, report_at_, wake_at_;
  std::size_t open_ = 0;  // not acknowledged
  std::size_t due_ = 0;
  bool asks_ = false;
  // What the simulation remembers of it.
  std::map<DatabaseId, std::vector<DutyStretch>> duties_;
  std::optional<std::uint64_t> duties_of_;
  Timestamp newest_wall_;
  std::uint64_t messages_ = 0;
  std::uint64_t alone_ = 0;
  std::uint64_t begun_ = 0;
};

}  // namespace holdfast
