#pragma once
// How the content of many files is cut into pieces of work for parallel readers. Pure.
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "agent/postgres/data_directory.h"
#include "shared/repository/manifest.h"

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

// A stretch of a file as it was in the parent: read again, and stored again only when it differs.
struct KnownContent {
  std::uint64_t size = 0;
  XxHash128 hash;
  std::vector<Extent> extents;
};

// What becomes of one entry that is not simply read whole.
struct TakenOver {
  // Extents of the parent's manifest that hold as they are; with them only the units' spans are read, and the file is
  // as long as it was when it was seen.
  std::optional<std::vector<Extent>> kept;
  // By offset; a span that is one of these stretches is compared. None is longer than a frame.
  std::map<std::uint64_t, KnownContent> known;
};

// All of [offset, offset + length) of a file, as far as it lies in one frame: in the extents, and zeros elsewhere.
struct CopiedStretch {
  std::size_t entry = 0;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::vector<Extent> extents;
};

// The work of one backup.
struct CopyPlan {
  std::vector<CopyUnit> units;
  std::map<std::size_t, TakenOver> taken_over;  // by entry
  // Shown every page of a relation that is read, as it is stored: the entry, the offset in its file, whole pages. On
  // the readers' threads; empty: nobody looks.
  std::function<void(std::size_t entry, std::uint64_t offset, ByteView pages)> witness = {};
  // Told what each frame holds, on the readers' threads, before the frame can be in a stored pack; empty: nobody asks.
  std::function<void(std::uint32_t frame, std::vector<CopiedStretch> stretches)> stored = {};
};

// Spans in the order given, those of small files and scattered pages gathered up to the bundle's size.
std::vector<CopyUnit> gather_units(const std::vector<FileSpan>& spans, const CopyPlanLimits& limits);

// Every byte of every file exactly once, except the file at `left_out` (read apart, at the end). Empty files need none.
std::vector<CopyUnit> plan_copy(const std::vector<DataFile>& entries, std::string_view left_out,
                                const CopyPlanLimits& limits);

}  // namespace holdfast
