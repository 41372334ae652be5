#include "agent/changes/record_assembly.h"

#include <algorithm>
#include <limits>

#include "agent/changes/little_endian.h"
#include "shared/postgres/crc32c.h"

namespace holdfast {
namespace {

constexpr std::size_t main_data_worth_keeping = 64U << 10U;  // of the buffer, for the next record

}  // namespace

void RecordAssembly::begin(Lsn start) {
  in_progress_ = true;
  start_ = start;
  total_ = std::numeric_limits<std::uint32_t>::max();
  received_ = 0;
  crc_ = 0;
  keep_from_ = total_;
  if (main_data_.capacity() > main_data_worth_keeping) main_data_ = {};
  main_data_.clear();
}

std::uint32_t RecordAssembly::next_point() const {
  if (received_ < sizeof(std::uint32_t)) return sizeof(std::uint32_t);
  if (received_ < record_header_size) return record_header_size;
  return received_ < head_length() ? head_length() : total_;
}

std::size_t RecordAssembly::take(ByteView bytes) {
  bytes = bytes.first(std::min<std::size_t>(bytes.size(), next_point() - received_));
  if (received_ < longest_record_head) std::ranges::copy(bytes, head_.begin() + received_);
  if (received_ >= record_header_size) crc_ = crc32c(bytes, crc_);
  const auto end = static_cast<std::uint32_t>(received_ + bytes.size());
  if (end > keep_from_) append(main_data_, bytes.subspan(std::max(keep_from_, received_) - received_));
  received_ = end;
  if (length_is_next()) total_ = load_le<std::uint32_t>(head_.data());
  last_taken_ = bytes.size();
  return bytes.size();
}

void RecordAssembly::keep_main_data(std::uint32_t length) {
  keep_from_ = total_ - length;
  main_data_.reserve(length);
  if (received_ > keep_from_) append(main_data_, head().subspan(keep_from_));
}

}  // namespace holdfast
