#pragma once
// Stores with one thing wrong each, around a sound one.
#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>

#include "shared/base/mutex.h"
#include "shared/os/clock.h"
#include "shared/store/opening/forwarding_store.h"

namespace holdfast {

// Everything as the store below does it.
class WrappedStore : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;

 protected:
  Store& below() const { return store(); }
};

// Reads of objects go through `change(name, content)`; ranges are cut out of what it leaves.
class ChangesContent : public WrappedStore {
 public:
  using WrappedStore::WrappedStore;
  Result<Bytes> get(const std::string& name) override;
  Result<Bytes> get_range(const std::string& name, std::uint64_t offset, std::uint64_t length) override;
  Result<std::optional<ObjectInfo>> stat(const std::string& name) override;

 protected:
  virtual void change(const std::string& name, Bytes& content) = 0;
};

// One bit of one object. `bit` counts from the first byte's lowest one.
class FlipsOneBit final : public ChangesContent {
 public:
  FlipsOneBit(std::shared_ptr<Store> below, std::string name, std::uint64_t bit)
      : ChangesContent(std::move(below)), name_(std::move(name)), bit_(bit) {}

 protected:
  void change(const std::string& name, Bytes& content) override;

 private:
  std::string name_;
  std::uint64_t bit_;
};

// One object has only its first `size` bytes.
class CutsShort final : public ChangesContent {
 public:
  CutsShort(std::shared_ptr<Store> below, std::string name, std::uint64_t size)
      : ChangesContent(std::move(below)), name_(std::move(name)), size_(size) {}

 protected:
  void change(const std::string& name, Bytes& content) override;

 private:
  std::string name_;
  std::uint64_t size_;
};

// Each of two objects has the other's content.
class SwapsTwoObjects final : public WrappedStore {
 public:
  SwapsTwoObjects(std::shared_ptr<Store> below, std::string first, std::string second)
      : WrappedStore(std::move(below)), first_(std::move(first)), second_(std::move(second)) {}
  Result<Bytes> get(const std::string& name) override { return below().get(other(name)); }
  Result<Bytes> get_range(const std::string& name, std::uint64_t offset, std::uint64_t length) override {
    return below().get_range(other(name), offset, length);
  }
  Result<std::optional<ObjectInfo>> stat(const std::string& name) override;

 private:
  const std::string& other(const std::string& name) const;
  std::string first_;
  std::string second_;
};

// One object is not there any more.
class LosesObject final : public WrappedStore {
 public:
  LosesObject(std::shared_ptr<Store> below, std::string name)
      : WrappedStore(std::move(below)), name_(std::move(name)) {}
  Result<Bytes> get(const std::string& name) override;
  Result<Bytes> get_range(const std::string& name, std::uint64_t offset, std::uint64_t length) override;
  Result<std::optional<ObjectInfo>> stat(const std::string& name) override;
  Result<std::vector<ObjectInfo>> list(const std::string& prefix) override;

 private:
  Result<> lost(const std::string& name) const;
  std::string name_;
};

// Full: the first `accepted` puts work, the others are Code::exhausted until accept() makes room for some more.
class RefusesPuts final : public WrappedStore {
 public:
  explicit RefusesPuts(std::shared_ptr<Store> below, int accepted = 0)
      : WrappedStore(std::move(below)), accepted_(accepted) {}
  void accept(int puts) { accepted_ = puts; }
  Result<> put(const std::string& name, ByteView content) override;

 private:
  std::atomic<int> accepted_;
};

