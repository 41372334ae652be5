#pragma once
// Proving copies. Level 1 needs no key: every object of the record is there, has the size and SHA-256 it says, all
// signatures fit, the WAL between start and stop is there and its chain is whole. Level 2 (with keys): every frame
// opens and every content hash fits.
#include <functional>

#include "shared/repository/backup_reader.h"
#include "shared/repository/wal_reader.h"

namespace holdfast {

struct VerifyFinding {
  std::string store;
  std::string object;
  Error error;
};
struct VerifyReport {
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
  std::uint64_t frames = 0;  // level 2
  bool with_keys = false;
  std::vector<VerifyFinding> findings;  // empty: sound in every store
};

using VerifyProgress = std::function<Result<>(std::uint64_t done_bytes, std::uint64_t total_bytes)>;  // error: stop

// Per store of the set, so that a damaged copy is named even when another is sound. keys == nullptr: level 1.
Result<VerifyReport> verify_backup(const StoreSet& stores, const TrustAnchor& anchor, DatabaseId database,
                                   BackupId backup, const KeyRing* keys, const VerifyProgress& progress);
// Chain and signatures of all WAL of a timeline from `from` on.
Result<VerifyReport> verify_wal(const StoreSet& stores, const TrustAnchor& anchor, DatabaseId database,
                                Timeline timeline, Lsn from, Lsn to, const KeyRing* keys,
                                const VerifyProgress& progress);

}  // namespace holdfast
