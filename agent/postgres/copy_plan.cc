#include "agent/postgres/copy_plan.h"

#include <algorithm>

namespace holdfast {

std::vector<CopyUnit> gather_units(const std::vector<FileSpan>& spans, const CopyPlanLimits& limits) {
  std::vector<CopyUnit> units;
  CopyUnit bundle;
  std::uint64_t bundled = 0;
  const auto close_bundle = [&] {
    if (!bundle.empty()) units.push_back(std::exchange(bundle, {}));
    bundled = 0;
  };
  for (const FileSpan& span : spans) {
    if (span.length < limits.bundle) {
      if (bundled + span.length > limits.bundle) close_bundle();
      bundle.push_back(span);
      bundled += span.length;
      continue;
    }
    for (std::uint64_t done = 0; done < span.length; done += limits.span) {
      units.push_back({{span.entry, span.offset + done, std::min(limits.span, span.length - done)}});
    }
  }
  close_bundle();
  return units;
}

std::vector<CopyUnit> plan_copy(const std::vector<DataFile>& entries, std::string_view left_out,
                                const CopyPlanLimits& limits) {
  std::vector<FileSpan> spans;
  for (std::size_t index = 0; index < entries.size(); ++index) {
    const DataFile& file = entries[index];
    if (file.kind != FileKind::file || file.size == 0 || file.path == left_out) continue;
    spans.push_back({index, 0, file.size});
  }
  return gather_units(spans, limits);
}

}  // namespace holdfast
