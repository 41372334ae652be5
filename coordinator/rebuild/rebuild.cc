#include "coordinator/rebuild/rebuild.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>

#include "coordinator/catalog/audit.h"
#include "coordinator/catalog/migrations.h"
#include "coordinator/catalog/rocks_store.h"
#include "coordinator/catalog/rows.h"
#include "coordinator/rebuild/known_database.h"
#include "coordinator/rebuild/rebuilt_rows.h"
#include "coordinator/rebuild/stored_checkpoint.h"
#include "coordinator/shell/state_directory.h"
#include "coordinator/shell/state_files.h"
#include "shared/base/mutex.h"
#include "shared/base/parallel.h"
#include "shared/repository/layout.h"
#include "shared/store/opening/store_text.h"

namespace holdfast {
namespace {

constexpr std::string_view unfinished_suffix = ".unfinished";
// Every commit is synced; one for each database would be most of the time.
constexpr std::size_t batch_bytes = 8U << 20U;
// A checkpoint is told nothing any more: nothing is too young for it.
constexpr Timestamp end_of_time = Timestamp::from_micros(std::numeric_limits<std::int64_t>::max());
// Nodes have so long to tell of a job whose order was lost with the coordinator.
constexpr std::chrono::minutes job_grace{10};

// nullopt: it is this fleet's. An error: it cannot be read, or says nothing that could be understood.
Result<std::optional<Error>> foreign_fleet(const NamedStore& store, const RebuildOptions& options) {
  const Bytes object = TRY_DURING(fmt::format("store \"{}\"", store.name), store.store->get(fleet_record_name()));
  const FleetRecord record = TRY_DURING(store.store->description(), decode_fleet_record(object));
  if (record.recovery == options.recovery.public_key && record.root == options.anchor.root &&
      record.fleet == options.anchor.fleet) {
    return std::optional<Error>();
  }
  return std::optional(
      Error{Code::denied,
            fmt::format("{} is of fleet \"{}\" and the recovery key is not", store.store->description(), record.name),
            "use the recovery key of the fleet that made the store"});
}

Result<> check_fleet(const NamedStore& store, const RebuildOptions& options) {
  if (auto foreign = TRY(foreign_fleet(store, options))) return std::unexpected(*std::move(foreign));
  return {};
}

// However it is reached: credentials and addressing may differ from host to host.
bool is_same_place(const StoreInfo& a, const StoreInfo& b) {
  return a.kind == b.kind && a.path == b.path && a.s3.endpoint == b.s3.endpoint && a.s3.bucket == b.s3.bucket &&
         a.s3.prefix == b.s3.prefix;
}

// Whether `from`, as it was given, means this store of the fleet.
bool is_row_of(const StoreInfo& row, const StoreInfo& from) {
  return from.name.empty() ? is_same_place(row, from) : row.name == from.name;
}

std::string place_of(const StoreInfo& store) {
  return store.kind == StoreKind::s3 ? fmt::format("{}/{}/{}", store.s3.endpoint, store.s3.bucket, store.s3.prefix)
                                     : store.path;
}

class Rebuild {
 public:
  Rebuild(FileSystem& files, Entropy& entropy, Timestamp now, const OpenStore& open, RebuildOptions options)
      : files_(files), entropy_(entropy), now_(now), open_(open), options_(std::move(options)) {
    directory_ = options_.state_directory + std::string(unfinished_suffix);
  }

  Result<RebuildReport> run() {
    TRY(open_given_stores());
    StoredCheckpoint checkpoint = TRY(newest_checkpoint());
    TRY(write_state_files(files_, directory_, checkpoint.content.files));
    const StateDirectory state = TRY(read_state_directory(files_, directory_));
    TRY(check_state(state));
    TRY(open_catalog(checkpoint));
    TRY(reconcile_stores());
    TRY(settle_jobs());
    TRY(read_databases());
    TRY(add_nodes());
    TRY(finish());
    report_.fleet = state.fleet;
    report_.fleet_name = state.fleet_name;
    catalog_.reset();
    TRY(files_.rename(directory_, options_.state_directory));
    return std::move(report_);
  }

  const std::string& unfinished_directory() const { return directory_; }

 private:
  void warn(std::string text) { report_.warnings.push_back(std::move(text)); }

