#pragma once
// Reading with a judgement: the first copy that passes `judge` counts, wherever it lies. Which one is asked first is
// the set's matter (StoreSet::read_order).
#include <fmt/format.h>

#include <optional>

#include "shared/store/read_balance.h"
#include "shared/store/store.h"

namespace holdfast {

// `judge(Bytes) -> Result<Value>`. Code::not_found only when every store said so; else the first error there was,
// naming store and object.
template <class Fetch, class Judge>
auto first_sound(const StoreSet& stores, const std::string& name, Fetch fetch, Judge judge)
    -> decltype(judge(std::declval<const Bytes&>())) {
  std::optional<Error> missing;
  std::optional<Error> other;
  for (const std::size_t i : stores.read_order()) {
    const NamedStore& store = stores.stores()[i];
    MeasuredRead read(stores.reads(), i);
    const auto note = [&](Error error) {
      auto& slot = error.code == Code::not_found ? missing : other;
      if (!slot) slot = std::move(error).during(fmt::format("\"{}\" in store \"{}\"", name, store.name));
    };
    Result<Bytes> content = fetch(*store.store);
    if (!content) {
      note(std::move(content).error());
      continue;
    }
    auto value = judge(*content);
    if (value) {
      read.done(content->size());
      return value;
    }
    Error error = std::move(value).error();
    // The object is there; what it says about others' absence must not look like its own.
    if (error.code == Code::not_found) error.code = Code::unavailable;
    note(std::move(error));
  }
  if (other) return std::unexpected(std::move(*other));
  if (missing) return std::unexpected(std::move(*missing));
  return fail(Code::invalid, fmt::format("no store to read \"{}\" from", name));
}

template <class Judge>
auto first_sound_object(const StoreSet& stores, const std::string& name, Judge judge) {
  return first_sound(
      stores, name, [&](Store& store) { return store.get(name); }, judge);
}

}  // namespace holdfast
