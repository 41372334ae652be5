#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "shared/config/document.h"
#include "shared/policy/policy.h"
#include "shared/policy/policy_text.h"
#include "shared/schedule/cron.h"
#include "shared/schedule/daily_window.h"
#include "shared/schedule/timetable.h"

namespace holdfast {
namespace {

constexpr std::size_t name_limit = 63;
constexpr std::int64_t count_limit = 1'000'000;

std::unexpected<Error> refuse(const Setting& setting, std::string_view message, std::string_view hint = {}) {
  return std::unexpected(setting.error(message).with_hint(hint));
}

Result<std::string> read_name(const Setting& setting) {
  std::string name = TRY(setting.text());
  const bool plain = std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
  if (name.empty() || name.size() > name_limit || !plain || name.front() == '-' || name.front() == '.') {
    return refuse(setting,
                  fmt::format("must be 1 to {} of a-z, 0-9, '-', '_' and '.', found \"{}\"", name_limit, name));
  }
  return name;
}

Result<> read_choice(Setting& map, std::string_view key, std::initializer_list<std::string_view> choices,
                     std::string& into) {
  const Setting setting = TRY(map.at(key));
  if (!setting.is_present()) return {};
  const std::string value = TRY(setting.text());
  if (std::ranges::find(choices, value) == choices.end()) {
    return refuse(setting, fmt::format("must be one of {}, found \"{}\"", fmt::join(choices, ", "), value));
  }
  into = value;
  return {};
}

Result<> read_count(Setting& map, std::string_view key, std::int64_t from, std::int64_t to, std::uint32_t& into) {
  const Setting setting = TRY(map.at(key));
  if (setting.is_present()) into = static_cast<std::uint32_t>(TRY(setting.integer(from, to)));
  return {};
}

Result<> read_duration(Setting& map, std::string_view key, Micros& into) {
  const Setting setting = TRY(map.at(key));
  if (setting.is_present()) into = TRY(setting.duration());
  return {};
}

Result<> read_flag(Setting& map, std::string_view key, bool& into) {
  const Setting setting = TRY(map.at(key));
  if (setting.is_present()) into = TRY(setting.boolean());
  return {};
}

Result<> read_cron(Setting& map, std::string_view key, std::string& into) {
  const Setting setting = TRY(map.at(key));
  if (!setting.is_present()) return {};
  const std::string line = TRY(setting.text());
  const auto schedule = parse_cron(line);
  if (!schedule) return refuse(setting, schedule.error().message, schedule.error().hint);
  into = line;
  return {};
}

Result<> read_labels(Setting& map, std::string_view key, std::map<std::string, std::string>& into) {
  Setting labels = TRY(map.at(key));
  const auto entries = TRY(labels.entries());
  for (const auto& [label, value] : entries) into.emplace(label, TRY(value.text()));
  return {};
}

// "00:00-06:00"; may pass midnight, may not be empty.
Result<> read_window(Setting& map, std::string_view key, std::string& into) {
  const Setting setting = TRY(map.at(key));
  if (!setting.is_present()) return {};
  const std::string text = TRY(setting.text());
  if (const auto window = parse_window(text); !window) return refuse(setting, window.error().message);
  into = text;
  return {};
}

Result<> read_schedule(Setting& root, Policy& policy) {
  Setting schedule = TRY(root.at("schedule"));
  if (schedule.is_present()) {
    // Who writes a schedule says all of it: a line that is left out means never.
    policy.full.clear();
    TRY(read_cron(schedule, "full", policy.full));
    TRY(read_cron(schedule, "incremental", policy.incremental));
    TRY(read_cron(schedule, "differential", policy.differential));
    TRY(read_choice(schedule, "prefer", {"primary", "standby"}, policy.prefer));
  }
  const Setting zone = TRY(root.at("timezone"));
  if (zone.is_present()) {
    policy.timezone = TRY(zone.text());
    const auto known = check_zone(policy.timezone);
    if (!known) return refuse(zone, known.error().message, known.error().hint);
  }
  TRY(read_window(root, "window", policy.window));
  TRY(read_duration(root, "splay", policy.splay));
  if (policy.splay > std::chrono::hours(24)) return refuse(TRY(root.at("splay")), "must be at most 24h");
  Setting wal = TRY(root.at("wal"));
  TRY(read_choice(wal, "ship", {"stream", "archive_command"}, policy.wal_ship));
  TRY(read_duration(wal, "rpo", policy.rpo_cut));
  if (policy.rpo_cut < std::chrono::milliseconds(100)) return refuse(TRY(wal.at("rpo")), "must be at least 100ms");
  Setting objectives = TRY(root.at("objectives"));
  TRY(read_duration(objectives, "rpo", policy.objective_rpo));
  return read_duration(objectives, "rto", policy.objective_rto);
}

Result<> read_retention(Setting& root, Policy& policy) {
  Setting retention = TRY(root.at("retention"));
  const auto count = [&retention](std::string_view key, std::uint32_t& into) {
    return read_count(retention, key, 0, count_limit, into);
  };
  TRY(count("hourly", policy.hourly));
  TRY(count("daily", policy.daily));
  TRY(count("weekly", policy.weekly));
  TRY(count("monthly", policy.monthly));
  TRY(count("yearly", policy.yearly));
  TRY(count("days", policy.days));
  TRY(count("min_backups", policy.min_backups));
  TRY(count("max_backups", policy.max_backups));
  TRY(read_duration(retention, "pitr", policy.pitr));
  const Setting bytes = TRY(retention.at("max_bytes"));
  if (bytes.is_present()) policy.max_bytes = TRY(bytes.byte_size());
  const Setting total = TRY(retention.at("total_bytes"));
  if (total.is_present()) policy.total_bytes = TRY(total.byte_size());
  if (policy.max_backups != 0 && policy.min_backups > policy.max_backups) {
    return refuse(TRY(retention.at("min_backups")), "must not be above max_backups");
  }
  return {};
}

Result<> read_copies(Setting& root, Policy& policy) {
  Setting copies = TRY(root.at("copies"));
  const Setting want = TRY(copies.at("want"));
  TRY(read_count(copies, "want", 1, 16, policy.copies_want));
  const Setting minimum = TRY(copies.at("min"));
  TRY(read_count(copies, "min", 1, 16, policy.copies_min));
  if (policy.copies_min > policy.copies_want) {
    return refuse(minimum.is_present() ? minimum : want, "asks for more copies at least than are wanted");
  }
  const Setting stores = TRY(copies.at("stores"));
  const std::vector<Setting> items = TRY(stores.items());
  for (const Setting& item : items) {
    const std::string name = TRY(read_name(item));
    if (std::ranges::find(policy.stores, name) != policy.stores.end()) return refuse(item, "is there twice");
    policy.stores.push_back(name);
  }
  if (!policy.stores.empty() && policy.stores.size() < policy.copies_want) {
    return refuse(stores, fmt::format("names {} stores for {} copies", policy.stores.size(), policy.copies_want));
  }
  TRY(read_choice(copies, "spread", {"store", "zone"}, policy.spread));
  return read_duration(copies, "lock", policy.lock);
}

Result<> read_checks(Setting& root, Policy& policy) {
  Setting verify = TRY(root.at("verify"));
  TRY(read_choice(verify, "after_backup", {"none", "sample", "full"}, policy.verify_after_backup));
  TRY(read_duration(verify, "full_every", policy.verify_full_every));
  Setting drill = TRY(root.at("drill"));
  if (!drill.is_present()) return {};
  DrillText text;
  TRY(read_duration(drill, "every", text.every));
  TRY(read_labels(drill, "on", text.on));
  const Setting checks = TRY(drill.at("checks"));
  text.checks = TRY(checks.texts());
  policy.drill_text = format_drill(text);
  return {};
}

Result<> read_encryption(Setting& root, Policy& policy) {
  Setting encryption = TRY(root.at("encryption"));
  const Setting recipients = TRY(encryption.at("recipients"));
  if (recipients.is_present()) {
    policy.recipients = TRY(recipients.texts());
    // A backup that the recovery key cannot open is lost with its node.
    if (std::ranges::find(policy.recipients, "recovery") == policy.recipients.end()) {
      return refuse(recipients, "must contain \"recovery\"", "the fleet's recovery key opens every backup");
    }
  }
  return read_flag(encryption, "self_restore", policy.self_restore);
}

// "200MB/s"
Result<> read_bandwidth(Setting& map, std::string_view key, std::uint64_t& into) {
  const Setting setting = TRY(map.at(key));
  if (!setting.is_present()) return {};
  const std::string text = TRY(setting.text());
  const std::string_view view(text);
  const auto rate = view.ends_with("/s") ? parse_byte_size(view.substr(0, view.size() - 2)) : parse_byte_size("none");
  if (!rate) return refuse(setting, fmt::format("must be a rate such as 200MB/s, found \"{}\"", text));
  into = *rate;
  return {};
}

// "50%"
Result<> read_percent(Setting& map, std::string_view key, std::uint32_t& into) {
  const Setting setting = TRY(map.at(key));
  if (!setting.is_present()) return {};
  const std::string text = TRY(setting.text());
  const auto complaint = fmt::format("must be 1% to 100%, found \"{}\"", text);
  if (text.size() < 2 || text.size() > 4 || text.back() != '%') return refuse(setting, complaint);
  std::uint32_t value = 0;
  for (const char c : text.substr(0, text.size() - 1)) {
    if (c < '0' || c > '9') return refuse(setting, complaint);
    value = value * 10 + static_cast<std::uint32_t>(c - '0');
  }
  if (value < 1 || value > 100) return refuse(setting, complaint);
  into = value;
  return {};
}

Result<> read_limits(Setting& root, Policy& policy) {
  Setting limits = TRY(root.at("limits"));
  TRY(read_count(limits, "per_node", 1, 64, policy.per_node));
  TRY(read_count(limits, "per_store", 0, count_limit, policy.per_store));
  TRY(read_count(limits, "per_zone", 0, count_limit, policy.per_zone));
  TRY(read_count(limits, "per_fleet", 0, count_limit, policy.per_fleet));
  TRY(read_bandwidth(limits, "bandwidth", policy.bandwidth));
  TRY(read_percent(limits, "cpu", policy.cpu_percent));
  TRY(read_count(limits, "workers", 0, 256, policy.workers));
  const Setting level = TRY(limits.at("zstd_level"));
  if (level.is_present()) policy.zstd_level = static_cast<std::int32_t>(TRY(level.integer(1, 19)));
  Setting shutdown = TRY(root.at("shutdown"));
  TRY(read_duration(shutdown, "drain", policy.shutdown_drain));
  TRY(read_duration(shutdown, "checkpoint_timeout", policy.shutdown_checkpoint_timeout));
  TRY(read_duration(shutdown, "stop_timeout", policy.shutdown_stop_timeout));
  TRY(read_choice(shutdown, "mode", {"fast", "smart"}, policy.shutdown_mode));
  return read_flag(shutdown, "stop_database", policy.shutdown_stop_database);
}

Result<> expect_text(Setting& map, std::string_view key, std::string_view wanted) {
  const Setting setting = TRY(map.at(key));
  const std::string text = TRY(setting.text());
  if (text != wanted) return refuse(setting, fmt::format("must be \"{}\", found \"{}\"", wanted, text));
  return {};
}

}  // namespace

Result<Policy> parse_policy(std::string_view yaml, std::string source) {
  Setting root = TRY(Setting::parse(yaml, std::move(source)));
  TRY(expect_text(root, "apiVersion", policy_api_version));
  TRY(expect_text(root, "kind", "Policy"));
  Policy policy;
  const Setting name = TRY(root.at("name"));
  policy.name = TRY(read_name(name));
  TRY(read_labels(root, "match", policy.match));
  TRY(read_schedule(root, policy));
  TRY(read_retention(root, policy));
  TRY(read_copies(root, policy));
  TRY(read_checks(root, policy));
  TRY(read_encryption(root, policy));
  TRY(read_limits(root, policy));
  TRY(root.finish());
  return policy;
}

}  // namespace holdfast
