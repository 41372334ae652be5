#pragma once
// Page checksums, computed and judged as the server does. Pure.
#include <cstdint>

#include "shared/base/bytes.h"
#include "shared/postgres/wal_position.h"

namespace holdfast {

constexpr std::size_t page_size = 8192;
constexpr std::uint32_t relation_segment_pages = 131072;  // 1 GiB: a relation's file ends here, the next goes on

// Of a page of `page_size` bytes; `block` counts from the start of the whole relation, not of its file.
std::uint16_t page_checksum(ByteView page, std::uint32_t block);

// Where the WAL record ends that changed it last (pd_lsn, src/include/storage/bufpage.h); 0: none did.
Lsn page_lsn(ByteView page);

enum class PageVerdict : std::uint8_t {
  sound,
  fresh,       // never written since the file was extended: has no checksum
  too_recent,  // changed since the backup began: recovery replaces it, so a torn page is nothing to worry about
  mismatch,    // read it once more before believing it
};
PageVerdict check_page(ByteView page, std::uint32_t block, Lsn backup_start);

}  // namespace holdfast
