#include "agent/changes/change_interval.h"

#include <charconv>

#include "shared/base/byte_reader.h"
#include "shared/postgres/crc32c.h"

namespace holdfast {
namespace {

constexpr std::string_view magic = "HFCI0001";

struct Header {
  SystemId system;
  ChangeInterval interval;
};

std::unexpected<Error> broken(std::string_view why) {
  return fail(Code::corrupt, fmt::format("an interval of changed blocks: {}", why));
}

Result<Header> decode_header(ByteView bytes) {
  if (bytes.size() < interval_header_size) return broken("it is too short");
  if (as_text(bytes.first(magic.size())) != magic) return broken("it does not begin like one");
  const ByteView summed = bytes.first(interval_header_size - sizeof(std::uint32_t));
  ByteReader from(bytes.subspan(magic.size()));
  Header header;
  header.system = SystemId(from.be<std::uint64_t>());
  header.interval.timeline = Timeline(from.be<std::uint32_t>());
  header.interval.from = Lsn(from.be<std::uint64_t>());
  header.interval.to = Lsn(from.be<std::uint64_t>());
  if (from.be<std::uint32_t>() != crc32c(summed)) return broken("the checksum of its header does not fit");
  return header;
}

template <class T>
bool parse_hex(std::string_view digits, T& value) {
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return problem == std::errc() && end == digits.data() + digits.size();
}

}  // namespace

std::string interval_name(const ChangeInterval& interval) {
  return fmt::format("{:08X}-{:016X}-{:016X}", interval.timeline.value(), interval.from.value(), interval.to.value());
}

std::optional<ChangeInterval> parse_interval_name(std::string_view name) {
  constexpr std::size_t length = 8 + 1 + 16 + 1 + 16;
  if (name.size() != length) return std::nullopt;
  std::uint32_t timeline = 0;
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  if (!parse_hex(name.substr(0, 8), timeline) || !parse_hex(name.substr(9, 16), from) ||
      !parse_hex(name.substr(26), to)) {
    return std::nullopt;
  }
  const ChangeInterval interval{Timeline(timeline), Lsn(from), Lsn(to)};
  if (interval_name(interval) != name || timeline == 0 || from >= to) return std::nullopt;
  return interval;
}

Bytes encode_interval(SystemId system, const ChangeInterval& interval, const ChangeMap& map) {
  Bytes out = to_bytes(as_bytes(magic));
  append_be(out, system.value());
  append_be(out, interval.timeline.value());
  append_be(out, interval.from.value());
  append_be(out, interval.to.value());
  append_be(out, crc32c(out));
  append(out, map.encode());
  return out;
}

Result<ChangeMap> decode_interval(ByteView bytes, SystemId system, const ChangeInterval& interval,
                                  ChangeMap::Limits limits) {
  const Header header = TRY(decode_header(bytes));
  if (header.system != system) return broken(fmt::format("it is of the cluster {}", header.system));
  if (header.interval != interval) return broken(fmt::format("it is that of {}", interval_name(header.interval)));
  return ChangeMap::decode(bytes.subspan(interval_header_size), limits);
}

Result<SystemId> interval_system(ByteView bytes) {
  const Header header = TRY(decode_header(bytes));
  return header.system;
}

}  // namespace holdfast
