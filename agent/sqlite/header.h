#pragma once
// The first 100 bytes of a SQLite database. Pure.
#include <cstdint>
#include <optional>
#include <string>

#include "shared/base/bytes.h"

namespace holdfast {

constexpr std::size_t sqlite_header_size = 100;

// other: a version this SQLite does not know, for example the "wal2" branch.
enum class SqliteJournal : std::uint8_t { rollback, wal, other };

struct SqliteHeader {
  std::uint32_t page_size = 0;
  SqliteJournal journal = SqliteJournal::rollback;
  std::uint32_t change_counter = 0;  // counts transactions in rollback mode; in WAL mode it may stand still
  std::uint32_t schema_cookie = 0;
  std::uint32_t application_id = 0;
  std::uint32_t writer_version = 0;  // 3040001: the library that wrote last
  friend bool operator==(const SqliteHeader&, const SqliteHeader&) = default;
};

// nullopt: not a SQLite database (or one that is encrypted as a whole, which looks the same).
std::optional<SqliteHeader> parse_sqlite_header(ByteView first_bytes);

std::string sqlite_version_text(std::uint32_t number);  // 3040001 -> "3.40.1"

}  // namespace holdfast
