#include "coordinator/rebuild/rebuilt_rows.h"

#include <algorithm>
#include <map>

#include "coordinator/catalog/rows.h"
#include "coordinator/core/backup_reports.h"
#include "coordinator/core/wal_ranges.h"
#include "shared/fleet/words.h"

namespace holdfast {
namespace {

// What a verification found damaged stays so, whatever the sizes say.
std::vector<BackupCopy> copies_of(const StoredBackup& stored, const Backup& known,
                                  const std::set<std::string>& unread) {
  std::vector<BackupCopy> copies = stored.copies;
  for (const BackupCopy& before : known.copies) {
    const auto same = std::ranges::find(copies, before.store, &BackupCopy::store);
    if (same == copies.end()) {
      if (unread.contains(before.store)) copies.push_back(before);
    } else if (before.state == "damaged") {
      same->state = before.state;
    }
  }
  return copies;
}

class Rows {
 public:
  Rows(const KnownDatabase& known, const StoredDatabase& stored, const std::set<std::string>& unread)
      : known_(known), stored_(stored), unread_(unread) {
    for (const Backup& backup : known.backups) known_backups_.emplace(backup.id, &backup);
  }

  std::vector<CatalogChange> run() {
    for (const Backup& backup : known_.backups) forget_what_is_gone(backup);
    for (const StoredBackup& backup : stored_.backups) add_backup(backup, false);
    for (const StoredBackup& backup : stored_.released) add_backup(backup, true);
    for (const StoredEpoch& epoch : stored_.epochs) out_.push_back(put_row(epoch.info));
    for (const TimelineChange& change : stored_.timelines) out_.push_back(put_row(change));
    add_log();
    return std::move(out_);
  }

 private:
  void forget_what_is_gone(const Backup& backup) {
    const bool needs_record = backup.state == BackupState::complete || backup.state == BackupState::released;
    if (!needs_record || find_backup(stored_.backups, backup.id) != nullptr ||
        find_backup(stored_.released, backup.id) != nullptr) {
      return;
    }
    out_.push_back(remove_row(backup));
  }

  void add_backup(const StoredBackup& stored, bool marked) {
    Backup before;
    before.id = stored.record.backup;
    before.database = stored.record.database;
    const auto known = known_backups_.find(before.id);
    if (known != known_backups_.end()) before = *known->second;
    Backup row = row_from_record(stored.record, before, stored.bytes);
    row.copies = copies_of(stored, before, unread_);
    if (marked || before.state == BackupState::released) {
      // Its removal is asked for again, and that needs the record.
      row.state = BackupState::released;
      if (before.state == BackupState::released) row.reason = before.reason;
    }
    // The start is part of the key.
    if (known != known_backups_.end() && before.started_at != row.started_at) out_.push_back(remove_row(before));
    out_.push_back(put_row(row));
  }

  void add_log() {
    std::vector<WalRange> ranges = stored_.wal;
    for (const WalRange& range : known_.wal) {
      out_.push_back(remove_row(range));
      // Of the same stretch the checkpoint may know more of its times: an idle database writes no log.
      if (!unread_.empty() || uncovered(range, stored_.wal).empty()) merge_wal_range(ranges, range);
    }
    for (const WalRange& range : ranges) out_.push_back(put_row(range));
  }

  const KnownDatabase& known_;
  const StoredDatabase& stored_;
  const std::set<std::string>& unread_;
  std::map<BackupId, const Backup*> known_backups_;
  std::vector<CatalogChange> out_;
};

const StoredBackup* newest_backup(const StoredDatabase& stored) {
  const auto found =
      std::ranges::max_element(stored.backups, {}, [](const auto& one) { return one.record.finished_at; });
  return found == stored.backups.end() ? nullptr : &*found;
}

// As the agent on that node will tell of it again.
Member member_of(const BackupRecord& record) {
  Member member;
  member.node = record.node;
  member.found.key = std::string(word(record.engine)) + ":" + record.source_path;
  member.found.engine = record.engine;
  member.found.name = record.database_name;
  member.found.path = record.source_path;
  member.found.version = record.engine_version;
  member.found.system_id = record.system_id;
  member.found.timeline = record.timeline;
  member.found.size_bytes = record.database_bytes.value();
  member.seen_at = record.finished_at;
  return member;
}

}  // namespace

std::vector<CatalogChange> rebuilt_rows(const KnownDatabase& known, const StoredDatabase& stored,
                                        const std::set<std::string>& unread) {
  return Rows(known, stored, unread).run();
}

std::optional<Database> database_from_store(const StoredDatabase& stored) {
  const StoredBackup* newest = newest_backup(stored);
  if (!stored.record && newest == nullptr) return std::nullopt;
  Database database;
  database.id = stored.id;
  if (newest != nullptr) {
    database.name = newest->record.database_name;
    database.engine = newest->record.engine;
    database.system_id = newest->record.system_id;
    database.created_at = newest->record.started_at;
    database.members = {member_of(newest->record)};
    database.active = newest->record.node;
    for (const auto& [name, value] : newest->record.labels) database.labels[name] = value;
  }
  if (stored.record) {
    database.name = stored.record->name;
    database.engine = stored.record->engine;
    database.system_id = stored.record->system_id;
    database.created_at = stored.record->created_at;
  }
  return database;
}

std::vector<Node> nodes_from_store(const StoredDatabase& stored, const SignPublicKey& root) {
  std::map<NodeId, const StoredEpoch*> newest;
  for (const StoredEpoch& epoch : stored.epochs) {
    auto& known = newest[epoch.node];
    if (known == nullptr || known->created_at < epoch.created_at) known = &epoch;
  }
  std::vector<Node> nodes;
  for (const auto& [id, epoch] : newest) {
    const auto certificate = verify_chain(epoch->chain, root);
    if (!certificate) continue;
    Node node;
    node.id = id;
    node.name = certificate->name;
    node.state = NodeState::active;
    node.curve = certificate->curve;
    node.signer = certificate->signer;
    node.recipient = certificate->recipient;
    node.generation = certificate->generation;
    node.enrolled_at = certificate->not_before;
    node.last_seen_at = epoch->created_at;
    node.chain = epoch->chain.encode();
    if (const StoredBackup* backup = newest_backup(stored); backup != nullptr && backup->record.node == id) {
      for (const auto& [name, value] : backup->record.labels) {
        if (name != "engine") node.labels[name] = value;
      }
    }
    nodes.push_back(std::move(node));
  }
  return nodes;
}

}  // namespace holdfast
