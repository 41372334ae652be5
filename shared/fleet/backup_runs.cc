#include "shared/fleet/backup_runs.h"

#include <array>

#include "shared/schedule/daily_window.h"

namespace holdfast {
namespace {

// What outweighs the others first.
struct Line {
  BackupType type;
  const std::string& cron;
};
std::array<Line, 3> lines_of(const Policy& policy) {
  return {Line{BackupType::full, policy.full}, Line{BackupType::differential, policy.differential},
          Line{BackupType::incremental, policy.incremental}};
}

Result<std::optional<Timestamp>> next_of_line(const std::string& cron, const Policy& policy, DatabaseId database,
                                              Timestamp after) {
  if (cron.empty()) return std::nullopt;
  const CronSchedule schedule = TRY(parse_cron(cron));
  if (policy.window.empty()) return next_run(schedule, policy.timezone, policy.splay, database, after);
  const DailyWindow window = TRY(parse_window(policy.window));
  const Micros longest_wait = splay_of(database, policy.splay);
  constexpr Micros moment(1);
  // Starts rise with the times they are for, so the first that is late enough is the next one. All of an opening that
  // is over, and within the one that goes on all that began, need not be looked at one by one.
  Timestamp due = after - std::chrono::hours(48);
  for (;;) {
    const auto next = TRY(next_run(schedule, policy.timezone, Micros(0), database, due));
    if (!next) return std::nullopt;
    const Opening opening = TRY(opening_at(window, policy.timezone, *next));
    const Timestamp from = std::max(*next, opening.begin);
    const Timestamp start = from + splay_of(database, std::min(policy.splay, opening.end - from));
    if (start > after) return start;
    due = opening.end <= after ? opening.end - moment : std::max(*next, after - longest_wait - moment);
  }
}

}  // namespace

bool outweighs(BackupType a, BackupType b) {
  const auto weight = [](BackupType type) {
    return type == BackupType::full ? 2 : type == BackupType::differential ? 1 : 0;
  };
  return weight(a) > weight(b);
}

Result<std::optional<BackupRun>> next_backup_run(const Policy& policy, DatabaseId database, Timestamp after) {
  std::optional<BackupRun> first;
  for (const Line& line : lines_of(policy)) {
    const auto next = TRY(next_of_line(line.cron, policy, database, after));
    if (next && (!first || *next < first->at)) first = BackupRun{*next, line.type};
  }
  return first;
}

Result<std::optional<BackupRun>> owed_backup_run(const Policy& policy, DatabaseId database, Timestamp after,
                                                 Timestamp through) {
  std::optional<BackupRun> owed;
  for (const Line& line : lines_of(policy)) {
    const auto next = TRY(next_of_line(line.cron, policy, database, after));
    if (!next || *next > through) continue;
    if (!owed) owed = BackupRun{*next, line.type};
    owed->at = std::min(owed->at, *next);
  }
  return owed;
}

Result<Timestamp> within_window(const Policy& policy, Timestamp time) {
  if (policy.window.empty()) return time;
  const DailyWindow window = TRY(parse_window(policy.window));
  const Opening opening = TRY(opening_at(window, policy.timezone, time));
  return std::max(time, opening.begin);
}

}  // namespace holdfast
