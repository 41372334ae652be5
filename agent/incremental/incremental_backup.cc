#include "agent/incremental/incremental_backup.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "agent/incremental/incremental_plan.h"
#include "shared/repository/layout.h"

namespace holdfast {
namespace {

constexpr std::string_view control_path = "global/pg_control";
// The server has just written a checkpoint; what is on its way comes within moments or the stream is broken.
constexpr Micros wait_for_wal = std::chrono::seconds(30);
// Much shorter than the grace after which the stores are swept of what belongs to no backup.
constexpr Micros longest_interruption = std::chrono::hours(12);
// A full backup does not need it.
constexpr Micros wait_to_check = std::chrono::seconds(5);

// As the changes are not known yet: what they cannot hinder.
std::optional<std::string> hindrance(const ParentBackup& parent, const BackupSituation& situation,
                                     const TimelineHistory& history) {
  const BackupRecord& record = parent.record;
  PlannedBackup now{ClusterTraits::of(situation.control), {situation.timeline, situation.start}, Lsn(), history};
  if (situation.role == ServerRole::standby) now.reached = situation.control.min_recovery_end;
  const IncrementalParent from{parent.traits, {record.timeline, record.start_lsn}, {record.timeline, record.stop_lsn}};
  return why_not_incremental(from, now, ChangeMap());
}

}  // namespace

Result<bool> IncrementalBackup::is_stored(BackupId backup) const {
  for (const NamedStore& store : parts_.stores.stores()) {
    const auto info =
        TRY_DURING(fmt::format("store \"{}\"", store.name), store.store->stat(record_name(database_, backup)));
    if (info) return true;
  }
  return false;
}

Result<CopyPlan> IncrementalBackup::plan_full(const BackupSituation& situation, const CopyPlanLimits& limits,
                                              BackupWriter& writer, std::string reason) {
  type_ = BackupType::full;
  reason_ = std::move(reason);
  auto resumed = go_on(situation, limits, writer);
  if (!resumed && resumed.error().code == Code::cancelled) return std::unexpected(std::move(resumed).error());
  if (!resumed) parts_.log.info("a backup that was cut off is not gone on from", {{"reason", resumed.error().message}});
  CopyPlan plan;
  if (resumed && *resumed) {
    plan = std::move(**resumed);
  } else {
    if (auto forgot = parts_.attempts.forget(database_); !forgot) return std::unexpected(std::move(forgot).error());
    plan.units = plan_copy(situation.entries, control_path, limits);
    if (asked_ == BackupType::full) begin_cross_check(situation);
  }
  recorder_ = std::make_shared<AttemptRecorder>(database_, ClusterTraits::of(situation.control),
                                                WalPlace{situation.timeline, situation.start}, situation.entries,
                                                AttemptRecorder::Parts{parts_.attempts, parts_.clock, parts_.log});
  plan.stored = [recorder = recorder_](std::uint32_t frame, std::vector<CopiedStretch> stretches) {
    recorder->frame_stored(frame, std::move(stretches));
  };
  if (cross_check_) {
    plan.witness = [check = cross_check_](std::size_t entry, std::uint64_t offset, ByteView pages) {
      check->see(entry, offset, pages);
    };
  }
  return plan;
}

// Those that every store still has, as they were put. Old ones may be on their way out of the stores.
Result<std::vector<AttemptPack>> IncrementalBackup::left_packs() const {
  std::vector<AttemptPack> packs = TRY(parts_.attempts.load(database_));
  const Timestamp now = parts_.clock.now();
  std::erase_if(packs, [now](const AttemptPack& pack) {
    return pack.stored_at > now || now - pack.stored_at > longest_interruption;
  });
  std::set<BackupId> backups;
  for (const AttemptPack& pack : packs) backups.insert(pack.pack.backup);
  for (const NamedStore& store : parts_.stores.stores()) {
    std::map<std::string, std::uint64_t> sizes;
    for (const BackupId& backup : backups) {
      const auto objects =
          TRY_DURING(fmt::format("store \"{}\"", store.name), store.store->list(backup_prefix(database_, backup)));
      for (const ObjectInfo& object : objects) sizes[object.name] = object.size;
    }
    std::erase_if(packs, [&sizes](const AttemptPack& pack) {
      const auto found = sizes.find(pack.object.name);
      return found == sizes.end() || found->second != pack.object.size;
    });
  }
  return packs;
}

// nullopt: nothing is left of an earlier one. An error says why what is left cannot be used.
Result<std::optional<CopyPlan>> IncrementalBackup::go_on(const BackupSituation& situation, const CopyPlanLimits& limits,
                                                         BackupWriter& writer) {
  auto attempt = merge_attempt(TRY(left_packs()));
  if (!attempt) return std::optional<CopyPlan>();
  const TimelineHistory history = TRY(history_of(situation.timeline));
  // Its pages may have changes from after its start that another timeline does not have.
  if (attempt->parent.record.timeline != situation.timeline) {
    return fail(Code::conflict, fmt::format("it was read on timeline {}, the server is on {}",
                                            attempt->parent.record.timeline, situation.timeline));
  }
  if (auto why = hindrance(attempt->parent, situation, history)) return fail(Code::conflict, std::move(*why));
  const ChangeMap changes = TRY(changes_since(attempt->parent, situation, history, wait_for_wal));
  PlanSummary summary;
  CopyPlan plan = plan_resumed(situation.entries, control_path, *attempt, changes, limits, summary);
  std::uint64_t bytes = 0;
  for (const StoredObject& object : attempt->objects) bytes += object.size;
  TRY(writer.carry_over(attempt->objects, attempt->parent.manifest.packs, attempt->parent.manifest.frames));
  gone_on_from_ = std::move(attempt->objects);
  if (!reason_.empty()) reason_ += "; ";
  reason_ += fmt::format("it goes on from {} bytes that a backup which was cut off had stored", bytes);
  parts_.log.info("a backup that was cut off is gone on from", {{"stored", bytes}, {"reads", to_text(summary)}});
  return std::optional(std::move(plan));
}

Result<bool> IncrementalBackup::are_stored(const std::vector<StoredObject>& packs) const {
  for (const StoredObject& pack : packs) {
    bool found = false;
    for (const NamedStore& store : parts_.stores.stores()) {
      const auto info = TRY_DURING(fmt::format("store \"{}\"", store.name), store.store->stat(pack.name));
      found = found || info.has_value();
    }
    if (!found) return false;
  }
  return true;
}

// Whatever hinders it: a full backup is as good without.
void IncrementalBackup::begin_cross_check(const BackupSituation& situation) {
  const auto distrusted = parts_.trust.distrusted(database_);
  if (!distrusted || *distrusted) return;
  const auto parent = parts_.parents.load(database_, BackupType::incremental, parts_.signer);
  if (!parent || !*parent) return;
  const ParentBackup& from = **parent;
  const auto history = history_of(situation.timeline);
  if (!history || hindrance(from, situation, *history)) return;
  const auto changes = changes_since(from, situation, *history, wait_to_check);
  if (!changes) return;
  auto decisions = decide_files(situation.entries, control_path, from, *changes);
  std::vector<std::optional<CrossCheck::Judged>> files(situation.entries.size());
  for (std::size_t entry = 0; entry < files.size(); ++entry) {
    auto& decision = decisions[entry];
    const DataFile& file = situation.entries[entry];
    if (!decision || decision->read == FileDecision::Read::whole || !file.relation) continue;
    files[entry] = {file.path, file.relation->segment * relation_segment_pages, std::move(*decision)};
  }
  cross_check_ = std::make_shared<CrossCheck>(std::move(files), from.record.start_lsn, situation.start);
}

Result<std::optional<CrossCheck::Outcome>> IncrementalBackup::end_cross_check() {
  if (!cross_check_) return std::optional<CrossCheck::Outcome>{};
  const CrossCheck::Outcome found = cross_check_->outcome();
  if (found.missed == 0) {
    parts_.log.info("the map of changed blocks is whole", {{"pages", found.judged}});
    return std::optional(found);
  }
  for (const std::string& page : found.missed_list) {
    parts_.log.error("the map of changed blocks misses a page", {{"page", page}});
  }
  TRY(parts_.trust.distrust(database_, fmt::format("the map of changed blocks missed {} pages, the first: {}",
                                                   found.missed, found.missed_list.front())));
  parts_.tracker.forget();
  return std::optional(found);
}

Result<CopyPlan> IncrementalBackup::plan(const BackupSituation& situation, const CopyPlanLimits& limits,
                                         BackupWriter& writer) {
  if (asked_ == BackupType::full) return plan_full(situation, limits, writer, {});
  const auto parent = parts_.parents.load(database_, asked_, parts_.signer);
  if (!parent) return plan_full(situation, limits, writer, parent.error().message);
  if (!*parent) return plan_full(situation, limits, writer, "this node remembers no earlier backup");
  const ParentBackup& from = **parent;
  const auto history = history_of(situation.timeline);
  if (!history) return plan_full(situation, limits, writer, history.error().message);
  if (auto why = hindrance(from, situation, *history)) return plan_full(situation, limits, writer, std::move(*why));
  const auto stored = is_stored(from.record.backup);
  if (!stored) return plan_full(situation, limits, writer, stored.error().message);
  if (!*stored) return plan_full(situation, limits, writer, "the earlier backup is not in the stores any more");
  if (auto carried = writer.carry_over(from.record, from.manifest.packs, from.manifest.frames); !carried) {
    return plan_full(situation, limits, writer, carried.error().message);
  }
  type_ = asked_;
  parent_ = from.record.backup;
  const auto changes = changes_since(from, situation, *history, wait_for_wal);
  if (changes) {
    PlanSummary summary;
    CopyPlan plan = plan_changed(situation.entries, control_path, from, *changes, limits, summary);
    parts_.log.info("what changed is known", {{"parent", parent_}, {"reads", to_text(summary)}});
    return plan;
  }
  if (changes.error().code == Code::cancelled) return std::unexpected(changes.error());
  reason_ = "everything was read: " + changes.error().message;
  parts_.log.warning("what changed is not known: everything is read and compared", {{"reason", reason_}});
  return plan_compared(situation.entries, control_path, from, limits);
}

Result<TimelineHistory> IncrementalBackup::history_of(Timeline timeline) const {
  if (timeline == Timeline(1)) return TimelineHistory(timeline);
  const Bytes content = TRY(parts_.stores.get(history_name(database_, timeline)));
  return TimelineHistory::parse(timeline, as_text(content));
}

Result<ChangeMap> IncrementalBackup::changes_since(const ParentBackup& parent, const BackupSituation& situation,
                                                   const TimelineHistory& history, Micros wait) {
  if (!parts_.no_map.empty()) return fail(Code::unsupported, parts_.no_map);
  if (const auto why = TRY(parts_.trust.distrusted(database_))) return fail(Code::corrupt, *why);
  const WalPlace from{parent.record.timeline, parent.record.start_lsn};
  const WalPlace to{situation.timeline, situation.start};
  TRY(parts_.tracker.wait_until_read(to, wait, parts_.stop));
  return parts_.tracker.between(history, from, to);
}

Result<> IncrementalBackup::check_parent() const {
  if (!TRY(are_stored(gone_on_from_))) {
    return fail(Code::conflict, "what a backup that was cut off had stored, and this one goes on from, was removed",
                "take it again: it will read everything");
  }
  if (type_ == BackupType::full || TRY(is_stored(parent_))) return {};
  return fail(Code::conflict, fmt::format("backup {}, from which it took over, was released meanwhile", parent_),
              "take it again: it will read everything");
}

void IncrementalBackup::remember(const BackupRecord& record, ByteView stored_record, BaseBackupResult& result) {
  ParentBackup parent;
  parent.record = record;
  parent.manifest = std::move(result.manifest);
  parent.traits = ClusterTraits::of(result.control);
  parent.small_files = std::move(result.small_files);
  if (record.type == BackupType::full) {
    if (auto forgot = parts_.attempts.forget(database_); !forgot) {
      parts_.log.warning("what is remembered of a backup's packs cannot be removed",
                         {{"error", forgot.error().text()}});
    }
  }
  if (auto saved = parts_.parents.save(database_, record.type, encode_parent(parent, stored_record)); !saved) {
    parts_.log.warning("the next incremental backup will read everything", {{"error", saved.error().text()}});
    return;
  }
  // On disk from here on: after a crash reading goes on from what is there.
  parts_.tracker.cut();
  if (record.type == BackupType::full) parts_.tracker.prune_before({record.timeline, record.start_lsn});
}

}  // namespace holdfast
