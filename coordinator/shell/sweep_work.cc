// The part of the worker that looks for what failed backups left behind, and takes it away.
#include <fmt/format.h>

#include <algorithm>

#include "coordinator/shell/worker.h"
#include "shared/repository/backup_reader.h"
#include "shared/repository/layout.h"

namespace holdfast {
namespace {

Result<std::vector<NamedStore>> open_all(const std::vector<StoreInfo>& stores, const OpenStore& open) {
  std::vector<NamedStore> out;
  for (const StoreInfo& info : stores) {
    out.push_back({info.name, TRY_DURING(fmt::format("store \"{}\"", info.name), open(info))});
  }
  return out;
}

// Whether something lies there that has no record in any store: only then the records themselves must be read.
bool has_strays(const ListBackups& work, const std::vector<StoreObjects>& stores) {
  std::set<BackupId> all;
  std::set<BackupId> recorded;
  for (const StoreObjects& store : stores) {
    for (const ObjectInfo& object : store.objects) {
      const auto backup = backup_of_object(object.name);
      if (!backup || object.name == released_name(work.database, *backup)) continue;
      all.insert(*backup);
      if (object.name == record_name(work.database, *backup)) recorded.insert(*backup);
    }
  }
  return all != recorded;
}

// Of each store by itself: a record that is damaged in one of them may still be the only one that names a pack.
Result<> add_needed(const ListBackups& work, const std::vector<NamedStore>& stores, const StopAsked& stop,
                    std::set<std::string>& needed) {
  const TrustAnchor anchor{work.fleet, work.root};
  for (const NamedStore& store : stores) {
    if (stop()) return fail(Code::cancelled, "the coordinator stops");
    const BackupListing listing =
        TRY_DURING(fmt::format("store \"{}\"", store.name), list_backups(StoreSet({store}, 1), anchor, work.database));
    if (!listing.problems.empty()) {
      return std::unexpected(Error(listing.problems.front()).during(fmt::format("store \"{}\"", store.name)));
    }
    for (const BackupRecord& record : listing.backups) {
      for (const auto& pack : record.needed_packs) needed.insert(pack.object.name);
    }
  }
  return {};
}

Result<> list_all(const ListBackups& work, const OpenStore& open, const StopAsked& stop, BackupsListed& into) {
  const auto stores = TRY(open_all(work.stores, open));
  const std::string backups = database_prefix(work.database) + "backups/";
  for (const NamedStore& store : stores) {
    if (stop()) return fail(Code::cancelled, "the coordinator stops");
    auto objects =
        TRY_DURING(fmt::format("store \"{}\"", store.name), store.store->list(database_prefix(work.database)));
    StoreUse use{store.name, objects.size(), 0};
    for (const ObjectInfo& object : objects) use.bytes += object.size;
    std::erase_if(objects, [&](const ObjectInfo& object) { return !object.name.starts_with(backups); });
    into.use.push_back(std::move(use));
    into.stores.push_back({store.name, std::move(objects)});
  }
  if (!has_strays(work, into.stores)) return {};
  return add_needed(work, stores, stop, into.needed);
}

Result<> check_no_record(const RemoveStrays& work, const std::vector<NamedStore>& stores) {
  const std::string record = record_name(work.database, work.backup);
  for (const NamedStore& store : stores) {
    const auto found = TRY_DURING(fmt::format("store \"{}\"", store.name), store.store->stat(record));
    if (found) return fail(Code::conflict, fmt::format("store \"{}\" has its record now", store.name));
  }
  return {};
}

Result<> remove_from(const RemoveStrays& work, const std::vector<NamedStore>& stores, const StopAsked& stop,
                     StraysRemoved& done) {
  for (const StoreObjects& part : work.objects) {
    const auto store = std::ranges::find(stores, part.store, &NamedStore::name);
    if (store == stores.end()) return fail(Code::not_found, fmt::format("there is no store \"{}\"", part.store));
    for (const ObjectInfo& object : part.objects) {
      if (stop()) return fail(Code::cancelled, "the coordinator stops");
      if (backup_of_object(object.name) != work.backup) {
        return fail(Code::internal, fmt::format("\"{}\" is not of backup {}", object.name, work.backup));
      }
      TRY_DURING(fmt::format("store \"{}\"", part.store), store->store->remove(object.name));
      ++done.objects;
      done.bytes += object.size;
    }
  }
  return {};
}

}  // namespace

std::optional<BackupsListed> list_backup_objects(const ListBackups& work, const OpenStore& open,
                                                 const StopAsked& stop) {
  BackupsListed listed{work.database, {}, {}, std::nullopt};
  if (auto done = list_all(work, open, stop, listed); !done) {
    if (done.error().code == Code::cancelled) return std::nullopt;
    listed = {work.database, {}, {}, std::move(done).error()};
  }
  return listed;
}

std::optional<StraysRemoved> remove_strays(const RemoveStrays& work, const OpenStore& open, const StopAsked& stop) {
  StraysRemoved out{work.database, work.backup, work.why, 0, 0, std::nullopt};
  const auto stores = open_all(work.stores, open);
  auto done = stores ? check_no_record(work, *stores) : Result<>(std::unexpected(stores.error()));
  if (done) done = remove_from(work, *stores, stop, out);
  if (!done) {
    // What went must be told although the rest stays.
    if (done.error().code == Code::cancelled && out.objects == 0) return std::nullopt;
    out.error = std::move(done).error();
  }
  return out;
}

}  // namespace holdfast
