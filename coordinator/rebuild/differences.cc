#include "coordinator/rebuild/differences.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace holdfast {
namespace {

class Comparison {
 public:
  Comparison(const KnownDatabase& known, const StoredDatabase& stored, const std::set<std::string>& unread,
             Timestamp young_since)
      : known_(known), stored_(stored), unread_(unread), young_since_(young_since) {
    name_ = known.row ? known.row->name : stored.record ? stored.record->name : std::string();
  }

  std::vector<CatalogDifference> run() {
    compare_database();
    compare_backups();
    compare_unrecorded();
    compare_log();
    compare_timelines();
    compare_epochs();
    for (const Finding& finding : stored_.problems) {
      add(DifferenceKind::damaged, "object", finding.object, finding.problem, finding.store);
    }
    return std::move(out_);
  }

 private:
  void add(DifferenceKind kind, std::string what, std::string name, std::string text, std::string store = {}) {
    out_.push_back({kind, stored_.id, name_, std::move(what), std::move(name), std::move(store), std::move(text)});
  }

  bool has_copies_elsewhere(const Backup& backup) const {
    return std::ranges::any_of(backup.copies, [this](const auto& copy) { return unread_.contains(copy.store); });
  }

  void compare_database() {
    const bool backed_up =
        std::ranges::any_of(known_.backups, [](const Backup& backup) { return backup.state == BackupState::complete; });
    if (known_.row && backed_up && !stored_.record && unread_.empty()) {
      add(DifferenceKind::missing, "database", stored_.id.text(), "no store has a sound record of the database");
    }
    if (!known_.row && stored_.record) {
      add(DifferenceKind::unknown, "database", stored_.id.text(), "the stores have a database that the catalog lacks");
    }
  }

  void compare_backups() {
    for (const Backup& backup : known_.backups) {
      if (backup.state != BackupState::complete) continue;
      if (const StoredBackup* found = find_backup(stored_.backups, backup.id)) {
        compare_copies(backup, *found);
      } else if (stored_.marked.contains(backup.id)) {
        add(DifferenceKind::differs, "backup", backup.id.text(), "a store has a mark that it was released");
      } else if (!has_copies_elsewhere(backup)) {
        add(DifferenceKind::missing, "backup", backup.id.text(), "no store has a sound record of it");
      }
    }
    std::map<BackupId, BackupState> known;
    for (const Backup& backup : known_.backups) known.emplace(backup.id, backup.state);
    for (const StoredBackup& backup : stored_.backups) {
      const BackupId id = backup.record.backup;
      const auto state = known.find(id);
      if (backup.record.finished_at >= young_since_) continue;
      if (state == known.end()) {
        add(DifferenceKind::unknown, "backup", id.text(), "the stores have its record");
      } else if (state->second == BackupState::failed || state->second == BackupState::running) {
        add(DifferenceKind::differs, "backup", id.text(),
            fmt::format("the stores have its record and the catalog says that it {}",
                        state->second == BackupState::failed ? "failed" : "is running"));
      }
    }
  }

  // One that the catalog knows is running, or has failed and is swept away in its time, or lacks its record alone.
  void compare_unrecorded() {
    for (const auto& [id, objects] : stored_.unrecorded) {
      if (std::ranges::find(known_.backups, id, &Backup::id) != known_.backups.end()) continue;
      add(DifferenceKind::unknown, "backup", id.text(), fmt::format("{} objects without a record", objects));
    }
  }

  void compare_copies(const Backup& known, const StoredBackup& stored) {
    for (const BackupCopy& copy : known.copies) {
      if (copy.state != "ok" || unread_.contains(copy.store)) continue;
      const auto found = std::ranges::find(stored.copies, copy.store, &BackupCopy::store);
      const std::string state = found == stored.copies.end() ? "missing" : found->state;
      if (state == "ok") continue;
      add(DifferenceKind::missing, "backup", known.id.text(),
          state == "damaged" ? "the copy is damaged" : "the copy is not whole", copy.store);
    }
    for (const BackupCopy& copy : stored.copies) {
      if (copy.state != "ok") continue;
      const auto found = std::ranges::find(known.copies, copy.store, &BackupCopy::store);
      if (found != known.copies.end()) continue;  // what a verification found counts for more than sizes
      add(DifferenceKind::unknown, "backup", known.id.text(), "a whole copy that the catalog does not have",
          copy.store);
    }
  }

