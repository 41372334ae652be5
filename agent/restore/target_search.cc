#include "agent/restore/target_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "agent/changes/little_endian.h"
#include "agent/changes/record_effects.h"
#include "shared/os/posix_file_system.h"

namespace holdfast {
namespace {

constexpr std::uint8_t operation_mask = 0x70;  // XLOG_XACT_OPMASK
// TimestampTz counts from 2000-01-01.
constexpr std::int64_t server_epoch = 946'684'800'000'000;

// COMMIT, ABORT, COMMIT PREPARED, ABORT PREPARED (src/include/access/xact.h); all begin with their time.
bool ends_a_transaction(const RecordHeader& header) {
  if (header.resource_manager != ResourceManager::transaction) return false;
  const auto operation = header.info & operation_mask;
  return operation == 0x00 || operation == 0x20 || operation == 0x30 || operation == 0x40;
}

bool all_zero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace

Result<> TargetSearch::add(Lsn start, ByteView segment, Lsn log_end) {
  segment_is_over_ = false;
  if (log_end < start + segment.size()) segment = segment.first(log_end > start ? log_end - start : 0);
  for (std::size_t at = 0; at < segment.size() && !segment_is_over_ && !log_is_over_ && !found_; at += wal_page_size) {
    TRY(add_page(start + at, segment.subspan(at, std::min(wal_page_size, segment.size() - at))));
  }
  return {};
}

Result<> TargetSearch::add_page(Lsn page, ByteView bytes) {
  const std::size_t header_size = page_header_size_at(page, segment_size_);
  if (bytes.size() < header_size || all_zero(bytes)) {
    log_is_over_ = true;
    return {};
  }
  const WalPageHeader header = TRY(parse_page_header(bytes.first(header_size), page, segment_size_));
  major_version_ = header.major_version;
  // Given up: after a crash, or at the switch to the timeline that this segment is of.
  if (header.overwrites_continuation || header.continued_bytes == 0) assembly_.drop();
  std::size_t at = header_size;
  if (header.continued_bytes > 0 && !assembly_.in_progress()) {
    // Begun before the first segment that is looked at.
    at += std::min<std::size_t>(header.continued_bytes, bytes.size() - at);
  }
  while (at < bytes.size() && !segment_is_over_ && !found_) {
    if (!assembly_.in_progress()) {
      at += aligned_up(page + at) - (page + at);
      if (at >= bytes.size()) break;
      if (all_zero(bytes.subspan(at, std::min<std::size_t>(sizeof(std::uint32_t), bytes.size() - at)))) {
        log_is_over_ = true;
        return {};
      }
      assembly_.begin(page + at);
    }
    std::size_t used = 0;
    TRY(take(bytes.subspan(at), used));
    at += used;
  }
  return {};
}

Result<> TargetSearch::take(ByteView bytes, std::size_t& used) {
  used = assembly_.take(bytes);
  if (assembly_.length_is_next() &&
      (assembly_.total_length() < record_header_size || assembly_.total_length() > longest_record)) {
    return fail(Code::corrupt, fmt::format("the WAL record at {} has an impossible length", assembly_.start()));
  }
  if (assembly_.head_is_next()) TRY(look());
  if (!assembly_.complete()) return {};
  const RecordHeader header = read_record_header(assembly_.header());
  if (record_crc(assembly_.header(), assembly_.crc_behind_header()) != header.crc) {
    return fail(Code::corrupt, fmt::format("the WAL record at {} does not fit its CRC", assembly_.start()));
  }
  judge(header);
  assembly_.drop();
  return {};
}

Result<> TargetSearch::look() {
  const RecordHeader header = read_record_header(assembly_.header());
  if (target_.kind != TargetKind::time || !ends_a_transaction(header)) return {};
  TRY(contents_.parse(assembly_.head(), major_version_));
  const auto length = contents_.main_data_length();
  if (length < sizeof(std::int64_t) || length > RecordAssembly::longest_main_data) {
    return fail(Code::corrupt, fmt::format("the WAL record at {} has no time", assembly_.start()));
  }
  assembly_.keep_main_data(length);
  return {};
}

void TargetSearch::judge(const RecordHeader& header) {
  if (target_.kind == TargetKind::lsn) found_ = assembly_.start() >= target_.lsn;
  if (target_.kind == TargetKind::time && ends_a_transaction(header)) {
    const auto micros = static_cast<std::int64_t>(load_le<std::uint64_t>(assembly_.main_data().data()));
    const Timestamp at = Timestamp::from_micros(micros + server_epoch);
    found_ = target_.inclusive ? at > target_.time : at >= target_.time;
  }
  segment_is_over_ = is_segment_switch({header.resource_manager, header.info});
}

Result<bool> staged_log_holds(const std::string& directory, WalSegmentSize segment_size, const RecoveryTarget& target,
                              Lsn log_end) {
  PosixFileSystem files;
  std::map<std::uint64_t, WalSegment> segments;  // by number; of two timelines the newer, which has the older's front
  for (const auto& entry : TRY(files.list(directory))) {
    const auto name = classify_wal_file(entry.name);
    if (!name || name->kind != WalFileKind::segment) continue;
    const WalSegment segment = TRY(parse_segment_name(entry.name, segment_size));
    auto& known = segments[segment.number];
    if (known.timeline < segment.timeline) known = segment;
  }
  TargetSearch search(segment_size, target);
  for (const auto& [number, segment] : segments) {
    const Bytes content = TRY(files.read(directory + "/" + segment_name(segment, segment_size)));
    TRY(search.add(start_of(segment, segment_size), content, log_end));
    if (search.found()) return true;
  }
  return false;
}

}  // namespace holdfast
