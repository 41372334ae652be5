#include "agent/duty/duty.h"

#include <algorithm>

#include "shared/schedule/timetable.h"

namespace holdfast {

Micros retry_delay(std::uint32_t failures) {
  constexpr Micros first = std::chrono::minutes(1);
  constexpr Micros most = std::chrono::hours(1);
  if (failures == 0) return Micros(0);
  return std::min(most, Micros(first.count() << std::min(failures - 1, 10U)));
}

Result<std::optional<Due>> next_due(const Assigned& database, const RunHistory& history) {
  if (!database.active || !database.protect) return std::nullopt;
  if (history.failures > 0) return Due{history.last_failed + retry_delay(history.failures), DueReason::retry};
  if (history.last_complete.is_never()) return Due{history.known_since, DueReason::first_backup};
  // Nothing behind the loss can be restored before there is a backup that began behind it.
  if (!history.log_lost_at.is_never()) return Due{history.log_lost_at, DueReason::log_lost};
  if (database.policy.full.empty()) return std::nullopt;
  const CronSchedule schedule = TRY(parse_cron(database.policy.full));
  // A backup that was ordered, or taken by the node before us, does not replace a run; but no run from before there was
  // anything to run is owed.
  const Timestamp after =
      history.last_began.is_never() ? std::max(history.last_complete, history.known_since) : history.last_began;
  const auto at = TRY(next_run(schedule, database.policy.timezone, database.policy.splay, database.database, after));
  if (!at) return std::nullopt;
  return Due{*at, DueReason::schedule};
}

}  // namespace holdfast
