#include "coordinator/core/sessions.h"

#include <fmt/format.h>

#include "coordinator/core/wal_positions.h"

namespace holdfast {
namespace {

constexpr std::chrono::minutes last_seen_stored_every{5};
constexpr std::int64_t clock_offset_step_ms = 1000;  // smaller changes are not worth a row

Micros silence_limit(const CoreState& state) {
  return std::chrono::seconds(missed_beats * std::int64_t{state.identity.heartbeat_seconds});
}

std::int64_t offset_ms(Timestamp theirs, Timestamp ours) {
  return (theirs - ours).count() / 1000;
}

bool moved(std::int64_t a, std::int64_t b) {
  return a - b > clock_offset_step_ms || b - a > clock_offset_step_ms;
}

}  // namespace

void node_heard(Turn& turn, const Node& node, const MessageBody& what) {
  Session& session = turn.state.sessions[node.id];
  session.heard_at = turn.now;
  if (std::holds_alternative<Hello>(what)) session.gone = false;
  if (session.online || session.gone) return;
  session.online = true;
  session.online_since = turn.now;
  session.running_jobs.reset();
  for (const DatabaseId database : turn.state.databases_by_node[node.id]) turn.touched_databases.insert(database);
  turn.touched_nodes.insert(node.id);
}

void node_hello(Turn& turn, const MessageCame& event, const Node& known, const Hello& hello) {
  CoreState& state = turn.state;
  if (hello.version_min > protocol_max || hello.version_max < protocol_min) {
    turn.alert_once(fmt::format("node \"{}\" runs version {}, which this coordinator does not understand", known.name,
                                hello.build));
    turn.refuse(event, Code::unsupported,
                fmt::format("this agent speaks protocol {} to {}, the coordinator {} to {}", hello.version_min,
                            hello.version_max, protocol_min, protocol_max),
                fmt::format("install version {} of holdfast-agent", state.identity.version));
    return;
  }
  if (hello.coordinator_epoch > state.identity.epoch) {
    turn.alert_once(
        fmt::format("node \"{}\" has obeyed a newer coordinator (epoch {})", known.name, hello.coordinator_epoch));
  }
  Node node = known;
  node.facts = hello.facts;
  node.address = event.address;
  node.generation = std::max(node.generation, hello.generation);
  node.clock_offset_ms = offset_ms(hello.clock, turn.now);
  node.last_seen_at = turn.now;
  turn.put(node);

  Session& session = state.sessions[node.id];
  session.running_jobs.reset();
  session.inventory_revision = 0;  // the agent sends its inventory with every session
  session.acked_assignment = hello.assignment_revision;
  session.assignment_sent_at = {};
  AssignmentRow assigned = state.assignments.contains(node.id) ? state.assignments.at(node.id) : AssignmentRow{node.id};
  if (hello.assignment_revision > assigned.revision) {
    // Our catalog is older than what the agent was told: count on from there, so that it accepts the next one.
    assigned.revision = hello.assignment_revision + 1;
    turn.put(assigned);
  }
  for (auto& [id, order] : state.orders) {
    if (order.node == node.id) order.sent_at = {};
  }
  turn.touched_nodes.insert(node.id);

  Welcome welcome;
  welcome.version = std::min(hello.version_max, protocol_max);
  welcome.epoch = state.identity.epoch;
  welcome.heartbeat_seconds = state.identity.heartbeat_seconds;
  welcome.state = node.state;
  welcome.assignment_revision = assigned.revision;
  welcome.clock = turn.now;
  turn.send(event.door, event.peer, welcome, event.message.id);
}

void node_heartbeat(Turn& turn, const MessageCame& event, const Node& known, const Heartbeat& heartbeat) {
  CoreState& state = turn.state;
  const std::int64_t offset = offset_ms(heartbeat.clock, turn.now);
  if (moved(offset, known.clock_offset_ms)) {
    Node node = known;
    node.clock_offset_ms = offset;
    turn.put(node);
  }
  state.sessions[known.id].running_jobs = heartbeat.running_jobs;
  for (const auto& position : heartbeat.positions) wal_position_came(turn, state.nodes.at(known.id), position);
  const auto assigned = state.assignments.find(known.id);
  turn.send(event.door, event.peer,
            HeartbeatAck{state.identity.epoch, assigned == state.assignments.end() ? 0 : assigned->second.revision},
            event.message.id);
}

void watch_nodes(Turn& turn) {
  CoreState& state = turn.state;
  if (!state.grace_over && turn.now - state.loaded_at > silence_limit(state)) {
    state.grace_over = true;
    for (const auto& [id, database] : state.databases) {
      if (database.members.size() > 1) turn.touched_databases.insert(id);
    }
  }
  for (auto& [id, session] : state.sessions) {
    if (!session.online) continue;
    const Node& node = state.nodes.at(id);
    if (turn.now - session.heard_at > silence_limit(state)) {
      session.online = false;
      for (const DatabaseId database : state.databases_by_node[id]) turn.touched_databases.insert(database);
      turn.alert(fmt::format("node \"{}\" is offline: no heartbeat since {}", node.name, to_rfc3339(session.heard_at)));
    }
    if (session.heard_at - node.last_seen_at >= last_seen_stored_every) {
      Node seen = node;
      seen.last_seen_at = session.heard_at;
      turn.put(seen);
    }
  }
}

Timestamp last_seen(const CoreState& state, const Node& node) {
  const auto session = state.sessions.find(node.id);
  return session == state.sessions.end() ? node.last_seen_at : std::max(node.last_seen_at, session->second.heard_at);
}

bool is_offline(const CoreState& state, const Node& node, Timestamp now) {
  return now - std::max(last_seen(state, node), state.loaded_at) > silence_limit(state);
}

}  // namespace holdfast
