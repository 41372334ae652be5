#include <fmt/format.h>

#include <algorithm>

#include "coordinator/core/assignment.h"
#include "coordinator/core/backup_place.h"
#include "coordinator/core/clock_doubt.h"
#include "coordinator/core/grouping.h"
#include "coordinator/core/histories.h"
#include "coordinator/core/jobs.h"
#include "coordinator/core/operators.h"
#include "coordinator/core/removal.h"
#include "coordinator/core/retention_run.h"
#include "coordinator/core/selection.h"
#include "coordinator/core/stores.h"

namespace holdfast {
namespace {

constexpr std::chrono::minutes refresh_deadline{2};

// Who is to take it now. An operator waits: when the standby is not heard, the primary may be.
NodeId node_for_order(const CoreState& state, const Database& database) {
  const NodeId usual = backup_node(database);
  return !state.is_online(usual) && state.is_online(database.active) ? database.active : usual;
}

// Why no backup of it can be ordered now; empty: it can.
std::string hindrance(const CoreState& state, const Database& database) {
  if (database.protection != Protection::protected_) {
    return fmt::format("it is not protected: {}", database.protection_reason);
  }
  const Node& node = state.nodes.at(node_for_order(state, database));
  if (node.state != NodeState::active) return fmt::format("node \"{}\" takes no new work", node.name);
  for (const JobId id : state.open_jobs) {
    const Job& job = state.jobs.at(id).job;
    if (job.kind == JobKind::backup && job.database == database.id) {
      return fmt::format("job {} is backing it up already", id);
    }
  }
  return {};
}

// The node that took it reads its stores surely; any other is a guess.
Result<NodeId> verifying_node(const CoreState& state, const Backup& backup) {
  if (state.is_online(backup.node)) return backup.node;
  for (const auto& [id, node] : state.nodes) {
    if (node.state == NodeState::active && state.is_online(id)) return id;
  }
  return fail(Code::unavailable, "no node is online to verify it");
}

bool is_newest(const CoreState& state, const Backup& backup) {
  const auto& all = state.backups.at(backup.database);
  return std::ranges::none_of(all, [&backup](const auto& entry) {
    return entry.second.state == BackupState::complete && entry.second.finished_at > backup.finished_at;
  });
}

std::vector<StoreInfo> stores_of(const CoreState& state, const Backup& backup) {
  std::vector<StoreInfo> stores;
  for (const auto& copy : backup.copies) {
    const auto store = state.stores.find(copy.store);
    if (store != state.stores.end()) stores.push_back(store->second);
  }
  return stores.empty() ? all_stores(state) : stores;
}

// Of these, where the database's log goes. What is in no policy any more has none from then on, and that is no damage.
std::vector<std::string> stores_of_log(const CoreState& state, const Database& database,
                                       const std::vector<StoreInfo>& stores) {
  const Policy* policy = policy_of(state, database);
  if (policy == nullptr) return {};
  std::vector<std::string> names;
  for (const auto& name : chosen_stores(state, *policy, database.active)) {
    if (std::ranges::find(stores, name, &StoreInfo::name) != stores.end()) names.push_back(name);
  }
  return names;
}

}  // namespace

Answer create_backup(Turn& turn, const std::string& who, const CreateBackupRequest& request) {
  CoreState& state = turn.state;
  JobsReply reply;
  for (const DatabaseId id : TRY(select_databases(state, request.selection, WhenEmpty::refuse))) {
    const Database& database = state.databases.at(id);
    if (const std::string why = hindrance(state, database); !why.empty()) {
      reply.warnings.push_back(fmt::format("database \"{}\" is not backed up: {}", database.name, why));
      continue;
    }
    const NodeId node = node_for_order(state, database);
    if (!state.is_online(node)) {
      reply.warnings.push_back(fmt::format("node \"{}\" is offline: the backup of \"{}\" begins when it is back",
                                           state.node_name(node), database.name));
    }
    NewJob job;
    job.kind = JobKind::backup;
    job.node = node;
    job.database = id;
    job.backup = state.entropy->id<BackupId>();
    job.origin = who;
    reply.jobs.push_back(
        start_job(turn, job, BackupOrder{id, job.backup, request.type, request.note, request.skip_page_check}));
    turn.audit(who, fmt::format("ordered a backup of database {}", database.name));
  }
  if (reply.jobs.empty()) {
    return fail(Code::conflict, reply.warnings.empty() ? "nothing to back up" : reply.warnings.front(),
                "holdfast status");
  }
  return reply;
}

Answer backup_request(Turn& turn, const std::string& who, const BackupRequest& request) {
  const BackupId id = TRY(find_backup(turn.state, request.id));
  Backup backup = *turn.state.backup(id);
  if (request.verb == BackupRequest::Verb::remove) {
    TRY(release_backup(turn, id, who));
    return DoneReply{{fmt::format("backup {} is being removed", id)}};
  }
  if (backup.state != BackupState::complete) {
    return fail(Code::conflict, fmt::format("backup {} is not complete", id), "holdfast backup list");
  }
  backup.keep = request.verb == BackupRequest::Verb::keep;
  turn.put(backup);
  turn.audit(who, fmt::format("{} backup {}", backup.keep ? "put a hold on" : "took the hold off", id));
  return DoneReply{
      {fmt::format("backup {} is {}", id, backup.keep ? "kept until it is released" : "under its policy again")}};
}

Answer verify_request(Turn& turn, const std::string& who, const VerifyRequest& request) {
  CoreState& state = turn.state;
  const BackupId id = TRY(find_backup(state, request.backup));
  const Backup backup = *state.backup(id);
  if (backup.state != BackupState::complete) return fail(Code::conflict, fmt::format("backup {} is not complete", id));
  const Database& database = state.databases.at(backup.database);
  const NodeId node = request.node.is_null() ? TRY(verifying_node(state, backup)) : request.node;
  if (!state.nodes.contains(node)) return fail(Code::not_found, "there is no such node");
  if (request.plan_only) {
    VerifyPlanReply reply;
    reply.node = node;
    const auto known = state.epochs.find(backup.database);
    for (const EpochId epoch : TRY(epochs_to_read(state, database, id))) {
      if (known == state.epochs.end() || !known->second.contains(epoch)) {
        return fail(Code::not_found, fmt::format("data key {} of backup {} is not in the catalog", epoch, id));
      }
      reply.epochs.push_back({node, state.nodes.at(node).recipient, known->second.at(epoch).info});
    }
    return reply;
  }
  NewJob job;
  job.kind = JobKind::verify;
  job.node = node;
  job.database = backup.database;
  job.backup = id;
  job.origin = who;
  JobsReply reply;
  VerifyOrder order{backup.database, id, stores_of(state, backup), request.keys, {}, {}};
  if (request.with_wal || is_newest(state, backup)) {
    order.wal_stores = stores_of_log(state, database, order.stores);
    order.wal = log_behind(history_of(state, database), id);
    if (order.wal_stores.empty() && !order.wal.empty()) {
      order.wal.clear();
      reply.warnings.push_back("the log behind it goes to other stores than the backup lies in, and is not verified");
    }
  }
  reply.jobs.push_back(start_job(turn, job, std::move(order)));
  turn.audit(who,
             fmt::format("ordered a verification of backup {} {} keys", id, request.keys.empty() ? "without" : "with"));
  return reply;
}

Answer cancel_request(Turn& turn, const std::string& who, const CancelJobRequest& request) {
  const JobId id = TRY(find_job(turn.state, request.id));
  TRY(cancel_job(turn, id, who));
  turn.audit(who, fmt::format("cancelled job {}", id));
  const bool over = is_final(turn.state.jobs.at(id).job.state);
  return DoneReply{{fmt::format("job {} {}", id, over ? "cancelled" : "will be cancelled by its node")}};
}

Answer retention_request(Turn& turn, const std::string& who, const RetentionRequest& request) {
  const auto databases = TRY(select_databases(turn.state, request.selection, WhenEmpty::everything));
  const auto doubt = doubt_clock(turn.state, turn.now);
  const bool disagree = doubt && doubt->cause == ClockDoubt::Cause::nodes_disagree;
  if (request.run && disagree) {
    return fail(Code::conflict, "retention removes nothing: " + doubt->sentence,
                "set the clock of the coordinator's host right");
  }
  RetentionReply reply;
  RetentionOutcome outcome = preview_retention(turn.state, databases, turn.now);
  reply.decisions = std::move(outcome.decisions);
  reply.lines = request.run ? run_retention(turn, databases, who) : std::move(outcome.unmet);
  if (disagree) reply.lines.push_back("retention removes nothing now: " + doubt->sentence);
  return reply;
}

Answer refresh_request(Turn& turn, const std::string& who, const RefreshRequest& request) {
  CoreState& state = turn.state;
  std::set<NodeId> nodes;
  if (request.selection.empty()) {
    for (const auto& [id, node] : state.nodes) {
      if (node.state == NodeState::active) nodes.insert(id);
    }
  } else {
    for (const DatabaseId id : TRY(select_databases(state, request.selection, WhenEmpty::refuse))) {
      for (const Member& member : state.databases.at(id).members) nodes.insert(member.node);
    }
  }
  JobsReply reply;
  for (const NodeId id : nodes) {
    if (!state.is_online(id)) {
      reply.warnings.push_back(fmt::format("node \"{}\" is offline", state.node_name(id)));
      continue;
    }
    NewJob job;
    job.kind = JobKind::refresh;
    job.node = id;
    job.origin = who;
    job.deadline = refresh_deadline;
    reply.jobs.push_back(start_job(turn, job, RefreshOrder{}));
  }
  if (reply.jobs.empty()) return fail(Code::unavailable, "none of its nodes is online", "holdfast node list");
  return reply;
}

}  // namespace holdfast
