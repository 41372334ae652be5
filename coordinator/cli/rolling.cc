#include "coordinator/cli/rolling.h"

#include <algorithm>
#include <tuple>

namespace holdfast {
namespace {

bool share_a_database(const RollingNode& a, const RollingNode& b) {
  return std::ranges::any_of(a.databases, [&](DatabaseId id) { return b.databases.contains(id); });
}

}  // namespace

std::vector<RollingNode> rolling_nodes(const std::vector<NodeView>& nodes, const std::vector<DatabaseView>& databases) {
  std::vector<RollingNode> out;
  for (const NodeView& view : nodes) {
    RollingNode node;
    node.id = view.node.id;
    node.name = view.node.name;
    for (const DatabaseView& database : databases) {
      for (const Member& member : database.database.members) {
        if (member.node != node.id || !member.present) continue;
        node.databases.insert(database.database.id);
        if (!member.found.standby) node.part = RollingNode::Part::primary;
      }
    }
    out.push_back(std::move(node));
  }
  return out;
}

bool is_down_already(const NodeView& node) {
  return !node.online && node.last_shutdown && node.last_shutdown->kind == JobKind::shutdown &&
         node.last_shutdown->state == JobState::complete;
}

std::vector<std::vector<RollingNode>> waves(std::vector<RollingNode> nodes, std::uint32_t at_a_time) {
  std::ranges::sort(nodes, {}, [](const RollingNode& node) { return std::tie(node.part, node.name); });
  const std::size_t most = std::max(1U, at_a_time);
  std::vector<std::vector<RollingNode>> out;
  for (RollingNode& node : nodes) {
    // Only the last wave is still open: what comes later never overtakes.
    const bool fits =
        !out.empty() && out.back().size() < most && out.back().front().part == node.part &&
        std::ranges::none_of(out.back(), [&](const RollingNode& other) { return share_a_database(node, other); });
    if (!fits) out.emplace_back();
    out.back().push_back(std::move(node));
  }
  return out;
}

}  // namespace holdfast
