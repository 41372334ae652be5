#include "coordinator/cli/progress_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "coordinator/cli/human.h"

namespace holdfast {

double part_done(const Progress& progress) {
  if (progress.total_bytes == 0) return 0;
  return std::min(1.0, static_cast<double>(progress.done_bytes) / static_cast<double>(progress.total_bytes));
}

std::optional<double> seconds_left(const Progress& progress) {
  if (progress.total_bytes == 0 || progress.bytes_per_second == 0) return std::nullopt;
  // A database that grows while it is copied passes what was thought to be its size.
  if (progress.done_bytes >= progress.total_bytes) return 0;
  return static_cast<double>(progress.total_bytes - progress.done_bytes) /
         static_cast<double>(progress.bytes_per_second);
}

std::string progress_text(const Progress& progress) {
  std::string out = progress.step;
  if (progress.total_bytes > 0) {
    out += fmt::format("{}{}% of {}", out.empty() ? "" : " ", static_cast<int>(100 * part_done(progress)),
                       human_bytes(progress.total_bytes));
  }
  if (progress.bytes_per_second > 0) out += fmt::format(", {}/s", human_bytes(progress.bytes_per_second));
  if (const auto left = seconds_left(progress)) out += fmt::format(", {} left", human_seconds(*left));
  return out;
}

}  // namespace holdfast
