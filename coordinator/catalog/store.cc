#include "coordinator/catalog/store.h"

#include <array>

namespace holdfast {

std::string_view to_string(Family family) {
  static constexpr std::array<std::string_view, family_count> names = {
      "meta",       "nodes",     "databases", "policies", "tokens", "operators", "stores", "backups",
      "wal_ranges", "timelines", "epochs",    "jobs",     "orders", "restores",  "audit",  "replies"};
  const auto index = static_cast<std::size_t>(family);
  return index < names.size() ? names[index] : "unknown";
}

}  // namespace holdfast