  // Those that cannot be read are told of, and the others say what there is; one of another fleet is a mistake.
  Result<> open_given_stores() {
    std::optional<Error> first;
    for (const StoreInfo& info : options_.from) {
      const std::string name = info.name.empty() ? place_of(info) : info.name;
      auto store = reach(info, name);
      if (store) {
        if (auto foreign = TRY(foreign_fleet(*store, options_))) return std::unexpected(*std::move(foreign));
        stores_.push_back(*std::move(store));
        given_.push_back(info);
        continue;
      }
      unread_given_.push_back(info);
      report_.unread.push_back(name);
      warn(fmt::format("store \"{}\" cannot be read, and what only it has is not in the new catalog: {}", name,
                       store.error().message));
      if (!first) first = std::move(store).error();
    }
    if (stores_.empty() && first) return std::unexpected(*std::move(first));
    return {};
  }

  // Asked for all that is read first, so that one that is away is told of and does not end the work.
  Result<NamedStore> reach(const StoreInfo& info, const std::string& name) const {
    NamedStore store{name, TRY_DURING(fmt::format("store \"{}\"", name), open_(info))};
    (void)TRY(foreign_fleet(store, options_));
    (void)TRY_DURING(fmt::format("store \"{}\"", name), store.store->list(checkpoint_prefix()));
    return store;
  }

  Result<StoredCheckpoint> newest_checkpoint() {
    FoundCheckpoints found = TRY(find_checkpoint(stores_, options_.anchor, options_.recovery));
    for (const Finding& refused : found.refused) {
      warn(fmt::format("\"{}\" in store \"{}\" is not used: {}", refused.object, refused.store, refused.problem));
    }
    newest_coordinator_ = found.newest_coordinator;
    if (!found.newest) {
      return fail(Code::not_found,
                  found.refused.empty() ? "no store has a checkpoint of the coordinator"
                                        : "no checkpoint of the coordinator is sound: " + found.refused.front().problem,
                  "name other stores with --from; databases come back without one: holdfast-agent restore "
                  "--repository STORE --recovery-key FILE");
    }
    const CheckpointHeader& header = found.newest->header;
    report_.checkpoint = checkpoint_name(header.coordinator_epoch, header.sequence);
    report_.checkpoint_store = found.newest->store;
    report_.checkpoint_made_at = header.made_at;
    return *std::move(found.newest);
  }

  Result<> check_state(const StateDirectory& state) const {
    if (state.fleet == options_.anchor.fleet && state.root == options_.anchor.root &&
        state.recovery == options_.recovery.public_key) {
      return {};
    }
    return fail(Code::corrupt, "the checkpoint holds the keys of another fleet");
  }

  // As the checkpoint has it, then brought to this version's schema.
  Result<> open_catalog(StoredCheckpoint& checkpoint) {
    catalog_ =
        TRY(RocksStore::open(fmt::format("{}/{}", directory_, catalog_directory), OpenCatalog::create_if_missing));
    epoch_ = TRY(catalog_->begin_epoch_after(newest_coordinator_ + rebuilt_epoch_step));
    TRY_DURING("put back the checkpoint", catalog_->commit(checkpoint.content.rows, epoch_));
    checkpoint.content.rows.clear();
    return migrate(*catalog_, epoch_, all_migrations());
  }

  // Stores that were given get the names that the fleet has for them; the fleet's others are read as well when they can
  // be.
  Result<> reconcile_stores() {
    auto rows = TRY(read_rows<StoreInfo>(*catalog_));
    std::vector<CatalogChange> changes;
    std::set<std::string> given;
    for (std::size_t i = 0; i < stores_.size(); ++i) {
      const StoreInfo& from = given_[i];
      auto row = std::ranges::find_if(rows, [&](const auto& one) { return is_row_of(one, from); });
      if (row == rows.end()) {
        rows.push_back(new_store(from, rows));
        row = std::prev(rows.end());
        changes.push_back(put_row(*row));
        warn(fmt::format("the checkpoint has no store at \"{}\"; it is now store \"{}\"", place_of(from), row->name));
      } else if (!is_same_place(*row, from)) {
        warn(fmt::format("store \"{}\" was at \"{}\" and is now at \"{}\"", row->name, place_of(*row), place_of(from)));
        // Where hosts keep its credentials is the fleet's matter and not this command's.
        const std::string credentials = row->s3.credentials;
        row->kind = from.kind;
        row->path = from.path;
        row->s3 = from.s3;
        if (!credentials.empty()) row->s3.credentials = credentials;
        changes.push_back(put_row(*row));
      }
      stores_[i].name = row->name;
      given.insert(row->name);
    }
    for (const StoreInfo& row : rows) {
      if (given.contains(row.name)) continue;
      const bool told = std::ranges::any_of(unread_given_, [&](const auto& from) { return is_row_of(row, from); });
      if (told) {
        unread_.insert(row.name);
      } else {
        add_other_store(row);
      }
    }
    for (const NamedStore& store : stores_) report_.stores.push_back(store.name);
    return catalog_->commit(changes, epoch_);
  }

