#include "shared/store/s3/http_date.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace holdfast {

Result<Timestamp> parse_http_date(std::string_view text) {
  static constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  static constexpr std::string_view shape = "www, dd mmm dddd dd:dd:dd GMT";  // w, m: a letter; d: a digit
  const auto refuse = [&] { return fail(Code::invalid, fmt::format("\"{}\" is no HTTP date", text.substr(0, 40))); };
  if (text.size() != shape.size()) return refuse();
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const char c = text[i];
    const bool fits = shape[i] == 'd'                      ? c >= '0' && c <= '9'
                      : shape[i] == 'w' || shape[i] == 'm' ? (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
                                                           : c == shape[i];
    if (!fits) return refuse();
  }
  const auto month = std::ranges::find(months, text.substr(8, 3));
  if (month == months.end()) return refuse();
  auto time = parse_time(fmt::format("{}-{:02}-{}T{}Z", text.substr(12, 4), month - months.begin() + 1,
                                     text.substr(5, 2), text.substr(17, 8)));
  if (!time) return refuse();
  return *time;
}

}  // namespace holdfast
