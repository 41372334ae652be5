#pragma once
// The audit log: append-only, each entry carries the hash of the one before, so that a changed, removed or inserted
// entry shows.
#include "coordinator/catalog/store.h"
#include "shared/base/time.h"
#include "shared/crypto/keys.h"

namespace holdfast {

struct AuditEntry {
  std::uint64_t sequence = 0;  // from 1, without a gap
  Sha256 previous{};           // hash of the entry before; zero in the first
  Timestamp time;
  std::string who;   // "operator NAME", "node NAME", "coordinator"
  std::string what;  // a sentence
  friend bool operator==(const AuditEntry&, const AuditEntry&) = default;
};

// Where the chain has got to.
struct AuditHead {
  std::uint64_t sequence = 0;
  Sha256 hash{};
  friend bool operator==(const AuditHead&, const AuditHead&) = default;
};

// The row of the next entry; `head` moves on to it.
CatalogChange append_audit(AuditHead& head, Timestamp time, std::string who, std::string what);
Result<AuditEntry> decode_audit(ByteView value);
// The last entry's place without reading the others.
Result<AuditHead> read_audit_head(KeyValueStore& store);
// Reads and proves the whole chain. Code::corrupt names the first entry that does not fit.
Result<std::vector<AuditEntry>> verify_audit(KeyValueStore& store);

}  // namespace holdfast
