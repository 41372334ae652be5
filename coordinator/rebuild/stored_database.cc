#include "coordinator/rebuild/stored_database.h"

#include <fmt/format.h>

#include <algorithm>

#include "coordinator/rebuild/stored_objects.h"
#include "coordinator/rebuild/stored_wal.h"
#include "shared/postgres/timeline_history.h"
#include "shared/repository/layout.h"

namespace holdfast {
namespace {

std::unexpected<Error> of_another_name() {
  return fail(Code::denied, "it is of another name than its own");
}

// What the names alone say is there.
struct Names {
  std::set<EpochId> epochs;
  std::set<BackupId> records;
  std::set<BackupId> marks;
  std::map<BackupId, std::vector<std::string>> parts;  // everything else of a backup
  std::set<Timeline> histories;
  std::vector<WalName> wal;
};

Names sort_names(DatabaseId database, const std::vector<std::string>& names) {
  Names out;
  for (const std::string& name : names) {
    if (const auto epoch = epoch_of_object(name)) out.epochs.insert(*epoch);
    if (const auto timeline = timeline_of_history(name)) out.histories.insert(*timeline);
    if (const auto wal = parse_wal_name(name)) out.wal.push_back(*wal);
    const auto backup = backup_of_object(name);
    if (!backup) continue;
    if (name == record_name(database, *backup)) {
      out.records.insert(*backup);
    } else if (name == released_name(database, *backup)) {
      out.marks.insert(*backup);
    } else {
      out.parts[*backup].push_back(name);
    }
  }
  return out;
}

class DatabaseRead {
 public:
  DatabaseRead(const StoredObjects& objects, const TrustAnchor& anchor, DatabaseId database)
      : objects_(objects), anchor_(anchor) {
    out_.id = database;
  }

  StoredDatabase run() {
    const Names names = sort_names(out_.id, objects_.names());
    for (const EpochId epoch : names.epochs) read_epoch_document(epoch);
    read_database_record();
    for (const BackupId backup : names.marks) read_mark(backup);
    for (const BackupId backup : names.records) {
      read_backup(backup, out_.marked.contains(backup) ? out_.released : out_.backups);
    }
    count_unrecorded(names);
    for (const Timeline timeline : names.histories) read_history(timeline);
    out_.wal = wal_ranges_of(out_.id, names.wal, [this](const WalName& name) { return read_header(name); });
    return std::move(out_);
  }

 private:
  void read_epoch_document(EpochId epoch) {
    const auto judge = [&](const Bytes& object) -> Result<StoredEpoch> {
      EpochDocument document = TRY(read_epoch(object, anchor_.fleet, anchor_.root));
      if (document.database != out_.id || document.epoch != epoch) return of_another_name();
      StoredEpoch stored{{out_.id, epoch, object}, document.node, document.created_at, document.chain};
      documents_.insert_or_assign(epoch, std::move(document));
      return stored;
    };
    if (auto stored = objects_.first_sound(epoch_name(out_.id, epoch), judge, out_.problems)) {
      out_.epochs.push_back(*std::move(stored));
    }
  }

  Result<const EpochDocument*> document(EpochId epoch) const {
    const auto found = documents_.find(epoch);
    if (found == documents_.end()) return fail(Code::not_found, fmt::format("its data key {} is not there", epoch));
    return &found->second;
  }

  void read_database_record() {
    const auto judge = [&](const Bytes& object) -> Result<DatabaseRecord> {
      const auto* signer = TRY(document(TRY(peek_database_record_epoch(object))));
      DatabaseRecord record = TRY(decode_database_record(object, signer->signer));
      if (record.fleet != anchor_.fleet || record.database != out_.id) return of_another_name();
      return record;
    };
    out_.record = objects_.first_sound(database_record_name(out_.id), judge, out_.problems);
  }

  void read_mark(BackupId backup) {
    const auto judge = [&](const Bytes& object) -> Result<ReleasedMark> {
      ReleasedMark mark = TRY(decode_released(object, anchor_.root));
      if (mark.fleet != anchor_.fleet || mark.database != out_.id || mark.backup != backup) return of_another_name();
      return mark;
    };
    // One that does not verify releases nothing.
    const auto mark = objects_.first_sound(released_name(out_.id, backup), judge, out_.problems);
    if (!mark) return;
    out_.marked.insert(backup);
    out_.newest_coordinator = std::max(out_.newest_coordinator, mark->coordinator_epoch);
  }

