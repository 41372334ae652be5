#pragma once
// How many backups are at work, and whether one more fits. Pure.
#include <map>
#include <string>
#include <vector>

#include "shared/base/ids.h"
#include "shared/policy/policy.h"

namespace holdfast {

// Where a backup works.
struct SlotPlace {
  NodeId node;
  std::string zone;  // empty: its node says none, and no limit of a zone counts it
  std::vector<std::string> stores;
};

class SlotLoad {
 public:
  void add(const SlotPlace& place);
  // Which limit of the policy one more at this place would exceed, in a sentence; empty: none. Limits count backups of
  // whatever policy; 0 is no limit.
  std::string obstacle(const SlotPlace& place, const Policy& policy) const;

 private:
  std::uint32_t fleet_ = 0;
  std::map<NodeId, std::uint32_t> by_node_;
  std::map<std::string, std::uint32_t> by_zone_;
  std::map<std::string, std::uint32_t> by_store_;
};

}  // namespace holdfast
