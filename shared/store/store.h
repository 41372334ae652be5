#pragma once
// The seam to a place that keeps objects. Names are [A-Za-z0-9._/-], no empty part, no "." or ".." part, at most 512
// bytes. Safe from many threads. Every error names the store and the object.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/bytes.h"
#include "shared/base/result.h"
#include "shared/os/file_system.h"

namespace holdfast {

struct ObjectInfo {
  std::string name;
  std::uint64_t size = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  // Write-once and durable when it returns. The same name with the same bytes succeeds again; with other bytes:
  // Code::already_exists and nothing changed. Full: Code::exhausted. A crash leaves the whole object or none.
  virtual Result<> put(const std::string& name, ByteView content) = 0;
  // The whole object. Code::not_found only when it is certainly not there; a store that cannot be asked is
  // Code::unavailable.
  virtual Result<Bytes> get(const std::string& name) = 0;
  // Exactly this range. An object that ends before it: Code::corrupt.
  virtual Result<Bytes> get_range(const std::string& name, std::uint64_t offset, std::uint64_t length) = 0;
  virtual Result<std::optional<ObjectInfo>> stat(const std::string& name) = 0;
  // Every object whose name begins with `prefix` (any prefix, not only whole parts), ordered by name.
  virtual Result<std::vector<ObjectInfo>> list(const std::string& prefix) = 0;
  // Names directly below "a/b/": the next part of each name, parts of longer names end with '/'. Ordered.
  virtual Result<std::vector<std::string>> list_parts(const std::string& prefix) = 0;
  // Fine when it is not there. Only the coordinator's side calls this.
  virtual Result<> remove(const std::string& name) = 0;
  // Writes, reads and removes a probe object; says what is wrong and what to do.
  virtual Result<> check() = 0;
  virtual Result<Space> space() = 0;
  virtual std::string description() const = 0;  // "posix store at /backup"
};

Result<> check_object_name(std::string_view name);

// Where one write goes: the stores of a policy in its order. put() succeeds when `min_copies` of them have it; the
// stores that failed are named in `missing`.
struct NamedStore {
  std::string name;
  std::shared_ptr<Store> store;
};
struct CopyOutcome {
  std::string store;
  std::optional<Error> error;  // nullopt: durable there
};

class StoreSet {
 public:
  StoreSet(std::vector<NamedStore> stores, std::size_t min_copies)
      : stores_(std::move(stores)), min_copies_(min_copies) {}
  // Every store at once. Fewer than min_copies durable: the first error. Otherwise what happened at each.
  Result<std::vector<CopyOutcome>> put(const std::string& name, ByteView content) const;
  // The first store that answers with it; Code::not_found only when every store said so.
  Result<Bytes> get(const std::string& name) const;
  Result<Bytes> get_range(const std::string& name, std::uint64_t offset, std::uint64_t length) const;
  const std::vector<NamedStore>& stores() const { return stores_; }
  std::size_t min_copies() const { return min_copies_; }

 private:
  std::vector<NamedStore> stores_;
  std::size_t min_copies_ = 1;
};

}  // namespace holdfast