// Nothing works while it is away; set_away(Away::no) brings it back.
class Unreachable final : public Store {
 public:
  enum class Away : std::uint8_t { no, yes };
  explicit Unreachable(std::shared_ptr<Store> below) : below_(std::move(below)) {}
  void set_away(Away away) { away_ = away; }
  Result<> put(const std::string& name, ByteView content) override;
  Result<Bytes> get(const std::string& name) override;
  Result<Bytes> get_range(const std::string& name, std::uint64_t offset, std::uint64_t length) override;
  Result<std::optional<ObjectInfo>> stat(const std::string& name) override;
  Result<std::vector<ObjectInfo>> list(const std::string& prefix) override;
  Result<std::vector<std::string>> list_parts(const std::string& prefix) override;
  Result<> remove(const std::string& name) override;
  Result<> check() override;
  Result<Space> space() override;
  std::string description() const override { return "unreachable " + below_->description(); }

 private:
  Result<> reach(const std::string& what) const;
  std::shared_ptr<Store> below_;
  std::atomic<Away> away_{Away::yes};
};

// Calls `before(name)` ahead of every put and get: the test waits, counts or blocks there.
class Slow final : public WrappedStore {
 public:
  Slow(std::shared_ptr<Store> below, std::function<void(const std::string&)> before)
      : WrappedStore(std::move(below)), before_(std::move(before)) {}
  Result<> put(const std::string& name, ByteView content) override;
  Result<Bytes> get(const std::string& name) override;
  Result<Bytes> get_range(const std::string& name, std::uint64_t offset, std::uint64_t length) override;

 private:
  std::function<void(const std::string&)> before_;
};

// Says that it has what `which` chooses, and has not.
class Forgets final : public WrappedStore {
 public:
  Forgets(std::shared_ptr<Store> below, std::function<bool(const std::string& name)> which)
      : WrappedStore(std::move(below)), which_(std::move(which)) {}
  Result<> put(const std::string& name, ByteView content) override;

 private:
  std::function<bool(const std::string&)> which_;
};

// Keeps what `which` chooses with one bit of its middle flipped, and says that all is well.
class FlipsOnTheWayIn final : public WrappedStore {
 public:
  FlipsOnTheWayIn(std::shared_ptr<Store> below, std::function<bool(const std::string& name)> which)
      : WrappedStore(std::move(below)), which_(std::move(which)) {}
  Result<> put(const std::string& name, ByteView content) override;

 private:
  std::function<bool(const std::string&)> which_;
};

// The first put of each name that `which` chooses is carried out, and its answer does not come in time.
class AnswersTooLate final : public WrappedStore {
 public:
  AnswersTooLate(std::shared_ptr<Store> below, std::function<bool(const std::string& name)> which)
      : WrappedStore(std::move(below)), which_(std::move(which)) {}
  Result<> put(const std::string& name, ByteView content) override;

 private:
  std::function<bool(const std::string&)> which_;
  Guarded<std::map<std::string, int>> puts_;
};

// Lists show what is put, and go on showing what is removed, until `lag` has passed. Everything else tells the truth.
class ListsLate final : public WrappedStore {
 public:
  ListsLate(std::shared_ptr<Store> below, Clock& clock, Micros lag)
      : WrappedStore(std::move(below)), clock_(clock), lag_(lag) {}
  Result<> put(const std::string& name, ByteView content) override;
  Result<> remove(const std::string& name) override;
  Result<std::vector<ObjectInfo>> list(const std::string& prefix) override;
  Result<std::vector<std::string>> list_parts(const std::string& prefix) override;

 private:
  struct Changed {
    Micros at{0};
    std::optional<std::uint64_t> before;  // the size of what lists go on showing; nullopt: nothing
  };
  Clock& clock_;
  const Micros lag_;
  Guarded<std::map<std::string, Changed>> changed_;
};

// Moves no more than the test has let it: a put waits until there is enough for the whole object. What it was let and
// did not need stays. Open the gate before it goes away: no put ends otherwise.
class Rationed final : public WrappedStore {
 public:
  using WrappedStore::WrappedStore;
  void let(std::uint64_t bytes);
  Result<> put(const std::string& name, ByteView content) override;

 private:
  std::mutex mutex_;
  std::condition_variable more_;
  std::uint64_t left_ = 0;  // guarded by mutex_
};

}  // namespace holdfast
