#include "agent/changes/file_decision.h"

#include <algorithm>

#include "agent/changes/relation_path.h"

namespace holdfast {
namespace {

FileDecision whole(WholeReason reason) {
  FileDecision decision;
  decision.reason = reason;
  return decision;
}

// What the name and the sizes alone say.
std::optional<WholeReason> whole_by_kind(const FileAtBackup& file, const std::optional<ForkSegment>& place,
                                         std::uint32_t segment_blocks) {
  const std::uint64_t segment_bytes = std::uint64_t{segment_blocks} * relation_block_size;
  if (is_temporary_relation_file(file.path)) return WholeReason::temporary;
  if (!place) return WholeReason::not_relation;
  if (place->fork.fork == Fork::fsm) return WholeReason::free_space_map;
  if (place->fork.fork == Fork::visibility) return WholeReason::visibility_map;
  if (place->fork.fork == Fork::init) return WholeReason::init_fork;
  if (file.size % relation_block_size != 0) return WholeReason::odd_size;
  if (file.size > segment_bytes) return WholeReason::too_long;
  if (file.size == 0) return WholeReason::empty;
  if (!file.parent_size) return WholeReason::not_in_parent;
  if (*file.parent_size % relation_block_size != 0 || *file.parent_size > segment_bytes) return WholeReason::odd_parent;
  return std::nullopt;
}

// The marked blocks of the segment below `end`, counted from its start.
std::vector<BlockRange> marked(const ForkChange& change, std::uint64_t start, std::uint32_t end) {
  if (start >= no_block) return {};
  const auto stop = static_cast<std::uint32_t>(std::min<std::uint64_t>(start + end, no_block));
  auto ranges = change.marks.ranges(static_cast<std::uint32_t>(start), stop);
  for (BlockRange& range : ranges) range.first -= static_cast<std::uint32_t>(start);
  return ranges;
}

// Adds [first, end), which lies behind all of them.
void add_tail(std::vector<BlockRange>& ranges, std::uint32_t first, std::uint32_t end) {
  if (first >= end) return;
  if (!ranges.empty() && ranges.back().first + ranges.back().count == first) {
    ranges.back().count += end - first;
  } else {
    ranges.push_back({first, end - first});
  }
}

}  // namespace

std::string_view to_string(WholeReason reason) {
  switch (reason) {
    case WholeReason::not_relation:
      return "not a relation";
    case WholeReason::temporary:
      return "temporary relation";
    case WholeReason::free_space_map:
      return "free space map";
    case WholeReason::visibility_map:
      return "visibility map";
    case WholeReason::init_fork:
      return "init fork";
    case WholeReason::odd_size:
      return "not a whole number of blocks";
    case WholeReason::too_long:
      return "longer than a segment";
    case WholeReason::empty:
      return "empty";
    case WholeReason::not_in_parent:
      return "not in the parent";
    case WholeReason::odd_parent:
      return "the parent's copy has no whole number of blocks";
    case WholeReason::database_replaced:
      return "its database was made anew";
    case WholeReason::replaced:
      return "made anew";
    case WholeReason::mostly_changed:
      return "mostly changed";
  }
  return "unknown";
}

FileDecision decide_file(const FileAtBackup& file, const ChangeMap& changes, std::uint32_t segment_blocks) {
  const auto place = fork_segment_of(file.path);
  if (const auto reason = whole_by_kind(file, place, segment_blocks)) return whole(*reason);
  if (changes.is_database_replaced(place->fork.tablespace, place->fork.database)) {
    return whole(WholeReason::database_replaced);
  }
  static const ForkChange unchanged;
  const ForkChange* known = changes.change_of(place->fork);
  const ForkChange& change = known == nullptr ? unchanged : *known;
  const std::uint64_t start = std::uint64_t{place->segment} * segment_blocks;
  if (change.limit <= start) return whole(WholeReason::replaced);

  const auto size = static_cast<std::uint32_t>(file.size / relation_block_size);
  const std::uint64_t below_limit = change.limit == no_block ? segment_blocks : change.limit - start;
  FileDecision decision;
  decision.valid_parent_blocks = static_cast<std::uint32_t>(
      std::min({below_limit, std::uint64_t{segment_blocks}, *file.parent_size / relation_block_size}));
  decision.blocks = marked(change, start, std::min(size, decision.valid_parent_blocks));
  add_tail(decision.blocks, decision.valid_parent_blocks, size);

  std::uint64_t to_read = 0;
  for (const BlockRange& range : decision.blocks) to_read += range.count;
  if (to_read * 10 > std::uint64_t{size} * 9) return whole(WholeReason::mostly_changed);
  decision.read = to_read == 0 ? FileDecision::Read::nothing : FileDecision::Read::some;
  return decision;
}

}  // namespace holdfast
