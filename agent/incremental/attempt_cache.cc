#include "agent/incremental/attempt_cache.h"

#include <fmt/format.h>

namespace holdfast {
namespace {

constexpr std::uint32_t private_file = 0600;
constexpr std::uint32_t private_directory = 0700;

}  // namespace

Result<> AttemptCache::save(DatabaseId database, const AttemptPack& pack) {
  TRY(files_.make_directories(place_of(database), private_directory));
  const std::string name = fmt::format("{}/{}-{}", place_of(database), pack.pack.backup, pack.pack.number);
  return files_.replace_durably(name, encode_attempt_pack(pack), private_file);
}

Result<std::vector<AttemptPack>> AttemptCache::load(DatabaseId database) {
  std::vector<AttemptPack> packs;
  if (!TRY(files_.stat(place_of(database)))) return packs;
  for (const DirectoryEntry& entry : TRY(files_.list(place_of(database)))) {
    const auto content = files_.read(place_of(database) + "/" + entry.name);
    if (!content) continue;
    if (auto pack = decode_attempt_pack(*content)) packs.push_back(std::move(*pack));
  }
  return packs;
}

Result<> AttemptCache::forget(DatabaseId database) {
  if (!TRY(files_.stat(place_of(database)))) return {};
  for (const DirectoryEntry& entry : TRY(files_.list(place_of(database)))) {
    TRY(files_.remove(place_of(database) + "/" + entry.name));
  }
  return {};
}

}  // namespace holdfast
