#include "coordinator/rebuild/stored_wal.h"

#include <algorithm>

namespace holdfast {
namespace {

// So many headers at each end of a stretch are tried before its times stay unknown.
constexpr std::size_t tries = 8;

template <class Use>
void use_first_sound(const std::vector<WalName>& names, const HeaderOf& header_of, Use use) {
  for (std::size_t i = 0; i < std::min(tries, names.size()); ++i) {
    if (const auto header = header_of(names[i])) return use(*header);
  }
}

}  // namespace

std::vector<WalRange> wal_ranges_of(DatabaseId database, const std::vector<WalName>& names, const HeaderOf& header_of) {
  std::vector<WalRange> ranges;
  for (const WalStretch& stretch : merge_wal(names)) {
    WalRange range;
    range.database = database;
    range.timeline = stretch.timeline;
    range.first = stretch.first;
    range.last = stretch.last;
    std::vector<WalName> own;
    std::ranges::copy_if(names, std::back_inserter(own), [&stretch](const WalName& name) {
      return name.timeline == stretch.timeline && name.first >= stretch.first && name.last <= stretch.last;
    });
    std::ranges::sort(own, {}, &WalName::first);
    use_first_sound(own, header_of, [&range](const WalHeader& header) {
      range.from_time = header.received_from;
      range.segment_size = header.segment_size;
    });
    std::ranges::sort(own, std::ranges::greater{}, &WalName::last);
    use_first_sound(own, header_of,
                    [&range](const WalHeader& header) { range.through_time = header.recoverable_through; });
    ranges.push_back(range);
  }
  return ranges;
}

}  // namespace holdfast
