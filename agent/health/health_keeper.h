#pragma once
// Judges what the agent knows, again and again, and tells it: its log, the service manager, and whoever runs
// `holdfast-agent status`.
#include <map>
#include <set>

#include "agent/health/health_file.h"
#include "agent/health/health_judge.h"
#include "agent/health/readiness.h"
#include "shared/log/log.h"
#include "shared/os/service_notify.h"

namespace holdfast {

struct HealthFacts {
  ReadinessFacts host;
  std::uint64_t look = 0;                  // the newest look at the host
  std::optional<std::string> state;        // why the state could not be written; nullopt: it could
  std::optional<std::string> coordinator;  // why it is not heard
};

// One thread uses it.
class HealthKeeper {
 public:
  struct Parts {
    FileSystem& files;
    const Clock& clock;
    ServiceNotify& service;
    std::string directory;  // of the state
    Logger log;
    HealthLimits limits = {};
    HealthLimits looks = {};  // of what is answered by looks at the host
  };
  explicit HealthKeeper(Parts parts) : parts_(std::move(parts)) {}

  void take(const HealthFacts& facts);
  // It protects what it is to protect, as far as the last facts say.
  bool is_ready() const { return word_ && word_->missing.empty(); }
  // The agent ends: nothing is true any more.
  void close();

 private:
  using Subject = std::pair<DatabaseId, HealthCheck>;  // null: of the agent
  struct Judged {
    HealthJudge judge;
    std::string name;
    std::uint64_t look = 0;  // of the host, when it was asked
  };
  void check(const ProtectedFacts& database, std::uint64_t look);
  void tell(DatabaseId database, const std::string& name, HealthCheck check, const std::optional<std::string>& failure);
  void note_change(const Subject& subject, const Judged& judged, Health before) const;
  Judged& judged(DatabaseId database, const std::string& name, HealthCheck check);
  bool is_due(DatabaseId database, const std::string& name, HealthCheck check);
  void forget_others(const std::vector<ProtectedFacts>& databases);
  void publish(HealthWord word, std::size_t databases);

  const Parts parts_;
  std::map<Subject, Judged> judged_;
  std::map<DatabaseId, std::uint64_t> missed_;  // when the stores were asked for last
  std::optional<HealthWord> word_;
  bool write_failed_ = false;
};

}  // namespace holdfast
