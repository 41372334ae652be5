#pragma once
// In which order many nodes come to their end. Pure.
#include <set>
#include <string>
#include <vector>

#include "shared/wire/messages.h"

namespace holdfast {

struct RollingNode {
  NodeId id;
  std::string name;
  std::set<DatabaseId> databases;
  // Some of its databases takes writes here: it comes after every node that has standbys only.
  enum class Part : std::uint8_t { standby, primary } part = Part::standby;
  friend bool operator==(const RollingNode&, const RollingNode&) = default;
};

// Of the nodes that were selected, by all databases of the fleet.
std::vector<RollingNode> rolling_nodes(const std::vector<NodeView>& nodes, const std::vector<DatabaseView>& databases);

// Shut down already, and not come back since: whoever begins again goes on behind it.
bool is_down_already(const NodeView& node);

// Waves of at most `at_a_time` nodes (0 counts as 1), one after the other: standbys before primaries, each by name, and
// never two nodes of one database in one wave.
std::vector<std::vector<RollingNode>> waves(std::vector<RollingNode> nodes, std::uint32_t at_a_time);

}  // namespace holdfast
