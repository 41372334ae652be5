#include "tests/agent/changes/wal_builder.h"

#include <algorithm>

#include "shared/postgres/crc32c.h"

namespace holdfast {
namespace {

constexpr std::uint64_t page_size = 8192;

}  // namespace

RecordBody& RecordBody::block(const Block& block) {
  fragments_.push_back(block.id);
  const unsigned flags = static_cast<unsigned>(block.fork.fork) | block.more_flags | (block.image ? 0x10U : 0U) |
                         (block.data_length > 0 ? 0x20U : 0U);
  fragments_.push_back(static_cast<std::uint8_t>(flags));
  append_le(fragments_, block.data_length);
  if (block.image) {
    append_le(fragments_, block.image->length);
    append_le(fragments_, block.image->hole_offset);
    fragments_.push_back(block.image->flags);
    if (block.image->hole_length) append_le(fragments_, *block.image->hole_length);
    data_.insert(data_.end(), block.image->length, 0x11);
  }
  if ((flags & 0x80U) == 0) {
    append_le(fragments_, block.fork.tablespace);
    append_le(fragments_, block.fork.database);
    append_le(fragments_, block.fork.relation);
  }
  append_le(fragments_, block.number);
  data_.insert(data_.end(), block.data_length, 0x22);
  return *this;
}

RecordBody& RecordBody::origin() {
  return fragment(Bytes{253, 1, 0});
}

RecordBody& RecordBody::top_transaction() {
  return fragment(Bytes{252, 1, 2, 3, 4});
}

RecordBody& RecordBody::fragment(ByteView bytes) {
  append(fragments_, bytes);
  return *this;
}

RecordBody& RecordBody::main_data(ByteView bytes) {
  if (bytes.size() < 256) {
    fragments_.push_back(255);
    fragments_.push_back(static_cast<std::uint8_t>(bytes.size()));
  } else {
    fragments_.push_back(254);
    append_le(fragments_, static_cast<std::uint32_t>(bytes.size()));
  }
  main_data_ = to_bytes(bytes);
  return *this;
}

Bytes RecordBody::bytes() const {
  Bytes out = fragments_;
  append(out, data_);
  append(out, main_data_);
  return out;
}

Bytes record_bytes(const RecordSpec& spec, Lsn previous) {
  Bytes header;
  append_le(header, spec.total_length.value_or(static_cast<std::uint32_t>(24 + spec.body.size())));
  append_le(header, std::uint32_t{700});
  append_le(header, spec.previous.value_or(previous).value());
  header.push_back(spec.info);
  header.push_back(spec.resource_manager);
  append_le(header, std::uint16_t{0});
  append_le(header, crc32c(header, crc32c(spec.body)) ^ spec.crc_damage);
  append(header, spec.body);
  return header;
}

WalBuilder::WalBuilder(const Options& options) : options_(options) {
  open_page(0, 0);
}

void WalBuilder::open_page(std::uint16_t flags, std::uint32_t continued) {
  const bool is_long = end().value() % options_.segment_bytes == 0;
  const std::uint64_t address = end().value();
  append_le(bytes_, options_.magic);
  append_le(bytes_, static_cast<std::uint16_t>(flags | (is_long ? 2U : 0U) | (continued > 0 ? 1U : 0U)));
  append_le(bytes_, options_.timeline.value());
  append_le(bytes_, address);
  append_le(bytes_, continued);
  append_le(bytes_, std::uint32_t{0});
  if (!is_long) return;
  append_le(bytes_, options_.system_id.value());
  append_le(bytes_, options_.segment_bytes);
  append_le(bytes_, static_cast<std::uint32_t>(page_size));
}

void WalBuilder::align() {
  while (end().value() % 8 != 0) bytes_.push_back(0);
  if (end().value() % page_size == 0) open_page(0, 0);
}

Lsn WalBuilder::add(const RecordSpec& spec) {
  align();
  const Lsn begin = end();
  const Bytes whole = record_bytes(spec, previous_);
  ByteView rest = whole;
  while (true) {
    const ByteView part = rest.first(std::min<std::uint64_t>(rest.size(), page_size - end().value() % page_size));
    append(bytes_, part);
    rest = rest.subspan(part.size());
    if (rest.empty()) break;
    open_page(0, static_cast<std::uint32_t>(rest.size()));
  }
  previous_ = begin;
  return begin;
}

Lsn WalBuilder::add_block(const RelationFork& fork, std::uint32_t block) {
  return add({.body = RecordBody().block({.fork = fork, .number = block, .data_length = 5}).bytes()});
}

void WalBuilder::fill_page(std::uint64_t before_end) {
  align();
  const std::uint64_t left = page_size - end().value() % page_size;
  // Main data of any length fit: kinds of records without a meaning may have them.
  constexpr std::uint64_t without_data = 24 + 5;
  Bytes body{254};
  append_le(body, static_cast<std::uint32_t>(left - before_end - without_data));
  body.resize(left - before_end - 24, 0x33);
  add({.body = body});
}

Lsn WalBuilder::add_cut_off(std::uint32_t total_length, int pages) {
  align();
  const Lsn begin = end();
  Bytes whole = record_bytes({.body = Bytes(total_length - 24, 0x44)}, previous_);
  std::uint64_t written = 0;
  for (int page = 0; page < pages; ++page) {
    if (page > 0) open_page(0, static_cast<std::uint32_t>(total_length - written));
    const std::uint64_t part = page_size - end().value() % page_size;
    append(bytes_, ByteView(whole).subspan(written, part));
    written += part;
  }
  open_page(8, 0);
  return begin;
}

void WalBuilder::switch_segment() {
  add({.resource_manager = 0, .info = 0x40});
  const std::uint64_t past = end().value() % options_.segment_bytes;
  if (past != 0) bytes_.resize(bytes_.size() + options_.segment_bytes - past, 0);
  open_page(0, 0);
}

}  // namespace holdfast