  void compare_log() {
    for (const WalRange& range : known_.wal) {
      if (!unread_.empty()) break;
      for (const WalRange& gap : uncovered(range, stored_.wal)) {
        add(DifferenceKind::missing, "log", text_of(gap), "no store has it");
      }
    }
    for (const WalRange& range : stored_.wal) {
      const bool touched = std::ranges::any_of(known_.wal, [&range](const WalRange& known) {
        return known.timeline == range.timeline && known.first <= range.last && range.first <= known.last;
      });
      const bool young = std::max(range.from_time, range.through_time) >= young_since_;
      if (!touched && !young) add(DifferenceKind::unknown, "log", text_of(range), "the stores have it");
    }
  }

  static std::string text_of(const WalRange& range) {
    return fmt::format("{} to {} on timeline {}", range.first, range.last, range.timeline.value());
  }

  void compare_timelines() {
    for (const TimelineChange& change : known_.timelines) {
      const auto found = std::ranges::find(stored_.timelines, change.timeline, &TimelineChange::timeline);
      const std::string name = std::to_string(change.timeline.value());
      if (found == stored_.timelines.end()) {
        if (unread_.empty()) add(DifferenceKind::missing, "timeline", name, "no store has a sound history of it");
      } else if (*found != change) {
        add(DifferenceKind::differs, "timeline", name,
            fmt::format("it begins at {} of timeline {} in the stores", found->at, found->parent.value()));
      }
    }
    for (const TimelineChange& change : stored_.timelines) {
      const auto found = std::ranges::find(known_.timelines, change.timeline, &TimelineChange::timeline);
      if (found != known_.timelines.end()) continue;
      add(DifferenceKind::unknown, "timeline", std::to_string(change.timeline.value()), "the stores have its history");
    }
  }

  void compare_epochs() {
    if (!known_.epochs) return;
    for (const EpochId epoch : *known_.epochs) {
      const auto found = std::ranges::find(stored_.epochs, epoch, [](const auto& one) { return one.info.id; });
      if (found == stored_.epochs.end() && unread_.empty()) {
        add(DifferenceKind::missing, "data key", epoch.text(), "no store has a sound document of it");
      }
    }
    for (const StoredEpoch& epoch : stored_.epochs) {
      if (epoch.created_at >= young_since_) continue;
      if (std::ranges::find(*known_.epochs, epoch.info.id) != known_.epochs->end()) continue;
      add(DifferenceKind::unknown, "data key", epoch.info.id.text(), "the stores have its document");
    }
  }

  const KnownDatabase& known_;
  const StoredDatabase& stored_;
  const std::set<std::string>& unread_;
  const Timestamp young_since_;
  std::string name_;
  std::vector<CatalogDifference> out_;
};

}  // namespace

std::string_view word(DifferenceKind kind) {
  switch (kind) {
    case DifferenceKind::missing:
      return "missing";
    case DifferenceKind::unknown:
      return "unknown";
    case DifferenceKind::differs:
      return "differs";
    case DifferenceKind::damaged:
      return "damaged";
  }
  return "";
}

std::vector<CatalogDifference> compare(const KnownDatabase& known, const StoredDatabase& stored,
                                       const std::set<std::string>& unread, Timestamp young_since) {
  return Comparison(known, stored, unread, young_since).run();
}

std::vector<WalRange> uncovered(const WalRange& range, const std::vector<WalRange>& others) {
  std::vector<WalRange> gaps;
  std::vector<WalRange> same;
  std::ranges::copy_if(others, std::back_inserter(same),
                       [&range](const WalRange& other) { return other.timeline == range.timeline; });
  std::ranges::sort(same, {}, &WalRange::first);
  Lsn at = range.first;
  const auto add_until = [&](Lsn end) {
    if (end <= at) return;
    WalRange gap = range;
    gap.first = at;
    gap.last = end;
    gaps.push_back(gap);
  };
  for (const WalRange& other : same) {
    if (other.last <= at) continue;
    if (other.first >= range.last) break;
    add_until(std::min(other.first, range.last));
    at = std::max(at, other.last);
  }
  add_until(range.last);
  return gaps;
}

}  // namespace holdfast
