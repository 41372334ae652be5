#include <fmt/format.h>

#include <algorithm>

#include "shared/policy/policy.h"
#include "shared/policy/policy_text.h"

namespace holdfast {
namespace {

std::string quoted_list(const std::vector<std::string>& texts) {
  std::string out;
  for (const auto& text : texts) out += (out.empty() ? "" : ", ") + quoted(text);
  return "[" + out + "]";
}

std::string quoted_map(const std::map<std::string, std::string>& texts) {
  std::string out;
  for (const auto& [key, value] : texts) out += (out.empty() ? "" : ", ") + quoted(key) + ": " + quoted(value);
  return "{" + out + "}";
}

// "name: {a: 1, b: 2}" of what was added; nothing when nothing was.
class FlowMap {
 public:
  explicit FlowMap(std::string_view name) : name_(name) {}
  void add(std::string_view key, std::string_view value) {
    if (!text_.empty()) text_ += ", ";
    text_ += fmt::format("{}: {}", key, value);
  }
  void add_if(bool wanted, std::string_view key, std::string_view value) {
    if (wanted) add(key, value);
  }
  std::string line() const { return text_.empty() ? "" : fmt::format("{}: {{{}}}\n", name_, text_); }

 private:
  std::string name_;
  std::string text_;
};

std::string schedule_line(const Policy& policy) {
  FlowMap schedule("schedule");
  schedule.add_if(!policy.full.empty(), "full", quoted(policy.full));
  schedule.add_if(!policy.incremental.empty(), "incremental", quoted(policy.incremental));
  schedule.add_if(!policy.differential.empty(), "differential", quoted(policy.differential));
  schedule.add_if(policy.prefer == "standby", "prefer", policy.prefer);
  // Written even when it is empty: a policy without the key would get the default schedule.
  return schedule.line().empty() ? "schedule: {}\n" : schedule.line();
}

std::string retention_line(const Policy& policy) {
  FlowMap retention("retention");
  const auto count = [&retention](std::string_view key, std::uint32_t value) {
    retention.add_if(value != 0, key, std::to_string(value));
  };
  count("hourly", policy.hourly);
  count("daily", policy.daily);
  count("weekly", policy.weekly);
  count("monthly", policy.monthly);
  count("yearly", policy.yearly);
  count("days", policy.days);
  count("min_backups", policy.min_backups);
  count("max_backups", policy.max_backups);
  retention.add_if(policy.pitr.count() != 0, "pitr", to_text(policy.pitr));
  retention.add_if(policy.max_bytes != 0, "max_bytes", std::to_string(policy.max_bytes));
  retention.add_if(policy.total_bytes != 0, "total_bytes", std::to_string(policy.total_bytes));
  return retention.line();
}

std::string copies_line(const Policy& policy) {
  FlowMap copies("copies");
  copies.add("want", std::to_string(policy.copies_want));
  copies.add("min", std::to_string(policy.copies_min));
  copies.add_if(!policy.stores.empty(), "stores", quoted_list(policy.stores));
  copies.add_if(!policy.spread.empty(), "spread", policy.spread);
  copies.add_if(policy.lock.count() != 0, "lock", to_text(policy.lock));
  return copies.line();
}

std::string limits_line(const Policy& policy) {
  FlowMap limits("limits");
  limits.add("per_node", std::to_string(policy.per_node));
  limits.add_if(policy.per_store != 0, "per_store", std::to_string(policy.per_store));
  limits.add_if(policy.per_zone != 0, "per_zone", std::to_string(policy.per_zone));
  limits.add_if(policy.per_fleet != 0, "per_fleet", std::to_string(policy.per_fleet));
  limits.add_if(policy.bandwidth != 0, "bandwidth", quoted(fmt::format("{}B/s", policy.bandwidth)));
  limits.add_if(policy.cpu_percent != 0, "cpu", quoted(fmt::format("{}%", policy.cpu_percent)));
  limits.add_if(policy.workers != 0, "workers", std::to_string(policy.workers));
  limits.add("zstd_level", std::to_string(policy.zstd_level));
  return limits.line();
}

std::string shutdown_line(const Policy& policy) {
  FlowMap shutdown("shutdown");
  shutdown.add("drain", to_text(policy.shutdown_drain));
  shutdown.add("checkpoint_timeout", to_text(policy.shutdown_checkpoint_timeout));
  shutdown.add("stop_timeout", to_text(policy.shutdown_stop_timeout));
  shutdown.add("stop_database", policy.shutdown_stop_database ? "true" : "false");
  shutdown.add_if(policy.shutdown_mode == "smart", "mode", policy.shutdown_mode);
  return shutdown.line();
}

}  // namespace

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string format_drill(const DrillText& drill) {
  std::string out;
  const auto add = [&out](std::string_view key, const std::string& value) {
    out += fmt::format("{}{}: {}", out.empty() ? "" : ", ", key, value);
  };
  if (drill.every.count() != 0) add("every", to_text(drill.every));
  if (!drill.on.empty()) add("on", quoted_map(drill.on));
  if (!drill.checks.empty()) add("checks", quoted_list(drill.checks));
  return "{" + out + "}";
}

Policy default_policy() {
  Policy policy;
  policy.name = "default";
  policy.splay = std::chrono::hours(1);
  return policy;
}

std::string policy_to_yaml(const Policy& policy) {
  std::string out = fmt::format("apiVersion: {}\nkind: Policy\nname: {}\n", policy_api_version, policy.name);
  if (!policy.match.empty()) out += fmt::format("match: {}\n", quoted_map(policy.match));
  out += schedule_line(policy);
  out += fmt::format("timezone: {}\n", quoted(policy.timezone));
  if (!policy.window.empty()) out += fmt::format("window: {}\n", quoted(policy.window));
  out += fmt::format("splay: {}\n", to_text(policy.splay));
  out += fmt::format("wal: {{ship: {}, rpo: {}}}\n", policy.wal_ship, to_text(policy.rpo_cut));
  out +=
      fmt::format("objectives: {{rpo: {}, rto: {}}}\n", to_text(policy.objective_rpo), to_text(policy.objective_rto));
  out += retention_line(policy);
  out += copies_line(policy);
  FlowMap verify("verify");
  verify.add_if(!policy.verify_after_backup.empty(), "after_backup", policy.verify_after_backup);
  verify.add_if(policy.verify_full_every.count() != 0, "full_every", to_text(policy.verify_full_every));
  out += verify.line();
  if (!policy.drill_text.empty()) out += fmt::format("drill: {}\n", policy.drill_text);
  out += fmt::format("encryption: {{recipients: {}, self_restore: {}}}\n", quoted_list(policy.recipients),
                     policy.self_restore);
  out += limits_line(policy);
  out += shutdown_line(policy);
  return out;
}

std::vector<std::string> not_in_effect(const Policy& policy) {
  const Policy usual;
  std::vector<std::string> out;
  const auto say = [&out](bool set, std::string_view sentence) {
    if (set) out.emplace_back(sentence);
  };
  say(policy.wal_ship != "stream", "wal.ship: WAL is received by streaming");
  say(!policy.verify_after_backup.empty() && policy.verify_after_backup != "none",
      "verify.after_backup: backups are verified when asked");
  say(!policy.drill_text.empty(), "drill: no drills are run");
  say(std::ranges::any_of(policy.recipients, [](const auto& name) { return name != "recovery"; }),
      "encryption.recipients: data keys are sealed to the recovery key, and to the node with self_restore");
  say(policy.per_node != usual.per_node, "limits.per_node: a node makes one backup at a time");
  return out;
}

}  // namespace holdfast
