#include "agent/incremental/incremental_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "agent/changes/file_decision.h"
#include "agent/incremental/kept_extents.h"
#include "agent/postgres/page_check.h"

namespace holdfast {
namespace {

class Planner {
 public:
  // attempt: `parent` is what is left of it; nullptr: the parent is a whole backup.
  Planner(const std::vector<DataFile>& entries, std::string_view left_out, const ParentBackup& parent,
          const Attempt* attempt = nullptr)
      : entries_(entries), left_out_(left_out), parent_(parent), attempt_(attempt) {
    for (const ManifestFile& file : parent.manifest.files) {
      if (file.kind == EntryKind::file) files_.emplace(file.path, &file);
    }
  }

  template <class Decide>
  void each(Decide decide) const {
    for (std::size_t entry = 0; entry < entries_.size(); ++entry) {
      const DataFile& file = entries_[entry];
      if (file.kind != FileKind::file || file.size == 0 || file.path == left_out_) continue;
      const auto known = files_.find(file.path);
      decide(entry, known == files_.end() ? nullptr : known->second);
    }
  }

  template <class Decide>
  CopyPlan plan(const CopyPlanLimits& limits, Decide decide, Gathered& gathered) {
    each(decide);
    // What is left of a backup that was cut off is young, and gone on from only once.
    if (attempt_ == nullptr) gathered = gather(parent_, GatheringRules(), taken_over_, spans_);
    CopyPlan plan;
    plan.units = gather_units(spans_, limits);
    plan.taken_over = std::move(taken_over_);
    return plan;
  }

  // Small files are compared as a whole.
  void read_whole(std::size_t entry, const ManifestFile* known) {
    spans_.push_back({entry, 0, entries_[entry].size});
    if (known == nullptr || known->size != entries_[entry].size) return;
    const auto hash = parent_.small_files.find(known->path);
    if (hash == parent_.small_files.end()) return;
    taken_over_[entry].known[0] = {known->size, hash->second, known->extents};
  }

  void read_some(std::size_t entry, const ManifestFile& known, const FileDecision& decision) {
    std::vector<PageRange> read;
    for (const BlockRange& range : decision.blocks) read.push_back({range.first, range.count});
    if (attempt_ != nullptr) {
      read = with_gaps(read, attempt_->covered.at(known.path), entries_[entry].size / page_size);
    }
    for (const PageRange& range : read) {
      spans_.push_back({entry, range.first * page_size, range.count * page_size});
    }
    const std::uint64_t pages = std::min<std::uint64_t>(decision.valid_parent_blocks, entries_[entry].size / page_size);
    taken_over_[entry].kept = keep_extents(known.extents, read, pages, page_size);
  }

  // Where one extent of the parent is the whole of a frame, that frame's hash is the hash of a stretch of the file.
  void compare(std::size_t entry, const ManifestFile* known) {
    const std::uint64_t size = entries_[entry].size;
    if (known == nullptr || size <= frame_plain_target) return read_whole(entry, known);
    std::uint64_t at = 0;
    for (const Extent& extent : known->extents) {
      const FrameRef& frame = parent_.manifest.frames[extent.frame];
      const std::uint64_t offset = extent.first_page * page_size;
      const bool whole_frame = extent.offset == 0 && frame.plain_size == std::uint64_t{extent.pages} * page_size;
      if (!whole_frame || offset + frame.plain_size > size) continue;
      if (offset > at) spans_.push_back({entry, at, offset - at});
      spans_.push_back({entry, offset, frame.plain_size});
      taken_over_[entry].known[offset] = {frame.plain_size, frame.hash, {extent}};
      at = offset + frame.plain_size;
    }
    if (at < size) spans_.push_back({entry, at, size - at});
  }

 private:
  const std::vector<DataFile>& entries_;
  const std::string_view left_out_;
  const ParentBackup& parent_;
  const Attempt* const attempt_;
  std::unordered_map<std::string_view, const ManifestFile*> files_;
  std::vector<FileSpan> spans_;
  std::map<std::size_t, TakenOver> taken_over_;
};

FileDecision decide(const DataFile& entry, const ManifestFile* known, const ChangeMap& changes) {
  FileAtBackup file;
  file.path = entry.path;
  file.size = entry.size;
  if (known != nullptr) file.parent_size = known->size;
  return decide_file(file, changes, relation_segment_pages);
}

}  // namespace

std::vector<std::optional<FileDecision>> decide_files(const std::vector<DataFile>& entries, std::string_view left_out,
                                                      const ParentBackup& parent, const ChangeMap& changes) {
  std::vector<std::optional<FileDecision>> decisions(entries.size());
  Planner planner(entries, left_out, parent);
  planner.each(
      [&](std::size_t entry, const ManifestFile* known) { decisions[entry] = decide(entries[entry], known, changes); });
  return decisions;
}

std::string to_text(const PlanSummary& summary) {
  std::string out = fmt::format("{} files unchanged, {} blocks of {} changed", summary.unchanged_files,
                                summary.changed_blocks, summary.changed_files);
  if (summary.gathered.packs != 0) {
    out += fmt::format(", {} bytes out of {} packs that are hardly needed any more", summary.gathered.bytes,
                       summary.gathered.packs);
  }
  for (const auto& [reason, count] : summary.whole_files) out += fmt::format(", {} whole ({})", count, reason);
  return out;
}

namespace {

CopyPlan plan_by_map(Planner planner, const std::vector<DataFile>& entries, const ChangeMap& changes,
                     const CopyPlanLimits& limits, PlanSummary& summary) {
  const auto choose = [&](std::size_t entry, const ManifestFile* known) {
    const FileDecision decision = decide(entries[entry], known, changes);
    if (decision.read == FileDecision::Read::whole || known == nullptr) {
      ++summary.whole_files[to_string(decision.reason)];
      return planner.read_whole(entry, known);
    }
    ++(decision.blocks.empty() ? summary.unchanged_files : summary.changed_files);
    for (const BlockRange& range : decision.blocks) summary.changed_blocks += range.count;
    planner.read_some(entry, *known, decision);
  };
  return planner.plan(limits, choose, summary.gathered);
}

}  // namespace

CopyPlan plan_changed(const std::vector<DataFile>& entries, std::string_view left_out, const ParentBackup& parent,
                      const ChangeMap& changes, const CopyPlanLimits& limits, PlanSummary& summary) {
  return plan_by_map(Planner(entries, left_out, parent), entries, changes, limits, summary);
}

CopyPlan plan_resumed(const std::vector<DataFile>& entries, std::string_view left_out, const Attempt& attempt,
                      const ChangeMap& changes, const CopyPlanLimits& limits, PlanSummary& summary) {
  return plan_by_map(Planner(entries, left_out, attempt.parent, &attempt), entries, changes, limits, summary);
}

CopyPlan plan_compared(const std::vector<DataFile>& entries, std::string_view left_out, const ParentBackup& parent,
                       const CopyPlanLimits& limits) {
  Planner planner(entries, left_out, parent);
  Gathered gathered;
  return planner.plan(
      limits, [&](std::size_t entry, const ManifestFile* known) { planner.compare(entry, known); }, gathered);
}

}  // namespace holdfast
