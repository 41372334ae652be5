#pragma once
// The pages that the WAL is cut into: their headers (src/include/access/xlog_internal.h). Pure. Little-endian servers
// of 64 bits only; a foreign byte order shows itself as an unknown magic.
#include <cstdint>
#include <optional>

#include "shared/base/bytes.h"
#include "shared/postgres/wal_position.h"

namespace holdfast {

constexpr std::size_t wal_page_size = 8192;
constexpr std::size_t short_page_header_size = 24;
constexpr std::size_t long_page_header_size = 40;  // of the first page of each segment

// Major version, 13 to 18, whose pages begin with this number.
std::optional<int> major_of_page_magic(std::uint16_t magic);

constexpr Lsn start_of_page(Lsn lsn) {
  return Lsn(lsn.value() - lsn.value() % wal_page_size);
}
// Records begin at multiples of 8, and so do page headers: MAXALIGN.
constexpr Lsn aligned_up(Lsn lsn) {
  return Lsn((lsn.value() + 7) & ~std::uint64_t{7});
}
constexpr std::size_t page_header_size_at(Lsn page, WalSegmentSize size) {
  return page.value() % size.bytes() == 0 ? long_page_header_size : short_page_header_size;
}

struct WalPageHeader {
  int major_version = 0;
  Timeline timeline{};
  // Bytes that the record which began on an earlier page still needs; 0: none reaches into this page.
  std::uint32_t continued_bytes = 0;
  // The record that reached into this page was cut off by a crash and given up; another begins here.
  bool overwrites_continuation = false;
  std::optional<SystemId> system_id{};  // only in the first page of a segment
};

// `bytes` are page_header_size_at(page, size) bytes. Code::unsupported: a magic of no version from 13 to 18;
// Code::corrupt: not the header of the page at this address, or with flags that nobody knows.
Result<WalPageHeader> parse_page_header(ByteView bytes, Lsn page, WalSegmentSize size);

}  // namespace holdfast
