#include "coordinator/core/retention_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "shared/schedule/local_clock.h"

namespace holdfast {
namespace {

// Numbers of periods: equal for two backups of the same one. Days are the zone's, and with them weeks, months and
// years. Hours are those of UTC, so that none comes twice when clocks are set back.
struct Periods {
  std::int64_t hour;
  std::int64_t day;
  std::int64_t week;
  std::int64_t month;
  std::int64_t year;
};
Periods periods_of(const LocalClock& clock, Timestamp time) {
  const std::int64_t day = clock.day(time);
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(day))};
  constexpr std::int64_t micros_per_hour = Micros(std::chrono::hours(1)).count();
  const std::int64_t micros = time.micros();
  const auto floored = [](std::int64_t value, std::int64_t by) { return value / by - (value % by < 0 ? 1 : 0); };
  return {floored(micros, micros_per_hour), day,
          floored(day + 3, 7),  // 1970-01-01 was a Thursday; weeks begin on Monday
          static_cast<int>(date.year()) * std::int64_t{12} + static_cast<unsigned>(date.month()),
          static_cast<int>(date.year())};
}

void keep_by_rule(Judged& judged, std::string reason) {
  judged.reasons.push_back(std::move(reason));
  judged.by_rule = true;
}

void keep_firmly(Judged& judged, std::string reason) {
  judged.reasons.push_back(std::move(reason));
  judged.firm = true;
}

// Grandfather, father, son: the newest backup of each of the newest periods that have one.
class KeepPeriods {
 public:
  KeepPeriods(std::uint32_t count, std::int64_t Periods::*period, std::string_view word)
      : count_(count), period_(period), word_(word) {}
  void look_at(Judged& judged, const Periods& periods) {
    if (found_ >= count_ || (found_ > 0 && periods.*period_ == last_)) return;
    last_ = periods.*period_;
    keep_by_rule(judged, fmt::format("{} {} of {}", word_, ++found_, count_));
  }

 private:
  std::uint32_t count_;
  std::int64_t Periods::*period_;
  std::string_view word_;
  std::uint32_t found_ = 0;
  std::int64_t last_ = 0;  // newest first, so the periods only fall
};

void keep_periods(std::vector<Judged>& newest_first, const Policy& policy) {
  KeepPeriods rules[] = {{policy.hourly, &Periods::hour, "hourly"},
                         {policy.daily, &Periods::day, "daily"},
                         {policy.weekly, &Periods::week, "weekly"},
                         {policy.monthly, &Periods::month, "monthly"},
                         {policy.yearly, &Periods::year, "yearly"}};
  // A zone that this machine does not know was refused when the policy was applied.
  const auto zone = LocalClock::of(policy.timezone);
  const LocalClock clock = zone ? *zone : LocalClock::utc();
  for (Judged& judged : newest_first) {
    const Periods periods = periods_of(clock, judged.backup->finished_at);
    for (KeepPeriods& rule : rules) rule.look_at(judged, periods);
  }
}

void keep_window(std::vector<Judged>& newest_first, const Policy& policy, Timestamp now) {
  const Timestamp begin = now - policy.pitr;
  for (Judged& judged : newest_first) {
    judged.by_rule = true;
    keep_firmly(judged, fmt::format("recovery window of {}", to_text(policy.pitr)));
    // From here the whole window can be reached.
    if (judged.backup->finished_at <= begin && is_good(*judged.backup)) return;
  }
}

void apply_rules(std::vector<Judged>& judged, const Policy& policy, Timestamp now) {
  const bool periods = policy.hourly + policy.daily + policy.weekly + policy.monthly + policy.yearly > 0;
  const bool releases = periods || policy.days > 0;
  if (periods) keep_periods(judged, policy);
  const Timestamp oldest = now - std::chrono::hours(24 * std::int64_t{policy.days});
  for (Judged& entry : judged) {
    if (policy.days > 0 && entry.backup->finished_at >= oldest) {
      keep_by_rule(entry, fmt::format("younger than {} days", policy.days));
    }
    if (!releases) {
      keep_by_rule(entry, policy.max_backups > 0 ? fmt::format("one of the newest {}", policy.max_backups)
                                                 : "no rule releases it");
    }
    const Timestamp unlocked = entry.backup->finished_at + policy.lock;
    if (policy.lock.count() > 0 && unlocked > now) {
      keep_firmly(entry, fmt::format("locked until {}", to_rfc3339(unlocked)));
    }
  }
  if (policy.pitr.count() > 0) keep_window(judged, policy, now);
  for (std::size_t i = 0; i < judged.size() && i < policy.min_backups; ++i) {
    judged[i].by_rule = true;
    keep_firmly(judged[i], fmt::format("one of at least {}", policy.min_backups));
  }
}

// The newest that was verified, a whole one before one with bad pages.
Judged* newest_verified(std::vector<Judged>& newest_first) {
  Judged* found = nullptr;
  for (Judged& judged : newest_first) {
    if (judged.backup->verified_at.is_never()) continue;
    if (is_good(*judged.backup)) return &judged;
    if (found == nullptr) found = &judged;
  }
  return found;
}

// What stays whatever the policy says.
void keep_always(std::vector<Judged>& judged, const RetentionInput& input) {
  if (judged.empty()) return;
  const auto sound = std::ranges::find_if(judged, [](const Judged& entry) { return is_good(*entry.backup); });
  if (sound != judged.end()) keep_firmly(*sound, "the last good backup");
  if (sound != judged.begin()) keep_firmly(judged.front(), "the newest backup");
  if (Judged* verified = newest_verified(judged)) keep_firmly(*verified, "the last verified backup");
  for (Judged& entry : judged) {
    if (entry.backup->keep) keep_firmly(entry, "on hold");
    if (input.needed.contains(entry.backup->id)) keep_firmly(entry, "a restore needs it");
    if (input.parents.contains(entry.backup->id)) {
      keep_firmly(entry, "the next incremental backup may begin from it");
    }
  }
}

void cut_by_count(std::vector<Judged>& newest_first, const Policy& policy) {
  if (policy.max_backups == 0) return;
  std::uint32_t kept = 0;
  for (Judged& entry : newest_first) {
    if (!entry.by_rule || ++kept <= policy.max_backups || entry.firm) continue;
    entry.reasons.clear();
    entry.released_by = fmt::format("policy \"{}\" keeps at most {}", policy.name, policy.max_backups);
  }
}

}  // namespace

bool is_good(const Backup& backup) {
  const auto whole = [](const BackupCopy& copy) { return copy.state == "ok"; };
  return backup.bad_pages == 0 && (backup.copies.empty() || std::ranges::any_of(backup.copies, whole));
}

std::vector<Judged> judge_backups(const RetentionInput& input) {
  std::vector<Judged> judged;
  judged.reserve(input.backups.size());
  for (const Backup* backup : input.backups) {
    if (backup->state != BackupState::complete) continue;
    judged.emplace_back();
    judged.back().backup = backup;
  }
  std::ranges::sort(judged, [](const Judged& a, const Judged& b) {
    return std::pair(a.backup->finished_at, a.backup->id) > std::pair(b.backup->finished_at, b.backup->id);
  });
  if (input.policy) {
    apply_rules(judged, *input.policy, input.now);
  } else {
    for (Judged& entry : judged) keep_firmly(entry, "no policy");
  }
  keep_always(judged, input);
  if (input.policy) cut_by_count(judged, *input.policy);
  return judged;
}

}  // namespace holdfast
