#pragma once
// The seam under the catalog: ordered keys in families, atomic durable batches, one writer at a time. memory_store and
// rocks_store hold to one contract suite.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/bytes.h"
#include "shared/base/result.h"

namespace holdfast {

// Names and numbers are part of the format on disk: append only.
enum class Family : std::uint8_t {
  meta,
  nodes,
  databases,
  policies,
  tokens,
  operators,
  stores,
  backups,
  wal_ranges,
  timelines,
  epochs,
  jobs,
  orders,
  restores,
  audit,
  replies
};
constexpr std::size_t family_count = 16;
std::string_view to_string(Family family);

struct KeyValue {
  Bytes key;
  Bytes value;
  friend bool operator==(const KeyValue&, const KeyValue&) = default;
};

struct CatalogChange {
  Family family = Family::meta;
  Bytes key;
  std::optional<Bytes> value;  // nullopt: remove
  friend bool operator==(const CatalogChange&, const CatalogChange&) = default;
};

// One thread at a time.
class KeyValueStore {
 public:
  virtual ~KeyValueStore() = default;
  virtual Result<std::optional<Bytes>> get(Family family, ByteView key) = 0;
  // In key order from the first key >= `from` while `visit` returns true; only keys that begin with `prefix`.
  virtual Result<> scan(Family family, ByteView prefix, ByteView from,
                        const std::function<bool(ByteView key, ByteView value)>& visit) = 0;
  // All of it or nothing, durable when it returns. `epoch` is the writer's fencing epoch: Code::conflict when a newer
  // writer has taken over, and then nothing changed.
  virtual Result<> commit(const std::vector<CatalogChange>& changes, std::uint64_t epoch) = 0;
  // Takes over as writer: a new epoch, greater than any before, durable.
  virtual Result<std::uint64_t> begin_epoch() = 0;
};

}  // namespace holdfast
