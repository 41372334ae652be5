#pragma once
// Whether a backup may be incremental at all. Pure.
#include <cstdint>
#include <optional>
#include <string>

#include "agent/changes/change_map.h"
#include "agent/changes/wal_cover.h"
#include "shared/postgres/pg_control.h"
#include "shared/postgres/timeline_history.h"

namespace holdfast {

// What must not have changed between a backup and its parent, whose pages would not fit together otherwise.
struct ClusterTraits {
  SystemId system_id;
  int major_version = 0;
  std::uint32_t control_version = 0;
  std::uint32_t catalog_version = 0;
  PageChecksums page_checksums = PageChecksums::off;  // switching them rewrites pages without WAL
  std::uint32_t block_size = 0;
  std::uint32_t relation_segment_blocks = 0;

  static ClusterTraits of(const PgControl& control);
  friend bool operator==(const ClusterTraits&, const ClusterTraits&) = default;
};

struct IncrementalParent {
  ClusterTraits traits;
  WalPlace start;  // the redo position of its backup_label
  WalPlace stop;   // its pages may have changes from up to here
};

struct PlannedBackup {
  ClusterTraits traits;
  WalPlace start;
  // It cannot end before: pg_control's minimum recovery end on a standby as the backup begins, 0 on a primary.
  Lsn reached;
  TimelineHistory history;  // of start.timeline
};

// nullopt: it may, with `changes`. Else why not, for people: "the system identifier is 5, the parent's is 7".
// `changes`: what ChangeLog::union_of() said of the way from the parent's start to this one's; its reason is passed on.
// What neither pg_control nor the WAL shows (pg_rewind over files that other timelines left) is the caller's to refuse.
std::optional<std::string> why_not_incremental(const IncrementalParent& parent, const PlannedBackup& now,
                                               const Result<ChangeMap>& changes);

}  // namespace holdfast