  StoreInfo new_store(const StoreInfo& from, const std::vector<StoreInfo>& rows) {
    StoreInfo store = from;
    store.id = entropy_.id<StoreId>();
    store.created_at = now_;
    const std::string base = from.name.empty() ? "rebuilt" : from.name;
    store.name = base;
    for (int suffix = 2; std::ranges::find(rows, store.name, &StoreInfo::name) != rows.end(); ++suffix) {
      store.name = fmt::format("{}-{}", base, suffix);
    }
    return store;
  }

  void add_other_store(const StoreInfo& row) {
    auto store = reach(row, row.name);
    const auto ours = store ? check_fleet(*store, options_) : Result<>();
    if (!ours) store = std::unexpected(ours.error());
    if (store) return stores_.push_back(*std::move(store));
    unread_.insert(row.name);
    warn(fmt::format("store \"{}\" was not read: {}", row.name, store.error().message));
  }

  // Orders are not in a checkpoint: what was ordered may have been done since. A job that waits for its order is told
  // lost when its node does not tell of it soon; one that ran is told of by its node.
  Result<> settle_jobs() {
    std::vector<CatalogChange> changes;
    for (JobRow& row : TRY(read_rows<JobRow>(*catalog_))) {
      if (row.job.state != JobState::queued) continue;
      row.job.deadline = now_ + job_grace;
      changes.push_back(put_row(row));
    }
    return catalog_->commit(changes, epoch_);
  }

  Result<> read_databases() {
    std::set<DatabaseId> all = TRY(databases_in(stores_));
    all.merge(TRY(databases_in(*catalog_)));
    for (const auto& row : TRY(read_rows<Database>(*catalog_))) names_.insert(row.name);
    const std::vector<DatabaseId> order(all.begin(), all.end());
    TRY(in_parallel(order.size(), options_.threads, [&](std::size_t i) -> Result<> {
      const StoredDatabase stored = TRY(read_stored_database(stores_, options_.anchor, order[i]));
      const std::lock_guard lock(mutex_);
      return add_database(stored);
    }));
    std::ranges::sort(report_.differences);
    return commit_pending();
  }

  // Of one database at least: its rows are read once and never after they were put.
  Result<> put(std::vector<CatalogChange> changes) {
    for (const CatalogChange& change : changes)
      pending_bytes_ += change.key.size() + (change.value ? change.value->size() : 0);
    std::ranges::move(changes, std::back_inserter(pending_));
    return pending_bytes_ < batch_bytes ? Result<>() : commit_pending();
  }

  Result<> commit_pending() {
    TRY(catalog_->commit(pending_, epoch_));
    pending_.clear();
    pending_bytes_ = 0;
    return {};
  }

  // One at a time.
  Result<> add_database(const StoredDatabase& stored) {
    KnownDatabase known = TRY(read_known_database(*catalog_, stored.id, KnowsEpochs::no));
    newest_coordinator_ = std::max(newest_coordinator_, stored.newest_coordinator);
    auto changes = rebuilt_rows(known, stored, unread_);
    auto differences = compare(known, stored, unread_, end_of_time);
    std::ranges::move(differences, std::back_inserter(report_.differences));
    add_unread_backups(known, stored);
    if (!known.row) {
      if (auto database = database_from_store(stored)) {
        const std::string base = database->name;
        for (int suffix = 2; !names_.insert(database->name).second; ++suffix) {
          database->name = fmt::format("{}-{}", base, suffix);
        }
        changes.push_back(put_row(*database));
        ++report_.databases;
      }
    } else {
      ++report_.databases;
    }
    for (Node& node : nodes_from_store(stored, options_.anchor.root)) keep_newer(std::move(node));
    report_.backups += stored.backups.size();
    return put(std::move(changes));
  }