  void read_backup(BackupId backup, std::vector<StoredBackup>& into) {
    const std::size_t before = out_.problems.size();
    const auto judge = [&](const Bytes& object) -> Result<StoredBackup> {
      const auto* signer = TRY(document(TRY(peek_record_epoch(object))));
      StoredBackup stored{TRY(read_record(object, *signer)), object, {}};
      if (stored.record.backup != backup) return of_another_name();
      return stored;
    };
    auto stored = objects_.first_sound(record_name(out_.id, backup), judge, out_.problems);
    if (!stored) return;
    if (&into == &out_.released) return into.push_back(*std::move(stored));  // half gone is how it should be
    std::set<std::string> damaged;                                           // stores whose record does not do
    for (std::size_t i = before; i < out_.problems.size(); ++i) damaged.insert(out_.problems[i].store);
    for (std::size_t store = 0; store < objects_.store_count(); ++store) {
      auto state = copy_state(store, *stored, damaged.contains(objects_.store_name(store)));
      if (state) stored->copies.push_back({objects_.store_name(store), *std::move(state)});
    }
    into.push_back(*std::move(stored));
  }

  void count_unrecorded(const Names& names) {
    std::set<std::string> needed;
    for (const auto* backups : {&out_.backups, &out_.released}) {
      for (const StoredBackup& backup : *backups) {
        for (const NeededPack& pack : backup.record.needed_packs) needed.insert(pack.object.name);
      }
    }
    for (const auto& [backup, parts] : names.parts) {
      if (names.records.contains(backup) || names.marks.contains(backup)) continue;
      const auto count = static_cast<std::size_t>(
          std::ranges::count_if(parts, [&](const auto& name) { return !needed.contains(name); }));
      if (count > 0) out_.unrecorded[backup] = count;
    }
  }

  // nullopt: nothing of its own is there.
  std::optional<std::string> copy_state(std::size_t store, const StoredBackup& backup, bool record_damaged) {
    bool any = false;
    bool whole = true;
    bool sound = !record_damaged;
    const auto look = [&](const std::string& name, std::uint64_t size) {
      const auto there = objects_.size_in(store, name);
      whole = whole && there.has_value();
      if (there && *there != size) {
        sound = false;
        out_.problems.push_back(
            {objects_.store_name(store), name, fmt::format("it has {} bytes and should have {}", *there, size)});
      }
      return there.has_value();
    };
    any = look(record_name(out_.id, backup.record.backup), backup.bytes.size());
    for (const StoredObject& object : backup.record.objects) any = look(object.name, object.size) || any;
    for (const NeededPack& pack : backup.record.needed_packs) look(pack.object.name, pack.object.size);
    if (!any) return std::nullopt;
    return !sound ? "damaged" : !whole ? "missing" : "ok";
  }

  void read_history(Timeline timeline) {
    const auto judge = [&](const Bytes& object) { return TimelineHistory::parse(timeline, as_text(object)); };
    const auto history = objects_.first_sound(history_name(out_.id, timeline), judge, out_.problems);
    if (!history || history->switches().empty()) return;
    const TimelineSwitch& left = history->switches().back();
    out_.timelines.push_back({out_.id, timeline, left.parent, left.at});
  }

  std::optional<WalHeader> read_header(const WalName& name) {
    const auto judge = [&](const Bytes& front) -> Result<WalHeader> {
      const auto* signer = TRY(document(TRY(peek_wal_header(front)).epoch));
      const WalHeader header = TRY(verify_wal_header(front, signer->signer));
      if (header.fleet != anchor_.fleet || header.database != out_.id || header.node != signer->node ||
          header.timeline != name.timeline || header.first != name.first || header.last != name.last) {
        return of_another_name();
      }
      return header;
    };
    return objects_.first_sound(wal_name(out_.id, name.timeline, name.first, name.last), wal_header_limit, judge,
                                out_.problems);
  }

  const StoredObjects& objects_;
  const TrustAnchor& anchor_;
  StoredDatabase out_;
  std::map<EpochId, EpochDocument> documents_;
};

}  // namespace

const StoredBackup* find_backup(const std::vector<StoredBackup>& backups, BackupId id) {
  const auto found = std::ranges::lower_bound(backups, id, {}, [](const auto& backup) { return backup.record.backup; });
  return found == backups.end() || found->record.backup != id ? nullptr : &*found;
}

Result<std::set<DatabaseId>> databases_in(const std::vector<NamedStore>& stores) {
  std::set<DatabaseId> found;
  for (const NamedStore& store : stores) {
    const auto parts = TRY_DURING(fmt::format("store \"{}\"", store.name), store.store->list_parts(""));
    for (const std::string& part : parts) {
      if (!part.ends_with('/')) continue;
      if (const auto id = DatabaseId::parse(std::string_view(part).substr(0, part.size() - 1))) found.insert(*id);
    }
  }
  return found;
}

Result<StoredDatabase> read_stored_database(const std::vector<NamedStore>& stores, const TrustAnchor& anchor,
                                            DatabaseId database) {
  const auto objects = TRY(StoredObjects::list(stores, database_prefix(database)));
  return DatabaseRead(objects, anchor, database).run();
}

}  // namespace holdfast
