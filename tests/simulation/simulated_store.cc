#include "tests/simulation/simulated_store.h"

#include <algorithm>

#include "shared/repository/layout.h"

namespace holdfast {

void SimulatedStore::put_record(DatabaseId database, BackupId backup, const std::set<std::string>& needed) {
  auto& all = records_[record_name(database, backup)];
  all = needed;
  for (const auto& [name, size] : objects_) {
    if (name.starts_with(backup_prefix(database, backup))) all.insert(name);
  }
  put(record_name(database, backup));
}

bool SimulatedStore::has_record(DatabaseId database, BackupId backup) const {
  return fault_ != Fault::hides_records && objects_.contains(record_name(database, backup));
}

BackupsListed SimulatedStore::carry_out(const ListBackups& work) const {
  BackupsListed listed{work.database, {}, {}, std::nullopt};
  for (const StoreInfo& store : work.stores) listed.stores.push_back({store.name, {}});  // the others hold nothing
  const auto here = std::ranges::find(listed.stores, "local", &StoreObjects::store);
  if (here == listed.stores.end()) return listed;
  const std::string prefix = database_prefix(work.database) + "backups/";
  for (const auto& [name, size] : objects_) {
    const bool record = records_.contains(name);
    if (!name.starts_with(prefix) || (record && fault_ == Fault::hides_records)) continue;
    here->objects.push_back({name, size});
    if (record) listed.needed.insert(records_.at(name).begin(), records_.at(name).end());
  }
  return listed;
}

StraysRemoved SimulatedStore::carry_out(const RemoveStrays& work) {
  StraysRemoved removed{work.database, work.backup, work.why, 0, 0, std::nullopt};
  if (has_record(work.database, work.backup)) {
    removed.error = Error{Code::conflict, "it has its record now", {}};
    return removed;
  }
  for (const StoreObjects& part : work.objects) {
    for (const ObjectInfo& object : part.objects) {
      objects_.erase(object.name);
      ++removed.objects;
      removed.bytes += object.size;
    }
  }
  swept_ += removed.objects;
  return removed;
}

std::vector<std::string> SimulatedStore::losses() const {
  std::vector<std::string> lost;
  for (const auto& [record, needed] : records_) {
    for (const auto& name : needed) {
      if (!objects_.contains(name)) lost.push_back(name);
    }
  }
  return lost;
}

}  // namespace holdfast
