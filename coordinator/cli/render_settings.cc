// What operators set up: stores, tokens, policies, and each other.
#include "coordinator/cli/human.h"
#include "coordinator/cli/json_document.h"
#include "coordinator/cli/words.h"

namespace holdfast {
namespace {

const Columns& store_columns() {
  static const Columns columns{"Store", {"NAME", "KIND", "STATE", "USED", "OBJECTS", "PLACE"}, {"AGE", "ID"}};
  return columns;
}

// null: not known yet.
Json capability(Ability ability) {
  return ability == Ability::unknown ? Json() : Json(ability == Ability::yes);
}

Item store_item(const StoreInfo& store, Timestamp now) {
  // Of a directory: write-once names by link(2), and nobody who holds an object against its owner.
  const StoreAbilities abilities =
      store.kind == StoreKind::posix ? StoreAbilities{Ability::yes, Ability::no} : store.abilities;
  Item item;
  item.name = store.name;
  item.json = {{"name", store.name},
               {"kind", word(store.kind)},
               {"state", store.state},
               {"capabilities", Json{{"conditionalPut", capability(abilities.conditional_put)},
                                     {"objectLock", capability(abilities.object_lock)}}},
               {"usedBytes", store.used_bytes},
               {"objects", store.objects},
               {"path", json_text(store.path)},
               {"zone", json_text(store.zone)}};
  if (store.kind == StoreKind::s3) {
    item.json["s3"] = Json{{"endpoint", store.s3.endpoint},
                           {"region", store.s3.region},
                           {"bucket", store.s3.bucket},
                           {"prefix", store.s3.prefix},
                           {"addressing", store.s3.addressing == S3Place::Addressing::host ? "host" : "path"},
                           {"caFile", json_text(store.s3.ca_file)},
                           {"credentials", store.s3.credentials}};
    if (store.s3.hosts == S3Place::Hosts::presigned) {
      item.json["s3"]["credentials"] = "presigned";
      item.json["s3"]["coordinatorCredentials"] = store.s3.credentials;
    }
  }
  item.cells = {store.name,
                std::string(word(store.kind)),
                store.state,
                human_bytes(store.used_bytes),
                std::to_string(store.objects),
                place_of(store),
                human_age(store.created_at, now),
                store.id.text()};
  return item;
}

const Columns& token_columns() {
  static const Columns columns{
      "Token", {"ID", "STATE", "USES-LEFT", "EXPIRES", "APPROVAL", "LABELS"}, {"BY", "CIDRS", "HOSTS", "FULL-ID"}};
  return columns;
}

Item token_item(const Token& token, Timestamp now) {
  const std::string id = token.id.text();
  std::string cidrs;
  for (const std::string& cidr : token.cidrs) cidrs += (cidrs.empty() ? "" : ",") + cidr;
  Item item;
  item.name = id;
  item.json = {{"id", id},
               {"state", token_state(token, now)},
               {"labels", Json(token.labels)},
               {"approval", word(token.approval)},
               {"cidrs", Json(token.cidrs)},
               {"hostPattern", json_text(token.host_pattern)},
               {"usesTotal", token.uses_total},
               {"usesLeft", token.uses_left},
               {"createdAt", json_time(token.created_at)},
               {"expiresAt", json_time(token.expires_at)},
               {"createdBy", json_text(token.created_by)}};
  item.cells = {short_id(id),
                std::string(token_state(token, now)),
                fmt::format("{}/{}", token.uses_left, token.uses_total),
                human_time(token.expires_at),
                std::string(word(token.approval)),
                describe(token.labels),
                token.created_by,
                cidrs,
                token.host_pattern,
                id};
  return item;
}

const Columns& operator_columns() {
  static const Columns columns{"Operator", {"NAME", "ROLE", "STATE", "AGE"}, {"ID", "KEY"}};
  return columns;
}

Item operator_item(const Operator& who, Timestamp now) {
  const std::string state = who.revoked ? "revoked" : "active";
  Item item;
  item.name = who.name;
  item.json = {{"id", json_id(who.id)}, {"name", who.name},        {"role", word(who.role)},
               {"state", state},        {"key", who.curve.text()}, {"createdAt", json_time(who.created_at)}};
  item.cells = {who.name,        std::string(word(who.role)), state, human_age(who.created_at, now), who.id.text(),
                who.curve.text()};
  return item;
}

const Columns& policy_columns() {
  static const Columns columns{"Policy",
                               {"NAME", "REVISION", "MATCH", "FULL", "RPO", "RETENTION", "COPIES"},
                               {"INCREMENTAL", "DIFFERENTIAL", "TIMEZONE", "WINDOW"}};
  return columns;
}

std::string retention_text(const Policy& policy) {
  std::string out;
  const auto add = [&](std::uint32_t count, std::string_view unit) {
    if (count > 0) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", count, unit);
  };
  add(policy.hourly, "hourly");
  add(policy.daily, "daily");
  add(policy.weekly, "weekly");
  add(policy.monthly, "monthly");
  add(policy.yearly, "yearly");
  add(policy.days, "days");
  add(policy.max_backups, "at most");
  return out.empty() ? "everything" : out;
}

Json duration(Micros value) {
  return value.count() == 0 ? Json() : Json(to_text(value));
}

Json policy_json(const Policy& policy) {
  return {{"name", policy.name},
          {"revision", policy.revision},
          {"match", Json(policy.match)},
          {"schedule", Json{{"full", json_text(policy.full)},
                            {"incremental", json_text(policy.incremental)},
                            {"differential", json_text(policy.differential)},
                            {"prefer", policy.prefer == "standby" ? "standby" : "primary"}}},
          {"timezone", policy.timezone},
          {"window", json_text(policy.window)},
          {"splay", duration(policy.splay)},
          {"wal", Json{{"ship", policy.wal_ship}, {"rpo", duration(policy.rpo_cut)}}},
          {"objectives", Json{{"rpo", duration(policy.objective_rpo)}, {"rto", duration(policy.objective_rto)}}},
          {"retention", Json{{"hourly", policy.hourly},
                             {"daily", policy.daily},
                             {"weekly", policy.weekly},
                             {"monthly", policy.monthly},
                             {"yearly", policy.yearly},
                             {"days", policy.days},
                             {"minBackups", policy.min_backups},
                             {"maxBackups", policy.max_backups},
                             {"pitr", duration(policy.pitr)},
                             {"maxBytes", policy.max_bytes},
                             {"totalBytes", policy.total_bytes}}},
          {"copies", Json{{"want", policy.copies_want},
                          {"min", policy.copies_min},
                          {"stores", Json(policy.stores)},
                          {"spread", json_text(policy.spread)},
                          {"lock", duration(policy.lock)}}},
          {"verify", Json{{"afterBackup", json_text(policy.verify_after_backup)},
                          {"fullEvery", duration(policy.verify_full_every)}}},
          {"encryption", Json{{"recipients", Json(policy.recipients)}, {"selfRestore", policy.self_restore}}},
          {"limits", Json{{"perNode", policy.per_node},
                          {"perStore", policy.per_store},
                          {"perZone", policy.per_zone},
                          {"perFleet", policy.per_fleet},
                          {"bandwidth", policy.bandwidth},
                          {"cpuPercent", policy.cpu_percent},
                          {"workers", policy.workers}}},
          {"shutdown", Json{{"drain", duration(policy.shutdown_drain)},
                            {"checkpointTimeout", duration(policy.shutdown_checkpoint_timeout)},
                            {"stopTimeout", duration(policy.shutdown_stop_timeout)},
                            {"stopDatabase", policy.shutdown_stop_database},
                            {"mode", policy.shutdown_mode == "smart" ? "smart" : "fast"}}},
          {"notInEffect", Json(not_in_effect(policy))}};
}

Item policy_item(const Policy& policy) {
  Item item;
  item.name = policy.name;
  item.json = policy_json(policy);
  item.cells = {policy.name,
                std::to_string(policy.revision),
                policy.match.empty() ? "everything" : describe(policy.match),
                policy.full,
                to_text(policy.objective_rpo),
                retention_text(policy),
                std::to_string(policy.copies_want),
                policy.incremental,
                policy.differential,
                policy.timezone,
                policy.window};
  return item;
}

bool for_people(const Style& style) {
  return style.format == OutputFormat::table || style.format == OutputFormat::wide;
}

}  // namespace

std::string show_stores(const std::vector<StoreInfo>& stores, const Style& style) {
  std::vector<Item> items;
  for (const StoreInfo& store : stores) items.push_back(store_item(store, style.now));
  return show_list(store_columns(), items, style);
}

std::string show_tokens(const std::vector<Token>& tokens, const Style& style) {
  std::vector<Item> items;
  for (const Token& token : tokens) items.push_back(token_item(token, style.now));
  return show_list(token_columns(), items, style);
}

std::string show_new_token(const TokenReply& reply, const Style& style) {
  if (for_people(style)) return reply.text + "\n";
  Item item = token_item(reply.token, style.now);
  item.json["token"] = reply.text;
  return show_one(token_columns(), item, style);
}

std::string show_operators(const std::vector<Operator>& operators, const Style& style) {
  std::vector<Item> items;
  for (const Operator& who : operators) items.push_back(operator_item(who, style.now));
  return show_list(operator_columns(), items, style);
}

std::string show_operator(const Operator& who, const Style& style) {
  return show_one(operator_columns(), operator_item(who, style.now), style);
}

std::string show_policies(const std::vector<Policy>& policies, const Style& style) {
  std::vector<Item> items;
  for (const Policy& policy : policies) items.push_back(policy_item(policy));
  return show_list(policy_columns(), items, style);
}

// As comments, so that all of it can be applied again.
static std::string next_runs_text(const std::vector<NextRuns>& next) {
  std::string out;
  for (const NextRuns& database : next) {
    out += "# next backups of " + printable(database.database) + ":\n";
    if (database.runs.empty()) out += "#   none\n";
    for (const BackupRun& run : database.runs) {
      out += fmt::format("#   {} {}\n", to_rfc3339(run.at), word(run.type));
    }
  }
  return out;
}

std::string show_policy(const Policy& policy, const std::vector<NextRuns>& next, const Style& style) {
  if (!for_people(style)) {
    Item item = policy_item(policy);
    item.json["nextRuns"] = Json::array();
    for (const NextRuns& database : next) {
      Json runs = Json::array();
      for (const BackupRun& run : database.runs) runs.push_back({{"at", json_time(run.at)}, {"type", word(run.type)}});
      item.json["nextRuns"].push_back({{"database", database.database}, {"runs", std::move(runs)}});
    }
    return show_one(policy_columns(), item, style);
  }
  std::string out = policy_to_yaml(policy);
  for (const std::string& line : not_in_effect(policy)) out += "# not in effect yet: " + line + "\n";
  return out + next_runs_text(next);
}

std::string show_done(const std::vector<std::string>& lines, const Style& style) {
  if (!for_people(style) && style.format != OutputFormat::name) {
    return show_object("Result", Json{{"changes", Json(lines)}}, style.format);
  }
  std::string out;
  for (const std::string& line : lines) out += printable(line) + "\n";
  return style.format == OutputFormat::name ? "" : out;
}

}  // namespace holdfast
