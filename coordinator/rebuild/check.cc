#include "coordinator/rebuild/check.h"

#include <fmt/format.h>

#include <algorithm>

#include "coordinator/catalog/migrations.h"
#include "coordinator/catalog/rocks_store.h"
#include "coordinator/catalog/rows.h"
#include "coordinator/rebuild/known_database.h"
#include "coordinator/shell/state_directory.h"
#include "shared/base/mutex.h"
#include "shared/base/parallel.h"
#include "shared/repository/layout.h"
#include "shared/repository/verify.h"

namespace holdfast {
namespace {

// Agents tell of what they did within a heartbeat; with a coordinator that was away for a moment it takes longer.
constexpr std::chrono::minutes still_told{10};

class Check {
 public:
  Check(const StateDirectory& state, const OpenStore& open, const CheckOptions& options)
      : state_(state),
        anchor_{state.fleet, state.root},
        open_(open),
        depth_(options.depth),
        threads_(options.threads),
        young_since_(options.now - still_told) {}

  Result<CheckReport> run() {
    const auto first = TRY(open_catalog());
    TRY(open_stores(*first));
    std::set<DatabaseId> all = TRY(databases_in(stores_));
    all.merge(TRY(databases_in(*first)));
    report_.databases = all.size();
    auto differences = TRY(look(*first, {all.begin(), all.end()}, depth_));
    if (!differences.empty()) differences = TRY(still_there(std::move(differences)));
    report_.fleet_name = state_.fleet_name;
    report_.differences = std::move(differences);
    return std::move(report_);
  }

 private:
  Result<std::unique_ptr<RocksStore>> open_catalog() const {
    auto catalog = TRY(RocksStore::open(state_.catalog, OpenCatalog::read_only));
    const SchemaState schema = TRY(read_schema(*catalog));
    if (schema.version != all_migrations().size() || schema.dirty != 0) {
      return fail(
          Code::unsupported,
          fmt::format("the catalog has schema {} and this version reads {}", schema.version, all_migrations().size()),
          "use the version of the coordinator that runs on it");
    }
    return catalog;
  }

  Result<> open_stores(KeyValueStore& catalog) {
    for (const StoreInfo& row : TRY(read_rows<StoreInfo>(catalog))) {
      // Asked once, so that one that is away is told of and does not end the check.
      const auto reach = [&]() -> Result<std::shared_ptr<Store>> {
        auto store = TRY(open_(row));
        (void)TRY(store->list_parts(""));
        return store;
      };
      if (auto store = reach()) {
        stores_.push_back({row.name, *std::move(store)});
        report_.stores.push_back(row.name);
      } else {
        unread_.insert(row.name);
        report_.warnings.push_back(fmt::format("store \"{}\" cannot be read: {}", row.name, store.error().message));
      }
    }
    return {};
  }

  Result<std::vector<CatalogDifference>> look(KeyValueStore& catalog, const std::vector<DatabaseId>& databases,
                                              CheckDepth depth) {
    Guarded<std::vector<CatalogDifference>> found;
    std::mutex reading;  // of the catalog
    TRY(in_parallel(databases.size(), threads_, [&](std::size_t i) -> Result<> {
      KnownDatabase known;
      {
        const std::lock_guard lock(reading);
        known = TRY(read_known_database(catalog, databases[i], KnowsEpochs::yes));
      }
      const StoredDatabase stored = TRY(read_stored_database(stores_, anchor_, databases[i]));
      auto differences = compare(known, stored, unread_, young_since_);
      if (depth == CheckDepth::every_byte) TRY(add_damage(stored, differences));
      found.with([&](auto& all) {
        std::ranges::move(differences, std::back_inserter(all));
        report_.backups += stored.backups.size();
      });
      return {};
    }));
    auto differences = found.with([](auto& all) { return std::move(all); });
    std::ranges::sort(differences);
    differences.erase(std::ranges::unique(differences).begin(), differences.end());
    return differences;
  }

  Result<> add_damage(const StoredDatabase& stored, std::vector<CatalogDifference>& differences) {
    const StoreSet set(stores_, 1);
    for (const StoredBackup& backup : stored.backups) {
      const auto report = TRY(verify_backup(set, anchor_, stored.id, backup.record.backup, nullptr, {}));
      for (const VerifyFinding& finding : report.findings) {
        differences.push_back({DifferenceKind::damaged, stored.id, backup.record.database_name, "object",
                               finding.object, finding.store, finding.error.message});
      }
    }
    return add_damage_of_log(stored, differences);
  }

  // Where a store has none of a stretch is the copies' matter: what it has must do.
  Result<> add_damage_of_log(const StoredDatabase& stored, std::vector<CatalogDifference>& differences) {
    const StoreSet set(stores_, 1);
    const std::string name = stored.record ? stored.record->name : std::string();
    for (const WalRange& range : stored.wal) {
      const auto report =
          TRY(verify_wal(set, anchor_, stored.id, range.timeline, range.first, range.last, nullptr, {}));
      for (const VerifyFinding& finding : report.findings) {
        if (!parse_wal_name(finding.object) || finding.error.code == Code::not_found) continue;
        differences.push_back(
            {DifferenceKind::damaged, stored.id, name, "object", finding.object, finding.store, finding.error.message});
      }
    }
    return {};
  }

  // Backups end, log comes and goes while we look. What every byte said stands.
  Result<std::vector<CatalogDifference>> still_there(std::vector<CatalogDifference> first) {
    std::set<DatabaseId> databases;
    for (const auto& difference : first) databases.insert(difference.database);
    const auto catalog = TRY(open_catalog());
    const std::size_t backups = report_.backups;
    const auto second = TRY(look(*catalog, {databases.begin(), databases.end()}, CheckDepth::names_and_sizes));
    report_.backups = backups;
    std::erase_if(first, [&](const CatalogDifference& difference) {
      return difference.kind != DifferenceKind::damaged && !std::ranges::binary_search(second, difference);
    });
    return first;
  }

  const StateDirectory& state_;
  const TrustAnchor anchor_;
  const OpenStore& open_;
  const CheckDepth depth_;
  const std::size_t threads_;
  const Timestamp young_since_;
  std::vector<NamedStore> stores_;
  std::set<std::string> unread_;
  CheckReport report_;
};

}  // namespace

Result<CheckReport> check_catalog(FileSystem& files, const OpenStore& open, const std::string& state_directory,
                                  const CheckOptions& options) {
  const StateDirectory state = TRY(read_state_directory(files, state_directory));
  return Check(state, open, options).run();
}

}  // namespace holdfast
