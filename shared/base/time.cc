#include "shared/base/time.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>

namespace holdfast {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t micros;
};
constexpr std::array<Unit, 6> units{
    {{"us", 1}, {"ms", 1'000}, {"s", 1'000'000}, {"m", 60'000'000}, {"h", 3'600'000'000}, {"d", 86'400'000'000}}};

// Reads fixed-width decimal fields from the front of a text.
class Fields {
 public:
  explicit Fields(std::string_view text) : rest_(text) {}
  std::optional<int> number(std::size_t width) {
    if (rest_.size() < width) return std::nullopt;
    int value = 0;
    for (const char c : rest_.substr(0, width)) {
      if (c < '0' || c > '9') return std::nullopt;
      value = value * 10 + (c - '0');
    }
    rest_.remove_prefix(width);
    return value;
  }
  bool literal(std::string_view any_of) {
    if (rest_.empty() || any_of.find(rest_[0]) == std::string_view::npos) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool done() const { return rest_.empty(); }
  char peek() const { return rest_.empty() ? '\0' : rest_[0]; }

 private:
  std::string_view rest_;
};

// Digits after the point, at most six count; more are cut off.
std::optional<std::int64_t> fraction_micros(Fields& fields) {
  std::int64_t value = 0;
  std::int64_t scale = 100'000;
  int digits = 0;
  while (fields.peek() >= '0' && fields.peek() <= '9') {
    value += scale * fields.number(1).value_or(0);
    scale /= 10;
    ++digits;
  }
  return digits == 0 ? std::nullopt : std::optional(value);
}

std::optional<std::int64_t> offset_micros(Fields& fields) {
  if (fields.done() || fields.literal("Zz")) return 0;
  const bool east = fields.peek() == '+';
  if (!fields.literal("+-")) return std::nullopt;
  const auto hours = fields.number(2);
  if (!hours || *hours > 23) return std::nullopt;
  fields.literal(":");
  const auto minutes = fields.done() ? std::optional(0) : fields.number(2);
  if (!minutes || *minutes > 59) return std::nullopt;
  const std::int64_t offset = (*hours * 60 + *minutes) * 60'000'000LL;
  return east ? offset : -offset;
}

std::optional<Timestamp> read_time(std::string_view text) {
  Fields fields(text);
  const auto year = fields.number(4);
  if (!year || !fields.literal("-")) return std::nullopt;
  const auto month = fields.number(2);
  if (!month || !fields.literal("-")) return std::nullopt;
  const auto day = fields.number(2);
  if (!day || !fields.literal("Tt ")) return std::nullopt;
  const auto hour = fields.number(2);
  if (!hour || *hour > 23 || !fields.literal(":")) return std::nullopt;
  const auto minute = fields.number(2);
  if (!minute || *minute > 59 || !fields.literal(":")) return std::nullopt;
  const auto second = fields.number(2);
  if (!second || *second > 60) return std::nullopt;
  std::int64_t fraction = 0;
  if (fields.literal(".")) {
    const auto read = fraction_micros(fields);
    if (!read) return std::nullopt;
    fraction = *read;
  }
  const auto offset = offset_micros(fields);
  if (!offset || !fields.done()) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t seconds = days * 86'400 + *hour * 3'600 + *minute * 60 + *second;
  return Timestamp::from_micros(seconds * 1'000'000 + fraction - *offset);
}

}  // namespace

std::string to_rfc3339(Timestamp time) {
  using std::chrono::floor;
  const std::chrono::sys_time<Micros> point{Micros(time.micros())};
  const auto day = floor<std::chrono::days>(point);
  const std::chrono::year_month_day date(day);
  const std::int64_t in_day = (point - day).count();
  const std::int64_t second = in_day / 1'000'000;
  const std::int64_t fraction = in_day % 1'000'000;
  auto text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                          static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), second / 3600,
                          second / 60 % 60, second % 60);
  if (fraction != 0) text += fmt::format(".{:06}", fraction);
  return text + "Z";
}

Result<Timestamp> parse_time(std::string_view text) {
  if (const auto time = read_time(text)) return *time;
  return fail(Code::invalid, fmt::format("\"{}\" is not a time", text),
              "write RFC 3339, for example 2026-11-21T01:10:46Z or 2026-11-21T02:10:46+01:00");
}

Result<Micros> parse_duration(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (problem == std::errc() && number >= 0) {
    for (const auto& known : units) {
      if (unit == known.name && number <= INT64_MAX / known.micros) return Micros(number * known.micros);
    }
  }
  return fail(Code::invalid, fmt::format("\"{}\" is not a duration", text), "write a number and us, ms, s, m, h or d");
}

std::string to_text(Micros duration) {
  for (auto unit = units.rbegin(); unit != units.rend(); ++unit) {
    // Above a day in hours reads better than days for things like 24h, so days need two of them.
    const bool days = unit->name == "d";
    if (duration.count() != 0 && duration.count() % unit->micros == 0 &&
        !(days && duration.count() < 2 * unit->micros)) {
      return fmt::format("{}{}", duration.count() / unit->micros, unit->name);
    }
  }
  return "0s";
}

}  // namespace holdfast
