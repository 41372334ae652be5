#pragma once
// What nodes say about themselves: hello, heartbeat, and silence.
#include "coordinator/core/state.h"

namespace holdfast {

// A node that misses this many heartbeats is offline.
constexpr std::int64_t missed_beats = 3;

// Notes that the node is there; the first message after silence brings it back online, but for one that has said its
// last word: that is back with its next hello.
void node_heard(Turn& turn, const Node& node, const MessageBody& what);
void node_hello(Turn& turn, const MessageCame& event, const Node& node, const Hello& hello);
void node_heartbeat(Turn& turn, const MessageCame& event, const Node& node, const Heartbeat& heartbeat);
// Nodes that have been silent for too long; times of last contact, stored coarsely.
void watch_nodes(Turn& turn);

// When the node was last heard, in memory or as stored.
Timestamp last_seen(const CoreState& state, const Node& node);
// Long enough silent, and we have been listening for that long.
bool is_offline(const CoreState& state, const Node& node, Timestamp now);
// Positive: the node's clock is ahead. Beyond this it is worth a sentence.
constexpr std::int64_t clock_offset_alert_ms = 30'000;

}  // namespace holdfast
