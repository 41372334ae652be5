#include "agent/postgres/copy_plan.h"

#include <algorithm>

namespace holdfast {

std::vector<CopyUnit> plan_copy(const std::vector<DataFile>& entries, std::string_view left_out,
                                const CopyPlanLimits& limits) {
  std::vector<CopyUnit> units;
  CopyUnit bundle;
  std::uint64_t bundled = 0;
  const auto close_bundle = [&] {
    if (!bundle.empty()) units.push_back(std::exchange(bundle, {}));
    bundled = 0;
  };
  for (std::size_t index = 0; index < entries.size(); ++index) {
    const DataFile& file = entries[index];
    if (file.kind != FileKind::file || file.size == 0 || file.path == left_out) continue;
    if (file.size < limits.bundle) {
      if (bundled + file.size > limits.bundle) close_bundle();
      bundle.push_back({index, 0, file.size});
      bundled += file.size;
      continue;
    }
    for (std::uint64_t offset = 0; offset < file.size; offset += limits.span) {
      units.push_back({{index, offset, std::min(limits.span, file.size - offset)}});
    }
  }
  close_bundle();
  return units;
}

}  // namespace holdfast
