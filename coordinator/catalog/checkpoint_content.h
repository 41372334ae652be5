#pragma once
// What a checkpoint holds: the coordinator's own files and those rows of the catalog that the stores' records do not
// give back. Rows are kept as they are, so that the migrations after their schema apply to them. CATALOG.md says which.
#include <string>
#include <vector>

#include "coordinator/catalog/store.h"

namespace holdfast {

// A file of the coordinator's state directory.
struct CheckpointFile {
  std::string name;
  Bytes content;
  friend bool operator==(const CheckpointFile&, const CheckpointFile&) = default;
};

struct CheckpointContent {
  std::vector<CheckpointFile> files;
  std::vector<CatalogChange> rows;  // all of them with a value
  friend bool operator==(const CheckpointContent&, const CheckpointContent&) = default;
};

// The newest jobs go in; older ones are history that a fleet can do without.
constexpr std::size_t checkpoint_jobs = 10'000;

// Code::corrupt when a row that has to be looked into cannot be read.
Result<CheckpointContent> collect_checkpoint(KeyValueStore& catalog, std::vector<CheckpointFile> files);

Bytes encode_checkpoint_content(const CheckpointContent& content);
// Code::corrupt, or Code::unsupported for one of a newer program.
Result<CheckpointContent> decode_checkpoint_content(ByteView bytes);

}  // namespace holdfast
