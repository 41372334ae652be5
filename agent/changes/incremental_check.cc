#include "agent/changes/incremental_check.h"

#include <algorithm>

#include "agent/changes/file_decision.h"

namespace holdfast {
namespace {

std::string_view word(PageChecksums checksums) {
  return checksums == PageChecksums::on ? "on" : "off";
}

template <class T>
std::string differs(std::string_view what, const T& now, const T& parent) {
  return fmt::format("the {} is {}, the parent's is {}", what, now, parent);
}

std::optional<std::string> why_not_by_traits(const ClusterTraits& parent, const ClusterTraits& now) {
  if (now.system_id != parent.system_id) return differs("system identifier", now.system_id, parent.system_id);
  if (now.major_version != parent.major_version) {
    return differs("major version", now.major_version, parent.major_version);
  }
  if (now.control_version != parent.control_version) {
    return differs("control file version", now.control_version, parent.control_version);
  }
  if (now.catalog_version != parent.catalog_version) {
    return differs("catalog version", now.catalog_version, parent.catalog_version);
  }
  if (now.page_checksums != parent.page_checksums) {
    return fmt::format("page checksums are {}, the parent's are {}", word(now.page_checksums),
                       word(parent.page_checksums));
  }
  if (now.block_size != parent.block_size) return differs("block size", now.block_size, parent.block_size);
  if (now.relation_segment_blocks != parent.relation_segment_blocks) {
    return differs("number of blocks in a segment", now.relation_segment_blocks, parent.relation_segment_blocks);
  }
  if (now.block_size != relation_block_size || now.relation_segment_blocks == 0) {
    return fmt::format("blocks of {} bytes and segments of {} blocks are not supported", now.block_size,
                       now.relation_segment_blocks);
  }
  return std::nullopt;
}

std::optional<std::string> why_not_by_place(const IncrementalParent& parent, const PlannedBackup& now) {
  if (now.history.timeline() != now.start.timeline) {
    return fmt::format("the history at hand is that of timeline {}, the backup starts on {}", now.history.timeline(),
                       now.start.timeline);
  }
  // Not only its start: pages of the parent may hold what was logged until its stop, on a timeline that was abandoned.
  for (const WalPlace& place : {parent.start, parent.stop}) {
    if (now.history.passes_through(place.timeline, place.lsn)) continue;
    return fmt::format("the parent needs timeline {} up to {}, which is not in the history of timeline {}",
                       place.timeline, place.lsn, now.start.timeline);
  }
  if (now.start.lsn < parent.start.lsn) {
    return fmt::format("it starts at {}, before the parent's start at {}", now.start.lsn, parent.start.lsn);
  }
  // A standby that lags behind the one that the parent was made of: the parent's pages are younger than the point from
  // which this backup would be taken for consistent.
  if (const Lsn end = std::max(now.start.lsn, now.reached); end < parent.stop.lsn) {
    return fmt::format("it may end at {}, before the parent's stop at {}", end, parent.stop.lsn);
  }
  return std::nullopt;
}

}  // namespace

ClusterTraits ClusterTraits::of(const PgControl& control) {
  ClusterTraits traits;
  traits.system_id = control.system_id;
  traits.major_version = control.major_version;
  traits.control_version = control.control_version;
  traits.catalog_version = control.catalog_version;
  traits.page_checksums = control.page_checksums;
  traits.block_size = control.block_size;
  traits.relation_segment_blocks = control.relation_segment_blocks;
  return traits;
}

std::optional<std::string> why_not_incremental(const IncrementalParent& parent, const PlannedBackup& now,
                                               const Result<ChangeMap>& changes) {
  if (auto reason = why_not_by_traits(parent.traits, now.traits)) return reason;
  if (auto reason = why_not_by_place(parent, now)) return reason;
  if (!changes) return changes.error().message;
  if (!changes->doubts().empty()) {
    const Doubt& doubt = changes->doubts().front();
    return fmt::format("what changed at {} is in doubt: {}", doubt.first, doubt.reason);
  }
  return std::nullopt;
}

}  // namespace holdfast
