#pragma once
// One record put together from the pieces that lie on its pages. Of images and data only the CRC is kept.
#include "agent/changes/wal_records.h"

namespace holdfast {

class RecordAssembly {
 public:
  // Main data that have a meaning for us are kept up to this length: four million subtransactions or a million dropped
  // relations in one commit.
  static constexpr std::uint32_t longest_main_data = 16U << 20U;

  void begin(Lsn start);
  void drop() { in_progress_ = false; }
  bool in_progress() const { return in_progress_; }
  Lsn start() const { return start_; }

  // Takes the next bytes of the record, at most up to the next point at which there is something to look at (below);
  // how many it took. Never 0 unless `bytes` is empty.
  std::size_t take(ByteView bytes);

  bool length_is_next() const { return received_ == sizeof(std::uint32_t); }
  bool header_is_next() const { return received_ == record_header_size; }
  bool head_is_next() const { return received_ == head_length(); }
  bool complete() const { return received_ == total_; }

  std::size_t last_taken() const { return last_taken_; }       // by the newest take()
  std::uint32_t total_length() const { return total_; }        // from the length on
  std::uint32_t left() const { return total_ - received_; }    // from the length on
  const std::uint8_t* header() const { return head_.data(); }  // from the header on
  ByteView head() const { return {head_.data(), received_}; }  // when head_is_next()
  std::uint32_t crc_behind_header() const { return crc_; }     // when complete()
  ByteView main_data() const { return main_data_; }            // when complete(); empty unless it was asked for

  // To be called when head_is_next(): the last `length` bytes of the record are kept, length <= longest_main_data.
  void keep_main_data(std::uint32_t length);

 private:
  std::uint32_t head_length() const { return std::min<std::uint32_t>(total_, longest_record_head); }
  std::uint32_t next_point() const;

  bool in_progress_ = false;
  Lsn start_;
  std::uint32_t total_ = 0;
  std::uint32_t received_ = 0;
  std::uint32_t crc_ = 0;
  std::size_t last_taken_ = 0;
  std::uint32_t keep_from_ = 0;  // offset in the record; total_: nothing
  std::array<std::uint8_t, longest_record_head> head_{};
  Bytes main_data_;
};

}  // namespace holdfast
