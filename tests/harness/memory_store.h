#pragma once
#include <map>

#include "shared/base/mutex.h"
#include "shared/store/store.h"

namespace holdfast {

// A store in memory. Durable as long as it lives. Safe from many threads.
class MemoryStore final : public Store {
 public:
  Result<> put(const std::string& name, ByteView content) override;
  Result<Bytes> get(const std::string& name) override;
  Result<Bytes> get_range(const std::string& name, std::uint64_t offset, std::uint64_t length) override;
  Result<std::optional<ObjectInfo>> stat(const std::string& name) override;
  Result<std::vector<ObjectInfo>> list(const std::string& prefix) override;
  Result<std::vector<std::string>> list_parts(const std::string& prefix) override;
  Result<> remove(const std::string& name) override;
  Result<> check() override { return {}; }
  Result<Space> space() override { return Space{1ULL << 40U, 1ULL << 40U}; }
  std::string description() const override { return "memory store"; }

  // For tests that damage: puts whatever, whether the name is taken or not.
  void overwrite(const std::string& name, Bytes content);

 private:
  Guarded<std::map<std::string, Bytes>> objects_;
};

}  // namespace holdfast
