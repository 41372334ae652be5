// Work that runs or ran: jobs and restores.
#include <cmath>

#include "coordinator/cli/human.h"
#include "coordinator/cli/json_document.h"
#include "coordinator/cli/progress_text.h"
#include "coordinator/cli/words.h"

namespace holdfast {
namespace {

const Columns& job_columns() {
  static const Columns columns{"Job",
                               {"ID", "KIND", "STATE", "DATABASE", "NODE", "PROGRESS", "STARTED", "RESULT"},
                               {"ORIGIN", "FINISHED", "FULL-ID"}};
  return columns;
}

std::string progress_of(const Job& job) {
  return is_final(job.state) ? "" : progress_text(job.progress);
}

Json progress_json(const Progress& progress) {
  const auto left = seconds_left(progress);
  return {{"doneBytes", progress.done_bytes},
          {"totalBytes", progress.total_bytes},
          {"step", json_text(progress.step)},
          {"bytesPerSecond", progress.bytes_per_second},
          {"secondsLeft", left ? Json(std::llround(*left)) : Json()}};
}

Json steps_json(const std::vector<JobStep>& steps) {
  Json out = Json::array();
  for (const JobStep& step : steps) {
    out.push_back({{"name", step.name},
                   {"outcome", word(step.outcome)},
                   {"seconds", std::chrono::duration<double>(step.took).count()},
                   {"sentence", json_text(step.sentence)}});
  }
  return out;
}

Json receipt_json(const DatabaseReceipt& receipt) {
  return {{"database", receipt.name},
          {"engine", word(receipt.engine)},
          {"state", json_text(receipt.state)},
          {"checkpointLsn", json_lsn(receipt.checkpoint)},
          {"timeline", receipt.timeline.value()},
          {"durableLsn", json_lsn(receipt.durable)},
          {"backup", json_id(receipt.backup)},
          {"copies", receipt.copies},
          {"nothingMissing", receipt.whole},
          {"verdict", receipt.verdict},
          {"steps", steps_json(receipt.steps)}};
}

Json receipts_json(const std::vector<DatabaseReceipt>& receipts) {
  Json out = Json::array();
  for (const DatabaseReceipt& receipt : receipts) out.push_back(receipt_json(receipt));
  return out;
}

std::string step_text(const JobStep& step) {
  std::string out = fmt::format("{} in {:.1f} s", word(step.outcome), std::chrono::duration<double>(step.took).count());
  return step.sentence.empty() ? out : out + ": " + step.sentence;
}

// Which run of the schedule it is, and for which it stands in.
void add_schedule(const Job& job, Item& item) {
  if (job.kind != JobKind::backup) return;
  if (!job.due_at.is_never()) {
    item.json["dueAt"] = json_time(job.due_at);
    item.details.emplace_back("Due", human_time(job.due_at));
  }
  if (job.missed.count > 0) {
    item.json["missed"] = {
        {"runs", job.missed.count}, {"since", json_time(job.missed.since)}, {"cause", json_text(job.missed.cause)}};
    item.details.emplace_back("Missed",
                              fmt::format("{} run{} since {}: {}", job.missed.count, job.missed.count == 1 ? "" : "s",
                                          human_time(job.missed.since), job.missed.cause));
  }
  if (!job.steps.empty()) item.json["steps"] = steps_json(job.steps);
}

Item job_item(const Job& job, const Names& names, Timestamp now) {
  const std::string id = job.id.text();
  const std::string result = job.error.empty() ? job.outcome : job.error;
  Item item;
  item.name = id;
  item.json = {{"id", id},
               {"kind", word(job.kind)},
               {"state", word(job.state)},
               {"node", json_text(names.of(job.node))},
               {"database", json_text(names.of(job.database))},
               {"progress", progress_json(job.progress)},
               {"startedAt", json_time(job.started_at)},
               {"finishedAt", json_time(job.finished_at)},
               {"error", json_text(job.error)},
               {"hint", json_text(job.hint)},
               {"outcome", json_text(job.outcome)},
               {"backup", json_id(job.backup)},
               {"restore", json_id(job.restore)},
               {"origin", json_text(job.origin)}};
  if (is_departure(job.kind)) {
    item.json["steps"] = steps_json(job.steps);
    item.json["receipts"] = receipts_json(job.receipts);
  }
  if (job.kind == JobKind::verify) item.json["findings"] = json_findings(job.findings);
  item.cells = {short_id(id),
                std::string(word(job.kind)),
                std::string(word(job.state)),
                names.of(job.database),
                names.of(job.node),
                progress_of(job),
                human_age(job.started_at, now),
                result,
                job.origin,
                human_age(job.finished_at, now),
                id};
  item.details = {{"Id", id},
                  {"Kind", std::string(word(job.kind))},
                  {"State", std::string(word(job.state))},
                  {"Database", names.of(job.database)},
                  {"Node", names.of(job.node)},
                  {"Progress", progress_of(job)},
                  {"Origin", job.origin},
                  {"Backup", job.backup.is_null() ? "" : job.backup.text()},
                  {"Restore", job.restore.is_null() ? "" : job.restore.text()},
                  {"Created", human_time(job.created_at)},
                  {"Started", human_time(job.started_at)},
                  {"Finished", human_time(job.finished_at)},
                  {"Outcome", job.outcome},
                  {"Error", job.error},
                  {"Hint", job.hint}};
  add_schedule(job, item);
  for (const JobStep& step : job.steps) item.details.emplace_back("Step " + step.name, step_text(step));
  for (const DatabaseReceipt& receipt : job.receipts) {
    for (const JobStep& step : receipt.steps) {
      item.details.emplace_back(fmt::format("{}, {}", receipt.name, step.name), step_text(step));
    }
    item.details.emplace_back(receipt.name, receipt.verdict);
  }
  return item;
}

const Columns& restore_columns() {
  static const Columns columns{"Restore", {"ID", "STATE", "DATABASES", "DONE", "STARTED", "TOOK", "BY"}, {"FULL-ID"}};
  return columns;
}

std::string method_word(const RestoreTarget& target) {
  return target.method == RestoreMethod::delta ? "delta" : "full";
}

// Whether there is one shows when it has run.
Json way_back_json(const RestoreTarget& target) {
  if (target.state == "planned" || target.state == "running") return {};
  return target.way_back == WayBack::kept;
}

Json target_json(const RestoreTarget& target, const Names& names) {
  return {{"database", target.database_name},
          {"node", json_text(names.of(target.node))},
          {"directory", target.directory},
          {"state", target.state},
          {"backup", json_id(target.backup)},
          {"toTime", target.target.kind == TargetKind::time ? json_time(target.target.time) : Json()},
          {"target", describe(target.target)},
          {"inPlace", target.in_place},
          {"reachedLsn", json_lsn(target.reached_lsn)},
          {"reachedTime", json_time(target.reached_time)},
          {"bytes", target.bytes},
          {"seconds", target.seconds},
          {"aside", json_text(target.aside)},
          {"method", method_word(target)},
          {"fetchedBytes", target.method == RestoreMethod::delta ? Json(target.fetched_bytes) : Json()},
          {"wayBack", way_back_json(target)},
          {"leftovers", json_text(target.leftovers)},
          {"job", json_id(target.job)},
          {"error", json_text(target.error)},
          {"hint", json_text(target.hint)}};
}

// What a target got to, or is to get to while it has not run.
std::string reached_text(const RestoreTarget& target) {
  if (!target.reached_time.is_never()) return human_time(target.reached_time);
  if (target.reached_lsn.value() != 0) return "lsn " + to_text(target.reached_lsn);
  if (target.state == "complete") return "backup of " + human_time(target.backup_finished_at);
  return "";
}

// What is different about a target of which only the differences are fetched.
std::string delta_text(const RestoreTarget& target) {
  std::string out = "delta of " + printable(target.database_name) + ": ";
  if (target.state == "planned" || target.state == "running") return out + "fetches only what differs\n";
  out += "fetched " + human_bytes(target.fetched_bytes) + "\n";
  if (target.way_back == WayBack::none) {
    out += "no way back: " + printable(target.directory) + " was overwritten, it cannot be rolled back\n";
  }
  if (!target.leftovers.empty()) out += "not of the backup: moved to " + printable(target.leftovers) + "\n";
  return out;
}

std::string targets_table(const Restore& restore, const Names& names) {
  Table table({"DATABASE", "NODE", "DIRECTORY", "STATE", "FROM-BACKUP", "TO", "REACHED", "SIZE", "TOOK"});
  for (const RestoreTarget& target : restore.targets) {
    table.row({target.database_name, names.of(target.node), target.directory, target.state,
               human_time(target.backup_finished_at), describe(target.target), reached_text(target),
               human_bytes(target.bytes), target.seconds > 0 ? human_seconds(target.seconds) : ""});
  }
  std::string out = table.text(Headers::show);
  for (const RestoreTarget& target : restore.targets) {
    if (target.method == RestoreMethod::delta) out += delta_text(target);
    if (target.error.empty()) continue;
    out += "error of " + printable(target.database_name) + ": " + printable(target.error) + "\n";
    if (!target.hint.empty()) out += "hint: " + printable(target.hint) + "\n";
  }
  return out;
}

Item restore_item(const Restore& restore, const Names& names, Timestamp now) {
  const std::string id = restore.id.text();
  Json targets = Json::array();
  std::size_t done = 0;
  for (const RestoreTarget& target : restore.targets) {
    targets.push_back(target_json(target, names));
    done += target.state == "complete" || target.state == "finalized" ? 1U : 0U;
  }
  const Timestamp end = restore.finished_at.is_never() ? now : restore.finished_at;
  const double seconds =
      restore.started_at.is_never() ? 0 : static_cast<double>((end - restore.started_at).count()) / 1e6;
  const std::string took = restore.started_at.is_never() ? "" : human_seconds(seconds);
  Item item;
  item.name = id;
  item.json = {{"id", id},
               {"state", restore.state},
               {"targets", targets},
               {"startedAt", json_time(restore.started_at)},
               {"finishedAt", json_time(restore.finished_at)},
               {"createdBy", json_text(restore.created_by)}};
  item.cells = {short_id(id),
                restore.state,
                std::to_string(restore.targets.size()),
                std::to_string(done),
                human_age(restore.started_at, now),
                took,
                restore.created_by,
                id};
  item.details = {{"Id", id},
                  {"State", restore.state},
                  {"By", restore.created_by},
                  {"Started", restore.started_at.is_never() ? "" : human_time(restore.started_at)},
                  {"Finished", restore.finished_at.is_never() ? "" : human_time(restore.finished_at)},
                  {"Took", took}};
  item.tail = restore.targets.empty() ? "" : "\n" + targets_table(restore, names);
  return item;
}

}  // namespace

std::string show_jobs(const std::vector<Job>& jobs, const Names& names, const Style& style) {
  std::vector<Item> items;
  for (const Job& job : jobs) items.push_back(job_item(job, names, style.now));
  return show_list(job_columns(), items, style);
}

std::string show_job(const Job& job, const Names& names, const Style& style) {
  return show_one(job_columns(), job_item(job, names, style.now), style);
}

std::string show_departures(const std::vector<Job>& jobs, const Names& names, const Style& style) {
  if (style.format != OutputFormat::table && style.format != OutputFormat::wide) return show_jobs(jobs, names, style);
  std::string out;
  for (const Job& job : jobs) {
    out += fmt::format("node {}: {} {}\n", names.of(job.node), word(job.kind), word(job.state));
    if (!job.outcome.empty() && job.receipts.empty()) out += fmt::format("  {}\n", printable(job.outcome));
    for (const DatabaseReceipt& receipt : job.receipts)
      out += fmt::format("  {}: {}\n", printable(receipt.name), printable(receipt.verdict));
  }
  return out;
}

std::string show_restores(const std::vector<Restore>& restores, const Names& names, const Style& style) {
  std::vector<Item> items;
  for (const Restore& restore : restores) items.push_back(restore_item(restore, names, style.now));
  return show_list(restore_columns(), items, style);
}

std::string show_restore(const Restore& restore, const Names& names, const Style& style) {
  return show_one(restore_columns(), restore_item(restore, names, style.now), style);
}

}  // namespace holdfast
