#include "agent/postgres/wal_positions.h"

#include <algorithm>
#include <set>
#include <vector>

#include "shared/repository/layout.h"
#include "shared/repository/wal_object.h"

namespace holdfast {
namespace {

bool by_position(const WalName& a, const WalName& b) {
  return std::tuple(a.timeline, a.first, a.last) < std::tuple(b.timeline, b.first, b.last);
}

// Names of log objects in any of the stores, ordered. Stores that do not answer are passed over; one must.
Result<std::vector<WalName>> list_wal(const StoreSet& stores, const std::string& prefix) {
  std::vector<WalName> names;
  std::optional<Error> problem;
  bool answered = false;
  for (const auto& store : stores.stores()) {
    auto objects = store.store->list(prefix);
    if (!objects) {
      problem = std::move(objects).error();
      continue;
    }
    answered = true;
    for (const auto& object : *objects) {
      if (const auto name = parse_wal_name(object.name)) names.push_back(*name);
    }
  }
  if (!answered && problem) return std::unexpected(std::move(*problem));
  std::ranges::sort(names, by_position);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return names;
}

struct StoredWal {
  WalHeader header;
  Bytes object;
};

Result<StoredWal> get_wal(const StoreSet& stores, DatabaseId database, const WalName& name) {
  const std::string object_name = wal_name(database, name.timeline, name.first, name.last);
  StoredWal stored;
  stored.object = TRY(stores.get(object_name));
  stored.header = TRY_DURING(object_name, peek_wal_header(stored.object));
  return stored;
}

}  // namespace

Result<bool> is_stored_beyond(const StoreSet& stores, DatabaseId database, const TimelineHistory& history,
                              Timeline timeline) {
  if (timeline == history.timeline() || !history.includes(timeline)) return false;
  const auto names = TRY_DURING("look for stored log", list_wal(stores, database_prefix(database) + "wal/"));
  return std::ranges::any_of(
      names, [&](const WalName& name) { return name.timeline > timeline && history.includes(name.timeline); });
}

Result<std::optional<WalResumePoint>> find_wal_position(const StoreSet& stores, DatabaseId database,
                                                        const TimelineHistory& history) {
  const auto names = TRY_DURING("look for stored log", list_wal(stores, database_prefix(database) + "wal/"));
  if (names.empty()) return std::optional<WalResumePoint>{};
  Timeline newest = names.back().timeline;
  for (const auto& name : names) {  // ordered
    if (history.includes(name.timeline)) newest = name.timeline;
  }
  WalResumePoint position;
  position.timeline = newest;
  WalName last_object;
  for (const auto& name : names) {
    if (name.timeline != newest) continue;
    if (position.durable == Lsn() || name.first > position.durable) position.first = name.first;
    if (name.last > position.durable) {
      position.durable = name.last;
      last_object = name;
    }
  }
  const StoredWal newest_object = TRY(get_wal(stores, database, last_object));
  position.system_id = newest_object.header.system_id;
  position.predecessor = sha256(newest_object.object);
  position.through_time = newest_object.header.recoverable_through;
  for (const auto& name : names) {
    if (name.timeline != newest || name.first < position.first) continue;
    const auto oldest_object = get_wal(stores, database, name);
    if (oldest_object) {
      position.first = name.first;
      position.from_time = oldest_object->header.received_from;
      return std::optional(position);
    }
    // Released meanwhile, or long ago by a list that is behind.
    if (oldest_object.error().code != Code::not_found) return std::unexpected(oldest_object.error());
  }
  return fail(Code::unavailable, "the log that is listed cannot be read");
}

Result<WalResumePoint> advance_over_stored(const StoreSet& stores, DatabaseId database, WalResumePoint position) {
  const auto names = TRY_DURING("look for stored log", list_wal(stores, wal_prefix(database, position.timeline)));
  while (true) {
    const WalName* further = nullptr;
    for (const auto& name : names) {
      const bool follows = name.first <= position.durable && name.last > position.durable;
      if (follows && (further == nullptr || name.last > further->last)) further = &name;
    }
    if (further == nullptr) return position;
    const StoredWal stored = TRY(get_wal(stores, database, *further));
    TRY(stores.put(wal_name(database, further->timeline, further->first, further->last), stored.object));
    position.durable = further->last;
    position.predecessor = sha256(stored.object);
    position.through_time = std::max(position.through_time, stored.header.recoverable_through);
  }
}

Result<bool> stored_through(const StoreSet& stores, DatabaseId database, Timeline timeline, Lsn position) {
  const auto names = TRY_DURING("look for stored log", list_wal(stores, wal_prefix(database, timeline)));
  return std::ranges::any_of(
      names, [position](const WalName& name) { return name.first <= position && position <= name.last; });
}

}  // namespace holdfast
