#include <fmt/format.h>

#include <algorithm>

#include "coordinator/core/address_rules.h"
#include "coordinator/core/departures.h"
#include "coordinator/core/enrolment.h"
#include "coordinator/core/jobs.h"
#include "coordinator/core/operators.h"
#include "coordinator/core/selection.h"
#include "coordinator/core/stores.h"
#include "coordinator/core/vaults.h"
#include "shared/fleet/words.h"
#include "shared/identity/token.h"

namespace holdfast {
namespace {

constexpr std::uint32_t uses_limit = 100'000;
constexpr std::chrono::hours ttl_limit{24 * 3660};
constexpr std::chrono::minutes check_deadline{2};

Result<> check_labels(const Labels& labels) {
  for (const auto& [label, value] : labels) {
    for (const std::string_view reserved : {"engine", "name", "node"}) {
      if (label == reserved) return fail(Code::invalid, fmt::format("the label \"{}\" is given by holdfast", label));
    }
    if (label.empty() || value.empty() || label.find_first_of(" ,=!()") != std::string::npos ||
        value.find_first_of(" ,=!()") != std::string::npos) {
      return fail(Code::invalid, fmt::format("\"{}={}\" is not a label", label, value), "write it like env=prod");
    }
  }
  return {};
}

void touch_databases_of(Turn& turn, NodeId node) {
  for (const DatabaseId id : turn.state.databases_by_node[node]) turn.touched_databases.insert(id);
  turn.touched_nodes.insert(node);
}

Answer change_labels(Turn& turn, const std::string& who, NodeId id, const NodeRequest& request) {
  TRY(check_labels(request.set));
  Node node = turn.state.nodes.at(id);
  for (const auto& [label, value] : request.set) node.labels[label] = value;
  for (const auto& label : request.unset) node.labels.erase(label);
  turn.put(node);
  touch_databases_of(turn, id);
  turn.audit(who, fmt::format("changed the labels of node {}", node.name));
  return DoneReply{{fmt::format("node {} labelled", node.name)}};
}

Answer change_state(Turn& turn, const std::string& who, NodeId id, NodeState from, NodeState to,
                    std::string_view word) {
  Node node = turn.state.nodes.at(id);
  if (node.state != from && node.state != to) {
    return fail(Code::conflict, fmt::format("node \"{}\" cannot be {} in its state", node.name, word));
  }
  node.state = to;
  turn.put(node);
  touch_databases_of(turn, id);
  turn.audit(who, fmt::format("node {} {}", node.name, word));
  return DoneReply{{fmt::format("node {} {}", node.name, word)}};
}

Answer revoke_node(Turn& turn, const std::string& who, NodeId id) {
  Node node = turn.state.nodes.at(id);
  node.state = NodeState::revoked;
  turn.put(node);
  touch_databases_of(turn, id);
  turn.state.sessions[id].online = false;
  turn.audit(who, fmt::format("revoked node {}", node.name));
  return DoneReply{{fmt::format("node {} revoked; its next message is refused", node.name)}};
}

// "database orders: default -> production" for each database whose policy would be another one.
std::vector<std::string> policy_changes(const CoreState& state, const std::map<std::string, Policy>& after) {
  std::vector<Policy> list;
  for (const auto& [name, policy] : after) list.push_back(policy);
  std::vector<std::string> changes;
  for (const auto& [name, id] : state.database_by_name) {
    const Database& database = state.databases.at(id);
    if (database.protection == Protection::excluded) continue;
    const PolicyMatch match = match_policy(list, database.labels);
    const std::string now = match.policy == nullptr ? "none" : match.policy->name;
    const std::string before = database.policy.empty() ? "none" : database.policy;
    if (now != before) changes.push_back(fmt::format("database {}: {} -> {}", name, before, now));
  }
  return changes;
}

// What else changes for the databases that have this policy before and after.
std::vector<std::string> setting_changes(const CoreState& state, const Policy& before, const Policy& after) {
  std::vector<std::string> out;
  for (const std::string& setting : changed_settings(before, after)) {
    out.push_back(fmt::format("policy {}: {}", after.name, setting));
  }
  std::string databases;
  for (const auto& [name, id] : state.database_by_name) {
    if (state.databases.at(id).policy == after.name) databases += (databases.empty() ? "" : ", ") + name;
  }
  if (!out.empty()) out.push_back(fmt::format("it is in force for: {}", databases.empty() ? "nothing" : databases));
  return out;
}

}  // namespace

Result<> check_name(std::string_view kind, std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  };
  if (name.empty() || name.size() > 64 || !std::all_of(name.begin(), name.end(), plain)) {
    return fail(Code::invalid, fmt::format("\"{}\" is not a name for a {}", name, kind),
                "use letters, digits, dots, dashes and underscores");
  }
  return {};
}

