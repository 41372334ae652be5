#include "agent/incremental/parent_cache.h"

namespace holdfast {
namespace {

constexpr std::uint32_t private_file = 0600;
constexpr std::uint32_t private_directory = 0700;

}  // namespace

Result<> ParentCache::save(DatabaseId database, BackupType type, ByteView encoded) {
  const std::string place = directory_ + "/" + database.text();
  TRY(files_.make_directories(place, private_directory));
  // In this order: cut off in between, an incremental begins from an older backup than it could, which is right too.
  if (type == BackupType::full) TRY(files_.replace_durably(place + "/full", encoded, private_file));
  return files_.replace_durably(place + "/newest", encoded, private_file);
}

Result<std::optional<ParentBackup>> ParentCache::load(DatabaseId database, BackupType asked,
                                                      const SignPublicKey& signer) {
  const std::string path =
      directory_ + "/" + database.text() + (asked == BackupType::differential ? "/full" : "/newest");
  const auto info = TRY(files_.stat(path));
  if (!info) return std::optional<ParentBackup>{};
  const Bytes content = TRY(files_.read(path));
  return std::optional(TRY(decode_parent(content, signer)));
}

}  // namespace holdfast
