#include "coordinator/core/stored_bytes.h"

#include <algorithm>

namespace holdfast {
namespace {

auto place(const PackUse& use) {
  return std::pair(use.owner, use.number);
}

}  // namespace

StoredBytes::StoredBytes(const std::vector<const Backup*>& backups, const ObjectsByBackup* objects)
    : objects_(objects) {
  for (const Backup* backup : backups) {
    const BackupObjects* its = known(*backup);
    total_ += its == nullptr ? backup->stored_bytes : its->other_bytes;
    if (its == nullptr) continue;
    for (const PackUse& use : its->packs) packs_.push_back({use, 1});
  }
  std::ranges::sort(packs_, {}, [](const Pack& pack) { return place(pack.use); });
  std::size_t last = 0;
  for (std::size_t i = 1; i < packs_.size(); ++i) {
    if (place(packs_[i].use) == place(packs_[last].use)) {
      ++packs_[last].readers;
    } else {
      packs_[++last] = packs_[i];
    }
  }
  if (!packs_.empty()) packs_.resize(last + 1);
  for (const Pack& pack : packs_) total_ += pack.use.bytes;
}

const BackupObjects* StoredBytes::known(const Backup& backup) const {
  if (objects_ == nullptr) return nullptr;
  const auto found = objects_->find(backup.id);
  return found == objects_->end() ? nullptr : &found->second;
}

StoredBytes::Pack& StoredBytes::at(const PackUse& use) {
  return *std::ranges::lower_bound(packs_, place(use), {}, [](const Pack& pack) { return place(pack.use); });
}

std::uint64_t StoredBytes::release(const Backup& backup) {
  const BackupObjects* its = known(backup);
  std::uint64_t freed = its == nullptr ? backup.stored_bytes : its->other_bytes;
  if (its != nullptr) {
    for (const PackUse& use : its->packs) {
      Pack& pack = at(use);
      if (--pack.readers == 0) freed += pack.use.bytes;
    }
  }
  total_ -= freed;
  return freed;
}

}  // namespace holdfast
