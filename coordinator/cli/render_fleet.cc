// Nodes, databases and the page that sums them up.
#include <algorithm>

#include "coordinator/cli/human.h"
#include "coordinator/cli/json_document.h"
#include "coordinator/cli/progress_text.h"
#include "coordinator/cli/words.h"

namespace holdfast {
namespace {

template <class AnyId>
std::string look_up(const std::map<AnyId, std::string>& names, const AnyId& id) {
  if (id.is_null()) return "";
  const auto found = names.find(id);
  return found == names.end() ? id.text() : found->second;
}

const Columns& node_columns() {
  static const Columns columns{
      "Node", {"NAME", "STATE", "DATABASES", "LAST-SEEN", "VERSION", "LABELS"}, {"OS", "ADDRESS", "CLOCK", "ID"}};
  return columns;
}

// Its newest drain or shutdown, and what became of each database.
void add_departure(Item& item, const Job& job) {
  Json receipts = Json::array();
  for (const DatabaseReceipt& receipt : job.receipts) {
    receipts.push_back({{"database", receipt.name},
                        {"checkpointLsn", json_lsn(receipt.checkpoint)},
                        {"durableLsn", json_lsn(receipt.durable)},
                        {"copies", receipt.copies},
                        {"nothingMissing", receipt.whole},
                        {"verdict", receipt.verdict}});
  }
  item.json["lastShutdown"] = {{"job", job.id.text()},          {"kind", word(job.kind)},
                               {"state", word(job.state)},      {"finishedAt", json_time(job.finished_at)},
                               {"error", json_text(job.error)}, {"receipts", receipts}};
  item.details.emplace_back("Last " + std::string(word(job.kind)),
                            fmt::format("{} ({}), job {}", word(job.state), human_time(job.finished_at), job.id));
  if (!job.error.empty()) item.details.emplace_back("  why", job.error);
  for (const DatabaseReceipt& receipt : job.receipts) item.details.emplace_back("  " + receipt.name, receipt.verdict);
}

Item node_item(const NodeView& view, Timestamp now) {
  const Node& node = view.node;
  Item item;
  item.name = node.name;
  item.json = {{"id", node.id.text()},
               {"name", node.name},
               {"state", word(view)},
               {"labels", Json(node.labels)},
               {"version", json_text(node.facts.agent_version)},
               {"lastSeenAt", json_time(node.last_seen_at)},
               {"databases", view.databases},
               {"clockOffsetMs", node.clock_offset_ms}};
  const std::string age = human_age(node.last_seen_at, now);
  item.cells = {node.name,
                std::string(word(view)),
                std::to_string(view.databases),
                age,
                node.facts.agent_version,
                describe(node.labels),
                node.facts.os,
                node.address,
                fmt::format("{:+}ms", node.clock_offset_ms),
                node.id.text()};
  item.details = {{"Name", node.name},
                  {"Id", node.id.text()},
                  {"State", std::string(word(view))},
                  {"Labels", describe(node.labels)},
                  {"Databases", std::to_string(view.databases)},
                  {"Agent version", node.facts.agent_version},
                  {"Host name", node.facts.hostname},
                  {"Operating system", node.facts.os},
                  {"Architecture", node.facts.architecture},
                  {"Address", node.address},
                  {"Key", node.curve.text()},
                  {"Enrolled", human_time(node.enrolled_at)},
                  {"Last seen", human_time(node.last_seen_at) + " (" + age + " ago)"},
                  {"Clock offset", fmt::format("{:+} ms", node.clock_offset_ms)}};
  if (view.last_shutdown) add_departure(item, *view.last_shutdown);
  return item;
}

const Columns& database_columns() {
  static const Columns columns{"Database",
                               {"NAME", "ENGINE", "STATE", "NODES", "LAST-BACKUP", "RECOVERABLE-TO", "SIZE", "POLICY"},
                               {"VERSION", "PATH", "LABELS", "ID"}};
  return columns;
}

const Member* active_member(const Database& database) {
  for (const Member& member : database.members) {
    if (member.node == database.active) return &member;
  }
  return database.members.empty() ? nullptr : &database.members.front();
}

Json position_of(const DatabaseView& view) {
  Lsn furthest;
  for (const WalPosition& position : view.positions) furthest = std::max(furthest, position.durable);
  return json_lsn(furthest);
}

NodeId backup_node(const Database& database) {
  return database.backups_by.is_null() ? database.active : database.backups_by;
}

std::string backup_place(const Database& database, const Names& names) {
  const NodeId node = backup_node(database);
  if (node.is_null()) return "no node";
  return names.of(node) + (database.backups_note.empty() ? "" : " (" + database.backups_note + ")");
}

Json database_json(const DatabaseView& view, const Names& names, const FoundDatabase& found) {
  const Database& database = view.database;
  Json nodes = Json::array();
  for (const Member& member : database.members) nodes.push_back(names.of(member.node));
  Json last;
  if (view.last_backup) {
    last = {{"id", view.last_backup->id.text()},
            {"type", word(view.last_backup->type)},
            {"finishedAt", json_time(view.last_backup->finished_at)}};
  }
  const std::uint64_t system_id = database.system_id.value();
  return {{"id", database.id.text()},
          {"name", database.name},
          {"engine", word(database.engine)},
          {"nodes", nodes},
          {"path", json_text(found.path)},
          // As text: it has 64 bits, and many readers of JSON keep 53 of them.
          {"systemId", system_id == 0 ? Json() : Json(std::to_string(system_id))},
          {"version", json_text(found.version)},
          {"state", word(database.protection)},
          {"policy", json_text(database.policy)},
          {"labels", Json(database.labels)},
          {"lastBackup", last},
          {"recoverableFrom", json_time(view.recoverable_from)},
          {"recoverableThrough", json_time(view.recoverable_through)},
          {"walPosition", position_of(view)},
          {"sizeBytes", view.size_bytes},
          {"backupNode", backup_node(database).is_null() ? Json() : Json(names.of(backup_node(database)))},
          {"backupNote", json_text(database.backups_note)},
          {"reason", json_text(database.protection_reason)},
          {"late", json_text(view.late)},
          {"alerts", Json(database.alerts)}};
}

std::string members_table(const DatabaseView& view, const Names& names) {
  Table table({"NODE", "ROLE", "PRESENT", "PATH", "PROBLEM"});
  for (const Member& member : view.database.members) {
    const char* role = member.found.standby ? "standby" : member.node == view.database.active ? "active" : "primary";
    table.row({names.of(member.node), role, member.present ? "yes" : "no", member.found.path, member.found.problem});
  }
  std::string out = table.empty() ? "" : "\n" + table.text(Headers::show);
  for (const Member& member : view.database.members) {
    if (!member.found.hint.empty()) out += "hint for " + names.of(member.node) + ": " + member.found.hint + "\n";
  }
  return out;
}

Item database_item(const DatabaseView& view, const Names& names, Timestamp now) {
  const Database& database = view.database;
  const Member* member = active_member(database);
  const FoundDatabase found = member != nullptr ? member->found : FoundDatabase{};
  std::string nodes;
  for (const Member& one : database.members) nodes += (nodes.empty() ? "" : ",") + names.of(one.node);
  const std::string backup_age = view.last_backup ? human_age(view.last_backup->finished_at, now) : "-";
  const std::string state(word(database.protection));

  Item item;
  item.name = database.name;
  item.json = database_json(view, names, found);
  item.cells = {database.name,
                std::string(word(database.engine)),
                view.late.empty() ? state : state + ", late",
                nodes,
                backup_age,
                human_age(view.recoverable_through, now),
                human_bytes(view.size_bytes),
                database.policy,
                found.version,
                found.path,
                describe(database.labels),
                database.id.text()};
  item.details = {
      {"Name", database.name},
      {"Id", database.id.text()},
      {"Engine", fmt::format("{} {}", word(database.engine), found.version)},
      {"State", database.protection_reason.empty() ? state : state + ": " + database.protection_reason},
      {"Policy", database.policy},
      {"Labels", describe(database.labels)},
      {"Size", human_bytes(view.size_bytes)},
      {"Backups by", backup_place(database, names)},
      {"Last backup", view.last_backup ? view.last_backup->id.text() + " (" + backup_age + " ago)" : "none"},
      {"Recoverable from", human_time(view.recoverable_from)},
      {"Recoverable to", human_time(view.recoverable_through)}};
  item.tail = members_table(view, names);
  for (const WalPosition& position : view.positions) {
    if (!position.error.empty()) item.tail += "WAL: " + printable(position.error) + "\n";
  }
  if (!view.late.empty()) item.tail += "late: " + printable(view.late) + "\n";
  for (const std::string& alert : database.alerts) item.tail += "alert: " + printable(alert) + "\n";
  return item;
}

}  // namespace

std::string Names::of(const DatabaseId& id) const {
  return look_up(databases, id);
}
std::string Names::of(const NodeId& id) const {
  return look_up(nodes, id);
}

void learn_names(Names& names, const ListReply& reply) {
  for (const NodeView& view : reply.nodes) names.nodes[view.node.id] = view.node.name;
  for (const DatabaseView& view : reply.databases) names.databases[view.database.id] = view.database.name;
}

std::string show_nodes(const std::vector<NodeView>& nodes, const Style& style) {
  std::vector<Item> items;
  for (const NodeView& node : nodes) items.push_back(node_item(node, style.now));
  return show_list(node_columns(), items, style);
}

std::string show_node(const NodeView& node, const Style& style) {
  return show_one(node_columns(), node_item(node, style.now), style);
}

std::string show_databases(const std::vector<DatabaseView>& databases, const Names& names, const Style& style) {
  std::vector<Item> items;
  for (const DatabaseView& database : databases) items.push_back(database_item(database, names, style.now));
  return show_list(database_columns(), items, style);
}

std::string show_database(const DatabaseView& database, const Names& names, const Style& style) {
  return show_one(database_columns(), database_item(database, names, style.now), style);
}

namespace {

struct Summary {
  std::vector<const DatabaseView*> unprotected;
  std::vector<const DatabaseView*> late;
  std::vector<const Job*> failing;
  std::vector<const Job*> running;
  std::uint32_t protected_count = 0;
  Timestamp worst;  // of the protected databases, the one that is furthest behind
  std::string worst_name;
};

Summary summarise(const ListReply& reply) {
  Summary out;
  for (const DatabaseView& view : reply.databases) {
    if (view.database.protection == Protection::unprotected) out.unprotected.push_back(&view);
    if (view.database.protection != Protection::protected_) continue;
    ++out.protected_count;
    if (!view.late.empty()) out.late.push_back(&view);
    const bool first = out.worst_name.empty();
    if (first || view.recoverable_through < out.worst) {
      out.worst = view.recoverable_through;
      out.worst_name = view.database.name;
    }
  }
  for (const Job& job : reply.jobs) {
    if (!is_final(job.state)) out.running.push_back(&job);
    if (job.state == JobState::failed || job.state == JobState::lost) out.failing.push_back(&job);
  }
  return out;
}

std::string status_page(const ListReply& reply, const Summary& summary, const Names& names, Timestamp now) {
  const FleetStatus& status = reply.status;
  std::string out = fmt::format("fleet {}, coordinator {}\n", printable(status.fleet_name), status.version);
  out += fmt::format("nodes      {}, {} offline, {} waiting for approval\n", status.nodes, status.nodes_offline,
                     status.nodes_pending);
  out += fmt::format("databases  {} protected, {} unprotected\n", summary.protected_count, summary.unprotected.size());
  if (!summary.worst_name.empty()) {
    out += fmt::format("furthest   {}: recoverable to {}\n", printable(summary.worst_name),
                       summary.worst.is_never() ? "nothing yet" : human_age(summary.worst, now) + " ago");
  }
  out += fmt::format("running    {} jobs\n", summary.running.size());
  if (!summary.unprotected.empty()) {
    out += "\nunprotected\n";
    for (const DatabaseView* view : summary.unprotected) {
      out += fmt::format("  {}: {}\n", printable(view->database.name),
                         view->database.protection_reason.empty() ? "no policy and store cover it"
                                                                  : printable(view->database.protection_reason));
    }
  }
  if (!summary.late.empty()) {
    out += "\nlate\n";
    for (const DatabaseView* view : summary.late) {
      out += fmt::format("  {}: {}\n", printable(view->database.name), printable(view->late));
    }
  }
  if (!summary.running.empty()) {
    out += "\nrunning\n";
    for (const Job* job : summary.running) {
      const std::string of = job->database.is_null() ? names.of(job->node) : names.of(job->database);
      const std::string progress = progress_text(job->progress);
      out += fmt::format("  {} of {}{}{}\n", word(job->kind), printable(of), progress.empty() ? "" : ": ", progress);
    }
  }
  if (!summary.failing.empty()) {
    out += "\nfailing\n";
    for (const Job* job : summary.failing) {
      out +=
          fmt::format("  {} of {}: {}\n", word(job->kind), printable(names.of(job->database)), printable(job->error));
    }
  }
  if (!status.alerts.empty()) {
    out += "\nalerts\n";
    for (const std::string& alert : status.alerts) out += "  " + printable(alert) + "\n";
  }
  return out;
}

}  // namespace

std::string show_status(const ListReply& reply, const Names& names, const Style& style) {
  const Summary summary = summarise(reply);
  if (style.format == OutputFormat::table || style.format == OutputFormat::wide) {
    return status_page(reply, summary, names, style.now);
  }
  const FleetStatus& status = reply.status;
  Json unprotected = Json::array();
  for (const DatabaseView* view : summary.unprotected) {
    unprotected.push_back(
        Json{{"database", view->database.name}, {"reason", json_text(view->database.protection_reason)}});
  }
  Json late = Json::array();
  for (const DatabaseView* view : summary.late) {
    late.push_back(Json{{"database", view->database.name}, {"reason", view->late}});
  }
  const auto jobs = [&](const std::vector<const Job*>& list) {
    Json out = Json::array();
    for (const Job* job : list) {
      out.push_back(Json{{"id", job->id.text()},
                         {"kind", word(job->kind)},
                         {"database", json_text(names.of(job->database))},
                         {"error", json_text(job->error)}});
    }
    return out;
  };
  const Json fields = {
      {"fleet", status.fleet_name},
      {"fleetId", json_id(status.fleet)},
      {"version", status.version},
      {"nodes", Json{{"total", status.nodes}, {"offline", status.nodes_offline}, {"pending", status.nodes_pending}}},
      {"copies", Json{{"belowMin", status.below_min}, {"belowWant", status.below_want}}},
      {"databases", Json{{"protected", summary.protected_count},
                         {"unprotected", static_cast<unsigned>(summary.unprotected.size())}}},
      {"unprotected", unprotected},
      {"late", late},
      {"failing", jobs(summary.failing)},
      {"running", jobs(summary.running)},
      {"alerts", Json(status.alerts)}};
  if (style.format == OutputFormat::name) return printable(status.fleet_name) + "\n";
  return show_object("Status", fields, style.format);
}

}  // namespace holdfast