Answer create_token(Turn& turn, const std::string& who, const CreateTokenRequest& request) {
  const CoreIdentity& identity = turn.state.identity;
  TRY(check_labels(request.labels));
  for (const auto& cidr : request.cidrs) TRY(check_cidr(cidr));
  if (request.uses == 0 || request.uses > uses_limit) {
    return fail(Code::invalid, fmt::format("a token has 1 to {} uses and not {}", uses_limit, request.uses));
  }
  if (request.ttl.count() <= 0 || request.ttl > ttl_limit) {
    return fail(Code::invalid, "a token cannot be valid for " + to_text(request.ttl), "use something like --ttl 24h");
  }
  TokenText text;
  text.id = turn.state.entropy->id<TokenId>();
  turn.state.entropy->fill(text.secret.writable());
  text.enrol_server = identity.enrol_server;
  text.root = identity.root;
  text.endpoints = identity.enrol_endpoints;
  text.expires_at = turn.now + request.ttl;
  text.labels.assign(request.labels.begin(), request.labels.end());
  text.cidrs = request.cidrs;

  Token token;
  token.id = text.id;
  token.verifier = token_verifier(text.id, text.secret);
  token.labels = request.labels;
  token.approval = request.approval;
  token.cidrs = request.cidrs;
  token.host_pattern = request.host_pattern;
  token.uses_total = token.uses_left = request.uses;
  token.created_at = turn.now;
  token.expires_at = text.expires_at;
  token.created_by = who;
  turn.put(token);
  turn.audit(who, fmt::format("created token {} with {} uses", token.id, token.uses_total));
  TokenReply reply{token, encode_token(text)};
  reply.token.verifier = {};
  return reply;
}

Answer revoke_token(Turn& turn, const std::string& who, const RevokeTokenRequest& request) {
  Token token = turn.state.tokens.at(TRY(find_token(turn.state, request.id)));
  token.revoked = true;
  turn.put(token);
  turn.audit(who, fmt::format("revoked token {}", token.id));
  return DoneReply{{fmt::format("token {} revoked", token.id)}};
}

Answer node_request(Turn& turn, const std::string& who, const NodeRequest& request) {
  const NodeId id = TRY(find_node(turn.state, request.node));
  switch (request.verb) {
    case NodeRequest::Verb::approve: {
      TRY(approve_node(turn, id));
      const std::string name = turn.state.node_name(id);
      turn.audit(who, fmt::format("approved node {}", name));
      return DoneReply{{fmt::format("node {} approved", name)}};
    }
    case NodeRequest::Verb::revoke:
      return revoke_node(turn, who, id);
    case NodeRequest::Verb::label:
      return change_labels(turn, who, id, request);
    case NodeRequest::Verb::cordon:
      return change_state(turn, who, id, NodeState::active, NodeState::cordoned, "cordoned");
    case NodeRequest::Verb::uncordon:
      return change_state(turn, who, id, NodeState::cordoned, NodeState::active, "uncordoned");
    case NodeRequest::Verb::drain:
    case NodeRequest::Verb::shutdown:
      return order_departure(turn, who, id, request);
  }
  return fail(Code::unsupported, "a request about nodes that this coordinator does not know");
}

Answer add_store(Turn& turn, const std::string& who, const AddStoreRequest& request) {
  TRY(check_name("store", request.name));
  if (request.kind == StoreKind::peer) return add_vault(turn, who, request);
  if (turn.state.stores.contains(request.name)) {
    return fail(Code::already_exists, fmt::format("there is a store \"{}\" already", request.name));
  }
  const StoreInfo store = TRY(new_store(turn.state, request, turn.now));
  turn.put(store);
  if (checks_itself(store)) turn.effects.work.emplace_back(CheckStore{store});
  turn.everything_touched = true;
  turn.audit(who, fmt::format("added store {} at {}", store.name, place_of(store)));
  return DoneReply{{fmt::format("store {} added", store.name)}};
}

