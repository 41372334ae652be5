#include "agent/incremental/kept_extents.h"

#include <algorithm>

namespace holdfast {
namespace {

// Pages [from, to) of `extent`, both within it.
Extent part_of(const Extent& extent, std::uint64_t from, std::uint64_t to, std::uint32_t page_size) {
  Extent part = extent;
  part.first_page = from;
  part.pages = static_cast<std::uint32_t>(to - from);
  part.offset = extent.offset + static_cast<std::uint32_t>((from - extent.first_page) * page_size);
  return part;
}

}  // namespace

std::vector<Extent> keep_extents(const std::vector<Extent>& extents, const std::vector<PageRange>& read,
                                 std::uint64_t pages, std::uint32_t page_size) {
  std::vector<Extent> kept;
  auto next = read.begin();
  for (const Extent& extent : extents) {
    std::uint64_t at = extent.first_page;
    const std::uint64_t end = std::min<std::uint64_t>(extent.first_page + extent.pages, pages);
    // Ranges that end before this extent matter to no later one either.
    while (next != read.end() && next->first + next->count <= at) ++next;
    for (auto range = next; range != read.end() && range->first < end; ++range) {
      if (range->first > at) kept.push_back(part_of(extent, at, range->first, page_size));
      at = std::max(at, range->first + range->count);
    }
    if (at < end) kept.push_back(part_of(extent, at, end, page_size));
  }
  return kept;
}

}  // namespace holdfast
