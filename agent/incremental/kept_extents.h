#pragma once
// What of a parent's extents still holds when some pages of the file are read anew. Pure.
#include <vector>

#include "shared/repository/manifest.h"

namespace holdfast {

// Pages [first, first + count) of one file.
struct PageRange {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  friend bool operator==(const PageRange&, const PageRange&) = default;
};

// `extents` without the pages in `read` and without those at or past `pages`. Both ordered, neither overlapping itself.
// An extent with a hole in it becomes two that name the same frame.
std::vector<Extent> keep_extents(const std::vector<Extent>& extents, const std::vector<PageRange>& read,
                                 std::uint64_t pages, std::uint32_t page_size);

}  // namespace holdfast
