#include "coordinator/cli/human.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace holdfast {

std::string human_age(Timestamp then, Timestamp now) {
  if (then.is_never()) return "-";
  const std::int64_t seconds = std::max<std::int64_t>(0, (now - then).count() / 1'000'000);
  if (seconds < 120) return fmt::format("{}s", seconds);
  if (seconds < 2 * 3600) return fmt::format("{}m", seconds / 60);
  if (seconds < 2 * 86400) return fmt::format("{}h", seconds / 3600);
  return fmt::format("{}d", seconds / 86400);
}

std::string human_bytes(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 6> units{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (value >= 1023.5 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", value, value < 99.95 ? 1 : 0, units.at(unit));
}

std::string human_seconds(double seconds) {
  if (!(seconds > 0)) return "0s";
  if (seconds < 9.95) return fmt::format("{:.1f}s", seconds);
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 120) return fmt::format("{}s", whole);
  if (whole < 7200) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  return fmt::format("{}h{:02}m", whole / 3600, whole % 3600 / 60);
}

std::string human_time(Timestamp time) {
  if (time.is_never()) return "-";
  std::string text = to_rfc3339(time).substr(0, 19);
  std::replace(text.begin(), text.end(), 'T', ' ');
  return text + "Z";
}

std::string short_id(std::string_view id) {
  return std::string(id.substr(0, 12));
}

std::string printable(std::string_view text) {
  std::string out(text);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto c = static_cast<unsigned char>(out[i]);
    if (c < 0x20 || c == 0x7f) out[i] = '?';
    // C1 controls are two bytes in UTF-8: c2 80 .. c2 9f
    if (c == 0xc2 && i + 1 < out.size() && static_cast<unsigned char>(out[i + 1]) < 0xa0) {
      out[i] = '?';
      out[i + 1] = '?';
    }
  }
  return out;
}

}  // namespace holdfast
