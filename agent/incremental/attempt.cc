#include "agent/incremental/attempt.h"

#include <algorithm>

#include "agent/postgres/page_check.h"

namespace holdfast {
namespace {

// Ordered, apart.
std::vector<PageRange> joined(std::vector<PageRange> ranges) {
  std::ranges::sort(ranges, {}, &PageRange::first);
  std::vector<PageRange> out;
  for (const PageRange& range : ranges) {
    if (range.count == 0) continue;
    if (out.empty() || range.first > out.back().first + out.back().count) {
      out.push_back(range);
    } else {
      out.back().count = std::max(out.back().count, range.first + range.count - out.back().first);
    }
  }
  return out;
}

class Merge {
 public:
  explicit Merge(Attempt& out) : out_(out) {}

  void add(const AttemptPack& pack) {
    Manifest& manifest = out_.parent.manifest;
    const auto first_frame = static_cast<std::uint32_t>(manifest.frames.size());
    for (FrameRef frame : pack.frames) {
      frame.pack = static_cast<std::uint32_t>(manifest.packs.size());
      manifest.frames.push_back(frame);
    }
    manifest.packs.push_back(pack.pack);
    out_.objects.push_back(pack.object);
    for (const AttemptStretch& stretch : pack.stretches) add(pack.files[stretch.file], stretch, first_frame);
  }

  void finish() {
    for (auto& [path, file] : files_) {
      std::ranges::sort(file.extents, {}, &Extent::first_page);
      out_.covered[path] = joined(std::move(out_.covered[path]));
      out_.parent.manifest.files.push_back(std::move(file));
    }
  }

 private:
  void add(const AttemptFile& of, const AttemptStretch& stretch, std::uint32_t first_frame) {
    ManifestFile& file = files_[of.path];
    file.path = of.path;
    file.size = std::max(file.size, of.size);
    // Half a page at a file's end is no page.
    const PageRange pages{stretch.offset / page_size, stretch.length / page_size};
    std::ranges::sort(file.extents, {}, &Extent::first_page);
    file.extents = keep_extents(file.extents, {pages}, UINT64_MAX, page_size);
    for (Extent extent : stretch.extents) {
      extent.frame += first_frame;
      file.extents.push_back(extent);
    }
    out_.covered[of.path].push_back(pages);
  }

  Attempt& out_;
  std::map<std::string, ManifestFile> files_;
};

}  // namespace

std::optional<Attempt> merge_attempt(std::vector<AttemptPack> packs) {
  if (packs.empty()) return std::nullopt;
  std::ranges::stable_sort(packs, {}, &AttemptPack::stored_at);
  const AttemptPack& last = packs.back();
  Attempt out;
  out.parent.traits = last.traits;
  out.parent.record.timeline = last.start.timeline;
  Lsn start = last.start.lsn;
  Merge merge(out);
  for (const AttemptPack& pack : packs) {
    if (pack.traits != last.traits || pack.start.timeline != last.start.timeline) continue;
    start = std::min(start, pack.start.lsn);
    merge.add(pack);
  }
  merge.finish();
  out.parent.record.start_lsn = out.parent.record.stop_lsn = start;
  return out;
}

std::vector<PageRange> with_gaps(const std::vector<PageRange>& read, const std::vector<PageRange>& covered,
                                 std::uint64_t pages) {
  std::vector<PageRange> all = read;
  std::uint64_t at = 0;
  for (const PageRange& range : covered) {
    if (range.first >= pages) break;
    if (range.first > at) all.push_back({at, range.first - at});
    at = range.first + range.count;
  }
  if (at < pages) all.push_back({at, pages - at});
  return joined(std::move(all));
}

}  // namespace holdfast
