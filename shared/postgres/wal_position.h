#pragma once
// Positions in the write-ahead log and the names of the files that hold it.
#include <cstdint>
#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/base/strong.h"

namespace holdfast {

// A byte position in the WAL of one timeline. As text "16/B374D848".
using Lsn = Strong<std::uint64_t, struct LsnTag>;
using Timeline = Strong<std::uint32_t, struct TimelineTag>;
// The system identifier: the same for all members of a streaming group and for every restored copy.
using SystemId = Strong<std::uint64_t, struct SystemIdTag>;

constexpr Lsn operator+(Lsn lsn, std::uint64_t bytes) {
  return Lsn(lsn.value() + bytes);
}
constexpr std::uint64_t operator-(Lsn end, Lsn start) {
  return end.value() - start.value();
}

std::string to_text(Lsn lsn);
// "X/X", each half 1 to 8 hex digits of either case, as the server reads it.
Result<Lsn> parse_lsn(std::string_view text);
Result<SystemId> parse_system_id(std::string_view text);  // decimal
Result<Timeline> parse_timeline(std::string_view text);   // decimal, not 0

// A power of two between 1 MiB and 1 GiB, fixed when the cluster is made.
class WalSegmentSize {
 public:
  constexpr WalSegmentSize() = default;  // 16 MiB, the server's default
  static Result<WalSegmentSize> of(std::uint64_t bytes);
  constexpr std::uint32_t bytes() const { return bytes_; }
  friend constexpr bool operator==(const WalSegmentSize&, const WalSegmentSize&) = default;

 private:
  constexpr explicit WalSegmentSize(std::uint32_t bytes) : bytes_(bytes) {}
  std::uint32_t bytes_ = 16U << 20U;
};

// One WAL file of one timeline.
struct WalSegment {
  Timeline timeline;
  std::uint64_t number = 0;  // position / segment size
  friend auto operator<=>(const WalSegment&, const WalSegment&) = default;
};

// The segment that holds the byte at `lsn`.
WalSegment segment_at(Timeline timeline, Lsn lsn, WalSegmentSize size);
// The segment that holds the last byte before `lsn`: what must exist for the log to reach `lsn`. lsn > 0.
WalSegment segment_before(Timeline timeline, Lsn lsn, WalSegmentSize size);
Lsn start_of(const WalSegment& segment, WalSegmentSize size);
Lsn end_of(const WalSegment& segment, WalSegmentSize size);  // the first byte after it

// "000000010000000000000003": 24 upper-case hex digits.
std::string segment_name(const WalSegment& segment, WalSegmentSize size);
// Strict: exactly what segment_name writes. A name that a cluster of this segment size cannot have is refused too.
Result<WalSegment> parse_segment_name(std::string_view name, WalSegmentSize size);

// "00000002.history"
std::string history_name(Timeline timeline);

// What archive and restore commands are asked for by name.
enum class WalFileKind : std::uint8_t {
  segment,         // 000000010000000000000003
  history,         // 00000002.history
  partial,         // 000000010000000000000003.partial: the last, unfinished segment of a timeline that was left
  backup_history,  // 000000010000000000000003.00000028.backup
};

struct WalFileName {
  WalFileKind kind = WalFileKind::segment;
  Timeline timeline;
  std::string segment;  // the first 24 digits; empty for a history
};

// Code::invalid for every other name.
Result<WalFileName> classify_wal_file(std::string_view name);

}  // namespace holdfast

template <>
struct fmt::formatter<holdfast::Lsn> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const holdfast::Lsn& lsn, Context& context) const {
    return fmt::formatter<std::string_view>::format(holdfast::to_text(lsn), context);
  }
};
