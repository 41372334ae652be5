#pragma once
// The catalog on disk: one RocksDB, one column family for each Family by its name. Every batch is synced.
#include <memory>
#include <string>

#include "coordinator/catalog/store.h"

namespace holdfast {

enum class OpenCatalog : std::uint8_t { create_if_missing, existing_only };

class RocksStore final : public KeyValueStore {
 public:
  // Code::conflict: another process has it open. Code::not_found: existing_only and nothing there. Code::unsupported:
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

 private:
  struct Database;
  explicit RocksStore(std::unique_ptr<Database> database);
  std::unique_ptr<Database> database_;
};

}  // namespace holdfast
