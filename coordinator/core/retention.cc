#include "coordinator/core/retention.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace holdfast {
namespace {

using Days = std::chrono::sys_days;

Days day_of(Timestamp time) {
  return std::chrono::floor<std::chrono::days>(
      std::chrono::sys_time<std::chrono::microseconds>(std::chrono::microseconds(time.micros())));
}

// Numbers of calendar periods: equal for two times in the same one.
std::int64_t day_number(Timestamp time) {
  return day_of(time).time_since_epoch().count();
}
std::int64_t week_number(Timestamp time) {
  return (day_number(time) + 3) / 7;  // 1970-01-01 was a Thursday; weeks begin on Monday
}
std::int64_t month_number(Timestamp time) {
  const std::chrono::year_month_day date{day_of(time)};
  return static_cast<int>(date.year()) * 12 + static_cast<unsigned>(date.month());
}
std::int64_t year_number(Timestamp time) {
  return static_cast<int>(std::chrono::year_month_day{day_of(time)}.year());
}

struct Judged {
  const Backup* backup;
  std::vector<std::string> reasons;  // by a rule or a floor
  bool firm = false;                 // max_backups must not take it
};

// Grandfather, father, son: the newest backup of each of the newest `count` periods that have one.
void keep_periods(std::vector<Judged>& newest_first, std::uint32_t count, std::int64_t (*period)(Timestamp),
                  std::string_view word) {
  std::set<std::int64_t> seen;
  for (Judged& judged : newest_first) {
    if (seen.size() >= count) return;
    if (seen.insert(period(judged.backup->finished_at)).second) {
      judged.reasons.push_back(fmt::format("{} {} of {}", word, seen.size(), count));
    }
  }
}

void keep_window(std::vector<Judged>& newest_first, const Policy& policy, Timestamp now) {
  const Timestamp begin = now - policy.pitr;
  for (Judged& judged : newest_first) {
    judged.reasons.push_back(fmt::format("recovery window of {}", to_text(policy.pitr)));
    judged.firm = true;
    if (judged.backup->finished_at <= begin) return;  // from here the whole window can be reached
  }
}

void apply_rules(std::vector<Judged>& judged, const Policy& policy, Timestamp now) {
  const bool periods = policy.daily + policy.weekly + policy.monthly + policy.yearly > 0;
  const bool releases = periods || policy.days > 0;
  keep_periods(judged, policy.daily, day_number, "daily");
  keep_periods(judged, policy.weekly, week_number, "weekly");
  keep_periods(judged, policy.monthly, month_number, "monthly");
  keep_periods(judged, policy.yearly, year_number, "yearly");
  const Timestamp oldest = now - std::chrono::hours(24 * std::int64_t{policy.days});
  for (Judged& entry : judged) {
    if (policy.days > 0 && entry.backup->finished_at >= oldest) {
      entry.reasons.push_back(fmt::format("younger than {} days", policy.days));
    }
    if (!releases) {
      entry.reasons.push_back(policy.max_backups > 0 ? fmt::format("one of the newest {}", policy.max_backups)
                                                     : "no rule releases it");
    }
  }
  if (policy.pitr.count() > 0) keep_window(judged, policy, now);
  for (std::size_t i = 0; i < judged.size() && i < policy.min_backups; ++i) {
    judged[i].reasons.push_back(fmt::format("one of at least {}", policy.min_backups));
    judged[i].firm = true;
  }
  if (policy.max_backups == 0) return;
  std::uint32_t kept = 0;
  for (Judged& entry : judged) {
    if (entry.reasons.empty() || ++kept <= policy.max_backups || entry.firm) continue;
    entry.reasons.clear();
  }
}

RetentionDecision decision_of(const Judged& judged, const RetentionInput& input) {
  RetentionDecision decision;
  decision.backup = judged.backup->id;
  decision.database = input.database;
  decision.database_name = input.database_name;
  decision.finished_at = judged.backup->finished_at;
  decision.keep = !judged.reasons.empty();
  decision.reasons = judged.reasons;
  if (!decision.keep) {
    decision.reasons.push_back(fmt::format("no rule of policy \"{}\" keeps it", input.policy->name));
  }
  decision.bytes = judged.backup->stored_bytes;
  return decision;
}

}  // namespace

std::vector<RetentionDecision> decide_retention(const RetentionInput& input) {
  std::vector<Judged> judged;
  for (const Backup& backup : input.backups) {
    if (backup.state == BackupState::complete) judged.push_back({&backup, {}, false});
  }
  std::sort(judged.begin(), judged.end(), [](const Judged& a, const Judged& b) {
    return std::pair(a.backup->finished_at, a.backup->id) > std::pair(b.backup->finished_at, b.backup->id);
  });
  if (input.policy) {
    apply_rules(judged, *input.policy, input.now);
  } else {
    for (Judged& entry : judged) entry.reasons.emplace_back("no policy");
  }
  const auto sound =
      std::find_if(judged.begin(), judged.end(), [](const Judged& entry) { return entry.backup->bad_pages == 0; });
  if (sound != judged.end()) sound->reasons.emplace_back("the last good backup");
  if (!judged.empty() && sound != judged.begin()) judged.front().reasons.emplace_back("the newest backup");
  const auto verified = [](const Judged& entry) { return !entry.backup->verified_at.is_never(); };
  if (std::count_if(judged.begin(), judged.end(), verified) == 1) {
    std::find_if(judged.begin(), judged.end(), verified)->reasons.emplace_back("the only verified backup");
  }
  std::vector<RetentionDecision> decisions;
  for (Judged& entry : judged) {
    if (entry.backup->keep) entry.reasons.emplace_back("on hold");
    if (input.needed.contains(entry.backup->id)) entry.reasons.emplace_back("a restore needs it");
    if (input.parents.contains(entry.backup->id)) {
      entry.reasons.emplace_back("the next incremental backup may begin from it");
    }
    decisions.push_back(decision_of(entry, input));
  }
  return decisions;
}

std::optional<WalHorizon> wal_horizon(const std::vector<Backup>& kept, std::uint64_t segment_size) {
  // Positions only grow along a history, whatever timelines it passes, so the smallest start is before all that is
  // needed on every one of them.
  std::optional<WalHorizon> horizon;
  for (const Backup& backup : kept) {
    if (backup.state != BackupState::complete) continue;
    if (!horizon || backup.start_lsn < horizon->keep_from) horizon = {backup.start_lsn, backup.started_at};
  }
  if (!horizon) return std::nullopt;
  const std::uint64_t size = segment_size == 0 ? std::uint64_t{16} << 20U : segment_size;
  horizon->keep_from = Lsn(horizon->keep_from.value() / size * size);
  return horizon;
}

}  // namespace holdfast