namespace {

Answer remove_store(Turn& turn, const std::string& who, const StoreInfo& store) {
  for (const auto& [name, policy] : turn.state.policies) {
    if (std::find(policy.stores.begin(), policy.stores.end(), store.name) != policy.stores.end()) {
      return fail(Code::conflict, fmt::format("policy \"{}\" uses store \"{}\"", name, store.name),
                  "change the policy first");
    }
  }
  for (const auto& [database, backups] : turn.state.backups) {
    for (const auto& [id, backup] : backups) {
      const bool there = std::any_of(backup.copies.begin(), backup.copies.end(),
                                     [&store](const BackupCopy& copy) { return copy.store == store.name; });
      if (there && backup.state != BackupState::failed) {
        return fail(Code::conflict, fmt::format("store \"{}\" has backup {} and perhaps more", store.name, id),
                    "holdfast backup list");
      }
    }
  }
  turn.audit(who, fmt::format("removed store {}", store.name));
  const std::string name = store.name;
  turn.remove(store);
  turn.everything_touched = true;
  return DoneReply{{fmt::format("store {} removed; its content stays where it is", name)}};
}

}  // namespace

Answer store_request(Turn& turn, const std::string& who, const StoreRequest& request) {
  CoreState& state = turn.state;
  const auto found = state.stores.find(request.name);
  if (found == state.stores.end()) return fail(Code::not_found, fmt::format("there is no store \"{}\"", request.name));
  if (request.verb == StoreRequest::Verb::remove) return remove_store(turn, who, found->second);
  if (checks_itself(found->second)) turn.effects.work.emplace_back(CheckStore{found->second});
  JobsReply reply;
  for (const auto& [id, node] : state.nodes) {
    if (node.state != NodeState::active || !state.is_online(id)) continue;
    NewJob job;
    job.kind = JobKind::store_check;
    job.node = id;
    job.origin = who;
    job.deadline = check_deadline;
    reply.jobs.push_back(start_job(turn, job, StoreCheckOrder{found->second}));
    state.store_checks[reply.jobs.back()] = found->second.name;
  }
  if (reply.jobs.empty()) return fail(Code::unavailable, "no node is online to check the store from");
  return reply;
}

Answer apply_policy(Turn& turn, const std::string& who, const ApplyPolicyRequest& request) {
  CoreState& state = turn.state;
  TRY(check_name("policy", request.policy.name));
  PolicyReply reply;
  reply.policy = request.policy;
  const auto before = state.policies.find(request.policy.name);
  reply.policy.revision = before == state.policies.end() ? 1 : before->second.revision + 1;
  if (before != state.policies.end()) {
    Policy same = request.policy;
    same.revision = before->second.revision;
    if (same == before->second) reply.policy.revision = same.revision;  // nothing changes
  }
  auto after = state.policies;
  after[reply.policy.name] = reply.policy;
  if (before != state.policies.end()) reply.changes = setting_changes(state, before->second, reply.policy);
  std::ranges::move(policy_changes(state, after), std::back_inserter(reply.changes));
  reply.warnings = not_in_effect(reply.policy);
  const bool can_lock = std::ranges::any_of(
      state.stores, [](const auto& store) { return store.second.abilities.object_lock == Ability::yes; });
  if (reply.policy.lock.count() > 0 && !can_lock) {
    reply.warnings.emplace_back("copies.lock: no store of the fleet can keep objects from being removed");
  }
  for (const auto& store : reply.policy.stores) {
    if (!state.stores.contains(store)) reply.warnings.push_back(fmt::format("there is no store \"{}\" yet", store));
  }
  for (const auto& [name, other] : state.policies) {
    if (name != reply.policy.name && other.match == reply.policy.match) {
      reply.warnings.push_back(fmt::format("policy \"{}\" matches the same labels: the first by name wins", name));
    }
  }
  if (request.dry_run || (before != state.policies.end() && before->second == reply.policy)) return reply;
  turn.put(reply.policy);
  turn.everything_touched = true;
  turn.audit(who, fmt::format("applied policy {} revision {}", reply.policy.name, reply.policy.revision));
  return reply;
}

Answer delete_policy(Turn& turn, const std::string& who, const DeletePolicyRequest& request) {
  CoreState& state = turn.state;
  const auto found = state.policies.find(request.name);
  if (found == state.policies.end())
    return fail(Code::not_found, fmt::format("there is no policy \"{}\"", request.name));
  auto after = state.policies;
  after.erase(request.name);
  DoneReply reply{policy_changes(state, after)};
  reply.lines.insert(reply.lines.begin(), fmt::format("policy {} deleted", request.name));
  turn.remove(Policy(found->second));
  turn.everything_touched = true;
  turn.audit(who, fmt::format("deleted policy {}", request.name));
  return reply;
}

}  // namespace holdfast
