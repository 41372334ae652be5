#include "coordinator/core/pack_uses.h"

#include <charconv>

#include "shared/repository/layout.h"

namespace holdfast {
namespace {

// nullopt: not just what pack_name() makes, so that it could not be made again from the numbers.
std::optional<PackUse> pack_of(DatabaseId database, const StoredObject& object) {
  const auto owner = backup_of_object(object.name);
  if (!owner) return std::nullopt;
  std::size_t digits = object.name.size();
  while (digits > 0 && object.name[digits - 1] >= '0' && object.name[digits - 1] <= '9') --digits;
  PackUse use{*owner, 0, object.size};
  std::from_chars(object.name.data() + digits, object.name.data() + object.name.size(), use.number);
  if (pack_name(database, use.owner, use.number) != object.name) return std::nullopt;
  return use;
}

}  // namespace

std::set<std::string> BackupObjects::of_earlier(DatabaseId database, BackupId self) const {
  std::set<std::string> names = unusual;
  for (const PackUse& use : packs) {
    if (use.owner != self) names.insert(pack_name(database, use.owner, use.number));
  }
  return names;
}

BackupObjects objects_of(const BackupRecord& record) {
  BackupObjects out;
  for (const StoredObject& object : record.objects) {
    if (const auto pack = pack_of(record.database, object)) {
      out.packs.push_back(*pack);
    } else {
      out.other_bytes += object.size;
    }
  }
  for (const NeededPack& needed : record.needed_packs) {
    if (const auto pack = pack_of(record.database, needed.object)) {
      out.packs.push_back(*pack);
    } else {
      out.unusual.insert(needed.object.name);
    }
  }
  out.packs.shrink_to_fit();
  return out;
}

}  // namespace holdfast
