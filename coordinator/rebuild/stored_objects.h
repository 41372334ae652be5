#pragma once
// All objects of one database, by store: names and sizes from one listing each, contents on demand.
#include <map>
#include <optional>

#include "shared/fleet/fleet.h"
#include "shared/store/store.h"

namespace holdfast {

class StoredObjects {
 public:
  // Code of the store that cannot be asked. `stores` must outlive it.
  static Result<StoredObjects> list(const std::vector<NamedStore>& stores, const std::string& prefix);

  std::size_t store_count() const { return listings_.size(); }
  const std::string& store_name(std::size_t store) const { return (*stores_)[store].name; }
  // nullopt: not in this store.
  std::optional<std::uint64_t> size_in(std::size_t store, const std::string& name) const;
  // Each name once, in order.
  std::vector<std::string> names() const;

  // The first store's object that passes `judge(Bytes) -> Result<Value>`; the others go into `problems`.
  template <class Judge>
  auto first_sound(const std::string& name, Judge judge, std::vector<Finding>& problems) const {
    return first_sound(name, ~std::uint64_t{0}, judge, problems);
  }
  // The same with the first `limit` bytes of it.
  template <class Judge>
  auto first_sound(const std::string& name, std::uint64_t limit, Judge judge, std::vector<Finding>& problems) const
      -> std::optional<typename decltype(judge(std::declval<const Bytes&>()))::value_type> {
    for (std::size_t store = 0; store < store_count(); ++store) {
      const auto size = size_in(store, name);
      if (!size) continue;
      auto content = (*stores_)[store].store->get_range(name, 0, std::min(*size, limit));
      if (!content) {
        problems.push_back({store_name(store), name, content.error().message});
        continue;
      }
      auto value = judge(*content);
      if (value) return *std::move(value);
      problems.push_back({store_name(store), name, value.error().message});
    }
    return std::nullopt;
  }

 private:
  const std::vector<NamedStore>* stores_ = nullptr;
  std::vector<std::vector<ObjectInfo>> listings_;  // each ordered by name
};

}  // namespace holdfast
