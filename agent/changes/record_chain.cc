#include "agent/changes/record_chain.h"

#include "agent/changes/little_endian.h"
#include "agent/changes/record_effects.h"
#include "agent/changes/wal_records.h"
#include "shared/postgres/crc32c.h"

namespace holdfast {
namespace {

bool follows(const RecordHeader& header, Lsn start, std::optional<Lsn> previous) {
  return previous ? header.previous == *previous : header.previous < start;
}

}  // namespace

bool record_begins_at(Lsn at, ByteView rest, const std::optional<WalPageHeader>& next_page) {
  std::optional<Lsn> previous;
  while (!rest.empty()) {
    const auto length = load_le<std::uint32_t>(rest.data());
    if (length < record_header_size || length > longest_record) return false;
    const bool has_header = rest.size() >= record_header_size;
    const RecordHeader header = has_header ? read_record_header(rest.data()) : RecordHeader{};
    if (has_header && !follows(header, at, previous)) return false;
    if (length > rest.size()) {
      if (!next_page) return false;
      // After a record that fits, one that a crash cut off proves nothing against them.
      if (next_page->overwrites_continuation) return previous.has_value();
      return next_page->continued_bytes == length - rest.size();
    }
    const std::uint32_t behind = crc32c(rest.subspan(record_header_size, length - record_header_size));
    if (record_crc(rest.data(), behind) != header.crc) return false;
    if (is_segment_switch({header.resource_manager, header.info})) return true;
    previous = at;
    const std::uint64_t step = aligned_up(at + length) - at;
    rest = rest.subspan(step);
    at = at + step;
  }
  return next_page && next_page->continued_bytes == 0;
}

}  // namespace holdfast
