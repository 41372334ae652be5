#pragma once
// One record of the WAL: its header and the fragments that say which blocks it is about
// (src/include/access/xlogrecord.h, DecodeXLogRecord in src/backend/access/transam/xlogreader.c). Pure.
#include <array>
#include <cstdint>
#include <span>

#include "agent/changes/little_endian.h"
#include "agent/changes/relation_fork.h"
#include "shared/base/bytes.h"
#include "shared/postgres/wal_position.h"

namespace holdfast {

constexpr std::size_t record_header_size = 24;
constexpr std::size_t record_crc_offset = 20;
// XLogRecordMaxSize since 16; older servers fail at about the same size.
constexpr std::uint32_t longest_record = 1020U << 20U;
constexpr std::size_t most_block_references = 33;  // ids 0 to 32, XLR_MAX_BLOCK_ID
// Header and fragments cannot need more: 33 references of at most 27 bytes, origin, top transaction, main data.
constexpr std::size_t longest_record_head = 1024;

// The numbers of src/include/access/rmgrlist.h, the same in 13 to 18.
enum class ResourceManager : std::uint8_t {
  xlog = 0,
  transaction = 1,
  storage_manager = 2,
  database = 4,
  last_built_in = 21,
  first_custom = 128,  // 15 and newer
};

// Low bits of `info`; the high four are the resource manager's own.
constexpr std::uint8_t info_changes_files = 0x01;      // XLR_SPECIAL_REL_UPDATE: beyond its block references
constexpr std::uint8_t info_check_consistency = 0x02;  // a test aid of the server
constexpr std::uint8_t info_low_bits = 0x0F;

struct RecordHeader {
  std::uint32_t total_length = 0;  // with this header, without the padding to 8
  Lsn previous;                    // where the record before it begins
  std::uint8_t info = 0;
  ResourceManager resource_manager = ResourceManager::xlog;
  std::uint32_t crc = 0;  // of the bytes from record_header_size on, then of the header before this field
};
inline RecordHeader read_record_header(const std::uint8_t* bytes) {  // record_header_size of them
  return {load_le<std::uint32_t>(bytes), Lsn(load_le<std::uint64_t>(bytes + 8)), bytes[16],
          static_cast<ResourceManager>(bytes[17]), load_le<std::uint32_t>(bytes + record_crc_offset)};
}

// CRC of the record whose bytes behind the header have `crc_behind_header`.
std::uint32_t record_crc(const std::uint8_t* header, std::uint32_t crc_behind_header);

struct BlockReference {
  RelationFork fork;
  std::uint32_t block = 0;
};

// What the fragments say. To be used again for the next record: no allocation.
class RecordContents {
 public:
  // `head` is the whole record or its first longest_record_head bytes, with the header. What it says is trusted only
  // as far as the record's CRC fits. Code::corrupt: not as a server of this version writes it; nothing is left in here.
  Result<> parse(ByteView head, int major_version);

  std::span<const BlockReference> blocks() const { return {blocks_.data(), block_count_}; }
  // At the end of the record.
  std::uint32_t main_data_length() const { return main_data_length_; }

 private:
  struct Cursor;
  Result<> parse_fragments(Cursor& cursor);
  Result<> parse_block(std::uint8_t id, Cursor& cursor);
  static Result<> skip_image(Cursor& cursor);

  std::array<BlockReference, most_block_references> blocks_;
  std::size_t block_count_ = 0;
  std::uint32_t main_data_length_ = 0;
};

}  // namespace holdfast
