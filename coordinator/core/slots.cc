#include "coordinator/core/slots.h"

#include <fmt/format.h>

#include <algorithm>

#include "coordinator/core/assignment.h"
#include "coordinator/core/sessions.h"
#include "shared/fleet/words.h"

namespace holdfast {
namespace {

constexpr std::chrono::seconds ask_again_first{5};  // who is next
constexpr std::chrono::seconds ask_again_last{120};
constexpr std::size_t waiters_a_second = 1;  // so that a long queue does not ask all the time
constexpr std::chrono::minutes ask_again_refused{1};
constexpr std::chrono::seconds late_by{30};  // whoever does not come back by then has lost its place
// Nobody is due longer than this: a node's clock that is years behind must not put it before all others for good.
constexpr std::chrono::hours oldest_due{24 * 7};

std::string zone_of(const Node& node) {
  const auto zone = node.labels.find("zone");
  return zone == node.labels.end() ? std::string() : zone->second;
}

SlotPlace place_of(const CoreState& state, DatabaseId id, NodeId node_id) {
  SlotPlace place;
  place.node = node_id;
  const auto node = state.nodes.find(node_id);
  if (node != state.nodes.end()) place.zone = zone_of(node->second);
  const Database* database = state.database(id);
  const Policy* policy = database == nullptr ? nullptr : policy_of(state, *database);
  if (policy != nullptr) place.stores = chosen_stores(state, *policy, node_id);
  return place;
}

bool works(const CoreState& state, const Job& job, Timestamp now) {
  if (job.kind != JobKind::backup || state.orders.contains(job.id)) return false;  // an order that nobody took yet
  const auto node = state.nodes.find(job.node);
  if (node == state.nodes.end() || node->second.state == NodeState::revoked) return false;
  return now - std::max(last_seen(state, node->second), state.loaded_at) < silent_backup_counts;
}

bool takes_work(const CoreState& state, NodeId id) {
  const auto node = state.nodes.find(id);
  return node != state.nodes.end() && node->second.state == NodeState::active;
}

std::string obstacle(const CoreState& state, const SlotLoad& load, DatabaseId id, NodeId node) {
  const Database* database = state.database(id);
  const Policy* policy = database == nullptr ? nullptr : policy_of(state, *database);
  return policy == nullptr ? std::string() : load.obstacle(place_of(state, id, node), *policy);
}

// Somebody else backs the same database up, or may: a group whose schedule has just moved.
std::string taken_elsewhere(const CoreState& state, DatabaseId database, NodeId node, Timestamp now) {
  const auto sentence = [&](NodeId other) {
    return fmt::format("node \"{}\" of its group backs it up", state.node_name(other));
  };
  const auto lease = state.slots.leases.find(database);
  if (lease != state.slots.leases.end() && lease->second.node != node && now < lease->second.until) {
    return sentence(lease->second.node);
  }
  for (const JobId id : state.open_jobs) {
    const Job& job = state.jobs.at(id).job;
    if (job.database == database && job.node != node && works(state, job, now)) return sentence(job.node);
  }
  return {};
}

// Why it is not to ask at all now; empty: it may.
std::string refusal(const CoreState& state, const Node& node, DatabaseId database) {
  if (!state.has_member(database, node.id)) return "the database is not on the node";
  if (node.state == NodeState::active) return {};
  return node.state == NodeState::draining ? "the node is draining" : "the node is cordoned";
}

void leave_queue(SlotState& slots, DatabaseId database) {
  const auto queued = slots.queued.find(database);
  if (queued == slots.queued.end()) return;
  slots.queue.erase({queued->second, database});
  slots.queued.erase(queued);
}

// Its place; it keeps the one that it has, so that a newer run of the same database does not have to begin at the end.
std::size_t queue_up(Turn& turn, DatabaseId database, NodeId node, Timestamp due_at) {
  SlotState& slots = turn.state.slots;
  const Timestamp since = std::clamp(due_at, turn.now - oldest_due, turn.now);
  const auto queued = slots.queued.try_emplace(database, since).first;
  const auto place = slots.queue.try_emplace({queued->second, database}).first;
  place->second.node = node;
  return static_cast<std::size_t>(std::distance(slots.queue.begin(), place));
}

// What stands in its way when everybody before it has got what there is for them.
std::string obstacle_in_queue(const CoreState& state, DatabaseId database, NodeId node, Timestamp now) {
  SlotLoad load = slot_load(state, database, now);
  std::string why = obstacle(state, load, database, node);
  if (!why.empty()) return why;
  for (const auto& [place, waiter] : state.slots.queue) {
    if (place.second == database) break;
    if (!takes_work(state, waiter.node) || !state.is_online(waiter.node)) continue;
    if (!obstacle(state, load, place.second, waiter.node).empty()) continue;
    load.add(place_of(state, place.second, waiter.node));
    why = obstacle(state, load, database, node);
    if (!why.empty()) return "others have been due for longer: " + why;
  }
  return {};
}

Micros ask_again(std::size_t place) {
  const auto after = ask_again_first + std::chrono::seconds(place / waiters_a_second);
  return std::min<Micros>(after, ask_again_last);
}

}  // namespace

SlotLoad slot_load(const CoreState& state, DatabaseId without, Timestamp now) {
  SlotLoad load;
  std::set<DatabaseId> counted{without};
  for (const JobId id : state.open_jobs) {
    const Job& job = state.jobs.at(id).job;
    if (job.database == without || !works(state, job, now)) continue;
    load.add(place_of(state, job.database, job.node));
    counted.insert(job.database);
  }
  for (const auto& [database, lease] : state.slots.leases) {
    if (now < lease.until && counted.insert(database).second) load.add(place_of(state, database, lease.node));
  }
  return load;
}

void slot_asked(Turn& turn, const MessageCame& event, const Node& node, const SlotRequest& request) {
  CoreState& state = turn.state;
  const DatabaseId id = request.database;
  const auto answer = [&](Micros wait, std::string why) {
    SlotReply reply;
    reply.database = id;
    reply.granted = why.empty();
    reply.wait = wait;
    reply.reason = std::move(why);
    turn.send(event.door, event.peer, std::move(reply), event.message.id);
  };
  if (std::string why = refusal(state, node, id); !why.empty()) return answer(ask_again_refused, std::move(why));
  const Timestamp ready = state.slots.granted_from;
  if (turn.now < ready) {
    return answer(std::max<Micros>(ready - turn.now, ask_again_first),
                  "the coordinator has just begun and hears first what runs");
  }
  const std::size_t place = queue_up(turn, id, node.id, request.due_at);
  std::string why = taken_elsewhere(state, id, node.id, turn.now);
  if (why.empty()) why = obstacle_in_queue(state, id, node.id, turn.now);
  if (!why.empty()) {
    const Micros wait = ask_again(place);
    state.slots.queue.at({state.slots.queued.at(id), id}).until = turn.now + wait + late_by;
    return answer(wait, std::move(why));
  }
  leave_queue(state.slots, id);
  state.slots.leases[id] = {node.id, request.due_at, turn.now + slot_lease};
  answer(slot_lease, {});
}

// An old report that comes again is not the word that the lease waits for.
void slot_taken(Turn& turn, const Job& job) {
  SlotState& slots = turn.state.slots;
  const bool works_now = !is_final(job.state) && !turn.state.orders.contains(job.id);
  if (works_now) leave_queue(slots, job.database);
  const auto lease = slots.leases.find(job.database);
  if (lease == slots.leases.end() || lease->second.node != job.node) return;
  if (works_now || job.due_at == lease->second.due_at) slots.leases.erase(lease);
}

void watch_slots(Turn& turn) {
  SlotState& slots = turn.state.slots;
  const auto gone = [&](NodeId id) {
    const auto node = turn.state.nodes.find(id);
    return node == turn.state.nodes.end() || node->second.state == NodeState::revoked;
  };
  std::erase_if(slots.leases,
                [&](const auto& entry) { return turn.now >= entry.second.until || gone(entry.second.node); });
  std::vector<DatabaseId> away;
  for (const auto& [place, waiter] : slots.queue) {
    if (turn.now >= waiter.until || gone(waiter.node)) away.push_back(place.second);
  }
  for (const DatabaseId database : away) leave_queue(slots, database);
}

}  // namespace holdfast
