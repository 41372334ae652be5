#include "agent/sqlite/header.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace holdfast {
namespace {

constexpr std::string_view magic("SQLite format 3\0", 16);

std::uint32_t word(ByteView header, std::size_t offset) {
  return read_be<std::uint32_t>(header.subspan(offset));
}

}  // namespace

std::optional<SqliteHeader> parse_sqlite_header(ByteView first_bytes) {
  if (first_bytes.size() < sqlite_header_size) return std::nullopt;
  if (!std::ranges::equal(first_bytes.first(magic.size()), as_bytes(magic))) return std::nullopt;
  SqliteHeader header;
  // 65536 does not fit into two bytes and is written as 1.
  const auto stored = read_be<std::uint16_t>(first_bytes.subspan(16));
  header.page_size = stored == 1 ? 65536U : stored;
  if (header.page_size < 512 || !std::has_single_bit(header.page_size)) return std::nullopt;
  // Payload fractions are fixed by the format: a text file that quotes the magic has something else here.
  if (first_bytes[21] != 64 || first_bytes[22] != 32 || first_bytes[23] != 32) return std::nullopt;
  const std::uint8_t write_version = first_bytes[18];
  const std::uint8_t read_version = first_bytes[19];
  if (write_version == 1 && read_version == 1) {
    header.journal = SqliteJournal::rollback;
  } else if (write_version == 2 && read_version == 2) {
    header.journal = SqliteJournal::wal;
  } else {
    header.journal = SqliteJournal::other;
  }
  header.change_counter = word(first_bytes, 24);
  header.schema_cookie = word(first_bytes, 40);
  header.application_id = word(first_bytes, 68);
  header.writer_version = word(first_bytes, 96);
  return header;
}

std::string sqlite_version_text(std::uint32_t number) {
  return fmt::format("{}.{}.{}", number / 1'000'000, number / 1000 % 1000, number % 1000);
}

}  // namespace holdfast
