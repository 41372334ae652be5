#include "coordinator/core/assignment.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "coordinator/core/backup_place.h"
#include "coordinator/core/grouping.h"
#include "coordinator/core/passes.h"
#include "coordinator/core/vaults.h"
#include "shared/wire/codec.h"

namespace holdfast {
namespace {

constexpr std::chrono::seconds resend_after{5};
constexpr std::chrono::seconds gather_for{10};
constexpr std::string_view recovery_name = "recovery";

std::vector<Policy> policy_list(const CoreState& state) {
  std::vector<Policy> policies;
  policies.reserve(state.policies.size());
  for (const auto& [name, policy] : state.policies) policies.push_back(policy);
  return policies;
}

bool is_excluded(const Database& database) {
  const Member* active = active_member(database);
  const auto excluded = [](const Member& member) { return member.found.excluded; };
  if (active != nullptr) return excluded(*active);
  return !database.members.empty() && std::all_of(database.members.begin(), database.members.end(), excluded);
}

std::vector<NamedRecipient> recipients_for(const CoreState& state, const Policy& policy, const Node& node) {
  // The recovery key always: a backup that nobody can open is none.
  std::vector<NamedRecipient> recipients = {{std::string(recovery_name), state.identity.recovery}};
  if (policy.self_restore) recipients.push_back({"node:" + node.name, node.recipient});
  return recipients;
}

Timestamp last_backup_at(const CoreState& state, DatabaseId id) {
  Timestamp last;
  const auto backups = state.backups.find(id);
  if (backups == state.backups.end()) return last;
  for (const auto& [backup_id, backup] : backups->second) {
    if (backup.state == BackupState::complete) last = std::max(last, backup.finished_at);
  }
  return last;
}

// One node may have two members; a standby's backups are of the standby.
BackupDuty duty_of(const Database& database, const Member& member) {
  if (database.backups_by.is_null()) return BackupDuty::with_log;
  const bool here = member.node == database.backups_by && member.found.standby && active_member(database) != &member;
  return here ? BackupDuty::here : BackupDuty::elsewhere;
}

Assigned assign(const CoreState& state, const Node& node, const Database& database, const Member& member) {
  Assigned assigned;
  assigned.key = member.found.key;
  assigned.database = database.id;
  assigned.name = database.name;
  assigned.engine = database.engine;
  assigned.labels = database.labels;
  assigned.active = active_member(database) == &member;
  assigned.last_backup_at = last_backup_at(state, database.id);
  assigned.backups = duty_of(database, member);
  if (!assigned.active && !database.active.is_null()) assigned.log_node = state.node_name(database.active);
  assigned.backup_note = database.backups_note;
  const auto policy = state.policies.find(database.policy);
  if (policy == state.policies.end()) return assigned;
  assigned.policy = policy->second;
  assigned.stores = chosen_stores(state, policy->second, node.id);
  assigned.recipients = recipients_for(state, policy->second, node);
  assigned.protect = database.protection == Protection::protected_;
  return assigned;
}

// By key: a key that was taken over by another cluster belongs to the one that is there now.
std::map<std::string, std::pair<const Database*, const Member*>> members_on(const CoreState& state, const Node& node) {
  std::map<std::string, std::pair<const Database*, const Member*>> by_key;
  const auto databases = state.databases_by_node.find(node.id);
  if (databases == state.databases_by_node.end()) return by_key;
  for (const DatabaseId id : databases->second) {
    const Database& database = state.databases.at(id);
    if (database.protection == Protection::excluded) continue;
    for (const Member& member : database.members) {
      if (member.node != node.id || member.found.excluded) continue;
      auto& slot = by_key[member.found.key];
      if (slot.second == nullptr || (member.present && !slot.second->present)) slot = {&database, &member};
    }
  }
  return by_key;
}

void send_assignment(Turn& turn, const Node& node, std::uint64_t revision) {
  Assignment assignment = make_assignment(turn.state, node);
  add_vaults(turn.state, node, turn.now, assignment);
  assignment.revision = revision;
  turn.state.sessions[node.id].assignment_sent_at = turn.now;
  turn.send_to_node(node.id, std::move(assignment));
}

void settle_assignment(Turn& turn, const Node& node) {
  CoreState& state = turn.state;
  if (!takes_assignments(node)) return;
  const auto known = state.assignments.find(node.id);
  AssignmentRow row = known == state.assignments.end() ? AssignmentRow{node.id} : known->second;
  Assignment assignment = make_assignment(state, node);
  add_vaults(state, node, turn.now, assignment);
  const Sha256 content = sha256(encode_value(assignment));
  const bool changed = known == state.assignments.end() || content != row.content;
  if (changed) {
    ++row.revision;
    row.content = content;
    turn.put(row);
  }
  const auto session = state.sessions.find(node.id);
  if (session == state.sessions.end() || !session->second.online) return;
  session->second.assignment_due_at = {};
  if (session->second.acked_assignment == row.revision) return;
  if (!changed && turn.now - session->second.assignment_sent_at < resend_after) return;
  send_assignment(turn, node, row.revision);
}

}  // namespace

bool takes_assignments(const Node& node) {
  return node.state == NodeState::active || node.state == NodeState::cordoned || node.state == NodeState::draining;
}

std::vector<Assigned> assigned_to(const CoreState& state, const Node& node, DatabaseId database) {
  std::vector<Assigned> out;
  for (const auto& [key, entry] : members_on(state, node)) {
    if (entry.first->id == database) out.push_back(assign(state, node, *entry.first, *entry.second));
  }
  return out;
}

const Policy* policy_of(const CoreState& state, const Database& database) {
  const auto found = state.policies.find(database.policy);
  return found == state.policies.end() ? nullptr : &found->second;
}

std::vector<std::string> chosen_stores(const CoreState& state, const Policy& policy, NodeId writer) {
  std::vector<std::string> candidates;
  std::map<std::string, std::string> zones;
  for (const auto& [name, store] : state.stores) {
    if (policy.stores.empty()) candidates.push_back(name);
    zones[name] = store.zone;
  }
  for (const auto& name : policy.stores) {
    if (state.stores.contains(name)) candidates.push_back(name);
  }
  candidates = without_own_vaults(state, candidates, writer, std::max<std::size_t>(1, policy.copies_min));
  return spread_stores(candidates, zones, policy);
}

void derive_protection(const CoreState& state, Database& database) {
  database.alerts.clear();
  database.policy.clear();
  database.protection_reason.clear();
  if (is_excluded(database)) {
    database.protection = Protection::excluded;
    database.protection_reason = "excluded on its host";
    return;
  }
  database.protection = Protection::unprotected;
  const auto policies = policy_list(state);
  const PolicyMatch match = match_policy(policies, database.labels);
  if (match.policy == nullptr) {
    database.protection_reason = "no policy matches its labels";
    return;
  }
  database.policy = match.policy->name;
  if (!match.conflict.empty()) {
    database.alerts.push_back(fmt::format("policies {} match equally well; \"{}\" is used",
                                          fmt::join(match.conflict, ", "), match.policy->name));
  }
  for (const auto& recipient : match.policy->recipients) {
    if (recipient == recovery_name) continue;
    database.alerts.push_back(
        fmt::format("policy \"{}\" names a recipient \"{}\" that the fleet does not know", database.policy, recipient));
  }
  const auto stores = chosen_stores(state, *match.policy, database.active);
  const std::size_t needed = std::max<std::size_t>(1, match.policy->copies_min);
  if (stores.size() < needed) {
    database.protection_reason = state.stores.empty()
                                     ? "the fleet has no store: holdfast store add"
                                     : fmt::format("policy \"{}\" needs {} store{} and {} there", database.policy,
                                                   needed, needed == 1 ? "" : "s",
                                                   stores.empty()       ? "none is"
                                                   : stores.size() == 1 ? "one is"
                                                                        : fmt::format("{} are", stores.size()));
    return;
  }
  if (database.active.is_null()) {
    database.protection_reason = "only standbys are known: its primary has no agent";
    return;
  }
  database.protection = Protection::protected_;
}

Assignment make_assignment(const CoreState& state, const Node& node) {
  Assignment assignment;
  assignment.state = node.state;
  assignment.fleet_record = state.identity.fleet_record;
  for (const auto& [name, store] : state.stores) {
    StoreInfo plain = as_hosts_see(store);
    plain.state = "unknown";  // how full or healthy it is changes all the time and is not the agent's matter
    plain.used_bytes = plain.objects = 0;
    assignment.stores.push_back(std::move(plain));
  }
  for (const auto& [key, entry] : members_on(state, node)) {
    assignment.databases.push_back(assign(state, node, *entry.first, *entry.second));
  }
  return assignment;
}

void settle_assignments(Turn& turn) {
  for (const NodeId id : turn.touched_nodes) {
    const auto node = turn.state.nodes.find(id);
    if (node != turn.state.nodes.end()) settle_assignment(turn, node->second);
  }
  turn.touched_nodes.clear();
}

void resend_assignments(Turn& turn) {
  CoreState& state = turn.state;
  for (auto& [id, session] : state.sessions) {
    if (!session.online) continue;
    if (!session.assignment_due_at.is_never() && turn.now >= session.assignment_due_at) {
      turn.touched_nodes.insert(id);
      continue;
    }
    const auto assigned = state.assignments.find(id);
    if (assigned == state.assignments.end() || session.acked_assignment == assigned->second.revision) continue;
    const Node& node = state.nodes.at(id);
    if (takes_assignments(node) && turn.now - session.assignment_sent_at >= resend_after) {
      send_assignment(turn, node, assigned->second.revision);
    }
  }
}

void assignment_acked(Turn& turn, const Node& node, const AssignmentAck& ack) {
  Session& session = turn.state.sessions[node.id];
  session.acked_assignment = std::max(session.acked_assignment, ack.revision);
}

void assignment_changes_soon(Turn& turn, NodeId node) {
  Session& session = turn.state.sessions[node];
  if (session.assignment_due_at.is_never()) session.assignment_due_at = turn.now + gather_for;
}

}  // namespace holdfast
