#pragma once
// What the backups of one database take in a store, and what leaves it when one goes: a pack stays as long as any
// backup reads it, whoever made it. Of one copy, so that one more store releases nothing. Pure.
#include "coordinator/core/pack_uses.h"
#include "shared/fleet/fleet.h"

namespace holdfast {

class StoredBytes {
 public:
  // Of these backups. `objects`: what is known of their packs; a backup that it lacks, or all when it is nullptr,
  // counts with what it stored itself.
  StoredBytes(const std::vector<const Backup*>& backups, const ObjectsByBackup* objects);

  std::uint64_t total() const { return total_; }
  // One of the backups goes. How many bytes with it.
  std::uint64_t release(const Backup& backup);

 private:
  struct Pack {
    PackUse use;
    std::uint32_t readers = 0;
  };
  const BackupObjects* known(const Backup& backup) const;
  Pack& at(const PackUse& use);

  const ObjectsByBackup* objects_;
  std::vector<Pack> packs_;  // by owner and number
  std::uint64_t total_ = 0;
};

}  // namespace holdfast
