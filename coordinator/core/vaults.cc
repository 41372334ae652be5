#include "coordinator/core/vaults.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "coordinator/core/access_rules.h"
#include "coordinator/core/passes.h"
#include "coordinator/core/selection.h"
#include "shared/identity/grant.h"

namespace holdfast {
namespace {

constexpr std::string_view endpoint_label = "vault";
constexpr int default_port = 7410;
// A standing grant is another one each day and lives so much longer: for that long the fleet goes on writing without
// its coordinator.
constexpr Micros renewed_every = std::chrono::hours(24);
constexpr Micros standing_life = std::chrono::hours(24 * 15);
constexpr Micros order_life = std::chrono::hours(72);
constexpr Micros look_every = std::chrono::seconds(30);
// Of one node in one vault; the databases beyond do not get there.
constexpr std::size_t rules_limit = 1800;
constexpr std::size_t rules_of_one = 3;

// The beginning of the day of this node's grants: days of different nodes begin at different times.
Timestamp issue_time(NodeId node, Timestamp now) {
  const Micros offset = std::chrono::seconds(read_be<std::uint32_t>(node.bytes()) % 86'400);
  const std::int64_t day = (now.micros() - offset.count()) / renewed_every.count();
  return Timestamp::from_micros(day * renewed_every.count() + offset.count());
}

Bytes issue(const CoreState& state, VaultGrant grant) {
  grant.fleet = state.identity.fleet;
  return issue_grant(state.identity.intermediate_certificate, state.identity.intermediate, grant);
}

std::vector<GrantRule> standing_rules(const Assignment& assignment, const std::string& store) {
  std::vector<GrantRule> rules;
  for (const Assigned& assigned : assignment.databases) {
    const bool writes = assigned.active || takes_backups(assigned);
    if (!writes || !assigned.protect || rules.size() + rules_of_one > rules_limit) continue;
    const bool here = std::ranges::find(assigned.stores, store) != assigned.stores.end();
    std::ranges::move(here ? writer_rules(assigned.database) : looker_rules(assigned.database),
                      std::back_inserter(rules));
  }
  if (!rules.empty()) rules.push_back({"fleet.record", GrantVerb::put | GrantVerb::stat});
  return rules;
}

struct StoresOfOrder {
  DatabaseId database;  // null: none
  std::vector<StoreInfo*> read;
  std::vector<StoreInfo*> filled;  // and read
};
struct FindStores {
  StoresOfOrder operator()(RestoreOrder& order) const { return {order.target.database, all_of(order.stores), {}}; }
  StoresOfOrder operator()(VerifyOrder& order) const { return {order.database, all_of(order.stores), {}}; }
  StoresOfOrder operator()(StoreCheckOrder& order) const { return {{}, {&order.store}, {}}; }
  StoresOfOrder operator()(CopyOrder& order) const { return {order.database, all_of(order.sources), {&order.target}}; }
  StoresOfOrder operator()(ScrubOrder& order) const {
    StoresOfOrder out{order.database, all_of(order.others), {}};
    out.read.push_back(&order.store);
    return out;
  }
  StoresOfOrder operator()(auto&) const { return {}; }

 private:
  static std::vector<StoreInfo*> all_of(std::vector<StoreInfo>& stores) {
    std::vector<StoreInfo*> out;
    for (StoreInfo& store : stores) out.push_back(&store);
    return out;
  }
};

Bytes order_grant(const CoreState& state, const Node& node, Timestamp now, StoreId store,
                  std::vector<GrantRule> rules) {
  VaultGrant grant;
  grant.store = store;
  grant.holder = node.curve;
  grant.use = GrantUse::order;
  grant.epoch = state.identity.epoch;
  grant.issued = now;
  grant.expires = now + order_life;
  grant.rules = std::move(rules);
  return issue(state, std::move(grant));
}

Result<> check_free_place(const CoreState& state, const AddStoreRequest& request, const Node& node) {
  for (const auto& [name, store] : state.stores) {
    if (name == request.name) return fail(Code::already_exists, fmt::format("there is a store \"{}\" already", name));
    if (store.kind == StoreKind::peer && store.peer.node == node.id && store.path == request.path) {
      return fail(Code::conflict, fmt::format("store \"{}\" has that path of node \"{}\" already", name, node.name));
    }
  }
  return {};
}

}  // namespace

std::string vault_endpoint(const Node& node) {
  const auto label = node.labels.find(std::string(endpoint_label));
  if (label != node.labels.end()) return "tcp://" + label->second;
  const bool version_6 = node.address.find(':') != std::string::npos;
  return fmt::format("tcp://{}:{}", version_6 ? "[" + node.address + "]" : node.address, default_port);
}

Answer add_vault(Turn& turn, const std::string& who, const AddStoreRequest& request) {
  const NodeId id = TRY(find_node(turn.state, request.peer_node));
  const Node& node = turn.state.nodes.at(id);
  if (node.state == NodeState::revoked || node.state == NodeState::pending) {
    return fail(Code::conflict, fmt::format("node \"{}\" is not one of the fleet's now", node.name));
  }
  if (!request.path.starts_with('/') || request.path.find("/../") != std::string::npos) {
    return fail(Code::invalid, fmt::format("\"{}\" is not an absolute path", request.path));
  }
  TRY(check_free_place(turn.state, request, node));
  StoreInfo store;
  store.id = turn.state.entropy->id<StoreId>();
  store.name = request.name;
  store.kind = StoreKind::peer;
  store.path = request.path;
  store.zone = request.zone;
  store.created_at = turn.now;
  store.peer = {id, vault_endpoint(node), node.curve, request.quota_bytes, {}};
  turn.put(store);
  turn.everything_touched = true;
  turn.audit(who, fmt::format("added store {} at {} of node {}", store.name, store.path, node.name));
  return DoneReply{
      {fmt::format("store {} added: node {} keeps it, reached at {}", store.name, node.name, store.peer.endpoint)}};
}

void add_vaults(const CoreState& state, const Node& node, Timestamp now, Assignment& assignment) {
  for (StoreInfo& store : assignment.stores) {
    if (store.kind != StoreKind::peer) continue;
    if (store.peer.node == node.id) {
      assignment.vaults.push_back({store.id, store.name, store.path, store.peer.quota_bytes});
    }
    VaultGrant grant;  // without an epoch: a restart of the coordinator changes nothing
    grant.store = store.id;
    grant.holder = node.curve;
    grant.use = GrantUse::standing;
    grant.issued = issue_time(node.id, now);
    grant.expires = grant.issued + standing_life;
    grant.rules = standing_rules(assignment, store.name);
    store.peer.grant = issue(state, std::move(grant));
  }
}

void add_order_grants(const CoreState& state, const Node& node, Timestamp now, Order& order) {
  const StoresOfOrder stores = std::visit(FindStores(), order.body);
  std::vector<GrantRule> reads;
  std::vector<GrantRule> fills;
  if (!stores.database.is_null()) {
    reads = reader_rules(stores.database);
    fills = filler_rules(stores.database);
  }
  for (StoreInfo* store : stores.read) {
    *store = as_hosts_see(std::move(*store));
    if (store->kind == StoreKind::peer) store->peer.grant = order_grant(state, node, now, store->id, reads);
  }
  for (StoreInfo* store : stores.filled) {
    *store = as_hosts_see(std::move(*store));
    if (store->kind == StoreKind::peer) store->peer.grant = order_grant(state, node, now, store->id, fills);
  }
}

void watch_vaults(Turn& turn) {
  CoreState& state = turn.state;
  const Timestamp before = state.vaults_looked_at;
  if (turn.now - before < look_every) return;
  state.vaults_looked_at = turn.now;
  std::vector<StoreInfo> moved;
  bool any = false;
  for (const auto& [name, store] : state.stores) {
    if (store.kind != StoreKind::peer) continue;
    any = true;
    const auto node = state.nodes.find(store.peer.node);
    if (node == state.nodes.end() || node->second.address.empty()) continue;
    StoreInfo now = store;
    now.peer.endpoint = vault_endpoint(node->second);
    now.peer.server = node->second.curve;
    if (now != store) moved.push_back(std::move(now));
  }
  for (const StoreInfo& store : moved) turn.put(store);
  if (!moved.empty()) turn.everything_touched = true;
  if (!any) return;
  for (const auto& [id, node] : state.nodes) {
    if (issue_time(id, before) != issue_time(id, turn.now)) turn.touched_nodes.insert(id);
  }
}

std::vector<std::string> without_own_vaults(const CoreState& state, const std::vector<std::string>& stores, NodeId own,
                                            std::size_t needed) {
  const auto is_own = [&](const std::string& name) {
    const StoreInfo& store = state.stores.at(name);
    return store.kind == StoreKind::peer && store.peer.node == own;
  };
  std::vector<std::string> out;
  std::ranges::copy_if(stores, std::back_inserter(out), std::not_fn(is_own));
  for (const std::string& name : stores) {
    if (out.size() < needed && is_own(name)) out.push_back(name);
  }
  return out;
}

}  // namespace holdfast
