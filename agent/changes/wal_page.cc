#include "agent/changes/wal_page.h"

namespace holdfast {
namespace {

constexpr std::uint16_t first_is_continuation = 0x0001;
constexpr std::uint16_t long_header = 0x0002;
constexpr std::uint16_t backup_blocks_removable = 0x0004;
constexpr std::uint16_t first_overwrites_continuation = 0x0008;
constexpr std::uint16_t all_flags =
    first_is_continuation | long_header | backup_blocks_removable | first_overwrites_continuation;

std::unexpected<Error> bad_page(Lsn page, const std::string& why) {
  return fail(Code::corrupt, fmt::format("WAL page at {}: {}", page, why));
}

Result<> check_long_header(ByteView bytes, Lsn page, WalSegmentSize size) {
  const auto segment_size = read_le<std::uint32_t>(bytes.subspan(32));
  const auto block_size = read_le<std::uint32_t>(bytes.subspan(36));
  if (segment_size != size.bytes()) {
    return bad_page(page, fmt::format("segments of {} bytes, expected were {}", segment_size, size.bytes()));
  }
  if (block_size != wal_page_size) return bad_page(page, fmt::format("pages of {} bytes", block_size));
  return {};
}

}  // namespace

std::optional<int> major_of_page_magic(std::uint16_t magic) {
  switch (magic) {
    case 0xD106:
      return 13;
    case 0xD10D:
      return 14;
    case 0xD110:
      return 15;
    case 0xD113:
      return 16;
    case 0xD116:
      return 17;
    case 0xD118:
      return 18;
    default:
      return std::nullopt;
  }
}

Result<WalPageHeader> parse_page_header(ByteView bytes, Lsn page, WalSegmentSize size) {
  const auto magic = read_le<std::uint16_t>(bytes);
  const auto flags = read_le<std::uint16_t>(bytes.subspan(2));
  const auto address = read_le<std::uint64_t>(bytes.subspan(8));
  const auto continued = read_le<std::uint32_t>(bytes.subspan(16));
  const auto major = major_of_page_magic(magic);
  if (!major) return fail(Code::unsupported, fmt::format("WAL page at {}: unknown magic {:04X}", page, magic));
  if ((flags & ~all_flags) != 0) return bad_page(page, fmt::format("unknown flags {:04X}", flags));
  if (Lsn(address) != page) return bad_page(page, fmt::format("it was written for {}", Lsn(address)));
  const bool is_long = (flags & long_header) != 0;
  if (is_long != (bytes.size() == long_page_header_size)) return bad_page(page, "a header of the wrong length");
  const bool continues = (flags & first_is_continuation) != 0;
  const bool overwrites = (flags & first_overwrites_continuation) != 0;
  if (continues != (continued != 0) || (continues && overwrites)) {
    return bad_page(page, fmt::format("flags {:04X} with {} bytes of a record to come", flags, continued));
  }
  WalPageHeader header{*major, Timeline(read_le<std::uint32_t>(bytes.subspan(4))), continued, overwrites, std::nullopt};
  if (is_long) {
    TRY(check_long_header(bytes, page, size));
    header.system_id = SystemId(read_le<std::uint64_t>(bytes.subspan(24)));
  }
  return header;
}

}  // namespace holdfast
