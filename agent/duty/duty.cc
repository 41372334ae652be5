#include "agent/duty/duty.h"

#include <algorithm>

#include "shared/fleet/backup_runs.h"

namespace holdfast {

Micros retry_delay(std::uint32_t failures) {
  constexpr Micros first = std::chrono::minutes(1);
  constexpr Micros most = std::chrono::hours(1);
  if (failures == 0) return Micros(0);
  return std::min(most, Micros(first.count() << std::min(failures - 1, 10U)));
}

namespace {

// A time that has passed stands as it is while the window is open.
Result<Timestamp> begin_of(const Policy& policy, Timestamp at, Timestamp now) {
  const Timestamp soonest = std::max(at, now);
  const Timestamp open = TRY(within_window(policy, soonest));
  return open == soonest ? at : open;
}

}  // namespace

Timestamp settled_through(const RunHistory& history) {
  return history.last_began.is_never() ? std::max(history.last_complete, history.known_since)
                                       : std::max(history.last_began, history.last_elsewhere);
}

Result<std::optional<Due>> next_due(const Assigned& database, const RunHistory& history, Timestamp now) {
  const bool ours = takes_backups(database);
  const bool log_lost = database.active && !history.log_lost_at.is_never();
  if ((!ours && !log_lost) || !database.protect) return std::nullopt;
  const Policy& policy = database.policy;
  const bool needed_at_once = history.last_complete.is_never() || log_lost;
  if (history.failures > 0) {
    const Timestamp at = history.last_failed + retry_delay(history.failures);
    if (needed_at_once) return Due{at, DueReason::retry};
    Due due{TRY(begin_of(policy, at, now)), DueReason::retry, history.failed_type};
    const Timestamp failed = std::max(history.last_failed, history.schedule_since);
    const auto owed = TRY(owed_backup_run(policy, database.database, failed, std::max(due.at, now)));
    if (owed && outweighs(owed->type, due.type)) due.type = owed->type;
    return due;
  }
  if (ours && history.last_complete.is_never()) return Due{history.known_since, DueReason::first_backup};
  // Nothing behind the loss can be restored before there is a backup that began behind it.
  if (log_lost) return Due{history.log_lost_at, DueReason::log_lost};
  const Timestamp after = std::max(history.schedule_since, settled_through(history));
  const auto next = TRY(next_backup_run(policy, database.database, after));
  if (!next) return std::nullopt;
  const auto owed = TRY(owed_backup_run(policy, database.database, after, std::max(next->at, now)));
  return Due{TRY(begin_of(policy, next->at, now)), DueReason::schedule, owed->type};
}

}  // namespace holdfast
