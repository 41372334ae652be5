#include "shared/postgres/wal_position.h"

#include <bit>
#include <charconv>
#include <optional>

namespace holdfast {
namespace {

bool is_upper_hex(std::string_view text) {
  return text.find_first_not_of("0123456789ABCDEF") == std::string_view::npos;
}

template <class T>
std::optional<T> parse_number(std::string_view text, int base) {
  T value{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::uint32_t upper_hex_value(std::string_view digits) {
  return *parse_number<std::uint32_t>(digits, 16);
}

constexpr std::size_t segment_digits = 24;

bool is_segment_name(std::string_view name) {
  return name.size() == segment_digits && is_upper_hex(name) && upper_hex_value(name.substr(0, 8)) != 0;
}

}  // namespace

std::string to_text(Lsn lsn) {
  return fmt::format("{:X}/{:X}", lsn.value() >> 32, lsn.value() & 0xFFFFFFFF);
}

Result<Lsn> parse_lsn(std::string_view text) {
  const auto slash = text.find('/');
  if (slash != std::string_view::npos) {
    const std::string_view high_text = text.substr(0, slash);
    const std::string_view low_text = text.substr(slash + 1);
    const auto high = parse_number<std::uint32_t>(high_text, 16);
    const auto low = parse_number<std::uint32_t>(low_text, 16);
    if (high && low && high_text.size() <= 8 && low_text.size() <= 8) {
      return Lsn((std::uint64_t{*high} << 32) | *low);
    }
  }
  return fail(Code::invalid, fmt::format("\"{}\" is not a WAL position", text), "write it like 16/B374D848");
}

Result<SystemId> parse_system_id(std::string_view text) {
  const auto value = parse_number<std::uint64_t>(text, 10);
  if (!value) return fail(Code::invalid, fmt::format("\"{}\" is not a system identifier", text));
  return SystemId(*value);
}

Result<Timeline> parse_timeline(std::string_view text) {
  const auto value = parse_number<std::uint32_t>(text, 10);
  if (!value || *value == 0) return fail(Code::invalid, fmt::format("\"{}\" is not a timeline", text));
  return Timeline(*value);
}

Result<WalSegmentSize> WalSegmentSize::of(std::uint64_t bytes) {
  if (!std::has_single_bit(bytes) || bytes < (1U << 20U) || bytes > (1U << 30U)) {
    return fail(Code::invalid, fmt::format("{} bytes is no WAL segment size", bytes));
  }
  return WalSegmentSize(static_cast<std::uint32_t>(bytes));
}

WalSegment segment_at(Timeline timeline, Lsn lsn, WalSegmentSize size) {
  return {timeline, lsn.value() / size.bytes()};
}

WalSegment segment_before(Timeline timeline, Lsn lsn, WalSegmentSize size) {
  return {timeline, (lsn.value() - 1) / size.bytes()};
}

Lsn start_of(const WalSegment& segment, WalSegmentSize size) {
  return Lsn(segment.number * size.bytes());
}

Lsn end_of(const WalSegment& segment, WalSegmentSize size) {
  return Lsn((segment.number + 1) * size.bytes());
}

std::string segment_name(const WalSegment& segment, WalSegmentSize size) {
  const std::uint64_t per_log_file = (std::uint64_t{1} << 32) / size.bytes();
  return fmt::format("{:08X}{:08X}{:08X}", segment.timeline.value(), segment.number / per_log_file,
                     segment.number % per_log_file);
}

Result<WalSegment> parse_segment_name(std::string_view name, WalSegmentSize size) {
  if (!is_segment_name(name)) return fail(Code::invalid, fmt::format("\"{}\" is not the name of a WAL segment", name));
  const std::uint64_t per_log_file = (std::uint64_t{1} << 32) / size.bytes();
  const std::uint64_t low = upper_hex_value(name.substr(16, 8));
  if (low >= per_log_file) {
    return fail(Code::invalid, fmt::format("\"{}\" is not the name of a WAL segment of {} bytes", name, size.bytes()));
  }
  return WalSegment{Timeline(upper_hex_value(name.substr(0, 8))),
                    upper_hex_value(name.substr(8, 8)) * per_log_file + low};
}

std::string history_name(Timeline timeline) {
  return fmt::format("{:08X}.history", timeline.value());
}

Result<WalFileName> classify_wal_file(std::string_view name) {
  const std::string_view first = name.substr(0, segment_digits);
  const auto wal_file = [&](WalFileKind kind) {
    return WalFileName{kind, Timeline(upper_hex_value(name.substr(0, 8))), std::string(first)};
  };
  if (is_segment_name(first)) {
    const std::string_view rest = name.substr(segment_digits);
    if (rest.empty()) return wal_file(WalFileKind::segment);
    if (rest == ".partial") return wal_file(WalFileKind::partial);
    if (rest.size() == 16 && rest[0] == '.' && is_upper_hex(rest.substr(1, 8)) && rest.ends_with(".backup")) {
      return wal_file(WalFileKind::backup_history);
    }
  } else if (name.size() == 16 && is_upper_hex(name.substr(0, 8)) && name.ends_with(".history")) {
    const Timeline timeline(upper_hex_value(name.substr(0, 8)));
    if (timeline != Timeline()) return WalFileName{WalFileKind::history, timeline, {}};
  }
  return fail(Code::invalid, fmt::format("\"{}\" is not the name of a WAL file", name));
}

}  // namespace holdfast
