#pragma once
// WAL made by hand: records laid over pages and segments as a server lays them.
#include <optional>

#include "agent/changes/relation_fork.h"
#include "shared/base/bytes.h"
#include "shared/postgres/wal_position.h"

namespace holdfast {

// What stands behind the header of a record.
class RecordBody {
 public:
  struct Image {
    std::uint16_t length = 8192;
    std::uint16_t hole_offset = 0;
    std::uint8_t flags = 0;
    std::optional<std::uint16_t> hole_length = std::nullopt;  // written when it is there
  };
  struct Block {
    std::uint8_t id = 0;
    RelationFork fork = {};
    std::uint32_t number = 0;
    std::uint16_t data_length = 0;
    std::optional<Image> image = std::nullopt;
    std::uint8_t more_flags = 0;  // 0x80: the relation is not written
  };
  RecordBody& block(const Block& block);
  RecordBody& origin();           // fragment 253
  RecordBody& top_transaction();  // fragment 252
  RecordBody& fragment(ByteView bytes);
  RecordBody& main_data(ByteView bytes);
  Bytes bytes() const;

 private:
  Bytes fragments_;
  Bytes data_;
  Bytes main_data_;
};

struct RecordSpec {
  std::uint8_t resource_manager = 10;
  std::uint8_t info = 0;
  Bytes body = {};
  std::optional<Lsn> previous = std::nullopt;  // instead of the right one
  std::uint32_t crc_damage = 0;
  std::optional<std::uint32_t> total_length = std::nullopt;
};

// The bytes of a record with a CRC that fits.
Bytes record_bytes(const RecordSpec& spec, Lsn previous);

class WalBuilder {
 public:
  struct Options {
    std::uint16_t magic = 0xD110;  // 15
    Timeline timeline = Timeline(1);
    SystemId system_id = SystemId(77);
    std::uint32_t segment_bytes = 1U << 20U;
    Lsn start = Lsn(16U << 20U);  // where a page begins
  };
  WalBuilder() : WalBuilder(Options{}) {}
  explicit WalBuilder(const Options& options);

  Lsn add(const RecordSpec& spec);  // where it begins
  Lsn add_block(const RelationFork& fork, std::uint32_t block);
  // A record whose last byte lies `before_end` bytes before the end of its page.
  void fill_page(std::uint64_t before_end);
  // Begins a record of this many bytes that is cut off at the end of `pages` pages; the next page says so.
  Lsn add_cut_off(std::uint32_t total_length, int pages);
  void switch_segment();  // the record, then zeros

  void set_timeline(Timeline timeline) { options_.timeline = timeline; }
  void set_magic(std::uint16_t magic) { options_.magic = magic; }
  void set_system_id(SystemId id) { options_.system_id = id; }

  Lsn start() const { return options_.start; }
  Lsn end() const { return options_.start + bytes_.size(); }
  WalSegmentSize segment_size() const { return WalSegmentSize::of(options_.segment_bytes).value(); }
  const Bytes& bytes() const { return bytes_; }
  Bytes& bytes() { return bytes_; }
  std::uint8_t* at(Lsn lsn) { return bytes_.data() + (lsn - options_.start); }

 private:
  void open_page(std::uint16_t flags, std::uint32_t continued);
  void align();

  Options options_;
  Bytes bytes_;
  Lsn previous_ = Lsn(8);
};

}  // namespace holdfast
