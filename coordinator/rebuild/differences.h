#pragma once
// A catalog and the stores, compared both ways. Pure.
#include "coordinator/rebuild/stored_database.h"

namespace holdfast {

enum class DifferenceKind : std::uint8_t {
  missing,  // the catalog has it and the stores do not
  unknown,  // the stores have it and the catalog does not
  differs,  // both have it and say different things
  damaged,  // an object in a store does not do
};
std::string_view word(DifferenceKind kind);

struct CatalogDifference {
  DifferenceKind kind = DifferenceKind::missing;
  DatabaseId database;
  std::string database_name;  // empty: not known
  std::string what;           // "backup", "log", "data key", "timeline", "database", "object"
  std::string name;           // its id, range or name
  std::string store;          // empty: of no single store
  std::string text;           // a sentence
  friend auto operator<=>(const CatalogDifference&, const CatalogDifference&) = default;
};

// What a catalog, or the checkpoint of one, says of a database.
struct KnownDatabase {
  std::optional<Database> row;
  std::vector<Backup> backups;
  std::vector<WalRange> wal;
  std::vector<TimelineChange> timelines;
  std::optional<std::vector<EpochId>> epochs;  // nullopt: it does not say
};

// `unread`: stores of the fleet that could not be asked: what may lie there is not missing. What the stores have from
// `young_since` on may not have been told yet and is not unknown, nor is log that goes on where a range of the catalog
// ends or begins: it comes with the next heartbeat, or is about to go.
std::vector<CatalogDifference> compare(const KnownDatabase& known, const StoredDatabase& stored,
                                       const std::set<std::string>& unread, Timestamp young_since);

// The parts of `range` that none of `others` has. Pure.
std::vector<WalRange> uncovered(const WalRange& range, const std::vector<WalRange>& others);

}  // namespace holdfast
