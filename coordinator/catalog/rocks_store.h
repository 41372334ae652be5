#pragma once
// The catalog on disk: one RocksDB, one column family for each Family by its name. Every batch is synced.
#include <memory>
#include <string>

#include "coordinator/catalog/store.h"

namespace holdfast {

// read_only: as it is at this moment, beside whoever writes to it; nothing on disk is touched.
enum class OpenCatalog : std::uint8_t { create_if_missing, existing_only, read_only };

class RocksStore final : public KeyValueStore {
 public:
  // Code::conflict: another process has it open. Code::not_found: nothing there, and not to be made. Code::unsupported:
  // it has families that this build does not know, so a newer build wrote it. Code::corrupt: damaged.
  static Result<std::unique_ptr<RocksStore>> open(const std::string& directory, OpenCatalog mode);
  ~RocksStore() override;
  RocksStore(const RocksStore&) = delete;
  RocksStore& operator=(const RocksStore&) = delete;

  Result<std::optional<Bytes>> get(Family family, ByteView key) override;
  Result<> scan(Family family, ByteView prefix, ByteView from,
                const std::function<bool(ByteView key, ByteView value)>& visit) override;
  Result<> commit(const std::vector<CatalogChange>& changes, std::uint64_t epoch) override;
  Result<std::uint64_t> begin_epoch() override;
  // The same, and greater than `past` as well: for a catalog that stands in for another one.
  Result<std::uint64_t> begin_epoch_after(std::uint64_t past);

  // The catalog as it is now, for another thread to read while this one goes on; changes nothing (Code::invalid). It
  // may outlive this store.
  std::unique_ptr<KeyValueStore> snapshot() const;

 private:
  struct Database;
  class Snapshot;
  explicit RocksStore(std::shared_ptr<Database> database);
  std::shared_ptr<Database> database_;
};

}  // namespace holdfast
