#include "agent/changes/wal_records.h"

#include "shared/postgres/crc32c.h"

namespace holdfast {
namespace {

constexpr std::uint32_t page_size = 8192;

// Fragment ids.
constexpr std::uint8_t last_block_id = most_block_references - 1;
constexpr std::uint8_t short_main_data = 255;
constexpr std::uint8_t long_main_data = 254;
constexpr std::uint8_t replication_origin = 253;
constexpr std::uint8_t top_transaction = 252;  // 14 and newer

// Of a block reference.
constexpr std::uint8_t fork_mask = 0x0F;
constexpr std::uint8_t has_image = 0x10;
constexpr std::uint8_t has_data = 0x20;
constexpr std::uint8_t same_relation = 0x80;

// Of a block image. The numbers of 13 and 14 have other meanings in 15.
struct ImageFlags {
  std::uint8_t has_hole;
  std::uint8_t compressed;
  std::uint8_t all;
};
constexpr ImageFlags image_flags_of(int major_version) {
  return major_version >= 15 ? ImageFlags{0x01, 0x04 | 0x08 | 0x10, 0x1F} : ImageFlags{0x01, 0x02, 0x07};
}

std::unexpected<Error> bad_record(std::string why) {
  return fail(Code::corrupt, std::move(why));
}

}  // namespace

std::uint32_t record_crc(const std::uint8_t* header, std::uint32_t crc_behind_header) {
  return crc32c({header, record_crc_offset}, crc_behind_header);
}

// Walks over the fragments. `data` is what those read so far announced of images and data; the fragments end where the
// record has just that much left.
struct RecordContents::Cursor {
  const std::uint8_t* at;
  const std::uint8_t* end;
  std::uint64_t behind_end;  // bytes of the record that are not here
  std::uint64_t data = 0;
  ImageFlags image_flags;
  int major_version;
  int last_id = -1;

  std::uint64_t left() const { return static_cast<std::uint64_t>(end - at) + behind_end; }
  bool holds(std::ptrdiff_t bytes) const { return end - at >= bytes; }
  template <class T>
  T take() {
    const T value = load_le<T>(at);
    at += sizeof(T);
    return value;
  }
};

namespace {

std::unexpected<Error> too_short() {
  return bad_record("its fragments reach over its end");
}

}  // namespace

Result<> RecordContents::parse(ByteView head, int major_version) {
  block_count_ = 0;
  main_data_length_ = 0;
  const auto total_length = load_le<std::uint32_t>(head.data());
  Cursor cursor{head.data() + record_header_size, head.data() + head.size(),
                total_length - head.size(),       0,
                image_flags_of(major_version),    major_version};
  const auto parsed = parse_fragments(cursor);
  if (!parsed) [[unlikely]] {
    block_count_ = 0;
    main_data_length_ = 0;
  }
  return parsed;
}

Result<> RecordContents::parse_fragments(Cursor& cursor) {
  while (cursor.left() > cursor.data) {
    if (!cursor.holds(1)) return too_short();
    const auto id = cursor.take<std::uint8_t>();
    if (id <= last_block_id) {
      TRY(parse_block(id, cursor));
    } else if (id == short_main_data) {
      if (!cursor.holds(1)) return too_short();
      main_data_length_ = cursor.take<std::uint8_t>();
      cursor.data += main_data_length_;
      break;
    } else if (id == long_main_data) {
      if (!cursor.holds(4)) return too_short();
      main_data_length_ = cursor.take<std::uint32_t>();
      cursor.data += main_data_length_;
      break;
    } else if (id == replication_origin) {
      if (!cursor.holds(2)) return too_short();
      cursor.take<std::uint16_t>();
    } else if (id == top_transaction && cursor.major_version >= 14) {
      if (!cursor.holds(4)) return too_short();
      cursor.take<std::uint32_t>();
    } else {
      return bad_record(fmt::format("a fragment of the unknown kind {}", id));
    }
  }
  if (cursor.left() != cursor.data) return bad_record("its fragments announce another length than it has");
  return {};
}

namespace {

struct BlockImage {
  std::uint16_t length;
  std::uint16_t hole_offset;
  std::uint8_t flags;
};

// As strict as the server: what does not fit together was not read with the right rules.
Result<> check_image(const BlockImage& image, std::uint16_t hole_length, const ImageFlags& known) {
  if ((image.flags & ~known.all) != 0) return bad_record(fmt::format("unknown image flags {:02X}", image.flags));
  const bool compressed = (image.flags & known.compressed) != 0;
  if ((image.flags & known.has_hole) != 0) {
    if (image.hole_offset == 0 || hole_length == 0 || image.length >= page_size) {
      return bad_record(
          fmt::format("an image of {} bytes with {} left out at {}", image.length, hole_length, image.hole_offset));
    }
  } else if (image.hole_offset != 0 || image.length > page_size || (image.length == page_size) == compressed) {
    return bad_record(fmt::format("an image of {} bytes without a hole", image.length));
  }
  return {};
}

}  // namespace

Result<> RecordContents::skip_image(Cursor& cursor) {
  if (!cursor.holds(5)) return too_short();
  BlockImage image{};
  image.length = cursor.take<std::uint16_t>();
  image.hole_offset = cursor.take<std::uint16_t>();
  image.flags = cursor.take<std::uint8_t>();
  auto hole_length = static_cast<std::uint16_t>(page_size - image.length);
  if ((image.flags & cursor.image_flags.compressed) != 0) {
    hole_length = 0;
    if ((image.flags & cursor.image_flags.has_hole) != 0) {
      if (!cursor.holds(2)) return too_short();
      hole_length = cursor.take<std::uint16_t>();
    }
  }
  cursor.data += image.length;
  return check_image(image, hole_length, cursor.image_flags);
}

Result<> RecordContents::parse_block(std::uint8_t id, Cursor& cursor) {
  if (id <= cursor.last_id) return bad_record(fmt::format("block reference {} after {}", id, cursor.last_id));
  cursor.last_id = id;
  if (!cursor.holds(3)) return too_short();
  const auto flags = cursor.take<std::uint8_t>();
  const auto data_length = cursor.take<std::uint16_t>();
  if (((flags & has_data) != 0) != (data_length != 0)) {
    return bad_record(fmt::format("block reference {} with flags {:02X} and {} bytes", id, flags, data_length));
  }
  cursor.data += data_length;
  if ((flags & has_image) != 0) TRY(skip_image(cursor));
  BlockReference& reference = blocks_[block_count_];
  if ((flags & same_relation) == 0) {
    if (!cursor.holds(12)) return too_short();
    reference.fork.tablespace = cursor.take<std::uint32_t>();
    reference.fork.database = cursor.take<std::uint32_t>();
    reference.fork.relation = cursor.take<std::uint32_t>();
  } else if (block_count_ > 0) {
    reference.fork = blocks_[block_count_ - 1].fork;
  } else {
    return bad_record(fmt::format("block reference {} to the relation of none before it", id));
  }
  if (!cursor.holds(4)) return too_short();
  const std::uint8_t fork = flags & fork_mask;
  if (fork > static_cast<std::uint8_t>(Fork::init)) return bad_record(fmt::format("unknown fork {}", fork));
  reference.fork.fork = static_cast<Fork>(fork);
  reference.block = cursor.take<std::uint32_t>();
  ++block_count_;
  return {};
}

}  // namespace holdfast
