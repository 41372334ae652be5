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
#include "shared/base/time.h"
#include "shared/os/file_system.h"
#include "shared/store/abilities.h"

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
  // Nobody removes it before this time, whoever asks; never shortens. Code::unsupported where
  // StoreAbilities::object_lock is not yes.
  virtual Result<> keep_until(const std::string& name, Timestamp until);
  // As far as they are known.
  virtual StoreAbilities abilities() const { return {}; }
};

Result<> check_object_name(std::string_view name);

// Held once, however many stores it is on its way to.
using SharedBytes = std::shared_ptr<const Bytes>;

struct NamedStore {
  std::string name;
  std::shared_ptr<Store> store;
};
struct CopyOutcome {
  std::string store;
  std::optional<Error> error;  // nullopt: durable there
};

// What may be on its way to one store of several, and how it is asked again after a failure.
struct LaneLimits {
  std::size_t bytes = 128U << 20U;  // of objects that wait or are under way
  unsigned threads = 8;
  Micros first_pause = std::chrono::seconds(1);
  Micros longest_pause = std::chrono::seconds(30);
};
class StoreLanes;
class ReadBalance;
struct ReadShare;

// Where one write goes: the stores of a policy in its order. A put is done when `min_copies` of them have it; the
// others go on in the background, each as fast as it can:
//  - a store that fails is tried again with pauses that grow; nobody waits for that unless the minimum needs it;
//  - one that has more than LaneLimits::bytes before it is waited for, for a fifth of the time that has passed at most
//    (so that what is a little slower keeps up); then it does without the object, and a copy job brings it later.
// Copies of a set share what is under way; the last one to go gives it up. With a single store nothing is in the
// background.
class StoreSet {
 public:
  StoreSet(std::vector<NamedStore> stores, std::size_t min_copies, LaneLimits limits = {});

  // Called once for each store, on any thread, now or later: what became of the object there.
  using Told = std::function<void(const CopyOutcome&)>;
  // Fewer than min_copies durable: the first error, and what failed is not tried again. Otherwise what is known by now
  // of each store, in order; Code::unavailable of one that is not done with it.
  Result<std::vector<CopyOutcome>> put(const std::string& name, ByteView content, const Told& told = {}) const;
  Result<std::vector<CopyOutcome>> put(const std::string& name, SharedBytes content, const Told& told = {}) const;
  // Into this one only, at once.
  Result<> put_into(const std::string& store, const std::string& name, ByteView content) const;
  // Until everybody has been told of everything: waits for stores where objects still arrive, gives up the rest. At
  // most as long as LaneLimits::bytes take a store of 1 MB/s.
  void settle() const;
  // How many objects each store did not take since the set was made, in order; those on their way are not among them.
  struct Missed {
    std::string store;
    std::uint64_t objects = 0;
  };
  std::vector<Missed> missed() const;

  // Stores are read from in the order in which they will probably be done first: by index into stores(). Copies of a
  // set share what they learn; reads() is where it is noted, nullptr for a single store.
  std::vector<std::size_t> read_order() const;
  ReadBalance* reads() const { return reads_.get(); }
  // How much came from which store.
  std::vector<ReadShare> read_shares() const;

  // The first store that answers with it; Code::not_found only when every store said so.
  Result<Bytes> get(const std::string& name) const;
  Result<Bytes> get_range(const std::string& name, std::uint64_t offset, std::uint64_t length) const;
  const std::vector<NamedStore>& stores() const { return stores_; }
  std::size_t min_copies() const { return min_copies_; }

 private:
  Result<> check_counts(const std::string& name) const;

  std::vector<NamedStore> stores_;
  std::size_t min_copies_ = 1;
  std::shared_ptr<StoreLanes> lanes_;   // nullptr: a single store
  std::shared_ptr<ReadBalance> reads_;  // nullptr: a single store
};

}  // namespace holdfast
