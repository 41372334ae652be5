#pragma once
// A store that does nothing by itself, for those that differ from another in a few things.
#include "shared/store/store.h"

namespace holdfast {

class ForwardingStore : public Store {
 public:
  explicit ForwardingStore(std::shared_ptr<Store> store) : store_(std::move(store)) {}

  Result<> put(const std::string& name, ByteView content) override { return store_->put(name, content); }
  Result<Bytes> get(const std::string& name) override { return store_->get(name); }
  Result<Bytes> get_range(const std::string& name, std::uint64_t offset, std::uint64_t length) override {
    return store_->get_range(name, offset, length);
  }
  Result<std::optional<ObjectInfo>> stat(const std::string& name) override { return store_->stat(name); }
  Result<std::vector<ObjectInfo>> list(const std::string& prefix) override { return store_->list(prefix); }
  Result<std::vector<std::string>> list_parts(const std::string& prefix) override { return store_->list_parts(prefix); }
  Result<> remove(const std::string& name) override { return store_->remove(name); }
  Result<> check() override { return store_->check(); }
  Result<Space> space() override { return store_->space(); }
  std::string description() const override { return store_->description(); }
  Result<> keep_until(const std::string& name, Timestamp until) override { return store_->keep_until(name, until); }
  StoreAbilities abilities() const override { return store_->abilities(); }

 protected:
  Store& store() const { return *store_; }

 private:
  const std::shared_ptr<Store> store_;
};

}  // namespace holdfast
