#include "agent/restore/break_glass.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "agent/restore/owned_files.h"
#include "agent/restore/postgres_restore.h"
#include "agent/restore/sqlite_restore.h"
#include "agent/restore/timeline_choice.h"
#include "shared/identity/stored_keys.h"
#include "shared/repository/layout.h"
#include "shared/repository/sound_copy.h"
#include "shared/repository/wal_reader.h"

namespace holdfast {
namespace {

// A directory that the server's user may pass through to the socket in it, removed at the end.
class RuntimeDirectory {
 public:
  static Result<RuntimeDirectory> make() {
    std::string path = "/tmp/holdfast-restore-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr || ::chmod(path.c_str(), 0711) != 0) {
      return std::unexpected(error_from_errno(errno, "create a directory for the restore's socket"));
    }
    return RuntimeDirectory(path);
  }
  RuntimeDirectory(RuntimeDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  RuntimeDirectory& operator=(RuntimeDirectory&&) = delete;
  RuntimeDirectory(const RuntimeDirectory&) = delete;
  RuntimeDirectory& operator=(const RuntimeDirectory&) = delete;
  ~RuntimeDirectory() {
    if (!path_.empty()) (void)remove_tree(path_).has_value();
  }
  const std::string& path() const { return path_; }

 private:
  explicit RuntimeDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

Result<> open_one(const OpenedRepository& repository, DatabaseId database, EpochId epoch, KeyRing& keys) {
  if (keys.has(epoch)) return {};
  const EpochDocument document = TRY(load_epoch(repository.stores, repository.anchor, database, epoch));
  keys.add(TRY_DURING(fmt::format("data key {}", epoch), open_epoch(document, repository.recovery)));
  return {};
}

// The keys of the backup and of every other epoch of the database: WAL after the backup is under later ones. One that
// cannot be opened only matters if something needs it, and is named then.
Result<KeyRing> open_keys(const OpenedRepository& repository, const BackupRecord& record, const Logger& log) {
  KeyRing keys;
  TRY(open_one(repository, record.database, record.epoch, keys));
  for (const EpochId epoch : record.needed_epochs) TRY(open_one(repository, record.database, epoch, keys));
  if (record.engine != Engine::postgres) return keys;
  constexpr std::string_view suffix = ".keys";
  std::set<EpochId> epochs;
  for (const NamedStore& store : repository.stores.stores()) {
    const auto names = TRY(store.store->list(database_prefix(record.database) + "epochs/"));
    for (const ObjectInfo& object : names) {
      const auto begin = object.name.rfind('/') + 1;
      if (!object.name.ends_with(suffix)) continue;
      const auto epoch = EpochId::parse(object.name.substr(begin, object.name.size() - begin - suffix.size()));
      if (epoch) epochs.insert(*epoch);
    }
  }
  for (const EpochId epoch : epochs) {
    if (const auto opened = open_one(repository, record.database, epoch, keys); !opened) {
      log.warning("a data key cannot be opened", {{"epoch", epoch}, {"error", opened.error().text()}});
    }
  }
  return keys;
}

Result<OsUser> server_user(const BreakGlassRestore& wanted) {
  if (wanted.owner) return *wanted.owner;
  struct stat info {};
  const bool there = wanted.method == RestoreMethod::delta && ::stat(wanted.target_directory.c_str(), &info) == 0;
  if (there && info.st_uid != 0) return user_by_uid(info.st_uid);
  return ::geteuid() == 0 ? user_by_name("postgres") : user_by_uid(::geteuid());
}

// Its times and its way here are all that is asked of the log before the data keys are opened.
Result<RestoreSource> choose_postgres_source(const OpenedRepository& repository, DatabaseId database,
                                             const std::vector<BackupRecord>& backups,
                                             const BreakGlassRestore& wanted) {
  const KeyRing no_keys;
  WalReader reader(repository.stores, repository.anchor, database, no_keys);
  const HistoryOf history = [&reader](Timeline timeline) -> Result<TimelineHistory> {
    if (timeline == Timeline(1)) return TimelineHistory();
    const auto content = reader.history(timeline);
    if (!content && content.error().code == Code::not_found) return TimelineHistory(timeline);
    if (!content) return std::unexpected(content.error());
    return TimelineHistory::parse(timeline, as_text(*content));
  };
  return choose_source(backups, TRY(reader.timelines()), wanted.target, wanted.backup, history);
}

}  // namespace

Result<OpenedRepository> open_repository(FileSystem& files, std::vector<NamedStore> stores, const std::string& key_file,
                                         const std::optional<Passphrase>& passphrase) {
  const KeyFile file = TRY(read_key_file(files, key_file, KeyKind::recovery, passphrase));
  BoxKeyPair recovery = TRY_DURING(fmt::format("recovery key \"{}\"", key_file), box_pair(file));
  StoreSet set(std::move(stores), 1);
  const FleetRecord record = TRY(
      first_sound_object(set, fleet_record_name(), [](const Bytes& content) { return decode_fleet_record(content); }));
  const std::string first = set.stores().front().name;
  const auto refuse = [&](std::string_view what) {
    return fail(Code::denied, fmt::format("\"{}\" is of fleet \"{}\" and {}", first, record.name, what),
                "use the recovery key of the fleet that made the store");
  };
  if (record.recovery != recovery.public_key) return refuse("its recovery key is another one");
  if (const auto fleet = key_fact(file, "fleet"); fleet && *fleet != record.fleet.text()) {
    return refuse("the recovery key belongs to another fleet");
  }
  OpenedRepository out{std::move(set), {record.fleet, record.root}, std::move(recovery), record.name, {}};
  const auto root = key_fact(file, "root");
  if (!root) {
    out.warning =
        "the recovery key file does not name the fleet's root key: signatures are only checked against the "
        "store's own record";
  } else if (*root != record.root.text()) {
    return refuse("its root key is not the one in the recovery key file");
  }
  return out;
}

Result<DatabaseRecord> choose_database(const std::vector<DatabaseRecord>& databases, const std::string& wanted) {
  std::vector<DatabaseRecord> found;
  for (const DatabaseRecord& database : databases) {
    if (database.database.text() == wanted) return database;
    if (wanted.empty() || database.name == wanted ||
        (wanted.size() >= 4 && database.database.text().starts_with(wanted))) {
      found.push_back(database);
    }
  }
  if (found.size() == 1) return found.front();
  const std::string hint = "--list shows what the store has";
  if (found.empty()) return fail(Code::not_found, fmt::format("the store has no database \"{}\"", wanted), hint);
  if (wanted.empty())
    return fail(Code::invalid, fmt::format("the store has {} databases", found.size()),
                "choose one with --database; " + hint);
  return fail(Code::invalid, fmt::format("\"{}\" is more than one database", wanted), hint);
}

Result<RestoreTarget> restore_from_repository(const OpenedRepository& repository, const BreakGlassRestore& wanted,
                                              Clock& clock, Entropy& entropy, const Logger& log, const StopToken& stop,
                                              const std::function<void(const Progress&)>& progress) {
  const auto databases = TRY(list_databases(repository.stores, repository.anchor));
  const DatabaseRecord database = TRY(choose_database(databases, wanted.database));
  const BackupListing listing = TRY(list_backups(repository.stores, repository.anchor, database.database));
  for (const Error& problem : listing.problems) log.warning("a backup is not sound", {{"error", problem.text()}});
  const RestoreSource source =
      database.engine == Engine::sqlite
          ? RestoreSource{TRY(choose_backup(listing.backups, wanted.target, wanted.backup)), {}}
          : TRY(choose_postgres_source(repository, database.database, listing.backups, wanted));
  const BackupRecord& record = source.backup;
  log.info("restoring",
           {{"database", record.database_name}, {"backup", record.backup}, {"to", wanted.target_directory}});

  const KeyRing keys = TRY(open_keys(repository, record, log));
  const BackupReader reader = TRY(BackupReader::open(repository.stores, record, keys));
  RestoreTarget target;
  target.database = record.database;
  target.database_name = record.database_name;
  target.engine = record.engine;
  target.directory = wanted.target_directory;
  target.in_place = false;
  target.backup = record.backup;
  target.backup_finished_at = record.finished_at;
  target.target = wanted.target;
  target.start = wanted.start;
  target.method = wanted.method;
  const RestoreId restore = entropy.id<RestoreId>();
  if (record.engine == Engine::sqlite) {
    if (wanted.method == RestoreMethod::delta) return fail(Code::unsupported, "--delta is for PostgreSQL");
    const auto copying = [&](std::uint64_t done, std::uint64_t total) {
      if (progress) progress({done, total, "copying"});
    };
    TRY(restore_sqlite(target, {reader, restore, clock, stop, copying, {}}));
    return target;
  }
  WalReader wal(repository.stores, repository.anchor, record.database, keys);
  target.timeline = source.timeline;
  target.target.timeline.clear();  // settled
  const RuntimeDirectory runtime = TRY(RuntimeDirectory::make());
  const OsUser owner = TRY(server_user(wanted));
  PostgresRestoreRun run{.reader = reader,
                         .record = record,
                         .restore = restore,
                         .wal = wal_source(wal),
                         .stretches = [&wal](Timeline timeline) { return wal.stretches(timeline); },
                         .times = [&wal](Timeline timeline, Lsn end) { return wal.times(timeline, end); },
                         .owner = owner,
                         .server = std::nullopt,
                         .agent_program = wanted.agent_program,
                         .runtime_directory = runtime.path(),
                         .role = "",
                         .port = wanted.port,
                         .clock = clock,
                         .stop = stop,
                         .progress = progress,
                         .journal = {},
                         .log = log};
  TRY(restore_postgres(target, run));
  return target;
}

Result<std::string> describe_repository(const OpenedRepository& repository) {
  std::vector<Error> problems;
  const auto databases = TRY(list_databases(repository.stores, repository.anchor, &problems));
  std::string out = fmt::format("fleet {} ({})\n", repository.fleet_name, repository.anchor.fleet);
  for (const DatabaseRecord& database : databases) {
    out += fmt::format("\ndatabase {}  {}  {}\n", database.database, database.name,
                       database.engine == Engine::sqlite ? "sqlite" : "postgres");
    const auto listing = TRY(list_backups(repository.stores, repository.anchor, database.database));
    for (const BackupRecord& backup : listing.backups) {
      out += fmt::format("  backup {}  {}  {}  {} bytes", backup.backup, to_rfc3339(backup.finished_at),
                         backup.engine_version, backup.database_bytes);
      if (backup.engine == Engine::postgres) {
        out += fmt::format("  {} to {} timeline {}", backup.start_lsn, backup.stop_lsn, backup.timeline.value());
      }
      out += '\n';
    }
    for (const Error& problem : listing.problems) problems.push_back(problem);
  }
  for (const Error& problem : problems) out += fmt::format("problem: {}\n", problem.text());
  return out;
}

}  // namespace holdfast
