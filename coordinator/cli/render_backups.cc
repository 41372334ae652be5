// Backups, the windows they open and what retention would do with them.
#include <algorithm>

#include "coordinator/cli/human.h"
#include "coordinator/cli/json_document.h"
#include "coordinator/cli/words.h"

namespace holdfast {
namespace {

const Columns& backup_columns() {
  static const Columns columns{"Backup",
                               {"ID", "DATABASE", "TYPE", "STATE", "FINISHED", "SIZE", "STORED", "COPIES", "VERIFIED"},
                               {"NODE", "STARTED", "START-LSN", "STOP-LSN", "KEEP", "NOTE"}};
  return columns;
}

std::string copies_text(const Backup& backup) {
  std::string out;
  for (const BackupCopy& copy : backup.copies) {
    out += (out.empty() ? "" : ",") + copy.store + (copy.state == "ok" ? "" : "(" + copy.state + ")");
  }
  return out;
}

Json backup_json(const Backup& backup, const Names& names) {
  Json copies = Json::array();
  for (const BackupCopy& copy : backup.copies) {
    copies.push_back(Json{{"store", copy.store}, {"state", copy.state}, {"checkedAt", json_time(copy.checked_at)}});
  }
  const std::uint32_t timeline = backup.timeline.value();
  return {{"id", backup.id.text()},
          {"database", json_text(names.of(backup.database))},
          {"node", json_text(names.of(backup.node))},
          {"type", word(backup.type)},
          {"parent", json_id(backup.parent)},
          {"state", word(backup.state)},
          {"startedAt", json_time(backup.started_at)},
          {"finishedAt", json_time(backup.finished_at)},
          {"startLsn", json_lsn(backup.start_lsn)},
          {"stopLsn", json_lsn(backup.stop_lsn)},
          {"timeline", timeline == 0 ? Json() : Json(timeline)},
          {"databaseBytes", backup.database_bytes},
          {"readBytes", backup.read_bytes},
          {"storedBytes", backup.stored_bytes},
          {"pages", backup.pages},
          {"changedPages", backup.changed_pages},
          {"badPages", backup.bad_pages},
          {"crossCheckedPages", backup.cross_checked_pages},
          {"missedPages", backup.missed_pages},
          {"copies", copies},
          {"verifiedAt", json_time(backup.verified_at)},
          {"note", json_text(backup.note)},
          {"keep", backup.keep},
          {"reason", json_text(backup.reason)},
          {"error", json_text(backup.error)}};
}

Json verification_json(const Job& job) {
  return {{"job", job.id.text()},
          {"state", word(job.state)},
          {"outcome", json_text(job.outcome)},
          {"findings", json_findings(job.findings)},
          {"error", json_text(job.error)}};
}

Item backup_item(const Backup& backup, const Names& names, Timestamp now) {
  const std::string id = backup.id.text();
  const auto lsn = [](Lsn value) { return value.value() == 0 ? std::string() : to_text(value); };
  Item item;
  item.name = id;
  item.json = backup_json(backup, names);
  item.cells = {short_id(id),
                names.of(backup.database),
                std::string(word(backup.type)),
                std::string(word(backup.state)),
                human_age(backup.finished_at, now),
                human_bytes(backup.database_bytes),
                human_bytes(backup.stored_bytes),
                copies_text(backup),
                human_age(backup.verified_at, now),
                names.of(backup.node),
                human_time(backup.started_at),
                lsn(backup.start_lsn),
                lsn(backup.stop_lsn),
                backup.keep ? "yes" : "",
                backup.note};
  item.details = {{"Id", id},
                  {"Database", names.of(backup.database)},
                  {"Node", names.of(backup.node)},
                  {"Type", std::string(word(backup.type))},
                  {"Parent", backup.parent.is_null() ? "" : backup.parent.text()},
                  {"State", std::string(word(backup.state))},
                  {"Error", backup.error},
                  {"Started", human_time(backup.started_at)},
                  {"Finished", human_time(backup.finished_at)},
                  {"Start LSN", lsn(backup.start_lsn)},
                  {"Stop LSN", lsn(backup.stop_lsn)},
                  {"Timeline", backup.timeline.value() == 0 ? "" : std::to_string(backup.timeline.value())},
                  {"Database size", human_bytes(backup.database_bytes)},
                  {"Read", human_bytes(backup.read_bytes)},
                  {"Stored", human_bytes(backup.stored_bytes)},
                  {"Pages", backup.pages == 0 ? "" : std::to_string(backup.pages)},
                  {"Changed pages", backup.changed_pages == 0 ? "" : std::to_string(backup.changed_pages)},
                  {"Bad pages", backup.bad_pages == 0 ? "" : std::to_string(backup.bad_pages)},
                  {"Cross-checked", backup.cross_checked_pages == 0 ? "" : std::to_string(backup.cross_checked_pages)},
                  {"Missed pages", backup.missed_pages == 0 ? "" : std::to_string(backup.missed_pages)},
                  {"Copies", copies_text(backup)},
                  {"Verified", human_time(backup.verified_at)},
                  {"Kept by hand", backup.keep ? "yes" : ""},
                  {"Note", backup.note},
                  {"Reason", backup.reason}};
  return item;
}

const Columns& window_columns() {
  static const Columns columns{"Window", {"DATABASE", "FROM", "TO", "BEHIND", "GAPS"}, {"THROUGH-LSN"}};
  return columns;
}

Item window_item(const Window& window, Timestamp now) {
  Json gaps = Json::array();
  for (const Window::Gap& gap : window.gaps) {
    gaps.push_back(Json{{"from", json_time(gap.from)},
                        {"to", json_time(gap.to)},
                        {"fromLsn", json_lsn(gap.from_lsn)},
                        {"toLsn", json_lsn(gap.to_lsn)}});
  }
  Item item;
  item.name = window.database_name;
  item.json = {{"database", window.database_name},
               {"from", json_time(window.from)},
               {"to", json_time(window.to)},
               {"throughLsn", json_lsn(window.through_lsn)},
               {"gaps", gaps}};
  item.cells = {window.database_name,
                human_time(window.from),
                human_time(window.to),
                human_age(window.to, now),
                window.gaps.empty() ? "none" : std::to_string(window.gaps.size()),
                window.through_lsn.value() == 0 ? "" : to_text(window.through_lsn)};
  return item;
}

const Columns& retention_columns() {
  static const Columns columns{
      "RetentionDecision", {"DATABASE", "BACKUP", "FINISHED", "DECISION", "SIZE", "REASONS"}, {"FREED", "ID"}};
  return columns;
}

Item retention_item(const RetentionDecision& decision, Timestamp now) {
  std::string reasons;
  for (const std::string& reason : decision.reasons) reasons += (reasons.empty() ? "" : "; ") + reason;
  const std::string id = decision.backup.text();
  const std::string verdict = decision.keep ? "keep" : "release";
  Item item;
  item.name = id;
  item.json = {{"database", decision.database_name},
               {"backup", id},
               {"finishedAt", json_time(decision.finished_at)},
               {"decision", verdict},
               {"bytes", decision.bytes},
               {"freedBytes", decision.freed_bytes},
               {"reasons", Json(decision.reasons)}};
  item.cells = {decision.database_name,
                short_id(id),
                human_age(decision.finished_at, now),
                verdict,
                human_bytes(decision.bytes),
                reasons,
                decision.keep ? "" : human_bytes(decision.freed_bytes),
                id};
  return item;
}

}  // namespace

std::string show_backups(const std::vector<Backup>& backups, const Names& names, const Style& style) {
  std::vector<Item> items;
  for (const Backup& backup : backups) items.push_back(backup_item(backup, names, style.now));
  return show_list(backup_columns(), items, style);
}

std::string show_verified(const std::vector<Backup>& backups, const std::vector<Job>& jobs, const Names& names,
                          const Style& style) {
  std::vector<Item> items;
  Table findings({"STORE", "OBJECT", "PROBLEM"});
  bool any = false;
  for (const Backup& backup : backups) {
    items.push_back(backup_item(backup, names, style.now));
    for (const Job& job : jobs) {
      if (job.backup != backup.id) continue;
      items.back().json["verification"] = verification_json(job);
      for (const Finding& finding : job.findings) {
        findings.row({finding.store, finding.object, finding.problem});
        any = true;
      }
    }
  }
  const bool for_people = style.format == OutputFormat::table || style.format == OutputFormat::wide;
  std::string out = show_list(backup_columns(), items, style);
  if (any && for_people) out += "\n" + findings.text(style.headers);
  return out;
}

std::string show_backup(const Backup& backup, const Names& names, const Style& style) {
  return show_one(backup_columns(), backup_item(backup, names, style.now), style);
}

std::string show_windows(const std::vector<Window>& windows, const Style& style) {
  std::vector<Item> items;
  for (const Window& window : windows) items.push_back(window_item(window, style.now));
  return show_list(window_columns(), items, style);
}

std::string show_retention(const std::vector<RetentionDecision>& decisions, const Style& style) {
  std::vector<Item> items;
  for (const RetentionDecision& decision : decisions) items.push_back(retention_item(decision, style.now));
  if (style.format != OutputFormat::json && style.format != OutputFormat::yaml) {
    return show_list(retention_columns(), items, style);
  }
  Json list = Json::array();
  for (const Item& item : items) list.push_back(item.json);
  const RetentionTotals totals = totals_of(decisions);
  return show_object(retention_columns().kind + "List",
                     Json{{"items", list},
                          {"totals", Json{{"kept", totals.kept},
                                          {"released", totals.released},
                                          {"keptBytes", totals.kept_bytes},
                                          {"freedBytes", totals.freed_bytes}}}},
                     style.format);
}

RetentionTotals totals_of(const std::vector<RetentionDecision>& decisions) {
  RetentionTotals totals;
  for (const RetentionDecision& decision : decisions) {
    ++(decision.keep ? totals.kept : totals.released);
    totals.kept_bytes += decision.bytes;
    totals.freed_bytes += decision.freed_bytes;
  }
  // What a released backup leaves behind is read by kept ones. What they read of backups that went long ago counts with
  // none of them, and may go now.
  totals.kept_bytes -= std::min(totals.kept_bytes, totals.freed_bytes);
  return totals;
}

}  // namespace holdfast
