#include "shared/schedule/cron.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace holdfast {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 5> shorthands{{{"@hourly", "0 * * * *"},
                                                                                   {"@daily", "0 0 * * *"},
                                                                                   {"@weekly", "0 0 * * 0"},
                                                                                   {"@monthly", "0 0 1 * *"},
                                                                                   {"@yearly", "0 0 1 1 *"}}};
constexpr std::array<std::string_view, 12> month_names{"jan", "feb", "mar", "apr", "may", "jun",
                                                       "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> weekday_names{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct Field {
  std::string_view name;
  unsigned from;
  unsigned to;
  std::span<const std::string_view> names;  // the first one is `from`
};

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto end = text.find_first_of(separators);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
    if (text.empty()) parts.emplace_back();
  }
  return parts;
}

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> out;
  for (const auto part : split(line, " \t")) {
    if (!part.empty()) out.push_back(part);
  }
  return out;
}

std::optional<unsigned> number(std::string_view text) {
  unsigned value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::unexpected<Error> refuse(const Field& field, std::string_view text, std::string_view why) {
  return fail(Code::invalid, fmt::format("\"{}\" in the {} field {}", text, field.name, why));
}

Result<unsigned> value_of(const Field& field, std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  for (unsigned i = 0; i < field.names.size(); ++i) {
    if (lower == field.names[i]) return field.from + i;
  }
  const auto value = number(text);
  if (!value) return refuse(field, text, "is not a number");
  if (*value < field.from || *value > field.to) {
    return refuse(field, text, fmt::format("is not between {} and {}", field.from, field.to));
  }
  return *value;
}

struct Span {
  unsigned first;
  unsigned last;
  unsigned step;
};

// "*", "5", "1-5", each but the single value with "/step".
Result<Span> parse_item(const Field& field, std::string_view item) {
  const auto slash = item.find('/');
  const std::string_view range = item.substr(0, slash);
  Span span{field.from, field.to, 1};
  bool single = false;
  if (range != "*") {
    const auto dash = range.find('-');
    span.first = TRY(value_of(field, range.substr(0, dash)));
    single = dash == std::string_view::npos;
    span.last = single ? span.first : TRY(value_of(field, range.substr(dash + 1)));
    if (span.last < span.first) return refuse(field, item, "runs backwards");
  }
  if (slash == std::string_view::npos) return span;
  if (single) return refuse(field, item, "has a step without a range");
  const auto step = number(item.substr(slash + 1));
  if (!step || *step == 0 || *step > field.to) return refuse(field, item, "has a step that is not a useful number");
  span.step = *step;
  return span;
}

template <std::size_t N>
Result<> parse_field(const Field& field, std::string_view text, std::bitset<N>& into) {
  for (const auto item : split(text, ",")) {
    if (item.empty()) return refuse(field, text, "has an empty item");
    const Span span = TRY(parse_item(field, item));
    for (unsigned value = span.first; value <= span.last; value += span.step) into.set(value % N);
  }
  return {};
}

}  // namespace

bool CronSchedule::matches_day(unsigned month, unsigned day, unsigned weekday) const {
  if (!months[month]) return false;
  if (every_day || every_weekday) return days[day] && weekdays[weekday];
  return days[day] || weekdays[weekday];
}

Result<CronSchedule> parse_cron(std::string_view line) {
  const auto during = [line](Error error) {
    error.hint = "write five fields (minute hour day month weekday) or @hourly, @daily, @weekly, @monthly, @yearly";
    return std::unexpected(std::move(error).during(fmt::format("schedule \"{}\"", line)));
  };
  std::vector<std::string_view> fields = words(line);
  if (fields.size() == 1 && fields[0].starts_with('@')) {
    const auto* const known =
        std::ranges::find(shorthands, fields[0], &std::pair<std::string_view, std::string_view>::first);
    if (known == shorthands.end()) return during(Error{Code::invalid, "an unknown name", {}});
    fields = words(known->second);
  }
  if (fields.size() != 5) {
    return during(Error{Code::invalid, fmt::format("it has {} fields, not five", fields.size()), {}});
  }
  CronSchedule schedule;
  const auto read = [&]() -> Result<> {
    TRY(parse_field({"minute", 0, 59, {}}, fields[0], schedule.minutes));
    TRY(parse_field({"hour", 0, 23, {}}, fields[1], schedule.hours));
    TRY(parse_field({"day-of-month", 1, 31, {}}, fields[2], schedule.days));
    TRY(parse_field({"month", 1, 12, month_names}, fields[3], schedule.months));
    // 0 and 7 are both Sunday: the set is kept modulo 7.
    TRY(parse_field({"day-of-week", 0, 7, weekday_names}, fields[4], schedule.weekdays));
    return {};
  };
  if (auto done = read(); !done) return during(std::move(done).error());
  schedule.every_day = fields[2].starts_with('*');
  schedule.every_weekday = fields[4].starts_with('*');
  return schedule;
}

}  // namespace holdfast
