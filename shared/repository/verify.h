#pragma once
// Proving copies. Level 1 needs no key: every object of the record is there, has the size and SHA-256 it says, all
// signatures fit, the WAL from the segment of the start to the stop is there and its chain is whole. Level 2 (with
// keys): every frame opens and every content hash fits.
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
// Chain and signatures of all WAL of a timeline in [from, to); each gap is a finding of its own.
Result<VerifyReport> verify_wal(const StoreSet& stores, const TrustAnchor& anchor, DatabaseId database,
                                Timeline timeline, Lsn from, Lsn to, const KeyRing* keys,
                                const VerifyProgress& progress);
// The log that lies behind a backup, without keys: `way` as a restore goes along it, each part where the one before
// ends. The history of every timeline after the first must be there as well: without it no server finds the way.
Result<VerifyReport> verify_log(const StoreSet& stores, const TrustAnchor& anchor, DatabaseId database,
                                const std::vector<WalStretch>& way, const VerifyProgress& progress);

}  // namespace holdfast
