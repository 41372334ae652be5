#include "coordinator/core/jobs.h"

#include <fmt/format.h>

#include "coordinator/core/backup_reports.h"
#include "coordinator/core/copies.h"
#include "coordinator/core/departures.h"
#include "coordinator/core/restore_state.h"
#include "coordinator/core/slots.h"
#include "coordinator/core/stores.h"
#include "coordinator/core/vaults.h"

namespace holdfast {
namespace {

constexpr std::chrono::seconds resend_after{5};
constexpr std::chrono::hours silence_allowed{24};  // of a job that was taken: then it counts as lost

void send_order(Turn& turn, OrderEntry& entry) {
  entry.sent_at = turn.now;
  Order order = entry.order;
  add_order_grants(turn.state, turn.state.nodes.at(entry.node), turn.now, order);
  turn.send_to_node(entry.node, std::move(order));
}

int rank(JobState state) {
  return state == JobState::queued ? 0 : state == JobState::running ? 1 : 2;
}

// Never back: not from running to queued, not out of a final state. Only what was given up as lost may still turn out
// to have ended.
bool may_become(JobState before, JobState now) {
  if (before == JobState::lost) return is_final(now);
  if (is_final(before)) return false;
  return rank(now) >= rank(before);
}

void note_store_check(Turn& turn, const Job& job, const std::optional<StoreAbilities>& abilities) {
  const auto check = turn.state.store_checks.find(job.id);
  if (check == turn.state.store_checks.end()) return;
  const auto store = turn.state.stores.find(check->second);
  if (store != turn.state.stores.end() && (job.state == JobState::complete || job.state == JobState::failed)) {
    StoreInfo row = store->second;
    row.state = job.state == JobState::complete
                    ? "ok"
                    : fmt::format("node \"{}\": {}", turn.state.node_name(job.node), job.error);
    // Where the coordinator looks itself, it knows better: its rights are the wider ones.
    if (abilities && !checks_itself(row)) row.abilities = *abilities;
    turn.put(row);
  }
  turn.state.store_checks.erase(check);
}

// Stores the job and lets what hangs on it follow. `told`: what its node said beside; empty when it said nothing.
void job_changed(Turn& turn, const JobRow& row, const JobReport& told) {
  turn.put(row);
  const Job& job = row.job;
  if (!job.restore.is_null()) restore_job_changed(turn, job, told.target);
  if (job.kind == JobKind::backup) slot_taken(turn, job);
  if (!is_final(job.state)) return;
  if (job.kind == JobKind::backup) close_backup(turn, job);
  if (job.kind == JobKind::store_check) note_store_check(turn, job, told.abilities);
  if (job.kind == JobKind::verify) backup_verified(turn, job);
  if (job.kind == JobKind::copy) copy_ended(turn, job);
  if (job.kind == JobKind::scrub) scrub_ended(turn, job);
  departure_ended(turn, job);
}

void end_job(Turn& turn, JobId id, JobState state, Code code, std::string error, std::string hint = {}) {
  const auto found = turn.state.jobs.find(id);
  if (found == turn.state.jobs.end() || is_final(found->second.job.state)) return;
  JobRow row = found->second;
  row.job.state = state;
  row.job.finished_at = turn.now;
  row.job.code = code;
  row.job.error = std::move(error);
  row.job.hint = std::move(hint);
  job_changed(turn, row, {});
}

bool is_own_kind(JobKind kind) {
  return kind == JobKind::backup || kind == JobKind::verify || kind == JobKind::shutdown;
}

void acknowledge(Turn& turn, const MessageCame& event, const JobReport& report) {
  turn.send(event.door, event.peer, JobReportAck{report.job.id, report.sequence}, event.message.id);
}

// A job that its node began by itself: by its schedule, or because it is new.
std::optional<JobRow> own_job(Turn& turn, const Node& node, const JobReport& report) {
  const Job& job = report.job;
  if (!is_own_kind(job.kind)) {
    turn.alert_once(fmt::format("node \"{}\" reported a {} that nobody ordered", node.name, word(job.kind)));
    return std::nullopt;
  }
  if (job.kind != JobKind::shutdown && !turn.state.has_member(job.database, node.id)) {
    turn.alert_once(
        fmt::format("node \"{}\" reported a job of database {}, which is not on it", node.name, job.database));
    return std::nullopt;
  }
  JobRow row;
  row.job = job;
  row.job.node = node.id;
  row.job.restore = {};
  row.job.state = JobState::queued;
  if (row.job.created_at.is_never()) row.job.created_at = turn.now;
  if (row.job.origin.empty()) row.job.origin = "schedule";
  return row;
}

void merge_report(Turn& turn, Job& job, const Job& reported) {
  if (!may_become(job.state, reported.state)) return;
  job.state = reported.state;
  if (job.backup.is_null()) job.backup = reported.backup;
  job.started_at = reported.started_at;
  job.finished_at = reported.finished_at;
  job.progress = reported.progress;
  job.error = reported.error;
  job.hint = reported.hint;
  job.code = reported.code;
  job.outcome = reported.outcome;
  job.findings = reported.findings;
  job.due_at = reported.due_at;
  job.missed = reported.missed;
  job.steps = reported.steps;
  job.receipts = reported.receipts;
  keep_own_receipts(turn.state, job);
  job.deadline = turn.now + silence_allowed;
}

// What the report says about a backup, before the job itself is believed. False: no answer now.
bool take_backup(Turn& turn, const Node& node, const JobReport& report, Job& job) {
  if (job.kind != JobKind::backup) return true;
  BackupOutcome outcome;
  if (report.backup) {
    outcome = backup_reported(turn, node, job, *report.backup);
    if (outcome.verdict == BackupVerdict::wait) return false;
  }
  if (report.job.state == JobState::complete && outcome.verdict == BackupVerdict::stored) {
    const BackupId id = job.backup.is_null() && report.backup ? report.backup->id : job.backup;
    const Backup* stored = turn.state.backup(id);
    if (stored == nullptr || (stored->state != BackupState::complete && stored->state != BackupState::released)) {
      outcome = {BackupVerdict::refused, "it was reported complete without its record"};
    }
  }
  if (outcome.verdict == BackupVerdict::refused && !is_final(job.state)) {
    job.state = JobState::failed;
    job.finished_at = turn.now;
    job.code = Code::corrupt;
    job.error = "the coordinator refused the backup: " + outcome.error;
  }
  return true;
}

}  // namespace

JobId start_job(Turn& turn, const NewJob& what, OrderBody body) {
  return start_job(turn, what, turn.state.entropy->id<JobId>(), std::move(body));
}

JobId start_job(Turn& turn, const NewJob& what, JobId id, OrderBody body) {
  JobRow row;
  row.job.id = id;
  row.job.kind = what.kind;
  row.job.node = what.node;
  row.job.database = what.database;
  row.job.backup = what.backup;
  row.job.restore = what.restore;
  row.job.store = what.store;
  row.job.origin = what.origin;
  row.job.created_at = turn.now;
  row.job.deadline = turn.now + what.deadline;
  turn.put(row);
  OrderEntry entry;
  entry.node = what.node;
  entry.order.id = id;
  entry.order.epoch = turn.state.identity.epoch;
  entry.order.deadline = row.job.deadline;
  entry.order.body = std::move(body);
  if (turn.state.is_online(what.node)) send_order(turn, entry);
  turn.put(entry);
  return id;
}

void order_acked(Turn& turn, const Node& node, const OrderAck& ack) {
  const auto found = turn.state.orders.find(ack.job);
  if (found == turn.state.orders.end()) return;  // acknowledged before
  if (found->second.node != node.id) {
    turn.alert_once(fmt::format("node \"{}\" acknowledged an order of another node", node.name));
    return;
  }
  // Looking again has no report of its own: what it found comes as an inventory.
  const bool done_with_it = std::holds_alternative<RefreshOrder>(found->second.order.body);
  turn.remove_order(ack.job);
  if (ack.accepted && done_with_it) end_job(turn, ack.job, JobState::complete, Code::internal, {});
  if (!ack.accepted) {
    end_job(turn, ack.job, JobState::failed, ack.code,
            fmt::format("node \"{}\" refused the order: {}", node.name, ack.error));
  }
}

void job_reported(Turn& turn, const MessageCame& event, const Node& node, const JobReport& report) {
  CoreState& state = turn.state;
  const auto found = state.jobs.find(report.job.id);
  JobRow row;
  if (found == state.jobs.end()) {
    auto own = own_job(turn, node, report);
    if (!own) {
      // Of an end that nobody waits for any more, perhaps of a job that was forgotten, it need not go on telling.
      if (!is_own_kind(report.job.kind) && is_final(report.job.state)) acknowledge(turn, event, report);
      return;
    }
    row = *std::move(own);
  } else {
    row = found->second;
    if (row.job.node != node.id) {
      turn.alert_once(fmt::format("node \"{}\" reported a job of another node", node.name));
      return;
    }
  }
  if (found == state.jobs.end() || report.sequence > row.sequence) {
    turn.remove_order(row.job.id);  // whoever reports has taken it
    if (!take_backup(turn, node, report, row.job)) return;
    row.sequence = report.sequence;
    const JobState before = row.job.state;
    merge_report(turn, row.job, report.job);
    job_changed(turn, row, report);
    if (before != row.job.state && row.job.state == JobState::failed) {
      const Database* database = state.database(row.job.database);
      const std::string of =
          row.job.database.is_null()
              ? ""
              : fmt::format(" of database \"{}\"", database == nullptr ? row.job.database.text() : database->name);
      turn.alert(fmt::format("{}{} failed on node \"{}\": {}", word(row.job.kind), of, node.name, row.job.error));
    }
  }
  acknowledge(turn, event, report);
}

void watch_jobs(Turn& turn) {
  CoreState& state = turn.state;
  std::vector<JobId> given_up;
  for (auto& [id, entry] : state.orders) {
    const bool revoked = state.nodes.at(entry.node).state == NodeState::revoked;
    if (revoked || turn.now >= entry.order.deadline) {
      given_up.push_back(id);
    } else if (state.is_online(entry.node) && turn.now - entry.sent_at >= resend_after) {
      send_order(turn, entry);
    }
  }
  for (const JobId id : given_up) {
    const std::string name = state.node_name(state.orders.at(id).node);
    turn.remove_order(id);
    end_job(turn, id, JobState::lost, Code::timed_out, fmt::format("node \"{}\" did not take the order in time", name),
            "look at it with holdfast node describe " + name);
  }
  const auto open = state.open_jobs;
  for (const JobId id : open) {
    const Job& job = state.jobs.at(id).job;
    if (state.orders.contains(id) || job.deadline.is_never() || turn.now < job.deadline) continue;
    end_job(turn, id, JobState::lost, Code::timed_out,
            fmt::format("node \"{}\" has not reported about it in time", state.node_name(job.node)));
  }
}

Result<> cancel_job(Turn& turn, JobId id, const std::string& who) {
  CoreState& state = turn.state;
  const Job job = state.jobs.at(id).job;
  if (is_final(job.state)) {
    return fail(Code::conflict, fmt::format("job {} is {} already", id, word(job.state)));
  }
  const auto order = state.orders.find(id);
  const bool unsent = order != state.orders.end() && order->second.sent_at.is_never();
  if (order != state.orders.end()) {
    turn.remove_order(id);
    end_job(turn, id, JobState::cancelled, Code::cancelled, "cancelled by " + who);
  }
  if (unsent) return {};
  // The node may have it, or have it soon: it must be told as surely as it was ordered.
  OrderEntry entry;
  entry.node = job.node;
  entry.order.id = state.entropy->id<JobId>();
  entry.order.epoch = state.identity.epoch;
  entry.order.deadline = turn.now + std::chrono::hours(24);
  entry.order.body = CancelOrder{id};
  if (state.is_online(job.node)) send_order(turn, entry);
  turn.put(entry);
  return {};
}

}  // namespace holdfast
