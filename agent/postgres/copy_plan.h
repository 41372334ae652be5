#pragma once
// How the content of many files is cut into pieces of work for parallel readers. Pure.
#include <vector>

#include "agent/postgres/data_directory.h"

namespace holdfast {

// A stretch of one file, an index into DataDirectoryListing::entries.
struct FileSpan {
  std::size_t entry = 0;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  friend bool operator==(const FileSpan&, const FileSpan&) = default;
};

// What one reader takes at a time: a span of a big file, or many small files that share frames.
using CopyUnit = std::vector<FileSpan>;

struct CopyPlanLimits {
  std::uint64_t span = 64U << 20U;   // big files are cut here; a multiple of the page size
  std::uint64_t bundle = 8U << 20U;  // small files are gathered up to this
};

// Every byte of every file exactly once, except the file at `left_out` (read apart, at the end). Empty files need none.
std::vector<CopyUnit> plan_copy(const std::vector<DataFile>& entries, std::string_view left_out,
                                const CopyPlanLimits& limits);

}  // namespace holdfast
