#include "coordinator/rebuild/known_database.h"

#include "coordinator/catalog/keys.h"
#include "coordinator/catalog/rows.h"
#include "shared/wire/codec.h"

namespace holdfast {
namespace {

// Rows of one database: their keys begin with its id.
template <class Row>
Result<std::vector<Row>> rows_of(KeyValueStore& catalog, Family family, DatabaseId database) {
  std::vector<Row> rows;
  std::optional<Error> broken;
  TRY(catalog.scan(family, database.bytes(), {}, [&](ByteView key, ByteView value) {
    auto row = decode_value<Row>(value);
    if (row) {
      rows.push_back(*std::move(row));
    } else {
      broken = std::move(row).error().during("catalog " + std::string(to_string(family)) + "/" + to_hex(key));
    }
    return !broken;
  }));
  if (broken) return std::unexpected(*std::move(broken));
  return rows;
}

}  // namespace

Result<KnownDatabase> read_known_database(KeyValueStore& catalog, DatabaseId database, KnowsEpochs epochs) {
  KnownDatabase known;
  if (auto row = TRY(rows_of<Database>(catalog, Family::databases, database)); !row.empty()) known.row = row.front();
  known.backups = TRY(rows_of<Backup>(catalog, Family::backups, database));
  known.wal = TRY(rows_of<WalRange>(catalog, Family::wal_ranges, database));
  known.timelines = TRY(rows_of<TimelineChange>(catalog, Family::timelines, database));
  if (epochs == KnowsEpochs::yes) {
    known.epochs.emplace();
    for (const auto& row : TRY(rows_of<EpochInfo>(catalog, Family::epochs, database))) known.epochs->push_back(row.id);
  }
  return known;
}

Result<std::set<DatabaseId>> databases_in(KeyValueStore& catalog) {
  std::set<DatabaseId> found;
  for (const Family family : {Family::databases, Family::backups}) {
    TRY(catalog.scan(family, {}, {}, [&found](ByteView key, ByteView /*value*/) {
      if (const auto id = DatabaseId::from_bytes(key.first(std::min(key.size(), DatabaseId::size)))) found.insert(*id);
      return true;
    }));
  }
  return found;
}

}  // namespace holdfast