  // What may lie in a store that was not read is not in the new catalog either, and should be known of.
  void add_unread_backups(const KnownDatabase& known, const StoredDatabase& stored) {
    if (unread_.empty()) return;
    for (const Backup& backup : known.backups) {
      if (backup.state != BackupState::complete || find_backup(stored.backups, backup.id) != nullptr) continue;
      for (const BackupCopy& copy : backup.copies) {
        if (!unread_.contains(copy.store)) continue;
        report_.differences.push_back({DifferenceKind::missing, stored.id, known.row ? known.row->name : "", "backup",
                                       backup.id.text(), copy.store, "its copy is in a store that was not read"});
      }
    }
  }

  void keep_newer(Node node) {
    auto& known = nodes_[node.id];
    if (known.id.is_null() || known.last_seen_at < node.last_seen_at) {
      if (node.labels.empty()) node.labels = known.labels;
      known = std::move(node);
    }
  }

  // Those of the checkpoint stay as they are: whoever was revoked stays so.
  Result<> add_nodes() {
    std::vector<CatalogChange> changes;
    const auto rows = TRY(read_rows<Node>(*catalog_));
    std::set<CurvePublicKey> keys;
    for (const Node& row : rows) {
      nodes_.erase(row.id);
      keys.insert(row.curve);
    }
    for (const auto& [id, node] : nodes_) {
      if (!keys.insert(node.curve).second) continue;  // enrolled again under another id
      warn(fmt::format("node \"{}\" enrolled after the checkpoint; it is known by its certificate again", node.name));
      changes.push_back(put_row(node));
    }
    report_.nodes = rows.size() + changes.size();
    return catalog_->commit(changes, epoch_);
  }

  Result<> finish() {
    // A mark of release may tell of a coordinator that came after the checkpoint.
    if (newest_coordinator_ + rebuilt_epoch_step > epoch_) {
      epoch_ = TRY(catalog_->begin_epoch_after(newest_coordinator_ + rebuilt_epoch_step));
    }
    report_.epoch = epoch_;
    AuditHead head = TRY(read_audit_head(*catalog_));
    return catalog_->commit(
        {append_audit(head, now_, "catalog rebuild",
                      fmt::format("made the catalog again from {} of {}: {} databases, {} backups", report_.checkpoint,
                                  to_rfc3339(report_.checkpoint_made_at), report_.databases, report_.backups))},
        epoch_);
  }

  FileSystem& files_;
  Entropy& entropy_;
  const Timestamp now_;
  const OpenStore& open_;
  const RebuildOptions options_;
  std::string directory_;
  std::vector<NamedStore> stores_;  // those that were given come first
  std::vector<StoreInfo> given_;    // as they were given
  std::vector<StoreInfo> unread_given_;
  std::set<std::string> unread_;
  std::unique_ptr<RocksStore> catalog_;
  std::uint64_t epoch_ = 0;

  // While databases are read, guarded by mutex_; the catalog too.
  std::mutex mutex_;
  std::uint64_t newest_coordinator_ = 0;
  std::set<std::string> names_;  // of databases
  std::vector<CatalogChange> pending_;
  std::size_t pending_bytes_ = 0;
  std::map<NodeId, Node> nodes_;
  RebuildReport report_;
};

}  // namespace

Result<StoreInfo> parse_rebuild_source(std::string_view text) {
  const auto equals = text.find('=');
  const bool named = equals != std::string_view::npos && equals < std::min(text.find('/'), text.find(':'));
  if (named && equals == 0) return fail(Code::invalid, fmt::format("store \"{}\" has no name before \"=\"", text));
  StoreInfo store = TRY(parse_store_text(named ? text.substr(equals + 1) : text));
  while (store.path.size() > 1 && store.path.ends_with('/')) store.path.pop_back();
  store.name = named ? text.substr(0, equals) : "";
  return store;
}

Result<RebuildReport> rebuild_catalog(FileSystem& files, Entropy& entropy, Timestamp now, const OpenStore& open,
                                      RebuildOptions options) {
  if (options.from.empty()) return fail(Code::invalid, "no store was named", "--from STORE");
  if (TRY(files.stat(options.state_directory))) {
    return fail(Code::already_exists, fmt::format("\"{}\" exists already", options.state_directory),
                "a catalog is rebuilt into a directory that is not there; move the old one aside");
  }
  Rebuild rebuild(files, entropy, now, open, std::move(options));
  std::error_code ignored;
  std::filesystem::remove_all(rebuild.unfinished_directory(), ignored);  // of a run that was cut off
  auto report = rebuild.run();
  if (!report) std::filesystem::remove_all(rebuild.unfinished_directory(), ignored);
  return report;
}

}  // namespace holdfast
