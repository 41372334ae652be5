#include "coordinator/core/departures.h"

#include <fmt/format.h>

#include <algorithm>

#include "coordinator/core/jobs.h"
#include "shared/fleet/words.h"

namespace holdfast {
namespace {

// A connected node takes an order at once; when it is gone before, nobody is to be surprised by it later.
constexpr std::chrono::minutes taking_deadline{10};

const Job* under_way(const CoreState& state, NodeId node) {
  for (const JobId id : state.open_jobs) {
    const Job& job = state.jobs.at(id).job;
    if (job.node == node && is_departure(job.kind)) return &job;
  }
  return nullptr;
}

void change_state(Turn& turn, Node node, NodeState state) {
  node.state = state;
  turn.put(node);
  for (const DatabaseId id : turn.state.databases_by_node[node.id]) turn.touched_databases.insert(id);
  turn.touched_nodes.insert(node.id);
}

}  // namespace

Answer order_departure(Turn& turn, const std::string& who, NodeId id, const NodeRequest& request) {
  const Node& node = turn.state.nodes.at(id);
  const bool drains = request.verb == NodeRequest::Verb::drain;
  if (node.state != NodeState::active && node.state != NodeState::cordoned && node.state != NodeState::draining) {
    return fail(Code::conflict, fmt::format("node \"{}\" is no node at work", node.name));
  }
  if (request.deadline.count() < 0) return fail(Code::invalid, "a deadline cannot be negative");
  if (const Job* other = under_way(turn.state, id); other != nullptr && !request.force) {
    return fail(Code::conflict, fmt::format("node \"{}\" is on its way already", node.name),
                fmt::format("holdfast job describe {}; with --force it waits for nothing more", other->id));
  }
  if (!turn.state.is_online(id)) {
    return fail(Code::unavailable, fmt::format("node \"{}\" is not connected", node.name),
                "holdfast node describe " + node.name);
  }
  ShutdownOrder order;
  order.reach = drains                   ? ShutdownReach::drain
                : request.keep_databases ? ShutdownReach::agent
                                         : ShutdownReach::databases;
  order.force = request.force;
  order.drain = request.deadline;
  NewJob job;
  job.kind = drains ? JobKind::drain : JobKind::shutdown;
  job.node = id;
  job.origin = who;
  job.deadline = taking_deadline;
  JobsReply reply;
  reply.jobs.push_back(start_job(turn, job, order));
  if (node.state == NodeState::active) change_state(turn, node, NodeState::draining);
  turn.audit(who, fmt::format("{} node {}{}", drains ? "drains" : "shuts down", node.name,
                              request.force ? ", waiting for nothing" : ""));
  return reply;
}

void departure_ended(Turn& turn, const Job& job) {
  if (!is_departure(job.kind)) return;
  const auto found = turn.state.nodes.find(job.node);
  if (found == turn.state.nodes.end() || found->second.state != NodeState::draining) return;
  if (const Job* other = under_way(turn.state, job.node); other != nullptr && other->id != job.id) return;
  const bool drained = job.kind == JobKind::drain && job.state == JobState::complete;
  // What is ordered of it now would be refused, and who begins a rolling shutdown again is to pass it over.
  if (job.kind == JobKind::shutdown && job.state == JobState::complete) {
    turn.state.sessions[job.node].online = false;
    turn.state.sessions[job.node].gone = true;
  }
  change_state(turn, found->second, drained ? NodeState::cordoned : NodeState::active);
}

void keep_own_receipts(const CoreState& state, Job& job) {
  std::erase_if(job.receipts, [&](const DatabaseReceipt& receipt) {
    return !receipt.database.is_null() && !state.has_member(receipt.database, job.node);
  });
}

}  // namespace holdfast
