#pragma once
// The rule that one writer at a time has the catalog, the same for every store: the epoch in meta is that of the newest
// writer, and a batch of any other epoch is refused.
#include <optional>
#include <vector>

#include "coordinator/catalog/store.h"

namespace holdfast {

inline Bytes epoch_key() {
  return to_bytes(as_bytes("epoch"));
}

inline Bytes epoch_value(std::uint64_t epoch) {
  Bytes value;
  append_be(value, epoch);
  return value;
}

inline Result<std::uint64_t> stored_epoch(const std::optional<Bytes>& value) {
  if (!value) return std::uint64_t{0};
  if (value->size() != sizeof(std::uint64_t)) {
    return fail(Code::corrupt, "the catalog's epoch is not eight bytes", "restore the catalog from a checkpoint");
  }
  return read_be<std::uint64_t>(*value);
}

inline Result<std::uint64_t> next_epoch(const std::optional<Bytes>& value) {
  return TRY(stored_epoch(value)) + 1;
}

// Code::conflict when `epoch` is not the newest writer's; Code::invalid when the batch touches the epoch itself.
inline Result<> check_writer(const std::optional<Bytes>& value, const std::vector<CatalogChange>& changes,
                             std::uint64_t epoch) {
  const std::uint64_t newest = TRY(stored_epoch(value));
  if (epoch == 0 || newest != epoch) {
    return fail(Code::conflict,
                "the catalog belongs to epoch " + std::to_string(newest) + " and not to " + std::to_string(epoch),
                "another coordinator has taken over; stop this one");
  }
  for (const auto& change : changes) {
    if (static_cast<std::size_t>(change.family) >= family_count) {
      return fail(Code::invalid, "a change of a family that does not exist");
    }
    if (change.family == Family::meta && change.key == epoch_key()) {
      return fail(Code::invalid, "only begin_epoch changes the epoch");
    }
  }
  return {};
}

}  // namespace holdfast
