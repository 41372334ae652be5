#include "coordinator/core/backup_reports.h"

#include <fmt/format.h>

#include <algorithm>

#include "coordinator/core/assignment.h"
#include "coordinator/core/copies.h"
#include "coordinator/core/removal.h"
#include "coordinator/core/stores.h"
#include "shared/repository/layout.h"
#include "shared/repository/record.h"

namespace holdfast {
namespace {

Result<> check_record(const BackupRecord& record, const Turn& turn, const Node& node, const Job& job,
                      const Backup& reported) {
  if (record.fleet != turn.state.identity.fleet) return fail(Code::denied, "its record is of another fleet");
  if (record.node != node.id) return fail(Code::denied, "its record is of another node");
  if (record.database != job.database || record.database != reported.database) {
    return fail(Code::denied, "its record is of another database");
  }
  if (record.backup != reported.id) return fail(Code::denied, "its record is of another backup");
  if (record.job != job.id) return fail(Code::denied, "its record is of another job");
  return {};
}

// A pack of an earlier backup that was let go while this one was made; empty: none. What another kept backup needs
// stays, whatever became of its owner.
std::string released_pack(CoreState& state, const BackupRecord& record) {
  for (const auto& pack : record.needed_packs) {
    const auto owner = backup_of_object(pack.object.name);
    const Backup* known = owner ? state.backup(*owner) : nullptr;
    if (known == nullptr || known->state != BackupState::released) continue;
    const auto kept = packs_needed_by_kept(state, record.database);
    if (!kept || !kept->contains(pack.object.name)) return pack.object.name;
  }
  return {};
}

// A copy is as good as those of the packs that it takes from earlier backups.
void judge_copies(const CoreState& state, const BackupRecord& record, Backup& row) {
  for (const auto& pack : record.needed_packs) {
    const auto owner = backup_of_object(pack.object.name);
    const Backup* known = owner ? state.backup(*owner) : nullptr;
    // Of one that was cut off the agent takes only packs that every store has.
    if (known == nullptr || known->state == BackupState::failed || known->state == BackupState::running) continue;
    for (BackupCopy& copy : row.copies) {
      const auto same = std::ranges::find(known->copies, copy.store, &BackupCopy::store);
      if (same == known->copies.end() || same->state != "ok") copy.state = "missing";
    }
  }
}

BackupOutcome refuse(Turn& turn, const Node& node, const Backup& reported, const std::string& why) {
  turn.alert(fmt::format("node \"{}\" reported backup {} and it was refused: {}", node.name, reported.id, why));
  return {BackupVerdict::refused, why};
}

void store(Turn& turn, Backup row, const Backup* known) {
  if (known != nullptr) {
    // These are the coordinator's and not the agent's.
    row.keep = known->keep;
    row.verified_at = known->verified_at;
    if (row == *known) return;
  } else {
    row.keep = false;
    row.verified_at = {};
  }
  turn.put(row);
}

}  // namespace

Backup row_from_record(const BackupRecord& record, const Backup& reported, Bytes bytes) {
  Backup row = reported;
  row.node = record.node;
  row.job = record.job;
  row.type = record.type;
  row.parent = record.parent;
  row.state = BackupState::complete;
  row.started_at = record.started_at;
  row.finished_at = record.finished_at;
  row.start_lsn = record.start_lsn;
  row.stop_lsn = record.stop_lsn;
  row.timeline = record.timeline;
  row.epoch = record.epoch;
  row.database_bytes = record.database_bytes.value();
  row.read_bytes = record.read_bytes.value();
  row.stored_bytes = record.stored_bytes.value();
  row.pages = record.pages;
  row.changed_pages = record.changed_pages;
  row.bad_pages = record.bad_pages;
  row.note = record.note;
  row.reason = record.reason;
  row.error.clear();
  row.record = std::move(bytes);
  return row;
}

BackupOutcome backup_reported(Turn& turn, const Node& node, const Job& job, const Backup& reported) {
  CoreState& state = turn.state;
  if (reported.id.is_null() || reported.database != job.database ||
      (!job.backup.is_null() && job.backup != reported.id)) {
    return refuse(turn, node, reported, "it is not the backup of its job");
  }
  const Backup* known = state.backup(reported.id);
  if (known != nullptr && (known->database != reported.database || known->node != node.id || known->job != job.id)) {
    return refuse(turn, node, reported, "its id belongs to another backup");
  }
  if (known != nullptr && known->state != BackupState::running) return {};  // final: nothing takes it back
  if (reported.state == BackupState::complete) {
    const auto& epochs = state.epochs[reported.database];
    const auto named = peek_record_epoch(reported.record);
    if (!named) return refuse(turn, node, reported, named.error().message);
    const auto epoch = epochs.find(*named);
    if (epoch == epochs.end()) return {BackupVerdict::wait, {}};
    const auto document = read_epoch(epoch->second.info.object, state.identity.fleet, state.identity.root);
    if (!document) return refuse(turn, node, reported, document.error().message);
    const auto record = read_record(reported.record, *document);
    if (!record) return refuse(turn, node, reported, record.error().message);
    if (const auto checked = check_record(*record, turn, node, job, reported); !checked) {
      return refuse(turn, node, reported, checked.error().message);
    }
    if (const std::string gone = released_pack(state, *record); !gone.empty()) {
      return refuse(turn, node, reported, fmt::format("\"{}\", which it needs, was released meanwhile", gone));
    }
    Backup row = row_from_record(*record, reported, reported.record);
    judge_copies(state, *record, row);
    add_store_use(turn, row, record->objects.size() + 1);
    store(turn, std::move(row), known);
    for (const Member& member : state.databases.at(reported.database).members) {
      assignment_changes_soon(turn, member.node);
    }
    return {};
  }
  Backup row = reported;
  row.node = node.id;
  row.job = job.id;
  row.record.clear();
  if (row.state == BackupState::released) row.state = BackupState::failed;
  store(turn, std::move(row), known);
  return {};
}

Result<BackupRecord> signed_record_of(const CoreState& state, const Backup& backup) {
  const auto epochs = state.epochs.find(backup.database);
  if (epochs == state.epochs.end() || !epochs->second.contains(backup.epoch)) {
    return fail(Code::not_found, "its data key is not in the catalog");
  }
  const EpochInfo& info = epochs->second.at(backup.epoch).info;
  const auto document = TRY(read_epoch(info.object, state.identity.fleet, state.identity.root));
  return read_record(backup.record, document);
}

void backup_verified(Turn& turn, const Job& job) {
  const Backup* known = turn.state.backup(job.backup);
  if (known == nullptr || known->state != BackupState::complete) return;
  const bool found_something = job.state == JobState::failed && !job.findings.empty();
  if (job.state != JobState::complete && !found_something) return;  // it did not come to a judgement
  Backup row = *known;
  // Log that is missing behind a backup is no fault of its copy.
  const std::string backups = database_prefix(row.database) + "backups/";
  for (BackupCopy& copy : row.copies) {
    const bool damaged = std::ranges::any_of(job.findings, [&](const Finding& finding) {
      return finding.store == copy.store && finding.object.starts_with(backups);
    });
    if (damaged) copy.state = "damaged";
    if (!damaged && job.state == JobState::complete) copy.state = "ok";
    copy.checked_at = turn.now;
  }
  if (job.state == JobState::complete) row.verified_at = turn.now;
  turn.put(row);
  for (const Finding& finding : job.findings) {
    if (!finding.object.starts_with(database_prefix(row.database) + "wal/")) continue;
    set_copy(turn, {row.database, {}, finding.store}, "damaged", Looked::at_names);
  }
}

void close_backup(Turn& turn, const Job& job) {
  const Backup* known = turn.state.backup(job.backup);
  if (known == nullptr || known->state != BackupState::running || known->job != job.id) return;
  Backup row = *known;
  row.state = BackupState::failed;
  row.finished_at = turn.now;
  if (row.error.empty()) row.error = job.error.empty() ? std::string(word(job.state)) : job.error;
  turn.put(row);
}

}  // namespace holdfast
